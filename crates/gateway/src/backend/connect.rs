//! A connection to the backend: TCP, and TLS over it where the URL says so.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{BackendFault, BackendSettings};

/// How long connecting may take, name and TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Most addresses of a name that are tried, and how long each of them may take to answer.
const TRIED_MAX: usize = 4;
const TRY_TIMEOUT: Duration = Duration::from_millis(1500);

/// A byte stream to the backend.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Connects within the time for it.
pub(super) async fn connect(settings: &BackendSettings) -> Result<Stream, BackendFault> {
    match timeout(CONNECT_TIMEOUT, open(settings)).await {
        Ok(opened) => opened,
        Err(_) => Err(BackendFault::Unreachable("no connection came about in time".to_owned())),
    }
}

async fn open(settings: &BackendSettings) -> Result<Stream, BackendFault> {
    let stream = open_tcp(settings).await?;
    // Heads and small bodies are written whole: waiting for more would only delay them.
    let unreachable = |error: io::Error| BackendFault::Unreachable(error.to_string());
    stream.set_nodelay(true).map_err(unreachable)?;
    let Some(tls) = &settings.tls else {
        return match settings.url.is_tls() {
            false => Ok(Stream::Plain(stream)),
            true => Err(BackendFault::Unreachable("TLS is not set up".to_owned())),
        };
    };
    let name = ServerName::try_from(settings.url.host().to_owned())
        .map_err(|error| BackendFault::Unreachable(error.to_string()))?;
    let connected = TlsConnector::from(tls.clone()).connect(name, stream).await;
    connected
        .map(|stream| Stream::Tls(Box::new(stream)))
        .map_err(|error| BackendFault::Unreachable(format!("TLS: {error}")))
}

/// Connects to one of the addresses that may be asked, to the very one that was looked at.
async fn open_tcp(settings: &BackendSettings) -> Result<TcpStream, BackendFault> {
    let url = &settings.url;
    let addresses: Vec<SocketAddr> = match url.host().parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, url.port())],
        Err(_) => lookup_host((url.host(), url.port()))
            .await
            .map_err(|error| BackendFault::Unreachable(format!("{}: {error}", url.host())))?
            .collect(),
    };
    let permitted = |address: &&SocketAddr| url.permits(address.ip(), settings.private_plain_http);
    let mut last = match addresses.iter().find(|address| !permitted(address)) {
        Some(address) => format!("plain HTTP to {address} is not permitted"),
        None => format!("{} has no address", url.host()),
    };
    let mut tried = addresses.iter().filter(permitted).take(TRIED_MAX).peekable();
    while let Some(address) = tried.next() {
        let connecting = TcpStream::connect(*address);
        let connected = match tried.peek() {
            None => connecting.await,
            Some(_) => match timeout(TRY_TIMEOUT, connecting).await {
                Ok(connected) => connected,
                Err(_) => continue,
            },
        };
        match connected {
            Ok(stream) => return Ok(stream),
            Err(error) => last = format!("{address}: {error}"),
        }
    }
    Err(BackendFault::Unreachable(last))
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, parts),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
