//! The table of the S3 API as a page of the documentation.

use crate::operation::{Answer, BodyUse, NeedRow, On, Operation, OperationRow, Shape, When};
use crate::operations::OPERATIONS;

const BEGINNING: &str = "\
# The S3 API at the gateway

Written by `cargo run -p daypass-gateway --example operations` from the table by which requests are
classified (`crates/gateway/src/operations.rs`); a test compares both, and `cargo xtask coverage`
compares the page with AWS's service model.

A request is the one operation whose method, path, parameters and headers it fits; a request that fits
none, or that has a parameter or a header of S3 which is not in its row, is refused with
`NotImplemented`. Every action that is needed must be allowed, each on its resource: `bucket` is
`arn:aws:s3:::bucket`, `object` is `arn:aws:s3:::bucket/key`. An action behind a slash is the one that is
needed instead when a version is named. Which condition keys an action has is as in AWS's Service
Authorization Reference.

Who answers: *storage* means that the request is signed anew and passed on, *gateway* that Daypass
answers by itself, or passes on a request of its own making.

| Operation | Request | Further parameters | Actions | Answered by |
|---|---|---|---|---|
";

/// The page: `docs/s3-operations.md`.
pub fn operations_page() -> String {
    let mut page = BEGINNING.to_owned();
    let mut refused = String::new();
    for row in OPERATIONS {
        let answer = match (row.answer, row.body) {
            // Beside a proxy that asks it is the storage that does.
            _ if row.operation == Operation::GetBucketLocation => "gateway".to_owned(),
            (Answer::Backend, BodyUse::Document { .. }) => "storage, body read first".to_owned(),
            (Answer::Backend, _) => "storage".to_owned(),
            (Answer::Gateway, _) => "gateway".to_owned(),
            (Answer::Refused(why), _) => format!("nobody: {why}"),
        };
        let out = if matches!(row.answer, Answer::Refused(_)) { &mut refused } else { &mut page };
        for name in [row.name].iter().chain(row.also) {
            let needs: Vec<String> = row.needs.iter().map(needed).collect();
            let cells = [
                format!("`{name}`"),
                format!("`{}`{}", request(row), header(row)),
                row.optional.join(", "),
                needs.join("; "),
                answer.clone(),
            ];
            out.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
    }
    page.push_str("\n## Refused\n\n| Operation | Request | Further parameters | Actions | Answered by |\n|---|---|---|---|---|\n");
    page.push_str(&refused);
    page
}

/// The first line of a request, as the service model writes it.
fn request(row: &OperationRow) -> String {
    let path = match row.shape {
        // Of a host name of its own, where it is a path.
        _ if row.name == "WriteGetObjectResponse" => "/WriteGetObjectResponse",
        Shape::Service => "/",
        Shape::Bucket => "/{Bucket}",
        Shape::Object => "/{Bucket}/{Key+}",
    };
    let parameters = row.requires.iter().map(|(name, value)| match value {
        Some(value) => format!("{name}={value}"),
        None => (*name).to_owned(),
    });
    let query = parameters.collect::<Vec<_>>().join("&");
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{} {path}{mark}{query}", row.method)
}

fn header(row: &OperationRow) -> String {
    match (row.body, row.header) {
        (BodyUse::Form, _) => " with a form".to_owned(),
        (_, Some((name, true))) => format!(" with `{name}`"),
        _ => String::new(),
    }
}

fn needed(need: &NeedRow) -> String {
    let action = match need.of_version {
        Some(of_version) => {
            format!("{} / {}", need.action, of_version.strip_prefix("s3:").unwrap_or(of_version))
        }
        None => need.action.to_owned(),
    };
    let on = match need.on {
        On::Service => "`*`",
        On::Bucket => "bucket",
        On::Object => "object",
        On::Source => "source object",
        On::EachObject => "each object",
    };
    let when = match need.when {
        When::Always => "",
        When::Acl => ", with an ACL",
        When::Bypass => ", with `x-amz-bypass-governance-retention`",
        When::LegalHold => ", with a legal hold",
        When::ObjectLock => ", with object lock",
        When::Ownership => ", with `x-amz-object-ownership`",
        When::Retention => ", with a retention",
        When::SourceTags => ", when tags are copied",
        When::Tagging => ", with tags",
    };
    format!("{action} on {on}{when}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_page_is_the_table() {
        let written = include_str!("../../../docs/s3-operations.md");
        let command = "cargo run -p daypass-gateway --example operations > docs/s3-operations.md";
        assert!(written == operations_page(), "the page says something else: {command}");
    }

    #[test]
    fn the_table_is_in_order_and_whole() {
        let names: Vec<&str> = OPERATIONS.iter().map(|row| row.name).collect();
        assert!(names.is_sorted(), "{names:?}");
        let all = OPERATIONS
            .iter()
            .flat_map(|row| std::iter::once(row.name).chain(row.also.iter().copied()));
        let all: Vec<&str> = all.collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        for row in OPERATIONS {
            assert_eq!(format!("{:?}", row.operation), row.name);
            assert_eq!(row.operation.row().name, row.name);
            assert!(["DELETE", "GET", "HEAD", "POST", "PUT"].contains(&row.method), "{}", row.name);
            let is_refused = matches!(row.answer, Answer::Refused(_));
            // What is done needs something, the first of it in any case.
            let always = row.needs.first().is_some_and(|need| need.when == When::Always);
            assert!(is_refused || always, "{} needs nothing", row.name);
            for need in row.needs {
                assert!(need.action.starts_with("s3:"), "{}", row.name);
                let is_object = matches!(need.on, On::Object | On::EachObject | On::Source);
                let versioned = need.of_version.is_none_or(|action| action.contains("Version"));
                assert!(versioned && (is_object || need.of_version.is_none()), "{}", row.name);
            }
            // Bodies that are streamed are of requests that write, or select.
            let streams = matches!(row.body, BodyUse::Stream);
            let sends = matches!(row.method, "POST" | "PUT");
            assert!(!streams || sends, "{}", row.name);
        }
    }
}
