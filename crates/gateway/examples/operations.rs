//! Prints the table of the S3 API: `docs/s3-operations.md`.

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(daypass_gateway::operations_page().as_bytes())
}
