//! What a listener serves: something that answers each request of a connection. The port of STS and
//! IAM, that of the S3 gateway and that for proxies that ask whether they may let somebody through
//! share the accept loop, TLS, and the limits and time-outs of connections and heads.

use std::error::Error;
use std::net::IpAddr;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};

use crate::proxies::Origin;

/// What answers the requests of a listener. An answer is never an error.
pub(crate) trait HttpService: Send + Sync + 'static {
    /// The body of a reply.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static;

    /// Whether work goes on while the body of a reply is sent. A connection is then busy until its
    /// last byte is handed over; else it is from the beginning of the reply on that a client has to
    /// ask again in time.
    const STREAMS: bool;

    /// Answers one request that came over a connection from `peer`. The future is dropped when the
    /// client hangs up.
    fn answer(
        &self,
        peer: Origin,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// Whether a connection from `address` may go on without TLS.
    fn admits_cleartext(&self, address: IpAddr) -> bool;

    /// Whether many clients share `address`: it is a named proxy's.
    fn is_proxy(&self, address: IpAddr) -> bool;

    /// Waits until nothing is under way, and lets nothing begin after that.
    fn settled(&self) -> impl Future<Output = ()> + Send;

    /// How much is under way, for the log.
    fn under_way(&self) -> usize;
}
