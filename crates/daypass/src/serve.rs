//! `daypass serve`: settings, logs, start, announcement, end.

use std::env::{self, VarError};
use std::io::{self, Write};

use anyhow::bail;
use daypass_server::{Config, Home, Layer, SecretText, Server};

use crate::cli::Serve;
use crate::logging;
use crate::stop::Stop;

/// The variable that holds the secret of the first access key.
const ADMIN_SECRET: &str = "DAYPASS_ADMIN_SECRET_ACCESS_KEY";
/// The variable that holds the key-encryption key.
pub(crate) const KEK: &str = "DAYPASS_KEK";

pub(crate) async fn serve(settings: Serve) -> anyhow::Result<()> {
    let (given, file) = settings.into_layer(secret(ADMIN_SECRET)?, secret(KEK)?);
    let layer = match file {
        Some(path) => given.over(Layer::read(&path)?),
        None => given,
    };
    let config = Config::resolve(layer, &home())?;
    let _logging = logging::start(&config.log, config.log_format)?;
    // Signals that come while the server starts are kept, so that it always tidies up. Without a
    // certificate to reload, a hang-up is the end of the terminal.
    let mut stop = Stop::on_signals(config.tls.is_none())?;
    let running = Server::start(config).await?;
    announce(&running.announcement())?;
    tracing::info!(address = %running.address(), accounts = running.accounts().len(), "serving");
    running.serve_until(async move { stop.asked().await }).await;
    Ok(())
}

pub(crate) fn home() -> Home {
    let path = |name| env::var_os(name).map(Into::into);
    Home { xdg_data_home: path("XDG_DATA_HOME"), home: path("HOME") }
}

/// A secret that the environment holds; secrets are never flags.
pub(crate) fn secret(variable: &str) -> anyhow::Result<Option<SecretText>> {
    match env::var(variable) {
        // An empty variable is as good as none.
        Ok(secret) if secret.is_empty() => Ok(None),
        Ok(secret) => Ok(Some(SecretText::new(secret))),
        Err(VarError::NotPresent) => Ok(None),
        // The error would repeat the value.
        Err(VarError::NotUnicode(_)) => bail!("{variable} is not UTF-8 text"),
    }
}

/// Tells where the server is. A reader that takes the first lines and goes away is no reason to
/// stop.
fn announce(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        told => told,
    }
}
