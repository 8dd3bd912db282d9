//! The list of the rules of STS (`docs/sts-rules.md`) names every table of rules, and tests that
//! there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use daypass_tests::Program;

/// The tables of rules of AWS STS: its API reference, and what the IAM user guide says of it.
const TABLES: &[&str] = &[
    "operations: who may call them, with which credentials",
    "what credentials of each kind may call afterwards",
    "durations, all cases",
    "types and limits of parameters",
    "parameters of each operation",
    "task policies of AssumeRoot",
    "fields of replies",
    "GetCallerIdentity by principal",
    "forms of identifiers",
    "the decoded authorization message",
    "claims of GetWebIdentityToken",
    "the protocol on the wire",
    "errors of the service model",
    "errors that are common to operations",
    "errors of federation",
    "reasons of refusals",
    "session tags",
    "source identity",
    "session policies",
    "MFA",
    "the external id",
    "endpoints and Regions",
    "the order in which a call is checked",
];

/// What rows of tables without tests begin with; they name the operations that are missing.
const NOT_YET: &str = "not yet: ";

#[test]
fn every_table_of_rules_has_tests_that_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let read = |path: &str| {
        fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let list = read("docs/sts-rules.md");
    let scripts = read("tests/tests/boto3.rs");
    let folder = tempfile::tempdir().unwrap();
    let operations = Program::daypass(folder.path()).run(["operations"]).ok();
    let answered: BTreeSet<_> = operations.split_whitespace().collect();
    assert!(answered.contains("AssumeRole"), "{operations}");
    let mut tables = BTreeSet::new();
    for row in list.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let mut cells = row.trim_matches('|').split(" | ").map(str::trim);
        let (Some(table), Some(tests), None) = (cells.next(), cells.next(), cells.next()) else {
            panic!("`{row}` has not two cells");
        };
        assert!(tables.insert(table.to_owned()), "`{table}` has two rows");
        if let Some(why) = tests.strip_prefix(NOT_YET) {
            let missing: Vec<_> =
                why.split(' ').filter(|word| word.starts_with(char::is_uppercase)).collect();
            assert!(!missing.is_empty(), "`{table}`: which operation is missing?");
            for operation in missing {
                assert!(!answered.contains(operation), "`{table}`: {operation} has no tests");
            }
            continue;
        }
        for file in tests.split("; ") {
            let (path, functions) = file.split_once(": ").unwrap_or((file, ""));
            let path = path.trim_matches('`');
            let text = read(path);
            if let Some(script) = path.strip_prefix("tests/python/") {
                assert!(scripts.contains(&format!("check(\"{script}\")")), "nobody runs `{path}`");
            }
            for function in functions.split(", ").filter(|function| !function.is_empty()) {
                let function = function.trim_matches('`');
                let is_there = text.contains(&format!("fn {function}("));
                assert!(is_there, "`{table}`: there is no test `{function}` in `{path}`");
            }
            let is_script = path.ends_with(".py");
            assert!(is_script || !functions.is_empty(), "`{table}`: which tests of `{path}`?");
        }
    }
    let wanted: BTreeSet<_> = TABLES.iter().map(ToString::to_string).collect();
    assert_eq!(tables, wanted);
}
