//! What a server does with the requests that reach it.

use std::time::Duration;

/// What the server does with the requests that reach it from now on. They are counted in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Serves them.
    Serve,
    /// Waits before it reads the body, and serves then.
    Wait(Duration),
    /// Reads the head, and never answers.
    Silent,
    /// Hangs up when it has read the head.
    HangUp,
    /// Hangs up when that many bytes of the body have come. One that is shorter is served.
    HangUpAfter(u64),
    /// Serves them, but hangs up within the body of the reply, of which it sends at most that many
    /// bytes of what its head promises.
    CutShort(u64),
    /// Answers 503 `SlowDown`, as S3 does, without reading the body.
    Unavailable,
}
