//! Resource patterns: `*`, or an ARN with wildcards and, in its last field, policy variables.
//!
//! IAM user guide, "IAM JSON policy elements: Resource". A `*` that ends a field may match on
//! beyond the colon, as the guide says; other wildcards of the first five fields stay in theirs.
//! Where a pattern only takes rights away, every wildcard crosses colons: a Deny must not
//! under-match.

use daypass_names::Partition;

use crate::action::is_vendor;
use crate::context::Context;
use crate::document::{Effect, Word, Words};
use crate::malformed::Flaw;
use crate::pattern::{Builder, Case, Element, Pattern, Syntax};

/// The resources of a statement.
#[derive(Debug)]
pub(crate) struct Resources {
    negated: bool,
    patterns: Box<[ResourcePattern]>,
}

#[derive(Debug)]
enum ResourcePattern {
    /// A lone `*`.
    Every,
    Arn(Pattern),
}

/// How the resources of a policy are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) effect: Effect,
    /// Whether policy variables are substituted.
    pub(crate) variables: bool,
    /// Whether an ARN with fewer than six fields is completed with `*`.
    pub(crate) completes: bool,
}

/// What the last field of an ARN of IAM may begin with.
const IAM_PATHS: [&str; 13] = [
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
];

impl Resources {
    /// Checks and compiles the patterns of an element.
    pub(crate) fn compile(words: &Words, path: &str, reading: Reading) -> Result<Self, Flaw> {
        // What NotResource names, an Allow leaves out.
        let wide = (reading.effect == Effect::Deny) != words.negated;
        let patterns: Result<_, _> = words
            .words
            .iter()
            .map(|word| ResourcePattern::compile(word, path, reading, wide))
            .collect();
        Ok(Self { negated: words.negated, patterns: patterns? })
    }

    /// Whether the element covers a resource. A NotResource with a variable that stands for
    /// nothing covers nothing.
    pub(crate) fn cover(&self, resource: &str, context: &Context) -> bool {
        if !self.negated {
            return self.patterns.iter().any(|p| p.matches(resource, context) == Some(true));
        }
        self.patterns.iter().all(|p| p.matches(resource, context) == Some(false))
    }
}

impl ResourcePattern {
    fn compile(word: &Word, path: &str, reading: Reading, wide: bool) -> Result<Self, Flaw> {
        if &*word.text == "*" {
            return Ok(Self::Every);
        }
        let flaw = |text: String| Flaw::worded(word.span.start, path, text);
        let fields = check(&word.text, reading.completes).map_err(flaw)?;
        let mut builder = Builder::default();
        let (last, first_five) = fields.split_last().unwrap_or((&"", &[]));
        for field in first_five {
            push_field(&mut builder, field, wide);
            builder.char(':');
        }
        builder
            .text(last, Syntax { wildcards: true, variables: reading.variables })
            .map_err(|reason| Flaw::syntax(word.span.start, path, reason))?;
        Ok(Self::Arn(builder.finish()))
    }

    fn matches(&self, resource: &str, context: &Context) -> Option<bool> {
        match self {
            Self::Every => Some(true),
            Self::Arn(pattern) => pattern.matches(resource, Case::Exact, context),
        }
    }
}

/// One of the first five fields; variables are plain text there.
fn push_field(builder: &mut Builder, field: &str, wide: bool) {
    let mut chars = field.chars();
    while let Some(c) = chars.next() {
        let crosses = wide || (c == '*' && chars.as_str().is_empty());
        match (c, crosses) {
            ('*', true) => builder.element(Element::AnyRun),
            ('*', false) => builder.element(Element::FieldRun),
            ('?', true) => builder.element(Element::AnyChar),
            ('?', false) => builder.element(Element::FieldChar),
            _ => builder.char(c),
        }
    }
}

/// The six fields of a resource, or AWS's words for what is wrong with it.
fn check(text: &str, completes: bool) -> Result<[&str; 6], String> {
    let count = text.splitn(6, ':').count();
    let no_arn = || format!("Resource {text} must be in ARN format or \"*\".");
    if !text.starts_with("arn:") || (count < 6 && !completes) {
        return Err(no_arn());
    }
    let mut fields = ["*"; 6];
    for (field, given) in fields.iter_mut().zip(text.splitn(6, ':')) {
        *field = given;
    }
    let [_, partition, service, region, account, resource] = fields;
    if Partition::parse(partition).is_none() {
        let whole = fields.join(":");
        return Err(format!("Partition \"{partition}\" is not valid for resource \"{whole}\"."));
    }
    if !is_vendor(service) {
        return Err(
            "Resource vendor must be fully qualified and cannot contain regexes.".to_owned()
        );
    }
    // A Region that is not written at all was completed, and matches none.
    let has_region = count > 3 && !region.is_empty();
    match service {
        "iam" if has_region => {
            return Err(format!("IAM resource {text} cannot contain region information."));
        }
        // An access point has a Region and an account, a bucket has neither.
        "s3" | "sts" if has_region && (service == "sts" || account.is_empty()) => {
            return Err(format!("Resource {text} can not contain region information."));
        }
        _ => {}
    }
    let fits_iam = resource == "*" || IAM_PATHS.iter().any(|path| resource.starts_with(path));
    if service == "iam" && !fits_iam {
        return Err(format!(
            "IAM resource path must either be \"*\" or start with {}.",
            IAM_PATHS.join(", ")
        ));
    }
    if resource.is_empty() {
        return Err(no_arn());
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(effect: Effect, negated: bool, pattern: &str, resource: &str) -> bool {
        let word = Word { text: pattern.into(), span: 0..0 };
        let reading = Reading { effect, variables: true, completes: true };
        let words = Words { at: 0, negated, words: vec![word] };
        let mut context = Context::new();
        context.insert("aws:username", "A*n");
        Resources::compile(&words, "Resource", reading).unwrap().cover(resource, &context)
    }

    #[test]
    fn resources_match_as_the_guide_says() {
        for (pattern, resource, want) in [
            ("*", "arn:aws:s3:::b", true),
            ("*", "*", true),
            ("arn:aws:s3:::*", "*", false),
            ("arn:aws:s3:::b/*/z", "arn:aws:s3:::b/x/y/z", true),
            ("arn:aws:s3:::Bucket/*", "arn:aws:s3:::bucket/x", false),
            // The star of the request is text.
            ("arn:aws:s3:::b/a", "arn:aws:s3:::b/*", false),
            ("arn:aws:sqs", "arn:aws:sqs:eu-west-1:111122223333:q", true),
            ("arn:aws:iam", "arn:aws:iam::111122223333:user/x", true),
            ("arn:aws:sqs:eu-west-1", "arn:aws:sqs:eu-west-2:111122223333:q", false),
            // A star that ends a field matches on beyond the colon.
            ("arn:aws:svc:*:1:q", "arn:aws:svc:r:2:x:1:q", true),
            // Another one does not.
            ("arn:aws:svc:*r:1:q", "arn:aws:svc:r:2:xr:1:q", false),
            ("arn:aws:svc:e?-1:1:q", "arn:aws:svc:e:-1:1:q", false),
            ("arn:aws:svc:e*-1:1:q", "arn:aws:svc:eu-west-1:1:q", true),
            ("arn:aws:svc:r:1:q*z", "arn:aws:svc:r:1:q:y:z", true),
            ("arn:aws:s3:::${aws:username}/*", "arn:aws:s3:::A*n/x", true),
            ("arn:aws:s3:::${aws:username}/*", "arn:aws:s3:::Ann/x", false),
            ("arn:aws:s3:::${aws:nothing}/*", "arn:aws:s3:::/x", false),
        ] {
            assert_eq!(
                covers(Effect::Allow, false, pattern, resource),
                want,
                "{pattern} {resource}"
            );
        }
    }

    #[test]
    fn what_takes_rights_away_is_read_widely() {
        let (pattern, resource) = ("arn:aws:svc:*r:1:q", "arn:aws:svc:r:2:xr:1:q");
        assert!(covers(Effect::Deny, false, pattern, resource));
        assert!(!covers(Effect::Allow, true, pattern, resource));
        assert!(covers(Effect::Deny, true, pattern, resource));
    }

    #[test]
    fn an_unresolved_variable_covers_nothing_negated_or_not() {
        for effect in [Effect::Allow, Effect::Deny] {
            for negated in [false, true] {
                let pattern = "arn:aws:s3:::${aws:nothing}/*";
                assert!(!covers(effect, negated, pattern, "arn:aws:s3:::b/x"));
            }
        }
    }
}
