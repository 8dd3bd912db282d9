//! Whose certificates are believed.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use daypass_federation::authorities::Authorities;
use daypass_names::Thumbprint;
use rcgen::{KeyUsagePurpose, date_time_ymd};

use super::*;

/// What comes of a fetch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Came {
    Document,
    Certificate,
    Thumbprint,
}

fn thumbprint(pem: &str) -> Thumbprint {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, &der);
    Thumbprint::parse(&data_encoding_hex(digest.as_ref())).unwrap()
}

fn data_encoding_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Fetches from a server with that identity, when the authority `known` is known.
async fn check(
    identity: &Identity,
    known: &Authority,
    own: Option<&Authority>,
    thumbprints: &[Thumbprint],
    want: Came,
) {
    assert_eq!(came(identity, known, own, thumbprints).await, want);
}

async fn came(
    identity: &Identity,
    known: &Authority,
    own: Option<&Authority>,
    thumbprints: &[Thumbprint],
) -> Came {
    let server = Server::tls(identity, always(&document("{}"), Then::Close)).await;
    let (fetcher, _) = fetcher(&known.pem);
    let mut wanted = wanted(&server.url("/"));
    wanted.authorities = own.map(|own| Authorities::parse(&own.pem).unwrap());
    wanted.thumbprints = thumbprints.to_vec();
    let came = match fetcher.fetch(&wanted).await {
        Ok(document) if document.bytes == "{}" => Came::Document,
        Err(FetchFault::Certificate { host, .. }) if host == HOST => Came::Certificate,
        Err(FetchFault::Thumbprint { host }) if host == HOST => Came::Thumbprint,
        other => panic!("{other:?}"),
    };
    // Nothing was asked of whom is not believed.
    assert_eq!(server.heads.lock().unwrap().len(), usize::from(came == Came::Document));
    came
}

#[tokio::test]
async fn a_chain_ends_in_a_known_authority() {
    let (known, other) = (Authority::root(), Authority::root());
    let leaf = named(HOST);
    check(&known.server(&leaf), &known, None, &[], Came::Document).await;
    let below = known.intermediate(authority_named("below"));
    check(&below.server(&leaf), &known, None, &[], Came::Document).await;
    check(&other.server(&leaf), &known, None, &[], Came::Certificate).await;
    check(&known.server(&named("other.example")), &known, None, &[], Came::Certificate).await;
    let mut expired = named(HOST);
    expired.not_after = date_time_ymd(2026, 1, 1);
    check(&known.server(&expired), &known, None, &[], Came::Certificate).await;
    let mut early = named(HOST);
    early.not_before = date_time_ymd(2026, 1, 3);
    check(&known.server(&early), &known, None, &[], Came::Certificate).await;
    // One that may not certify others did.
    let mut no_authority = authority_named("leaf");
    no_authority.is_ca = IsCa::NoCa;
    let no_authority = known.intermediate(no_authority);
    check(&no_authority.server(&leaf), &known, None, &[], Came::Certificate).await;
}

/// A provider's own authority stands in the place of those that everybody knows.
#[tokio::test]
async fn a_provider_has_an_authority_of_its_own() {
    let (known, own) = (Authority::root(), Authority::root());
    let leaf = named(HOST);
    check(&own.server(&leaf), &known, Some(&own), &[], Came::Document).await;
    check(&known.server(&leaf), &known, Some(&own), &[], Came::Certificate).await;
    check(&own.server(&leaf), &known, None, &[], Came::Certificate).await;
}

/// IAM user guide, "Obtain the thumbprint for an OpenID Connect identity provider".
#[tokio::test]
async fn thumbprints_count_where_no_authority_is_known() {
    let (known, other) = (Authority::root(), Authority::root());
    let below = other.intermediate(authority_named("below"));
    let leaf = named(HOST);
    let identity = below.server(&leaf);
    let [wrong, of_root, of_below] =
        [&known, &other, &below].map(|authority| thumbprint(&authority.pem));
    check(&identity, &known, None, &[of_root], Came::Document).await;
    check(&identity, &known, None, &[of_below], Came::Document).await;
    check(&identity, &known, None, &[wrong, of_below], Came::Document).await;
    check(&identity, &known, None, &[wrong], Came::Thumbprint).await;
    check(&identity, &known, None, &[], Came::Certificate).await;
    // Not beside the authorities that an operator gave.
    check(&identity, &known, Some(&known), &[of_below], Came::Certificate).await;
    check(&identity, &known, Some(&known), &[wrong], Came::Certificate).await;
    // A known authority of the same name has certified nothing of it.
    let (namesake, same) = (Authority::root_named("same"), Authority::root_named("same"));
    let identity = same.server(&leaf);
    check(&identity, &namesake, None, &[thumbprint(&same.pem)], Came::Document).await;
    check(&identity, &namesake, None, &[wrong], Came::Certificate).await;
    // Not needed, and ignored.
    check(&known.server(&leaf), &known, None, &[of_below], Came::Document).await;
}

#[tokio::test]
async fn a_thumbprint_mends_nothing_else() {
    let (known, other) = (Authority::root(), Authority::root());
    let below = other.intermediate(authority_named("below"));
    let leaf = named(HOST);
    let of_below = thumbprint(&below.pem);
    // Another name; another time.
    let identity = below.server(&named("other.example"));
    check(&identity, &known, None, &[of_below], Came::Certificate).await;
    let mut expired = named(HOST);
    expired.not_after = date_time_ymd(2026, 1, 1);
    let identity = below.server(&expired);
    check(&identity, &known, None, &[of_below], Came::Certificate).await;
    // The thumbprint is that of the server's own certificate.
    let identity = below.server(&leaf);
    check(&identity, &known, None, &[thumbprint(&identity.chain)], Came::Thumbprint).await;
    // A certificate that has it is sent along, and has certified nothing.
    let stranger = Authority::root();
    let mut with_stranger = other.server(&leaf);
    with_stranger.chain.push_str(&below.pem);
    check(&with_stranger, &known, None, &[of_below], Came::Certificate).await;
    with_stranger.chain.push_str(&stranger.pem);
    check(&with_stranger, &known, None, &[thumbprint(&stranger.pem)], Came::Certificate).await;
    // It is not sent at all.
    let mut short = below.server(&leaf);
    short.chain = short.chain.replace(&below.pem, "").replace(&other.pem, "");
    check(&short, &known, None, &[of_below], Came::Thumbprint).await;
}

/// What would not be an authority by itself is none by its thumbprint.
#[tokio::test]
async fn a_thumbprint_is_that_of_an_authority() {
    let (known, other) = (Authority::root(), Authority::root());
    let leaf = named(HOST);
    let mut no_authority = authority_named("leaf");
    no_authority.is_ca = IsCa::NoCa;
    let mut expired = authority_named("expired");
    expired.not_after = date_time_ymd(2026, 1, 1);
    let mut early = authority_named("early");
    early.not_before = date_time_ymd(2026, 1, 3);
    let mut no_signer = authority_named("signs only messages");
    no_signer.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    for params in [no_authority, expired, early, no_signer] {
        let below = other.intermediate(params);
        let identity = below.server(&leaf);
        let came = came(&identity, &known, None, &[thumbprint(&below.pem)]).await;
        assert_ne!(came, Came::Document);
    }
    // A server that has certified itself.
    let key = KeyPair::generate().unwrap();
    for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
        let mut params = named(HOST);
        params.is_ca = is_ca;
        let chain = params.self_signed(&key).unwrap().pem();
        let print = thumbprint(&chain);
        let identity = Identity { chain: format!("{chain}{chain}"), key: key.serialize_pem() };
        assert_ne!(came(&identity, &known, None, &[print]).await, Came::Document);
    }
}

#[tokio::test]
async fn a_server_speaks_tls() {
    let known = Authority::root();
    let server = Server::plain(always(&document("{}"), Then::Close)).await;
    let (fetcher, _) = fetcher(&known.pem);
    // The first of what it reads as TLS is our greeting, of which it makes nothing.
    let url = server.url("/");
    let fetching = tokio::spawn(async move { fetcher.fetch(&wanted(&url)).await });
    while server.came() == 0 {
        tokio::task::yield_now().await;
    }
    fetching.abort();
    server.quiet().await;
    assert!(server.heads.lock().unwrap().is_empty());
}

#[test]
fn the_file_of_the_authorities_is_used_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authorities.pem");
    let trust = |text: &str| {
        std::fs::write(&file, text).unwrap();
        Trust::new(Some(&file), Arc::new(Standing)).map(drop).map_err(|fault| fault.to_string())
    };
    let (one, other) = (Authority::root(), Authority::root());
    assert_eq!(trust(&one.pem), Ok(()));
    assert_eq!(trust(&format!("# ours\n{}\n\n{}", one.pem, other.pem)), Ok(()));
    let unusable = format!("`{}` holds no certificates in PEM that can be used", file.display());
    for bad in [
        "",
        "nothing",
        &one.key.serialize_pem(),
        &one.pem.replace("END", "FIN"),
        "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
    ] {
        assert_eq!(trust(bad), Err(unusable.clone()), "{bad}");
    }
    let missing = Trust::new(Some(&folder.path().join("none")), Arc::new(Standing));
    assert!(matches!(missing, Err(TrustFault::Unreadable { .. })));
    assert!(Trust::new(None, Arc::new(Standing)).is_ok(), "Mozilla's");
}

/// As the server's own certificate: new authorities hold from the next fetch on, and a file that
/// cannot be used changes nothing.
#[tokio::test]
async fn the_file_of_the_authorities_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authorities.pem");
    let put = |text: &str| std::fs::write(&file, text).unwrap();
    let (old, new) = (Authority::root(), Authority::root());
    let answers = || always(&document("{}"), Then::Close);
    let of_old = Server::tls(&old.server(&named(HOST)), answers()).await;
    let of_new = Server::tls(&new.server(&named(HOST)), answers()).await;
    put(&old.pem);
    let (fetcher, _) = fetcher(&old.pem);
    let trust = Trust::new(Some(&file), Arc::new(Standing)).unwrap();
    let fetcher = Fetcher { trust, ..fetcher };
    let check = async |believes_old: bool, believes_new: bool, generation: u64| {
        for (server, believed) in [(&of_old, believes_old), (&of_new, believes_new)] {
            let fetched = fetcher.fetch(&wanted(&server.url("/"))).await;
            assert_eq!(fetched.is_ok(), believed, "{fetched:?}");
        }
        assert_eq!(fetcher.trusted(), generation);
    };
    check(true, false, 0).await;
    assert!(!fetcher.reload().unwrap(), "nothing has changed");
    // One more: what was believed before is so still.
    put(&format!("{}{}", old.pem, new.pem));
    assert!(fetcher.reload().unwrap());
    check(true, true, 0).await;
    for bad in ["", "rubbish", &new.pem.replace("END", "FIN")] {
        put(bad);
        assert!(matches!(fetcher.reload(), Err(TrustFault::Pem { .. })), "{bad}");
        assert!(!fetcher.reload().unwrap(), "it is complained about once");
        check(true, true, 0).await;
    }
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(fetcher.reload(), Err(TrustFault::Unreadable { .. })));
    check(true, true, 0).await;
    // One less.
    put(&new.pem);
    assert!(fetcher.reload().unwrap());
    check(false, true, 1).await;
    let mozillas = Trust::new(None, Arc::new(Standing)).unwrap();
    assert!(!mozillas.reload().unwrap() && mozillas.file().is_none());
}
