//! Resource patterns: `*`, or an ARN with wildcards and, in its last field, policy variables.
//!
//! IAM user guide, "IAM JSON policy elements: Resource". A `*` that ends a field may match on
//! beyond the colon, as the guide says; other wildcards of the first five fields stay in theirs.
//! Where a pattern only takes rights away, every wildcard crosses colons: a Deny must not
//! under-match.

use daypass_names::Partition;

use crate::action::is_vendor;
use crate::context::{Context, Text};
use crate::document::{Effect, Word, Words};
use crate::gate;
use crate::malformed::Flaw;
use crate::pattern::{Builder, List, Pattern, Scan, Syntax};

/// The resources of a statement.
#[derive(Debug)]
pub(crate) struct Resources {
    negated: bool,
    patterns: List<ResourcePattern>,
}

#[derive(Debug)]
enum ResourcePattern {
    /// A lone `*`.
    Every,
    /// One pattern for the whole ARN: every `*` of it crosses colons.
    Arn(Pattern),
    /// An ARN with wildcards that stay in their field.
    Fields(Box<Fields>),
}

/// An ARN pattern field by field. The first three fields have no wildcards.
#[derive(Debug)]
struct Fields {
    /// `arn:aws:sqs:`
    head: Box<str>,
    region: Field,
    account: Field,
    resource: Pattern,
}

/// A field with wildcards that stay in it, unless a `*` ends it.
#[derive(Debug)]
struct Field {
    pattern: Pattern,
    /// Whether a `*` ends it, which may match on beyond the colon.
    crosses: bool,
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

    /// What all resources begin with that the element covers.
    pub(crate) fn beginning(&self) -> &[u8] {
        match self.negated {
            true => &[],
            false => gate::common(self.patterns.as_slice().iter().map(ResourcePattern::beginning)),
        }
    }

    /// Whether the element covers a resource. A NotResource with a variable that stands for
    /// nothing covers nothing.
    pub(crate) fn cover(&self, resource: &str, context: &Context<'_>) -> bool {
        if !self.negated {
            return self
                .patterns
                .as_slice()
                .iter()
                .any(|p| p.matches(resource, context) == Some(true));
        }
        self.patterns.as_slice().iter().all(|p| p.matches(resource, context) == Some(false))
    }
}

impl ResourcePattern {
    fn compile(word: &Word, path: &str, reading: Reading, wide: bool) -> Result<Self, Flaw> {
        if &*word.text == "*" {
            return Ok(Self::Every);
        }
        let flaw = |text: String| Flaw::worded(word.span.start, path, text);
        let refused = |reason| Flaw::value(word.span.start, path, reason);
        // Such a pattern covers nothing, and a Deny of it denies nothing.
        let is_arn = word.text.starts_with("arn:");
        if is_arn && word.text.splitn(6, ':').take(5).any(|field| field.contains("${")) {
            return Err(refused("a policy variable stands before the fifth colon of an ARN"));
        }
        let fields = check(&word.text, reading.completes).map_err(flaw)?;
        let [arn, partition, service, region, account, resource] = fields;
        let in_fields = Syntax { wildcards: true, variables: false };
        let in_resource = Syntax { wildcards: true, variables: reading.variables };
        let stays = |field: &str| field.strip_suffix('*').unwrap_or(field).contains(['*', '?']);
        if !wide && (stays(region) || stays(account)) {
            let field = |text: &str| {
                let pattern = Pattern::compile(text, in_fields).map_err(refused)?;
                Ok(Field { pattern, crosses: text.ends_with('*') })
            };
            return Ok(Self::Fields(Box::new(Fields {
                head: format!("{arn}:{partition}:{service}:").into(),
                region: field(region)?,
                account: field(account)?,
                resource: Pattern::compile(resource, in_resource).map_err(refused)?,
            })));
        }
        let mut builder = Builder::default();
        for field in [arn, partition, service, region, account] {
            builder.text(field, in_fields).map_err(refused)?;
            builder.char(':');
        }
        builder.text(resource, in_resource).map_err(refused)?;
        Ok(Self::Arn(builder.finish()))
    }

    fn beginning(&self) -> &str {
        match self {
            Self::Every => "",
            Self::Arn(pattern) => pattern.literal_prefix(),
            Self::Fields(fields) => &fields.head,
        }
    }

    #[inline]
    fn matches(&self, resource: &str, context: &Context<'_>) -> Option<bool> {
        match self {
            Self::Every => Some(true),
            Self::Arn(pattern) => pattern.matches(resource, context),
            Self::Fields(fields) => {
                let filled = fields.resource.fill(context)?;
                Some(fields.matches(resource, filled.texts()))
            }
        }
    }
}

impl Fields {
    /// Tries every way to part the text that the fields allow. What the last field leaves behind
    /// its first run unmatched once is not looked for again, so the whole takes no more steps than
    /// the pattern has characters times those of the text.
    fn matches(&self, text: &str, filled: &[Text<'_>]) -> bool {
        let Some((region, mut rest)) =
            text.strip_prefix(&*self.head).and_then(|rest| rest.split_once(':'))
        else {
            return false;
        };
        if !self.region.is(region) {
            return false;
        }
        while let Some((account, tail)) = rest.split_once(':') {
            if self.account.is(account) {
                match self.is_resource(tail, filled) {
                    Scan::Matches => return true,
                    Scan::FailsForGood => return false,
                    // It has tried all that a later field could.
                    Scan::Fails if self.account.crosses => return false,
                    Scan::Fails => {}
                }
            }
            if !self.region.crosses {
                return false;
            }
            rest = tail;
        }
        false
    }

    /// Whether the last field matches the text, or what follows one of its colons if the account
    /// field reaches on.
    fn is_resource(&self, text: &str, filled: &[Text<'_>]) -> Scan {
        let mut rest = text;
        loop {
            let scan = self.resource.scan(filled, rest.as_bytes());
            match rest.split_once(':') {
                Some((_, tail)) if scan == Scan::Fails && self.account.crosses => rest = tail,
                _ => return scan,
            }
        }
    }
}

impl Field {
    fn is(&self, text: &str) -> bool {
        self.pattern.scan(&[], text.as_bytes()) == Scan::Matches
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
    // The root user is the resource of sts:AssumeRoot.
    let fits_iam =
        matches!(resource, "*" | "root") || IAM_PATHS.iter().any(|path| resource.starts_with(path));
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
            ("arn:aws:svc:e?*:1:q", "arn:aws:svc:eu:x:1:q", true),
            ("arn:aws:svc:e?*:?1:q", "arn:aws:svc:eu:x:y1:z1:q", true),
            ("arn:aws:svc:e?*:?1:q", "arn:aws:svc:eu:x:y1:z2:q", false),
            ("arn:aws:svc:e?*:?1:q*", "arn:aws:svc:eu:y1:z1:q1", true),
            ("arn:aws:svc:e?:1*:q*t", "arn:aws:svc:eu:12:x:y:qt", true),
            ("arn:aws:svc:e?:1*:q", "arn:aws:svc:eu:12:x:q:y", false),
            ("arn:aws:svc:e?:1*:q", "arn:aws:svc:eu:2:1:q", false),
            ("arn:aws:svc:e?:1:q", "arn:aws:svc:eu:1", false),
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
    fn fields_agree_with_trying_everything() {
        use proptest::prelude::*;
        /// `*` before a colon crosses colons, other wildcards of the first two fields do not.
        fn obvious(pattern: &[char], field: usize, text: &[char]) -> bool {
            let stays = |c: char| field < 2 && c == ':';
            match (pattern, text) {
                ([], _) => text.is_empty(),
                (['*', rest @ ..], _) => {
                    let crosses = rest.first() == Some(&':');
                    let limit = text.iter().position(|c| stays(*c) && !crosses);
                    (0..=limit.unwrap_or(text.len())).any(|n| obvious(rest, field, &text[n..]))
                }
                (['?', rest @ ..], [c, tail @ ..]) => !stays(*c) && obvious(rest, field, tail),
                ([p, rest @ ..], [t, tail @ ..]) => {
                    p == t && obvious(rest, field + usize::from(*p == ':'), tail)
                }
                (_, []) => false,
            }
        }
        let texts = ("[a*?]{0,3}:[a*?]{0,3}:[ab:*?]{1,5}", "[ab:]{0,12}");
        proptest!(ProptestConfig::with_cases(4000), |((pattern, text) in texts)| {
            let (p, t): (Vec<_>, Vec<_>) = (pattern.chars().collect(), text.chars().collect());
            let found = covers(
                Effect::Allow,
                false,
                &format!("arn:aws:svc:{pattern}"),
                &format!("arn:aws:svc:{text}"),
            );
            prop_assert_eq!(found, obvious(&p, 0, &t));
        });
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
