//! Which machines are asked at all.

use super::*;

const DOCUMENT: &str = "{}";

/// A server that answers, and a fetcher that may ask it.
async fn reachable() -> (Server, Fetcher, Arc<Names>) {
    let authority = Authority::root();
    let answers = always(&document(DOCUMENT), Then::Close);
    let server = Server::tls(&authority.server(&named(HOST)), answers).await;
    let (fetcher, names) = fetcher(&authority.pem);
    (server, fetcher, names)
}

fn is_forbidden(fetched: &Result<FetchedDocument, FetchFault>) -> bool {
    matches!(fetched, Err(FetchFault::Forbidden { .. }))
}

#[tokio::test]
async fn this_machine_is_asked_only_where_it_was_named() {
    let (server, fetcher, _) = reachable().await;
    let url = server.url("/");
    assert_eq!(fetcher.fetch(&wanted(&url)).await.unwrap().bytes, DOCUMENT);
    for named in [&[][..], &["127.0.0.2"], &["10.0.0.0/8"], &["::1"]] {
        let (_, fetcher, _) = reachable().await;
        let fetcher = Fetcher { networks: networks(named), ..fetcher };
        let fetched = fetcher.fetch(&wanted(&url)).await;
        assert!(is_forbidden(&fetched), "{named:?}: {fetched:?}");
    }
    assert_eq!(server.came(), 1, "nobody else connected");
}

/// SECURITY: whatever the name server says the next time, the connection goes to what was looked at.
#[tokio::test]
async fn a_name_is_resolved_once() {
    let (server, fetcher, names) = reachable().await;
    names.tell(HOST, &[&["127.0.0.1"], &["169.254.169.254"]]);
    assert_eq!(fetcher.fetch(&wanted(&server.url("/"))).await.unwrap().bytes, DOCUMENT);
    assert_eq!(names.asked.load(Ordering::Relaxed), 1);
    assert!(is_forbidden(&fetcher.fetch(&wanted(&server.url("/"))).await));
    assert_eq!((server.came(), names.asked.load(Ordering::Relaxed)), (1, 2));
}

#[tokio::test]
async fn of_several_addresses_only_those_that_may_be_asked_are() {
    let (server, fetcher, names) = reachable().await;
    let url = server.url("/");
    for (addresses, reached) in [
        (&["10.0.0.1", "127.0.0.1", "::1"][..], true),
        (&["169.254.169.254", "::ffff:127.0.0.1"], true),
        (&["10.0.0.1", "192.168.0.1", "fe80::1"], false),
        (&["0.0.0.0"], false),
        (&["::"], false),
        (&["64:ff9b::a9fe:a9fe"], false),
    ] {
        names.tell(HOST, &[addresses]);
        let fetched = fetcher.fetch(&wanted(&url)).await;
        match reached {
            true => assert_eq!(fetched.unwrap().bytes, DOCUMENT, "{addresses:?}"),
            false => assert!(is_forbidden(&fetched), "{addresses:?}: {fetched:?}"),
        }
    }
    assert_eq!(server.came(), 2);
}

/// Nobody listens on the first, so that the next is asked.
#[tokio::test]
async fn the_next_address_is_asked_when_one_does_not_answer() {
    let (server, fetcher, names) = reachable().await;
    let fetcher = Fetcher { networks: networks(&["127.0.0.0/8"]), ..fetcher };
    names.tell(HOST, &[&["127.0.0.2", "127.0.0.3", "127.0.0.1"]]);
    assert_eq!(fetcher.fetch(&wanted(&server.url("/"))).await.unwrap().bytes, DOCUMENT);
    // But not all that a name server makes up.
    names.tell(HOST, &[&["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.1"]]);
    let fault = fetcher.fetch(&wanted(&server.url("/"))).await.unwrap_err();
    assert!(matches!(fault, FetchFault::Unreachable { .. }), "{fault}");
    assert_eq!(server.came(), 1);
}

#[tokio::test]
async fn what_is_nowhere_cannot_be_reached() {
    let (_, fetcher, names) = reachable().await;
    names.tell("empty.example", &[&[]]);
    for host in ["nowhere.example", "empty.example"] {
        let fault = fetcher.fetch(&wanted(&format!("https://{host}/"))).await.unwrap_err();
        assert!(matches!(&fault, FetchFault::Unreachable { host: own, .. } if own == host));
    }
}

/// Addresses in place of names, in every spelling that a resolver takes for one.
#[tokio::test]
async fn addresses_in_urls_are_looked_at_too() {
    let (_, fetcher, names) = reachable().await;
    let fetcher = Fetcher { networks: Networks::default(), ..fetcher };
    for url in [
        "https://127.0.0.1/",
        "https://10.0.0.1:8443/",
        "https://169.254.169.254/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fd00:ec2::254]/",
        "https://[fe80::1]/",
    ] {
        assert!(is_forbidden(&fetcher.fetch(&wanted(url)).await), "{url}");
    }
    assert_eq!(names.asked.load(Ordering::Relaxed), 0, "there is nothing to resolve");
    let fetcher = Fetcher { resolver: Arc::new(SystemResolver::default()), ..fetcher };
    for url in ["https://2130706433/", "https://127.1/", "https://0x7f.1/", "https://localhost/"] {
        let fault = fetcher.fetch(&wanted(url)).await.unwrap_err();
        let refused = match &fault {
            FetchFault::Forbidden { .. } | FetchFault::Url(_) => true,
            // Not every resolver takes it for an address.
            FetchFault::Unreachable { .. } => url != "https://localhost/",
            _ => false,
        };
        assert!(refused, "{url}: {fault}");
    }
}

/// In the clear only to this machine, and only when the operator and the issuer both say so.
#[tokio::test]
async fn plain_http_stays_on_this_machine() {
    let server = Server::plain(always(&document(DOCUMENT), Then::Close)).await;
    let (_, base, names) = reachable().await;
    names.tell("localhost", &[&["::ffff:127.0.0.1"]]);
    names.tell("public.example", &[&["8.8.8.8"]]);
    names.tell("private.example", &[&["10.0.0.1"]]);
    let fetcher = |plain_http| Fetcher {
        networks: networks(&["10.0.0.0/8"]),
        plain_http,
        trust: Trust::new(None, Arc::new(Standing)).unwrap(),
        resolver: names.clone(),
        counts: FetchCounts::default(),
    };
    drop(base);
    let port = server.port;
    for (operator, issuer, host, want) in [
        (true, true, "localhost", "document"),
        (true, true, "127.0.0.1", "document"),
        (true, false, "127.0.0.1", "url"),
        (false, true, "127.0.0.1", "url"),
        (false, false, "127.0.0.1", "url"),
        (true, true, "public.example", "forbidden"),
        (true, true, "private.example", "forbidden"),
        (true, true, "10.0.0.1", "forbidden"),
        (true, true, "0.0.0.0", "forbidden"),
    ] {
        let mut wanted = wanted(&format!("http://{host}:{port}/"));
        wanted.plain_http_loopback = issuer;
        let got = match fetcher(operator).fetch(&wanted).await {
            Ok(document) if document.bytes == DOCUMENT => "document",
            Err(FetchFault::Url(_)) => "url",
            Err(FetchFault::Forbidden { .. }) => "forbidden",
            other => panic!("{host}: {other:?}"),
        };
        assert_eq!(got, want, "{operator} {issuer} {host}");
    }
    // Loopback over TLS is opened by naming it, and by nothing else.
    let mut wanted = wanted(&format!("https://127.0.0.1:{port}/"));
    wanted.plain_http_loopback = true;
    assert!(is_forbidden(&fetcher(true).fetch(&wanted).await));
}

/// A name server that says nothing is waited for no longer than everybody.
#[tokio::test(start_paused = true)]
async fn a_name_that_does_not_resolve_holds_nobody() {
    #[derive(Debug)]
    struct Silent;
    impl Resolve for Silent {
        fn resolve<'a>(&'a self, _: &'a str, _: AccountId) -> Resolving<'a> {
            Box::pin(std::future::pending())
        }
    }
    #[derive(Debug)]
    struct Full;
    impl Resolve for Full {
        fn resolve<'a>(&'a self, _: &'a str, _: AccountId) -> Resolving<'a> {
            Box::pin(async { Err(ResolveFault::Busy) })
        }
    }
    let (_, fetcher, _) = reachable().await;
    let fetcher = Fetcher { resolver: Arc::new(Silent), ..fetcher };
    assert_eq!(fetcher.fetch(&wanted("https://a.example/")).await, Err(FetchFault::TooSlow));
    let fetcher = Fetcher { resolver: Arc::new(Full), ..fetcher };
    assert_eq!(fetcher.fetch(&wanted("https://a.example/")).await, Err(FetchFault::Busy));
}
