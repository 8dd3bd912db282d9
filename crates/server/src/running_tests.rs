//! Start-up as an operator sees it.

use super::*;
use crate::config::{Home, Layer};

fn config(layer: Layer) -> Config {
    let home = Home { xdg_data_home: None, home: Some("/nonexistent/home".into()) };
    let listen = layer.listen.or(Some("127.0.0.1:0".to_owned()));
    Config::resolve(Layer { listen, ..layer }, &home).unwrap()
}

#[tokio::test]
async fn start_writes_the_files_and_says_where_they_are() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("da ta");
    let layer = || Layer {
        ephemeral: Some(true),
        data: Some(folder.clone()),
        account_id: Some("123456789012".to_owned()),
        region: Some("eu-west-1".to_owned()),
        ..Layer::default()
    };
    let running = Server::start(config(layer())).await.unwrap();
    assert_eq!(running.accounts()[0].as_str(), "123456789012");
    assert_eq!(running.url(), format!("http://{}", running.address()));
    assert_ne!(running.address().port(), 0);
    let told = running.announcement();
    let lines = told.lines().filter(|line| line.starts_with("listening on "));
    assert_eq!(lines.collect::<Vec<_>>(), [format!("listening on {}", running.url())]);
    let export = told.lines().find(|line| line.trim_start().starts_with("export ")).unwrap();
    let folder = folder.display();
    assert_eq!(
        export.trim(),
        format!(
            "export AWS_SHARED_CREDENTIALS_FILE='{folder}/credentials' \
             AWS_CONFIG_FILE='{folder}/config' AWS_PROFILE=daypass"
        )
    );
    let credentials = std::fs::read_to_string(running.credentials_file()).unwrap();
    let secret = credentials.split("secret_access_key = ").nth(1).unwrap().trim();
    assert_eq!(secret.len(), 40);
    assert!(!told.contains(secret) && !format!("{running:?}").contains(secret));
    let written = std::fs::read_to_string(running.config_file()).unwrap();
    assert!(written.contains(&format!("endpoint_url = {}\n", running.url())));
    assert!(written.contains("region = eu-west-1\n"));

    // The folder is taken, and free again once the server is gone.
    assert!(matches!(Server::start(config(layer())).await, Err(StartFault::Folder(_))));
    running.serve_until(std::future::ready(())).await;
    assert!(home.path().join("da ta/trail/trail.jsonl").exists());
    Server::start(config(layer())).await.unwrap();
}

#[tokio::test]
async fn a_throw_away_server_leaves_nothing() {
    let running = Server::start(Config::throw_away().unwrap()).await.unwrap();
    let folder = running.folder.path().to_owned();
    assert!(folder.join("credentials").exists());
    running.serve_until(std::future::ready(())).await;
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let first = Server::start(Config::throw_away().unwrap()).await.unwrap();
    let listen = first.address().to_string();
    let says = format!("cannot listen on {listen}: ");
    let layer = Layer { listen: Some(listen), ephemeral: Some(true), ..Layer::default() };
    let fault = Server::start(config(layer)).await.unwrap_err();
    assert!(fault.to_string().starts_with(&says));
}

#[test]
fn the_url_is_one_that_a_client_on_this_machine_can_use() {
    for (address, plain, tls) in [
        ("127.0.0.1:4700", "http://127.0.0.1:4700", "https://localhost:4700"),
        ("127.0.0.2:4700", "http://127.0.0.2:4700", "https://127.0.0.2:4700"),
        ("[::1]:4700", "http://[::1]:4700", "https://localhost:4700"),
        ("0.0.0.0:4700", "http://localhost:4700", "https://localhost:4700"),
        ("[::]:4700", "http://localhost:4700", "https://localhost:4700"),
        ("10.0.0.1:443", "http://10.0.0.1:443", "https://10.0.0.1:443"),
    ] {
        let address = address.parse().unwrap();
        assert_eq!(client_url(address, false), plain);
        assert_eq!(client_url(address, true), tls);
    }
}

#[test]
fn a_path_is_one_word_for_the_shell() {
    for (path, word) in [
        ("/tmp/daypass-x1/config", "/tmp/daypass-x1/config"),
        ("/a b/$c", "'/a b/$c'"),
        ("/it's", r"'/it'\''s'"),
    ] {
        assert_eq!(shell_word(Path::new(path)), word);
    }
}
