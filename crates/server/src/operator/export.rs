//! `daypass export`: the server writes an account to a new file, page by page.
//!
//! That secrets were asked for is in the trail before the first of them is read, and how many there
//! were when the file is whole. The file is written beside its place and moved there: it is whole or
//! not there. Refused are files in the data folder, and a file that is there.

use std::io::Write;
use std::path::{Path, PathBuf};

use daypass_directory::{Export, ExportCounts, NewExport, Passphrase};
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::sync::mpsc;

use crate::operator::accounts::parse_account;
use crate::operator::deployment::Deployment;
use crate::operator::import::FILE_MAX;
use crate::operator::journal::Journal;
use crate::operator::protocol::{Exported, Outcome, Progress, Secret};
use crate::operator::refusal::Refusal;
use crate::operator::socket::Reporter;

/// Pieces of the document that wait to be written.
const WAITING: usize = 4;
/// Most bytes of such a piece.
const PIECE: usize = 1 << 20;

impl Deployment {
    /// Writes an account to the file `path`, which must not be there.
    pub(crate) async fn export(
        &self,
        journal: &mut Journal<'_>,
        account: String,
        path: PathBuf,
        passphrase: Option<Secret>,
        progress: Reporter,
    ) -> Result<Outcome, Refusal> {
        let account = parse_account(&account)?;
        self.directory.account(account).await?;
        journal.for_account(account);
        let passphrase = passphrase.map(|text| Passphrase::new(text.expose())).transpose()?;
        let with_secrets = passphrase.is_some();
        let target = self.outside(&path, "an export")?;
        self.require_trail()?;
        journal.begun("StartExport").await?;
        let id: [u8; 16] = self.random.array()?;
        let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut export = Export::new(NewExport {
            account,
            id: id.clone(),
            at: self.clock.now(),
            passphrase,
            salt: self.random.array()?,
            nonce: self.random.array()?,
        });
        let counts = self.directory.account_counts(account).await?;
        let total = [counts.policies, counts.groups, counts.roles, counts.users];
        let total = total.iter().map(|count| u64::from(*count)).sum();
        let bytes = self.write_export(&mut export, target, total, progress).await?;
        let counts = export.counts();
        let response = json!({
            "exportId": id,
            "withSecrets": with_secrets,
            "secrets": counts.secrets,
            "policies": counts.policies,
            "groups": counts.groups,
            "roles": counts.roles,
            "users": counts.users,
            "instanceProfiles": counts.instance_profiles,
            "mfaDevices": counts.mfa_devices,
            "oidcProviders": counts.oidc_providers,
            "samlProviders": counts.saml_providers,
        });
        journal.done(Some(response)).await.map_err(|refusal| {
            let sentence = format!("`{}` was written, but {}", path.display(), refusal.sentence);
            Refusal { sentence, ..refusal }
        })?;
        Ok(Outcome::Exported(told(path, id, bytes, counts, with_secrets)))
    }

    /// Writes the document, and gives that up when the server stops.
    async fn write_export(
        &self,
        export: &mut Export,
        target: PathBuf,
        total: u64,
        progress: Reporter,
    ) -> Result<u64, Refusal> {
        let stopping = self.stopping();
        let (pieces, waiting) = mpsc::channel::<Option<Vec<u8>>>(WAITING);
        let writing = tokio::task::spawn_blocking(move || write(&target, waiting));
        let reading = async {
            while let Some(piece) = export.next(&self.directory).await? {
                let stops = *stopping.borrow();
                if stops {
                    return Err(Refusal::unavailable("the server stops: nothing was written"));
                }
                for part in piece.chunks(PIECE) {
                    if pieces.send(Some(part.to_vec())).await.is_err() {
                        // The writer says why.
                        return Ok(());
                    }
                }
                let ExportCounts { policies, groups, roles, users, .. } = export.counts();
                progress.tell(Progress { done: policies + groups + roles + users, total });
            }
            // Without this the file is not whole, and is thrown away.
            drop(pieces.send(None).await);
            Ok(())
        };
        let read: Result<(), Refusal> = reading.await;
        drop(pieces);
        let written = writing.await.map_err(|_| Refusal::failed("the file could not be written"));
        read?;
        written?
    }

    /// The file to write, with all links of its folder followed.
    ///
    /// SECURITY: in the data folder the server would take it for a file of its own.
    pub(crate) fn outside(&self, path: &Path, what: &str) -> Result<PathBuf, Refusal> {
        if !path.is_absolute() {
            return Err(Refusal::invalid(format!("`{}` is no absolute path", path.display())));
        }
        let named = path.parent().zip(path.file_name());
        let Some((parent, name)) = named else {
            return Err(Refusal::invalid(format!("`{}` names no file", path.display())));
        };
        let parent = parent.canonicalize().map_err(|error| {
            Refusal::invalid(format!("the folder `{}` cannot be used: {error}", parent.display()))
        })?;
        let own = self.store.as_ref().and_then(|store| store.path().parent());
        if let Some(Ok(own)) = own.map(Path::canonicalize)
            && parent.starts_with(&own)
        {
            return Err(Refusal::invalid(format!(
                "`{}` is in the data folder, where {what} is lost with what it is of: name a file \
                 elsewhere",
                path.display()
            )));
        }
        Ok(parent.join(name))
    }
}

/// Writes the pieces to a new file of mode 0600, which gets its name when it is whole and durable.
fn write(target: &Path, mut pieces: mpsc::Receiver<Option<Vec<u8>>>) -> Result<u64, Refusal> {
    let failed = |error: std::io::Error| {
        Refusal::failed(format!("`{}` cannot be written: {error}", target.display()))
    };
    if target.symlink_metadata().is_ok() {
        return Err(exists(target));
    }
    let folder = target.parent().unwrap_or_else(|| Path::new("/"));
    // Such a file has mode 0600, and goes when it is dropped.
    let mut file = NamedTempFile::new_in(folder).map_err(failed)?;
    let mut bytes: u64 = 0;
    let mut is_whole = false;
    while let Some(piece) = pieces.blocking_recv() {
        let Some(piece) = piece else {
            is_whole = true;
            break;
        };
        file.write_all(&piece).map_err(failed)?;
        bytes = bytes.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
    }
    if !is_whole {
        return Err(Refusal::failed("the account could not be read"));
    }
    file.as_file().sync_all().map_err(failed)?;
    file.persist_noclobber(target).map_err(|error| match error.error.kind() {
        std::io::ErrorKind::AlreadyExists => exists(target),
        _ => failed(error.error),
    })?;
    // The name is durable with its folder.
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(bytes)
}

fn exists(target: &Path) -> Refusal {
    let code = "EntityAlreadyExists";
    Refusal { code, sentence: format!("`{}` is there already: name a new file", target.display()) }
}

fn told(
    path: PathBuf,
    export_id: String,
    bytes: u64,
    counts: ExportCounts,
    with_secrets: bool,
) -> Exported {
    let mut notes = match with_secrets {
        true => vec![
            "Whoever has the file and the passphrase has the secrets of the account: keep them apart."
                .to_owned(),
        ],
        false => vec![
            "No secrets are in it: access keys, passwords, MFA devices and private keys of SAML \
             providers do not come back from it."
                .to_owned(),
        ],
    };
    if bytes > FILE_MAX {
        notes.push(format!("It has more than {FILE_MAX} bytes, and no import takes it."));
    }
    Exported {
        path,
        export_id,
        bytes,
        policies: counts.policies,
        groups: counts.groups,
        roles: counts.roles,
        users: counts.users,
        instance_profiles: counts.instance_profiles,
        mfa_devices: counts.mfa_devices,
        oidc_providers: counts.oidc_providers,
        saml_providers: counts.saml_providers,
        secrets: counts.secrets,
        notes,
    }
}
