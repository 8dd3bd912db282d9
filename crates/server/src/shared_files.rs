//! The two files through which every AWS SDK and the CLI find the server and the first key:
//! `credentials` and `config` in the shared file format of the AWS SDKs and Tools reference guide.
//!
//! They are written whole, to a temporary file that then takes the name, with mode 0600. A file
//! of that name that the server did not write is never touched.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use daypass_names::Region;
use tempfile::NamedTempFile;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::config::AdminKey;

/// The profile's name in both files.
pub const PROFILE: &str = "daypass";

/// The first line of a file that may be overwritten. The credentials are written when the first
/// account is made, the rest at every start.
const MARKER: &str = "# Written by `daypass serve`, which may overwrite this file when it starts.";

/// Most bytes that are read of credentials.
const MAX_CREDENTIALS: u64 = 1 << 20;

/// Names tried for credentials that are set aside.
const MAX_ASIDE: u32 = 10_000;

/// What the profile says.
#[derive(Debug)]
pub(crate) struct Profile<'p> {
    pub(crate) region: &'p Region,
    pub(crate) endpoint_url: &'p str,
    /// The URL of the S3 gateway, if there is one.
    pub(crate) s3_endpoint_url: Option<&'p str>,
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

    /// Gives credentials that are there another name, which is told, unless they are of the key
    /// with the id `unused`.
    pub(crate) fn set_credentials_aside(
        &self,
        unused: Option<&str>,
    ) -> Result<Option<PathBuf>, SharedFileFault> {
        refuse_foreign(&self.credentials)?;
        let at = |cause| SharedFileFault::Io { path: self.credentials.clone(), cause };
        let mut text = Zeroizing::new(String::new());
        let read = File::open(&self.credentials)
            .and_then(|file| file.take(MAX_CREDENTIALS).read_to_string(&mut text));
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(at(error)),
            Ok(_) => {}
        }
        let mut ids = text.lines().filter_map(|line| line.strip_prefix("aws_access_key_id = "));
        if unused.is_some() && ids.next() == unused && ids.next().is_none() {
            return Ok(None);
        }
        let aside = (1..=MAX_ASIDE)
            .map(|number| self.credentials.with_file_name(format!("credentials.replaced-{number}")))
            .find(|aside| fs::symlink_metadata(aside).is_err())
            .ok_or_else(|| at(io::Error::other("too many were set aside: remove some")))?;
        fs::rename(&self.credentials, &aside).map_err(at)?;
        Ok(Some(aside))
    }

    /// Writes the credentials.
    pub(crate) fn write_credentials(&self, key: &AdminKey) -> Result<(), SharedFileFault> {
        self.refuse_foreign()?;
        replace(&self.credentials, credentials(key).as_bytes())
    }

    /// Writes the profile.
    pub(crate) fn write_config(&self, profile: &Profile<'_>) -> Result<(), SharedFileFault> {
        self.refuse_foreign()?;
        replace(&self.config, config(profile).as_bytes())
    }
}

fn credentials(key: &AdminKey) -> Zeroizing<String> {
    Zeroizing::new(format!(
        "{MARKER}\n[{PROFILE}]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        key.id,
        key.secret.expose(),
    ))
}

fn config(profile: &Profile<'_>) -> String {
    let mut text = format!(
        "{MARKER}\n[profile {PROFILE}]\nregion = {}\nendpoint_url = {}\noutput = json\n",
        profile.region, profile.endpoint_url,
    );
    if let Some(url) = profile.s3_endpoint_url {
        // botocore would presign with version 2 of the signatures for some Regions, and the gateway
        // takes version 4 alone.
        text.push_str(&format!(
            "services = {PROFILE}\ns3 =\n  signature_version = s3v4\n\
             [services {PROFILE}]\ns3 =\n  endpoint_url = {url}\n"
        ));
    }
    text
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

    use daypass_names::{AccessKeyId, Constrained, SecretAccessKey};

    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn write(files: &SharedFiles, endpoint_url: &str) -> Result<(), SharedFileFault> {
        files.write_credentials(&key())?;
        let region = &Region::parse("eu-west-1").unwrap();
        files.write_config(&Profile { region, endpoint_url, s3_endpoint_url: None })
    }

    fn key() -> AdminKey {
        AdminKey {
            id: AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap(),
            secret: SecretAccessKey::parse(SECRET).unwrap(),
        }
    }

    #[test]
    fn the_files_are_what_the_sdks_read() {
        let folder = tempfile::tempdir().unwrap();
        let files = SharedFiles::in_folder(folder.path());
        write(&files, "http://127.0.0.1:4700").unwrap();
        assert_eq!(
            fs::read_to_string(files.credentials()).unwrap(),
            "# Written by `daypass serve`, which may overwrite this file when it starts.\n\
             [daypass]\n\
             aws_access_key_id = AKIAIOSFODNN7EXAMPLE\n\
             aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"
        );
        assert_eq!(
            fs::read_to_string(files.config()).unwrap(),
            "# Written by `daypass serve`, which may overwrite this file when it starts.\n\
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
    fn the_gateway_is_a_service_of_the_profile() {
        let folder = tempfile::tempdir().unwrap();
        let files = SharedFiles::in_folder(folder.path());
        let profile = Profile {
            region: &Region::parse("eu-west-1").unwrap(),
            endpoint_url: "http://127.0.0.1:4700",
            s3_endpoint_url: Some("http://127.0.0.1:4702"),
        };
        files.write_config(&profile).unwrap();
        assert_eq!(
            fs::read_to_string(files.config()).unwrap(),
            "# Written by `daypass serve`, which may overwrite this file when it starts.\n\
             [profile daypass]\n\
             region = eu-west-1\n\
             endpoint_url = http://127.0.0.1:4700\n\
             output = json\n\
             services = daypass\n\
             s3 =\n\
             \x20 signature_version = s3v4\n\
             [services daypass]\n\
             s3 =\n\
             \x20 endpoint_url = http://127.0.0.1:4702\n"
        );
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
    fn only_a_key_that_never_worked_is_written_over() {
        let other = Some("AKIAI44QH8DHBEXAMPLE");
        let same = Some("AKIAIOSFODNN7EXAMPLE");
        for (unused, aside) in [(None, true), (other, true), (same, false)] {
            let folder = tempfile::tempdir().unwrap();
            let files = SharedFiles::in_folder(folder.path());
            assert_eq!(files.set_credentials_aside(unused).unwrap(), None);
            for number in 1..=2 {
                write(&files, "http://127.0.0.1:4700").unwrap();
                let before = fs::read(files.credentials()).unwrap();
                let told = files.set_credentials_aside(unused).unwrap();
                assert_eq!(told.is_some(), aside, "{unused:?}");
                if let Some(told) = told {
                    assert!(told.ends_with(format!("credentials.replaced-{number}")), "{told:?}");
                    assert!(fs::read(&told).unwrap() == before && !files.credentials().exists());
                    assert_eq!(fs::metadata(&told).unwrap().mode() & 0o7777, 0o600);
                }
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
        assert!(!format!("{:?}", key()).contains(SECRET));
    }
}
