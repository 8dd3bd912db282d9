//! Decides one request twice: allowed by identity policies, and stopped by a permissions boundary.
//!
//! `cargo run -p daypass-policy --example decide`

use std::error::Error;
use std::io::{self, Write};

use daypass_names::{AccountId, Arn, UniqueId};
use daypass_policy::{
    Attached, Context, Kind, Layers, Policy, Principal, Request, decide, explain,
};

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let home = Policy::parse(
        r#"{"Version": "2012-10-17", "Statement": {
            "Sid": "Home", "Effect": "Allow", "Action": "s3:*",
            "Resource": "arn:aws:s3:::home/${aws:username}/*",
            "Condition": {"Bool": {"aws:SecureTransport": "true"}}}}"#,
        Kind::Identity,
    )?;
    let boundary = Policy::parse(
        r#"{"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}}"#,
        Kind::Boundary,
    )?;

    let arn = Arn::parse("arn:aws:iam::123456789012:user/Ann")?;
    let account = AccountId::parse("123456789012")?;
    let mut context = Context::new();
    context.insert("aws:username", "Ann");
    context.insert("aws:SecureTransport", true);
    let request = Request {
        principal: Principal::User {
            arn: &arn,
            id: UniqueId::parse("AIDAAAAAAAAAAAAAAAAAA")?,
            account,
        },
        action: "s3:PutObject",
        resource: "arn:aws:s3:::home/Ann/notes",
        resource_account: Some(account),
        context: &context,
    };

    let identity = [Attached { name: "home", policy: &home }];
    let unbounded = Layers { identity: &identity, ..Layers::default() };
    let bounded = Layers { boundary: Some(&boundary), ..unbounded };
    let mut out = io::stdout().lock();
    for layers in [unbounded, bounded] {
        writeln!(out, "{:?}", decide(&layers, &request))?;
        writeln!(out, "{}\n", explain(&layers, &request))?;
    }
    Ok(())
}
