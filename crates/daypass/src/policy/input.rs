//! Reading what the policy commands work on: whole files, bounded, `-` for standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The most bytes of one file; a policy may have 131,072 characters of at most four bytes, and a
/// request file holds a few of them.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Whether a path means standard input.
pub(crate) fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// How a path is called in messages.
pub(crate) fn name(path: &Path) -> String {
    if is_standard_input(path) { "standard input".to_owned() } else { path.display().to_string() }
}

/// The text of a file.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    let wrong = |error: io::Error| format!("{} cannot be read: {error}", name(path));
    let mut bytes = Vec::new();
    if is_standard_input(path) {
        io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(wrong)?;
    } else {
        let file = File::open(path).map_err(wrong)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(wrong)?;
    }
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_BYTES) {
        return Err(format!("{} is longer than {MAX_BYTES} bytes", name(path)));
    }
    String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8 text", name(path)))
}
