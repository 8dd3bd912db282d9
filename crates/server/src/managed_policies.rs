//! Further AWS managed policies, from a folder: one file a policy, its document as JSON.
//!
//! `DIR/ReadLogs.json` is the policy `ReadLogs`; `DIR/service-role/Backup.json` has the path
//! `/service-role/`. Whatever else lies there is refused rather than passed over, so that a policy
//! whose file is misspelt is missed at the start; names that begin with a dot are not looked at.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use daypass_directory::{AwsManagedFault, AwsManagedPolicies, MAX_AWS_MANAGED};
use thiserror::Error;

use crate::config::read_at_most;

/// Bytes of a document; the service model's limit for documents.
const DOCUMENT_MAX: u64 = 131_072;
/// Folders below the folder, one in the other.
const DEPTH_MAX: usize = 4;

/// Why the folder cannot be used. Nothing starts then: a policy that somebody has and that is not
/// there denies him everything.
#[derive(Debug, Error)]
pub enum ManagedPoliciesFault {
    /// A file or folder cannot be read.
    #[error("the managed policies in `{}` cannot be read: {cause}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A file is no policy.
    #[error("`{}`: {fault}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: AwsManagedFault,
    },
    /// Something that is not a policy's file.
    #[error(
        "`{}` is no managed policy: a policy is a file `NAME.json`, in at most {DEPTH_MAX} folders; \
         move it elsewhere or give it a name that begins with a dot",
        path.display()
    )]
    Foreign {
        /// What it is about.
        path: PathBuf,
    },
}

/// The policies that come with the program, and those of the folder if one is named.
pub(crate) fn policies(folder: Option<&Path>) -> Result<AwsManagedPolicies, ManagedPoliciesFault> {
    let built_in = AwsManagedPolicies::built_in();
    match folder {
        Some(folder) => with_folder(built_in, folder, "/", 0),
        None => Ok(built_in),
    }
}

fn with_folder(
    mut policies: AwsManagedPolicies,
    folder: &Path,
    policy_path: &str,
    depth: usize,
) -> Result<AwsManagedPolicies, ManagedPoliciesFault> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
        let entry = entry.map_err(unreadable(folder))?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            entries.push(entry.path());
        }
        // One more than can be taken in is enough to be refused.
        if entries.len() > MAX_AWS_MANAGED {
            break;
        }
    }
    entries.sort();
    for path in entries {
        let foreign = || ManagedPoliciesFault::Foreign { path: path.clone() };
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(foreign)?;
        // A link counts as what it leads to.
        if fs::metadata(&path).map_err(unreadable(&path))?.is_dir() {
            if depth >= DEPTH_MAX {
                return Err(foreign());
            }
            policies = with_folder(policies, &path, &format!("{policy_path}{name}/"), depth + 1)?;
            continue;
        }
        let name = name.strip_suffix(".json").ok_or_else(foreign)?;
        let bytes = read_at_most(&path, DOCUMENT_MAX).map_err(unreadable(&path))?;
        let not_text = |error| unreadable(&path)(io::Error::new(io::ErrorKind::InvalidData, error));
        let text = str::from_utf8(&bytes).map_err(not_text)?;
        policies = policies
            .with(policy_path, name, None, text)
            .map_err(|fault| ManagedPoliciesFault::Refused { path: path.clone(), fault })?;
    }
    Ok(policies)
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> ManagedPoliciesFault {
    |cause| ManagedPoliciesFault::Unreadable { path: path.to_owned(), cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"logs:Get*","Resource":"*"}}"#;

    /// Reads a folder with these files in it.
    fn read(files: &[(&str, &str)]) -> Result<AwsManagedPolicies, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let root = folder.path().display().to_string();
        policies(Some(folder.path())).map_err(|fault| fault.to_string().replace(&root, "DIR"))
    }

    #[test]
    fn each_file_is_a_policy() {
        let files = [("A.json", DOCUMENT), ("service-role/B.json", DOCUMENT), (".hidden", "x")];
        let read = read(&files).unwrap();
        let built_in = AwsManagedPolicies::built_in();
        assert_eq!(read.len(), built_in.len() + 2);
        assert_eq!(policies(None).unwrap().len(), built_in.len());
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        for (file, text, says) in [
            ("A.txt", DOCUMENT, "`DIR/A.txt` is no managed policy: a policy is a file"),
            ("a/b/c/d/e/A.json", DOCUMENT, "`DIR/a/b/c/d/e` is no managed policy"),
            ("A.json", "{", "`DIR/A.json`: the document of the AWS managed policy `A` is refused"),
            ("A b.json", DOCUMENT, "`DIR/A b.json`: "),
            ("ReadOnlyAccess.json", DOCUMENT, "`DIR/ReadOnlyAccess.json`: "),
            ("A.json", &"x".repeat(131_073), "cannot be read: it has more than 131072 bytes"),
        ] {
            let refused = read(&[(file, text)]).unwrap_err();
            assert!(refused.contains(says), "{file}: {refused}");
        }
        let missing = policies(Some(Path::new("/nonexistent/policies"))).unwrap_err().to_string();
        assert!(missing.contains("`/nonexistent/policies` cannot be read"), "{missing}");
    }
}
