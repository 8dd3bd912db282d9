//! What the figures were found on.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

/// The machine and the compiler, as far as they tell.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) rustc: String,
    /// The mean number of runnable processes in the minute before the run: others' work.
    pub(crate) load_before: f64,
}

impl Machine {
    pub(crate) fn look() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let rustc = Command::new("rustc").arg("--version").output();
        let rustc = rustc.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned());
        let load = read("/proc/loadavg");
        Self {
            processor: processor(&read("/proc/cpuinfo")),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            rustc: rustc.unwrap_or_else(|_| "unknown".to_owned()),
            load_before: load.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0.0),
        }
    }

    /// The section of a page.
    pub(crate) fn section(&self) -> String {
        format!(
            "\n## The machine\n\n{}, {} cores, Linux {}, {}. Load in the minute before the run: {}.",
            self.processor, self.cores, self.kernel, self.rustc, self.load_before
        )
    }

    /// For people at a terminal, who know the rest.
    pub(crate) fn line(&self) -> String {
        format!(
            "{}, {} cores, load before the run {}",
            self.processor, self.cores, self.load_before
        )
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "processor": self.processor, "cores": self.cores, "kernel": self.kernel,
            "rustc": self.rustc, "load_before": self.load_before,
        })
    }
}

/// The model of the processor, with the numbers that tell it from others of the same name.
fn processor(cpuinfo: &str) -> String {
    let field = |name: &str| {
        let fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
        let mut values = fields.filter(|(key, _)| key.trim() == name);
        values.next().map_or("unknown", |(_, value)| value.trim())
    };
    let (model, stepping) = (field("model"), field("stepping"));
    format!(
        "{} (family {}, model {model}, stepping {stepping})",
        field("model name"),
        field("cpu family")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_is_named_with_its_model() {
        let text = "processor\t: 0\ncpu family\t: 6\nmodel\t\t: 143\nmodel name\t: Example @ 2 GHz\n\
            stepping\t: 8\n\nprocessor\t: 1\nmodel\t\t: 7\n";
        assert_eq!(processor(text), "Example @ 2 GHz (family 6, model 143, stepping 8)");
        assert!(processor("").starts_with("unknown (family unknown"));
    }
}
