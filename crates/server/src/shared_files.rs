//! The two files through which every AWS SDK and the CLI find the server and the first key:
//! `credentials` and `config` in the shared file format of the AWS SDKs and Tools reference guide.
//!
//! They are written whole, to a temporary file that then takes the name, with mode 0600. A file
//! of that name that the server did not write is never touched.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use daypass_names::{AccessKeyId, Region, SecretAccessKey};
use tempfile::NamedTempFile;
use thiserror::Error;
use zeroize::Zeroizing;

/// The profile's name in both files.
pub const PROFILE: &str = "daypass";

/// The first line of a file that may be overwritten.
const MARKER: &str = "# Written by `daypass serve`, which overwrites this file at every start.";

/// What the profile says.
#[derive(Debug)]
pub(crate) struct Profile<'p> {
    pub(crate) key: &'p AccessKeyId,
    pub(crate) secret: &'p SecretAccessKey,
    pub(crate) region: &'p Region,
    pub(crate) endpoint_url: &'p str,
}

/// The two files of a data folder.
#[derive(Clone, Debug)]
pub(crate) struct SharedFiles {
    credentials: PathBuf,
    config: PathBuf,
}

impl SharedFiles {
    /// Where the files of that folder lie.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self { credentials: folder.join("credentials"), config: folder.join("config") }
    }

    /// `AWS_SHARED_CREDENTIALS_FILE`.
    pub(crate) fn credentials(&self) -> &Path {
        &self.credentials
    }

    /// `AWS_CONFIG_FILE`.
    pub(crate) fn config(&self) -> &Path {
        &self.config
    }

    /// Refuses when one of the files is there and was not written by a server.
    pub(crate) fn refuse_foreign(&self) -> Result<(), SharedFileFault> {
        refuse_foreign(&self.credentials)?;
        refuse_foreign(&self.config)
    }

    /// Writes both files.
    pub(crate) fn write(&self, profile: &Profile<'_>) -> Result<(), SharedFileFault> {
        self.refuse_foreign()?;
        replace(&self.credentials, credentials(profile).as_bytes())?;
        replace(&self.config, config(profile).as_bytes())
    }
}

fn credentials(profile: &Profile<'_>) -> Zeroizing<String> {
    Zeroizing::new(format!(
        "{MARKER}\n[{PROFILE}]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        profile.key,
        profile.secret.expose(),
    ))
}

fn config(profile: &Profile<'_>) -> String {
    format!(
        "{MARKER}\n[profile {PROFILE}]\nregion = {}\nendpoint_url = {}\noutput = json\n",
        profile.region, profile.endpoint_url,
    )
}

fn refuse_foreign(path: &Path) -> Result<(), SharedFileFault> {
    let at = |cause| SharedFileFault::Io { path: path.to_owned(), cause };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(at(error)),
        Ok(entry) if entry.is_file() => {}
        Ok(_) => return Err(SharedFileFault::Foreign { path: path.to_owned() }),
    }
    let limit = u64::try_from(MARKER.len()).unwrap_or(u64::MAX);
    let mut head = Vec::new();
    File::open(path).and_then(|file| file.take(limit).read_to_end(&mut head)).map_err(at)?;
    if head == MARKER.as_bytes() {
        return Ok(());
    }
    Err(SharedFileFault::Foreign { path: path.to_owned() })
}

/// Puts a file of mode 0600 with these bytes in the place of `path`; a reader sees the old or the
/// new one, never a part.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), SharedFileFault> {
    let at = |cause| SharedFileFault::Io { path: path.to_owned(), cause };
    let folder = path.parent().unwrap_or(Path::new("."));
    // A temporary file has mode 0600 from its first moment.
    let mut file = NamedTempFile::new_in(folder).map_err(at)?;
    file.write_all(bytes).map_err(at)?;
    file.as_file().sync_all().map_err(at)?;
    file.persist(path).map_err(|error| at(error.error))?;
    Ok(())
}

/// Why the files cannot be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SharedFileFault {
    /// The system refused.
    #[error("`{}` cannot be written: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// Somebody else wrote it.
    #[error(
        "`{}` was not written by this server and stays as it is: move it away, or choose another \
         folder with --data",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use daypass_names::Constrained;

    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn write(files: &SharedFiles, endpoint_url: &str) -> Result<(), SharedFileFault> {
        files.write(&Profile {
            key: &AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap(),
            secret: &SecretAccessKey::parse(SECRET).unwrap(),
            region: &Region::parse("eu-west-1").unwrap(),
            endpoint_url,
        })
    }

    #[test]
    fn the_files_are_what_the_sdks_read() {
        let folder = tempfile::tempdir().unwrap();
        let files = SharedFiles::in_folder(folder.path());
        write(&files, "http://127.0.0.1:4700").unwrap();
        assert_eq!(
            fs::read_to_string(files.credentials()).unwrap(),
            "# Written by `daypass serve`, which overwrites this file at every start.\n\
             [daypass]\n\
             aws_access_key_id = AKIAIOSFODNN7EXAMPLE\n\
             aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"
        );
        assert_eq!(
            fs::read_to_string(files.config()).unwrap(),
            "# Written by `daypass serve`, which overwrites this file at every start.\n\
             [profile daypass]\n\
             region = eu-west-1\n\
             endpoint_url = http://127.0.0.1:4700\n\
             output = json\n"
        );
        for path in [files.credentials(), files.config()] {
            assert_eq!(fs::metadata(path).unwrap().mode() & 0o7777, 0o600, "{path:?}");
        }
    }

    #[test]
    fn own_files_are_replaced_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let files = SharedFiles::in_folder(folder.path());
        write(&files, "http://127.0.0.1:4700").unwrap();
        let first = fs::metadata(files.config()).unwrap().ino();
        write(&files, "http://127.0.0.1:4701").unwrap();
        // Another file took the name: nobody saw a half-written one.
        assert_ne!(fs::metadata(files.config()).unwrap().ino(), first);
        assert!(fs::read_to_string(files.config()).unwrap().contains(":4701\n"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn foreign_files_stay_and_nothing_is_written_beside_them() {
        for name in ["credentials", "config"] {
            for foreign in ["", "[default]\naws_access_key_id = x\n", "# Written by hand"] {
                let folder = tempfile::tempdir().unwrap();
                let files = SharedFiles::in_folder(folder.path());
                fs::write(folder.path().join(name), foreign).unwrap();
                let fault = write(&files, "http://127.0.0.1:4700").unwrap_err();
                assert!(matches!(fault, SharedFileFault::Foreign { .. }), "{fault}");
                assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), foreign);
                assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
            }
        }
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let files = SharedFiles::in_folder(folder.path());
        let target = folder.path().join("target");
        fs::write(&target, MARKER).unwrap();
        std::os::unix::fs::symlink(&target, files.credentials()).unwrap();
        assert!(matches!(files.refuse_foreign(), Err(SharedFileFault::Foreign { .. })));
    }

    #[test]
    fn the_secret_never_prints() {
        let profile = Profile {
            key: &AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap(),
            secret: &SecretAccessKey::parse(SECRET).unwrap(),
            region: &Region::parse("eu-west-1").unwrap(),
            endpoint_url: "http://127.0.0.1:4700",
        };
        assert!(!format!("{profile:?}").contains(SECRET));
    }
}
