//! The settings, source by source.

use daypass_api::RegionKind;

use super::*;

fn parse(text: &str) -> Result<Layer, ConfigFault> {
    Layer::parse(Path::new("/etc/daypass.toml"), text)
}

fn home() -> Home {
    Home { xdg_data_home: None, home: Some("/home/alice".into()) }
}

/// Resolves flags and environment (written as TOML here) over a file.
fn resolve(given: &str, file: &str) -> Result<Config, ConfigFault> {
    Config::resolve(parse(given)?.over(parse(file)?), &home())
}

#[test]
fn without_any_setting_the_defaults_hold() {
    let config = resolve("", "").unwrap();
    assert_eq!(config.listen, "127.0.0.1:4700".parse().unwrap());
    assert_eq!(config.data, DataPlace::Folder("/home/alice/.local/share/daypass".into()));
    assert!(!config.ephemeral);
    assert_eq!(config.account, None);
    assert_eq!(config.region.as_str(), "us-east-1");
    assert_eq!(config.tls, None);
    assert!(config.trusted_proxies.is_empty());
    assert_eq!(config.federation.networks, Networks::default());
    assert!(config.federation.authorities.is_none() && !config.federation.plain_http);
    assert!(config.regions.is_none());
    assert_eq!(config.signing_regions, None);
    assert!(!config.allow_empty_region);
    assert!(config.admin_key.is_none());
    assert!(matches!(config.kek, KekSource::DataFolder) && config.previous_kek.is_none());
    assert_eq!(config.rotate_keys_after, SignedDuration::from_hours(24 * 30));
    assert!(!config.strict_audit);
    assert_eq!(config.trail_keep_for, Some(SignedDuration::from_hours(24 * 90)));
    assert_eq!(config.trail_keep_bytes, Some(10 << 30));
    assert_eq!(config.rate_limits, RateLimits::default());
    assert_eq!(config.metrics_listen, None);
    assert_eq!((config.log.as_str(), config.log_format), ("info", LogFormat::Text));
}

#[test]
fn quotas_and_managed_policies_are_set() {
    let lower = "quotas = ['users=1']\nmanaged_policies = '/policies'";
    let config = resolve("quotas = ['users=10000', ' groups_per_user = 20 ']", lower).unwrap();
    assert_eq!((config.quotas.users, config.quotas.groups_per_user), (10_000, 20));
    assert_eq!(config.quotas.groups, 300, "those that are left out are AWS's");
    assert_eq!(config.managed_policies.as_deref(), Some(Path::new("/policies")));
    for (text, says) in [
        ("quotas = ['users']", "setting `quotas`: `users` is not of the form NAME=NUMBER"),
        ("quotas = ['users=many']", "`users=many` is not of the form NAME=NUMBER"),
        ("quotas = ['users=0']", "setting `quotas`: `users` can be 1 to 1000000, not 0"),
        ("quotas = ['policy_size=9']", "`policy_size` is no quota that can be set: users, groups"),
    ] {
        let refused = resolve(text, "").unwrap_err().to_string();
        assert!(refused.contains(says), "{text}: {refused}");
    }
}

#[test]
fn rate_limits_are_set_and_turned_off() {
    let config = resolve(
        "rate_limit_principal = '100:300'\nrate_limit_address = 'off'",
        "rate_limit_principal = 'off'\nrate_limit_account = '7'",
    );
    let limit = |rate, burst| Some(RateLimit::new(rate, burst).unwrap());
    let want = RateLimits { principal: limit(100, 300), account: limit(7, 35), address: None };
    assert_eq!(config.unwrap().rate_limits, want);
    for name in ["rate_limit_principal", "rate_limit_account", "rate_limit_address"] {
        let refused = resolve(&format!("{name} = 'fast'"), "").unwrap_err().to_string();
        assert!(refused.starts_with(&format!("setting `{name}`: `fast` is no rate")), "{refused}");
    }
}

#[test]
fn keys_trail_and_metrics_are_set_within_bounds() {
    let config = resolve(
        "rotate_keys_days = 1\naudit = 'strict'\ntrail_keep_days = 0\ntrail_keep_mib = 0\n\
         metrics_listen = 'localhost:4701'\nkek_file = '/k'\nprevious_kek_file = '/old'",
        "audit = 'usual'\ntrail_keep_days = 7",
    )
    .unwrap();
    assert_eq!(config.rotate_keys_after, SignedDuration::from_hours(24));
    assert!(config.strict_audit);
    assert_eq!((config.trail_keep_for, config.trail_keep_bytes), (None, None));
    assert_eq!(config.metrics_listen, Some("127.0.0.1:4701".parse().unwrap()));
    assert!(matches!(&config.kek, KekSource::File(path) if path == Path::new("/k")));
    assert_eq!(config.previous_kek.as_deref(), Some(Path::new("/old")));
    for (text, says) in [
        ("rotate_keys_days = 0", "setting `rotate_keys_days`: 0 is not 1 to"),
        ("trail_keep_days = 4000000", "setting `trail_keep_days`: 4000000 is not 1 to"),
        ("audit = 'never'", "`never` is neither `usual` nor `strict`"),
        ("metrics_listen = 'x'", "setting `metrics_listen`: `x` is not an address and a port"),
        ("metrics_listen = '0.0.0.0:1'", "metrics are served without TLS"),
    ] {
        let fault = resolve(text, "").unwrap_err().to_string();
        assert!(fault.contains(says), "{fault}");
    }
}

/// The key itself comes from the environment, and hides a file that the configuration names.
#[test]
fn the_key_encryption_key_has_one_source() {
    let given = |file: &str| Layer {
        kek: Some(SecretText::new("text".to_owned())),
        ..parse(file).unwrap()
    };
    let config = Config::resolve(given("").over(parse("kek_file = '/k'").unwrap()), &home());
    assert!(matches!(config.unwrap().kek, KekSource::Environment(_)));
    let fault = Config::resolve(given("kek_file = '/k'"), &home()).unwrap_err().to_string();
    assert!(fault.contains("give one") && !fault.contains("text"), "{fault}");
}

/// Each setting in the file, and the same setting in the layer above it.
#[test]
fn the_upper_layer_wins_setting_by_setting() {
    type Shown = fn(&Config) -> String;
    let rows: [(&str, &str, &str, &str, Shown); 16] = [
        ("listen = '127.0.0.1:1'", "127.0.0.1:1", "listen = 'localhost:2'", "127.0.0.1:2", |c| {
            c.listen.to_string()
        }),
        ("data = '/a'", r#"Folder("/a")"#, "data = '/b'", r#"Folder("/b")"#, |c| {
            format!("{:?}", c.data)
        }),
        ("ephemeral = true", "true", "ephemeral = false", "false", |c| c.ephemeral.to_string()),
        (
            "account_id = '000000000001'",
            "Some(AccountId(000000000001))",
            "account_id = '123456789012'",
            "Some(AccountId(123456789012))",
            |c| format!("{:?}", c.account),
        ),
        ("region = 'eu-west-1'", "eu-west-1", "region = 'x'", "x", |c| c.region.to_string()),
        (
            "tls_cert = 'c'\ntls_key = 'k'",
            r#"Some(TlsFiles { certificate: "c", key: "k" })"#,
            "tls_cert = 'd'",
            r#"Some(TlsFiles { certificate: "d", key: "k" })"#,
            |c| format!("{:?}", c.tls),
        ),
        (
            "trusted_proxies = ['10.0.0.0/8']",
            "Proxies([10.0.0.0/8])",
            "trusted_proxies = []",
            "Proxies([])",
            |c| format!("{:?}", c.trusted_proxies),
        ),
        (
            "signing_regions = ['eu-west-1']",
            "Some([Region(eu-west-1)])",
            "signing_regions = ['a', 'b']",
            "Some([Region(a), Region(b)])",
            |c| format!("{:?}", c.signing_regions),
        ),
        ("allow_empty_region = true", "true", "allow_empty_region = false", "false", |c| {
            c.allow_empty_region.to_string()
        }),
        (
            "federation_networks = ['10.0.0.0/8']",
            "Networks([10.0.0.0/8])",
            "federation_networks = []",
            "Networks([])",
            |c| format!("{:?}", c.federation.networks),
        ),
        (
            "federation_authorities = '/a.pem'",
            r#"Some("/a.pem")"#,
            "federation_authorities = '/b.pem'",
            r#"Some("/b.pem")"#,
            |c| format!("{:?}", c.federation.authorities),
        ),
        ("federation_plain_http = true", "true", "federation_plain_http = false", "false", |c| {
            c.federation.plain_http.to_string()
        }),
        (
            "saml_recipients = ['https://a.example/saml']",
            r#"["https://a.example/saml"]"#,
            "saml_recipients = []",
            "[]",
            |c| format!("{:?}", c.saml.own_recipients()),
        ),
        (
            "saml_audiences = ['urn:a']",
            r#"["urn:a"]"#,
            "saml_audiences = ['urn:b', 'urn:c']",
            r#"["urn:b", "urn:c"]"#,
            |c| format!("{:?}", c.saml.own_audiences()),
        ),
        ("log = 'debug'", "debug", "log = 'off'", "off", |c| c.log.clone()),
        ("log_format = 'json'", "Json", "log_format = 'text'", "Text", |c| {
            format!("{:?}", c.log_format)
        }),
    ];
    for (file, from_file, given, from_given, shown) in rows {
        assert_eq!(shown(&resolve("", file).unwrap()), from_file, "{file}");
        assert_eq!(shown(&resolve(given, file).unwrap()), from_given, "{given} over {file}");
    }
}

/// Which Regions there are, and what each is for accounts.
#[test]
fn regions_and_their_endpoints_are_set() {
    let three = "regions = ['eu-central-1', ' eu-west-1 ', 'me-south-1:opt-in']\n\
                 region = 'eu-central-1'\n";
    let hosts = "endpoints = ['sts.example.org=global', 'sts.me.example.org = me-south-1']";
    let config = resolve(hosts, three).unwrap();
    let regions = config.regions.unwrap();
    let shown: Vec<_> =
        regions.iter().map(|region| (region.name().as_str(), region.kind())).collect();
    let want = [
        ("eu-central-1", RegionKind::Global),
        ("eu-west-1", RegionKind::Default),
        ("me-south-1", RegionKind::OptIn),
    ];
    assert_eq!(shown, want);
    // The flag or variable wins over the file.
    let config = resolve("regions = ['us-east-1']", "regions = ['a']").unwrap();
    assert!(config.regions.unwrap().find("us-east-1").is_some());
    for (text, says) in [
        ("regions = []", "setting `regions`: the list is empty"),
        ("regions = ['eu-west-1']", "setting `regions`: `us-east-1`, the Region of the deployment"),
        (
            "regions = ['us-east-1:opt-in']",
            "setting `regions`: the global Region `us-east-1` cannot",
        ),
        ("regions = ['us-east-1:optin']", "not of the form REGION or REGION:opt-in"),
        ("regions = ['us-east-1', 'us-east-1']", "setting `regions`: `us-east-1` is there twice"),
        ("regions = ['us-east-1', 'Global']", "stands for the global endpoint"),
        (
            "regions = ['us-east-1', 'EU-North-1']",
            "setting `regions`: `EU-North-1` cannot be the name of a Region: 1 to 64 lower-case",
        ),
        ("regions = ['us-east-1', 'a.b:opt-in']", "setting `regions`: `a.b` cannot be the name"),
        ("regions = ['us-east-1', 'aws-global']", "setting `regions`: `aws-global` cannot be the"),
        (
            "region = 'aws-global'\nregions = ['aws-global']",
            "setting `regions`: `aws-global` cannot be the name of a Region",
        ),
        ("regions = ['us-east-1', 'a b']", "setting `regions`: `a b` is not a Region name"),
        ("endpoints = ['sts.example.org=global']", "`endpoints` needs `regions` as well"),
        (
            "regions = ['us-east-1']\nsigning_regions = ['us-east-1']",
            "setting `signing_regions`: it has no say beside `regions`",
        ),
        (
            "regions = ['us-east-1']\nallow_empty_region = true",
            "setting `allow_empty_region`: it has no say beside `regions`",
        ),
    ] {
        let refused = resolve(text, "").unwrap_err().to_string();
        assert!(refused.contains(says), "{text}: {refused}");
    }
    for (endpoint, says) in [
        ("sts.example.org", "not of the form HOST=REGION"),
        ("STS.example.org=global", "in small letters and without a port"),
        ("sts.example.org:443=global", "in small letters and without a port"),
        ("*.example.org=global", "not of the form HOST=REGION"),
        ("h=", "setting `endpoints`: `` is not a Region name"),
        ("h=eu-north-1", "setting `endpoints`: `h` stands for `eu-north-1`, which is none"),
        ("h=EU-West-1", "setting `endpoints`: `h` stands for `EU-West-1`, which is none"),
        ("h=aws-global", "setting `endpoints`: `h` stands for `aws-global`, which is none"),
        ("h=Global", "`h` stands for `Global`, which is none"),
        ("h=global', 'h=eu-west-1", "setting `endpoints`: `h` is there twice"),
    ] {
        let refused =
            resolve(&format!("endpoints = ['{endpoint}']"), three).unwrap_err().to_string();
        assert!(refused.contains(says), "{endpoint}: {refused}");
    }
}

#[test]
fn unknown_and_misshapen_fields_are_refused_with_file_and_line() {
    let rows = [
        ("listne = '127.0.0.1:1'", 1, "unknown field `listne`, expected one of `listen`, `data`"),
        ("region = 'x'\n\n[tls]\ncert = 'x'", 3, "unknown field `tls`"),
        // The secret has no place in a file that is shown around.
        ("\nadmin_secret_access_key = 'x'", 2, "unknown field `admin_secret_access_key`"),
        ("ephemeral = 'yes'", 1, "invalid type: string \"yes\", expected a boolean"),
        ("region = 'x'\nlisten = 4700", 2, "invalid type: integer"),
        ("region = 'x'\nregion = 'y'", 2, "duplicate key"),
        ("region = ", 1, ""),
    ];
    for (text, line, says) in rows {
        let fault = parse(text).unwrap_err().to_string();
        assert!(fault.starts_with(&format!("/etc/daypass.toml:{line}: ")), "{text:?}: {fault}");
        assert!(fault.contains(says) && !fault.contains('\n'), "{text:?}: {fault}");
    }
}

#[test]
fn values_of_no_use_are_refused_by_name() {
    let rows = [
        ("listen = 'example.com:80'", "setting `listen`: `example.com:80` is not an address"),
        ("listen = '127.0.0.1'", "setting `listen`"),
        ("listen = 'localhost:65536'", "setting `listen`"),
        ("listen = ''", "setting `listen`"),
        ("data = ''", "setting `data`"),
        ("account_id = '12345678901'", "`12345678901` is not twelve digits"),
        ("account_id = '000000000000'", "`000000000000` stands for no account"),
        ("region = 'e u'", "setting `region`: `e u` is not a Region name"),
        ("region = ''", "setting `region`"),
        ("tls_cert = 'c'", "setting `tls_cert` needs `tls_key` as well"),
        ("tls_key = 'k'", "setting `tls_key` needs `tls_cert` as well"),
        ("trusted_proxies = ['proxy']", "`proxy` is neither an address nor a CIDR block"),
        ("trusted_proxies = ['0.0.0.0/0']", "names every address"),
        ("federation_networks = ['idp']", "`idp` is neither an address nor a CIDR block"),
        ("federation_networks = ['::/0']", "names every address"),
        (
            "saml_recipients = ['https://*.example/saml']",
            "setting `saml_recipients`: an address has",
        ),
        ("saml_audiences = ['']", "setting `saml_audiences`: an address has"),
        ("signing_regions = []", "the list is empty"),
        ("signing_regions = ['']", "setting `signing_regions`"),
        ("log_format = 'xml'", "`xml` is neither `text` nor `json`"),
        ("admin_access_key_id = 'AKIAIOSFODNN7EXAMPLE'", "needs the secret (DAYPASS_ADMIN"),
    ];
    for (text, says) in rows {
        let fault = resolve(text, "").unwrap_err().to_string();
        assert!(fault.contains(says), "{text:?}: {fault}");
    }
}

#[test]
fn credentials_do_not_leave_the_machine_in_the_clear() {
    let tls = "tls_cert = 'c'\ntls_key = 'k'\n";
    let proxies = "trusted_proxies = ['10.0.0.1']\n";
    for (listen, loopback) in [
        ("127.0.0.1:0", true),
        ("127.9.9.9:4700", true),
        ("[::1]:4700", true),
        ("[::ffff:127.0.0.1]:4700", true),
        ("localhost:4700", true),
        ("0.0.0.0:4700", false),
        ("[::]:4700", false),
        ("10.0.0.1:4700", false),
    ] {
        for (more, fine) in [("", loopback), (tls, true), (proxies, true)] {
            let outcome = resolve(&format!("{more}listen = '{listen}'"), "");
            assert_eq!(outcome.is_ok(), fine, "{listen} {more}");
            if let Err(fault) = outcome {
                let fault = fault.to_string();
                assert!(
                    fault.contains("--tls-cert") && fault.contains("trusted_proxies"),
                    "{fault}"
                );
            }
        }
    }
}

#[test]
fn the_data_folder_follows_the_user() {
    type Path = Option<&'static str>;
    let rows: [(Path, Path, &str, Path); 7] = [
        (Some("/x"), Some("/home/alice"), "", Some("/x/daypass")),
        (None, Some("/home/alice"), "", Some("/home/alice/.local/share/daypass")),
        (Some("relative"), Some("/home/alice"), "", Some("/home/alice/.local/share/daypass")),
        (Some(""), None, "", None),
        (None, None, "", None),
        (None, None, "data = '/a'", Some("/a")),
        (Some("/x"), None, "data = '/a'\nephemeral = true", Some("/a")),
    ];
    for (xdg, own, text, expected) in rows {
        let home = Home { xdg_data_home: xdg.map(Into::into), home: own.map(Into::into) };
        let data = Config::resolve(parse(text).unwrap(), &home).map(|config| config.data).ok();
        assert_eq!(data, expected.map(|path| DataPlace::Folder(path.into())), "{xdg:?} {own:?}");
    }
    // Nothing of an ephemeral server stays, unless a folder was named.
    let config = resolve("ephemeral = true", "").unwrap();
    assert_eq!(config.data, DataPlace::Temporary);
    assert_eq!(Config::throw_away().unwrap().data, DataPlace::Temporary);
}

const KEY: &str = "admin_access_key_id = 'AKIAIOSFODNN7EXAMPLE'\n";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

fn with_secret(text: &str, secret: &str) -> Layer {
    Layer { admin_secret_access_key: Some(SecretText::new(secret.into())), ..parse(text).unwrap() }
}

#[test]
fn the_first_key_is_fixed_by_both_halves() {
    let config = Config::resolve(with_secret(KEY, SECRET), &home()).unwrap();
    let key = config.admin_key.as_ref().unwrap();
    assert_eq!((key.id.as_str(), key.secret.expose()), ("AKIAIOSFODNN7EXAMPLE", SECRET));
    assert!(!format!("{config:?}").contains(SECRET));
    assert!(!format!("{:?}", with_secret(KEY, SECRET)).contains(SECRET));

    let rows = [
        ("", SECRET, "give both or neither"),
        (KEY, "too-short", "16 to 128 printable ASCII characters"),
        (KEY, "", "16 to 128 printable ASCII characters"),
        (KEY, "with a space in the middle", "16 to 128 printable ASCII characters"),
        ("admin_access_key_id = 'short'", SECRET, "`short` is not 16 to 128"),
        ("admin_access_key_id = 'ASIAIOSFODNN7EXAMPLE'", SECRET, "temporary credentials"),
        (&format!("{KEY}admin_secret_access_key_file = '/f'"), SECRET, "give one"),
    ];
    for (text, secret, says) in rows {
        let fault = Config::resolve(with_secret(text, secret), &home()).unwrap_err().to_string();
        assert!(fault.contains(says), "{fault}");
        assert!(secret.is_empty() || !fault.contains(secret), "{fault}");
    }
}

#[test]
fn the_secret_can_lie_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    let text = format!("{KEY}admin_secret_access_key_file = '{}'", path.display());
    let secret = || {
        let key = resolve(&text, "")?.admin_key.unwrap();
        Ok(key.secret.expose().to_owned())
    };
    let missing: Result<String, ConfigFault> = secret();
    assert!(matches!(missing, Err(ConfigFault::Unreadable { .. })));
    for content in [SECRET.to_owned(), format!("{SECRET}\n"), format!("{SECRET}\r\n")] {
        fs::write(&path, content).unwrap();
        assert_eq!(secret().unwrap(), SECRET);
    }
    fs::write(&path, "x".repeat(5000)).unwrap();
    assert!(matches!(secret(), Err(ConfigFault::Unreadable { .. })));
    fs::write(&path, [0xff; 20]).unwrap();
    assert!(matches!(secret(), Err(ConfigFault::File { line: 1, .. })));
    // The environment's secret wins over the file that the configuration names.
    let config = Config::resolve(with_secret("", SECRET).over(parse(&text).unwrap()), &home());
    assert_eq!(config.unwrap().admin_key.unwrap().secret.expose(), SECRET);
}

#[test]
fn a_secret_file_that_others_can_read_is_noted() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    fs::write(&path, SECRET).unwrap();
    let text = format!("{KEY}admin_secret_access_key_file = '{}'", path.display());
    for (mode, noted) in
        [(0o600, false), (0o400, false), (0o622, false), (0o640, true), (0o604, true)]
    {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let config = resolve(&text, "").unwrap();
        assert_eq!(config.exposed_secret_files.first(), noted.then_some(&path), "{mode:o}");
    }
}

#[test]
fn a_file_is_read_within_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("daypass.toml");
    assert!(matches!(Layer::read(&path), Err(ConfigFault::Unreadable { .. })));
    fs::write(&path, "region = 'eu-west-1'\nlog = 'debug'\n").unwrap();
    assert_eq!(Layer::read(&path).unwrap().region.as_deref(), Some("eu-west-1"));
    fs::write(&path, b"region = 'eu-west-1'\n# caf\xe9\n").unwrap();
    assert!(
        Layer::read(&path).unwrap_err().to_string().ends_with(":2: the line is not UTF-8 text")
    );
    fs::write(&path, "#".repeat((1 << 20) + 1)).unwrap();
    assert!(matches!(Layer::read(&path), Err(ConfigFault::Unreadable { .. })));
}

#[test]
fn relative_paths_of_a_file_start_at_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("daypass.toml");
    let text = "data = 'state'\ntls_cert = '/etc/cert.pem'\ntls_key = 'keys/key.pem'\n\
                federation_authorities = 'ca.pem'\n";
    fs::write(&file, text).unwrap();
    let layer = Layer::read(&file).unwrap();
    assert_eq!(layer.data, Some(folder.path().join("state")));
    assert_eq!(layer.tls_cert, Some("/etc/cert.pem".into()));
    assert_eq!(layer.tls_key, Some(folder.path().join("keys/key.pem")));
    assert_eq!(layer.federation_authorities, Some(folder.path().join("ca.pem")));
    assert_eq!(layer.admin_secret_access_key_file, None);
}

#[test]
fn proxies_ask_with_secrets_and_not_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("services.toml");
    let secret = "EXAMPLE-0123456789abcdef0123456789abcdef";
    fs::write(&file, format!("[lake]\nsecret = '{secret}'\nspeaks = 's3'\n")).unwrap();
    let services = format!("forward_auth_services = '{}'\n", file.display());
    let with = |listen: &str| format!("{services}forward_auth_listen = '{listen}'\n");
    let settings = resolve(&with("localhost:4703"), "").unwrap().forward_auth.unwrap();
    assert_eq!(settings.listen, "127.0.0.1:4703".parse().unwrap());
    assert!(!settings.is_tls());
    assert!(!format!("{settings:?}").contains(secret));
    assert!(resolve("", "").unwrap().forward_auth.is_none());
    let tls = "tls_cert = 'cert.pem'\ntls_key = 'key.pem'\n";
    let elsewhere = format!("{tls}{}", with("192.0.2.1:4703"));
    let shown = format!("{tls}{}forward_auth_client_ca = 'ca.pem'", with("localhost:4703"));
    for text in [elsewhere, shown] {
        assert!(resolve(&text, "").unwrap().forward_auth.unwrap().is_tls(), "{text}");
    }
    for (text, says) in [
        (with("192.0.2.1:4703"), "the secrets of proxies would travel in the clear"),
        (with("nowhere"), "setting `forward_auth_listen`: `nowhere` is not an address"),
        (services.clone(), "`forward_auth_listen`"),
        ("forward_auth_listen = 'localhost:4703'".to_owned(), "`forward_auth_services`"),
        (with("localhost:4703").replace("services.toml", "none.toml"), "cannot be read"),
        ("forward_auth_client_ca = 'ca.pem'".to_owned(), "`forward_auth_listen`"),
        (
            format!("{}forward_auth_client_ca = 'ca.pem'", with("localhost:4703")),
            "proxies show certificates over TLS: give --tls-cert",
        ),
    ] {
        let fault = resolve(&text, "").unwrap_err().to_string();
        assert!(fault.contains(says) && !fault.contains(secret), "{fault}");
    }
}
