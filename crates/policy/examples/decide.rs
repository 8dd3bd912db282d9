//! What a user may do inside her permissions boundary: `cargo run -p daypass-policy --example decide`.

use std::error::Error;
use std::io::{self, Write};

use daypass_names::{AccountId, Arn, UniqueId};
use daypass_policy::{Attached, Context, Kind, Layers, Policy, Principal, Request, explain};

const HOME: &str = r#"{"Version": "2012-10-17", "Statement": {"Sid": "Home", "Effect": "Allow",
    "Action": "s3:*", "Resource": "arn:aws:s3:::home/${aws:username}/*",
    "Condition": {"Bool": {"aws:SecureTransport": "true"}}}}"#;
const BOUNDARY: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow",
    "Action": "s3:Get*", "Resource": "*"}}"#;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    // Who writes a policy hears what is wrong with it, and where.
    let home = Policy::parse(HOME, Kind::Identity)?;
    let boundary = Policy::parse(BOUNDARY, Kind::Boundary)?;
    let identity = [Attached { name: "home", policy: &home }];
    let layers = Layers { identity: &identity, boundary: Some(&boundary), ..Layers::default() };

    let (account, id) = (AccountId::parse("123456789012")?, "AIDAAAAAAAAAAAAAAAAAA");
    let arn = Arn::parse("arn:aws:iam::123456789012:user/Ann")?;
    let principal = Principal::User { arn: &arn, id: UniqueId::parse(id)?, account };
    let mut context = Context::new();
    context.insert("aws:username", "Ann");
    context.insert("aws:SecureTransport", true);
    for action in ["s3:GetObject", "s3:PutObject"] {
        let request = Request {
            principal,
            action,
            resource: "arn:aws:s3:::home/Ann/notes",
            resource_account: Some(account),
            context: &context,
        };
        writeln!(io::stdout(), "{}\n", explain(&layers, &request))?;
    }
    Ok(())
}
