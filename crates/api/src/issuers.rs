//! Which issuers this server takes: those of IAM, and on this machine what an operator let in for
//! tests. Asked when one is registered and again whenever one of its tokens comes, so that a start
//! without the switch takes no token of a provider that was registered with it.

use daypass_names::{Constrained, Invalid, IssuerUrl};

use crate::Settings;

/// The issuer of that URL, if this server takes it.
///
/// # Errors
/// AWS's answer to what is no URL of a provider.
pub(crate) fn issuer(settings: &Settings, text: &str) -> Result<IssuerUrl, Invalid> {
    match settings.federation_plain_http {
        false => taken(settings, IssuerUrl::parse(text)?),
        true => taken(settings, IssuerUrl::parse_with_loopback(text)?),
    }
}

/// `url`, if this server takes it.
///
/// IAM API reference, "CreateOpenIDConnectProvider": "the URL should not contain a port number",
/// which the live service refuses.
///
/// # Errors
/// As for [`issuer`].
pub(crate) fn taken(settings: &Settings, url: IssuerUrl) -> Result<IssuerUrl, Invalid> {
    let is_let_in = settings.federation_plain_http && url.is_loopback();
    // SECURITY: condition keys of a provider begin with its URL. Those of `https://saml` or
    // `https://aws` would pass for others (RustFS GHSA-6r96).
    let is_one_word = !url.without_scheme().contains(['.', '/', ':', '[']);
    if is_one_word && !url.is_loopback() {
        return Err(Invalid::Rule(IssuerUrl::NOT_AN_ISSUER));
    }
    match (is_let_in, url.is_plain_http(), url.port()) {
        (true, ..) | (false, false, None) => Ok(url),
        (false, true, _) => Err(Invalid::Rule(IssuerUrl::NOT_HTTPS)),
        (false, false, Some(_)) => Err(Invalid::Rule(IssuerUrl::NOT_AN_ISSUER)),
    }
}

#[cfg(test)]
mod tests {
    use daypass_names::{Partition, Region};

    use super::*;
    use crate::RateLimits;

    #[test]
    fn issuers_on_this_machine_need_the_switch() {
        use IssuerUrl as Url;
        let settings = |federation_plain_http| Settings {
            partition: Partition::Aws,
            region: Region::parse("us-east-1").unwrap(),
            regions: None,
            signing_regions: None,
            allow_empty_region: false,
            strict_audit: false,
            rate_limits: RateLimits::default(),
            federation_plain_http,
            saml: crate::SamlAddresses::default(),
        };
        let (with, without) = (settings(true), settings(false));
        for (text, off, on) in [
            ("https://idp.example/a", Ok(()), Ok(())),
            ("https://localhost/a", Ok(()), Ok(())),
            ("https://localhost:8443/a", Err(Url::NOT_AN_ISSUER), Ok(())),
            ("https://127.0.0.1:8443", Err(Url::NOT_AN_ISSUER), Ok(())),
            ("http://localhost:8080", Err(Url::NOT_HTTPS), Ok(())),
            ("http://127.0.0.1", Err(Url::NOT_HTTPS), Ok(())),
            ("https://idp.example:8443", Err(Url::NOT_AN_ISSUER), Err(Url::NOT_AN_ISSUER)),
            ("http://idp.example", Err(Url::NOT_HTTPS), Err(Url::NOT_HTTPS)),
            ("https://saml", Err(Url::NOT_AN_ISSUER), Err(Url::NOT_AN_ISSUER)),
            ("https://keycloak/realms/acme", Ok(()), Ok(())),
            ("idp.example", Err(Url::NO_URL), Err(Url::NO_URL)),
        ] {
            for (settings, want) in [(&without, off), (&with, on)] {
                let want = want.map_err(Invalid::Rule);
                assert_eq!(issuer(settings, text).map(drop), want, "{text}");
                let registered = Url::parse_with_loopback(text);
                let taken = registered.and_then(|url| taken(settings, url));
                assert_eq!(taken.map(drop), want, "{text}");
            }
        }
    }
}
