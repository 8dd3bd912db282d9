//! The review of one document: the engine's verdict, then the lints, in the order of their places.

use daypass_names::AccountId;
use daypass_policy::{Policy, Position};

use super::document::{Document, Statement};
use super::finding::{Finding, Findings, Severity};
use super::{never, principals, statements};
use crate::policy::arguments::KindName;

/// What was found in a document.
#[derive(Debug)]
pub(crate) struct Review {
    pub(crate) kind: KindName,
    /// Why that kind, if nobody said it.
    pub(crate) guess: Option<&'static str>,
    pub(crate) notes: Vec<Note>,
}

/// A finding where a person looks for it.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) severity: Severity,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) position: Position,
    pub(crate) path: String,
}

impl Review {
    pub(crate) fn count(&self, severity: Severity) -> usize {
        self.notes.iter().filter(|note| note.severity == severity).count()
    }
}

/// Reviews a document as a policy of `kind`, or of the kind that it looks like. `own` is the
/// reader's account, if it is known.
pub(crate) fn review(text: &str, kind: Option<KindName>, own: Option<AccountId>) -> Review {
    let document = Document::read(text);
    let (kind, guess) = match kind {
        Some(kind) => (kind, None),
        None => {
            let (kind, why) = guess(document.as_ref());
            (kind, Some(why))
        }
    };
    let policy = match Policy::parse(text, kind.kind()) {
        Ok(policy) => policy,
        Err(malformed) => {
            let words = malformed.to_string();
            let message = if words == malformed.reason() {
                words
            } else {
                format!("{}; IAM says: {words}", malformed.reason())
            };
            let note = Note {
                severity: Severity::Error,
                code: "malformed",
                message,
                position: malformed.position(),
                path: malformed.path().to_owned(),
            };
            return Review { kind, guess, notes: vec![note] };
        }
    };
    let mut found = Findings::default();
    too_long(&policy, kind, &mut found);
    for document in document.iter() {
        version(document, kind, &mut found);
        for statement in &document.statements {
            principals::lint(statement, document.is_2012, kind, own, &mut found);
            statements::lint(statement, document.is_2012, kind, &mut found);
            never::lint(statement, document.is_2012, &mut found);
        }
    }
    shared_issuers(&policy, kind, &mut found);
    found.all.sort_by_key(|finding| finding.at);
    let mut places = Places::of(text);
    let notes = found
        .all
        .into_iter()
        .map(|finding| Note {
            severity: finding.severity,
            code: finding.code,
            message: finding.message,
            position: places.to(finding.at),
            path: finding.path,
        })
        .collect();
    Review { kind, guess, notes }
}

/// Finds the places of findings, one behind the other, in one walk.
struct Places<'a> {
    rest: &'a str,
    at: usize,
    position: Position,
}

impl<'a> Places<'a> {
    fn of(text: &'a str) -> Self {
        Self { rest: text, at: 0, position: Position { line: 1, column: 1 } }
    }

    /// The place of a byte that is not before the last one asked for.
    fn to(&mut self, at: usize) -> Position {
        let length = at.saturating_sub(self.at);
        if let Some((passed, rest)) = self.rest.split_at_checked(length) {
            let behind = Position::of(passed, length);
            if behind.line == 1 {
                self.position.column += behind.column - 1;
            } else {
                let line = self.position.line + behind.line - 1;
                self.position = Position { line, column: behind.column };
            }
            self.rest = rest;
            self.at = at;
        }
        self.position
    }
}

/// Identity providers that many share and that the policy lets in without saying whom: the trust
/// policies that are not saved, by the same measure.
fn shared_issuers(policy: &Policy, kind: KindName, found: &mut Findings) {
    for issuer in policy.unguarded_issuers() {
        let at = issuer.principal().span().start;
        let url = issuer.url();
        let message = if issuer.is_evaluated() {
            format!(
                "{url} is shared by many customers, and no condition says which of them is meant"
            )
        } else {
            let controls: Vec<_> = issuer.controls().collect();
            format!(
                "{url} is shared by many customers: IAM saves the policy only with a condition on {} \
                 that is not `*`",
                controls.join(" or ")
            )
        };
        let severity = match kind {
            KindName::Trust => Severity::Error,
            _ => Severity::Warning,
        };
        // Of whom this is told, it is not told as well that any subject will do.
        found.all.retain(|told| told.code != "federated-without-subject" || told.at != at);
        let path = policy.path_of(issuer.principal());
        found.all.push(Finding { code: "shared-issuer", message, at, path, severity });
    }
}

fn too_long(policy: &Policy, kind: KindName, found: &mut Findings) {
    let limit = kind.kind().size_limit();
    let size = policy.size();
    if size > limit {
        let message = format!(
            "{size} characters, and AWS takes {limit} of {} unless the quota is raised",
            kind.phrase()
        );
        found.add("too-long", 0, "", message);
    }
}

/// Managed policies, which boundaries always are, need the newer version of the language.
fn version(document: &Document, kind: KindName, found: &mut Findings) {
    if matches!(kind, KindName::Identity | KindName::Boundary) && !document.is_2012 {
        let message = "without \"Version\": \"2012-10-17\" IAM saves it as no managed policy, and \
                       perhaps as no inline one (Policy document must be version 2012-10-17 or \
                       greater.)";
        found.add("version-2012", document.version_at, "Version", message);
    }
}

/// The kind that a document looks like, and why.
fn guess(document: Option<&Document>) -> (KindName, &'static str) {
    let statements = document.map(|document| &*document.statements).unwrap_or_default();
    if !statements.iter().any(|statement| statement.has_principal) {
        return (KindName::Identity, "no statement names a principal");
    }
    let is_of_role = |statement: &Statement| {
        statement.resources.is_none()
            && statement.actions.as_ref().is_some_and(|actions| {
                actions.words.iter().all(|word| {
                    word.text == "*" || word.text.to_ascii_lowercase().starts_with("sts:")
                })
            })
    };
    if statements.iter().all(is_of_role) {
        return (KindName::Trust, "principals, actions of STS and no resources");
    }
    (KindName::Resource, "statements name principals")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes of the findings, each with its line.
    #[track_caller]
    fn codes(text: &str, kind: Option<KindName>) -> Vec<String> {
        let own = AccountId::parse("123456789012").unwrap();
        let review = review(text, kind, Some(own));
        review.notes.iter().map(|note| note.code.to_owned()).collect()
    }

    /// An identity policy of one statement.
    #[track_caller]
    fn identity(statement: &str, want: &[&str]) {
        let text = format!(r#"{{"Version": "2012-10-17", "Statement": {{{statement}}}}}"#);
        assert_eq!(codes(&text, Some(KindName::Identity)), want, "{statement}");
    }

    /// A trust policy of one principal, action and condition.
    #[track_caller]
    fn trust(principal: &str, action: &str, condition: &str, want: &[&str]) {
        let text = format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow",
                "Principal": {principal}, "Action": "{action}", "Condition": {{{condition}}}}}}}"#
        );
        assert_eq!(codes(&text, None), want, "{principal} {condition}");
    }

    #[test]
    fn who_may_assume_a_role() {
        let github = "token.actions.githubusercontent.com";
        let provider =
            format!(r#"{{"Federated": "arn:aws:iam::123456789012:oidc-provider/{github}"}}"#);
        let own_idp =
            r#"{"Federated": "arn:aws:iam::123456789012:oidc-provider/login.example.com/a"}"#;
        let cognito = r#"{"Federated": "cognito-identity.amazonaws.com"}"#;
        let saml = r#"{"Federated": "arn:aws:iam::123456789012:saml-provider/P"}"#;
        let foreign = r#"{"AWS": "210987654321"}"#;
        let web = "sts:AssumeRoleWithWebIdentity";
        let aud = format!(r#""{github}:aud": "sts.amazonaws.com""#);
        for (principal, action, condition, want) in [
            (r#""*""#, "sts:AssumeRole", "", &["wildcard-principal"][..]),
            (r#"{"AWS": "*"}"#, "sts:*", "", &["wildcard-principal"]),
            (r#""*""#, "sts:AssumeRole", r#""StringEquals": {"aws:PrincipalOrgID": "o-1"}"#, &[]),
            (
                r#""*""#,
                "sts:AssumeRole",
                r#""StringLike": {"aws:PrincipalArn": "*"}"#,
                &["wildcard-principal"],
            ),
            (
                r#""*""#,
                "sts:AssumeRole",
                r#""StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}"#,
                &["wildcard-principal"],
            ),
            (foreign, "sts:AssumeRole", "", &["confused-deputy"]),
            (
                r#"{"AWS": "arn:aws:iam::210987654321:role/vendor"}"#,
                "sts:AssumeRole",
                "",
                &["confused-deputy"],
            ),
            (foreign, "sts:AssumeRole", r#""StringEquals": {"sts:ExternalId": "x"}"#, &[]),
            (
                foreign,
                "sts:AssumeRole",
                r#""StringLike": {"sts:ExternalId": "*"}"#,
                &["confused-deputy"],
            ),
            (
                foreign,
                "sts:AssumeRole",
                r#""StringLike": {"sts:ExternalId": "?*"}"#,
                &["confused-deputy"],
            ),
            (
                foreign,
                "sts:AssumeRole",
                r#""StringEquals": {"sts:ExternalId": "${sts:ExternalId}"}"#,
                &["confused-deputy"],
            ),
            (foreign, "sts:TagSession", "", &[]),
            (r#"{"AWS": "arn:aws:iam::123456789012:root"}"#, "sts:AssumeRole", "", &[]),
            (r#"{"Service": "ec2.amazonaws.com"}"#, "sts:AssumeRole", "", &[]),
            (&provider, web, "", &["federated-without-audience", "shared-issuer"]),
            (&provider, web, &format!(r#""StringEquals": {{{aud}}}"#), &["shared-issuer"]),
            (
                &provider,
                web,
                &format!(r#""StringEquals": {{{aud}, "{github}:sub": "repo:acme/a:x"}}"#),
                &[],
            ),
            // Every subject begins so.
            (
                &provider,
                web,
                &format!(
                    r#""StringEquals": {{{aud}}}, "StringLike": {{"{github}:sub": "repo:*"}}"#
                ),
                &["shared-issuer"],
            ),
            (
                own_idp,
                web,
                r#""StringEquals": {"login.example.com/a:aud": "x", "login.example.com/a:sub": "y"}"#,
                &[],
            ),
            (
                own_idp,
                web,
                r#""StringEquals": {"login.example.com/a:aud": "x"}"#,
                &["federated-without-subject"],
            ),
            (
                own_idp,
                web,
                r#""StringEquals": {"login.example.com/a:aud": "x"}, "StringLike": {"login.example.com/a:sub": "?*"}"#,
                &["federated-without-subject"],
            ),
            (
                own_idp,
                web,
                r#""StringEquals": {"login.example.com/a:aud": "x", "login.example.com/a:sub": "${login.example.com/a:sub}"}"#,
                &["federated-without-subject"],
            ),
            (
                own_idp,
                web,
                r#""StringEquals": {"login.example.com/a:aud": "x"}, "StringLike": {"login.example.com/a:sub": "team/*"}"#,
                &[],
            ),
            // IAM asks for the subject, however well another claim says who.
            (
                &provider,
                web,
                &format!(
                    r#""StringEquals": {{{aud}}}, "StringLike": {{"{github}:repository": "acme/*"}}"#
                ),
                &["shared-issuer"],
            ),
            (
                &provider,
                web,
                &format!(
                    r#""StringEquals": {{{aud}}}, "StringLikeIfExists": {{"{github}:sub": "repo:acme/*"}}"#
                ),
                &["shared-issuer"],
            ),
            (
                &provider,
                web,
                &format!(
                    r#""StringEquals": {{{aud}}}, "StringNotLike": {{"{github}:sub": "repo:evil/*"}}"#
                ),
                &["shared-issuer"],
            ),
            (
                &provider,
                web,
                &format!(
                    r#""StringEquals": {{{aud}}}, "StringLike": {{"{github}:sub": ["repo:acme/*", "repo:a*"]}}"#
                ),
                &["shared-issuer"],
            ),
            (
                cognito,
                web,
                r#""StringEquals": {"cognito-identity.amazonaws.com:aud": "us-east-1:x"}"#,
                &["federated-without-subject"],
            ),
            (
                cognito,
                web,
                r#""ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "authenticated"}"#,
                &["federated-without-audience", "shared-issuer"],
            ),
            (
                cognito,
                web,
                r#""StringEquals": {"cognito-identity.amazonaws.com:aud": "us-east-1:x"},
                   "ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "authenticated"}"#,
                &[],
            ),
            (saml, "sts:AssumeRoleWithSAML", "", &["federated-without-audience"]),
            (saml, "sts:AssumeRoleWithSAML", r#""StringEquals": {"saml:aud": "https://x"}"#, &[]),
        ] {
            trust(principal, action, condition, want);
        }
    }

    /// What CreateRole refuses is an error, by the very measure that it refuses by.
    #[test]
    fn an_error_is_what_is_not_saved() {
        let google = r#"{"Federated": "accounts.google.com"}"#;
        let own = r#"{"Federated": "arn:aws:iam::123456789012:oidc-provider/login.example.com"}"#;
        let aud = r#""StringEquals": {"accounts.google.com:aud": "app"}"#;
        let any = r#""StringLike": {"accounts.google.com:sub": "*"}"#;
        let many = r#""StringLike": {"accounts.google.com:sub": "1*"}"#;
        for (principal, condition, errors) in
            [(google, "", 1), (google, any, 1), (google, many, 1), (google, aud, 0), (own, "", 0)]
        {
            let statement = format!(
                r#""Effect": "Allow", "Principal": {principal},
                    "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {{{condition}}}"#
            );
            let text = format!(r#"{{"Version": "2012-10-17", "Statement": {{{statement}}}}}"#);
            let count = |kind| review(&text, kind, None).count(Severity::Error);
            assert_eq!(count(None), errors, "{principal} {condition}");
            let policy = Policy::parse(&text, daypass_policy::Kind::Trust).unwrap();
            assert_eq!(policy.unguarded_issuer().is_some(), errors == 1, "{principal} {condition}");
            // Nobody saves it as the policy of a role.
            let text = text.replace(r#""Action""#, r#""Resource": "*", "Action""#);
            assert_eq!(review(&text, Some(KindName::Resource), None).count(Severity::Error), 0);
        }
    }

    #[test]
    fn trust_policies_that_let_nobody_in() {
        let never = &["never-matches"][..];
        let a = "arn:aws:iam::123456789012:oidc-provider/a.example/x";
        let one = format!(r#"{{"Federated": "{a}"}}"#);
        let slash = format!(r#"{{"Federated": "{a}/"}}"#);
        let two = format!(
            r#"{{"Federated": ["{a}", "arn:aws:iam::123456789012:oidc-provider/b.example"]}}"#
        );
        let saml = r#"{"Federated": "arn:aws:iam::123456789012:saml-provider/P"}"#;
        let mixed = format!(r#"{{"Federated": "{a}", "AWS": "123456789012"}}"#);
        let either =
            format!(r#"{{"Federated": ["{a}", "arn:aws:iam::123456789012:saml-provider/P"]}}"#);
        for (principal, condition, want) in [
            (&*one, r#""StringEquals": {"b.example:sub": "s"}"#, never),
            (&one, r#""StringEquals": {"saml:sub": "s"}"#, never),
            (&one, r#""StringEquals": {"a.example:sub": "s"}"#, never),
            (&one, r#""Null": {"b.example:sub": "false"}"#, never),
            (&one, r#""StringLike": {"B.example/x:sub": "*"}"#, never),
            // What is not there is no obstacle to these.
            (&one, r#""StringNotEquals": {"b.example:sub": "s"}"#, &[]),
            (&one, r#""StringEqualsIfExists": {"b.example:sub": "s"}"#, &[]),
            (&one, r#""Null": {"b.example:sub": "true"}"#, &[]),
            (&one, r#""StringEquals": {"A.Example/X:SUB": "s"}"#, &[]),
            (&slash, r#""StringEquals": {"a.example/x:sub": "s"}"#, &[]),
            (&one, r#""StringEquals": {"aws:SourceVpc": "v"}"#, &[]),
            (&one, r#""StringEquals": {"sts:RoleSessionName": "n"}"#, &[]),
            (&one, r#""StringEquals": {"iam:ResourceTag/team": "t"}"#, &[]),
            // One of the providers has the key.
            (&two, r#""StringEquals": {"b.example:sub": "s"}"#, &[]),
            (&two, r#""StringEquals": {"c.example:sub": "s"}"#, never),
            (
                &two,
                r#""StringEquals": {"b.example:sub": "s"}, "StringLike": {"a.example/x:sub": "s"}"#,
                never,
            ),
            (&either, r#""StringEquals": {"saml:sub": "s"}"#, &[]),
            (saml, r#""StringEquals": {"a.example/x:sub": "s"}"#, never),
            (saml, r#""StringEquals": {"saml:sub": "s"}"#, &[]),
            // Whoever began with a token and chains has its keys.
            (&mixed, r#""StringEquals": {"b.example:sub": "s"}"#, &[]),
            // Every token has a subject.
            (&one, r#""StringEquals": {"a.example/x:sub": []}"#, never),
            (&one, r#""StringEqualsIfExists": {"a.example/x:sub": []}"#, never),
            (&one, r#""ForAllValues:StringLike": {"a.example/x:sub": []}"#, never),
            (&one, r#""Null": {"a.example/x:sub": "true"}"#, never),
            (&one, r#""Null": {"a.example/x:sub": "false"}"#, &[]),
            (&one, r#""StringNotEquals": {"a.example/x:sub": []}"#, &[]),
            (&one, r#""StringEqualsIfExists": {"a.example/x:team": []}"#, &[]),
            (&two, r#""StringEqualsIfExists": {"a.example/x:sub": []}"#, &[]),
        ] {
            for effect in ["Allow", "Deny"] {
                let text = format!(
                    r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "{effect}",
                        "Principal": {principal}, "Condition": {{{condition}}},
                        "Action": ["sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"]}}}}"#
                );
                let mut found = codes(&text, Some(KindName::Trust));
                found.retain(|code| code == "never-matches");
                assert_eq!(found, want, "{effect} {principal} {condition}");
            }
        }
    }

    #[test]
    fn without_an_account_only_whole_accounts_are_strangers() {
        for (principal, want) in [
            ("arn:aws:iam::123456789012:root", 1),
            ("123456789012", 1),
            ("arn:aws:iam::123456789012:role/app", 0),
        ] {
            let text = format!(
                r#"{{"Statement": {{"Effect": "Allow", "Principal": {{"AWS": "{principal}"}},
                    "Action": "sts:AssumeRole"}}}}"#
            );
            assert_eq!(review(&text, None, None).notes.len(), want, "{principal}");
        }
    }

    #[test]
    fn what_is_granted_too_widely() {
        for (statement, want) in [
            (r#""Effect": "Allow", "Action": "*", "Resource": "*""#, &["allows-everything"][..]),
            (r#""Effect": "Deny", "Action": "*", "Resource": "*""#, &[]),
            (r#""Effect": "Allow", "Action": "iam:PassRole", "Resource": "*""#, &["pass-role-any"]),
            (
                r#""Effect": "Allow", "Action": "iam:Pass*", "Resource": "arn:aws:iam::123456789012:role/*""#,
                &["pass-role-any"],
            ),
            (
                r#""Effect": "Allow", "Action": "iam:*", "Resource": "arn:aws:iam::*:*""#,
                &["pass-role-any"],
            ),
            (
                r#""Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::111111111111:role/**""#,
                &["pass-role-any"],
            ),
            (
                r#""Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::111111111111:role/?*""#,
                &["pass-role-any"],
            ),
            (
                r#""Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::111111111111:role/a*""#,
                &[],
            ),
            (
                r#""Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::111111111111:role/*/*""#,
                &[],
            ),
            (
                r#""Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::111111111111:user/*""#,
                &[],
            ),
            (
                r#""Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::123456789012:role/app""#,
                &[],
            ),
            (r#""Effect": "Allow", "Action": "iam:GetUser", "Resource": "*""#, &[]),
            (r#""Effect": "Allow", "NotAction": "iam:*", "Resource": "*""#, &["not-action-allow"]),
            (
                r#""Effect": "Allow", "NotAction": "s3:*", "Resource": "*""#,
                &["not-action-allow", "pass-role-any"],
            ),
            (r#""Effect": "Deny", "NotAction": "s3:*", "Resource": "*""#, &[]),
        ] {
            identity(statement, want);
        }
        let full = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
        assert_eq!(codes(full, Some(KindName::Scp)), [""; 0]);
        assert_eq!(codes(full, Some(KindName::Boundary)), ["version-2012"]);
    }

    #[test]
    fn names_that_nobody_knows() {
        for (action, want) in [
            ("iam:GetUser", &[][..]),
            ("IAM:getuser", &[]),
            ("iam:Get*", &[]),
            ("iam:PassRole", &[]),
            ("sts:TagSession", &[]),
            ("iam:GetUsers", &["unknown-action"]),
            ("iam:Fetch*", &["unknown-action"]),
            ("sts:AssumeRol", &["unknown-action"]),
            ("s3:Nonsense", &[]),
        ] {
            identity(&format!(r#""Effect": "Deny", "Action": "{action}", "Resource": "*""#), want);
        }
        for (condition, want) in [
            (r#""StringEquals": {"aws:PrincipalTag/team": "a"}"#, &[][..]),
            (r#""StringEquals": {"aws:PrincipleTag/team": "a"}"#, &["unknown-condition-key"]),
            (r#""StringEquals": {"sts:ExternalID": "a"}"#, &[]),
            (
                r#""StringEquals": {"aws:ResourceTag/o": "${aws:usernam}"}"#,
                &["unknown-condition-key"],
            ),
            (r#""StringEquals": {"aws:ResourceTag/o": "${aws:username}"}"#, &[]),
            (r#""StringEquals": {"aws:ResourceTag/o": "${aws:TagKeys}"}"#, &["variable-of-list"]),
        ] {
            let statement = format!(
                r#""Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {{{condition}}}"#
            );
            identity(&statement, want);
        }
    }

    #[test]
    fn conditions_that_surprise() {
        for (effect, condition, want) in [
            (
                "Allow",
                r#""StringEquals": {"aws:PrincipalArn": "arn:aws:iam::*:role/a"}"#,
                &["wildcard-is-text"][..],
            ),
            ("Allow", r#""StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/a"}"#, &[]),
            ("Allow", r#""StringEquals": {"s3:prefix": "${*}"}"#, &[]),
            ("Allow", r#""StringEquals": {"aws:SourceIp": "192.0.2.1"}"#, &["operator-type"]),
            (
                "Allow",
                r#""ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}"#,
                &["for-all-values-empty"],
            ),
            (
                "Allow",
                r#""ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}, "Null": {"aws:TagKeys": "false"}"#,
                &[],
            ),
            ("Deny", r#""ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}"#, &[]),
            ("Deny", r#""StringEquals": {"aws:TagKeys": ["a"]}"#, &["set-operator-missing"]),
            (
                "Deny",
                r#""ForAnyValue:StringEquals": {"aws:username": "a"}"#,
                &["set-operator-on-single"],
            ),
            ("Deny", r#""Bool": {"aws:MultiFactorAuthPresent": "false"}"#, &["mfa-key-absent"]),
            ("Deny", r#""BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}"#, &[]),
            (
                "Allow",
                r#""BoolIfExists": {"aws:MultiFactorAuthPresent": true}"#,
                &["mfa-key-absent"],
            ),
            ("Allow", r#""Bool": {"aws:MultiFactorAuthPresent": true}"#, &[]),
            ("Allow", r#""Null": {"aws:MultiFactorAuthPresent": false}"#, &["mfa-key-absent"]),
            (
                "Deny",
                r#""StringEquals": {"aws:MultiFactorAuthPresent": "false"}"#,
                &["mfa-key-absent"],
            ),
            (
                "Deny",
                r#""StringLike": {"aws:MultiFactorAuthPresent": "False"}"#,
                &["mfa-key-absent"],
            ),
            ("Deny", r#""StringEqualsIfExists": {"aws:MultiFactorAuthPresent": "false"}"#, &[]),
            ("Deny", r#""StringNotEquals": {"aws:MultiFactorAuthPresent": "true"}"#, &[]),
            (
                "Allow",
                r#""StringNotEquals": {"aws:MultiFactorAuthPresent": "false"}"#,
                &["mfa-key-absent"],
            ),
            ("Allow", r#""StringEquals": {"aws:MultiFactorAuthPresent": "true"}"#, &[]),
            (
                "Deny",
                r#""NumericGreaterThan": {"aws:MultiFactorAuthAge": "3600"}"#,
                &["mfa-key-absent"],
            ),
            (
                "Deny",
                r#""NumericGreaterThanEquals": {"aws:MultiFactorAuthAge": 3600}"#,
                &["mfa-key-absent"],
            ),
            ("Deny", r#""NumericGreaterThanIfExists": {"aws:MultiFactorAuthAge": "3600"}"#, &[]),
            ("Allow", r#""NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}"#, &[]),
            (
                "Allow",
                r#""NumericLessThanIfExists": {"aws:MultiFactorAuthAge": "3600"}"#,
                &["mfa-key-absent"],
            ),
            // One value, the others several.
            ("Deny", r#""StringEquals": {"saml:edupersonprincipalname": "a"}"#, &[]),
            ("Deny", r#""StringEquals": {"saml:eduPersonOrgDN": "a"}"#, &[]),
            (
                "Deny",
                r#""StringEquals": {"s3:prefix": "${saml:edupersonprimaryaffiliation}"}"#,
                &[],
            ),
            (
                "Deny",
                r#""ForAnyValue:StringEquals": {"saml:edupersonprimaryorgunitdn": "a"}"#,
                &["set-operator-on-single"],
            ),
            (
                "Deny",
                r#""StringEquals": {"saml:edupersonaffiliation": "a"}"#,
                &["set-operator-missing"],
            ),
            ("Deny", r#""StringEquals": {"AWS:SourceOwner": "111111111111"}"#, &[]),
        ] {
            let statement = format!(
                r#""Effect": "{effect}", "Action": "s3:*", "Resource": "*", "Condition": {{{condition}}}"#
            );
            identity(&statement, want);
        }
        let old = r#"{"Statement": {"Effect": "Deny", "Action": "s3:*",
            "Resource": "arn:aws:s3:::b/${aws:username}"}}"#;
        assert_eq!(codes(old, None), ["version-2012", "variable-is-text"]);
    }

    #[test]
    fn statements_that_never_match() {
        let never = &["never-matches"][..];
        for (effect, condition, want) in [
            (
                "Allow",
                r#""Null": {"aws:username": "true"}, "StringEquals": {"aws:username": "a"}"#,
                never,
            ),
            (
                "Allow",
                r#""Null": {"aws:username": "false"}, "StringEquals": {"aws:username": "a"}"#,
                &[],
            ),
            (
                "Allow",
                r#""Null": {"aws:username": "true"}, "StringEqualsIfExists": {"aws:username": "a"}"#,
                &[],
            ),
            (
                "Allow",
                r#""Null": {"aws:username": "true"}, "StringNotEquals": {"aws:username": "a"}"#,
                &[],
            ),
            // An empty name would be absent and be there, which a Deny counts as matching.
            (
                "Deny",
                r#""Null": {"aws:username": "true"}, "StringLike": {"aws:username": "*"}"#,
                &[],
            ),
            (
                "Deny",
                r#""StringEquals": {"k:x": ["a"]}, "StringNotEquals": {"k:x": ["b", "a"]}"#,
                never,
            ),
            (
                "Deny",
                r#""StringEquals": {"k:x": ["a", "c"]}, "StringNotEquals": {"k:x": ["b", "a"]}"#,
                &[],
            ),
            (
                "Deny",
                r#""StringEquals": {"k:x": "a"}, "ForAnyValue:StringNotEquals": {"k:x": "a"}"#,
                &[],
            ),
            (
                "Deny",
                r#""StringEquals": {"k:x": "${a:b}"}, "StringNotEquals": {"k:x": "${a:b}"}"#,
                &[],
            ),
            (
                "Deny",
                r#""StringEquals": {"aws:username": "a"}, "StringLike": {"aws:username": "b"}"#,
                never,
            ),
            (
                "Deny",
                r#""StringEquals": {"aws:username": "a"}, "StringEqualsIgnoreCase": {"aws:username": "A"}"#,
                &[],
            ),
            (
                "Deny",
                r#""StringEquals": {"aws:username": "a"}, "StringLike": {"aws:username": "b*"}"#,
                &[],
            ),
            // A key that may have both.
            ("Deny", r#""StringEquals": {"k:x": "a"}, "StringLike": {"k:x": "b"}"#, &[]),
            (
                "Allow",
                r#""NumericLessThan": {"aws:MultiFactorAuthAge": 5}, "NumericGreaterThan": {"aws:MultiFactorAuthAge": 5}"#,
                never,
            ),
            (
                "Allow",
                r#""NumericLessThanEquals": {"aws:MultiFactorAuthAge": 5}, "NumericGreaterThanEquals": {"aws:MultiFactorAuthAge": 5}"#,
                &[],
            ),
            (
                "Deny",
                r#""NumericLessThan": {"sts:DurationSeconds": 5}, "NumericGreaterThan": {"sts:DurationSeconds": 5}"#,
                &[],
            ),
            // Key names ignore case.
            (
                "Deny",
                r#""StringEquals": {"aws:username": ["a", "b"]}, "StringLike": {"AWS:UserName": ["c", "d"]}"#,
                never,
            ),
            (
                "Deny",
                r#""ArnLike": {"aws:PrincipalArn": "arn:aws:sts::123456789012:assumed-role/R/*"}"#,
                never,
            ),
            (
                "Deny",
                r#""ArnNotLike": {"aws:PrincipalArn": "arn:aws:sts::123456789012:assumed-role/R/*"}"#,
                &[],
            ),
            ("Allow", r#""StringEquals": {"aws:username": []}"#, never),
        ] {
            let statement = format!(
                r#""Effect": "{effect}", "Action": "s3:*", "Resource": "*", "Condition": {{{condition}}}"#
            );
            identity(&statement, want);
        }
        for (action, resource, want) in [
            ("iam:GetUser", "arn:aws:s3:::b", never),
            ("sts:AssumeRole", "arn:aws:iam::123456789012:role/x", &[]),
            ("iam:GetUser", "*", &[]),
            ("s3:GetObject", "arn:aws:iam::123456789012:user/x", &[]),
        ] {
            let statement =
                format!(r#""Effect": "Allow", "Action": "{action}", "Resource": "{resource}""#);
            identity(&statement, want);
        }
    }

    #[test]
    fn policies_of_resources() {
        for (statement, want) in [
            (r#""Effect": "Allow", "Principal": "*""#, &["wildcard-principal"][..]),
            (r#""Effect": "Deny", "Principal": "*""#, &[]),
            (
                r#""Effect": "Allow", "NotPrincipal": {"AWS": "123456789012"}"#,
                &["not-principal-allow"],
            ),
            (
                r#""Effect": "Deny", "NotPrincipal": {"AWS": "123456789012"}"#,
                &["not-principal-deny"],
            ),
            (
                r#""Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}"#,
                &["service-without-source"],
            ),
            (
                r#""Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"},
                   "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}}"#,
                &[],
            ),
            (
                r#""Effect": "Deny", "Principal": {"Service": ["sns.amazonaws.com", "SNS.a.b"]}"#,
                &["service-in-upper-case"],
            ),
            (
                r#""Effect": "Allow", "Principal": {"Service": "Sns.amazonaws.com"},
                   "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}}"#,
                &["service-in-upper-case"],
            ),
        ] {
            let text = format!(
                r#"{{"Statement": {{{statement}, "Action": "s3:GetObject", "Resource": "*"}}}}"#
            );
            assert_eq!(codes(&text, None), want, "{statement}");
        }
    }

    #[test]
    fn conditions_that_let_everybody_in() {
        let (anyone, service) = (r#""*""#, r#"{"Service": "sns.amazonaws.com"}"#);
        let wide = &["wildcard-principal"][..];
        let foreign = &["service-without-source"][..];
        for (principal, condition, want) in [
            (anyone, r#""StringEquals": {"aws:username": "Ann"}"#, wide),
            (anyone, r#""ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/Admin"}"#, wide),
            (anyone, r#""ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:*"}"#, wide),
            (anyone, r#""StringLike": {"aws:PrincipalArn": "?*"}"#, wide),
            (anyone, r#""StringLike": {"aws:userid": "*:admin"}"#, wide),
            (anyone, r#""StringLike": {"aws:PrincipalAccount": "1*"}"#, wide),
            (anyone, r#""StringLike": {"aws:SourceVpce": "vpce-*"}"#, wide),
            (anyone, r#""IpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}"#, wide),
            (
                anyone,
                r#""StringEquals": {"aws:PrincipalAccount": "${aws:PrincipalAccount}"}"#,
                wide,
            ),
            (anyone, r#""StringEquals": {"aws:PrincipalAccount": "111111111111"}"#, &[]),
            (anyone, r#""StringEquals": {"AWS:SourceOwner": "111111111111"}"#, &[]),
            // One condition that says it is enough.
            (
                anyone,
                r#""StringEquals": {"aws:username": "Ann", "aws:PrincipalAccount": "111111111111"}"#,
                &[],
            ),
            (service, r#""ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}"#, foreign),
            (service, r#""ArnLike": {"aws:SourceArn": "arn:aws:sns:*:111111111111:*"}"#, &[]),
        ] {
            let text = format!(
                r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow",
                    "Principal": {principal}, "Action": "s3:GetObject", "Resource": "*",
                    "Condition": {{{condition}}}}}}}"#
            );
            assert_eq!(codes(&text, None), want, "{principal} {condition}");
        }
    }

    #[test]
    fn a_canonical_user_who_is_denied_is_everybody() {
        let id = "0123456789abcdef".repeat(4);
        for (effect, want) in [("Deny", &["canonical-user-deny"][..]), ("Allow", &[])] {
            let text = format!(
                r#"{{"Statement": {{"Effect": "{effect}", "Principal": {{"CanonicalUser": "{id}"}},
                    "Action": "s3:GetObject", "Resource": "*"}}}}"#
            );
            assert_eq!(codes(&text, None), want, "{effect}");
        }
    }

    #[test]
    fn managed_policies_have_the_newer_version() {
        let want = &["version-2012"][..];
        for (kind, version, want) in [
            (Some(KindName::Identity), "", want),
            (Some(KindName::Boundary), "", want),
            (None, r#""Version": "2008-10-17","#, want),
            (Some(KindName::Identity), r#""Version": "2012-10-17","#, &[]),
            (Some(KindName::Boundary), r#""Version": "2012-10-17","#, &[]),
            (Some(KindName::Session), "", &[]),
            (Some(KindName::Scp), "", &[]),
        ] {
            let text = format!(
                r#"{{{version} "Statement": {{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}}}}"#
            );
            assert_eq!(codes(&text, kind), want, "{kind:?} {version}");
        }
    }

    #[test]
    fn places_are_found_in_one_walk() {
        let text = "a\nbé\n\nc d";
        let mut places = Places::of(text);
        for at in [0, 0, 1, 2, 3, 5, 6, 7, 9, 9] {
            assert_eq!(places.to(at), Position::of(text, at), "{at}");
        }
    }

    /// How often a code is found in a large document.
    #[track_caller]
    fn count(statement: &str, kind: KindName, code: &str) -> usize {
        let text = format!(r#"{{"Statement": {{"Effect": "Allow", {statement}}}}}"#);
        assert!(text.len() < daypass_policy::MAX_CHARACTERS, "{}", text.len());
        codes(&text, Some(kind)).iter().filter(|found| *found == code).count()
    }

    /// A review that took time with the square of these numbers would take many seconds.
    #[test]
    fn large_documents_are_reviewed() {
        let list = |count: usize, of: &dyn Fn(usize) -> String| {
            (0..count).map(of).collect::<Vec<_>>().join(",")
        };
        let everything = r#""Action": "s3:*", "Resource": "*""#;
        let lists = format!(
            r#"{everything}, "Condition": {{"StringEquals": {{"aws:username": [{}]}},
               "StringEqualsIgnoreCase": {{"aws:username": [{}]}}}}"#,
            list(6000, &|n| format!(r#""a{n}""#)),
            list(6000, &|n| format!(r#""b{n}""#)),
        );
        assert_eq!(count(&lists, KindName::Identity, "never-matches"), 1);
        let keys = format!(
            r#"{everything}, "Condition": {{"ForAllValues:StringEquals": {{{}}}}}"#,
            list(5000, &|n| format!(r#""k:{n}": "a""#)),
        );
        assert_eq!(count(&keys, KindName::Identity, "for-all-values-empty"), 5000);
        let principals = format!(
            r#""Principal": {{"AWS": [{}]}}, "Action": "sts:AssumeRole",
               "Condition": {{"StringLike": {{{}}}}}"#,
            list(2000, &|_| r#""210987654321""#.to_owned()),
            list(1500, &|n| format!(r#""k:{n}": "a""#)),
        );
        assert_eq!(count(&principals, KindName::Trust, "confused-deputy"), 2000);
    }

    #[test]
    fn the_kind_is_guessed() {
        let of = |text: &str| review(text, None, None).kind;
        let allow = r#""Effect": "Allow""#;
        for (rest, want) in [
            (r#""Action": "s3:*", "Resource": "*""#, KindName::Identity),
            (r#""Principal": "*", "Action": "sts:AssumeRole""#, KindName::Trust),
            (r#""Principal": "*", "Action": "s3:*", "Resource": "*""#, KindName::Resource),
            (
                r#""Principal": "*", "Action": "sts:AssumeRole", "Resource": "*""#,
                KindName::Resource,
            ),
        ] {
            assert_eq!(of(&format!(r#"{{"Statement": {{{allow}, {rest}}}}}"#)), want, "{rest}");
        }
        assert_eq!(of("not json"), KindName::Identity);
        // Whoever writes the element means no identity policy, even if nobody is named.
        for principal in ["{}", "[]", r#"{"AWS": []}"#] {
            let text = format!(
                r#"{{"Statement": {{{allow}, "Principal": {principal}, "Action": "sts:AssumeRole"}}}}"#
            );
            assert_eq!(of(&text), KindName::Trust, "{principal}");
        }
    }

    #[test]
    fn an_error_has_its_place() {
        let text = "{\"Statement\": [\n  {\"Effect\": \"allow\"}\n]}";
        let review = review(text, None, None);
        let [note] = &*review.notes else { panic!("{review:?}") };
        assert_eq!(
            (note.severity, note.position.line, note.position.column),
            (Severity::Error, 2, 14)
        );
        assert_eq!(note.path, "Statement[0].Effect");
        assert!(note.message.ends_with("; IAM says: Syntax errors in policy."));
    }
}
