//! Which settings make a gateway, and which are refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::{Config, Home};

const CREDENTIALS: &str = "AKIAIOSFODNN7EXAMPLE\nwJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n";

/// The settings of a gateway, with what `change` does to them.
fn config(change: impl FnOnce(&mut Layer)) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backend");
    fs::write(&path, CREDENTIALS).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let mut layer = Layer {
        ephemeral: Some(true),
        s3_listen: Some("127.0.0.1:0".to_owned()),
        s3_backend: Some("http://127.0.0.1:3900".to_owned()),
        s3_backend_credentials: Some(path),
        ..Layer::default()
    };
    change(&mut layer);
    Config::resolve(layer, &Home::default()).map_err(|fault| fault.to_string())
}

fn refused(change: impl FnOnce(&mut Layer)) -> String {
    config(change).err().unwrap_or_default()
}

#[test]
fn a_gateway_needs_an_address_a_backend_and_credentials() {
    let s3 = config(|_| {}).unwrap().s3.unwrap();
    assert_eq!(s3.backend.to_string(), "http://127.0.0.1:3900");
    assert_eq!(s3.credentials.access_key_id(), "AKIAIOSFODNN7EXAMPLE");
    assert_eq!(s3.region, "us-east-1");
    assert_eq!(s3.chunk_memory_mib, 256);
    assert_eq!(s3.timeout, Duration::from_secs(60));
    assert!(!s3.anonymous && !s3.exact_keys && !s3.private_plain_http);
    assert!(
        config(|layer| *layer = Layer { ephemeral: Some(true), ..Layer::default() })
            .unwrap()
            .s3
            .is_none()
    );
    for (lacks, change) in [
        (
            "`s3_listen`",
            Box::new(|l: &mut Layer| l.s3_listen = None) as Box<dyn FnOnce(&mut Layer)>,
        ),
        ("`s3_backend`", Box::new(|l| l.s3_backend = None)),
        ("`s3_backend_credentials`", Box::new(|l| l.s3_backend_credentials = None)),
    ] {
        let fault = refused(change);
        assert!(fault.contains(&format!("needs {lacks}")), "{fault}");
    }
}

#[test]
fn what_is_stored_leaves_the_machine_over_tls_unless_the_operator_says_otherwise() {
    let backend = |url: &str| Some(url.to_owned());
    for url in ["http://localhost:3900", "http://[::1]:3900", "https://s3.example.org"] {
        assert!(config(|layer| layer.s3_backend = backend(url)).is_ok(), "{url}");
    }
    for url in ["http://garage:3900", "http://10.0.0.7:3900", "http://198.51.100.1"] {
        let fault = refused(|layer| layer.s3_backend = backend(url));
        assert!(fault.contains("in the clear to another machine"), "{url}: {fault}");
        // Whether a name leads to a private network is looked at when it is connected to.
        let permitted = config(|layer| {
            layer.s3_backend = backend(url);
            layer.s3_backend_plain_http = Some(true);
        });
        assert!(permitted.unwrap().s3.unwrap().private_plain_http, "{url}");
    }
    let fault = refused(|layer| {
        layer.s3_backend = backend("https://s3.example.org");
        layer.s3_backend_plain_http = Some(true);
    });
    assert!(fault.contains("`s3_backend_plain_http`"), "{fault}");
    let fault = refused(|layer| layer.s3_backend_ca = Some("ca.pem".into()));
    assert!(fault.contains("`s3_backend_ca`"), "{fault}");
}

#[test]
fn the_gateway_listens_where_credentials_are_safe() {
    let fault = refused(|layer| layer.s3_listen = Some("0.0.0.0:4702".to_owned()));
    assert!(fault.starts_with("listening on 0.0.0.0:4702 without TLS"), "{fault}");
    let behind = config(|layer| {
        layer.s3_listen = Some("0.0.0.0:4702".to_owned());
        layer.trusted_proxies = Some(vec!["10.0.0.1".to_owned()]);
    });
    assert!(behind.is_ok());
}

#[test]
fn what_cannot_be_read_is_refused_without_a_secret_in_the_sentence() {
    for (name, change) in [
        (
            "s3_backend",
            Box::new(|l: &mut Layer| l.s3_backend = Some("garage:3900".to_owned()))
                as Box<dyn FnOnce(&mut Layer)>,
        ),
        ("s3_backend", Box::new(|l| l.s3_backend = Some("http://a:hidden@localhost".to_owned()))),
        ("s3_backend_region", Box::new(|l| l.s3_backend_region = Some("not a region".to_owned()))),
        ("s3_domain", Box::new(|l| l.s3_domain = Some(vec!["s3 example".to_owned()]))),
        ("s3_data_events", Box::new(|l| l.s3_data_events = Some(vec!["UPPER".to_owned()]))),
        ("s3_backend_timeout", Box::new(|l| l.s3_backend_timeout = Some(0))),
        ("s3_backend_timeout", Box::new(|l| l.s3_backend_timeout = Some(901))),
        ("s3_chunk_memory_mib", Box::new(|l| l.s3_chunk_memory_mib = Some(15))),
        ("s3_listen", Box::new(|l| l.s3_listen = Some("4702".to_owned()))),
    ] {
        let fault = refused(change);
        assert!(fault.starts_with(&format!("setting `{name}`")), "{fault}");
        assert!(!fault.contains("hidden"), "{fault}");
    }
    let fault = refused(|layer| {
        let path = layer.s3_backend_credentials.clone().unwrap();
        fs::write(path, "a/b\nhidden").unwrap();
    });
    assert!(fault.starts_with("setting `s3_backend_credentials`"), "{fault}");
    assert!(!fault.contains("hidden"), "{fault}");
}

#[test]
fn a_file_that_others_can_read_is_told_of() {
    for (mode, told) in [(0o600, false), (0o640, true), (0o604, true)] {
        let config = config(|layer| {
            let path = layer.s3_backend_credentials.clone().unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        });
        assert_eq!(config.unwrap().exposed_secret_files.len(), usize::from(told), "{mode:o}");
    }
}
