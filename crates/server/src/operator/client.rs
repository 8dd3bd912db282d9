//! The other end of the operator socket: sends one command to the server of a data folder.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::operator::protocol::{Command, Outcome, Progress, REPLY_MAX, Reply, RequestFault};
use crate::operator::socket::SOCKET;

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait for the next line: a backup on a slow disk, or all secrets sealed anew.
const LINE_TIMEOUT: Duration = Duration::from_secs(600);
/// Room for a line, so that a secret in it is not left behind where the line grew out of.
const LINE_ROOM: usize = 4 << 10;

/// Has the server of the data folder `folder` carry out a command; `progress` is told how far it
/// is.
///
/// # Errors
/// [`CallFault`], a sentence for the operator that says what to do.
pub async fn call(
    folder: &Path,
    command: &Command,
    mut progress: impl FnMut(Progress),
) -> Result<Outcome, CallFault> {
    let line = command.to_line()?;
    let mut stream = BufReader::new(connect(folder).await?);
    let lost = |cause| CallFault::Lost { cause };
    timeout(CONNECT_TIMEOUT, stream.write_all(&line))
        .await
        .map_err(|_| CallFault::Silent { seconds: CONNECT_TIMEOUT.as_secs() })?
        .map_err(lost)?;
    loop {
        let reply = timeout(LINE_TIMEOUT, reply(&mut stream))
            .await
            .map_err(|_| CallFault::Silent { seconds: LINE_TIMEOUT.as_secs() })??;
        match reply {
            Reply::Progress(step) => progress(step),
            Reply::Ok(outcome) => return Ok(*outcome),
            Reply::Error(sentence) => return Err(CallFault::Refused(sentence)),
        }
    }
}

async fn connect(folder: &Path) -> Result<UnixStream, CallFault> {
    let path = folder.join(SOCKET);
    let connecting = timeout(CONNECT_TIMEOUT, UnixStream::connect(&path));
    let connected =
        connecting.await.map_err(|_| CallFault::Silent { seconds: CONNECT_TIMEOUT.as_secs() })?;
    connected.map_err(|cause| {
        let folder = folder.to_owned();
        match cause.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::ConnectionRefused => CallFault::NotRunning { folder },
            io::ErrorKind::PermissionDenied => CallFault::Forbidden { folder },
            _ => CallFault::Unreachable { path, cause },
        }
    })
}

async fn reply<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> Result<Reply, CallFault> {
    // SECURITY: the line may hold a new secret.
    let mut line = Zeroizing::new(Vec::with_capacity(LINE_ROOM));
    let most = u64::try_from(REPLY_MAX).unwrap_or(u64::MAX);
    stream
        .take(most)
        .read_until(b'\n', &mut line)
        .await
        .map_err(|cause| CallFault::Lost { cause })?;
    if line.last() != Some(&b'\n') {
        return Err(match line.len() {
            0 => CallFault::Closed,
            _ => CallFault::Lost { cause: io::ErrorKind::UnexpectedEof.into() },
        });
    }
    // The parser's error may repeat a part of the line.
    serde_json::from_slice(&line).map_err(|_| CallFault::Garbled)
}

/// Why a command has no outcome.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallFault {
    /// The server hung up at once.
    #[error(
        "the server closed the connection without an answer: it may be stopping, or it takes \
         commands only from its own user and from root"
    )]
    Closed,
    /// We may not connect.
    #[error(
        "the server of `{}` belongs to another user: run this as that user or as root",
        folder.display()
    )]
    Forbidden {
        /// The data folder.
        folder: PathBuf,
    },
    /// The answer is in no form that is known here.
    #[error(
        "the server's answer was not understood: use the `daypass` that the server was started \
         with"
    )]
    Garbled,
    /// The connection broke.
    #[error(
        "the connection to the server broke, and the command may have been carried out: {cause}"
    )]
    Lost {
        /// What the system said.
        cause: io::Error,
    },
    /// Nobody is there.
    #[error(
        "no server runs on the data folder `{0}`: start it with `daypass serve --data '{0}'`, or \
         name the folder of the running one with --data",
        folder.display()
    )]
    NotRunning {
        /// The data folder.
        folder: PathBuf,
    },
    /// The server says why not.
    #[error("{0}")]
    Refused(String),
    /// The command cannot be sent.
    #[error(transparent)]
    Request(#[from] RequestFault),
    /// The server does not answer.
    #[error("the server did not answer within {seconds} seconds: look at its log")]
    Silent {
        /// How long that was waited for.
        seconds: u64,
    },
    /// The system refused.
    #[error("cannot connect to `{}`: {cause}", path.display())]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}
