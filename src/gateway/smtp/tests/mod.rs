//! Sessions against a relay of the test's own, from raw sockets.

mod bytes;
mod dialogues;
mod endings;
mod faults;
mod idle;
mod many;
mod tls;

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::super::kit::Count;
use super::*;

const EHLO: &str = "250-relay.example\r\n250-PIPELINING\r\n250-SIZE 20000\r\n250-8BITMIME\r\n250-CHUNKING\r\n\
                    250-AUTH PLAIN LOGIN\r\n250-XFORWARD NAME ADDR\r\n250-DSN\r\n250 ENHANCEDSTATUSCODES\r\n";
/// Told instead of a reply: the relay closes, or says nothing.
const CLOSE: &str = "close";
const HANG: &str = "hang";
/// Told for DATA: the relay reads no further.
const STUCK: &str = "354 but not now\r\n";

/// Half a reply: the relay closes behind it.
const HALF: &str = "250-Ok\r\n";

const FAULTS: [&str; 5] = [CLOSE, "451 4.3.0 no\r\n", "what?\r\n", "421 4.3.2 closing\r\n", HALF];

/// A relay that answers by the beginning of what it gets: `.` is the end of a message, the empty one the connection.
#[derive(Clone, Default)]
struct Script {
    replies: Vec<(&'static str, &'static str)>,
    tls: Option<Arc<rustls::ServerConfig>>,
    /// Each so many replies, one is a fault.
    fault_every: Option<usize>,
    early: Option<Early>,
    /// How long the reply to the last dot takes.
    ponder: Duration,
    /// Told to a further command of this sort on a connection.
    again: Option<(&'static str, &'static str)>,
    /// Each connection is offered something else.
    changes_its_offer: bool,
}

/// A relay that does not wait for the end of a message.
#[derive(Clone, Copy)]
struct Early {
    /// Bytes of the message that it takes first.
    after: usize,
    reply: &'static str,
    then: Then,
}

/// What it does next.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    /// It closes: with what it has not read, that is a reset.
    Close,
    /// It reads no further.
    Stop,
    /// It reads all there is.
    Read,
}

/// What a relay has got, from all its connections.
#[derive(Default)]
struct Got {
    commands: Vec<String>,
    /// As they came, with their dots, without the last.
    messages: Vec<Vec<u8>>,
    /// Those of them that it has said 250 to.
    acknowledged: Vec<Vec<u8>>,
    connections: usize,
    replies: usize,
    /// What came behind an early reply, or before it.
    rest: Vec<u8>,
}

impl Script {
    fn reply(&self, line: &str, got: &Mutex<Got>) -> &'static str {
        if let Some(every) = self.fault_every {
            let mut got = got.lock().unwrap();
            got.replies += 1;
            if got.replies.is_multiple_of(every) {
                return FAULTS[got.replies / every % FAULTS.len()];
            }
        }
        let own = self.replies.iter().find(|(start, _)| match *start {
            "" => line.is_empty(),
            start => line.starts_with(start),
        });
        own.map_or_else(
            || match line.split(' ').next().unwrap() {
                "" => "220 relay.example ESMTP\r\n",
                "EHLO" => EHLO,
                "DATA" => "354 go\r\n",
                "." => "250 2.0.0 queued as 7\r\n",
                "QUIT" => "221 2.0.0 bye\r\n",
                "STARTTLS" => "220 2.0.0 go\r\n",
                _ => "250 2.1.0 Ok\r\n",
            },
            |(_, reply)| reply,
        )
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        got: &Mutex<Got>,
        greet: bool,
    ) -> io::Result<bool> {
        let (mut input, mut looked_at, mut end) = (Vec::new(), 0, "\r\n");
        let mut line = greet.then(String::new);
        let (mut message, mut times) = (Vec::new(), 0);
        loop {
            if let Some(line) = line.take() {
                let again = self.again.filter(|(sort, _)| line.starts_with(sort));
                times += usize::from(again.is_some());
                let again = again.filter(|_| times > 1).map(|(_, reply)| reply);
                let other = (self.changes_its_offer && line.starts_with("EHLO"))
                    .then(|| ["250 relay.example\r\n", EHLO][got.lock().unwrap().connections % 2]);
                let reply = again.or(other).unwrap_or_else(|| self.reply(&line, got));
                if line == "." && reply.starts_with("250 ") {
                    got.lock().unwrap().acknowledged.push(std::mem::take(&mut message));
                }
                match reply {
                    CLOSE => return Ok(false),
                    HANG => loop {
                        if stream.read_buf(&mut input).await? == 0 {
                            return Ok(false);
                        }
                    },
                    reply => {
                        if line == "." {
                            sleep(self.ponder).await;
                        }
                        stream.write_all(reply.as_bytes()).await?;
                    }
                }
                stream.flush().await?;
                match reply {
                    STUCK => pending().await,
                    HALF => return Ok(false),
                    _ => {}
                }
                match line.as_str() {
                    "QUIT" => return Ok(false),
                    "STARTTLS" if reply.starts_with("220") => return Ok(true),
                    "DATA" if reply.starts_with("354") => end = "\r\n.\r\n",
                    _ => {}
                }
            }
            // The CRLF of DATA counts for the end of an empty message.
            if end.len() > 2 && input.starts_with(b".\r\n") {
                input.splice(0..0, *b"\r\n");
            }
            if let Some(at) =
                memchr::memmem::find(&input[looked_at..], end.as_bytes()).map(|at| at + looked_at)
            {
                looked_at = 0;
                let text: Vec<u8> = input.drain(..at + end.len()).take(at).collect();
                let mut got = got.lock().unwrap();
                if end.len() > 2 {
                    message.clone_from(&text);
                    got.messages.push(text);
                    end = "\r\n";
                    line = Some(".".to_owned());
                } else {
                    let text = String::from_utf8(text).unwrap();
                    got.commands.push(text.clone());
                    line = Some(text);
                }
                continue;
            }
            looked_at = input.len().saturating_sub(end.len());
            if stream.read_buf(&mut input).await? == 0 {
                return Ok(false);
            }
            if let Some(early) = self.early.filter(|e| end.len() > 2 && input.len() >= e.after) {
                stream.write_all(early.reply.as_bytes()).await?;
                stream.flush().await?;
                match early.then {
                    Then::Close => return Ok(false),
                    Then::Stop => pending().await,
                    // Until the end, or the break.
                    Then::Read => while matches!(stream.read_buf(&mut input).await, Ok(1..)) {},
                }
                got.lock().unwrap().rest = input;
                return Ok(false);
            }
        }
    }

    async fn serve_one(&self, mut tcp: TcpStream, got: &Mutex<Got>) -> io::Result<()> {
        let Some(config) = &self.tls else { return self.serve(&mut tcp, got, true).await.map(|_| ()) };
        if self.serve(&mut tcp, got, true).await? {
            got.lock().unwrap().commands.push("(TLS)".to_owned());
            let mut tls = tokio_rustls::TlsAcceptor::from(Arc::clone(config)).accept(tcp).await?;
            self.serve(&mut tls, got, false).await?;
        }
        Ok(())
    }
}

/// Forwards, but for messages that say otherwise. One that says WAIT is judged when the gate has opened.
#[derive(Default)]
struct Words {
    gate: Mutex<Gate>,
    opened: Condvar,
    /// The longest message that it calls quick.
    quick: AtomicUsize,
    /// The threads it was called on.
    threads: Mutex<Vec<ThreadId>>,
}

#[derive(Default)]
struct Gate {
    open: bool,
    waiting: usize,
    /// Messages that ever waited at a time.
    most: usize,
}

impl Words {
    fn open(&self) {
        self.gate.lock().unwrap().open = true;
        self.opened.notify_all();
    }

    fn waiting(&self) -> usize {
        self.gate.lock().unwrap().waiting
    }

    fn wait(&self) {
        let mut gate = self.gate.lock().unwrap();
        gate.waiting += 1;
        gate.most = gate.most.max(gate.waiting);
        // A test that fails must not wait for a gate that nobody opens.
        let patience = Duration::from_secs(30);
        (gate, _) = self.opened.wait_timeout_while(gate, patience, |gate| !gate.open).unwrap();
        gate.waiting -= 1;
    }
}

impl Judge for Words {
    fn is_quick(&self, bytes: usize) -> bool {
        bytes <= self.quick.load(Ordering::Relaxed)
    }

    fn judge(&self, message: Vec<u8>) -> Verdict {
        self.threads.lock().unwrap().push(thread::current().id());
        let says = |word: &str| memchr::memmem::find(&message, word.as_bytes()).is_some();
        if says("WAIT") {
            self.wait();
        }
        match () {
            () if says("REFUSE") => Verdict::Refuse { code: "5.7.1", text: "Not\r\n250 this".to_owned() },
            () if says("LATER") => Verdict::TryLater { text: "Busy".to_owned() },
            () if says("PANIC") => panic!("as the test wants it"),
            () if says("REWRITE") => Verdict::Forward(b".new\n.\nQUIT\r.".to_vec()),
            () => Verdict::Forward(message),
        }
    }
}

/// A relay, and a proxy in front of it.
struct Stage {
    proxy: SocketAddr,
    got: Arc<Mutex<Got>>,
    shared: Arc<Shared>,
    words: Arc<Words>,
    count: Arc<Count>,
    stop: watch::Sender<bool>,
    served: JoinHandle<()>,
}

impl Stage {
    async fn new(replies: &[(&'static str, &'static str)]) -> Stage {
        Stage::with(Script { replies: replies.to_vec(), ..Script::default() }, |_| ()).await
    }

    async fn with(script: Script, set: impl FnOnce(&mut Options)) -> Stage {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = listener.local_addr().unwrap();
        let got = Arc::new(Mutex::new(Got::default()));
        let theirs = Arc::clone(&got);
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let (script, got) = (script.clone(), Arc::clone(&theirs));
                got.lock().unwrap().connections += 1;
                tokio::spawn(async move {
                    let _ = script.serve_one(tcp, &got).await;
                });
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = listener.local_addr().unwrap();
        let mut options = Options::new(relay.to_string(), "proxy.example");
        let count = Arc::new(Count::default());
        options.observer = Arc::clone(&count) as Arc<dyn Observer>;
        set(&mut options);
        let (stop, stopping) = watch::channel(false);
        let words = Arc::new(Words::default());
        let shared = Shared::new(options, Arc::clone(&words) as Arc<dyn Judge>);
        let served = tokio::spawn(serve_within(listener, Arc::clone(&shared), stopping));
        Stage { proxy, got, shared, words, count, stop, served }
    }

    async fn client(&self) -> Client<TcpStream> {
        Client { stream: TcpStream::connect(self.proxy).await.unwrap(), input: Vec::new() }
    }

    /// A client that has been greeted and has said EHLO.
    async fn greeted(&self) -> Client<TcpStream> {
        let mut client = self.client().await;
        client.expect("220 proxy.example").await;
        client.say("EHLO c.example\r\n", "250-proxy.example").await;
        client
    }

    fn commands(&self) -> Vec<String> {
        self.got.lock().unwrap().commands.clone()
    }

    fn messages(&self) -> Vec<String> {
        let text = |m: &Vec<u8>| String::from_utf8(m.clone()).unwrap();
        self.got.lock().unwrap().messages.iter().map(text).collect()
    }

    fn outcomes(&self) -> Vec<&'static str> {
        self.count.0.lock().unwrap().1.iter().map(|(outcome, _)| *outcome).collect()
    }

    /// Bytes of the budget that are taken.
    fn taken(&self) -> usize {
        self.shared.budget.total() - self.free()
    }

    fn free(&self) -> usize {
        self.shared.budget.free()
    }

    /// Waits for something to be so.
    async fn until(&self, what: &str, so: impl Fn(&Stage) -> bool) {
        for _ in 0..2_000 {
            if so(self) {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("{what}: {} sessions, {} bytes taken", self.count.0.lock().unwrap().0, self.taken());
    }

    /// Waits for all sessions to be over, with nothing left of them.
    async fn settled(&self) {
        self.until("over", |s| s.count.0.lock().unwrap().0 == 0 && s.taken() == 0).await;
    }
}

struct Client<S> {
    stream: S,
    input: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The next reply, whole; empty at the end of the stream.
    async fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.input) {
                let line: Vec<u8> = self.input.drain(..=at).collect();
                reply.push_str(std::str::from_utf8(&line).unwrap());
                if line.get(3) != Some(&b'-') {
                    return reply;
                }
                continue;
            }
            let read = timeout(Duration::from_secs(30), self.stream.read_buf(&mut self.input));
            if !matches!(read.await.expect("a reply in time"), Ok(1..)) {
                return reply;
            }
        }
    }

    async fn expect_all(&mut self, starts: &[&str]) {
        for start in starts {
            self.expect(start).await;
        }
    }

    async fn expect(&mut self, start: &str) -> String {
        let reply = self.reply().await;
        assert!(
            reply.starts_with(start) && (reply.is_empty() == start.is_empty()),
            "{reply:?}, not {start:?}"
        );
        reply
    }

    async fn say(&mut self, text: &str, start: &str) -> String {
        self.send(text).await;
        let reply = self.reply().await;
        let fits = reply.starts_with(start) && reply.is_empty() == start.is_empty();
        assert!(fits, "{reply:?} to {text:?}, not {start:?}");
        reply
    }
}
