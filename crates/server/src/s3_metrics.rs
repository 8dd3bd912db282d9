//! What the S3 gateway counts and measures.

use daypass_gateway::{Answered, Observe};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::durations::Durations;
use crate::found_once::FoundOnce;

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RequestLabels {
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OperationLabel {
    operation: &'static str,
}

/// Requests to the gateway.
#[derive(Debug)]
pub(crate) struct S3Metrics {
    requests: Family<RequestLabels, Counter>,
    durations: Family<OperationLabel, Durations>,
    received: Counter,
    sent: Counter,
    in_flight: Gauge,
    /// What an answer is counted in, by operation and outcome. The families have it too, behind
    /// locks.
    answers: FoundOnce<(Counter, Durations)>,
}

impl S3Metrics {
    /// Metrics in which nothing has happened, in a registry.
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let (requests, durations) = (Family::default(), Family::default());
        let (received, sent, in_flight) =
            (Counter::default(), Counter::default(), Gauge::default());
        let to = registry.sub_registry_with_prefix("s3");
        to.register(
            "requests",
            "Requests to the S3 gateway, by operation and outcome",
            Family::clone(&requests),
        );
        to.register_with_unit(
            "request_duration",
            "Time from the head of a request to the end of its reply, by operation",
            Unit::Seconds,
            Family::clone(&durations),
        );
        let help = "Bytes of bodies that were passed on to the backend";
        to.register_with_unit("received", help, Unit::Bytes, received.clone());
        let help = "Bytes of bodies that went to clients";
        to.register_with_unit("sent", help, Unit::Bytes, sent.clone());
        to.register("requests_in_flight", "Requests under way", in_flight.clone());
        let answers = FoundOnce::new();
        Self { requests, durations, received, sent, in_flight, answers }
    }
}

impl Observe for S3Metrics {
    fn begun(&self) {
        self.in_flight.inc();
    }

    fn ended(&self, answered: &Answered) {
        let Answered { operation, outcome, duration, bytes_in, bytes_out } = *answered;
        self.in_flight.dec();
        let make = || {
            let labels = RequestLabels { operation, outcome };
            let counter = self.requests.get_or_create_owned(&labels);
            (counter, self.durations.get_or_create_owned(&OperationLabel { operation }))
        };
        self.answers.with([operation, outcome], make, |(counter, durations)| {
            counter.inc();
            durations.observe(duration);
        });
        self.received.inc_by(bytes_in);
        self.sent.inc_by(bytes_out);
    }
}
