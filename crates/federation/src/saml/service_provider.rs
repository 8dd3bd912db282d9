//! The metadata of the deployment as a service provider, for the identity providers that take such a
//! document ("Metadata for the OASIS Security Assertion Markup Language V2.0", section 2.4.4).
//!
//! It is not signed, and promises nothing: what is accepted is decided when a response comes.

use std::fmt::Write as _;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::PrivateDecryptingKey;
use data_encoding::BASE64;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::private_key::PrivateKey;

/// The formats of names that are asked for, the first of them rather than the others. Any is taken.
const NAME_ID_FORMATS: [&str; 4] = [
    "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
    "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
    "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
];

/// What assertions may be encrypted with, the best first.
const ENCRYPTION_METHODS: [&str; 4] = [
    "http://www.w3.org/2009/xmlenc11#aes256-gcm",
    "http://www.w3.org/2009/xmlenc11#aes128-gcm",
    "http://www.w3.org/2009/xmlenc11#rsa-oaep",
    "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
];

/// The attributes that there must be.
const REQUIRED: [&str; 2] = ["Role", "RoleSessionName"];

/// What the attributes of AWS begin with.
const ATTRIBUTES: &str = "https://aws.amazon.com/SAML/Attributes/";

/// A service provider, as its metadata tells it.
#[derive(Clone, Copy, Debug)]
pub struct ServiceProvider<'a> {
    /// Its name, which identity providers write into assertions as the `Audience`.
    pub entity_id: &'a str,
    /// Where responses are addressed to, the first by default.
    pub recipients: &'a [&'a str],
    /// The keys that open encrypted assertions.
    pub private_keys: &'a [PrivateKey],
}

impl ServiceProvider<'_> {
    /// The metadata document; nothing when a private key has no public one, which cannot be.
    pub fn metadata(&self) -> Option<String> {
        let mut text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <md:EntityDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"{}\">\n  \
             <md:SPSSODescriptor AuthnRequestsSigned=\"false\" WantAssertionsSigned=\"true\" \
             protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">\n",
            escaped(self.entity_id),
        );
        for key in self.private_keys {
            text.push_str(&key_descriptor(key)?);
        }
        for format in NAME_ID_FORMATS {
            push(&mut text, format_args!("    <md:NameIDFormat>{format}</md:NameIDFormat>\n"));
        }
        for (index, recipient) in self.recipients.iter().enumerate() {
            push(
                &mut text,
                format_args!(
                    "    <md:AssertionConsumerService \
                     Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" Location=\"{}\" \
                     index=\"{index}\" isDefault=\"{}\"/>\n",
                    escaped(recipient),
                    index == 0,
                ),
            );
        }
        text.push_str(
            "    <md:AttributeConsumingService index=\"0\" isDefault=\"true\">\n      \
             <md:ServiceName xml:lang=\"en\">AWS STS</md:ServiceName>\n",
        );
        for name in REQUIRED {
            push(
                &mut text,
                format_args!(
                    "      <md:RequestedAttribute isRequired=\"true\" Name=\"{ATTRIBUTES}{name}\" \
                     FriendlyName=\"{name}\"/>\n"
                ),
            );
        }
        text.push_str(
            "    </md:AttributeConsumingService>\n  </md:SPSSODescriptor>\n</md:EntityDescriptor>\n",
        );
        Some(text)
    }
}

/// The public key of a private one: its numbers, since it has no certificate (XML Signature,
/// section 4.4.2.2).
fn key_descriptor(key: &PrivateKey) -> Option<String> {
    let key = PrivateDecryptingKey::from_pkcs8(key.expose_pkcs8()).ok()?;
    let der = AsDer::<PublicKeyX509Der<'_>>::as_der(&key.public_key()).ok()?;
    let (_, info) = SubjectPublicKeyInfo::from_der(der.as_ref()).ok()?;
    let Ok(PublicKey::RSA(public)) = info.parsed() else { return None };
    // Without the zero that DER has in front of numbers whose first bit is set.
    let number = |bytes: &[u8]| {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        bytes.get(zeros..).map(|bytes| BASE64.encode(bytes))
    };
    let (modulus, exponent) = (number(public.modulus)?, number(public.exponent)?);
    let mut text = format!(
        "    <md:KeyDescriptor use=\"encryption\">\n      \
         <ds:KeyInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:KeyValue><ds:RSAKeyValue>\
         <ds:Modulus>{modulus}</ds:Modulus><ds:Exponent>{exponent}</ds:Exponent></ds:RSAKeyValue>\
         </ds:KeyValue></ds:KeyInfo>\n"
    );
    for method in ENCRYPTION_METHODS {
        push(&mut text, format_args!("      <md:EncryptionMethod Algorithm=\"{method}\"/>\n"));
    }
    text.push_str("    </md:KeyDescriptor>\n");
    Some(text)
}

fn push(text: &mut String, more: std::fmt::Arguments<'_>) {
    // A `String` takes whatever it is given.
    let _ = text.write_fmt(more);
}

/// A text as the value of an attribute.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // They would be read as spaces.
            '\t' | '\n' | '\r' => push(&mut escaped, format_args!("&#{};", u32::from(c))),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::xml::{self, Element};
    use super::super::{METADATA_LIMITS, Metadata, MetadataFault};
    use super::*;
    use crate::testing::saml_encryption::SamlRecipient;

    const MD: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
    const DS: &str = "http://www.w3.org/2000/09/xmldsig#";

    fn only<'e, 'a>(
        of: &'e Element<'a>,
        namespace: &'static str,
        name: &'static str,
    ) -> &'e Element<'a> {
        let all: Vec<_> = of.named(namespace, name).collect();
        assert_eq!(all.len(), 1, "{name}");
        all[0]
    }

    /// Our own reader of XML takes it, and finds in it what was put there.
    #[test]
    fn what_is_written_is_read() {
        let odd = "https://a.example/?a=1&b=\"<'\t>";
        let key = SamlRecipient::generate().private_key();
        let provider = ServiceProvider {
            entity_id: odd,
            recipients: &["https://a.example/saml", odd],
            private_keys: std::slice::from_ref(&key),
        };
        let text = provider.metadata().unwrap();
        let root = xml::parse(&text, &METADATA_LIMITS).unwrap();
        assert!(root.is(MD, "EntityDescriptor"));
        assert_eq!(root.attribute("entityID"), Some(odd));
        let role = only(&root, MD, "SPSSODescriptor");
        let services: Vec<_> = role.named(MD, "AssertionConsumerService").collect();
        let told =
            |name| services.iter().map(|one| one.attribute(name).unwrap()).collect::<Vec<_>>();
        assert_eq!(told("Location"), ["https://a.example/saml", odd]);
        assert_eq!(told("isDefault"), ["true", "false"]);
        assert_eq!(told("index"), ["0", "1"]);
        let descriptor = only(role, MD, "KeyDescriptor");
        assert_eq!(descriptor.attribute("use"), Some("encryption"));
        let value = only(only(descriptor, DS, "KeyInfo"), DS, "KeyValue");
        let numbers = only(value, DS, "RSAKeyValue");
        let number = |name| {
            let text = only(numbers, DS, name).text().unwrap();
            BASE64.decode(text.as_bytes()).unwrap()
        };
        assert_eq!(number("Modulus").len(), 256);
        assert_eq!(number("Exponent"), [1, 0, 1]);
        // It is metadata, and of no identity provider.
        assert_eq!(Metadata::parse(&text), Err(MetadataFault::NoIdentityProvider));
        let bare = ServiceProvider { private_keys: &[], ..provider }.metadata().unwrap();
        assert!(!bare.contains("KeyDescriptor"));
    }
}
