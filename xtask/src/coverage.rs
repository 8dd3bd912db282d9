//! `coverage`: which operations of AWS's service models the server answers.
//!
//! The models are those of the botocore that `setup` installs; what is answered, the binary says
//! itself. For S3, which the gateway answers, see [`s3_coverage`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{Context, bail};
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{place, process, s3_coverage, setup};

/// The services: the name of the model's folder, of the API version in it, and of the service.
const SERVICES: [(&str, &str, &str); 2] =
    [("sts", "2011-06-15", "AWS STS"), ("iam", "2010-05-08", "AWS IAM")];

const PAGE: &str = "docs/coverage.md";

/// The part of a service model that is read.
#[derive(Deserialize)]
struct Model {
    operations: BTreeMap<String, serde::de::IgnoredAny>,
}

/// A line of `daypass operations --json`.
#[derive(Deserialize)]
struct Answered {
    service: String,
    operation: String,
}

/// What is answered of one service, and what is not.
struct Coverage {
    title: &'static str,
    answered: Vec<String>,
    missing: Vec<String>,
}

/// Prints the comparison; writes the page, or compares it.
pub(crate) fn run(check: bool, markdown: bool) -> anyhow::Result<()> {
    setup::service_models()?;
    s3_coverage::check()?;
    let answered = answered()?;
    let mut services = Vec::new();
    for (service, version, title) in SERVICES {
        let model = model(service, version)?;
        let answered = answered.get(service).cloned().unwrap_or_default();
        // What is answered and in no model would be a name of our own invention.
        if let Some(unknown) = answered.iter().find(|name| !model.contains(*name)) {
            bail!("the server answers {service}:{unknown}, which the model does not have");
        }
        let missing = model.difference(&answered).cloned().collect();
        services.push(Coverage { title, answered: answered.into_iter().collect(), missing });
    }
    let page = page(&services)?;
    print!("{page}");
    let path = place::root()?.join(PAGE);
    if markdown {
        fs::write(&path, &page).with_context(|| format!("cannot write {PAGE}"))?;
    }
    if check {
        let written = fs::read_to_string(&path).with_context(|| format!("cannot read {PAGE}"))?;
        if written != page {
            bail!("{PAGE} says something else: run `cargo xtask coverage --markdown`");
        }
    }
    Ok(())
}

/// What the binary answers, by service.
fn answered() -> anyhow::Result<BTreeMap<String, BTreeSet<String>>> {
    let mut command = process::cargo();
    command.args(["run", "--quiet", "--locked", "--package", "daypass", "--"]);
    command.args(["operations", "--json"]);
    let printed = process::output(&mut command, "cannot ask the binary what it answers")?;
    let rows: Vec<Answered> =
        serde_json::from_str(&printed).context("`daypass operations --json` prints no list")?;
    let mut services = BTreeMap::<String, BTreeSet<String>>::new();
    for Answered { service, operation } in rows {
        services.entry(service).or_default().insert(operation);
    }
    Ok(services)
}

/// The operations of a service model.
fn model(service: &str, version: &str) -> anyhow::Result<BTreeSet<String>> {
    let model: Model = read_model(service, version)?;
    Ok(model.operations.into_keys().collect())
}

/// A service model, as far as `T` wants it.
pub(crate) fn read_model<T: DeserializeOwned>(service: &str, version: &str) -> anyhow::Result<T> {
    let path = data()?.join(service).join(version).join("service-2.json.gz");
    let file = File::open(&path).with_context(|| format!("cannot open `{}`", path.display()))?;
    serde_json::from_reader(GzDecoder::new(file))
        .with_context(|| format!("`{}` is no service model", path.display()))
}

/// The folder of botocore's models, below the folder of whichever Python installed it.
fn data() -> anyhow::Result<PathBuf> {
    let libraries = place::test_tools()?.join("python/lib");
    let entries = fs::read_dir(&libraries)
        .with_context(|| format!("cannot read `{}`", libraries.display()))?;
    for entry in entries {
        let data = entry?.path().join("site-packages/botocore/data");
        if data.is_dir() {
            return Ok(data);
        }
    }
    bail!("no botocore below `{}`", libraries.display())
}

fn page(services: &[Coverage]) -> anyhow::Result<String> {
    let mut page = "# Operations\n\nWritten by `cargo xtask coverage --markdown` from AWS's \
                    service models; `daypass operations` lists what a build answers. What is not \
                    answered is refused with `InvalidAction`.\n"
        .to_owned();
    for Coverage { title, answered, missing } in services {
        let all = answered.len() + missing.len();
        write!(page, "\n## {title}: {} of {all}\n", answered.len())?;
        for (heading, names) in [("Answered", answered), ("Not answered", missing)] {
            if !names.is_empty() {
                write!(page, "\n{heading}: {}.\n", names.join(", "))?;
            }
        }
    }
    Ok(page)
}
