//! What is asked of both stores, a row each. Names are drawn from all that the store has.

use anyhow::{Context, bail};
use jiff::Timestamp;

use super::Store;
use super::fill::{POLICY, policy_arn, policy_of_user, role, user};
use crate::client;
use crate::request::{Call, Service, mixed};
use crate::workload::ACCOUNT;

/// Items of a page.
pub(super) const PAGE: usize = 100;

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Workload {
    /// What `--only` calls it.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// Whether each name is asked for the first time since the server started.
    pub(crate) is_cold: bool,
    /// Requests of a turn; of a pair, pairs.
    requests: usize,
    what: What,
}

/// What a request is.
#[derive(Clone, Copy, Debug)]
enum What {
    /// A page: the first, or one from the middle.
    List { action: &'static str, middle: bool },
    /// A call with one drawn name.
    One { service: Service, action: &'static str, of: Of },
    /// The same with no parameters.
    Plain { action: &'static str },
    /// Two calls, of which the second undoes the first. All first ones come before all second ones.
    Pair { first: &'static str, second: &'static str },
}

/// What is drawn.
#[derive(Clone, Copy, Debug)]
enum Of {
    User,
    UserToTag,
    Role,
    RoleToPut,
    RoleToAssume,
    Policy,
}

const fn iam(action: &'static str, of: Of) -> What {
    What::One { service: Service::Iam, action, of }
}

const fn list(action: &'static str, middle: bool) -> What {
    What::List { action, middle }
}

const fn row(id: &'static str, title: &'static str, requests: usize, what: What) -> Workload {
    Workload { id, title, is_cold: false, requests, what }
}

const fn cold(id: &'static str, title: &'static str, what: What) -> Workload {
    // As many as the small store has: each is new.
    Workload { id, title, is_cold: true, requests: super::SMALL.users, what }
}

/// All of them, in the order of the table. The cold ones come first.
pub(crate) const WORKLOADS: &[Workload] = &[
    cold("user-cold", "GetUser, each the first time", iam("GetUser", Of::User)),
    cold("role-cold", "GetRole, each the first time", iam("GetRole", Of::Role)),
    row("user", "GetUser", 4000, iam("GetUser", Of::User)),
    row("role", "GetRole", 4000, iam("GetRole", Of::Role)),
    row("groups-of-user", "ListGroupsForUser", 4000, iam("ListGroupsForUser", Of::User)),
    row(
        "entities-of-policy",
        "ListEntitiesForPolicy",
        2000,
        iam("ListEntitiesForPolicy", Of::Policy),
    ),
    row("users", "ListUsers, the first 100", 500, list("ListUsers", false)),
    row("users-middle", "ListUsers, 100 from the middle", 500, list("ListUsers", true)),
    row("roles", "ListRoles, the first 100", 300, list("ListRoles", false)),
    row("roles-middle", "ListRoles, 100 from the middle", 300, list("ListRoles", true)),
    row("policies", "ListPolicies, the first 100", 500, list("ListPolicies", false)),
    row("policies-middle", "ListPolicies, 100 from the middle", 500, list("ListPolicies", true)),
    row(
        "details",
        "GetAccountAuthorizationDetails, the first 100",
        200,
        list("GetAccountAuthorizationDetails", false),
    ),
    row("summary", "GetAccountSummary", 2000, What::Plain { action: "GetAccountSummary" }),
    row(
        "create-user",
        "CreateUser and DeleteUser",
        500,
        What::Pair { first: "CreateUser", second: "DeleteUser" },
    ),
    row(
        "attach",
        "AttachUserPolicy and DetachUserPolicy",
        500,
        What::Pair { first: "AttachUserPolicy", second: "DetachUserPolicy" },
    ),
    row("put", "PutRolePolicy", 1000, iam("PutRolePolicy", Of::RoleToPut)),
    row("tag", "TagUser", 1000, iam("TagUser", Of::UserToTag)),
    row(
        "assume",
        "AssumeRole",
        2000,
        What::One { service: Service::Sts, action: "AssumeRole", of: Of::RoleToAssume },
    ),
];

/// One who asks: no two turns draw alike.
#[derive(Debug)]
pub(crate) struct Session {
    turn: usize,
    /// The markers of the middle pages, by operation.
    markers: Vec<(&'static str, String)>,
}

impl Session {
    pub(super) fn new() -> Self {
        Self { turn: 0, markers: Vec::new() }
    }

    /// One turn: microseconds of the server's CPU time for a request. A turn that is to warm a read
    /// asks for everything that there is once.
    pub(super) fn cpu_us(
        &mut self,
        store: &Store,
        workload: &Workload,
        connections: usize,
        warming: bool,
    ) -> anyhow::Result<f64> {
        self.turn += 1;
        if let What::List { action, middle: true } = workload.what
            && !self.markers.iter().any(|(of, _)| *of == action)
        {
            self.markers.push((action, middle(store, action)?));
        }
        let pools = self.pools(store, workload, warming)?;
        let count = pools.len() as f64;
        let mut sum = 0.0;
        for pool in &pools {
            sum += store.cpu_us(pool, 200, connections)?;
        }
        Ok(sum / count)
    }

    /// The requests of a turn; all of a pool are answered before the next begins.
    fn pools(
        &self,
        store: &Store,
        workload: &Workload,
        warming: bool,
    ) -> anyhow::Result<Vec<Vec<Vec<u8>>>> {
        let size = store.size;
        let all = match workload.what {
            What::One { of: Of::User, .. } if warming => Some(size.users),
            What::One { of: Of::Role, .. } if warming => Some(size.roles),
            What::One { of: Of::Policy, .. } if warming => Some(size.policies),
            _ => None,
        };
        let numbers = 0..all.unwrap_or(workload.requests);
        // Drawn anew for each turn; the first time each is asked for, all are different.
        let drawn = |count: usize, number: usize| match (workload.is_cold, all) {
            (true, _) => number * (count / workload.requests),
            (false, Some(_)) => number % count,
            (false, None) => {
                (mixed((self.turn * 1_000_003 + number) as u64) % count as u64) as usize
            }
        };
        let signed = |service, action: &str, parameters: &[(&str, &str)], number| {
            let call = Call { service, action, parameters };
            call.signed(store.server.address, &store.admin, Timestamp::now(), number)
        };
        let one = |number: usize| -> anyhow::Result<Vec<u8>> {
            Ok(match workload.what {
                What::Plain { action } => signed(Service::Iam, action, &[], number),
                What::List { action, middle } => {
                    let items = PAGE.to_string();
                    let mut parameters = vec![("MaxItems", items.as_str())];
                    if middle {
                        let marker = self.markers.iter().find(|(of, _)| *of == action);
                        parameters.push(("Marker", &marker.context("no marker")?.1));
                    }
                    signed(Service::Iam, action, &parameters, number)
                }
                What::One { service, action, of } => {
                    let (users, roles) = (drawn(size.users, number), drawn(size.roles, number));
                    let (user, role) = (user(users), role(roles));
                    let policies = policy_of_user(size.users).min(size.policies);
                    let arn = policy_arn(drawn(policies, number));
                    let role_arn = format!("arn:aws:iam::{ACCOUNT}:role/{role}");
                    let value = format!("{}-{number}", self.turn);
                    let parameters = match of {
                        Of::User => vec![("UserName", user.as_str())],
                        Of::UserToTag => vec![
                            ("UserName", user.as_str()),
                            ("Tags.member.1.Key", "stage"),
                            ("Tags.member.1.Value", &value),
                        ],
                        Of::Role => vec![("RoleName", role.as_str())],
                        Of::RoleToPut => vec![
                            ("RoleName", role.as_str()),
                            ("PolicyName", "read"),
                            ("PolicyDocument", POLICY),
                        ],
                        Of::RoleToAssume => {
                            vec![("RoleArn", role_arn.as_str()), ("RoleSessionName", &value)]
                        }
                        Of::Policy => vec![("PolicyArn", arn.as_str())],
                    };
                    signed(service, action, &parameters, number)
                }
                What::Pair { .. } => bail!("a pair is two calls"),
            })
        };
        let What::Pair { first, second } = workload.what else {
            return Ok(vec![numbers.map(one).collect::<anyhow::Result<_>>()?]);
        };
        let half = |action: &str| -> Vec<Vec<u8>> {
            let call = |number: usize| match action {
                "CreateUser" | "DeleteUser" => {
                    // Their names lie all over the list.
                    let place = mixed(number as u64) % 100_000;
                    let name = format!("user-{place:05}-{number}");
                    signed(Service::Iam, action, &[("UserName", &name)], number)
                }
                // Each user at most once, with a policy that it does not have.
                action => {
                    let place = (number * (size.users / SPREAD)) % size.users;
                    let user = user(place);
                    let arn = policy_arn((policy_of_user(place) + 1) % size.policies);
                    let parameters = [("UserName", user.as_str()), ("PolicyArn", arn.as_str())];
                    signed(Service::Iam, action, &parameters, number)
                }
            };
            let most = if action.ends_with("UserPolicy") { SPREAD } else { usize::MAX };
            (0..workload.requests.min(most)).map(call).collect()
        };
        Ok(vec![half(first), half(second)])
    }
}

/// So many users are given another policy in a turn.
const SPREAD: usize = 100;

/// The marker behind half of a list.
fn middle(store: &Store, action: &'static str) -> anyhow::Result<String> {
    let size = store.size;
    let half = match action {
        "ListUsers" => size.users / 2,
        "ListRoles" => size.roles / 2,
        _ => size.policies / 2,
    };
    let mut marker: Option<String> = None;
    let mut left = half;
    while left > 0 {
        let items = left.min(500);
        let text = items.to_string();
        let mut parameters = vec![("MaxItems", text.as_str())];
        parameters.extend(marker.iter().map(|marker| ("Marker", marker.as_str())));
        let call = Call { service: Service::Iam, action, parameters: &parameters };
        let document = client::call(store.server.address, &store.admin, &call)?;
        marker = Some(client::element(&document, "Marker").context("no marker")?.to_owned());
        left -= items;
    }
    marker.context("no marker")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::{BIG, SMALL};
    use super::*;

    #[test]
    fn every_row_has_a_name_of_its_own() {
        let ids: HashSet<_> = WORKLOADS.iter().map(|workload| workload.id).collect();
        assert_eq!(ids.len(), WORKLOADS.len());
    }

    /// What is asked for in the small store is there, and as much of it as in the big one.
    #[test]
    fn both_stores_have_what_is_asked_for() {
        for size in [SMALL, BIG] {
            assert!(size.users >= 2 * PAGE && size.roles >= 2 * PAGE && size.policies >= 2 * PAGE);
            assert!(size.users / 10 <= size.groups && size.users / 2 <= size.policies);
            assert!(size.roles <= size.policies && size.users >= SPREAD);
        }
    }
}
