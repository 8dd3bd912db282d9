//! The text is read back by a small parser that follows the format's specification, and refuses
//! what a collector would.

use std::collections::{BTreeMap, HashMap};

use super::*;

/// A sample: name, labels and value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// Parses an exposition; panics at anything that is not one.
pub(crate) fn parse(text: &str) -> Vec<Sample> {
    let body = text.strip_suffix("# EOF\n").expect("the last line");
    assert!(!body.contains("# EOF"), "one end");
    let mut kinds: HashMap<&str, &str> = HashMap::new();
    let mut helped: Vec<&str> = Vec::new();
    let mut samples: Vec<Sample> = Vec::new();
    for line in body.lines() {
        assert!(!line.trim().is_empty(), "an empty line");
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (word, name, rest) =
                (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            match word {
                "HELP" => {
                    assert!(!helped.contains(&name), "{name}: two helps");
                    helped.push(name);
                }
                "TYPE" => assert!(kinds.insert(name, rest).is_none(), "{name}: two types"),
                "UNIT" => assert!(name.ends_with(&format!("_{rest}")), "{line}"),
                other => panic!("{other}: {line}"),
            }
            continue;
        }
        let sample = parse_sample(line);
        let family = |suffix: &str| sample.name.strip_suffix(suffix).and_then(|n| kinds.get(n));
        let known = match kinds.get(&*sample.name) {
            Some(&"gauge") => true,
            _ => {
                family("_total") == Some(&"counter")
                    || family("_info") == Some(&"info")
                    || ["_bucket", "_sum", "_count"]
                        .iter()
                        .any(|suffix| family(suffix) == Some(&"histogram"))
            }
        };
        assert!(known, "a sample without its type: {line}");
        let same = |one: &&Sample| one.name == sample.name && one.labels == sample.labels;
        assert!(samples.iter().find(same).is_none(), "a sample twice: {line}");
        assert!(sample.name.starts_with("daypass_"), "{line}");
        assert!(sample.value.is_finite(), "{line}");
        samples.push(sample);
    }
    samples
}

fn parse_sample(line: &str) -> Sample {
    let (head, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = match head.split_once('{') {
        None => (head, ""),
        Some((name, labels)) => (name, labels.strip_suffix('}').expect("closed labels")),
    };
    assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{line}");
    let mut parsed = BTreeMap::new();
    // No value of ours holds a comma, a quote or a backslash.
    for label in labels.split(',').filter(|label| !label.is_empty()) {
        let (key, value) = label.split_once('=').unwrap();
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap();
        assert!(!value.contains(['"', '\\']), "{line}");
        assert!(parsed.insert(key.to_owned(), value.to_owned()).is_none(), "{line}");
    }
    let value = match value {
        "+Inf" => f64::INFINITY,
        value => value.parse().unwrap(),
    };
    Sample { name: name.to_owned(), labels: parsed, value }
}

/// The value of the sample of that name with those labels, among others.
pub(crate) fn value(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> f64 {
    let fits = |sample: &&Sample| {
        let has =
            |(key, value): &(&str, &str)| sample.labels.get(*key).is_some_and(|held| held == value);
        sample.name == name && labels.iter().all(has)
    };
    let found: Vec<_> = samples.iter().filter(fits).collect();
    assert_eq!(found.len(), 1, "{name} {labels:?}: {found:?}");
    found[0].value
}

fn gathered() -> Gathered {
    Gathered {
        version: "1.2.3".to_owned(),
        started_s: 1_767_322_984,
        healthy: true,
        rings: vec![RingGauge {
            ring: "sessions",
            active_age_s: 86_400,
            states: vec![("active", 1), ("retired", 2)],
        }],
        trail: TrailGauge {
            waiting_lines: 3,
            lag_s: 0.25,
            lines: 70,
            failing: true,
            ..TrailGauge::default()
        },
        outbox: 4,
        revocations: 5,
        throttled: vec![("principal", 8), ("address", 9)],
        store: Some(StoreGauge {
            commits: 6,
            conflicts: 7,
            cache_hits: u64::MAX,
            file_bytes: u64::MAX,
            ..StoreGauge::default()
        }),
        fetches: FetchCounts::default(),
    }
}

#[test]
fn what_happened_and_what_is_can_be_read_back() {
    let metrics = Metrics::new();
    for (operation, outcome, milliseconds) in [
        ("AssumeRole", "ok", 3),
        ("AssumeRole", "ok", 700),
        ("AssumeRole", "AccessDenied", 1),
        ("AssumeRole", "SignatureDoesNotMatch", 1),
        ("none", "InvalidAction", 1),
    ] {
        metrics.answered(operation, outcome, Duration::from_millis(milliseconds));
    }
    metrics.revoked(Duration::from_millis(2));
    let under_way = metrics.begin();
    let samples = parse(&metrics.text(&gathered()).unwrap());
    drop(under_way);
    let check = |name: &str, labels: &[(&str, &str)], want: f64| {
        assert_eq!(value(&samples, &format!("daypass_{name}"), labels), want, "{name} {labels:?}");
    };
    check("requests_total", &[("operation", "AssumeRole"), ("outcome", "ok")], 2.0);
    check("requests_total", &[("operation", "AssumeRole"), ("outcome", "AccessDenied")], 1.0);
    check("request_duration_seconds_count", &[("operation", "AssumeRole")], 4.0);
    let bucket = |le| [("operation", "AssumeRole"), ("le", le)];
    check("request_duration_seconds_bucket", &bucket("0.005"), 3.0);
    check("request_duration_seconds_bucket", &bucket("+Inf"), 4.0);
    check("refused_before_authentication_total", &[("kind", "SignatureDoesNotMatch")], 1.0);
    check("refused_before_authentication_total", &[("kind", "InvalidAction")], 1.0);
    let refused = |sample: &&Sample| sample.name.contains("before_authentication");
    assert_eq!(samples.iter().filter(refused).count(), 2, "a policy's refusal is none of them");
    check("requests_in_flight", &[], 1.0);
    check("revocation_seconds_count", &[], 1.0);
    check("build_info", &[("version", "1.2.3")], 1.0);
    check("start_time_seconds", &[], 1_767_322_984.0);
    check("healthy", &[], 1.0);
    check("outbox_records", &[], 4.0);
    check("revocations", &[], 5.0);
    check("throttled_total", &[("limit", "principal")], 8.0);
    check("throttled_total", &[("limit", "address")], 9.0);
    check("ring_key_age_seconds", &[("ring", "sessions")], 86_400.0);
    check("ring_keys", &[("ring", "sessions"), ("state", "retired")], 2.0);
    check("trail_waiting_lines", &[], 3.0);
    check("trail_lag_seconds", &[], 0.25);
    check("trail_lines_total", &[], 70.0);
    check("trail_failing", &[], 1.0);
    check("store_commits_total", &[], 6.0);
    check("store_conflicts_total", &[], 7.0);
    check("store_closed", &[], 0.0);
    check("federation_fetches_total", &[("outcome", "forbidden")], 0.0);
    check("federation_fetch_duration_seconds_count", &[], 0.0);
    assert_eq!(
        value(&parse(&metrics.text(&gathered()).unwrap()), "daypass_requests_in_flight", &[]),
        0.0
    );
}

#[test]
fn a_server_that_nobody_has_asked_anything_has_metrics() {
    let samples = parse(&Metrics::new().text(&Gathered::default()).unwrap());
    assert_eq!(value(&samples, "daypass_healthy", &[]), 0.0);
    assert!(!samples.iter().any(|sample| sample.name.contains("store")));
}
