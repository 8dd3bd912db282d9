//! What servers answer.

use super::*;

/// A class of faults, and what its text holds.
type Want = Result<&'static str, &'static str>;

fn class(fault: &FetchFault) -> &'static str {
    match fault {
        FetchFault::Url(_) => "url",
        FetchFault::Forbidden { .. } => "forbidden",
        FetchFault::Unreachable { .. } => "unreachable",
        FetchFault::Busy => "busy",
        FetchFault::TooSlow => "slow",
        FetchFault::Certificate { .. } => "certificate",
        FetchFault::Thumbprint { .. } => "thumbprint",
        FetchFault::Protocol { .. } => "protocol",
        FetchFault::Status(_) => "status",
        FetchFault::Redirect(_) => "redirect",
        FetchFault::TooLarge(_) => "large",
        FetchFault::ContentType(_) => "type",
    }
}

fn text(document: &FetchedDocument) -> &str {
    str::from_utf8(&document.bytes).unwrap()
}

/// Fetches what a server answers in these bytes.
async fn check(answer: &[u8], then: Then, want: Want) {
    let authority = Authority::root();
    let server = Server::tls(&authority.server(&named(HOST)), always(answer, then)).await;
    let (fetcher, _) = fetcher(&authority.pem);
    let fetched = fetcher.fetch(&wanted(&server.url("/keys?a=b"))).await;
    let shown = String::from_utf8_lossy(answer);
    let got = fetched.as_ref().map(text).map_err(class);
    assert_eq!(got, want, "{shown:.200}: {fetched:?}");
    // Nothing is left behind.
    drop(fetcher);
    server.quiet().await;
    assert_eq!(server.came(), 1);
}

/// RFC 9111, section 5.2.2.1.
#[tokio::test]
async fn a_document_says_for_how_long_it_is_fresh() {
    for (fields, want) in [
        ("", None),
        ("Cache-Control: public, max-age=300\r\n", Some(300)),
        ("Age: 100\r\nCache-Control: max-age=300\r\n", Some(200)),
        ("Cache-Control: no-store\r\n", None),
    ] {
        let authority = Authority::root();
        let answer = format!("{OK}{fields}Content-Length: 2\r\n\r\n{{}}");
        let answers = always(answer.as_bytes(), Then::Close);
        let server = Server::tls(&authority.server(&named(HOST)), answers).await;
        let (fetcher, _) = fetcher(&authority.pem);
        let fetched = fetcher.fetch(&wanted(&server.url("/"))).await.unwrap();
        assert_eq!((text(&fetched), fetched.max_age_s), ("{}", want), "{fields}");
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";

#[tokio::test]
async fn a_document_is_asked_for_in_one_request() {
    let authority = Authority::root();
    let server =
        Server::tls(&authority.server(&named(HOST)), always(&document("{}"), Then::Close)).await;
    let (fetcher, _) = fetcher(&authority.pem);
    let fetched = fetcher.fetch(&wanted(&server.url("/a/keys?b=c#d"))).await;
    assert_eq!(fetched.unwrap().bytes, "{}");
    let heads = server.heads.lock().unwrap().clone();
    let want = format!(
        "GET /a/keys?b=c HTTP/1.1\r\nhost: {HOST}:{}\r\naccept: application/json\r\nuser-agent: \
         {}\r\nconnection: close\r\n\r\n",
        server.port,
        concat!("daypass/", env!("CARGO_PKG_VERSION")),
    );
    assert_eq!(heads, [want]);
}

/// RFC 9112, sections 6 and 7.
#[tokio::test]
async fn a_document_comes_in_three_ways() {
    check(&document("{}"), Then::Close, Ok("{}")).await;
    check(&document("{}"), Then::Hang, Ok("{}")).await;
    check(&document("{}"), Then::Vanish, Ok("{}")).await;
    check(&document(""), Then::Close, Ok("")).await;
    let chunked =
        format!("{OK}Transfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n1;a=b\r\n}}\r\n0\r\n\r\n");
    check(chunked.as_bytes(), Then::Hang, Ok("{}")).await;
    check(format!("{OK}\r\n{{}}").as_bytes(), Then::Close, Ok("{}")).await;
    let old = OK.replace("1.1", "1.0");
    check(format!("{old}\r\n{{}}").as_bytes(), Then::Close, Ok("{}")).await;
    let early = String::from_utf8(document("{}")).unwrap();
    let early = format!("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n{early}");
    check(early.as_bytes(), Then::Close, Ok("{}")).await;
}

#[tokio::test]
async fn what_is_cut_off_is_no_document() {
    // SECURITY: TLS says when the other side has ended; who vanishes may have been made to.
    check(format!("{OK}\r\n{{}}").as_bytes(), Then::Vanish, Err("protocol")).await;
    for then in [Then::Close, Then::Vanish] {
        let short = format!("{OK}Content-Length: 3\r\n\r\n{{}}");
        check(short.as_bytes(), then.clone(), Err("protocol")).await;
        let chunk = format!("{OK}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n");
        check(chunk.as_bytes(), then.clone(), Err("protocol")).await;
        check(OK.as_bytes(), then.clone(), Err("protocol")).await;
        check(b"HTTP/1.1 2", then.clone(), Err("protocol")).await;
        check(b"", then, Err("protocol")).await;
    }
}

#[tokio::test]
async fn a_document_has_a_size() {
    let text = |length: usize| "x".repeat(length);
    let most = text(MOST);
    let fetched = document(&most);
    let want: &'static str = most.leak();
    check(&fetched, Then::Close, Ok(want)).await;
    check(&document(&text(MOST + 1)), Then::Close, Err("large")).await;
    check(format!("{OK}\r\n{}", text(MOST + 1)).as_bytes(), Then::Hang, Err("large")).await;
    let chunks = "1\r\nx\r\n".repeat(MOST + 1);
    let chunked = format!("{OK}Transfer-Encoding: chunked\r\n\r\n{chunks}");
    check(chunked.as_bytes(), Then::Hang, Err("large")).await;
    // Far more than is ever read.
    let huge = format!("{OK}Content-Length: 99999999999\r\n\r\n{}", text(1 << 20));
    check(huge.as_bytes(), Then::Hang, Err("large")).await;
    let head = format!("{OK}A: {}\r\n\r\n{{}}", text(1 << 20));
    check(head.as_bytes(), Then::Hang, Err("protocol")).await;
    let fields = format!("{OK}{}\r\n{{}}", "A: b\r\n".repeat(100));
    check(fields.as_bytes(), Then::Hang, Err("protocol")).await;
}

#[tokio::test]
async fn only_json_is_a_document() {
    let with = |fields: &str| {
        format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\n{{}}").into_bytes()
    };
    let json = "Content-Type: application/json\r\n";
    check(&with("Content-Type: application/jwk-set+json\r\n"), Then::Close, Ok("{}")).await;
    check(&with(&format!("{json}Content-Encoding: identity\r\n")), Then::Close, Ok("{}")).await;
    for fields in [
        "",
        "Content-Type: text/html\r\n",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/octet-stream\r\n",
        "Content-Type: application/json\r\nContent-Type: text/html\r\n",
        "Content-Type: application/json\u{80}\r\n",
        "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
    ] {
        check(&with(fields), Then::Hang, Err("type")).await;
    }
}

#[tokio::test]
async fn only_200_is_an_answer() {
    for status in [201, 204, 206, 300, 304, 305, 400, 401, 403, 404, 429, 500, 503] {
        let answer =
            format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nLocation: /\r\n\r\n");
        check(answer.as_bytes(), Then::Hang, Err("status")).await;
    }
    for no_http in
        ["SSH-2.0-OpenSSH_9.9\r\n", "220 mail ESMTP\r\n", "\u{0}\u{1}\r\n\r\n", "{}\r\n\r\n"]
    {
        check(no_http.as_bytes(), Then::Close, Err("protocol")).await;
    }
    // Of two lengths one is a lie.
    let two = format!("{OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}x");
    check(two.as_bytes(), Then::Close, Err("protocol")).await;
}

#[tokio::test]
async fn redirects_say_where_to() {
    for status in [301, 302, 303, 307, 308] {
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
        check(answer.as_bytes(), Then::Hang, Err("redirect")).await;
        for location in ["http://idp.example/", "//idp.example/", "keys", "ftp://idp.example/"] {
            let answer = format!("HTTP/1.1 {status} X\r\nLocation: {location}\r\n\r\n");
            check(answer.as_bytes(), Then::Hang, Err("redirect")).await;
        }
        let two = format!("HTTP/1.1 {status} X\r\nLocation: /a\r\nLocation: /b\r\n\r\n");
        check(two.as_bytes(), Then::Hang, Err("redirect")).await;
    }
}

/// Three, each on a connection of its own.
#[tokio::test]
async fn redirects_are_few() {
    let authority = Authority::root();
    let answers: Answers = Arc::new(|path| {
        let left: usize = path.trim_start_matches('/').parse().unwrap();
        match left.checked_sub(1) {
            None => (document("{}"), Then::Hang),
            Some(next) => {
                (format!("HTTP/1.1 302 X\r\nLocation: /{next}\r\n\r\n").into_bytes(), Then::Hang)
            }
        }
    });
    let server = Server::tls(&authority.server(&named(HOST)), answers).await;
    let (fetcher, names) = fetcher(&authority.pem);
    assert_eq!(fetcher.fetch(&wanted(&server.url("/3"))).await.unwrap().bytes, "{}");
    assert_eq!((server.came(), names.asked.load(Ordering::Relaxed)), (4, 4));
    let fault = fetcher.fetch(&wanted(&server.url("/4"))).await.unwrap_err();
    assert_eq!(class(&fault), "redirect");
    assert_eq!(server.came(), 8);
    server.quiet().await;
}

/// Each redirect begins from the start: the URL, the addresses, the certificate.
#[tokio::test]
async fn redirects_lead_nowhere_else() {
    let authority = Authority::root();
    let answers = always(&document("{}"), Then::Close);
    let target = Server::tls(&authority.server(&named(HOST)), answers).await;
    let port = target.port;
    for (location, want) in [
        (format!("https://{HOST}:{port}/"), Ok("{}")),
        // Another name of the same machine, and no certificate for it.
        (format!("https://other.example:{port}/"), Err("certificate")),
        (format!("https://private.example:{port}/"), Err("forbidden")),
        ("https://169.254.169.254/latest/meta-data/".to_owned(), Err("forbidden")),
        ("https://[::1]/".to_owned(), Err("forbidden")),
        ("https://0.0.0.0/".to_owned(), Err("forbidden")),
        (format!("http://{HOST}:{port}/"), Err("redirect")),
        (format!("https://user@{HOST}:{port}/"), Err("url")),
        ("https://nowhere.example/".to_owned(), Err("unreachable")),
    ] {
        let answer = format!("HTTP/1.1 307 X\r\nLocation: {location}\r\n\r\n");
        let answers = always(answer.as_bytes(), Then::Hang);
        let server = Server::tls(&authority.server(&named(HOST)), answers).await;
        let (fetcher, names) = fetcher(&authority.pem);
        names.tell("other.example", &[&["127.0.0.1"]]);
        names.tell("private.example", &[&["10.0.0.1"]]);
        let fetched = fetcher.fetch(&wanted(&server.url("/"))).await;
        let got = fetched.as_ref().map(text).map_err(class);
        assert_eq!(got, want, "{location}");
    }
}

/// Whoever says nothing, or little, is waited for no longer than that; and so is nobody who was not
/// waited for.
#[tokio::test(start_paused = true)]
async fn slow_servers_hold_nothing() {
    let authority = Authority::root();
    let head = format!("{OK}\r\n");
    for (answer, then) in
        [("", Then::Hang), ("HTTP/1.1 ", Then::Drip), (&*head, Then::Hang), (&head, Then::Drip)]
    {
        let server =
            Server::tls(&authority.server(&named(HOST)), always(answer.as_bytes(), then)).await;
        let (fetcher, _) = fetcher(&authority.pem);
        let fault = fetcher.fetch(&wanted(&server.url("/"))).await.unwrap_err();
        assert_eq!(fault, FetchFault::TooSlow, "{answer:?}");
        tokio::time::resume();
        server.quiet().await;
        tokio::time::pause();
    }
}

#[tokio::test]
async fn whoever_goes_away_takes_the_connection_along() {
    let authority = Authority::root();
    let answers = always(b"HTTP/1.1 ", Then::Hang);
    let server = Server::tls(&authority.server(&named(HOST)), answers).await;
    let (fetcher, _) = fetcher(&authority.pem);
    let url = server.url("/");
    let fetching = tokio::spawn(async move { fetcher.fetch(&wanted(&url)).await });
    while server.heads.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.open.load(Ordering::SeqCst), 1);
    fetching.abort();
    server.quiet().await;
}
