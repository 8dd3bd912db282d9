//! What comes through the socket, and what does not.

use std::sync::Mutex;

use tokio::io::duplex;
use tokio::sync::{Notify, oneshot};

use super::*;
use crate::operator::client::{CallFault, call};
use crate::operator::protocol::Undone;

/// A stand-in for the deployment: keeps the commands, and answers each by its kind.
#[derive(Debug, Default)]
struct Recorder {
    begun: Mutex<Vec<(u32, Command)>>,
    ended: Mutex<Vec<Command>>,
    /// When there is one, a command takes a permit between its beginning and its end.
    gate: Option<Semaphore>,
    start: Notify,
    end: Notify,
}

impl Recorder {
    fn gated() -> Arc<Self> {
        Arc::new(Self { gate: Some(Semaphore::new(0)), ..Self::default() })
    }

    fn open(&self, count: usize) {
        self.gate.as_ref().unwrap().add_permits(count);
    }
}

impl Carry for Recorder {
    async fn carry_out(
        &self,
        uid: u32,
        command: Command,
        progress: Reporter,
    ) -> Result<Outcome, String> {
        self.begun.lock().unwrap().push((uid, command.clone()));
        self.start.notify_one();
        progress.tell(Progress { done: 1, total: 2 });
        if let Some(gate) = &self.gate {
            gate.acquire().await.unwrap().forget();
        }
        self.ended.lock().unwrap().push(command.clone());
        self.end.notify_one();
        match command {
            Command::RevokeUndo { id } => {
                Ok(Outcome::Undone(Undone { id, notes: vec!["x".repeat(100_000)] }))
            }
            Command::AccountList { .. } => panic!("on purpose"),
            _ => Err("no such thing".to_owned()),
        }
    }
}

/// A bound socket with its server, and the way to stop it.
struct Served {
    folder: tempfile::TempDir,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Served {
    fn start(carrier: &Arc<Recorder>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = OperatorSocket::bind(folder.path()).unwrap();
        let (stop, stopped) = oneshot::channel();
        let carrier = Arc::clone(carrier);
        let task = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            socket.serve_until(carrier, stopped).await;
        });
        Self { folder, stop, task }
    }

    async fn call(&self, command: &Command) -> Result<Outcome, CallFault> {
        call(self.folder.path(), command, |_| {}).await
    }

    /// Sends bytes and returns all that comes back.
    async fn send(&self, bytes: &[u8]) -> String {
        let mut stream = UnixStream::connect(self.folder.path().join(SOCKET)).await.unwrap();
        // The server may have heard enough before it has heard all.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard).await;
        String::from_utf8(heard).unwrap()
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
    }
}

fn undo(id: &str) -> Command {
    Command::RevokeUndo { id: id.to_owned() }
}

#[tokio::test]
async fn a_command_of_the_own_user_comes_through_and_is_answered() {
    let carrier = Arc::new(Recorder::default());
    let served = Served::start(&carrier);
    let path = served.folder.path().join(SOCKET);
    let socket = fs::symlink_metadata(&path).unwrap();
    assert_eq!(socket.mode() & 0o7777, 0o600);

    let mut steps = Vec::new();
    let outcome = call(served.folder.path(), &undo("r1"), |step| steps.push(step)).await.unwrap();
    let Outcome::Undone(undone) = outcome else { panic!("{outcome:?}") };
    assert_eq!(undone.id, "r1");
    assert_eq!(undone.notes[0].len(), 100_000);
    assert_eq!(steps, [Progress { done: 1, total: 2 }]);
    assert_eq!(*carrier.begun.lock().unwrap(), [(socket.uid(), undo("r1"))]);

    let refused = served.call(&Command::Status {}).await.unwrap_err();
    assert_eq!(refused.to_string(), "no such thing");
    // A bug in one command is an answer, and no reason to stop.
    let failed = served.call(&Command::AccountList { after: None }).await.unwrap_err();
    assert!(failed.to_string().contains("failed in the server"), "{failed}");
    served.call(&undo("r2")).await.unwrap();
    served.end().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn what_is_no_command_is_answered_with_a_sentence_and_not_carried_out() {
    let carrier = Arc::new(Recorder::default());
    let served = Served::start(&carrier);
    for (bytes, part) in [
        (&b"hello\n"[..], "not one JSON object"),
        (b"\xff\xfe\n", "not one JSON object"),
        (b"\n", "not one JSON object"),
        (b"{\"version\":1,\"command\":\"reboot\"}\n", "reboot"),
        (b"{\"version\":1,\"command\":\"status\",\"x\":1}\n", "does not know"),
        (b"{\"version\":9,\"command\":\"status\"}\n", "restart the server"),
        // The peer hung up before its line break: what it meant is not known.
        (b"{\"version\":1,\"command\":\"status\"}", "not one JSON object"),
        (&vec![b'x'; REQUEST_MAX + 1][..], "longer than"),
        (&vec![b' '; REQUEST_MAX][..], "longer than"),
    ] {
        let heard = served.send(bytes).await;
        assert!(heard.starts_with("{\"error\":\"") && heard.contains(part), "{part}: {heard}");
        assert!(heard.ends_with("}\n"), "{heard}");
    }
    assert_eq!(served.send(b"").await, "");
    assert!(carrier.begun.lock().unwrap().is_empty());
    served.end().await;
}

#[tokio::test]
async fn a_connection_is_one_command() {
    let carrier = Arc::new(Recorder::default());
    let served = Served::start(&carrier);
    let two =
        [undo("one"), undo("two")].map(|command| command.to_line().unwrap().to_vec()).concat();
    let heard = served.send(&two).await;
    assert_eq!(heard.lines().count(), 2, "progress and one outcome: {heard}");
    assert_eq!(carrier.begun.lock().unwrap().len(), 1);
    served.end().await;
}

#[tokio::test]
async fn two_commands_at_once() {
    let carrier = Recorder::gated();
    let served = Served::start(&carrier);
    let (one, two) = (undo("one"), undo("two"));
    let begun = async {
        carrier.start.notified().await;
        while carrier.begun.lock().unwrap().len() < 2 {
            carrier.start.notified().await;
        }
        carrier.open(2);
    };
    let (first, second, ()) = tokio::join!(served.call(&one), served.call(&two), begun);
    first.unwrap();
    second.unwrap();
    served.end().await;
}

#[tokio::test]
async fn one_command_more_than_there_may_be_is_told_to_come_back() {
    let carrier = Recorder::gated();
    let served = Served::start(&carrier);
    let line = undo("waits").to_line().unwrap();
    let mut held = Vec::new();
    for count in 0..CONNECTIONS_MAX {
        let mut stream = UnixStream::connect(served.folder.path().join(SOCKET)).await.unwrap();
        stream.write_all(&line).await.unwrap();
        held.push(stream);
        while carrier.begun.lock().unwrap().len() <= count {
            carrier.start.notified().await;
        }
    }
    let refused = served.call(&undo("one more")).await.unwrap_err();
    assert!(refused.to_string().contains("try again"), "{refused}");
    carrier.open(CONNECTIONS_MAX);
    for mut stream in held {
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await.unwrap();
        assert!(heard.contains("\"ok\""), "{heard}");
    }
    carrier.open(1);
    served.call(&undo("afterwards")).await.unwrap();
    served.end().await;
}

#[tokio::test]
async fn a_command_ends_although_the_operator_has_hung_up() {
    let carrier = Recorder::gated();
    let served = Served::start(&carrier);
    let mut stream = UnixStream::connect(served.folder.path().join(SOCKET)).await.unwrap();
    stream.write_all(&undo("gone").to_line().unwrap()).await.unwrap();
    carrier.start.notified().await;
    drop(stream);
    carrier.open(1);
    carrier.end.notified().await;
    assert_eq!(*carrier.ended.lock().unwrap(), [undo("gone")]);
    served.end().await;
}

#[tokio::test]
async fn stopping_lets_a_command_finish_and_takes_no_more() {
    let carrier = Recorder::gated();
    let served = Served::start(&carrier);
    let folder = served.folder.path().to_owned();
    let command = undo("last");
    let calling = call(&folder, &command, |_| {});
    let stopping = async {
        carrier.start.notified().await;
        served.stop.send(()).unwrap();
        // The file goes first, so that nobody comes any more.
        while folder.join(SOCKET).exists() {
            tokio::task::yield_now().await;
        }
        let late = call(&folder, &undo("late"), |_| {}).await.unwrap_err();
        assert!(matches!(late, CallFault::NotRunning { .. }), "{late}");
        carrier.open(1);
    };
    let (outcome, ()) = tokio::join!(calling, stopping);
    outcome.unwrap();
    served.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_come_is_not_waited_for() {
    let carrier = Arc::new(Recorder::default());
    let (mut near, far) = duplex(1024);
    near.write_all(b"{\"version\"").await.unwrap();
    serve(far, 1000, &carrier, true).await;
    let mut heard = String::new();
    near.read_to_string(&mut heard).await.unwrap();
    assert!(heard.contains("within 10 seconds"), "{heard}");
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_does_not_read_is_not_waited_for() {
    let carrier = Arc::new(Recorder::default());
    let (mut near, far) = duplex(1024);
    near.write_all(&undo("deaf").to_line().unwrap()).await.unwrap();
    serve(far, 1000, &carrier, true).await;
    assert_eq!(*carrier.ended.lock().unwrap(), [undo("deaf")]);
}

#[test]
fn only_the_own_user_and_root_command() {
    for (uid, own, admitted) in
        [(1000, 1000, true), (0, 1000, true), (0, 0, true), (1000, 0, false), (1001, 1000, false)]
    {
        assert_eq!(admits(uid, own), admitted, "{uid} {own}");
    }
}

#[tokio::test]
async fn a_socket_left_behind_is_replaced_and_anything_else_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(SOCKET);
    // Its file outlives a listener, as it outlives a server that was killed.
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let fault = call(folder.path(), &Command::Status {}, |_| {}).await.unwrap_err();
    assert!(matches!(fault, CallFault::NotRunning { .. }), "{fault}");
    drop(OperatorSocket::bind(folder.path()).unwrap());
    assert!(!path.exists());

    fs::write(&path, "mine").unwrap();
    let fault = OperatorSocket::bind(folder.path()).unwrap_err();
    assert!(matches!(fault, SocketFault::Foreign { .. }), "{fault}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}

#[tokio::test]
async fn a_path_that_is_too_long_and_a_folder_without_server_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("x".repeat(120));
    fs::create_dir(&long).unwrap();
    let fault = OperatorSocket::bind(&long).unwrap_err();
    assert!(matches!(fault, SocketFault::PathTooLong { .. }), "{fault}");
    for missing in [folder.path().to_owned(), folder.path().join("missing")] {
        let fault = call(&missing, &Command::Status {}, |_| {}).await.unwrap_err();
        assert!(fault.to_string().contains("daypass serve --data"), "{fault}");
    }
}
