//! `daypass bucket`: its arguments, and what is told of buckets.

use anyhow::bail;
use clap::{Args, Subcommand};
use daypass_server::operator::protocol::{
    BucketLine, BucketState, BucketTold, Buckets, Command, Outcome,
};

use super::arguments::Place;
use super::tell::{notes, table, truncated};
use super::{send, tell};

const BUCKET_NOTES: &str = "\
For example, for a bucket that the storage backend had before the gateway was put in front of it:

  daypass bucket adopt photos --account 123456789012
  daypass bucket list --account 123456789012
  daypass bucket show photos

The command goes to the server through the socket `operator.sock` in its data folder. Only the
server's own user and root may use it, and each command is recorded in the audit trail. The storage
backend is not asked.

Exit status: 0 done and in force, 1 refused or failed, 2 wrong usage.";

/// `daypass bucket`
#[derive(Args, Debug)]
pub(crate) struct Bucket {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    pub(crate) command: BucketCommand,
}

/// What `daypass bucket` does.
#[derive(Debug, Subcommand)]
pub(crate) enum BucketCommand {
    /// Give an account a bucket that the storage backend has.
    ///
    /// Whoever the policies of the account allow it reaches the bucket through the S3 gateway from
    /// then on. What other programs do with it at the backend directly is not looked at.
    #[command(after_long_help = BUCKET_NOTES)]
    Adopt {
        /// Name of the bucket
        #[arg(value_name = "NAME")]
        name: String,
        /// Account that it will belong to, twelve digits
        #[arg(long, value_name = "DIGITS")]
        account: String,
    },
    /// List the buckets, with those that are being made or deleted.
    #[command(after_long_help = BUCKET_NOTES)]
    List {
        /// Only those of this account, twelve digits
        #[arg(long, value_name = "DIGITS")]
        account: Option<String>,
    },
    /// Forget a bucket, or a name that a request reserved and did not come back for.
    ///
    /// Its policy is gone then, and no request reaches it. The storage backend is not touched: the
    /// objects stay, and as long as it has a bucket of that name no client can make one.
    #[command(after_long_help = BUCKET_NOTES)]
    Release {
        /// Name of the bucket
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Tell whose a bucket is, and its policy.
    #[command(after_long_help = BUCKET_NOTES)]
    Show {
        /// Name of the bucket
        #[arg(value_name = "NAME")]
        name: String,
    },
}

/// Sends the command and tells what it has brought about.
pub(crate) async fn run(Bucket { place, command }: Bucket) -> anyhow::Result<()> {
    let request = match command {
        BucketCommand::Adopt { name, account } => {
            Command::BucketAdopt { name, account_id: account }
        }
        BucketCommand::List { account } => return list(&place, account).await,
        BucketCommand::Release { name } => Command::BucketRelease { name },
        BucketCommand::Show { name } => Command::BucketShow { name },
    };
    let outcome = send(&place, &request).await?;
    Ok(tell(&place, &outcome)?)
}

/// Lists all buckets, however many replies they take.
async fn list(place: &Place, account_id: Option<String>) -> anyhow::Result<()> {
    let mut buckets = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let request = Command::BucketList { account_id: account_id.clone(), after: after.clone() };
        let Outcome::Buckets(page) = send(place, &request).await? else {
            bail!("the server's answer was not understood")
        };
        let last = page.buckets.last().map(|bucket| bucket.name.clone());
        buckets.extend(page.buckets);
        if !page.truncated {
            break;
        }
        // A server that does not get on would be asked for ever.
        if last <= after {
            bail!("the server did not list the buckets behind {}", after.unwrap_or_default());
        }
        after = last;
    }
    Ok(tell(place, &Outcome::Buckets(Buckets { buckets, truncated: false }))?)
}

/// Buckets as a table.
pub(crate) fn listed(listed: &Buckets) -> String {
    match &*listed.buckets {
        [] => "No account has a bucket.\n".to_owned(),
        all => lines(all) + truncated(listed.truncated),
    }
}

/// A bucket and its policy.
pub(crate) fn told(told: &BucketTold) -> String {
    let policy = match &told.policy {
        Some(policy) => format!("\n{}\n", policy.trim_end()),
        None => String::new(),
    };
    lines(std::slice::from_ref(&told.bucket)) + &notes(&told.notes) + &policy
}

/// A line for each bucket.
pub(crate) fn lines(all: &[BucketLine]) -> String {
    let row = |line: &BucketLine| {
        let since = line.since.as_deref().unwrap_or_default();
        let state = match line.state {
            BucketState::Creating => format!("being made since {since}"),
            BucketState::Deleting => format!("being deleted since {since}"),
            BucketState::Ready => "ready".to_owned(),
        };
        let policy = match (line.has_policy, line.is_public) {
            (false, _) => "-",
            (true, false) => "not public",
            (true, true) => "public",
        };
        vec![
            line.name.clone(),
            line.account_id.clone(),
            if line.adopted { "adopted" } else { "made" }.to_owned(),
            line.created.clone(),
            policy.to_owned(),
            state,
        ]
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    table(&["BUCKET", "ACCOUNT", "ORIGIN", "SINCE", "POLICY", "STATE"], &rows)
}

#[cfg(test)]
mod tests {
    use crate::operator::tell::outcome;

    fn shown(json: &str) -> String {
        outcome(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn buckets_are_a_table() {
        let line = |name: &str, more: &str| {
            format!(
                r#"{{"name": "{name}", "account_id": "123456789012", "created": "2026-01-02",
                    "adopted": false, "state": "ready", "has_policy": false, "is_public": false
                    {more}}}"#
            )
        };
        let photos = line("photos", "").replace(r#""has_policy": false"#, r#""has_policy": true"#);
        let waiting = line("videos", r#", "since": "2026-01-03""#).replace("ready", "creating");
        let text = shown(&format!(
            r#"{{"buckets": {{"buckets": [{photos}, {waiting}], "truncated": true}}}}"#
        ));
        let want = "\
BUCKET  ACCOUNT       ORIGIN  SINCE       POLICY      STATE
photos  123456789012  made    2026-01-02  not public  ready
videos  123456789012  made    2026-01-02  -           being made since 2026-01-03
(There are more.)
";
        assert_eq!(text, want);
        let text = shown(&format!(
            r#"{{"bucket-told": {{"bucket": {photos}, "policy": "{{\n}}", "notes": ["Mind this."]}}}}"#
        ));
        assert!(text.ends_with("ready\nMind this.\n\n{\n}\n"), "{text}");
        let text = shown(r#"{"buckets": {"buckets": [], "truncated": false}}"#);
        assert_eq!(text, "No account has a bucket.\n");
        for (released, want) in [(true, "Bucket photos is released."), (false, "Bucket photos is")]
        {
            let text = shown(&format!(
                r#"{{"bucket-changed": {{"bucket": {photos}, "released": {released}, "notes": []}}}}"#
            ));
            assert!(text.starts_with(want), "{text}");
        }
    }
}
