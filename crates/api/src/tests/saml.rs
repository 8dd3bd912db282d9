//! AssumeRoleWithSAML: whose assertions become sessions, what the sessions are, and what is recorded.

use std::sync::{Arc, LazyLock};

use daypass_directory::SamlSettingsChange;
use daypass_federation::testing::saml::{SamlResponse, SamlSigner, Signs, encoded};
use daypass_federation::testing::saml_encryption::{Encryption, SamlRecipient};
use daypass_names::{AccountId, Constrained, SamlProviderName};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::world::{ACCOUNT, Answer, World, encode, noted, statement};
use crate::Received;

const ROLE: &str = "arn:aws:iam::123456789012:role/Deploy";
const PROVIDER: &str = "arn:aws:iam::123456789012:saml-provider/Corp";
const ENTITY: &str = "https://idp.example.com/saml";
const RECIPIENT: &str = "https://signin.aws.amazon.com/saml";
/// The base64 of the SHA-1 of `https://idp.example.com/saml123456789012/Corp`.
pub(super) const QUALIFIER: &str = "F4n4tHfsTNbdJ8Yl1OzB++/YKYg=";

const DENIED: &str = "Not authorized to perform sts:AssumeRoleWithSAML";
const INVALID: &str = "InvalidIdentityToken";
const EXPIRED: &str = "ExpiredTokenException";
const SIGNATURE: &str = "Response signature invalid";

/// The key of the identity provider, and one that is nobody's.
static KEY: LazyLock<SamlSigner> = LazyLock::new(SamlSigner::p256);
static OTHER: LazyLock<SamlSigner> = LazyLock::new(SamlSigner::p256);

/// A deployment with a provider, and a role that trusts it.
pub(super) struct Saml {
    pub(super) world: World,
}

impl Saml {
    pub(super) async fn new() -> Self {
        let saml = Self { world: World::new().await };
        let create = [
            ("Action", "CreateSAMLProvider"),
            ("Name", "Corp"),
            ("SAMLMetadataDocument", &KEY.metadata(ENTITY)),
        ];
        saml.world.iam(&saml.world.admin, &create).await.ok();
        let all = statement("Allow", "*", "*");
        saml.world.role("Deploy", &trusts(PROVIDER, ""), Some(&all)).await;
        saml
    }

    /// Gives the role another trust policy.
    async fn trust(&self, policy: &str) {
        let update = [
            ("Action", "UpdateAssumeRolePolicy"),
            ("RoleName", "Deploy"),
            ("PolicyDocument", policy),
        ];
        self.world.iam(&self.world.admin, &update).await.ok();
    }

    /// A good response, now.
    pub(super) fn response(&self) -> SamlResponse {
        let mut response = SamlResponse::at(self.world.now());
        response.role(ROLE, PROVIDER);
        response
    }

    pub(super) fn request(&self, assertion: &str, more: &[(&str, &str)]) -> Received {
        let mut params = vec![
            ("Action", "AssumeRoleWithSAML"),
            ("RoleArn", ROLE),
            ("PrincipalArn", PROVIDER),
            ("SAMLAssertion", assertion),
        ];
        for (name, value) in more {
            params.retain(|(there, _)| there != name);
            params.push((name, value));
        }
        self.world.unsigned(Method::POST, "/", &form(&params))
    }

    pub(super) async fn send(&self, assertion: &str, more: &[(&str, &str)]) -> Answer {
        self.world.send(self.request(assertion, more)).await
    }

    pub(super) async fn assume(&self, response: &SamlResponse, more: &[(&str, &str)]) -> Answer {
        self.send(&sealed(response), more).await
    }

    /// The newest record.
    fn record(&self) -> Value {
        self.world.records().pop().unwrap()
    }

    async fn set(&self, change: SamlSettingsChange) {
        let account = AccountId::parse(ACCOUNT).unwrap();
        let name = SamlProviderName::parse("Corp").unwrap();
        let directory = &self.world.app.directory;
        let provider = directory.saml_provider(account, &name).await.unwrap();
        directory.change_saml_settings(account, provider.id, &change, &noted).await.unwrap();
    }
}

fn form(params: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| format!("{}={}&", encode(name), encode(value));
    let params: String = params.iter().map(pair).collect();
    format!("{params}Version=2011-06-15")
}

/// The parameter, with the assertion signed by the provider.
pub(super) fn sealed(response: &SamlResponse) -> String {
    encoded(&response.signed(&KEY, Signs::Assertion))
}

/// A trust policy that lets in the subjects of a provider.
pub(super) fn trusts(provider: &str, condition: &str) -> String {
    let condition =
        if condition.is_empty() { String::new() } else { format!(r#","Condition":{condition}"#) };
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"Federated":"{provider}"}},"Action":["sts:AssumeRoleWithSAML","sts:TagSession","sts:SetSourceIdentity"]{condition}}}}}"#
    )
}

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

#[tokio::test]
async fn an_assertion_becomes_a_session() {
    let saml = Saml::new().await;
    let response = saml.response();
    let answer = saml.assume(&response, &[]).await.ok();
    for (element, want) in [
        ("Subject", "alice"),
        ("SubjectType", "persistent"),
        ("Issuer", ENTITY),
        ("Audience", RECIPIENT),
        ("NameQualifier", QUALIFIER),
        ("Arn", "arn:aws:sts::123456789012:assumed-role/Deploy/alice"),
        ("Expiration", "2026-01-02T04:04:05Z"),
    ] {
        assert_eq!(answer.text(element), Some(want), "{element}");
    }
    assert_eq!(answer.text("PackedPolicySize"), None);
    assert_eq!(answer.text("SourceIdentity"), None);
    let session = answer.credentials();
    let who = saml.world.whoami(&session).await.ok();
    assert_eq!(who.text("Arn"), Some("arn:aws:sts::123456789012:assumed-role/Deploy/alice"));
    saml.world.iam(&session, &[("Action", "ListUsers")]).await.ok();
    // The response, or both, may be signed as well.
    for signs in [Signs::Response, Signs::Both] {
        saml.send(&encoded(&response.signed(&KEY, signs)), &[]).await.ok();
    }
    // White space within is that of MIME; what reads a file sends its end of line.
    let text = sealed(&response);
    let (start, rest) = text.split_at(76);
    saml.send(&format!("{start}\r\n{rest}\n"), &[]).await.ok();
    let query = form(&[
        ("Action", "AssumeRoleWithSAML"),
        ("RoleArn", ROLE),
        ("PrincipalArn", PROVIDER),
        ("SAMLAssertion", &text),
    ]);
    let request = saml.world.unsigned(Method::GET, &format!("/?{query}"), "");
    saml.world.send(request).await.ok();
}

/// Sts-api reference, section 4: the call is the assertion's. What signs it must be right all the same.
#[tokio::test]
async fn a_signature_that_is_there_must_be_right() {
    let saml = Saml::new().await;
    let text = sealed(&saml.response());
    let mut signed = saml.request(&text, &[]);
    saml.world.sign(&mut signed, &saml.world.admin, "sts");
    saml.world.send(signed).await.ok();
    assert_eq!(saml.record()["userIdentity"]["type"], "SAMLUser");
    let mut wrong = saml.world.admin.clone();
    wrong.secret_access_key = {
        use daypass_names::SecretAccessKey;
        SecretAccessKey::parse("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEX").unwrap()
    };
    let mut signed = saml.request(&text, &[]);
    saml.world.sign(&mut signed, &wrong, "sts");
    assert_eq!(saml.world.send(signed).await.text("Code"), Some("SignatureDoesNotMatch"));
}

/// Sts-api reference, section 5.3; federation reference, section 1.2.
#[tokio::test]
async fn section_5_3_responses_that_are_refused() {
    let saml = Saml::new().await;
    let now = saml.world.now();
    let good = || saml.response();
    let changed = |change: &dyn Fn(&mut SamlResponse)| {
        let mut response = good();
        change(&mut response);
        sealed(&response)
    };
    let own = |text: &str| format!("Invalid SAML response: {text}.");
    let mut unnamed = good();
    unnamed.attributes.retain(|(name, _)| !name.ends_with("RoleSessionName"));
    let mut roleless = good();
    roleless.attributes.retain(|(name, _)| !name.ends_with("/Role"));
    let signed = |response: &SamlResponse, signer: &SamlSigner| {
        encoded(&response.signed(signer, Signs::Assertion))
    };
    let document = good().signed(&KEY, Signs::Assertion);
    let issuer = "Issuer not present in specified provider (service: AWSOpenIdDiscoveryService; \
                  status code: 400; error code: AuthSamlInvalidSamlResponseException)";
    let name = "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}";
    let identity =
        "Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with \"aws:\"";
    let over = |response: &mut SamlResponse| {
        response.not_before = now - seconds(240);
        response.not_on_or_after = now - seconds(61);
        response.issued = now - seconds(240);
    };
    for (what, text, status, code, message) in [
        ("another key", signed(&good(), &OTHER), 400, INVALID, SIGNATURE.to_owned()),
        ("not signed", encoded(&good().document()), 400, INVALID, SIGNATURE.to_owned()),
        (
            "changed",
            encoded(&document.replacen(">alice<", ">mallory<", 1)),
            400,
            INVALID,
            SIGNATURE.to_owned(),
        ),
        (
            "another issuer",
            changed(&|r| r.issuer = "https://idp.example.com/other".to_owned()),
            400,
            INVALID,
            issuer.to_owned(),
        ),
        (
            "another audience",
            changed(&|r| r.audience = "https://sts.example.com".to_owned()),
            400,
            INVALID,
            "Response does not contain the required audience.".to_owned(),
        ),
        (
            "another recipient",
            changed(&|r| r.recipient = "https://evil.example/saml".to_owned()),
            400,
            INVALID,
            own("the Recipient of the SubjectConfirmationData is none that is accepted"),
        ),
        (
            "too old",
            changed(&|r| {
                r.issued = now - seconds(361);
                r.not_before = r.issued;
            }),
            400,
            EXPIRED,
            "Token must be redeemed within 5 minutes of issuance".to_owned(),
        ),
        ("over", changed(&over), 400, EXPIRED, "Response has expired".to_owned()),
        (
            "the session is over",
            changed(&|r| r.session_not_on_or_after = Some(now - seconds(61))),
            400,
            EXPIRED,
            "Response has expired".to_owned(),
        ),
        (
            "the session is over but for the skew",
            changed(&|r| r.session_not_on_or_after = Some(now - seconds(1))),
            400,
            EXPIRED,
            "Response has expired".to_owned(),
        ),
        (
            "no name",
            sealed(&unnamed),
            400,
            INVALID,
            "RoleSessionName is required in AuthnResponse".to_owned(),
        ),
        (
            "a bad name",
            sealed(&good().with("RoleSessionName", &["a b"])),
            400,
            INVALID,
            name.to_owned(),
        ),
        (
            "a bad source identity",
            sealed(&good().with("SourceIdentity", &["aws:ann"])),
            400,
            INVALID,
            identity.to_owned(),
        ),
        (
            "a bad tag",
            sealed(&good().with("PrincipalTag:team!", &["x"])),
            400,
            INVALID,
            "The session tags of the SAML assertion must satisfy their constraints.".to_owned(),
        ),
        ("no role", sealed(&roleless), 403, "AccessDenied", DENIED.to_owned()),
        (
            "no base64",
            "<samlp:Response/>".to_owned(),
            400,
            INVALID,
            own("the SAML response is not base64 of a text in UTF-8"),
        ),
        (
            "no response",
            encoded("<a xmlns='urn:x'/>"),
            400,
            INVALID,
            own("the document is no Response of SAML 2.0"),
        ),
    ] {
        let answer = saml.send(&text, &[]).await;
        assert_eq!(
            answer.text("Message").map(|m| m.replace("&quot;", "\"")).as_deref(),
            Some(message.as_str()),
            "{what}"
        );
        assert_eq!((answer.status, answer.text("Code")), (status, Some(code)), "{what}");
    }
    let nameless = good().document();
    let (before, rest) = nameless.split_once("<saml:NameID").unwrap();
    let (_, behind) = rest.split_once("</saml:NameID>").unwrap();
    let nameless = format!("{before}{behind}");
    let nameless = encoded(&KEY.signed(&nameless, "_assertion"));
    saml.send(&nameless, &[]).await.refused(403, "AccessDenied", DENIED);
}

/// Federation reference, section 1.2: the provider, and the pair of it and the role.
#[tokio::test]
async fn the_provider_and_the_role_must_be_those_of_the_assertion() {
    let saml = Saml::new().await;
    let text = sealed(&saml.response());
    let missing = "Specified provider doesn't exist";
    for provider in [
        "arn:aws:iam::123456789012:saml-provider/Other",
        "arn:aws:iam::123456789012:saml-provider/corp",
        "arn:aws:iam::210987654321:saml-provider/Corp",
        "arn:aws-cn:iam::123456789012:saml-provider/Corp",
        "arn:aws:iam:us-east-1:123456789012:saml-provider/Corp",
        "arn:aws:sts::123456789012:saml-provider/Corp",
        "arn:aws:iam::123456789012:saml-provider/Corp/x",
        "arn:aws:iam::123456789012:oidc-provider/Corp",
    ] {
        saml.send(&text, &[("PrincipalArn", provider)]).await.refused(400, INVALID, missing);
    }
    // Neither is told apart from a role that does not trust the provider.
    for role in ["Other", "deploy", "AWSReservedSSO_Admin_0123456789abcdef"] {
        let role = format!("arn:aws:iam::123456789012:role/{role}");
        saml.send(&text, &[("RoleArn", &role)]).await.refused(403, "AccessDenied", DENIED);
        let mut response = saml.response();
        response.role(&role, PROVIDER);
        saml.assume(&response, &[("RoleArn", &role)]).await.refused(403, "AccessDenied", DENIED);
    }
    // In whatever order, and with white space.
    let pair = |pair: &str| saml.response().with("Role", &[pair]);
    saml.assume(&pair(&format!(" {PROVIDER} , {ROLE} ")), &[]).await.ok();
    saml.assume(&pair(&format!("{ROLE},{PROVIDER}x")), &[]).await.refused(
        403,
        "AccessDenied",
        DENIED,
    );
    saml.trust(&trusts("arn:aws:iam::123456789012:saml-provider/Other", "")).await;
    saml.send(&text, &[]).await.refused(403, "AccessDenied", DENIED);
    let delete = [("Action", "DeleteSAMLProvider"), ("SAMLProviderArn", PROVIDER)];
    saml.world.iam(&saml.world.admin, &delete).await.ok();
    saml.send(&text, &[]).await.refused(400, INVALID, missing);
}

/// Another document takes the place of the keys at once, and metadata holds until it says.
#[tokio::test]
async fn the_metadata_is_what_it_is_now() {
    let saml = Saml::new().await;
    let text = sealed(&saml.response());
    saml.send(&text, &[]).await.ok();
    let update = async |document: &str| {
        let update = [
            ("Action", "UpdateSAMLProvider"),
            ("SAMLProviderArn", PROVIDER),
            ("SAMLMetadataDocument", document),
        ];
        saml.world.iam(&saml.world.admin, &update).await.ok();
    };
    update(&OTHER.metadata(ENTITY)).await;
    saml.send(&text, &[]).await.refused(400, INVALID, SIGNATURE);
    let theirs = encoded(&saml.response().signed(&OTHER, Signs::Assertion));
    saml.send(&theirs, &[]).await.ok();
    let until = saml.world.now() + seconds(100);
    let entity = format!("entityID=\"{ENTITY}\"");
    let metadata = KEY.metadata(ENTITY);
    assert!(metadata.contains(&entity));
    update(&metadata.replacen(&entity, &format!("{entity} validUntil=\"{until}\""), 1)).await;
    saml.send(&text, &[]).await.ok();
    saml.world.pass(99);
    saml.assume(&saml.response(), &[]).await.ok();
    saml.world.pass(1);
    let over = "The metadata of the specified provider is no longer valid";
    saml.assume(&saml.response(), &[]).await.refused(400, INVALID, over);
}

/// Federation reference, section 1.4.
#[tokio::test]
async fn trust_policies_decide_on_the_assertion() {
    let saml = Saml::new().await;
    let mut response = saml.response().with("SourceIdentity", &["ann"]);
    let attribute = |name: &str, values: &[&str]| {
        (name.to_owned(), values.iter().map(|value| (*value).to_owned()).collect())
    };
    response.attributes.push(attribute("urn:oid:1.3.6.1.4.1.5923.1.1.1.1", &["staff", "member"]));
    response.attributes.push(attribute("urn:oid:1.3.6.1.4.1.5923.1.1.1.6", &["ann@example.com"]));
    let text = sealed(&response);
    for (condition, is_let_in) in [
        (format!(r#"{{"StringEquals":{{"saml:aud":"{RECIPIENT}"}}}}"#), true),
        (r#"{"StringEquals":{"saml:aud":"urn:amazon:webservices"}}"#.to_owned(), false),
        (format!(r#"{{"StringEquals":{{"SAML:iss":"{ENTITY}"}}}}"#), true),
        (r#"{"StringEquals":{"saml:sub":"alice","saml:sub_type":"persistent"}}"#.to_owned(), true),
        (r#"{"StringEquals":{"saml:sub":"bob"}}"#.to_owned(), false),
        (format!(r#"{{"StringEquals":{{"saml:namequalifier":"{QUALIFIER}"}}}}"#), true),
        (r#"{"StringEquals":{"saml:doc":"123456789012/Corp"}}"#.to_owned(), true),
        (r#"{"ForAnyValue:StringEquals":{"saml:edupersonaffiliation":"staff"}}"#.to_owned(), true),
        (r#"{"ForAnyValue:StringEquals":{"saml:edupersonaffiliation":"dean"}}"#.to_owned(), false),
        (r#"{"StringEquals":{"saml:edupersonprincipalname":"ann@example.com"}}"#.to_owned(), true),
        (format!(r#"{{"StringEquals":{{"aws:FederatedProvider":"{PROVIDER}"}}}}"#), true),
        (r#"{"StringEquals":{"sts:RoleSessionName":"alice"}}"#.to_owned(), true),
        (r#"{"StringEquals":{"sts:SourceIdentity":"ann"}}"#.to_owned(), true),
    ] {
        saml.trust(&trusts(PROVIDER, &condition)).await;
        let answer = saml.send(&text, &[]).await;
        assert_eq!(answer.status == 200, is_let_in, "{condition}: {}", answer.body);
        if !is_let_in {
            answer.refused(403, "AccessDenied", DENIED);
        }
    }
    // The action is asked for by its name.
    let web = trusts(PROVIDER, "").replace("WithSAML", "WithWebIdentity");
    saml.trust(&web).await;
    saml.send(&text, &[]).await.refused(403, "AccessDenied", DENIED);
}

/// Federation reference, section 1.3.
#[tokio::test]
async fn tags_and_the_source_identity_come_from_attributes() {
    let saml = Saml::new().await;
    let response = saml
        .response()
        .with("PrincipalTag:Team", &["blue"])
        .with("PrincipalTag:CostCenter", &["7"])
        .with("TransitiveTagKeys", &["Team"])
        .with("SourceIdentity", &["ann"]);
    let answer = saml.assume(&response, &[]).await.ok();
    assert_eq!(answer.text("SourceIdentity"), Some("ann"));
    assert!(answer.text("PackedPolicySize").is_some());
    let asked = &saml.record()["requestParameters"];
    assert_eq!(asked["principalTags"], json!({ "Team": "blue", "CostCenter": "7" }));
    assert_eq!(asked["transitiveTagKeys"], json!(["Team"]));
    assert_eq!(asked["sourceIdentity"], "ann");
    let session = answer.credentials();
    let allowed = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue","aws:SourceIdentity":"ann"}}}}"#;
    saml.world.put_role_policy("Deploy", allowed).await;
    saml.world.iam(&session, &[("Action", "ListUsers")]).await.ok();
    // Both have to be allowed by the trust policy.
    let trust = trusts(PROVIDER, "");
    for action in ["\"sts:TagSession\",", ",\"sts:SetSourceIdentity\""] {
        assert!(trust.contains(action));
        saml.trust(&trust.replacen(action, "", 1)).await;
        saml.assume(&response, &[]).await.refused(403, "AccessDenied", DENIED);
    }
    saml.trust(&trust).await;
    let twice = saml.response().with("PrincipalTag:Team", &["a"]).with("PrincipalTag:team", &["b"]);
    let text = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
    saml.assume(&twice, &[]).await.refused(400, "InvalidParameterValue", text);
}

/// Sts-api reference, section 1.2.
#[tokio::test]
async fn durations_are_shortened_by_the_assertion_and_refused_beyond_the_role() {
    let saml = Saml::new().await;
    let update = [("Action", "UpdateRole"), ("RoleName", "Deploy"), ("MaxSessionDuration", "7200")];
    saml.world.iam(&saml.world.admin, &update).await.ok();
    let now = saml.world.now();
    let check =
        async |asked: Option<&str>, attribute: Option<&str>, ends: Option<i64>, want: i64| {
            let mut response = saml.response();
            if let Some(attribute) = attribute {
                response = response.with("SessionDuration", &[attribute]);
            }
            response.session_not_on_or_after = ends.map(|after| now + seconds(after));
            let more: Vec<_> = asked.map(|asked| ("DurationSeconds", asked)).into_iter().collect();
            let answer = saml.assume(&response, &more).await.ok();
            let until: Timestamp = answer.text("Expiration").unwrap().parse().unwrap();
            let lasts = until.as_second() - now.as_second();
            assert_eq!(lasts, want, "{asked:?} {attribute:?} {ends:?}");
        };
    check(None, None, None, 3600).await;
    check(Some("7200"), None, None, 7200).await;
    check(Some("7200"), Some("5400"), None, 5400).await;
    check(None, Some("7200"), None, 3600).await;
    check(None, Some("900"), None, 900).await;
    check(Some("1800"), Some("43200"), Some(86_400), 1800).await;
    check(Some("7200"), Some("5400"), Some(4000), 4000).await;
    check(None, None, Some(100), 100).await;
    let beyond = saml.assume(&saml.response(), &[("DurationSeconds", "7201")]).await;
    let text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    beyond.refused(400, "ValidationError", text);
}

/// Policy-language reference: what stays in the session.
#[tokio::test]
async fn the_session_keeps_who_it_came_from() {
    let saml = Saml::new().await;
    let session = saml.assume(&saml.response(), &[]).await.ok().credentials();
    let allowed = |condition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*","Condition":{condition}}}}}"#
        )
    };
    for (condition, is_allowed) in [
        (format!(r#"{{"StringEquals":{{"aws:FederatedProvider":"{PROVIDER}"}}}}"#), true),
        (format!(r#"{{"StringEquals":{{"saml:namequalifier":"{QUALIFIER}"}}}}"#), true),
        (r#"{"StringEquals":{"saml:sub":"alice","saml:sub_type":"persistent"}}"#.to_owned(), true),
        (r#"{"StringEquals":{"saml:sub":"bob"}}"#.to_owned(), false),
        (r#"{"StringLike":{"saml:aud":"*"}}"#.to_owned(), false),
        (r#"{"StringLike":{"saml:iss":"*"}}"#.to_owned(), false),
        (r#"{"StringLike":{"saml:doc":"*"}}"#.to_owned(), false),
    ] {
        saml.world.put_role_policy("Deploy", &allowed(&condition)).await;
        let answer = saml.world.iam(&session, &[("Action", "ListUsers")]).await;
        assert_eq!(answer.status == 200, is_allowed, "{condition}: {}", answer.body);
    }
    let context = &saml.record()["userIdentity"]["sessionContext"];
    assert_eq!(context["webIdFederationData"], json!({}));
    assert_eq!(context["sessionIssuer"]["userName"], "Deploy");
}

/// Audit reference, sections 2.1 and 3.
#[tokio::test]
async fn what_is_proven_is_recorded_and_the_assertion_is_not() {
    let saml = Saml::new().await;
    let text = sealed(&saml.response());
    let answer = saml.send(&text, &[("DurationSeconds", "900")]).await.ok();
    let record = saml.record();
    let who = json!({
        "type": "SAMLUser",
        "principalId": format!("{QUALIFIER}:alice"),
        "userName": "alice",
        "identityProvider": QUALIFIER,
    });
    assert_eq!(record["userIdentity"], who);
    assert_eq!(record["eventName"], "AssumeRoleWithSAML");
    assert_eq!(record["recipientAccountId"], ACCOUNT);
    assert_eq!(record["readOnly"], true);
    assert_eq!(record["additionalEventData"], Value::Null);
    let asked = json!({
        "sAMLAssertionID": "_assertion",
        "roleArn": ROLE,
        "roleSessionName": "alice",
        "principalArn": PROVIDER,
        "durationSeconds": 900,
    });
    assert_eq!(record["requestParameters"], asked);
    let got = &record["responseElements"];
    for (name, want) in [
        ("subject", "alice"),
        ("subjectType", "persistent"),
        ("issuer", ENTITY),
        ("audience", RECIPIENT),
        ("nameQualifier", QUALIFIER),
    ] {
        assert_eq!(got[name], want, "{name}");
    }
    assert_eq!(got["credentials"]["accessKeyId"], answer.text("AccessKeyId").unwrap());
    let resources = json!([
        { "ARN": ROLE, "accountId": ACCOUNT, "type": "AWS::IAM::Role" },
        { "ARN": PROVIDER, "accountId": ACCOUNT, "type": "AWS::IAM::SAMLProvider" },
    ]);
    assert_eq!(record["resources"], resources);

    // Once more, and refused, and not believed.
    saml.send(&text, &[]).await.ok();
    assert_eq!(saml.record()["additionalEventData"], json!({ "sAMLAssertionUsedAgain": true }));
    saml.trust(&trusts("arn:aws:iam::123456789012:saml-provider/Other", "")).await;
    saml.send(&text, &[]).await.refused(403, "AccessDenied", DENIED);
    let record = saml.record();
    assert_eq!(record["userIdentity"], who);
    assert_eq!(record["errorCode"], "AccessDenied");
    assert_eq!(record["requestParameters"], Value::Null);
    let before = saml.world.records().len();
    let forged = encoded(&saml.response().signed(&OTHER, Signs::Assertion));
    saml.send(&forged, &[]).await.refused(400, INVALID, SIGNATURE);
    assert_eq!(saml.world.records().len(), before);

    let secret = answer.text("SecretAccessKey").unwrap();
    let (start, _) = text.split_at(40);
    for line in saml.world.trail().lines().iter() {
        assert!(!line.contains(start) && !line.contains(secret), "{line}");
    }
}

/// Anybody of a company may be refused often: that does not fill the trail.
#[tokio::test]
async fn refusals_are_recorded_up_to_a_rate_and_then_counted() {
    let saml = Saml::new().await;
    saml.trust(&trusts("arn:aws:iam::123456789012:saml-provider/Other", "")).await;
    let before = saml.world.records().len();
    let text = sealed(&saml.response());
    for _ in 0..20 {
        saml.send(&text, &[]).await.refused(403, "AccessDenied", DENIED);
    }
    assert_eq!(saml.world.records().len() - before, 10);
    saml.world.pass(60);
    saml.world.app.deliver_notes().await.unwrap();
    let record = saml.record();
    assert_eq!(record["eventName"], "AssumeRoleWithSAML");
    assert_eq!(record["additionalEventData"]["refusedCalls"], 10);
    let who = json!({ "type": "SAMLUser", "identityProvider": PROVIDER });
    assert_eq!(record["userIdentity"], who);
}

/// Federation reference, section 1.2: encrypted assertions.
#[tokio::test]
async fn encrypted_assertions_are_opened_with_the_keys_of_the_provider() {
    let saml = Saml::new().await;
    let (one, two) = (SamlRecipient::generate(), SamlRecipient::generate());
    let update = async |more: &[(&str, &str)]| {
        let update = [&[("Action", "UpdateSAMLProvider"), ("SAMLProviderArn", PROVIDER)], more];
        saml.world.iam(&saml.world.admin, &update.concat()).await.ok();
    };
    let encrypted = |to: &SamlRecipient| {
        let signed = saml.response().signed(&KEY, Signs::Assertion);
        encoded(&to.encrypted(&signed, Encryption::USUAL))
    };
    let none = "Invalid SAML response: the Assertion is encrypted, and the provider has no private \
                key to decrypt it.";
    saml.send(&encrypted(&one), &[]).await.refused(400, INVALID, none);
    let (first, second) = (one.pem(), two.pem());
    update(&[("AddPrivateKey", &first), ("AssertionEncryptionMode", "Allowed")]).await;
    saml.send(&encrypted(&one), &[]).await.ok();
    assert_eq!(saml.record()["requestParameters"]["sAMLAssertionID"], "_assertion");
    let other = "Invalid SAML response: the Assertion cannot be decrypted with a private key of the \
                 provider.";
    saml.send(&encrypted(&two), &[]).await.refused(400, INVALID, other);
    update(&[("AddPrivateKey", &second)]).await;
    for recipient in [&one, &two] {
        saml.send(&encrypted(recipient), &[]).await.ok();
    }
    saml.assume(&saml.response(), &[]).await.ok();
    update(&[("AssertionEncryptionMode", "Required")]).await;
    saml.send(&encrypted(&two), &[]).await.ok();
    let plain =
        "Invalid SAML response: the Assertion is not encrypted, which the provider requires.";
    saml.assume(&saml.response(), &[]).await.refused(400, INVALID, plain);
}

/// Two at once are granted once, where the provider's assertions are good once.
#[tokio::test]
async fn an_assertion_that_is_good_once_is_used_once() {
    let saml = Saml::new().await;
    let refused = |answer: &Answer| {
        let text = "The SAML assertion has been used before, and is good for one use";
        answer.refused(400, INVALID, text);
    };
    let single = SamlSettingsChange { single_use: Some(true), skew: None };
    saml.set(single).await;
    let text = sealed(&saml.response());
    // What is refused leaves it to be used.
    let gone = [("PolicyArns.member.1.arn", "arn:aws:iam::123456789012:policy/gone")];
    assert_eq!(saml.send(&text, &gone).await.status, 400);
    let all = futures_of((0..8).map(|_| saml.send(&text, &[]))).await;
    let granted = all.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(granted, 1);
    all.iter().filter(|answer| answer.status != 200).for_each(refused);
    // Another of the same subject is another.
    let mut other = saml.response();
    other.assertion_id = "_other".to_owned();
    saml.assume(&other, &[]).await.ok();
    refused(&saml.assume(&other, &[]).await);
    // A diagnosis says so, and uses nothing up.
    other.assertion_id = "_third".to_owned();
    let account = AccountId::parse(ACCOUNT).unwrap();
    let name = SamlProviderName::parse("Corp").unwrap();
    let app = &saml.world.app;
    let provider = app.directory.saml_provider(account, &name).await.unwrap();
    let third = sealed(&other);
    for (text, is_good) in [(&text, false), (&third, true), (&third, true)] {
        let told = app.diagnose_saml(&provider, text).await;
        assert_eq!(told.is_accepted(), is_good, "{told:?}");
        assert!(told.checks.last().unwrap().detail.starts_with("it is good for one use, and was "));
    }
    // Marks go when nobody can use the assertion any longer.
    let directory = &saml.world.app.directory;
    assert_eq!(directory.purge_saml_uses(saml.world.now()).await.unwrap(), 0);
    saml.world.pass(2 * 3600);
    assert_eq!(directory.purge_saml_uses(saml.world.now()).await.unwrap(), 2);

    saml.set(SamlSettingsChange { single_use: Some(false), skew: None }).await;
    let response = saml.response();
    saml.assume(&response, &[]).await.ok();
    saml.assume(&response, &[]).await.ok();
    // Where they become good once, those that were used before are used.
    saml.set(single).await;
    refused(&saml.assume(&response, &[]).await);
    saml.set(SamlSettingsChange { single_use: Some(false), skew: None }).await;
    // One that says so itself.
    let once = response.document().replacen(
        "<saml:AudienceRestriction>",
        "<saml:OneTimeUse/><saml:AudienceRestriction>",
        1,
    );
    let once = once.replacen("_assertion", "_once", 1);
    let once = encoded(&KEY.signed(&once, "_once"));
    saml.send(&once, &[]).await.ok();
    refused(&saml.send(&once, &[]).await);
}

/// Polls all of them in turn until each has ended.
async fn futures_of<F: Future<Output = Answer>>(all: impl Iterator<Item = F>) -> Vec<Answer> {
    let mut waiting: Vec<_> = all.map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(|context| {
        for (future, answer) in &mut waiting {
            if answer.is_none()
                && let std::task::Poll::Ready(got) = future.as_mut().poll(context)
            {
                *answer = Some(got);
            }
        }
        match waiting.iter().all(|(_, answer)| answer.is_some()) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    waiting.into_iter().filter_map(|(_, answer)| answer).collect()
}

#[tokio::test]
async fn the_skew_is_the_providers() {
    let saml = Saml::new().await;
    let late = |by: i64| {
        let mut response = saml.response();
        response.issued += seconds(by);
        response.not_before = response.issued;
        response.not_on_or_after = response.issued + seconds(300);
        response
    };
    saml.assume(&late(60), &[]).await.ok();
    assert_eq!(saml.assume(&late(61), &[]).await.status, 400);
    let skew = daypass_directory::ClockSkew::of_seconds(300);
    saml.set(SamlSettingsChange { single_use: None, skew }).await;
    saml.assume(&late(300), &[]).await.ok();
    assert_eq!(saml.assume(&late(301), &[]).await.status, 400);
}

/// Parameters are looked at before the response.
#[tokio::test]
async fn what_is_asked_for_is_looked_at_first() {
    let saml = Saml::new().await;
    let text = sealed(&saml.response());
    let check = async |more: &[(&str, &str)], code: &str, message: &str| {
        let answer = saml.send(&text, more).await;
        assert_eq!(answer.text("Code"), Some(code), "{more:?}: {}", answer.body);
        assert!(answer.text("Message").unwrap().contains(message), "{more:?}: {}", answer.body);
    };
    check(&[("PrincipalArn", "nothing-valid-in-here")], "ValidationError", "").await;
    check(&[("RoleArn", "nothing-valid-in-here")], "ValidationError", "is invalid").await;
    check(&[("SAMLAssertion", "abc")], "ValidationError", "sAMLAssertion").await;
    let long = "A".repeat(100_001);
    check(&[("SAMLAssertion", &long)], "ValidationError", "less than or equal to 100000").await;
    check(&[("DurationSeconds", "899")], "ValidationError", "durationSeconds").await;
    check(&[("Policy", "{}")], "MalformedPolicyDocument", "").await;
    let answer = saml.send(&text, &[("SAMLAssertion", "x")]).await;
    assert!(!answer.body.contains("Value 'x'"), "{}", answer.body);
}

/// What is refused counts for the address that it came from, and for the provider there.
#[tokio::test]
async fn bad_responses_count_for_their_address() {
    let saml = Saml::new().await;
    let from = |text: &str, more: &[(&str, &str)]| {
        let mut request = saml.request(text, more);
        request.source_is_shared = false;
        request.source_ip = std::net::IpAddr::from([192, 0, 2, 1]);
        request
    };
    let forged = encoded(&saml.response().signed(&OTHER, Signs::Assertion));
    let burst = crate::RateLimit::ADDRESS.burst();
    let fail = async || {
        for number in 0..burst {
            let answer = saml.world.send(from(&forged, &[])).await;
            assert_eq!(answer.text("Code"), Some(INVALID), "{number}");
        }
    };
    fail().await;
    // What is of no provider is not looked at any more.
    let nobodys = [("PrincipalArn", "arn:aws:iam::123456789012:saml-provider/Other")];
    let answer = saml.world.send(from(&forged, &nobodys)).await;
    answer.refused(400, "Throttling", "Rate exceeded");
    let good = sealed(&saml.response());
    saml.world.send(from(&good, &[])).await.ok();
    fail().await;
    let answer = saml.world.send(from(&forged, &[])).await;
    answer.refused(400, "Throttling", "Rate exceeded");
    saml.world.send(from(&good, &[])).await.ok();
}

#[tokio::test]
async fn the_metadata_is_read_once_for_everybody() {
    let saml = Saml::new().await;
    let account = AccountId::parse(ACCOUNT).unwrap();
    let name = SamlProviderName::parse("Corp").unwrap();
    let app = &saml.world.app;
    let provider = app.directory.saml_provider(account, &name).await.unwrap();
    let keys = || app.saml_keys.trusted(&app.directory, Arc::clone(&provider));
    let (one, two, three) = tokio::join!(keys(), keys(), keys());
    let [one, two, three] = [one, two, three].map(|trusted| trusted.unwrap().1);
    assert!(Arc::ptr_eq(&one, &two) && Arc::ptr_eq(&two, &three));
    assert!(Arc::ptr_eq(&one, &keys().await.unwrap().1));
    assert_eq!(format!("{:?}", app.saml_keys), "SamlKeys(1)");
}
