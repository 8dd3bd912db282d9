//! Tokens that somebody made to get in with, each beside one that is good: RFC 8725 ("JSON Web Token
//! Best Current Practices"), RFC 7515 and 7519, and `reference/federation.md`, section 2.2. The issuer
//! is a web site of the test's own, whose keys sign whatever a case wants.
// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::fs;

use daypass_tests::web_identity::{self, AUDIENCE, PROVIDERS_HERE, assume};
use daypass_tests::{
    ACCOUNT, Call, Keys, Place, Reply, Server, SigningKey, Site, base64url, files, joined, now,
    with_hmac,
};
use serde_json::{Value, json};

const SUBJECT: &str = "repo:octo/app:ref:refs/heads/main";
const TAGS: &str = "https://aws.amazon.com/tags";
const SOURCE: &str = "https://aws.amazon.com/source_identity";

// The codes with which tokens are refused: `reference/sts-api.md`, sections 5.1 to 5.3.
const BAD: (u16, &str) = (400, "InvalidIdentityToken");
const OLD: (u16, &str) = (400, "ExpiredTokenException");
const DENIED: (u16, &str) = (403, "AccessDenied");
const TAG: (u16, &str) = (400, "InvalidParameterValue");
const FORM: (u16, &str) = (400, "ValidationError");

/// An issuer, another one beside it, and roles that trust them.
struct World {
    server: Server,
    place: Place,
    _site: Site,
    issuer: String,
    other_issuer: String,
    rsa: SigningKey,
    p256: SigningKey,
    p384: SigningKey,
    p521: SigningKey,
    ed25519: SigningKey,
    /// Has the id of `rsa`, and is nobody's.
    stranger: SigningKey,
    /// The other issuer's, with the id of `rsa`, too.
    neighbour: SigningKey,
    provider: String,
    role: String,
    /// Lets nobody pass tags or a source identity.
    plain_role: String,
}

fn world() -> World {
    let place = Place::new().with(&PROVIDERS_HERE);
    let server = place.start();
    let site = Site::plain();
    let rsa = SigningKey::new("rsa", "RS256");
    let p256 = SigningKey::new("p256", "ES256");
    let p384 = SigningKey::new("p384", "ES384");
    let p521 = SigningKey::new("p521", "ES512");
    let ed25519 = SigningKey::new("ed25519", "EdDSA");
    let neighbour = SigningKey::new("rsa", "RS256");
    let issuer = site.issuer("main", &[&rsa, &p256, &p384, &p521, &ed25519]);
    let other_issuer = site.issuer("other", &[&neighbour]);
    let provider = web_identity::register(&server, &issuer, &[AUDIENCE, "app"]);
    web_identity::register(&server, &other_issuer, &[AUDIENCE]);
    let condition = json!({"StringEquals": {
        web_identity::key(&issuer, "sub"): SUBJECT,
        web_identity::key(&issuer, "aud"): [AUDIENCE, "app"],
    }});
    let role = web_identity::role(&server, "deployer", &provider, &condition);
    let plain_role = web_identity::role_for(
        &server,
        "plain",
        &json!([{
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": condition,
        }]),
    );
    let stranger = SigningKey::new("rsa", "RS256");
    World {
        server,
        place,
        _site: site,
        issuer,
        other_issuer,
        rsa,
        p256,
        p384,
        p521,
        ed25519,
        stranger,
        neighbour,
        provider,
        role,
        plain_role,
    }
}

/// A case: what is wrong with it or good about it, the token, and the outcome.
type Row = (&'static str, String, (u16, &'static str));

const GOOD: (u16, &str) = (200, "");

impl World {
    /// Claims of a good token.
    fn claims(&self) -> Value {
        let now = now().as_second();
        json!({
            "iss": self.issuer, "sub": SUBJECT, "aud": AUDIENCE,
            "iat": now, "nbf": now, "exp": now + 600, "jti": "one",
        })
    }

    /// The same with some of them changed; null takes one away.
    fn changed(&self, changes: Value) -> Value {
        let mut claims = self.claims();
        merge(&mut claims, changes);
        claims
    }

    /// A token with changed claims, signed as it should be.
    fn with(&self, changes: Value) -> String {
        self.rsa.token("RS256", &self.changed(changes))
    }

    /// A token with a changed header, signed as it should be.
    fn headed(&self, changes: Value) -> String {
        let mut header = self.rsa.header("RS256");
        merge(&mut header, changes);
        self.rsa.token_of("RS256", header.to_string(), self.claims().to_string())
    }

    /// A token of the claims' very text, signed as it should be.
    fn claiming(&self, claims: impl AsRef<[u8]>) -> String {
        self.rsa.token_of("RS256", self.rsa.header("RS256").to_string(), claims)
    }

    fn good(&self) -> String {
        self.rsa.token("RS256", &self.claims())
    }

    fn assume(&self, token: &str) -> Reply {
        assume(&self.server, &self.role, token)
    }

    /// Sends each token; between those that are refused, a good one is taken. Tells what differs.
    fn check(&self, rows: &[Row]) -> Vec<String> {
        let mut differ = Vec::new();
        for (what, token, want) in rows {
            let reply = self.assume(token);
            let (status, code) = reply.outcome();
            let has_keys = reply.body.contains("AccessKeyId");
            let good = self.assume(&self.good()).status;
            if (status, code.as_str()) != *want || has_keys != (*want == GOOD) || good != 200 {
                differ.push(format!("{what}: not {want:?} but {reply:?}, a good one {good}\n"));
            }
        }
        differ
    }
}

fn merge(object: &mut Value, changes: Value) {
    let (Some(object), Value::Object(changes)) = (object.as_object_mut(), changes) else {
        panic!("both are objects");
    };
    for (name, value) in changes {
        match value {
            Value::Null => object.remove(&name),
            value => object.insert(name, value),
        };
    }
}

/// Another letter in that place of a part (0 to 2) of a token.
fn bent(token: &str, part: usize, at: usize) -> String {
    let mut parts: Vec<Vec<u8>> = token.split('.').map(|part| part.as_bytes().to_vec()).collect();
    let letter = &mut parts[part][at];
    *letter = if *letter == b'A' { b'B' } else { b'A' };
    parts
        .iter()
        .map(|part| String::from_utf8_lossy(part).into_owned())
        .collect::<Vec<_>>()
        .join(".")
}

/// Good tokens of every kind that is taken: what stands beside the rows below.
fn good_tokens(world: &World) -> Vec<Row> {
    let now = now().as_second();
    let tags = json!({TAGS: {"principal_tags": {"team": ["blue"]}, "transitive_tag_keys": ["team"]},
        SOURCE: "octocat"});
    let claims = world.claims();
    let without_kid = |key: &SigningKey, algorithm: &str| {
        let header = json!({"alg": algorithm});
        key.token_of(algorithm, header.to_string(), claims.to_string())
    };
    let spaced = serde_json::to_string_pretty(&claims).unwrap();
    vec![
        ("RS256", world.good(), GOOD),
        ("RS384", world.rsa.token("RS384", &claims), GOOD),
        ("RS512", world.rsa.token("RS512", &claims), GOOD),
        ("ES256", world.p256.token("ES256", &claims), GOOD),
        ("ES384", world.p384.token("ES384", &claims), GOOD),
        ("ES512", world.p521.token("ES512", &claims), GOOD),
        ("no kid, one fitting key", without_kid(&world.p384, "ES384"), GOOD),
        ("no kid, RSA", without_kid(&world.rsa, "RS512"), GOOD),
        ("the newline of a file", format!("{}\n", world.good()), GOOD),
        ("white space on both sides", format!(" \t{}\r\n\n", world.good()), GOOD),
        ("no typ", world.headed(json!({"typ": null})), GOOD),
        ("typ in small letters", world.headed(json!({"typ": "jwt"})), GOOD),
        ("a header that means nothing", world.headed(json!({"x5t": "AAAA", "foo": 1})), GOOD),
        ("claims over several lines", world.claiming(spaced), GOOD),
        ("an audience in a list", world.with(json!({"aud": [AUDIENCE]})), GOOD),
        ("several audiences", world.with(json!({"aud": ["x", AUDIENCE]})), GOOD),
        ("another registered audience", world.with(json!({"aud": "app"})), GOOD),
        ("a registered azp", world.with(json!({"aud": "x", "azp": "app"})), GOOD),
        ("expired within the skew", world.with(json!({"exp": now - 30})), GOOD),
        ("not yet valid within the skew", world.with(json!({"nbf": now + 30})), GOOD),
        ("issued ahead within the skew", world.with(json!({"iat": now + 30})), GOOD),
        ("issued more than a day ago", world.with(json!({"iat": now - 90_000})), GOOD),
        ("no nbf, no jti", world.with(json!({"nbf": null, "jti": null})), GOOD),
        (
            "claims nobody knows",
            world.with(json!({"x": {"y": [1, null, true]}, "é": "\u{1f600}"})),
            GOOD,
        ),
        ("tags and a source identity", world.with(tags), GOOD),
        ("amr", world.with(json!({"amr": ["pwd", "mfa"]})), GOOD),
    ]
}

/// RFC 8725, sections 2.1 and 3.1: the algorithm is the key's, not the token's.
fn signatures(world: &World) -> Vec<Row> {
    let claims = world.claims();
    let none = |algorithm: &str| {
        joined(json!({"alg": algorithm, "kid": "rsa"}).to_string(), claims.to_string()) + "."
    };
    let hmac = |secret: &[u8]| with_hmac(&json!({"alg": "HS256", "kid": "rsa"}), &claims, secret);
    let jwk = world.rsa.jwk();
    let modulus = jwk["n"].as_str().unwrap().to_owned();
    let good = world.good();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let evil = world.changed(json!({"sub": "repo:evil/app:ref:refs/heads/main"}));
    let (head, _) = good.split_once('.').unwrap();
    // Signed with one key, under the header of another.
    let mixed = |key: &SigningKey, algorithm: &str, says: &str, kid: &str| {
        let header = json!({"alg": says, "kid": kid}).to_string();
        key.token_of(algorithm, header, claims.to_string())
    };
    let with_signature = |algorithm: &str, kid: &str, signature: &[u8]| {
        let signed = joined(json!({"alg": algorithm, "kid": kid}).to_string(), claims.to_string());
        format!("{signed}.{}", base64url(signature))
    };
    let two_more = [signature.as_bytes(), b"AA"].concat();
    vec![
        ("alg none", none("none"), BAD),
        ("alg None", none("None"), BAD),
        ("alg nOnE", none("nOnE"), BAD),
        ("alg none with a signature", format!("{}{signature}", none("none")), BAD),
        ("no alg", world.headed(json!({"alg": null})), BAD),
        ("alg empty", world.headed(json!({"alg": ""})), BAD),
        ("alg in small letters", world.headed(json!({"alg": "rs256"})), BAD),
        ("alg a list", world.headed(json!({"alg": ["RS256"]})), BAD),
        ("alg a number", world.headed(json!({"alg": 256})), BAD),
        ("alg with a space", world.headed(json!({"alg": "RS256 "})), BAD),
        ("HMAC with nothing", hmac(b""), BAD),
        ("HMAC with the modulus's text", hmac(modulus.as_bytes()), BAD),
        ("HMAC with the JWK's text", hmac(jwk.to_string().as_bytes()), BAD),
        ("ES256K", world.headed(json!({"alg": "ES256K"})), BAD),
        ("RS1", world.headed(json!({"alg": "RS1"})), BAD),
        ("PS256, which nobody allowed", world.rsa.token("PS256", &claims), BAD),
        ("EdDSA, which nobody allowed", world.ed25519.token("EdDSA", &claims), BAD),
        ("no signature", format!("{signed}."), BAD),
        ("a short signature", with_signature("RS256", "rsa", &[1; 16]), BAD),
        ("zeros for a signature", with_signature("RS256", "rsa", &[0; 256]), BAD),
        ("ones for a signature", with_signature("RS256", "rsa", &[255; 256]), BAD),
        ("a longer signature", format!("{signed}.{}", String::from_utf8(two_more).unwrap()), BAD),
        // CVE-2022-21449: zero for both numbers fits every message, if nobody looks.
        ("ECDSA's zeros", with_signature("ES256", "p256", &[0; 64]), BAD),
        ("ECDSA's zeros, P-521", with_signature("ES512", "p521", &[0; 132]), BAD),
        ("a bent signature", bent(&good, 2, 9), BAD),
        ("bent claims", bent(&good, 1, 30), BAD),
        ("other claims", format!("{head}.{}.{signature}", base64url(evil.to_string())), BAD),
        ("another key of the same id", world.stranger.token("RS256", &claims), BAD),
        ("the neighbour's key", world.neighbour.token("RS256", &claims), BAD),
        ("a hash that the header does not say", mixed(&world.rsa, "RS256", "RS512", "rsa"), BAD),
        ("PS256 as RS256", mixed(&world.rsa, "PS256", "RS256", "rsa"), BAD),
        ("RSA's key for ES256", mixed(&world.p256, "ES256", "ES256", "rsa"), BAD),
        ("P-256's key for RS256", mixed(&world.rsa, "RS256", "RS256", "p256"), BAD),
        ("P-384's key for ES256", mixed(&world.p256, "ES256", "ES256", "p384"), BAD),
        ("P-256's key for ES384", mixed(&world.p384, "ES384", "ES384", "p256"), BAD),
        ("Ed25519's key for ES256", mixed(&world.p256, "ES256", "ES256", "ed25519"), BAD),
    ]
}

/// RFC 8725, sections 3.1 and 3.10; RFC 7515, section 4.1: what a header may say.
fn headers(world: &World) -> Vec<Row> {
    let claims = world.claims();
    let own_key = |member: &str, value: Value| {
        let mut header = world.stranger.header("RS256");
        merge(&mut header, json!({member: value}));
        world.stranger.token_of("RS256", header.to_string(), claims.to_string())
    };
    let twice = r#"{"alg":"none","alg":"RS256","kid":"rsa"}"#;
    let escaped = r#"{"alg":"RS256","\u0061lg":"none","kid":"rsa"}"#;
    let kid_twice = r#"{"alg":"RS256","kid":"rsa","kid":"p256"}"#;
    let raw = |header: &str| world.rsa.token_of("RS256", header, claims.to_string());
    let kid = |kid: Value| world.headed(json!({"kid": kid}));
    let keys = "http://127.0.0.1:9/keys";
    let nested = world.rsa.token_of(
        "RS256",
        json!({"alg": "RS256", "kid": "rsa", "cty": "JWT"}).to_string(),
        world.good(),
    );
    vec![
        ("its own key: jwk", own_key("jwk", world.stranger.jwk()), BAD),
        ("its own key: jku", own_key("jku", json!(keys)), BAD),
        ("its own key: x5u", own_key("x5u", json!(keys)), BAD),
        ("its own key: x5c", own_key("x5c", json!(["AAAA"])), BAD),
        ("the issuer's own key: jwk", world.headed(json!({"jwk": world.rsa.jwk()})), BAD),
        ("crit", world.headed(json!({"crit": ["exp"], "exp": 1})), BAD),
        ("crit, empty", world.headed(json!({"crit": []})), BAD),
        ("b64", world.headed(json!({"b64": false, "crit": ["b64"]})), BAD),
        ("zip", world.headed(json!({"zip": "DEF"})), BAD),
        ("cty", world.headed(json!({"cty": "JWT"})), BAD),
        ("nested", nested, BAD),
        ("typ of a logout token", world.headed(json!({"typ": "logout+jwt"})), BAD),
        ("typ of a proof of possession", world.headed(json!({"typ": "dpop+jwt"})), BAD),
        ("typ a list", world.headed(json!({"typ": ["JWT"]})), BAD),
        ("alg twice", raw(twice), BAD),
        ("alg twice, escaped", raw(escaped), BAD),
        ("kid twice", raw(kid_twice), BAD),
        ("kid unknown", kid(json!("newer")), BAD),
        ("kid of a file", kid(json!("../../../../../../dev/null")), BAD),
        ("kid of SQL", kid(json!("rsa' OR '1'='1")), BAD),
        ("kid a number", kid(json!(1)), BAD),
        ("kid empty", kid(json!("")), BAD),
        ("kid in other letters", kid(json!("RSA")), BAD),
        ("kid with a zero byte", kid(json!("rsa\u{0}")), BAD),
        ("kid as long as can be", kid(json!("k".repeat(2000))), BAD),
        ("a header that is a list", raw("[]"), BAD),
        ("a header that is a text", raw("\"RS256\""), BAD),
        ("an empty header", raw(""), BAD),
        ("a header with something behind it", raw(r#"{"alg":"RS256","kid":"rsa"}{}"#), BAD),
        ("a deep header", raw(&format!("{{\"alg\":\"RS256\",\"x\":{}}}", deep(500))), BAD),
    ]
}

fn deep(levels: usize) -> String {
    "[".repeat(levels) + &"]".repeat(levels)
}

/// RFC 7515, sections 2, 3 and 7: the form of a token.
fn forms(world: &World) -> Vec<Row> {
    let good = world.good();
    let parts: Vec<&str> = good.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("three parts") };
    // Of the last of 342 letters four bits mean nothing, and are zero: another byte for no other
    // signature.
    let mut loose = good.clone();
    let last = match loose.pop().unwrap() {
        'A' => 'B',
        'Q' => 'R',
        'g' => 'h',
        'w' => 'x',
        other => panic!("{other} has other bits"),
    };
    loose.push(last);
    let standard = {
        // A token with a letter that both alphabets spell differently.
        let mut token = world.good();
        for number in 0.. {
            if token.contains('-') && token.contains('_') {
                break;
            }
            token = world.with(json!({ "jti": number.to_string() }));
        }
        token.replace('-', "+").replace('_', "/")
    };
    let json_form = json!({"payload": claims, "protected": header, "signature": signature});
    let claims_text = world.claims().to_string();
    let dup = |more: &str| world.claiming(claims_text.replacen('{', &format!("{{{more},"), 1));
    let behind = |more: &str| world.claiming(format!("{claims_text}{more}"));
    let bom = [b"\xef\xbb\xbf", claims_text.as_bytes()].concat();
    let not_utf8 = claims_text.replace("\"one\"", "\"?\"").into_bytes();
    let not_utf8: Vec<u8> =
        not_utf8.into_iter().map(|byte| if byte == b'?' { 0xff } else { byte }).collect();
    let filled = |length: usize| {
        let mut fill = 0;
        loop {
            let token = world.with(json!({"fill": "x".repeat(fill)}));
            if token.len() >= length {
                return token;
            }
            fill += (length - token.len()).div_ceil(4) * 3;
        }
    };
    let largest = (0..4).map(|less| filled(20_000 - less)).find(|token| token.len() <= 20_000);
    vec![
        ("two parts", format!("{header}.{claims}"), BAD),
        ("four parts", format!("{good}.AAAA"), BAD),
        ("five parts, as encrypted ones have", format!("{good}.AAAA.AAAA"), BAD),
        ("a dot before it", format!(".{good}"), BAD),
        ("no header", format!(".{claims}.{signature}"), BAD),
        ("no claims", format!("{header}..{signature}"), BAD),
        ("dots alone", "....".to_owned(), BAD),
        ("two dots", "a..b".to_owned(), BAD),
        ("no dot: an access token that is no JWT", "7pUNoFNtQzKbWn5Gx".to_owned(), BAD),
        ("JSON serialization", json_form.to_string(), BAD),
        ("padding", format!("{header}.{claims}.{signature}=="), BAD),
        ("the standard alphabet", standard, BAD),
        ("bits that mean nothing", loose, BAD),
        ("a space within", format!("{header}. {claims}.{signature}"), BAD),
        ("a newline within", format!("{header}.{claims}\n.{signature}"), BAD),
        ("a zero byte behind it", format!("{good}\u{0}"), BAD),
        ("a wide space behind it", format!("{good}\u{3000}"), BAD),
        ("Bearer before it", format!("Bearer {good}"), BAD),
        ("in quotes", format!("\"{good}\""), BAD),
        ("sub twice", dup(&format!("\"sub\":\"{SUBJECT}\"")), BAD),
        ("sub twice, escaped", dup(r#""s\u0075b":"someone else""#), BAD),
        ("iss twice", dup(r#""iss":"https://evil.example.com""#), BAD),
        ("a name twice, deeper", dup(r#""x":{"y":{"z":1,"z":2}}"#), BAD),
        ("claims that are a list", world.claiming(format!("[{claims_text}]")), BAD),
        ("claims that are null", world.claiming("null"), BAD),
        ("no claims at all", world.claiming(""), BAD),
        ("something behind the claims", behind("{}"), BAD),
        ("a comma behind the claims", behind(","), BAD),
        ("claims with a byte order mark", world.claiming(bom), BAD),
        ("claims that are not UTF-8", world.claiming(not_utf8), BAD),
        ("claims in single quotes", world.claiming(claims_text.replace('"', "'")), BAD),
        ("claims with a comment", world.claiming(claims_text.replacen('{', "{/**/", 1)), BAD),
        ("a number that is none", dup(r#""x":NaN"#), BAD),
        ("half a surrogate pair", dup(r#""x":"\ud800""#), BAD),
        ("deep claims", dup(&format!("\"x\":{}", deep(2000))), BAD),
        ("the longest that there may be", largest.unwrap(), GOOD),
        ("one that is too long", filled(20_001), FORM),
        ("one that is too short", "a.b".to_owned(), FORM),
    ]
}

/// `reference/federation.md`, sections 2.2 and 2.3: what the claims may be.
fn claims(world: &World) -> Vec<Row> {
    let now = now().as_second();
    let with = |changes: Value| world.with(changes);
    let issuer = world.issuer.as_str();
    let raw = |name: &str, value: &str| {
        let mut claims = world.changed(json!({name: null})).to_string();
        claims.pop();
        world.claiming(format!("{claims},\"{name}\":{value}}}"))
    };
    let tags = |tags: Value| with(json!({TAGS: tags}));
    let source = |source: Value| with(json!({SOURCE: source}));
    vec![
        ("no iss", with(json!({"iss": null})), BAD),
        ("iss with a slash behind it", with(json!({"iss": format!("{issuer}/")})), BAD),
        ("iss in capitals", with(json!({"iss": issuer.to_uppercase()})), BAD),
        ("iss without a scheme", with(json!({"iss": issuer.replace("http://", "")})), BAD),
        ("iss of another scheme", with(json!({"iss": issuer.replace("http:", "https:")})), BAD),
        ("iss that begins so", with(json!({"iss": format!("{issuer}er")})), BAD),
        ("iss of the site's root", with(json!({"iss": issuer.replace("/main", "")})), BAD),
        ("iss with a fragment", with(json!({"iss": format!("{issuer}#")})), BAD),
        ("iss a list", with(json!({"iss": [issuer]})), BAD),
        ("iss empty", with(json!({"iss": ""})), BAD),
        ("iss nobody registered", with(json!({"iss": "https://evil.example.com"})), BAD),
        ("iss of the neighbour", with(json!({"iss": world.other_issuer})), BAD),
        ("no aud", with(json!({"aud": null})), BAD),
        ("aud of another", with(json!({"aud": "sts.example.com"})), BAD),
        ("aud in capitals", with(json!({"aud": AUDIENCE.to_uppercase()})), BAD),
        ("aud that begins so", with(json!({"aud": format!("{AUDIENCE}.evil.example")})), BAD),
        ("aud with a space", with(json!({"aud": format!("{AUDIENCE} ")})), BAD),
        ("aud with a star", with(json!({"aud": "*"})), BAD),
        ("aud empty", with(json!({"aud": ""})), BAD),
        ("aud an empty list", with(json!({"aud": []})), BAD),
        ("aud a list of others", with(json!({"aud": ["a", "b"]})), BAD),
        ("aud a list of lists", with(json!({"aud": [[AUDIENCE]]})), BAD),
        ("aud a number", with(json!({"aud": 1})), BAD),
        ("aud an object", with(json!({"aud": {AUDIENCE: true}})), BAD),
        ("azp of another", with(json!({"azp": "evil"})), BAD),
        ("azp a list", with(json!({"azp": [AUDIENCE]})), BAD),
        ("no sub", with(json!({"sub": null})), BAD),
        ("sub empty", with(json!({"sub": ""})), BAD),
        ("sub a number", with(json!({"sub": 1})), BAD),
        ("sub a list", with(json!({"sub": [SUBJECT]})), BAD),
        ("sub true", with(json!({"sub": true})), BAD),
        ("no exp", with(json!({"exp": null})), BAD),
        ("exp a text", with(json!({"exp": (now + 600).to_string()})), BAD),
        ("exp a list", with(json!({"exp": [now + 600]})), BAD),
        ("exp true", with(json!({"exp": true})), BAD),
        ("exp beyond numbers", raw("exp", "1e999"), BAD),
        ("exp with a leading zero", raw("exp", "0123456789012"), BAD),
        ("exp in the past", with(json!({"exp": now - 120})), OLD),
        ("exp just past the skew", with(json!({"exp": now - 61})), OLD),
        ("exp zero", with(json!({"exp": 0})), OLD),
        ("nbf ahead", with(json!({"nbf": now + 120})), BAD),
        ("nbf a text", with(json!({"nbf": now.to_string()})), BAD),
        ("no iat", with(json!({"iat": null})), BAD),
        ("iat ahead", with(json!({"iat": now + 120})), BAD),
        ("iat of the year before", with(json!({"iat": now - 366 * 86_400})), OLD),
        ("iat a text", with(json!({"iat": now.to_string()})), BAD),
        ("tags that are a text", tags(json!("team=blue")), BAD),
        ("a tag of two values", tags(json!({"principal_tags": {"team": ["blue", "red"]}})), BAD),
        ("a tag that is a number", tags(json!({"principal_tags": {"team": [1]}})), BAD),
        ("transitive without a tag", tags(json!({"transitive_tag_keys": ["team"]})), TAG),
        ("a tag of AWS's", tags(json!({"principal_tags": {"aws:x": ["1"]}})), TAG),
        ("a source identity of two words", source(json!("two words")), BAD),
        ("a source identity of AWS's", source(json!("aws:me")), BAD),
        ("a source identity that is a list", source(json!(["me"])), BAD),
        ("a source identity that is too short", source(json!("a")), BAD),
    ]
}

/// Good tokens of somebody whom the role does not trust.
fn others(world: &World) -> Vec<Row> {
    let sub = |sub: &str| world.with(json!({ "sub": sub }));
    let neighbour =
        world.neighbour.token("RS256", &world.changed(json!({"iss": world.other_issuer})));
    vec![
        ("another branch", sub("repo:octo/app:ref:refs/heads/evil"), DENIED),
        ("another repository", sub("repo:octo/app2:ref:refs/heads/main"), DENIED),
        ("sub in capitals", sub(&SUBJECT.to_uppercase()), DENIED),
        ("sub with more behind it", sub(&format!("{SUBJECT}x")), DENIED),
        ("sub with a space behind it", sub(&format!("{SUBJECT} ")), DENIED),
        ("sub with a zero byte", sub(&format!("{SUBJECT}\u{0}")), BAD),
        ("a star for a sub", sub("repo:octo/*"), DENIED),
        (
            "an azp that the role does not name",
            world.with(json!({"azp": "app2", "aud": "app"})),
            BAD,
        ),
        ("the neighbour's own token", neighbour, DENIED),
    ]
}

#[test]
fn hostile_tokens_are_refused_and_their_neighbours_accepted() {
    let world = world();
    let good = good_tokens(&world);
    let hostile =
        [signatures(&world), headers(&world), forms(&world), claims(&world), others(&world)];
    let refused = hostile.iter().flatten().filter(|(.., want)| *want != GOOD).count();
    assert!(refused >= 150, "{refused} hostile tokens");
    let differ: Vec<String> =
        [&good].into_iter().chain(&hostile).flat_map(|rows| world.check(rows)).collect();
    assert!(differ.is_empty(), "{} of them:\n{}", differ.len(), differ.concat());
    // What each of them was is nobody's business: not the log's, not the trail's, no file's.
    let World { server, place, .. } = &world;
    let log = server.log();
    let tokens: Vec<&str> =
        good.iter().chain(hostile.iter().flatten()).map(|(_, token, _)| token.as_str()).collect();
    let signatures: Vec<&str> = tokens
        .iter()
        .filter_map(|token| token.trim().rsplit('.').next())
        .filter(|signature| signature.len() > 60 && !signature.starts_with("AAAAAAAAA"))
        .collect();
    assert!(signatures.len() > 150, "{}", signatures.len());
    let holds =
        |text: &str| signatures.iter().find(|signature| text.contains(**signature)).copied();
    assert_eq!(holds(&log), None);
    for path in files(place.data()) {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned();
        assert_eq!(holds(&text), None, "{}", path.display());
    }
}

#[test]
fn refusals_say_what_aws_says() {
    let world = world();
    let now = now().as_second();
    let text = |token: &str| world.assume(token).expect("Message");
    let unknown = world.with(json!({"iss": "https://evil.example.com/a"}));
    let want = "No OpenIDConnect provider found in your account for https://evil.example.com/a";
    assert_eq!(text(&unknown), want);
    assert_eq!(text(&world.with(json!({"aud": "x"}))), "Incorrect token audience");
    let expired = text(&world.with(json!({"exp": now - 300})));
    let (said, rest) = expired.split_once(" must be before ").unwrap();
    let told: i64 =
        said.strip_prefix("Token expired: current date/time ").unwrap().parse().unwrap();
    assert!((now..now + 60).contains(&told), "{expired}");
    // The number follows without a space.
    assert_eq!(rest, format!("the expiration date/time{}", now - 300));
    let age = 365 * 86_400 + 3_600;
    let old = text(&world.with(json!({"iat": now - age})));
    let seconds: i64 = old.strip_prefix("Token too old: ").unwrap().parse().unwrap();
    assert!((age..age + 60).contains(&seconds), "{old}");
    let denied = world.with(json!({"sub": "someone-else"}));
    assert_eq!(text(&denied), "Not authorized to perform sts:AssumeRoleWithWebIdentity");
}

/// Tags need `sts:TagSession`, a source identity `sts:SetSourceIdentity`, of the same trust policy.
#[test]
fn claims_that_set_something_need_to_be_allowed_to() {
    let world = world();
    let tagged = json!({TAGS: {"principal_tags": {"team": ["blue"]}}});
    let sourced = json!({SOURCE: "octocat"});
    for changes in [tagged, sourced] {
        let token = world.with(changes);
        let refused = assume(&world.server, &world.plain_role, &token);
        assert_eq!(refused.outcome(), (403, "AccessDenied".to_owned()), "{refused:?}");
        assert_eq!(assume(&world.server, &world.role, &token).outcome().0, 200);
    }
    assert_eq!(assume(&world.server, &world.plain_role, &world.good()).outcome().0, 200);
}

/// GHSA-jxrr-85xv-gxvc and its like: before a token is proven, the answer is the same whether an
/// account or a role exists, or there is no provider; afterwards, whether a role exists.
#[test]
fn refusals_do_not_tell_what_exists() {
    let world = world();
    let role = |account: &str, name: &str| format!("arn:aws:iam::{account}:role/{name}");
    let answer = |role: &str, token: &str| {
        let reply = assume(&world.server, role, token);
        let id = reply.request_id();
        (reply.status, reply.body.replace(&id, "ID"))
    };
    let here = role(ACCOUNT, "deployer");
    assert_eq!(here, world.role);
    let missing = role(ACCOUNT, "nobody");
    // Nothing proven: a signature that does not verify, a token that is none, another issuer's.
    let forged = world.stranger.token("RS256", &world.claims());
    for token in [forged.as_str(), "a.b.c", "nothing like a token"] {
        assert_eq!(answer(&here, token), answer(&missing, token), "{token}");
    }
    let unknown = world.with(json!({"iss": "https://evil.example.com"}));
    let elsewhere = [role("999999999999", "deployer"), role("999999999999", "nobody")];
    assert_eq!(answer(&here, &unknown), answer(&missing, &unknown));
    for other in &elsewhere {
        // An account that is not here has no providers either.
        assert_eq!(answer(other, &unknown), answer(&here, &unknown));
    }
    // Proven, but trusted by no such role.
    let stranger = world.with(json!({"sub": "someone-else"}));
    assert_eq!(answer(&here, &stranger), answer(&missing, &stranger));
    assert_eq!(answer(&missing, &world.good()), answer(&here, &stranger));
}

/// The same token again, while what it rests on changes: nothing remembered outlives it.
#[test]
fn a_token_is_believed_no_longer_than_what_it_rests_on() {
    let world = world();
    let World { server, provider, role, .. } = &world;
    let admin = server.admin();
    let iam = |action: &str, parameters: &[(&str, &str)]| {
        Call::iam(action, parameters).send(server, &admin).ok();
    };
    let token = world.rsa.token("RS256", &world.changed(json!({"aud": "app"})));
    let outcome = || assume(server, role, &token).outcome();
    let (good, bad) = ((200, String::new()), (400, "InvalidIdentityToken".to_owned()));
    assert_eq!([outcome(), outcome()], [good.clone(), good.clone()]);

    let client = [("OpenIDConnectProviderArn", provider.as_str()), ("ClientID", "app")];
    iam("RemoveClientIDFromOpenIDConnectProvider", &client);
    assert_eq!(outcome(), bad);
    iam("AddClientIDToOpenIDConnectProvider", &client);
    assert_eq!(outcome(), good);

    iam("DeleteOpenIDConnectProvider", &client[..1]);
    assert_eq!(outcome(), bad);
    assert_eq!(web_identity::register(server, &world.issuer, &[AUDIENCE]), *provider);
    assert_eq!(outcome(), bad, "the audience is not registered this time");
    iam("AddClientIDToOpenIDConnectProvider", &client);
    assert_eq!(outcome(), good);

    let nobody = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*",
        "Action":"sts:AssumeRoleWithWebIdentity"}]}"#;
    iam("UpdateAssumeRolePolicy", &[("RoleName", "deployer"), ("PolicyDocument", nobody)]);
    assert_eq!(outcome(), (403, "AccessDenied".to_owned()));
}

/// Algorithms that one provider may use, and the skew of its clock, as an operator sets them.
#[test]
fn an_operator_allows_a_provider_more() {
    let world = world();
    let World { server, provider, .. } = &world;
    let now = now().as_second();
    let (ps256, eddsa) =
        (world.rsa.token("PS256", &world.claims()), world.ed25519.token("EdDSA", &world.claims()));
    let late = world.with(json!({"exp": now - 200}));
    for token in [&ps256, &eddsa, &late] {
        assert_eq!(world.assume(token).status, 400);
    }
    let set = ["federation", "set", "--provider", provider];
    let more = ["--allow-algorithm", "PS256,EdDSA", "--skew", "300"];
    server.operate(&[&set[..], &more].concat()).ok();
    for token in [&ps256, &eddsa, &late, &world.good()] {
        world.assume(token).ok();
    }
    let forged = [
        ("PS256 of a stranger", world.stranger.token("PS256", &world.claims()), BAD),
        ("PS512, which is another", world.rsa.token("PS512", &world.claims()), BAD),
    ];
    for (what, token, want) in &forged {
        let (status, code) = world.assume(token).outcome();
        assert_eq!((status, code.as_str()), *want, "{what}");
    }
    server.operate(&["federation", "clear", "--all", "--provider", provider]).ok();
    for token in [&ps256, &eddsa, &late] {
        assert_eq!(world.assume(token).status, 400);
    }
}

/// What a token gives is a session like any other: it signs, it is told who it is, and it is read
/// from its own facts.
#[test]
fn the_reply_has_what_aws_documents() {
    let world = world();
    let tagged = json!({
        TAGS: {"principal_tags": {"team": ["blue"]}, "transitive_tag_keys": ["team"]},
        SOURCE: "octocat",
    });
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*",
        "Resource":"*"}]}"#;
    let more = [("DurationSeconds", "900"), ("Policy", policy)];
    let token = world.with(tagged);
    let reply = web_identity::assume_with(&world.server, &world.role, &token, &more).ok();
    assert_eq!(reply.header("content-type"), Some("text/xml"));
    assert_eq!(reply.expect("SubjectFromWebIdentityToken"), SUBJECT);
    assert_eq!(reply.expect("Audience"), AUDIENCE);
    assert_eq!(reply.expect("Provider"), world.issuer);
    assert_eq!(reply.expect("SourceIdentity"), "octocat");
    let packed: u32 = reply.expect("PackedPolicySize").parse().unwrap();
    assert!((1..=100).contains(&packed), "{packed}");
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/deployer/tester");
    assert_eq!(reply.expect("Arn"), arn);
    assert!(reply.expect("AssumedRoleId").ends_with(":tester"));
    assert!(reply.expect("AccessKeyId").starts_with("ASIA"));
    let (result, metadata) =
        (reply.body.find("Result>").unwrap(), reply.body.find("<ResponseMetadata>").unwrap());
    assert!(result < metadata, "{reply:?}");
    let keys = Keys::of(&reply);
    let me = Call::sts("GetCallerIdentity", &[]).send(&world.server, &keys).ok();
    assert_eq!(me.expect("Arn"), arn);
    // A session of a role cannot ask for more of itself.
    let more = Call::sts("GetSessionToken", &[]).send(&world.server, &keys);
    assert_eq!(more.outcome(), (403, "AccessDenied".to_owned()));
}

/// Nothing but a token is needed, and nothing else helps: parameters in the query string or in the
/// form, by POST or GET, with credentials beside them or without.
#[test]
fn the_request_may_come_in_every_form_that_clients_send() {
    let world = world();
    let token = world.good();
    let role = &world.role;
    let query = format!(
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=s3&RoleArn={}\
         &WebIdentityToken={token}%0A&DurationSeconds=3600",
        role.replace(':', "%3A").replace('/', "%2F")
    );
    let host = world.server.host();
    let form = "content-type: application/x-www-form-urlencoded; charset=utf-8\r\n";
    let length = query.len();
    let requests = [
        // object_store and minio-py.
        format!("POST /?{query} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\n\r\n"),
        format!("GET /?{query} HTTP/1.1\r\nhost: {host}\r\n\r\n"),
        format!("POST / HTTP/1.1\r\nhost: {host}\r\n{form}content-length: {length}\r\n\r\n{query}"),
    ];
    for request in &requests {
        let reply = world.server.connect().send(request).reply().unwrap();
        assert_eq!(reply.status, 200, "{request}: {reply:?}");
    }
    // A token that is refused is refused with the keys of an administrator beside it, too.
    let evil = world.with(json!({"sub": "someone-else"}));
    let parameters =
        [("RoleArn", role.as_str()), ("RoleSessionName", "me"), ("WebIdentityToken", &evil)];
    let call = Call::sts("AssumeRoleWithWebIdentity", &parameters);
    let reply = call.send(&world.server, &world.server.admin());
    assert_eq!(reply.status, 403, "{reply:?}");
}
