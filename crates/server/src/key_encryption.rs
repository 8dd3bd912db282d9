//! Where the key-encryption key comes from: the environment, a file of the operator's, or a file in
//! the data folder that the first start makes.
//!
//! SECURITY: a key is made for an empty store only. One that is missing later is an error, because
//! a new one could open nothing, and hiding that would look like an empty deployment.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use daypass_api::{Random, RandomFault};
use daypass_token::{KekFault, KeyEncryptionKey, SealFault};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::config::{ConfigFault, KekSource, SecretText, read_secret, readable_by_others};

/// The name of the file in the data folder.
pub(crate) const FILE: &str = "key-encryption-key";

/// The key of that source. `empty` says that nothing was ever sealed.
pub(crate) fn key_encryption_key(
    source: &KekSource,
    folder: &Path,
    empty: bool,
    random: &dyn Random,
) -> Result<KeyEncryptionKey, KeyFault> {
    match source {
        KekSource::Environment(text) => {
            parse(text).map_err(|cause| KeyFault::Environment { cause })
        }
        KekSource::File(path) => {
            if readable_by_others(path) {
                tracing::warn!(
                    "other users of this machine can read the key-encryption key `{}`: run `chmod \
                     go-r` on it",
                    path.display()
                );
            }
            read(path)
        }
        KekSource::DataFolder => {
            let path = folder.join(FILE);
            match fs::metadata(&path) {
                Ok(file) if file.permissions().mode() & 0o077 != 0 => {
                    Err(KeyFault::Exposed { path })
                }
                Ok(_) => read(&path),
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(KeyFault::Io { path, cause: error })
                }
                Err(_) if empty => make(&path, random),
                Err(_) => Err(KeyFault::Missing { path }),
            }
        }
    }
}

/// The key in a file.
pub(crate) fn read(path: &Path) -> Result<KeyEncryptionKey, KeyFault> {
    let text = read_secret(path)?;
    parse(&text).map_err(|cause| KeyFault::File { path: path.to_owned(), cause })
}

fn parse(text: &SecretText) -> Result<KeyEncryptionKey, KekFault> {
    KeyEncryptionKey::parse(text.expose())
}

/// Draws a key and writes it, durably, before anything can be sealed under it.
fn make(path: &Path, random: &dyn Random) -> Result<KeyEncryptionKey, KeyFault> {
    let at = |cause| KeyFault::Io { path: path.to_owned(), cause };
    let mut bytes = Zeroizing::new([0; 32]);
    random.fill(bytes.as_mut_slice())?;
    let key = KeyEncryptionKey::from_random(*bytes)?;
    // A temporary name first: half a key must never stand under the real one.
    let unfinished = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true).mode(0o600);
    let mut file = options.open(&unfinished).map_err(at)?;
    file.write_all(key.to_text().as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(at)?;
    file.sync_all().map_err(at)?;
    fs::rename(&unfinished, path).map_err(at)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at)?;
    Ok(key)
}

/// Why there is no key-encryption key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyFault {
    /// The variable holds something else.
    #[error("DAYPASS_KEK: {cause}")]
    Environment {
        /// What is wrong.
        cause: KekFault,
    },
    /// The file holds something else.
    #[error("`{}`: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: KekFault,
    },
    /// The file is there but cannot be read as a secret.
    #[error(transparent)]
    Unreadable(#[from] ConfigFault),
    /// The system refused.
    #[error("the key-encryption key `{}` cannot be used: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// Others can read it.
    #[error(
        "the key-encryption key `{}` is open to other users: run `chmod 600 '{}'`, and change the \
         key if somebody may have read it",
        path.display(), path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// It was there when the store was made.
    #[error(
        "the key-encryption key `{}` is missing, and the store cannot be opened without it: put \
         your copy of it back, or name it with --kek-file or DAYPASS_KEK; nothing was changed",
        path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomFault),
    /// The cryptographic library failed.
    #[error("the key-encryption key could not be made: {0}")]
    Seal(#[from] SealFault),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::SystemRandom;

    const EXAMPLE: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn key(source: &KekSource, folder: &Path, empty: bool) -> Result<String, String> {
        let key = key_encryption_key(source, folder, empty, &SystemRandom::new());
        key.map(|key| key.to_text().to_string()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn the_first_start_makes_a_private_file_and_the_next_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let first = key(&KekSource::DataFolder, folder.path(), true).unwrap();
        let file = folder.path().join(FILE);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        for empty in [true, false] {
            assert_eq!(key(&KekSource::DataFolder, folder.path(), empty), Ok(first.clone()));
        }
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = key(&KekSource::DataFolder, folder.path(), false).unwrap_err();
        assert!(refused.contains("chmod 600"), "{refused}");
        fs::remove_file(&file).unwrap();
        let refused = key(&KekSource::DataFolder, folder.path(), false).unwrap_err();
        assert!(refused.contains("is missing"), "{refused}");
        assert!(!file.exists());
    }

    #[test]
    fn other_places_are_read_and_never_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kek");
        let from_file = KekSource::File(file.clone());
        key(&from_file, folder.path(), true).unwrap_err();
        assert!(!file.exists());
        fs::write(&file, format!("{EXAMPLE}\n")).unwrap();
        assert_eq!(key(&from_file, folder.path(), false), Ok(EXAMPLE.to_owned()));
        let given = |text: &str| KekSource::Environment(SecretText::new(text.to_owned()));
        assert_eq!(key(&given(EXAMPLE), folder.path(), false), Ok(EXAMPLE.to_owned()));
        let refused = key(&given("hunter2"), folder.path(), false).unwrap_err();
        assert!(refused.starts_with("DAYPASS_KEK: ") && !refused.contains("hunter2"), "{refused}");
    }
}
