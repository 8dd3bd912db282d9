//! The socket that operators' commands come through: `operator.sock` in the data folder.
//!
//! Nobody else can reach it: the folder has mode 0700, the socket 0600, and the peer's user id
//! must be the server's own or root's, else the connection is closed unheard. A connection is one
//! command. Refused are a line that is too long or does not come in time, and one command more
//! than there may be at once. A command that has begun ends, whether or not anybody still listens.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

use crate::operator::protocol::{
    Command, LINE_ROOM, Outcome, Progress, REQUEST_MAX, Reply, RequestFault,
};

/// The name of the socket in the data folder.
pub const SOCKET: &str = "operator.sock";

/// Most commands at a time; one more is told to try again.
const CONNECTIONS_MAX: usize = 16;
/// How long the request line may take to come.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the peer may take to read a line.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the loop rests after an accept that failed.
const ACCEPT_REST: Duration = Duration::from_millis(100);
/// How long commands may take to end once the server stops.
const DRAIN: Duration = Duration::from_millis(9_500);
/// Progress lines that wait to be written; further ones are left out.
const PROGRESS_WAITING: usize = 4;
/// Room for a line, so that a secret in it is not left behind where the line grew out of.
const REPLY_ROOM: usize = 4 << 10;

/// Who may do everything beside the server's own user.
const ROOT: u32 = 0;

/// What carries out commands: the deployment, or a stand-in in tests.
pub(crate) trait Carry: Send + Sync + 'static {
    /// Carries out a command of the user `uid`; the error is a sentence for that user.
    fn carry_out(
        &self,
        uid: u32,
        command: Command,
        progress: Reporter,
    ) -> impl Future<Output = Result<Outcome, String>> + Send;
}

/// Where a command tells how far it is. Nobody need listen.
#[derive(Clone, Debug)]
pub(crate) struct Reporter(mpsc::Sender<Progress>);

impl Reporter {
    /// Tells it, unless earlier words still wait to be heard.
    pub(crate) fn tell(&self, progress: Progress) {
        let _ = self.0.try_send(progress);
    }

    /// One that nobody listens to.
    #[cfg(test)]
    pub(crate) fn unheard() -> Self {
        Self(mpsc::channel(1).0)
    }
}

/// The bound socket. Its file goes when it is dropped.
#[derive(Debug)]
pub(crate) struct OperatorSocket {
    listener: UnixListener,
    own: u32,
    file: SocketFile,
}

/// The file of the socket.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Whoever finds it connects to nobody, and the next start replaces it.
        let _ = fs::remove_file(&self.0);
    }
}

impl OperatorSocket {
    /// Binds the socket in the data folder, in place of one that a server left behind.
    ///
    /// The folder's lock must be held: a socket that is there is then nobody's.
    pub(crate) fn bind(folder: &Path) -> Result<Self, SocketFault> {
        let path = folder.join(SOCKET);
        let at = |cause| SocketFault::Io { path: path.clone(), cause };
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(at(error)),
            Ok(file) if file.file_type().is_socket() => fs::remove_file(&path).map_err(at)?,
            Ok(_) => return Err(SocketFault::Foreign { path }),
        }
        let listener = UnixListener::bind(&path).map_err(|cause| match cause.kind() {
            // The address of a socket holds about 100 bytes.
            io::ErrorKind::InvalidInput => SocketFault::PathTooLong { path: path.clone() },
            _ => at(cause),
        })?;
        let file = SocketFile(path.clone());
        // The folder keeps everybody out until the mode is right.
        fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(at)?;
        // There is no safe call for the own user id: a file that was just made tells it.
        let own = fs::symlink_metadata(&path).map_err(at)?.uid();
        Ok(Self { listener, own, file })
    }

    /// Serves until `shutdown` is done, then lets commands under way finish.
    pub(crate) async fn serve_until<C: Carry>(
        self,
        carrier: Arc<C>,
        shutdown: impl Future<Output = ()>,
    ) {
        let Self { listener, own, file } = self;
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        let mut failing = false;
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(ended) = connections.join_next() => report(ended),
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        failing = false;
                        let place = Arc::clone(&places).try_acquire_owned().ok();
                        let carrier = Arc::clone(&carrier);
                        // Those without a place only get a line, but not without end.
                        if place.is_none() && connections.len() >= 2 * CONNECTIONS_MAX {
                            continue;
                        }
                        connections.spawn(async move {
                            let placed = place.is_some();
                            connection(stream, own, &carrier, placed).await;
                            drop(place);
                        });
                    }
                    Err(error) => {
                        if !failing {
                            tracing::warn!(%error, "operator commands cannot be accepted");
                        }
                        failing = true;
                        sleep(ACCEPT_REST).await;
                    }
                },
            }
        }
        drop((listener, file));
        let drained = async {
            while let Some(ended) = connections.join_next().await {
                report(ended);
            }
        };
        if timeout(DRAIN, drained).await.is_err() {
            tracing::warn!(commands = connections.len(), "operator commands are cut off");
            connections.shutdown().await;
        }
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("an operator connection failed");
    }
}

/// Serves one connection if it is that of somebody who may command.
async fn connection<C: Carry>(stream: UnixStream, own: u32, carrier: &Arc<C>, placed: bool) {
    let uid = match stream.peer_cred() {
        Ok(peer) => peer.uid(),
        Err(error) => {
            tracing::warn!(%error, "refused an operator whose user is not known");
            return;
        }
    };
    if !admits(uid, own) {
        tracing::warn!(uid, "refused an operator: neither the server's user nor root");
        return;
    }
    serve(stream, uid, carrier, placed).await;
}

/// SECURITY: the file permissions say the same, but not to root's helpers in other containers, and
/// not when an administrator has changed them.
fn admits(uid: u32, own: u32) -> bool {
    uid == own || uid == ROOT
}

/// Reads one command, has it carried out and answers.
async fn serve<S, C>(stream: S, uid: u32, carrier: &Arc<C>, placed: bool)
where
    S: AsyncRead + AsyncWrite + Unpin,
    C: Carry,
{
    let mut stream = BufReader::new(stream);
    let reply = match timeout(REQUEST_TIMEOUT, request(&mut stream)).await {
        Ok(Ok(Some(_))) if !placed => Reply::Error(format!(
            "{CONNECTIONS_MAX} commands are under way already: try again when one has ended"
        )),
        Ok(Ok(Some(command))) => carried_out(&mut stream, uid, carrier, command).await,
        // Connected and gone, as a probe does.
        Ok(Ok(None)) => return,
        Ok(Err(Unread::Request(fault))) => {
            tracing::warn!(uid, %fault, "refused an operator's request");
            Reply::Error(fault.to_string())
        }
        Ok(Err(Unread::Io(error))) => {
            tracing::debug!(uid, %error, "an operator's connection ended");
            return;
        }
        Err(_) => {
            tracing::warn!(uid, "an operator's request did not come in time");
            Reply::Error(format!(
                "no whole request came within {} seconds",
                REQUEST_TIMEOUT.as_secs()
            ))
        }
    };
    if let Err(error) = write(&mut stream, &reply).await {
        tracing::info!(uid, %error, "an operator went away before the answer");
    }
}

/// Carries the command out, telling how far it is, and gives the last line.
///
/// The command is a task of its own: that the peer hangs up must not end it between its effect and
/// its audit record.
async fn carried_out<S, C>(
    stream: &mut BufReader<S>,
    uid: u32,
    carrier: &Arc<C>,
    command: Command,
) -> Reply
where
    S: AsyncRead + AsyncWrite + Unpin,
    C: Carry,
{
    let (told, mut progress) = mpsc::channel(PROGRESS_WAITING);
    let carrier = Arc::clone(carrier);
    let task = tokio::spawn(async move { carrier.carry_out(uid, command, Reporter(told)).await });
    let mut heard = true;
    // Ends when the command drops its reporter.
    while let Some(progress) = progress.recv().await {
        heard = heard && write(stream, &Reply::Progress(progress)).await.is_ok();
    }
    match task.await {
        Ok(Ok(outcome)) => Reply::Ok(Box::new(outcome)),
        Ok(Err(sentence)) => Reply::Error(sentence),
        Err(_) => {
            // What a panic says may hold anything, so its text stays out.
            tracing::error!(uid, "an operator's command failed");
            Reply::Error("the command failed in the server: its log may tell more".to_owned())
        }
    }
}

/// Why no command was read.
enum Unread {
    Io(io::Error),
    Request(RequestFault),
}

/// Reads the request line; none when the peer went away without a word.
async fn request<S: AsyncRead + Unpin>(
    stream: &mut BufReader<S>,
) -> Result<Option<Command>, Unread> {
    // SECURITY: there may be a secret in it.
    let mut line = Zeroizing::new(Vec::with_capacity(LINE_ROOM));
    let most = u64::try_from(REQUEST_MAX).unwrap_or(u64::MAX);
    stream.take(most).read_until(b'\n', &mut line).await.map_err(Unread::Io)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        // Cut off by us or by the peer: in neither case is it what the operator meant.
        let fault = match line.len() {
            REQUEST_MAX.. => RequestFault::TooLong,
            _ => RequestFault::NotJson,
        };
        return Err(Unread::Request(fault));
    }
    Command::from_line(&line).map(Some).map_err(Unread::Request)
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, reply: &Reply) -> io::Result<()> {
    // SECURITY: the line may hold a new secret.
    let mut line = Zeroizing::new(Vec::with_capacity(REPLY_ROOM));
    serde_json::to_writer(&mut *line, reply)?;
    line.push(b'\n');
    let written = async {
        stream.write_all(&line).await?;
        stream.flush().await
    };
    timeout(WRITE_TIMEOUT, written).await.map_err(|_| io::ErrorKind::TimedOut)?
}

/// Why the socket cannot be bound.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SocketFault {
    /// Something else has its name.
    #[error("`{}` is in the way of the operator socket: move it elsewhere", path.display())]
    Foreign {
        /// What is there.
        path: PathBuf,
    },
    /// The system refused.
    #[error("the operator socket `{}` cannot be made: {cause}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The address of a socket is short.
    #[error(
        "`{}` is too long for the path of a socket: choose a data folder with a shorter path",
        path.display()
    )]
    PathTooLong {
        /// The socket.
        path: PathBuf,
    },
}

#[cfg(test)]
#[path = "socket_tests.rs"]
mod tests;
