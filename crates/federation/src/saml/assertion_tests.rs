//! What an assertion must say, were it signed: rows of changes to a good one.

use jiff::Timestamp;

use super::xml::parse;
use super::{
    AWS_AUDIENCES, AWS_RECIPIENTS, AssertionCheck, Expected, RESPONSE_LIMITS, SamlFault,
    SamlIdentity, VerifiedAssertion,
};

const NOW: &str = "2026-11-23T02:00:00Z";

/// A good one, issued a minute ago.
const GOOD: &str = include_str!("testdata/assertion.xml");

const ROLE: &str = "arn:aws:iam::123456789012:role/Admin";
const PROVIDER: &str = "arn:aws:iam::123456789012:saml-provider/Corporate";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn verified(text: &str) -> VerifiedAssertion {
    VerifiedAssertion::of(&parse(text, &RESPONSE_LIMITS).unwrap())
}

fn checked_at(text: &str, now: &str) -> Result<SamlIdentity, SamlFault> {
    let (recipients, audiences) = (texts(&AWS_RECIPIENTS), texts(&AWS_AUDIENCES));
    let expected =
        Expected { recipients: &recipients, audiences: &audiences, now: time(now), skew_s: 60 };
    verified(text).check(&expected)
}

fn checked(text: &str) -> Result<SamlIdentity, SamlFault> {
    checked_at(text, NOW)
}

/// The good one with each first text replaced by the second.
fn with(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(GOOD.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

#[track_caller]
fn check(from: &str, to: &str, want: Result<(), SamlFault>) {
    assert_eq!(checked(&with(&[(from, to)])).map(|_| ()), want, "{from} -> {to}");
}

/// Replaces the values of the attribute that the good one has under that name.
fn with_values(name: &str, values: &[&str]) -> String {
    let begin = format!("<saml:Attribute Name=\"https://aws.amazon.com/SAML/Attributes/{name}\">");
    let (before, rest) = GOOD.split_once(&begin).unwrap();
    let (_, behind) = rest.split_once("</saml:Attribute>").unwrap();
    let values: String = values
        .iter()
        .map(|value| format!("<saml:AttributeValue>{value}</saml:AttributeValue>"))
        .collect();
    format!("{before}{begin}{values}</saml:Attribute>{behind}")
}

/// The good one with more in its attribute statement.
fn with_attributes(more: &str) -> String {
    let end = "</saml:AttributeStatement>";
    with(&[(end, &format!("{more}{end}"))])
}

fn attribute(name: &str, values: &[&str]) -> String {
    let values: String = values
        .iter()
        .map(|value| format!("<saml:AttributeValue>{value}</saml:AttributeValue>"))
        .collect();
    format!("<saml:Attribute Name=\"{name}\">{values}</saml:Attribute>")
}

#[test]
fn what_is_read_of_an_assertion() {
    let identity = checked(GOOD).unwrap();
    assert_eq!(identity.assertion_id, "_a1");
    assert_eq!(identity.issuer, "https://idp.example.com/metadata");
    assert_eq!(identity.subject, "alice@example.com");
    assert_eq!(identity.subject_type, "persistent");
    assert_eq!(identity.recipient, "https://signin.aws.amazon.com/saml");
    let pairs = [(ROLE, PROVIDER), (PROVIDER, "arn:aws:iam::123456789012:role/Reader")];
    assert_eq!(identity.roles, pairs.map(|(one, other)| (one.to_owned(), other.to_owned())));
    assert!(identity.may_assume(ROLE, PROVIDER));
    assert!(identity.may_assume("arn:aws:iam::123456789012:role/Reader", PROVIDER));
    assert!(!identity.may_assume("arn:aws:iam::123456789012:role/Other", PROVIDER));
    assert_eq!(identity.role_session_name, "alice@example.com");
    assert_eq!(identity.session_duration, Some(3600));
    assert_eq!(identity.session_not_on_or_after, Some(time("2026-11-23T10:00:00Z")));
    let tags = [("Department", "Sales"), ("CostCenter", "")];
    assert_eq!(identity.tags, tags.map(|(key, value)| (key.to_owned(), value.to_owned())));
    assert_eq!(identity.transitive_tag_keys, ["Department", "CostCenter"]);
    assert_eq!(identity.source_identity.as_deref(), Some("alice"));
    let keys = [
        ("saml:edupersonaffiliation", texts(&["staff", "member"])),
        ("saml:edupersontargetedid", texts(&["id-1"])),
        ("saml:surname", texts(&["Liddell"])),
    ];
    assert_eq!(identity.keys, keys);
    assert!(!identity.one_time_use);
    assert_eq!(identity.issued, time("2026-11-23T01:59:00Z"));
    // Five minutes after it was issued, and five more for the greatest difference of clocks.
    assert_eq!(identity.ends, time("2026-11-23T02:09:00Z"));
    assert_eq!(
        format!("{identity:?}"),
        "SamlIdentity { issuer: \"https://idp.example.com/metadata\", subject: \
         \"alice@example.com\", recipient: \"https://signin.aws.amazon.com/saml\", .. }"
    );
    let verified = verified(GOOD);
    assert_eq!(format!("{verified:?}"), "VerifiedAssertion(…)");
    assert!((1_000..8_000).contains(&verified.size()), "{}", verified.size());
}

#[test]
fn every_check_has_a_name_and_is_made() {
    let (recipients, audiences) = (texts(&AWS_RECIPIENTS), texts(&AWS_AUDIENCES));
    let expected =
        Expected { recipients: &recipients, audiences: &audiences, now: time(NOW), skew_s: 60 };
    let names = |text: &str| {
        let checks = verified(text).checks(&expected);
        let shown = checks.iter().map(|(check, outcome)| {
            format!("{}{}", check.name(), if outcome.is_ok() { "" } else { "!" })
        });
        shown.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(
        names(GOOD),
        "form, issuer, subject, subject confirmation, recipient, conditions, audience, validity, \
         freshness, session at the provider, attributes, Role, RoleSessionName, SessionDuration, \
         PrincipalTag, TransitiveTagKeys, SourceIdentity, condition keys"
    );
    // Whatever is wrong is told, and what cannot be known is left out.
    let all = parse(GOOD, &RESPONSE_LIMITS).unwrap();
    assert_eq!(VerifiedAssertion::of(&all).checks(&expected).len(), 18);
    assert_eq!(
        names("<a/>"),
        "form!, issuer!, subject!, subject confirmation!, conditions!, session at the provider, \
         attributes, Role!, RoleSessionName!, SessionDuration, PrincipalTag, TransitiveTagKeys, \
         SourceIdentity, condition keys"
    );
    let later = Expected { now: time("2027-01-01T00:00:00Z"), recipients: &[], ..expected };
    let refused = verified(GOOD).checks(&later).into_iter().filter(|(_, outcome)| outcome.is_err());
    let refused: Vec<AssertionCheck> = refused.map(|(check, _)| check).collect();
    use AssertionCheck::*;
    assert_eq!(refused, [Recipient, Validity, Freshness, Session]);
}

/// SAML core, sections 2.3.3 and 2.2.5.
#[test]
fn the_assertion_has_version_id_time_and_issuer() {
    const FORM: SamlFault = SamlFault::Form("Assertion");
    const ISSUER: SamlFault = SamlFault::Form("Issuer");
    let version = Err(SamlFault::Version("Assertion"));
    check("Version=\"2.0\"", "Version=\"1.1\"", version.clone());
    check("Version=\"2.0\"", "Version=\"2.00\"", version.clone());
    check("Version=\"2.0\"", "", version);
    check("ID=\"_a1\"", "", Err(FORM));
    check("ID=\"_a1\"", "ID=\"\"", Err(FORM));
    check("ID=\"_a1\"", "xml:ID=\"_a1\"", Err(FORM));
    check("IssueInstant=\"2026-11-23T01:59:00Z\"", "", Err(FORM));
    check("IssueInstant=\"2026-11-23T01:59:00Z\"", "IssueInstant=\"now\"", Err(FORM));
    check(
        "IssueInstant=\"2026-11-23T01:59:00Z\"",
        "IssueInstant=\"2026-11-23T02:59:00+01:00\"",
        Ok(()),
    );
    check("<saml:Subject>", "text<saml:Subject>", Err(FORM));
    check("<saml:Subject>", "<saml:Statement/><saml:Subject>", Err(FORM));
    check("<saml:Subject>", "<Subject xmlns='urn:other'/><saml:Subject>", Err(FORM));
    check("<saml:Subject>", "<saml:Advice/><saml:Subject>", Ok(()));
    let issuer = "<saml:Issuer>https://idp.example.com/metadata</saml:Issuer>";
    let check_issuer = |to: &str, want: Result<(), SamlFault>| check(issuer, to, want);
    check_issuer("", Err(SamlFault::Missing("Issuer")));
    check_issuer("<saml:Issuer/>", Err(ISSUER));
    check_issuer("<saml:Issuer>a<b/></saml:Issuer>", Err(ISSUER));
    check_issuer(
        "<saml:Issuer>a</saml:Issuer><saml:Issuer>a</saml:Issuer>",
        Err(SamlFault::Repeated("Issuer")),
    );
    check_issuer("<saml:Issuer>a\nb</saml:Issuer>", Err(ISSUER));
    check_issuer(&format!("<saml:Issuer>{}</saml:Issuer>", "i".repeat(1024)), Ok(()));
    check_issuer(&format!("<saml:Issuer>{}</saml:Issuer>", "i".repeat(1025)), Err(ISSUER));
    let format = |format: &str| format!("<saml:Issuer Format=\"{format}\">a</saml:Issuer>");
    check_issuer(&format("urn:oasis:names:tc:SAML:2.0:nameid-format:entity"), Ok(()));
    check_issuer(&format("urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"), Err(ISSUER));
    check_issuer(&format(""), Err(ISSUER));
}

/// SAML core, sections 2.4.1 and 8.3; federation.md, 1.2 and 1.4.
#[test]
fn the_subject_is_one_name() {
    const NAME: SamlFault = SamlFault::Form("NameID");
    const SUBJECT: SamlFault = SamlFault::Form("Subject");
    let name = "<saml:NameID Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:persistent\">alice@example.com</saml:NameID>";
    let check_name = |to: &str, want: Result<(), SamlFault>| check(name, to, want);
    // The one thing that is denied and not refused as a bad token.
    check_name("", Err(SamlFault::SubjectMissing));
    check_name("<saml:NameID/>", Err(NAME));
    check_name("<saml:NameID>a\nb</saml:NameID>", Err(NAME));
    check_name("<saml:NameID>a<saml:b/></saml:NameID>", Err(NAME));
    check_name("<NameID>a</NameID>", Err(SUBJECT));
    check_name(
        "<saml:NameID>a</saml:NameID><saml:NameID>a</saml:NameID>",
        Err(SamlFault::Repeated("NameID")),
    );
    check_name("<saml:BaseID/>", Err(SUBJECT));
    check_name("<saml:EncryptedID/>", Err(SUBJECT));
    check_name("<saml:NameID>a</saml:NameID><saml:EncryptedID/>", Err(SUBJECT));
    check_name("text<saml:NameID>a</saml:NameID>", Err(SUBJECT));
    check_name(&format!("<saml:NameID>{}</saml:NameID>", "n".repeat(1025)), Err(NAME));
    check("<saml:Subject>", "<saml:Subject/><saml:Subject>", Err(SamlFault::Repeated("Subject")));

    for (format, want) in [
        (Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"), Ok("persistent")),
        (Some("urn:oasis:names:tc:SAML:2.0:nameid-format:transient"), Ok("transient")),
        (Some("urn:oasis:names:tc:SAML:2.0:nameid-format:entity"), Ok("entity")),
        (
            Some("urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"),
            Ok("urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"),
        ),
        (Some("persistent"), Ok("persistent")),
        (None, Ok("urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified")),
        (Some(""), Err(NAME)),
        (Some("urn:oasis:names:tc:SAML:2.0:nameid-format:"), Err(NAME)),
    ] {
        let format = format.map_or_else(String::new, |format| format!(" Format='{format}'"));
        let text = with(&[(name, &format!("<saml:NameID{format}>a</saml:NameID>"))]);
        let got = checked(&text).map(|identity| identity.subject_type);
        assert_eq!(got, want.map(str::to_owned), "{format}");
    }
    let (before, rest) = GOOD.split_once("<saml:Subject>").unwrap();
    let (_, behind) = rest.split_once("</saml:Subject>").unwrap();
    let without = format!("{before}{behind}");
    assert_eq!(checked(&without).map(|_| ()), Err(SamlFault::SubjectMissing));
}

/// SAML profiles, section 4.1.4.2; federation.md, 1.2.
#[test]
fn one_bearer_confirms_the_subject() {
    let fault = || Err(SamlFault::SubjectConfirmation);
    let data = "<saml:SubjectConfirmationData NotOnOrAfter=\"2026-11-23T02:04:00Z\" Recipient=\"https://signin.aws.amazon.com/saml\"/>";
    let check_data = |to: &str, want: Result<(), SamlFault>| check(data, to, want);
    check_data("", fault());
    check_data(&format!("{data}{data}"), fault());
    check_data(
        "<saml:SubjectConfirmationData Recipient=\"https://signin.aws.amazon.com/saml\"/>",
        fault(),
    );
    check_data("<saml:SubjectConfirmationData NotOnOrAfter=\"2026-11-23T02:04:00Z\"/>", fault());
    check_data(&format!("<saml:NameID>a</saml:NameID>{data}"), fault());
    check_data(&format!("<saml:EncryptedID/>{data}"), fault());
    check_data(&format!("text{data}"), fault());
    check_data(&data.replace("/>", "><k/></saml:SubjectConfirmationData>"), fault());
    check_data(&data.replace("/>", ">k</saml:SubjectConfirmationData>"), fault());
    check_data(&data.replace("/>", ">\n</saml:SubjectConfirmationData>"), Ok(()));
    check_data(&data.replace("Recipient", "xmlns:x='urn:x' x:Recipient"), fault());
    let attribute = |more: &str| data.replace("/>", &format!(" {more}/>"));
    check_data(&attribute("NotBefore=\"2026-11-23T01:00:00Z\""), fault());
    check_data(&attribute("NotBefore=\"never\""), fault());
    // Nobody asked, or somebody did whom we do not know.
    check_data(&attribute("InResponseTo=\"_request\""), Ok(()));
    check_data(&attribute("Address=\"192.0.2.1\""), Ok(()));
    check("2026-11-23T02:04:00Z", "soon", fault());
    check("Recipient=\"https://signin.aws.amazon.com/saml\"", "Recipient=\"\"", fault());
    check("cm:bearer", "cm:sender-vouches", fault());
    check("cm:bearer", "cm:holder-of-key", fault());
    check(" Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\"", "", fault());
    // Another confirmation, before or behind, whatever its method.
    let end = "</saml:SubjectConfirmation>";
    for method in ["bearer", "holder-of-key"] {
        let another = format!(
            "<saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:{method}\">{data}{end}"
        );
        check(end, &format!("{end}{another}"), fault());
    }
}

/// The page of the reference says that `saml:aud` is the recipient.
#[test]
fn the_recipient_is_accepted() {
    let from = "https://signin.aws.amazon.com/saml\"";
    check(from, "https://eu-west-1.signin.aws.amazon.com/saml\"", Ok(()));
    for bad in [
        "https://signin.aws.amazon.com/saml/",
        "https://evil.example/saml",
        "https://*.signin.aws.amazon.com/saml",
        "https://signin.aws.amazon.com/saml https://evil.example",
    ] {
        check(from, &format!("{bad}\""), Err(SamlFault::Recipient));
    }
}

/// SAML core, section 2.5.1.
#[test]
fn conditions_are_understood_and_met() {
    const FORM: SamlFault = SamlFault::Form("Conditions");
    const RESTRICTION: SamlFault = SamlFault::Form("AudienceRestriction");
    let restriction = "<saml:AudienceRestriction><saml:Audience>urn:amazon:webservices</saml:Audience></saml:AudienceRestriction>";
    let check_with = |to: &str, want: Result<(), SamlFault>| check(restriction, to, want);
    let of = |audiences: &[&str]| {
        let audiences: String =
            audiences.iter().map(|one| format!("<saml:Audience>{one}</saml:Audience>")).collect();
        format!("<saml:AudienceRestriction>{audiences}</saml:AudienceRestriction>")
    };
    check_with("", Err(SamlFault::Audience));
    check_with(&of(&["https://signin.aws.amazon.com/saml"]), Ok(()));
    check_with(&of(&["urn:other", "urn:amazon:webservices"]), Ok(()));
    check_with(&of(&["\n  urn:amazon:webservices\n"]), Ok(()));
    check_with(&of(&["urn:other"]), Err(SamlFault::Audience));
    check_with(&of(&["urn:amazon:webservices:evil"]), Err(SamlFault::Audience));
    check_with(&of(&["urn:amazon:webservices urn:other"]), Err(SamlFault::Audience));
    check_with(&of(&["URN:amazon:webservices"]), Err(SamlFault::Audience));
    // All restrictions must be met, each by one audience.
    check_with(&format!("{restriction}{restriction}"), Ok(()));
    check_with(&format!("{restriction}{}", of(&["urn:other"])), Err(SamlFault::Audience));
    check_with(&format!("{}{restriction}", of(&["urn:other"])), Err(SamlFault::Audience));
    check_with(&of(&[]), Err(RESTRICTION));
    check_with(&of(&[""]), Err(RESTRICTION));
    check_with(&of(&["urn:amazon:webservices<b/>"]), Err(RESTRICTION));
    check_with(
        "<saml:AudienceRestriction>urn:amazon:webservices</saml:AudienceRestriction>",
        Err(RESTRICTION),
    );
    check_with(
        "<saml:AudienceRestriction><Audience>urn:amazon:webservices</Audience></saml:AudienceRestriction>",
        Err(RESTRICTION),
    );
    let many = vec!["urn:amazon:webservices"; 101];
    check_with(&of(&many), Err(SamlFault::Many("Audience")));
    check_with(&of(many.get(1..).unwrap()), Ok(()));

    check_with(&format!("{restriction}<saml:Condition/>"), Err(FORM));
    check_with(&format!("{restriction}<x:Delegation xmlns:x='urn:x'/>"), Err(FORM));
    check_with(&format!("{restriction}text"), Err(FORM));
    check_with(&format!("{restriction}<saml:ProxyRestriction Count='0'/>"), Ok(()));
    let twice = "<saml:ProxyRestriction/><saml:ProxyRestriction/>";
    check_with(&format!("{restriction}{twice}"), Err(SamlFault::Repeated("ProxyRestriction")));
    check_with(
        &format!("{restriction}<saml:OneTimeUse/><saml:OneTimeUse/>"),
        Err(SamlFault::Repeated("OneTimeUse")),
    );
    let once = with(&[(restriction, &format!("{restriction}<saml:OneTimeUse/>"))]);
    assert!(checked(&once).unwrap().one_time_use);

    check(
        "<saml:Conditions ",
        "<saml:Conditions/><saml:Conditions ",
        Err(SamlFault::Repeated("Conditions")),
    );
    let (before, rest) = GOOD.split_once("<saml:Conditions ").unwrap();
    let (_, behind) = rest.split_once("</saml:Conditions>").unwrap();
    let without = checked(&format!("{before}{behind}")).map(|_| ());
    assert_eq!(without, Err(SamlFault::Missing("Conditions")));
    let (from, to) =
        ("NotBefore=\"2026-11-23T01:55:00Z\"", "NotOnOrAfter=\"2026-11-23T02:55:00Z\"");
    check(from, "NotBefore=\"yesterday\"", Err(FORM));
    check(to, "NotOnOrAfter=\"\"", Err(FORM));
    check(to, "NotOnOrAfter=\"2026-11-23T01:55:00Z\"", Err(FORM));
    check(from, "", Ok(()));
    check(to, "", Ok(()));
}

/// To the second, with the skew of a minute.
#[test]
fn times_are_those_of_now() {
    let check = |changes: &[(&str, &str)], now: &str, want: Result<(), SamlFault>| {
        assert_eq!(checked_at(&with(changes), now).map(|_| ()), want, "{changes:?} at {now}");
    };
    let issued = time("2026-11-23T01:59:00Z");
    // `Token must be redeemed within 5 minutes of issuance`.
    let open = [("2026-11-23T02:04:00Z", "2026-11-23T03:00:00Z")];
    check(&open, "2026-11-23T02:04:59.999Z", Ok(()));
    let now = time("2026-11-23T02:05:00Z");
    check(&open, "2026-11-23T02:05:00Z", Err(SamlFault::TooOld { now, issued }));
    check(&open, "2026-11-23T01:58:00Z", Ok(()));
    let now = time("2026-11-23T01:57:59Z");
    check(&open, "2026-11-23T01:57:59Z", Err(SamlFault::IssuedAhead { now, issued }));

    // The bearer's time.
    let part = "SubjectConfirmationData";
    let short = [("2026-11-23T02:04:00Z", "2026-11-23T02:00:00Z")];
    let ended = time("2026-11-23T02:00:00Z");
    check(&short, "2026-11-23T02:00:59Z", Ok(()));
    let now = time("2026-11-23T02:01:00Z");
    check(&short, "2026-11-23T02:01:00Z", Err(SamlFault::Expired { part, now, ended }));

    // The conditions.
    let part = "Conditions";
    let short = [("2026-11-23T02:55:00Z", "2026-11-23T02:00:00Z")];
    check(&short, "2026-11-23T02:00:59Z", Ok(()));
    check(&short, "2026-11-23T02:01:00Z", Err(SamlFault::Expired { part, now, ended }));
    let late = [("2026-11-23T01:55:00Z", "2026-11-23T02:02:00Z")];
    let not_before = time("2026-11-23T02:02:00Z");
    check(&late, "2026-11-23T02:01:00Z", Ok(()));
    let now = time("2026-11-23T02:00:59Z");
    check(&late, "2026-11-23T02:00:59Z", Err(SamlFault::NotYetValid { part, now, not_before }));

    // The subject's session, without skew: the earliest of several ends.
    let part = "AuthnStatement";
    let session = |end: &'static str| [("2026-11-23T10:00:00Z", end)];
    check(&session("2026-11-23T02:00:01Z"), NOW, Ok(()));
    let now = time(NOW);
    check(&session(NOW), NOW, Err(SamlFault::Expired { part, now, ended: now }));
    check(&session("tomorrow"), NOW, Err(SamlFault::Form("SessionNotOnOrAfter")));
    let statement = "<saml:AuthnStatement ";
    let two = format!("<saml:AuthnStatement SessionNotOnOrAfter='{NOW}'/>{statement}");
    check(&[(statement, &two)], NOW, Err(SamlFault::Expired { part, now, ended: now }));
    let two =
        format!("<saml:AuthnStatement SessionNotOnOrAfter='2026-11-23T03:00:00Z'/>{statement}");
    let identity = checked(&with(&[(statement, &two)])).unwrap();
    assert_eq!(identity.session_not_on_or_after, Some(time("2026-11-23T03:00:00Z")));
    let none = with(&[(" SessionNotOnOrAfter=\"2026-11-23T10:00:00Z\"", "")]);
    assert_eq!(checked(&none).unwrap().session_not_on_or_after, None);
}

/// Whatever is configured, the skew is 0 to 300 seconds; and when an assertion ends, it ends.
#[test]
fn the_skew_is_bounded() {
    let (recipients, audiences) = (texts(&AWS_RECIPIENTS), texts(&AWS_AUDIENCES));
    let assertion = verified(&with(&[("2026-11-23T02:04:00Z", "2026-11-23T03:00:00Z")]));
    let check = |now: &str, skew_s: i64, want: bool| {
        let (recipients, audiences) = (&recipients, &audiences);
        let expected = Expected { recipients, audiences, now: time(now), skew_s };
        assert_eq!(assertion.check(&expected).is_ok(), want, "{now}, {skew_s}");
    };
    for skew in [0, -1, i64::MIN] {
        check("2026-11-23T02:03:59Z", skew, true);
        check("2026-11-23T02:04:00Z", skew, false);
        check("2026-11-23T01:58:59Z", skew, false);
    }
    for skew in [300, 301, i64::MAX] {
        check("2026-11-23T02:08:59Z", skew, true);
        // What `ends` says.
        check("2026-11-23T02:09:00Z", skew, false);
    }
}

/// IAM user guide, page "Configure SAML assertions for the authentication response".
#[test]
fn the_attribute_role_has_pairs() {
    let check = |values: &[&str], want: Result<&[(&str, &str)], SamlFault>| {
        let got = checked(&with_values("Role", values)).map(|identity| identity.roles);
        let owned = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect()
        };
        assert_eq!(got, want.map(owned), "{values:?}");
    };
    check(&["r,p"], Ok(&[("r", "p")]));
    check(&[" r , p\n"], Ok(&[("r", "p")]));
    check(&["r,p", "p2,r2", "r,p"], Ok(&[("r", "p"), ("p2", "r2"), ("r", "p")]));
    check(&[], Err(SamlFault::RoleMissing));
    for bad in ["", "r", "r,", ",p", ",", "r,p,q", "r,p,", " , ", "r;p", "r<b/>,p"] {
        check(&[bad], Err(SamlFault::Role));
        check(&["r,p", bad], Err(SamlFault::Role));
    }
    let prefix = "https://aws.amazon.com/SAML/Attributes/";
    // Names are exact.
    for other in ["role", "Roles", "Role ", "Role/"] {
        let text = with(&[(&format!("{prefix}Role\""), &format!("{prefix}{other}\""))]);
        assert_eq!(checked(&text).map(|_| ()), Err(SamlFault::RoleMissing), "{other}");
    }
    // The values of all pieces count, in several statements too.
    let pieces = with_attributes(&format!(
        "{}</saml:AttributeStatement><saml:AttributeStatement>{}",
        attribute(&format!("{prefix}Role"), &["r3,p3"]),
        attribute(&format!("{prefix}Role"), &["r4,p4"]),
    ));
    assert_eq!(checked(&pieces).unwrap().roles.len(), 4);
}

#[test]
fn single_values_have_their_patterns() {
    use SamlFault::*;
    let check = |name: &str, values: &[&str], want: Result<(), SamlFault>| {
        assert_eq!(checked(&with_values(name, values)).map(|_| ()), want, "{name}: {values:?}");
    };
    let long = "n".repeat(64);
    for good in ["ab", "a_b+c=d,e.f@g-h", &long] {
        check("RoleSessionName", &[good], Ok(()));
        check("SourceIdentity", &[good], Ok(()));
    }
    let longer = "n".repeat(65);
    for bad in
        ["", "a", &longer, "a b", " ab", "ab\n", "a:b", "a/b", "\u{e4}\u{f6}", "a<b/>", "aws:a"]
    {
        check("RoleSessionName", &[bad], Err(RoleSessionName));
        check("SourceIdentity", &[bad], Err(SourceIdentity));
    }
    check("RoleSessionName", &[], Err(RoleSessionNameMissing));
    check("RoleSessionName", &["ab", "ab"], Err(RoleSessionName));
    check("SourceIdentity", &[], Ok(()));
    check("SourceIdentity", &["ab", "cd"], Err(SourceIdentity));
    check("SourceIdentity", &["AWS:ab"], Err(SourceIdentity));
    for good in ["900", "43200", "3600", "0900"] {
        check("SessionDuration", &[good], Ok(()));
    }
    for bad in [
        "",
        "899",
        "43201",
        "-900",
        "+900",
        "900.0",
        " 900",
        "1h",
        "9e2",
        "99999999999999999999",
        "<b/>",
    ] {
        check("SessionDuration", &[bad], Err(SessionDuration));
    }
    check("SessionDuration", &[], Ok(()));
    check("SessionDuration", &["900", "900"], Err(SessionDuration));
    // The same attribute in two pieces has two values.
    let name = "https://aws.amazon.com/SAML/Attributes/RoleSessionName";
    let text = with_attributes(&attribute(name, &["other"]));
    assert_eq!(checked(&text).map(|_| ()), Err(RoleSessionName));
}

/// STS user guide, page "Pass session tags in AWS STS".
#[test]
fn tags_have_one_value_each() {
    let name = |key: &str| format!("https://aws.amazon.com/SAML/Attributes/PrincipalTag:{key}");
    let check = |more: &str, want: Result<&[(&str, &str)], SamlFault>| {
        let got = checked(&with_attributes(more)).map(|identity| identity.tags);
        let got = got.map(|tags| tags.into_iter().skip(2).collect::<Vec<_>>());
        let owned = |tags: &[(&str, &str)]| {
            tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        assert_eq!(got, want.map(owned), "{more}");
    };
    let fault = || Err(SamlFault::PrincipalTag);
    check(&attribute(&name("a"), &["1"]), Ok(&[("a", "1")]));
    check(&attribute(&name("a:b/c d"), &["x y"]), Ok(&[("a:b/c d", "x y")]));
    check(&attribute(&name("a"), &[]), Ok(&[]));
    check(&attribute(&name("a"), &["1", "2"]), fault());
    check(&attribute(&name(""), &["1"]), fault());
    check(&attribute(&name("a"), &["<b/>"]), fault());
    let twice = format!("{}{}", attribute(&name("a"), &["1"]), attribute(&name("a"), &["2"]));
    check(&twice, fault());
    // Which of these are the same key is decided where tags are.
    let cases = format!("{}{}", attribute(&name("a"), &["1"]), attribute(&name("A"), &["2"]));
    check(&cases, Ok(&[("a", "1"), ("A", "2")]));
    check(&attribute("https://aws.amazon.com/SAML/Attributes/principaltag:a", &["1"]), Ok(&[]));
    check(&attribute("PrincipalTag:a", &["1"]), Ok(&[]));

    let keys = with_values("TransitiveTagKeys", &["a", "<b/>"]);
    assert_eq!(checked(&keys).map(|_| ()), Err(SamlFault::TransitiveTagKeys));
    let keys = checked(&with_values("TransitiveTagKeys", &[])).unwrap();
    assert!(keys.transitive_tag_keys.is_empty());
}

/// SAML core, section 2.7.3.1.1: null is no value, and what is empty is one.
#[test]
fn null_is_no_value() {
    let null = |name: &str, attributes: &str, text: &str| {
        let value = format!("<saml:AttributeValue {attributes}>{text}</saml:AttributeValue>");
        attribute(name, &[]).replace("></", &format!(">{value}</"))
    };
    let nil = "xmlns:i='http://www.w3.org/2001/XMLSchema-instance' i:nil";
    let tag = "https://aws.amazon.com/SAML/Attributes/PrincipalTag:a";
    let tags = |attributes: &str, text: &str| {
        let got = checked(&with_attributes(&null(tag, attributes, text)));
        got.map(|identity| identity.tags.into_iter().skip(2).map(|(_, value)| value).collect())
    };
    let none: Vec<String> = Vec::new();
    assert_eq!(tags(&format!("{nil}='true'"), ""), Ok(none.clone()));
    assert_eq!(tags(&format!("{nil}='1'"), ""), Ok(none));
    assert_eq!(tags(&format!("{nil}='false'"), "x"), Ok(texts(&["x"])));
    assert_eq!(tags(&format!("{nil}='false'"), ""), Ok(texts(&[""])));
    assert_eq!(tags("", ""), Ok(texts(&[""])));
    // Of no namespace, or of another one, it is another attribute.
    assert_eq!(tags("nil='true'", "x"), Ok(texts(&["x"])));
    assert_eq!(tags("xmlns:i='urn:i' i:nil='true'", "x"), Ok(texts(&["x"])));
    // Null, and something all the same: not everybody would read it.
    let form = Err(SamlFault::Form("AttributeStatement"));
    assert_eq!(tags(&format!("{nil}='true'"), "x"), form);
    assert_eq!(tags(&format!("{nil}='true'"), "<b/>"), form);
    // What may be left out may be null; what must be there may not.
    let identity = |name: &str| {
        let text = with_values(name, &[""]);
        let begin = format!("SAML/Attributes/{name}\"><saml:AttributeValue");
        checked(&text.replacen(&begin, &format!("{begin} {nil}='true'"), 1))
    };
    assert_eq!(identity("SourceIdentity").map(|identity| identity.source_identity), Ok(None));
    assert_eq!(identity("SessionDuration").map(|identity| identity.session_duration), Ok(None));
    assert_eq!(identity("Role").map(|_| ()), Err(SamlFault::RoleMissing));
    assert_eq!(identity("RoleSessionName").map(|_| ()), Err(SamlFault::RoleSessionNameMissing));
}

/// federation.md, 1.4.
#[test]
fn attributes_become_condition_keys() {
    let check = |more: &str, key: &'static str, want: Result<Option<&[&str]>, ()>| {
        let got = checked(&with_attributes(more)).map(|identity| {
            let found = identity.keys.into_iter().find(|(other, _)| *other == key);
            found.map(|(_, values)| values)
        });
        let want = want.map(|values| values.map(texts)).map_err(|()| SamlFault::ConditionKey(key));
        assert_eq!(got, want, "{more}");
    };
    let mail = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";
    check(&attribute(mail, &["a@example.com"]), "saml:mail", Ok(Some(&["a@example.com"])));
    check(&attribute(mail, &[""]), "saml:mail", Ok(Some(&[""])));
    check(&attribute(mail, &[]), "saml:mail", Ok(None));
    // One claim for each key: the first of the table.
    let both =
        format!("{}{}", attribute("0.9.2342.19200300100.1.3", &["b"]), attribute(mail, &["a"]));
    check(&both, "saml:mail", Ok(Some(&["a"])));
    let principal = "urn:oid:1.3.6.1.4.1.5923.1.1.1.6";
    check(&attribute(principal, &["a"]), "saml:edupersonprincipalname", Ok(Some(&["a"])));
    check(&attribute(principal, &["a", "b"]), "saml:edupersonprincipalname", Err(()));
    check(&attribute(principal, &["<b/>"]), "saml:edupersonprincipalname", Err(()));
    let cn = "urn:oid:2.5.4.3";
    check(&attribute(cn, &["a", "b"]), "saml:cn", Ok(Some(&["a", "b"])));
    check(&attribute(cn, &["a", "<b/>"]), "saml:cn", Err(()));
    let sid = "http://schemas.microsoft.com/ws/2008/06/identity/claims/primarygroupsid";
    check(&attribute(sid, &["S-1"]), "saml:uid", Ok(Some(&["S-1"])));
    check(&attribute(sid, &["S-1"]), "saml:primaryGroupSID", Ok(Some(&["S-1"])));
    // Nothing that an assertion says becomes a key that is ours to say.
    for own in ["saml:aud", "saml:doc", "saml:iss", "saml:sub", "saml:namequalifier"] {
        check(&attribute(own, &["evil"]), own, Ok(None));
    }
}

/// SAML core, section 2.7.3.
#[test]
fn attributes_that_mean_nothing_may_be_anything() {
    const FORM: SamlFault = SamlFault::Form("AttributeStatement");
    let check = |more: &str, want: Result<(), SamlFault>| {
        let what = more.get(..200).unwrap_or(more);
        assert_eq!(checked(&with_attributes(more)).map(|_| ()), want, "{what}");
    };
    check(&attribute("other", &["a", "<b><c/></b>", ""]), Ok(()));
    check("<saml:Attribute Name='other'/>", Ok(()));
    check("<saml:Attribute/>", Err(FORM));
    check("<saml:Attribute Name=''/>", Err(FORM));
    check("<saml:Attribute Name='other'>text</saml:Attribute>", Err(FORM));
    check("<saml:Attribute Name='other'><b/></saml:Attribute>", Err(FORM));
    check("<saml:EncryptedAttribute/>", Err(FORM));
    check("<Attribute Name='other'/>", Err(FORM));
    check("text", Err(FORM));
    // The good one has ten attributes with thirteen values.
    let many = |number: usize| attribute("other", &[]).repeat(number);
    check(&many(490), Ok(()));
    check(&many(491), Err(SamlFault::Many("Attribute")));
    check(&attribute("other", &vec!["v"; 1_987]), Ok(()));
    check(&attribute("other", &vec!["v"; 1_988]), Err(SamlFault::Many("Attribute")));
    let without = |text: &str| {
        let (before, rest) = text.split_once("<saml:AttributeStatement>").unwrap();
        let (_, behind) = rest.split_once("</saml:AttributeStatement>").unwrap();
        format!("{before}{behind}")
    };
    assert_eq!(checked(&without(GOOD)).map(|_| ()), Err(SamlFault::RoleMissing));
}
