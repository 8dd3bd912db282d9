//! The listener, on a thread of its own.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::watch::{Received, Sent, Watch};
use crate::{Behaviour, Seen};

const SLOW_DOWN: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
    <Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>";

/// A running S3 server on a folder. It ends with this value, which threads may share.
pub struct S3Folder {
    folder: PathBuf,
    address: SocketAddr,
    is_tls: bool,
    watch: Arc<Watch>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl S3Folder {
    /// Starts a server for whoever signs with these keys, on a free port of the loopback interface.
    /// Each folder in `folder` is a bucket. It runs on a thread of its own, so that it can be started
    /// from anywhere.
    ///
    /// # Errors
    /// When the folder is not there, or nobody may listen.
    pub fn start(folder: &Path, access_key_id: &str, secret_access_key: &str) -> io::Result<Self> {
        Self::serve(folder, (access_key_id, secret_access_key), None)
    }

    /// The same, over TLS.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub fn start_tls(
        folder: &Path,
        access_key_id: &str,
        secret_access_key: &str,
        tls: Arc<ServerConfig>,
    ) -> io::Result<Self> {
        Self::serve(folder, (access_key_id, secret_access_key), Some(tls))
    }

    fn serve(
        folder: &Path,
        (access_key_id, secret_access_key): (&str, &str),
        tls: Option<Arc<ServerConfig>>,
    ) -> io::Result<Self> {
        let files =
            FileSystem::new(folder).map_err(|error| io::Error::other(format!("{error:?}")))?;
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(access_key_id, secret_access_key));
        let service = service.build();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let watch = Arc::new(Watch::new());
        let (end, ended) = oneshot::channel();
        let is_tls = tls.is_some();
        let tls = tls.map(TlsAcceptor::from);
        let shared = Arc::clone(&watch);
        let thread = thread::Builder::new().name("s3-folder".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, tls, service, shared) => {}
                    _ = ended => {}
                }
            });
        })?;
        let folder = folder.to_owned();
        Ok(Self { folder, address, is_tls, watch, end: Some(end), thread: Some(thread) })
    }

    /// Its URL: `http://127.0.0.1:PORT`, or with `https`.
    pub fn url(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests have reached it, served or not.
    pub fn requests(&self) -> u64 {
        self.watch.requests()
    }

    /// How many bytes of bodies it has received, framing and all that is not served included.
    pub fn received(&self) -> u64 {
        self.watch.received()
    }

    /// How many bytes of bodies it has sent.
    pub fn sent(&self) -> u64 {
        self.watch.sent()
    }

    /// The requests that have reached it, in order; of very many the last 4,096.
    pub fn seen(&self) -> Vec<Seen> {
        self.watch.seen()
    }

    /// Forgets what [`Self::seen`] tells. The counts go on.
    pub fn forget(&self) {
        self.watch.forget();
    }

    /// What it does with the requests that reach it from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.watch.behave(behaviour);
    }

    /// The objects that it stores, as `bucket/key`, in order.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn objects(&self) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        collect(&self.folder, &self.folder, &mut found)?;
        found.sort();
        Ok(found)
    }
}

impl Drop for S3Folder {
    fn drop(&mut self) {
        // The thread waits for it to go.
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl fmt::Debug for S3Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Folder").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Files that are not the library's own, which begin with a dot.
fn collect(root: &Path, folder: &Path, found: &mut Vec<String>) -> io::Result<()> {
    for entry in folder.read_dir()? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(root, &path, found)?;
        } else if let Ok(name) = path.strip_prefix(root) {
            found.push(name.display().to_string());
        }
    }
    Ok(())
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    service: S3Service,
    watch: Arc<Watch>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // One that is gone before it was taken is not ours to report.
                if let Ok((stream, _)) = accepted {
                    let (tls, watch) = (tls.clone(), Arc::clone(&watch));
                    connections.spawn(connection(stream, tls, service.clone(), watch));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    service: S3Service,
    watch: Arc<Watch>,
) {
    drop(stream.set_nodelay(true));
    match tls {
        None => exchange(stream, service, watch).await,
        // Who does not like the certificate is gone.
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                exchange(stream, service, watch).await;
            }
        }
    }
}

async fn exchange<S>(stream: S, service: S3Service, watch: Arc<Watch>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let served = service_fn(|request| answer(request, &service, &watch));
    // What clients make of the connection, and what we break ourselves, is for them to notice.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), served).await);
}

type ReplyBody = UnsyncBoxBody<Bytes, io::Error>;

/// An error hangs up.
async fn answer(
    request: Request<Incoming>,
    service: &S3Service,
    watch: &Arc<Watch>,
) -> io::Result<Response<ReplyBody>> {
    let record = watch.note(&request);
    let (mut request_limit, mut reply_limit) = (None, None);
    match watch.behaviour() {
        Behaviour::Serve => {}
        Behaviour::Wait(time) => tokio::time::sleep(time).await,
        Behaviour::Silent => std::future::pending().await,
        Behaviour::HangUp => return Err(io::ErrorKind::ConnectionAborted.into()),
        Behaviour::HangUpAfter(limit) => request_limit = Some(limit),
        Behaviour::CutShort(limit) => reply_limit = Some(limit),
        Behaviour::Unavailable => return Ok(slow_down()),
    }
    let request = request.map(|body| {
        let (watch, record) = (Arc::clone(watch), Arc::clone(&record));
        s3s::Body::http_body(Received::new(body, watch, record, request_limit))
    });
    let response = service.call(request).await;
    let response = response.map_err(|error| io::Error::other(format!("{error:?}")))?;
    // The library answers when its reading fails, and the connection would live on.
    if request_limit.is_some_and(|limit| record.received() > limit) {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    Ok(response.map(|body| Sent::new(body, Arc::clone(watch), reply_limit).boxed_unsync()))
}

fn slow_down() -> Response<ReplyBody> {
    let body = Full::new(Bytes::from_static(SLOW_DOWN.as_bytes()));
    let mut response = Response::new(body.map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/xml"));
    response
}
