//! The S3 part of `coverage`: whether the table of the S3 API has every operation of AWS's service
//! model, with its method, its path and all of its query parameters.
//!
//! The table is read from the page that is written of it, which a test of the gateway compares with
//! the table itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

use crate::{coverage, place};

const PAGE: &str = "docs/s3-operations.md";

/// What is in the table and in no model: uploads by forms are a page of the API reference only.
const BEYOND: &str = "PostObject";

/// The part of the service model that is read.
#[derive(Deserialize)]
struct Model {
    operations: BTreeMap<String, Operation>,
    shapes: BTreeMap<String, Shape>,
}

#[derive(Deserialize)]
struct Operation {
    http: Http,
    input: Option<Input>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    method: String,
    request_uri: String,
}

#[derive(Deserialize)]
struct Input {
    shape: String,
}

#[derive(Default, Deserialize)]
struct Shape {
    #[serde(default)]
    members: BTreeMap<String, Member>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    location: Option<String>,
    location_name: Option<String>,
}

/// An operation of the table.
struct Row {
    method: String,
    path: String,
    required: BTreeSet<String>,
    parameters: BTreeSet<String>,
    is_refused: bool,
}

/// Compares the page with the model, and prints what it found.
pub(crate) fn check() -> anyhow::Result<()> {
    let model: Model = coverage::read_model("s3", "2006-03-01")?;
    let page = fs::read_to_string(place::root()?.join(PAGE))
        .with_context(|| format!("cannot read {PAGE}"))?;
    let rows = rows(&page)?;
    for name in rows.keys() {
        let is_known = model.operations.contains_key(name) || name == BEYOND;
        ensure!(is_known, "{PAGE} has {name}, which the model does not have");
    }
    let mut answered = 0;
    for (name, operation) in &model.operations {
        let row = rows.get(name).with_context(|| format!("{PAGE} does not have {name}"))?;
        compare(row, operation, &model).with_context(|| format!("{name} in {PAGE}"))?;
        answered += usize::from(!row.is_refused);
    }
    println!("S3: {answered} of {} operations are done, all are in {PAGE}", model.operations.len());
    Ok(())
}

fn compare(row: &Row, operation: &Operation, model: &Model) -> anyhow::Result<()> {
    let Http { method, request_uri } = &operation.http;
    let (path, query) = request_uri.split_once('?').unwrap_or((request_uri, ""));
    ensure!(row.method == *method, "the model's method is {method}");
    ensure!(row.path == path, "the model's path is {path}");
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        ensure!(row.required.contains(parameter), "the model's path has {parameter}");
    }
    let shape = operation.input.as_ref().and_then(|input| model.shapes.get(&input.shape));
    for member in shape.iter().flat_map(|shape| shape.members.values()) {
        let Some(name) = &member.location_name else { continue };
        let is_parameter = member.location.as_deref() == Some("querystring");
        if is_parameter && !row.is_refused && !row.parameters.contains(name) {
            bail!("the model has the parameter {name}");
        }
    }
    Ok(())
}

/// The rows of the page's tables.
fn rows(page: &str) -> anyhow::Result<BTreeMap<String, Row>> {
    let mut rows = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split(" | ").collect();
        let [name, request, optional, _, answer] = &*cells else {
            bail!("a row of {PAGE} does not have five cells: {line}");
        };
        let name = name.trim_start_matches("| ").trim_matches('`');
        let request = request.split('`').nth(1).context("a row has no request")?;
        let (method, target) = request.split_once(' ').context("a request has no method")?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let required = query.split('&').filter(|parameter| !parameter.is_empty());
        let required: BTreeSet<String> = required.map(str::to_owned).collect();
        let names = required.iter().map(|p| p.split('=').next().unwrap_or(p).to_owned());
        let optional = optional.split(", ").map(|name| name.trim().to_owned());
        let row = Row {
            method: method.to_owned(),
            path: path.to_owned(),
            parameters: names.chain(optional).collect(),
            required,
            is_refused: answer.starts_with("nobody"),
        };
        ensure!(rows.insert(name.to_owned(), row).is_none(), "{PAGE} has {name} twice");
    }
    Ok(rows)
}
