use rcgen::{
    CertificateParams, CustomExtension, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384,
    PKCS_ECDSA_P521_SHA512,
};

use super::*;

const RSA: &str = include_str!("testdata/rsa2048.txt");
const WEAK: &str = include_str!("testdata/rsa768.txt");
const DSA: &str = include_str!("testdata/dsa1024.txt");

/// A certificate of an elliptic curve, in base64.
fn certificate() -> String {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["idp.example.com".to_owned()]).unwrap();
    BASE64.encode(params.self_signed(&key).unwrap().der())
}

fn key(using: &str, certificate: &str) -> String {
    format!(
        "<md:KeyDescriptor{using}><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}\
         </ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
    )
}

fn role(keys: &str) -> String {
    format!(
        "<md:IDPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">\
         {keys}<md:SingleSignOnService Location=\"https://idp.example.com/sso\" \
         Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\"/></md:IDPSSODescriptor>"
    )
}

const NAMESPACES: &str = "xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" \
                          xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"";

/// An entity with attributes beside its namespaces.
fn entity(attributes: &str, roles: &str) -> String {
    format!("<md:EntityDescriptor {NAMESPACES} {attributes}>{roles}</md:EntityDescriptor>")
}

fn named(id: &str, roles: &str) -> String {
    entity(&format!("entityID=\"{id}\""), roles)
}

fn several(attributes: &str, entities: &str) -> String {
    format!("<md:EntitiesDescriptor {NAMESPACES} {attributes}>{entities}</md:EntitiesDescriptor>")
}

#[test]
fn metadata_says_who_signs() {
    let (one, two) = (certificate(), certificate());
    let keys = [
        key(" use=\"signing\"", RSA),
        key("", &one),
        key(" use=\"encryption\"", &two),
        // The same again.
        key(" use=\"signing\"", &one),
    ];
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- made by hand -->\n{}",
        entity(
            "entityID=\"https://idp.example.com/\" validUntil=\"2031-02-03T04:05:06Z\"",
            &role(&keys.concat())
        )
    );
    let metadata = Metadata::parse(&text).unwrap();
    let [provider] = metadata.identity_providers.as_slice() else { panic!("{metadata:?}") };
    assert_eq!(provider.entity_id, "https://idp.example.com/");
    assert_eq!(metadata.valid_until, Some("2031-02-03T04:05:06Z".parse().unwrap()));
    let decoded = BASE64.decode(one.as_bytes()).unwrap();
    assert_eq!(provider.certificates.len(), 2);
    assert_eq!(provider.certificates[1].der(), decoded);
    assert!(format!("{provider:?}").contains(&Digest::of(&decoded).to_string()));
}

#[test]
fn the_first_certificate_of_a_key_signs_and_its_chain_does_not() {
    let (one, issuer) = (certificate(), certificate());
    let chain = key(" use=\"signing\"", &one).replace(
        "</ds:X509Data>",
        &format!("<ds:X509Certificate>{issuer}</ds:X509Certificate></ds:X509Data>"),
    );
    let metadata = Metadata::parse(&named("a", &role(&chain))).unwrap();
    assert_eq!(metadata.identity_providers[0].certificates.len(), 1);
}

#[test]
fn several_entities_are_several_providers_as_far_as_they_are_some() {
    let idp = |id: &str, until: &str| {
        entity(
            &format!("entityID=\"{id}\" validUntil=\"{until}\""),
            &role(&key("", &certificate())),
        )
    };
    let service = named("sp", "<md:SPSSODescriptor/>");
    let text = several(
        "validUntil=\"2040-01-01T00:00:00\"",
        &[idp("a", "2032-01-01T00:00:00Z"), service, idp("b", "2031-01-01T00:00:00.5Z")].concat(),
    );
    let metadata = Metadata::parse(&text).unwrap();
    let ids: Vec<&str> = metadata.identity_providers.iter().map(|of| &*of.entity_id).collect();
    assert_eq!(ids, ["a", "b"]);
    assert_eq!(metadata.valid_until, Some("2031-01-01T00:00:00.5Z".parse().unwrap()));
    let twice =
        several("", &[idp("a", "2032-01-01T00:00:00Z"), idp("a", "2032-01-01T00:00:00Z")].concat());
    assert_eq!(Metadata::parse(&twice), Err(MetadataFault::EntityIdTwice));
    let many = |count: usize| {
        let each = |number| named(&format!("idp{number}"), &role(&key("", &certificate())));
        several("", &(0..count).map(each).collect::<String>())
    };
    assert_eq!(Metadata::parse(&many(10)).unwrap().identity_providers.len(), 10);
    assert_eq!(Metadata::parse(&many(11)), Err(MetadataFault::IdentityProviders));
}

#[test]
fn groups_within_groups_are_read() {
    let idp = |id: &str| named(id, &role(&key("", &certificate())));
    let ends = |year: u32| format!("validUntil=\"{year}-01-01T00:00:00Z\"");
    let inner = several(&ends(2033), &idp("c"));
    let without = several(&ends(2030), &named("sp", "<md:SPSSODescriptor/>"));
    let middle = several(&ends(2034), &[inner, idp("b"), without].concat());
    let metadata = Metadata::parse(&several(&ends(2040), &[idp("a"), middle].concat())).unwrap();
    let ids: Vec<&str> = metadata.identity_providers.iter().map(|of| &*of.entity_id).collect();
    assert_eq!(ids, ["a", "c", "b"]);
    // A group without identity providers ends nothing.
    assert_eq!(metadata.valid_until, Some("2033-01-01T00:00:00Z".parse().unwrap()));
    let nested = |levels: usize| {
        let begin = "<md:EntitiesDescriptor>".repeat(levels - 1);
        let end = "</md:EntitiesDescriptor>".repeat(levels - 1);
        several("", &format!("{begin}{}{end}", idp("a")))
    };
    // The entity and what is in it lie five deep.
    assert!(Metadata::parse(&nested(METADATA_LIMITS.depth - 6)).is_ok());
    assert_eq!(
        Metadata::parse(&nested(METADATA_LIMITS.depth)),
        Err(MetadataFault::Xml(XmlFault::Depth(METADATA_LIMITS.depth)))
    );
    let twice = several("", &[idp("a"), several("", &idp("a"))].concat());
    assert_eq!(Metadata::parse(&twice), Err(MetadataFault::EntityIdTwice));
}

#[test]
fn what_is_read_of_metadata_is_all_that_is_kept() {
    let noise = "<md:Extensions><md:x y='z'>1</md:x></md:Extensions>".repeat(50_000);
    let text = named("a", &format!("{noise}{}", role(&key("", &certificate()))));
    assert!(Metadata::parse(&text).is_ok());
    let root = xml::parse_some(&text, &METADATA_LIMITS, is_read).unwrap();
    assert_eq!((root.children.len(), root.whole), (1, false));
    let many = named("a", &"<md:KeyDescriptor/>".repeat(METADATA_LIMITS.kept));
    let kept = MetadataFault::Xml(XmlFault::Kept(METADATA_LIMITS.kept));
    assert_eq!(Metadata::parse(&many), Err(kept));
}

#[test]
fn the_largest_times_are_the_greatest_there_are() {
    let good = role(&key("", &certificate()));
    let text = entity("entityID=\"a\" validUntil=\"9999-12-31T23:59:59Z\"", &good);
    assert_eq!(Metadata::parse(&text).unwrap().valid_until, Some(Timestamp::MAX));
}

/// A P-256 certificate whose key has been changed in place. Its signature is wrong then, which is
/// nobody's concern here.
fn changed(from: &[u8], to: &[u8]) -> Vec<u8> {
    let der = BASE64.decode(certificate().as_bytes()).unwrap();
    let at = der.windows(from.len()).position(|window| window == from).unwrap();
    [&der[..at], to, &der[at + from.len()..]].concat()
}

#[test]
fn keys_of_elliptic_curves_are_points_of_the_three_curves() {
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ECDSA_P521_SHA512] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let params = CertificateParams::new(Vec::new()).unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        assert!(Certificate::from_der(der).is_ok());
    }
    let curve = Err(MetadataFault::CertificateCurve);
    // The object identifier of P-256, and of others as long: prime192v1, and one that is nothing.
    let p256 = [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    for last in [1, 2, 6, 8] {
        let mut other = p256;
        other[9] = last;
        assert_eq!(Certificate::from_der(changed(&p256, &other)), curve);
    }
    // Parameters that are no name of a curve: an octet string.
    let mut unnamed = p256;
    unnamed[0] = 4;
    assert_eq!(Certificate::from_der(changed(&p256, &unnamed)), curve);
    // The bit string of the key: 65 bytes behind the number of unused bits.
    let point = [3, 0x42, 0, 4];
    for begin in [0, 2, 6, 0x30] {
        let other = [3, 0x42, 0, begin];
        assert_eq!(Certificate::from_der(changed(&point, &other)), curve, "{begin}");
    }
    let der = BASE64.decode(certificate().as_bytes()).unwrap();
    let at = der.windows(4).position(|window| window == point).unwrap();
    let mut off = der.clone();
    off[at + 20] ^= 1;
    assert_eq!(Certificate::from_der(off), curve);
}

#[test]
fn the_bits_of_a_modulus_are_counted_to_the_first() {
    for (modulus, want) in
        [(&[][..], 0), (&[0, 0], 0), (&[1], 1), (&[0, 0x80, 0], 16), (&[0, 1, 0], 9), (&[0x7f], 7)]
    {
        assert_eq!(bits(modulus), want, "{modulus:?}");
    }
}

#[test]
fn what_says_nothing_of_use_is_refused() {
    let good = role(&key(" use=\"signing\"", &certificate()));
    let check = |text: &str, want: MetadataFault| {
        assert_eq!(Metadata::parse(text), Err(want), "{text}");
    };
    check("<a/>", MetadataFault::NoMetadata);
    check("<EntityDescriptor/>", MetadataFault::NoMetadata);
    check("no XML", MetadataFault::Xml(XmlFault::Malformed));
    check(
        &named("a", &good).replace("</md:IDP", "<![CDATA[]]></md:IDP"),
        MetadataFault::Xml(XmlFault::Cdata),
    );
    check(&format!("<!DOCTYPE a>{}", named("a", &good)), MetadataFault::Xml(XmlFault::Doctype));
    check(&named("a", ""), MetadataFault::NoIdentityProvider);
    check(&named("a", "<md:SPSSODescriptor/>"), MetadataFault::NoIdentityProvider);
    check(&several("", ""), MetadataFault::NoIdentityProvider);
    // Of another namespace, or not where it belongs.
    check(&named("a", &good.replace("md:IDP", "ds:IDP")), MetadataFault::NoIdentityProvider);
    check(&named("a", &format!("<md:x>{good}</md:x>")), MetadataFault::NoIdentityProvider);
    check(&named("a", &role("")), MetadataFault::NoCertificate);
    check(&named("a", &role(&key(" use=\"encryption\"", RSA))), MetadataFault::NoCertificate);
    let name =
        "<md:KeyDescriptor><ds:KeyInfo><ds:KeyName>k</ds:KeyName></ds:KeyInfo></md:KeyDescriptor>";
    check(&named("a", &role(name)), MetadataFault::NoCertificate);
    check(&named("a", &role(&key(" use=\"other\"", RSA))), MetadataFault::KeyUse);
    check(&entity("", &good), MetadataFault::EntityId);
    check(&named("", &good), MetadataFault::EntityId);
    assert!(Metadata::parse(&named(&"\u{e9}".repeat(1024), &good)).is_ok());
    check(&named(&"i".repeat(1025), &good), MetadataFault::EntityId);
    let until = |until: &str| entity(&format!("entityID=\"a\" validUntil=\"{until}\""), &good);
    assert!(Metadata::parse(&until(" 2031-01-01T00:00:00+01:00 ")).is_ok());
    for bad in ["", "never", "2031-01-01", "2031-13-01T00:00:00Z", "P1D"] {
        check(&until(bad), MetadataFault::ValidUntil);
    }
    let keys = |count: usize| {
        let keys: String = (0..count).map(|_| key("", &certificate())).collect();
        named("a", &role(&keys))
    };
    assert!(Metadata::parse(&keys(10)).is_ok());
    check(&keys(11), MetadataFault::Certificates);
}

#[test]
fn certificates_are_parsed() {
    let check = |certificate: &str, want: MetadataFault| {
        let text = named("a", &role(&key("", certificate)));
        assert_eq!(Metadata::parse(&text), Err(want), "{certificate}");
    };
    let good = certificate();
    check("", MetadataFault::Certificate);
    check("AAAA", MetadataFault::Certificate);
    check("not base64", MetadataFault::Certificate);
    check(&format!("-----BEGIN CERTIFICATE-----{good}"), MetadataFault::Certificate);
    check(&format!("{good}<ds:x/>"), MetadataFault::Certificate);
    check(WEAK, MetadataFault::WeakKey);
    check(DSA, MetadataFault::CertificateKey);
    let der = BASE64.decode(good.as_bytes()).unwrap();
    check(&BASE64.encode(&der[..der.len() - 1]), MetadataFault::Certificate);
    check(&BASE64.encode(&[der.as_slice(), b"\0"].concat()), MetadataFault::Certificate);
    check(&BASE64.encode(&vec![0x30; MAX_CERTIFICATE + 1]), MetadataFault::Certificate);
    check(&" ".repeat(MAX_CERTIFICATE * 2 + 1), MetadataFault::Certificate);
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    let extension = || CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
    params.custom_extensions = vec![extension(), extension()];
    let twice = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    check(&BASE64.encode(twice.der()), MetadataFault::CertificateExtensions);
}

#[test]
fn digests_print_as_they_parse() {
    let digest = Digest::of(b"");
    let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!((digest.to_string().as_str(), Digest::parse(text)), (text, Some(digest)));
    for bad in ["", "e3b0c4", &text.to_uppercase(), &text.replace('e', "g")] {
        assert_eq!(Digest::parse(bad), None, "{bad}");
    }
}

/// The largest document that IAM takes, once of one long text and once of very many elements.
#[test]
fn ten_million_characters_are_read() {
    let good = role(&key(" use=\"signing\"", &certificate()));
    let padded = |filling: &str, count: usize| {
        named("a", &format!("{good}<md:Extensions>{}</md:Extensions>", filling.repeat(count)))
    };
    assert!(Metadata::parse(&padded("x", 10_000_000)).is_ok());
    assert!(Metadata::parse(&padded("&amp;", 200_000)).is_ok());
    assert!(Metadata::parse(&padded("<md:x y=''/>", 190_000)).is_ok());
    let many = Metadata::parse(&padded("<md:x/>", 401_000));
    assert_eq!(many, Err(MetadataFault::Xml(XmlFault::Nodes(METADATA_LIMITS.nodes))));
    let long = Metadata::parse(&padded("x", METADATA_LIMITS.bytes));
    assert_eq!(long, Err(MetadataFault::Xml(XmlFault::Bytes(METADATA_LIMITS.bytes))));
}
