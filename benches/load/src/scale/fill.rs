//! Makes what is in a store, through the server, as clients would.
//!
//! Whatever the size, one entity is like another: a user has two tags, is in one group of ten and has
//! one managed policy; so has a role, with an inline policy; a managed policy is attached to two users
//! and a role, as long as there are users and roles left.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::Timestamp;

use super::Store;
use crate::drive::Load;
use crate::request::{Call, Service};
use crate::workload::{ACCOUNT, TRUST};

/// Connections that fill at the same time.
const CONNECTIONS: usize = 64;
/// How many requests are signed before they are sent.
const BATCH: usize = 4096;
/// How long an account may take to be made.
const PATIENCE: Duration = Duration::from_secs(60);

/// The document of every policy.
pub(super) const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Read","Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::reports","arn:aws:s3:::reports/*"]}]}"#;

/// Members of a group.
const MEMBERS: usize = 10;

pub(super) fn user(number: usize) -> String {
    format!("user-{number:05}")
}

pub(super) fn group(number: usize) -> String {
    format!("group-{number:05}")
}

pub(super) fn role(number: usize) -> String {
    format!("role-{number:05}")
}

pub(super) fn policy(number: usize) -> String {
    format!("policy-{number:05}")
}

pub(super) fn policy_arn(number: usize) -> String {
    format!("arn:aws:iam::{ACCOUNT}:policy/{}", policy(number))
}

/// The policy that a user has.
pub(super) fn policy_of_user(number: usize) -> usize {
    number / 2
}

/// Makes all of it.
pub(super) fn fill(store: &Store) -> anyhow::Result<()> {
    accounts(store)?;
    let size = store.size;
    let tags = [
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "example"),
        ("Tags.member.2.Key", "stage"),
        ("Tags.member.2.Value", "production"),
    ];
    each(store, size.policies, |number, send| {
        send("CreatePolicy", &[("PolicyName", &policy(number)), ("PolicyDocument", POLICY)])
    })?;
    each(store, size.groups, |number, send| send("CreateGroup", &[("GroupName", &group(number))]))?;
    each(store, size.users, |number, send| {
        let name = user(number);
        send("CreateUser", &[&[("UserName", name.as_str())], &tags[..]].concat())
    })?;
    each(store, size.users, |number, send| {
        let (group, user) = (group(number / MEMBERS), user(number));
        send("AddUserToGroup", &[("GroupName", &group), ("UserName", &user)])
    })?;
    each(store, size.users, |number, send| {
        let policy = policy_arn(policy_of_user(number));
        send("AttachUserPolicy", &[("UserName", &user(number)), ("PolicyArn", &policy)])
    })?;
    each(store, size.roles, |number, send| {
        let name = role(number);
        let named = [("RoleName", name.as_str()), ("AssumeRolePolicyDocument", TRUST)];
        send("CreateRole", &[&named[..], &tags].concat())
    })?;
    each(store, size.roles, |number, send| {
        let inline = [("PolicyName", "read"), ("PolicyDocument", POLICY)];
        send("PutRolePolicy", &[&[("RoleName", role(number).as_str())], &inline[..]].concat())
    })?;
    each(store, size.roles, |number, send| {
        send("AttachRolePolicy", &[("RoleName", &role(number)), ("PolicyArn", &policy_arn(number))])
    })
}

/// Signs a call of IAM.
type Send<'a> = dyn FnMut(&str, &[(&str, &str)]) + 'a;

/// Carries out a call for each number; none depends on another.
fn each(store: &Store, count: usize, call: impl Fn(usize, &mut Send<'_>)) -> anyhow::Result<()> {
    let numbers: Vec<usize> = (0..count).collect();
    for batch in numbers.chunks(BATCH) {
        let mut pool = Vec::with_capacity(batch.len());
        for &number in batch {
            call(number, &mut |action, parameters| {
                let call = Call { service: Service::Iam, action, parameters };
                let at = Timestamp::now();
                pool.push(call.signed(store.server.address, &store.admin, at, number));
            });
        }
        let connections = CONNECTIONS.min(pool.len());
        let address = store.server.address;
        let load = Load { address, pool: &pool, expected: 200, connections, again: false };
        load.once(|| store.server.process.cpu()).context("filling the store")?;
    }
    Ok(())
}

/// Makes accounts beside the first, as operators do.
fn accounts(store: &Store) -> anyhow::Result<()> {
    let socket = store.data.join("operator.sock");
    for _ in 1..store.size.accounts {
        let mut stream = UnixStream::connect(&socket).context("the operator socket")?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"{\"version\":1,\"command\":\"account-create\"}\n")?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer)?;
        // It holds a secret: it is not shown.
        if !answer.starts_with("{\"ok\":{\"account-created\"") {
            let said = if answer.starts_with("{\"error\"") { answer.trim() } else { "?" };
            bail!("the server did not make an account: {said}");
        }
    }
    Ok(())
}
