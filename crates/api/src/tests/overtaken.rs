//! Writes whose decision others overtake before the commit: what was decided is not so any more,
//! and must not be done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use daypass_audit::Trail;
use daypass_store::memory::Memory;
use daypass_store::{Answer, Changes, Commit, Entry, Key, Revision, Store};
use tokio::sync::Notify;

use super::world::{ACCOUNT, World, statement, trust_account};

const ROUNDS: usize = 10;

/// Each of the calls runs beside the others; the one in the middle is the change that must hold.
macro_rules! beside {
    ($change:expr, $attack:expr) => {
        tokio::join!(
            $attack, $attack, $attack, $attack, $attack, $attack, $change, $attack, $attack,
            $attack, $attack, $attack, $attack
        )
        .6
        .ok()
    };
}

async fn mallory(world: &World) -> daypass_sigv4::Credentials {
    let deny = statement("Deny", "*", "*");
    let create = [("Action", "CreatePolicy"), ("PolicyName", "Nothing"), ("PolicyDocument", &deny)];
    world.iam(&world.admin, &create).await.ok();
    world.user("Mallory", Some(&statement("Allow", "iam:*", "*"))).await
}

/// Whoever keeps calls in flight that take a boundary or a Deny off themselves, which is allowed
/// while there is none, does not get rid of one that somebody puts on them.
#[tokio::test]
async fn nobody_outruns_a_bound_or_a_deny() {
    let world = World::new().await;
    let mallory = mallory(&world).await;
    let policy = format!("arn:aws:iam::{ACCOUNT}:policy/Nothing");
    let user = ("UserName", "Mallory");
    for (put, take, parameter, shown) in [
        (
            "PutUserPermissionsBoundary",
            "DeleteUserPermissionsBoundary",
            "PermissionsBoundary",
            "<PermissionsBoundaryArn>",
        ),
        ("AttachUserPolicy", "DetachUserPolicy", "PolicyArn", "<PolicyArn>"),
    ] {
        let policy = (parameter, policy.as_str());
        let put = [("Action", put), user, policy];
        let mut take = vec![("Action", take), user];
        take.extend((parameter == "PolicyArn").then_some(policy));
        let look = match parameter {
            "PolicyArn" => [("Action", "ListAttachedUserPolicies"), user],
            _ => [("Action", "GetUser"), user],
        };
        for round in 0..ROUNDS {
            beside!(world.iam(&world.admin, &put), world.iam(&mallory, &take));
            let there = world.iam(&world.admin, &look).await.ok();
            assert!(there.body.contains(shown), "{parameter} is gone in round {round}");
            world.iam(&world.admin, &take).await.ok();
        }
    }
}

/// A rename is allowed from the old ARN to the new one. Two halves of a move that are each allowed
/// do not make a move that is not.
#[tokio::test]
async fn two_allowed_renames_make_no_third_one() {
    let world = World::new().await;
    let arn = |rest: &str| format!("arn:aws:iam::{ACCOUNT}:user{rest}");
    let resources = ["/a/n1", "/b/n1", "/a/n2"].map(|rest| format!("\"{}\"", arn(rest))).join(",");
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"iam:UpdateUser","Resource":[{resources}]}}}}"#
    );
    let mover = world.user("Mover", Some(&policy)).await;
    for round in 0..ROUNDS {
        let create = [("Action", "CreateUser"), ("UserName", "n1"), ("Path", "/a/")];
        world.iam(&world.admin, &create).await.ok();
        let path = [("Action", "UpdateUser"), ("UserName", "n1"), ("NewPath", "/b/")];
        let name = [("Action", "UpdateUser"), ("UserName", "n1"), ("NewUserName", "n2")];
        let (one, two) = tokio::join!(world.iam(&mover, &path), world.iam(&mover, &name));
        assert_eq!([one.status, two.status].iter().filter(|s| **s == 200).count(), 1);
        let listed = world.iam(&world.admin, &[("Action", "ListUsers")]).await.ok();
        assert!(!listed.body.contains(&arn("/b/n2")), "moved in round {round}");
        let left = if listed.body.contains(">n1<") { "n1" } else { "n2" };
        world.iam(&world.admin, &[("Action", "DeleteUser"), ("UserName", left)]).await.ok();
    }
}

/// A tag that may be set only while there is none stays with whoever was first.
#[tokio::test]
async fn a_tag_that_says_whose_it_is_is_claimed_once() {
    let world = World::new().await;
    let claim = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:TagUser",
        "Resource":"*","Condition":{"Null":{"aws:ResourceTag/owner":"true"},
        "StringEquals":{"aws:RequestTag/owner":"${aws:username}"}}}}"#;
    let (ann, bea) = (world.user("Ann", Some(claim)).await, world.user("Bea", Some(claim)).await);
    for _ in 0..ROUNDS {
        world.user("Thing", None).await;
        let tag = |owner| {
            let key = ("Tags.member.1.Key", "owner");
            [("Action", "TagUser"), ("UserName", "Thing"), key, ("Tags.member.1.Value", owner)]
        };
        let (of_ann, of_bea) = (tag("Ann"), tag("Bea"));
        let (one, two) = tokio::join!(world.iam(&ann, &of_ann), world.iam(&bea, &of_bea));
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 403]);
        let keys = world.iam(&world.admin, &[("Action", "ListAccessKeys"), ("UserName", "Thing")]);
        let key = keys.await.ok().text("AccessKeyId").unwrap().to_owned();
        let delete = [("Action", "DeleteAccessKey"), ("UserName", "Thing"), ("AccessKeyId", &key)];
        world.iam(&world.admin, &delete).await.ok();
        world.iam(&world.admin, &[("Action", "DeleteUser"), ("UserName", "Thing")]).await.ok();
    }
}

/// A store that holds the next commit once it is closed: what it holds was decided already.
#[derive(Debug, Default)]
struct Gate {
    inner: Memory,
    closed: AtomicBool,
    arrived: Notify,
    opened: Notify,
}

impl Store for Gate {
    fn get<'a>(&'a self, key: &'a Key) -> Answer<'a, Option<Entry>> {
        self.inner.get(key)
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a Key>,
        limit: usize,
    ) -> Answer<'a, Vec<(Key, Entry)>> {
        self.inner.scan(prefix, after, limit)
    }

    fn commit(&self, commit: Commit) -> Answer<'_, Revision> {
        Box::pin(async move {
            if self.closed.swap(false, Ordering::SeqCst) {
                self.arrived.notify_one();
                self.opened.notified().await;
            }
            self.inner.commit(commit).await
        })
    }

    fn changes(&self, since: Revision, limit: usize) -> Answer<'_, Changes> {
        self.inner.changes(since, limit)
    }
}

/// A write of a session that is decided while a managed session policy allows it is not done when
/// that policy is narrowed or deleted before the commit.
#[tokio::test]
async fn no_write_outruns_a_managed_session_policy() {
    let gate = Arc::new(Gate::default());
    let world = World::on(Arc::<Gate>::clone(&gate), Trail::memory()).await;
    world.role("Admin", &trust_account(), Some(&statement("Allow", "*", "*"))).await;
    let (wide, narrow) =
        (statement("Allow", "iam:TagUser", "*"), statement("Deny", "iam:TagUser", "*"));
    let policy = format!("arn:aws:iam::{ACCOUNT}:policy/Bound");
    let policy = ("PolicyArn", policy.as_str());
    let (v1, v2, v3) = (("VersionId", "v1"), ("VersionId", "v2"), ("VersionId", "v3"));
    let version = ("Action", "CreatePolicyVersion");
    let narrowed = ("PolicyDocument", narrow.as_str());
    let set_default = ("Action", "SetDefaultPolicyVersion");
    let delete_version = ("Action", "DeletePolicyVersion");
    // Of each round: the change, whether the write is refused, and what is undone behind it.
    let rounds: [(Vec<_>, bool, Vec<Vec<_>>); 4] = [
        // v2, which is not in force, says nothing.
        (vec![version, policy, narrowed], false, vec![]),
        (vec![set_default, policy, v2], true, vec![vec![set_default, policy, v1]]),
        (
            vec![version, policy, narrowed, ("SetAsDefault", "true")],
            true,
            vec![
                vec![set_default, policy, v1],
                vec![delete_version, policy, v2],
                vec![delete_version, policy, v3],
            ],
        ),
        (vec![("Action", "DeletePolicy"), policy], true, vec![]),
    ];
    let create =
        [("Action", "CreatePolicy"), ("PolicyName", "Bound"), ("PolicyDocument", wide.as_str())];
    world.iam(&world.admin, &create).await.ok();
    let bound = [("PolicyArns.member.1.arn", policy.1)];
    let session = world.assume(&world.admin, "Admin", &bound).await.ok().credentials();
    world.user("Ann", None).await;
    // A write that counts nothing in the account: those that do wait for each other.
    let key = ("Tags.member.1.Key", "team");
    let tag = [("Action", "TagUser"), ("UserName", "Ann"), key, ("Tags.member.1.Value", "a")];
    let untag = [("Action", "UntagUser"), ("UserName", "Ann"), ("TagKeys.member.1", "team")];
    for (change, is_refused, undo) in rounds {
        gate.closed.store(true, Ordering::SeqCst);
        let changing = async {
            gate.arrived.notified().await;
            world.iam(&world.admin, &change).await.ok();
            gate.opened.notify_one();
        };
        let making = async {
            let answer = world.iam(&session, &tag).await;
            // One that was not held is for the assertions, not to be waited for.
            gate.arrived.notify_one();
            answer
        };
        let (answer, ()) = tokio::join!(making, changing);
        let list = [("Action", "ListUserTags"), ("UserName", "Ann")];
        let is_tagged = world.iam(&world.admin, &list).await.ok().body.contains("team");
        assert_eq!(is_tagged, !is_refused, "{change:?}");
        if is_refused {
            assert_eq!((answer.status, answer.text("Code")), (403, Some("AccessDenied")));
            let text = answer.text("Message").unwrap();
            assert!(text.contains(" with an explicit deny in a session policy"), "{text}");
        } else {
            answer.ok();
            world.iam(&world.admin, &untag).await.ok();
        }
        for call in undo {
            world.iam(&world.admin, &call).await.ok();
        }
    }
}

/// Writers of one user that are in each other's way all succeed: each is decided again.
#[tokio::test]
async fn those_who_are_overtaken_are_decided_again() {
    let world = World::new().await;
    world.user("Ann", None).await;
    let tag = |key| {
        let (key, value) = (("Tags.member.1.Key", key), ("Tags.member.1.Value", ""));
        [("Action", "TagUser"), ("UserName", "Ann"), key, value]
    };
    let [a, b, c, d, e, f] = ["a", "b", "c", "d", "e", "f"].map(tag);
    let admin = &world.admin;
    let answers = tokio::join!(
        world.iam(admin, &a),
        world.iam(admin, &b),
        world.iam(admin, &c),
        world.iam(admin, &d),
        world.iam(admin, &e),
        world.iam(admin, &f)
    );
    let (a, b, c, d, e, f) = answers;
    for answer in [a, b, c, d, e, f] {
        answer.ok();
    }
    let listed = world.iam(admin, &[("Action", "ListUserTags"), ("UserName", "Ann")]).await.ok();
    assert_eq!(listed.body.matches("<Key>").count(), 6);
}

/// A store in which, once it is told to, somebody writes all users anew before every commit.
#[derive(Debug, Default)]
struct Ahead {
    inner: Memory,
    is_ahead: AtomicBool,
    commits: AtomicUsize,
}

impl Store for Ahead {
    fn get<'a>(&'a self, key: &'a Key) -> Answer<'a, Option<Entry>> {
        self.inner.get(key)
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a Key>,
        limit: usize,
    ) -> Answer<'a, Vec<(Key, Entry)>> {
        self.inner.scan(prefix, after, limit)
    }

    fn commit(&self, commit: Commit) -> Answer<'_, Revision> {
        Box::pin(async move {
            if self.is_ahead.load(Ordering::SeqCst) {
                self.commits.fetch_add(1, Ordering::SeqCst);
                for (key, entry) in self.inner.scan(b"user/", None, 100).await? {
                    self.inner.commit(Commit::new().put(key, entry.value)).await?;
                }
            }
            self.inner.commit(commit).await
        })
    }

    fn changes(&self, since: Revision, limit: usize) -> Answer<'_, Changes> {
        self.inner.changes(since, limit)
    }
}

/// Who is overtaken again and again is told so in the end, and has done nothing.
#[tokio::test]
async fn who_is_overtaken_each_time_is_told_so_in_the_end() {
    let store = Arc::new(Ahead::default());
    let world = World::on(Arc::<Ahead>::clone(&store), Trail::memory()).await;
    world.user("Ann", None).await;
    let key = ("Tags.member.1.Key", "team");
    let tag = [("Action", "TagUser"), ("UserName", "Ann"), key, ("Tags.member.1.Value", "a")];
    store.is_ahead.store(true, Ordering::SeqCst);
    let received = world.form(&world.admin, "iam", &tag);
    let reply = world.app.handle(received).await;
    store.is_ahead.store(false, Ordering::SeqCst);
    let body = String::from_utf8_lossy(reply.body()).into_owned();
    assert_eq!(reply.status(), 409, "{body}");
    assert!(body.contains("<Code>ConcurrentModification</Code>"), "{body}");
    assert_eq!(store.commits.load(Ordering::SeqCst), 32);
    assert_eq!(world.records().pop().unwrap()["errorCode"], "ConcurrentModification");
    let list = [("Action", "ListUserTags"), ("UserName", "Ann")];
    assert!(!world.iam(&world.admin, &list).await.ok().body.contains("team"));
    world.iam(&world.admin, &tag).await.ok();
}
