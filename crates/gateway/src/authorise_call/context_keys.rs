//! Which condition keys a service may tell of a request: those of its own service, and of the
//! global ones those about the resource.
//!
//! IAM user guide, "AWS global condition context keys": the keys of the principal, of the role
//! session and of the network are properties of the proven caller and of the request, which are
//! looked up here; a service that told them too could be made to tell what its client wrote.

use thiserror::Error;

/// The global keys that the owner of a resource knows.
const GLOBAL: [&str; 1] = ["aws:tagkeys"];
/// The beginnings of global keys with the key of a tag behind them.
const GLOBAL_TAGS: [&str; 2] = ["aws:resourcetag/", "aws:requesttag/"];

/// The keys of S3 that follow from the signature. S3 user guide, "Amazon S3 signature version 4
/// authentication specific policy keys".
const SIGNATURE: [&str; 3] = ["s3:authtype", "s3:signatureage", "s3:signatureversion"];

/// Those whose keys say how somebody was let in, or what is asked of Daypass itself.
const RESERVED: [&str; 3] = ["aws", "saml", "sts"];

/// Most characters of a key: that of a tag has 128.
const MAX: usize = 256;

/// Why a condition key is refused.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub(super) enum KeyFault {
    #[error("is not of the form `service:Name`")]
    Malformed,
    #[error("is told by Daypass alone")]
    NotTheirs,
    #[error("is of another service than the action")]
    OfAnotherService,
    #[error("is there twice: case makes no difference")]
    Twice,
    #[error("has too many values")]
    TooManyValues,
}

/// Whether a service may tell a key in a question about an action of `prefix`.
pub(super) fn may_tell(prefix: &str, key: &str) -> Result<(), KeyFault> {
    if key.len() > MAX || key.chars().any(char::is_control) {
        return Err(KeyFault::Malformed);
    }
    let lower = key.to_lowercase();
    let (service, name) = lower.split_once(':').ok_or(KeyFault::Malformed)?;
    if name.is_empty() {
        return Err(KeyFault::Malformed);
    }
    if service == "aws" {
        let is_tag = |start: &&str| lower.strip_prefix(*start).is_some_and(|tag| !tag.is_empty());
        let is_theirs = GLOBAL.contains(&lower.as_str()) || GLOBAL_TAGS.iter().any(is_tag);
        return if is_theirs { Ok(()) } else { Err(KeyFault::NotTheirs) };
    }
    if RESERVED.contains(&service) || SIGNATURE.contains(&lower.as_str()) {
        return Err(KeyFault::NotTheirs);
    }
    // SECURITY: the keys of identity providers begin with host names, and no action does.
    if service == prefix { Ok(()) } else { Err(KeyFault::OfAnotherService) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_tells_what_its_resources_are() {
        use KeyFault::{Malformed, NotTheirs, OfAnotherService};
        for (prefix, key, want) in [
            ("s3", "s3:prefix", Ok(())),
            ("s3", "S3:Prefix", Ok(())),
            ("s3", "s3:ExistingObjectTag/team", Ok(())),
            ("iam", "iam:PassedToService", Ok(())),
            ("notes", "notes:Owner", Ok(())),
            ("notes", "aws:ResourceTag/team", Ok(())),
            ("notes", "AWS:requesttag/Équipe", Ok(())),
            ("notes", "aws:TagKeys", Ok(())),
            // What follows from the proof and the connection.
            ("s3", "s3:authType", Err(NotTheirs)),
            ("s3", "S3:SIGNATUREVERSION", Err(NotTheirs)),
            ("s3", "s3:signatureAge", Err(NotTheirs)),
            ("notes", "aws:username", Err(NotTheirs)),
            ("notes", "aws:userid", Err(NotTheirs)),
            ("notes", "aws:SourceIp", Err(NotTheirs)),
            ("notes", "AWS:PrincipalTag/admin", Err(NotTheirs)),
            ("notes", "aws:SourceIdentity", Err(NotTheirs)),
            ("notes", "aws:ResourceAccount", Err(NotTheirs)),
            ("notes", "aws:MultiFactorAuthPresent", Err(NotTheirs)),
            ("notes", "aws:ResourceTag/", Err(NotTheirs)),
            ("notes", "aws:ResourceTags/team", Err(NotTheirs)),
            ("notes", "aws:TagKeys/team", Err(NotTheirs)),
            ("aws", "aws:username", Err(NotTheirs)),
            ("saml", "saml:sub", Err(NotTheirs)),
            ("sts", "sts:ExternalId", Err(NotTheirs)),
            // Of somebody else: also how somebody was let in.
            ("notes", "s3:prefix", Err(OfAnotherService)),
            ("notes", "saml:aud", Err(NotTheirs)),
            ("notes", "accounts.google.com:sub", Err(OfAnotherService)),
            ("notes", "idp.example.com/realm:sub", Err(OfAnotherService)),
            ("notes", "", Err(Malformed)),
            ("notes", "notes", Err(Malformed)),
            ("notes", "notes:", Err(Malformed)),
            ("notes", "notes:a\nb", Err(Malformed)),
            ("notes", " notes:a", Err(OfAnotherService)),
        ] {
            assert_eq!(may_tell(prefix, key), want, "{prefix} {key:?}");
        }
        assert_eq!(may_tell("notes", &format!("notes:{}", "x".repeat(250))), Ok(()));
        assert_eq!(may_tell("notes", &format!("notes:{}", "x".repeat(251))), Err(Malformed));
    }
}
