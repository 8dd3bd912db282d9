//! Where a new secret access key goes: a new file, or standard output. Nothing is overwritten.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use daypass_server::PROFILE;
use daypass_server::operator::protocol::Secret;
use zeroize::Zeroizing;

/// A new access key, and whose it is.
#[derive(Debug)]
pub(crate) struct NewKey {
    /// Whose it is, in words.
    pub(crate) of: String,
    /// What else answers in JSON tell, by name.
    pub(crate) told: Vec<(&'static str, String)>,
    /// The id of the key.
    pub(crate) access_key_id: String,
    /// The secret of the key.
    pub(crate) secret_access_key: Secret,
}

/// Where the secret goes; made before there is one. A file that nothing was written to is removed
/// again.
#[derive(Debug)]
pub(crate) enum Destination {
    /// A new file of mode 0600.
    File(Made),
    /// Standard output.
    Printed,
}

/// A file that was just made.
#[derive(Debug)]
pub(crate) struct Made {
    file: File,
    path: PathBuf,
    filled: bool,
}

impl Drop for Made {
    fn drop(&mut self) {
        if !self.filled {
            // It is empty: what stays behind is only in the way of the next attempt.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Destination {
    /// Makes the file, or takes standard output if it may be printed there.
    pub(crate) fn open(file: Option<&Path>, may_print: bool) -> anyhow::Result<Self> {
        let Some(path) = file else {
            if may_print {
                return Ok(Self::Printed);
            }
            bail!(
                "the secret access key would go to standard output, which is no terminal: give \
                 --credentials-file FILE, or --print to have it there"
            );
        };
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = made.map_err(|error| anyhow!("`{}` cannot be made: {error}", path.display()))?;
        Ok(Self::File(Made { file, path: path.to_owned(), filled: false }))
    }

    /// Whether the secret is to be printed.
    pub(crate) fn is_printed(&self) -> bool {
        matches!(self, Self::Printed)
    }

    /// Writes the access key, if it goes to a file.
    pub(crate) fn keep(self, key: &NewKey) -> anyhow::Result<()> {
        let Self::File(mut made) = self else { return Ok(()) };
        let text = profile(key);
        let written = made.file.write_all(text.as_bytes()).and_then(|()| made.file.sync_all());
        made.filled = written.is_ok();
        written.map_err(|error| {
            anyhow!(
                "{} has a new access key {}, but it could not be written to `{}` and is lost \
                 ({error}): make another",
                key.of,
                key.access_key_id,
                made.path.display()
            )
        })
    }
}

/// The access key in the form of AWS shared credentials.
pub(crate) fn profile(key: &NewKey) -> Zeroizing<String> {
    let NewKey { of, told: _, access_key_id, secret_access_key } = key;
    Zeroizing::new(format!(
        "# {of}\n[{PROFILE}]\naws_access_key_id = {access_key_id}\naws_secret_access_key = {}\n",
        secret_access_key.expose(),
    ))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    pub(crate) fn made() -> NewKey {
        let secret = r#""wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY""#;
        NewKey {
            of: "account 123456789012, user admin".to_owned(),
            told: vec![("account_id", "123456789012".to_owned())],
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: serde_json::from_str(secret).unwrap(),
        }
    }

    fn scratch(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("daypass-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        folder
    }

    #[test]
    fn the_file_is_private_and_new() {
        let folder = scratch("private");
        let path = folder.join("credentials");
        let destination = Destination::open(Some(&path), true).unwrap();
        assert!(!destination.is_printed());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        destination.keep(&made()).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "# account 123456789012, user admin\n[daypass]\n\
             aws_access_key_id = AKIAIOSFODNN7EXAMPLE\n\
             aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"
        );
        Destination::open(Some(&path), true).unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn an_attempt_that_made_nothing_leaves_nothing() {
        let folder = scratch("nothing");
        let path = folder.join("credentials");
        drop(Destination::open(Some(&path), true).unwrap());
        assert!(!path.exists());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_secret_is_not_printed_into_a_pipe_unasked() {
        assert!(Destination::open(None, true).unwrap().is_printed());
        let refused = Destination::open(None, false).unwrap_err().to_string();
        assert!(refused.contains("--print"), "{refused}");
    }
}
