//! Chains of five roles and the operator's commands: what is revoked ends with everything behind it,
//! over a restart too, and can be had again.

// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use daypass_tests::{ACCOUNT, Call, Keys, Place, Server};

const ROLES: [&str; 5] = ["one", "two", "three", "four", "five"];

fn make_roles(server: &Server, by: &Keys) {
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"{ACCOUNT}"}},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}}}}"#
    );
    let policy =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    for name in ROLES {
        let create = [("RoleName", name), ("AssumeRolePolicyDocument", trust.as_str())];
        Call::iam("CreateRole", &create).send(server, by).ok();
        let put = [("RoleName", name), ("PolicyName", "p"), ("PolicyDocument", policy)];
        Call::iam("PutRolePolicy", &put).send(server, by).ok();
    }
}

/// The sessions of a chain through `roles`, which carries a tag and a source identity.
fn chain(server: &Server, by: &Keys, roles: &[&str], name: Option<&str>) -> Vec<Keys> {
    let mut sessions: Vec<Keys> = Vec::new();
    for (hop, role) in roles.iter().enumerate() {
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/{role}");
        let mut call = vec![("RoleArn", arn.as_str()), ("RoleSessionName", "s-1")];
        if let Some(name) = name.filter(|_| hop == 0) {
            call.extend([
                ("SourceIdentity", name),
                ("Tags.member.1.Key", "team"),
                ("Tags.member.1.Value", "blue"),
                ("TransitiveTagKeys.member.1", "team"),
            ]);
        }
        let caller = sessions.last().unwrap_or(by);
        let session = Call::sts("AssumeRole", &call).keys(server, caller);
        sessions.push(session);
    }
    sessions
}

/// Which of the sessions live. No policy could deny the call that tells.
fn live(server: &Server, sessions: &[Keys]) -> Vec<bool> {
    let lives = |keys: &Keys| match Call::sts("GetCallerIdentity", &[]).send(server, keys).outcome()
    {
        (200, _) => true,
        refused => {
            assert_eq!(refused, (403, "InvalidClientTokenId".to_owned()));
            false
        }
    };
    sessions.iter().map(lives).collect()
}

#[test]
fn revoking_any_link_ends_the_rest_of_the_chain() {
    let place = Place::new();
    let server = place.start();
    let admin = server.admin();
    make_roles(&server, &admin);
    let anns = chain(&server, &admin, &ROLES, Some("ann"));
    let bobs = chain(&server, &admin, &ROLES, Some("bob"));
    let unnamed = chain(&server, &admin, &ROLES, None);
    let all = [true; 5];
    for sessions in [&anns, &bobs, &unnamed] {
        assert_eq!(live(&server, sessions), all);
    }

    // One session in the middle.
    server.operate(&["revoke", "session", &unnamed[3].id]).ok();
    assert_eq!(live(&server, &unnamed), [true, true, true, false, false]);
    let renewed = chain(&server, &unnamed[2], &ROLES[3..], None);
    assert_eq!(live(&server, &renewed), [true, true]);

    // Everything of a source identity, at every hop.
    server.operate(&["revoke", "source-identity", "ann"]).ok();
    assert_eq!(live(&server, &anns), [false; 5]);
    assert_eq!(live(&server, &bobs), all);
    let again = chain(&server, &admin, &ROLES, Some("ann"));
    assert_eq!(live(&server, &again), all);

    // A role: its own sessions, and whatever they went on to. Its policy says so as well.
    server.operate(&["revoke", "role", "two"]).ok();
    let first_only = [true, false, false, false, false];
    let check = |server: &Server| {
        assert_eq!(live(server, &anns), [false; 5]);
        for sessions in [&bobs, &unnamed, &again] {
            assert_eq!(live(server, sessions), first_only);
        }
        assert_eq!(live(server, &renewed), [false, false]);
    };
    check(&server);
    let newer = chain(&server, &bobs[0], &ROLES[1..], None);
    let list = Call::iam("ListUsers", &[]);
    for session in &newer {
        list.send(&server, session).ok();
    }
    check(&server);

    // Neither comes back with a restart.
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    let server = place.start();
    check(&server);
    assert_eq!(live(&server, &newer), [true; 4]);
    let latest = chain(&server, &admin, &ROLES, Some("ann"));
    for session in &latest {
        list.send(&server, session).ok();
    }
}
