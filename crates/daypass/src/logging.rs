//! Log lines on standard error.

use std::io::{self, IsTerminal};

use anyhow::{Context, anyhow};
use daypass_server::LogFormat;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

/// SECURITY: at their finest levels these libraries log header fields, and session tokens with
/// them. No filter turns that on.
const HUSHED: [&str; 4] = ["h2=info", "hyper=info", "hyper_util=info", "rustls=info"];

/// Starts logging what `filter` lets through.
pub(crate) fn start(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(parse(filter)?)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    let started = match format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow!("logging cannot be started: {error}"))
}

fn parse(filter: &str) -> anyhow::Result<EnvFilter> {
    let refused = || {
        format!(
            "setting `log`: `{filter}` is not a filter, such as `info` or `info,daypass_api=debug`"
        )
    };
    let mut parsed = EnvFilter::try_new(filter).with_context(refused)?;
    for directive in HUSHED {
        parsed = parsed.add_directive(directive.parse::<Directive>()?);
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_levels_and_targets() {
        for good in ["info", "off", "debug,daypass_api=trace", "trace"] {
            assert!(parse(good).is_ok(), "{good:?}");
        }
        for bad in ["daypass_api=loud", "a=b=c"] {
            assert!(parse(bad).unwrap_err().to_string().contains("setting `log`"), "{bad:?}");
        }
    }

    #[test]
    fn header_fields_are_never_logged() {
        for filter in ["trace", "h2=trace", "trace,hyper=debug"] {
            let parsed = parse(filter).unwrap().to_string();
            assert!(!parsed.contains("h2=trace") && parsed.contains("h2=info"), "{parsed}");
            assert!(!parsed.contains("hyper=debug") && parsed.contains("hyper=info"), "{parsed}");
        }
    }
}
