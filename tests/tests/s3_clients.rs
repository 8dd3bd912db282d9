//! Clients of S3 as they are, through the gateway to two different backends, with temporary
//! credentials: what they store is read again, and what the scripts of `tests/python` and `tests/js`
//! check of it holds.
// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use daypass_tests::s3::{Backend, Gateway, backends, bucket, everything, large};
use daypass_tests::web_identity::{self, AUDIENCE, PROVIDERS_HERE};
use daypass_tests::{Authority, Client, Finished, Keys, OpenIdProvider, REGION, scratch};
use serde_json::json;

#[track_caller]
fn passed(printed: &str) {
    assert!(printed.ends_with("all checks passed\n"), "stopped early:\n{printed}");
}

/// Somebody with a session of a role that may do everything with S3.
fn visitor(gateway: &Gateway) -> Keys {
    gateway.assume(&gateway.role("visitor", &everything()))
}

/// Runs what is checked with a session of AssumeRole, on each backend.
fn with_a_role(check: impl Fn(&Gateway, &Backend, &Client, &Keys)) {
    for backend in backends() {
        let gateway = Gateway::start(&backend.url(), &[]);
        let keys = visitor(&gateway);
        let client = gateway.client(&keys, &backend);
        check(&gateway, &backend, &client, &keys);
        ended(gateway);
    }
}

/// Ends a server, which has nothing to complain about.
#[track_caller]
fn ended(gateway: Gateway) {
    let (code, log) = gateway.server.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("panicked"), "{log}");
}

/// Runs what is checked with a session of AssumeRoleWithWebIdentity, which the client gets for the
/// token in a file.
fn with_a_web_identity(check: impl Fn(&Backend, &Client)) {
    let provider = OpenIdProvider::plain();
    for backend in backends() {
        let (gateway, role) = pipeline(&provider, &backend);
        let client = gateway.client_without_keys(&backend);
        let token = client.write("token", &provider.machine_token("RS256", AUDIENCE));
        let client = client
            .env("AWS_ROLE_ARN", role)
            .env("AWS_ROLE_SESSION_NAME", "pipeline")
            .env("AWS_WEB_IDENTITY_TOKEN_FILE", token.display().to_string());
        check(&backend, &client);
        ended(gateway);
    }
}

/// Runs what is checked with a session of AssumeRole, and again with one of
/// AssumeRoleWithWebIdentity, for clients that are handed their credentials.
fn with_both_sessions(check: impl Fn(&Gateway, &Backend, &Client, &Keys)) {
    with_a_role(&check);
    let provider = OpenIdProvider::plain();
    for backend in backends() {
        let (gateway, role) = pipeline(&provider, &backend);
        let token = provider.machine_token("RS256", AUDIENCE);
        let keys = Keys::of(&web_identity::assume(&gateway.server, &role, &token).ok());
        let client = gateway.client(&keys, &backend);
        check(&gateway, &backend, &client, &keys);
        ended(gateway);
    }
}

/// A gateway with a role that machines of the provider may assume, and that may do everything with S3:
/// its ARN.
fn pipeline(provider: &OpenIdProvider, backend: &Backend) -> (Gateway, String) {
    let issuer = provider.issuer();
    let gateway = Gateway::start(&backend.url(), &PROVIDERS_HERE[..3]);
    let provider_arn = web_identity::register(&gateway.server, issuer, &[AUDIENCE]);
    let trust = json!([{
        "Effect": "Allow",
        "Principal": {"Federated": provider_arn},
        "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"],
        "Condition": {"StringEquals": {web_identity::key(issuer, "sub"): "ci-RS256"}},
    }]);
    let role = gateway.role_for("pipeline", &trust, &everything());
    (gateway, role)
}

/// What looks like nothing, the same each time.
fn content(size: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// A folder with a few files in it: its path.
fn tree(client: &Client) -> String {
    let folder = client.home().join("tree");
    for (name, text) in [("one.txt", "one"), ("sub/two.txt", "two"), ("sub/deep/ü 3.txt", "three")]
    {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        // Older than any copy of it, whose time the servers tell in whole seconds.
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)).unwrap();
    }
    folder.display().to_string()
}

#[test]
fn boto3_works_with_assume_role() {
    with_a_role(|_, _, client, _| passed(&client.python("s3_boto3.py").ok()));
}

#[test]
fn boto3_works_with_a_web_identity() {
    with_a_web_identity(|_, client| passed(&client.python("s3_boto3.py").ok()));
}

/// Over TLS the checksums come behind the bodies, which are not signed then.
#[test]
fn boto3_and_javascript_work_over_tls_with_long_term_keys() {
    let authority = Authority::new();
    let folder = scratch();
    let path = |name: &str| folder.path().join(name);
    let text_of = |name: &str| path(name).display().to_string();
    authority.issue(&path("tls.pem"), &path("tls.key"));
    fs::write(path("ca.pem"), authority.pem()).unwrap();
    let tls = ["--tls-cert", &text_of("tls.pem"), "--tls-key", &text_of("tls.key")];
    for backend in backends() {
        let gateway = Gateway::start(&backend.url(), &tls);
        assert!(gateway.url().starts_with("https://"), "{}", gateway.url());
        let client = || {
            gateway
                .client(&gateway.server.admin(), &backend)
                .env("AWS_CA_BUNDLE", text_of("ca.pem"))
                .env("NODE_EXTRA_CA_CERTS", text_of("ca.pem"))
        };
        passed(&client().python("s3_boto3.py").ok());
        passed(&client().node("s3.mjs").ok());
        ended(gateway);
    }
}

#[test]
fn the_javascript_sdk_works_with_assume_role() {
    with_a_role(|_, _, client, _| passed(&client.node("s3.mjs").ok()));
}

#[test]
fn the_javascript_sdk_works_with_a_web_identity() {
    with_a_web_identity(|_, client| passed(&client.node("s3.mjs").ok()));
}

#[test]
fn minio_py_works_with_both_kinds_of_sessions() {
    with_both_sessions(|_, _, client, _| passed(&client.python("s3_minio.py").ok()));
}

#[test]
fn pyarrow_polars_and_obstore_work_with_both_kinds_of_sessions() {
    with_both_sessions(|gateway, backend, _, keys| {
        let bucket = bucket();
        let client = gateway.client(keys, backend).env("BUCKET", bucket.as_str());
        client.aws(&["s3", "mb", &format!("s3://{bucket}")]).ok();
        passed(&client.python_of("lakehouse", "s3_lakehouse.py").ok());
    });
}

#[test]
fn the_aws_cli_works_with_assume_role() {
    with_a_role(|gateway, _, client, _| cli(gateway, client));
}

/// `s3 cp` of small and large files, `sync`, `presign`, `ls`, `mv`, `rm`, and what of `s3api` needs no
/// SDK.
fn cli(gateway: &Gateway, client: &Client) {
    let bucket = bucket();
    let place = |key: &str| format!("s3://{bucket}/{key}");
    let run = |arguments: &[&str]| client.aws(arguments).ok();
    run(&["s3", "mb", &place("")]);
    let home = |name: &str| client.home().join(name).display().to_string();
    let small = client.write("small", "a small file\n").display().to_string();
    run(&["s3", "cp", &small, &place("small.txt")]);
    assert_eq!(run(&["s3", "cp", "--quiet", &place("small.txt"), "-"]), "a small file\n");
    // In parts of 8 MiB, ten at a time.
    let data = content(large() as usize);
    fs::write(home("large"), &data).unwrap();
    run(&["s3", "cp", "--quiet", &home("large"), &place("large")]);
    run(&["s3", "cp", "--quiet", &place("large"), &home("again")]);
    assert!(fs::read(home("again")).unwrap() == data, "a large file came back as another");
    let head = client.aws(&["s3api", "head-object", "--bucket", &bucket, "--key", "large"]).json();
    assert_eq!(head["ContentLength"], large());

    // A second `sync` finds nothing to do; with `--delete` it takes away what is gone.
    let tree = tree(client);
    let uploaded = run(&["s3", "sync", &tree, &place("tree")]);
    assert_eq!(uploaded.matches("upload: ").count(), 3, "{uploaded}");
    assert_eq!(run(&["s3", "sync", &tree, &place("tree")]), "");
    run(&["s3", "sync", &place("tree"), &home("tree again")]);
    assert_eq!(fs::read_to_string(home("tree again/sub/two.txt")).unwrap(), "two");
    fs::remove_file(Path::new(&tree).join("one.txt")).unwrap();
    let deleted = run(&["s3", "sync", "--delete", &tree, &place("tree")]);
    assert!(deleted.contains("delete: "), "{deleted}");
    let listed = run(&["s3", "ls", "--recursive", &place("tree/")]);
    assert!(listed.contains("tree/sub/two.txt") && !listed.contains("one.txt"), "{listed}");

    // A presigned URL is good for whoever has it. By itself the CLI would use version 2 of the
    // signatures.
    client.write("signatures", "[default]\ns3 =\n  signature_version = s3v4\n");
    let presign = ["s3", "presign", &place("small.txt"), "--expires-in", "60"];
    let url = client.clone().env("AWS_CONFIG_FILE", home("signatures")).aws(&presign).ok();
    let url = url.trim_end();
    assert!(url.starts_with(&format!("{}/{bucket}/small.txt?", gateway.url())), "{url}");
    let target = url.strip_prefix(gateway.url()).unwrap();
    let host = gateway.host();
    let got =
        gateway.connect().send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")).reply();
    assert_eq!(got.unwrap().ok().body, "a small file\n");

    run(&["s3", "mv", &place("small.txt"), &place("moved.txt")]);
    let missing = client.aws(&["s3", "cp", &place("small.txt"), "-"]).failed(1);
    assert!(missing.contains("404") || missing.contains("NoSuchKey"), "{missing}");
    run(&["s3", "rb", "--force", &place("")]);
    let gone = client.aws(&["s3api", "head-bucket", "--bucket", &bucket]).failed(255);
    assert!(gone.contains("404"), "{gone}");
}

#[test]
fn the_aws_cli_works_with_a_web_identity() {
    with_a_web_identity(|_, client| {
        let bucket = bucket();
        let place = format!("s3://{bucket}/tree");
        client.aws(&["s3", "mb", &format!("s3://{bucket}")]).ok();
        client.aws(&["s3", "sync", &tree(client), &place]).ok();
        let listed = client.aws(&["s3", "ls", "--recursive", &place]).ok();
        assert_eq!(listed.lines().count(), 3, "{listed}");
    });
}

#[test]
fn s3cmd_works_with_both_kinds_of_sessions() {
    with_both_sessions(|gateway, _, client, _| {
        let host = gateway.host();
        let run = |arguments: &[&str]| -> Finished {
            let settings = ["--no-ssl", "--host", host, "--host-bucket", host, "--region", REGION];
            let all = settings.iter().chain(&["--no-progress", "--no-check-md5"]).chain(arguments);
            client.tool("s3/bin/s3cmd").run(all)
        };
        let bucket = bucket();
        let place = |key: &str| format!("s3://{bucket}/{key}");
        run(&["mb", &place("")]).ok();
        let file = client.write("file", "by s3cmd\n").display().to_string();
        run(&["put", &file, &place("file ü")]).ok();
        assert_eq!(run(&["get", &place("file ü"), "-"]).ok(), "by s3cmd\n");
        let listed = run(&["ls", &place("")]).ok();
        assert!(listed.contains("file"), "{listed}");
        // In three parts.
        let large = client.home().join("large");
        let data = content(12 << 20);
        fs::write(&large, &data).unwrap();
        let again = client.home().join("again").display().to_string();
        run(&["--multipart-chunk-size-mb=5", "put", &large.display().to_string(), &place("large")])
            .ok();
        run(&["get", &place("large"), &again]).ok();
        assert!(fs::read(&again).unwrap() == data, "a large file came back as another");
        let tree = format!("{}/", tree(client));
        run(&["sync", &tree, &place("tree/")]).ok();
        run(&["cp", &place("tree/one.txt"), &place("copy")]).ok();
        assert_eq!(run(&["get", &place("copy"), "-"]).ok(), "one");
        let told = run(&["info", &place("large")]).ok();
        assert!(told.contains(&(12 << 20).to_string()), "{told}");
        run(&["del", "--recursive", "--force", &place("")]).ok();
        run(&["rb", &place("")]).ok();
    });
}

#[test]
fn rclone_works_with_both_kinds_of_sessions() {
    with_both_sessions(|gateway, _, client, keys| {
        let run = |arguments: &[&str]| -> Finished {
            let mut program = client.tool("s3/bin/rclone");
            for (name, value) in [
                ("TYPE", "s3"),
                ("PROVIDER", "Other"),
                ("ENDPOINT", gateway.url()),
                ("REGION", REGION),
                ("FORCE_PATH_STYLE", "true"),
                ("ACCESS_KEY_ID", &keys.id),
                ("SECRET_ACCESS_KEY", &keys.secret),
                ("SESSION_TOKEN", keys.token.as_deref().unwrap()),
            ] {
                program = program.env(&format!("RCLONE_CONFIG_T_{name}"), value);
            }
            let limits =
                ["--low-level-retries", "2", "--retries", "1", "--s3-upload-cutoff", "5Mi"];
            program.run(arguments.iter().chain(&limits))
        };
        let bucket = bucket();
        let place = |key: &str| format!("T:{bucket}/{key}");
        run(&["mkdir", &place("")]).ok();
        let tree = tree(client);
        fs::write(Path::new(&tree).join("large"), content(12 << 20)).unwrap();
        run(&["copy", &tree, &place("tree")]).ok();
        run(&["check", "--download", &tree, &place("tree")]).ok();
        assert_eq!(run(&["cat", &place("tree/sub/deep/ü 3.txt")]).ok(), "three");
        fs::remove_file(Path::new(&tree).join("one.txt")).unwrap();
        run(&["sync", &tree, &place("tree")]).ok();
        let listed = run(&["lsf", "--recursive", &place("tree")]).ok();
        assert!(listed.contains("sub/two.txt\n") && !listed.contains("one.txt"), "{listed}");
        run(&["moveto", &place("tree/sub/two.txt"), &place("moved")]).ok();
        assert_eq!(run(&["cat", &place("moved")]).ok(), "two");
        run(&["purge", &place("")]).ok();
    });
}
