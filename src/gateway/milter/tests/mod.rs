//! Connections from a mail server of the test's own, over TCP and sockets in the file system.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod dialogues;
mod faults;
mod headers;
mod limits;
mod sockets;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::*;

/// What Postfix 3.7 and Sendmail 8.17 offer.
const NEW: [u32; 3] = [6, 0x1ff, 0x1f_ffff];
/// What Sendmail 8.12 offered.
const OLD: [u32; 3] = [2, 0x3f, 0x7f];

/// Forwards, but for messages that say otherwise. `WAIT` holds a judgement until the gate is open.
#[derive(Default)]
struct Words {
    gate: Mutex<bool>,
    opened: Condvar,
    /// Messages that were judged.
    seen: Mutex<Vec<Vec<u8>>>,
}

impl Words {
    fn open(&self) {
        *self.gate.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

/// `text` with `to` for each `from`.
fn replaced(text: &[u8], from: &str, to: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    for found in memchr::memmem::find_iter(text, from) {
        out.extend_from_slice(&text[at..found]);
        out.extend_from_slice(to.as_bytes());
        at = found + from.len();
    }
    out.extend_from_slice(&text[at..]);
    out
}

impl Judge for Words {
    fn judge(&self, message: Vec<u8>) -> Verdict {
        self.seen.lock().unwrap().push(message.clone());
        let says = |word: &str| memchr::memmem::find(&message, word.as_bytes()).is_some();
        if says("WAIT") {
            let open = self.opened.wait_while(self.gate.lock().unwrap(), |open| !*open).unwrap();
            drop(open);
        }
        match () {
            () if says("REFUSE") => {
                Verdict::Refuse { code: "5.7.1", text: "100% not\r\n250 this".to_owned() }
            }
            () if says("LATER") => Verdict::TryLater { text: "Busy".to_owned() },
            () if says("PANIC") => panic!("as the test wants it"),
            () if says("NOFIELD") => Verdict::Forward(b"no field\r\n\r\n".to_vec()),
            () if says("NUL") => Verdict::Forward(b"Subject: a\0b\r\n\r\n".to_vec()),
            () if says("LONG") => Verdict::Forward(format!("Subject: {}\r\n\r\n", "x".repeat(70_000)).into()),
            () if says("EMPTY") => Verdict::Forward(Vec::new()),
            () if says("UNWHOLE") => Verdict::Forward(b"Subject: a\rb\n c\n\nd\re\nf\r".to_vec()),
            () if says("STRIP") => Verdict::Forward(without_signatures(&message)),
            () => Verdict::Forward(replaced(&message, "219-10-9999", "[SSN]")),
        }
    }
}

fn without_signatures(message: &[u8]) -> Vec<u8> {
    let (header, _) = fields::split(message);
    let mut out = Vec::new();
    for field in fields::fields(header).unwrap() {
        if !field.name.eq_ignore_ascii_case(b"DKIM-Signature") {
            out.extend_from_slice(&[field.name, b":", field.value, b"\r\n"].concat());
        }
    }
    out.extend_from_slice(&message[header.len()..]);
    out
}

#[derive(Default)]
struct Count(Mutex<Counts>);

/// Sessions that are open; how each message ended, and its bytes.
type Counts = (i64, Vec<(&'static str, usize)>);

impl Count {
    /// Also after a test has failed, while its sessions are dropped.
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Count {
    fn session_opened(&self) {
        self.lock().0 += 1;
    }
    fn session_closed(&self) {
        self.lock().0 -= 1;
    }
    fn message(&self, outcome: Outcome, bytes: usize) {
        self.lock().1.push((outcome.as_str(), bytes));
    }
}

/// A milter, and what it does.
struct Stage {
    at: std::net::SocketAddr,
    judge: Arc<Words>,
    budget: Arc<Budget>,
    count: Arc<Count>,
    stop: watch::Sender<bool>,
    served: JoinHandle<()>,
}

impl Stage {
    async fn new() -> Stage {
        Stage::with(|_| ()).await
    }

    async fn with(set: impl FnOnce(&mut Options)) -> Stage {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let mut options = Options::default();
        let count = Arc::new(Count::default());
        options.observer = Arc::clone(&count) as Arc<dyn Observer>;
        set(&mut options);
        let (stop, stopping) = watch::channel(false);
        let budget = Budget::new(options.memory_budget);
        let judge = Arc::new(Words::default());
        let served = serve_within(
            listener.into(),
            options,
            Arc::clone(&judge) as Arc<dyn Judge>,
            stopping,
            Arc::clone(&budget),
        );
        Stage { at, judge, budget, count, stop, served: tokio::spawn(served) }
    }

    async fn raw(&self) -> Mta<TcpStream> {
        Mta { stream: TcpStream::connect(self.at).await.unwrap(), input: Vec::new(), protocol: 0 }
    }

    /// An MTA that has negotiated.
    async fn mta(&self, offer: [u32; 3]) -> Mta<TcpStream> {
        let mut mta = self.raw().await;
        mta.negotiate(offer).await;
        mta
    }

    fn outcomes(&self) -> Vec<&'static str> {
        self.count.lock().1.iter().map(|(outcome, _)| *outcome).collect()
    }

    /// Waits until `done`.
    async fn until(&self, what: &str, done: impl Fn(&Stage) -> bool) {
        for _ in 0..3_000 {
            if done(self) {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("{what} did not come");
    }

    /// Waits for all sessions to be over and all memory to be given back.
    async fn settled(&self) {
        let over = |s: &Stage| s.count.lock().0 == 0 && s.budget.free() == s.budget.total();
        self.until("the end of all sessions", over).await;
    }
}

/// A mail server's side of a connection.
struct Mta<S> {
    stream: S,
    input: Vec<u8>,
    /// The flags that were agreed on.
    protocol: u32,
}

/// A message as an MTA holds it: the values with the space behind the colon, folds as a bare LF.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mail {
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    body: Vec<u8>,
}

impl Mail {
    /// From text with LF for every line end.
    fn new(text: &str) -> Mail {
        let text = text.replace('\n', "\r\n").into_bytes();
        let (header, body) = fields::split(&text);
        let own = |f: fields::Field<'_>| (f.name.to_vec(), replaced(f.value, "\r\n", "\n"));
        let fields = fields::fields(header).unwrap().into_iter().map(own).collect();
        Mail { fields, body: body.to_vec() }
    }

    fn text(&self) -> String {
        let mut out = Vec::new();
        for (name, value) in &self.fields {
            out.extend_from_slice(&[name, &b":"[..], value, b"\n"].concat());
        }
        out.push(b'\n');
        out.extend_from_slice(&replaced(&self.body, "\r\n", "\n"));
        String::from_utf8_lossy(&out).into_owned()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Mta<S> {
    async fn send(&mut self, letter: u8, data: &[u8]) {
        let mut out = Vec::new();
        out.extend_from_slice(&(data.len() as u32 + 1).to_be_bytes());
        out.push(letter);
        out.extend_from_slice(data);
        // The milter may have closed: what comes, or does not, is looked at by the reader.
        let _ = self.stream.write_all(&out).await;
    }

    /// The next packet; `None` at the end of the connection.
    async fn packet(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((length, rest)) = self.input.split_first_chunk::<4>() {
                let length = u32::from_be_bytes(*length) as usize;
                if rest.len() >= length {
                    let packet = rest[..length].to_vec();
                    self.input.drain(..4 + length);
                    return Some((packet[0], packet[1..].to_vec()));
                }
            }
            let read = timeout(Duration::from_secs(60), self.stream.read_buf(&mut self.input));
            if !matches!(read.await.expect("a packet in time"), Ok(1..)) {
                return None;
            }
        }
    }

    async fn negotiate(&mut self, offer: [u32; 3]) -> [u32; 3] {
        self.send(b'O', offer.map(u32::to_be_bytes).as_flattened()).await;
        let (letter, data) = self.packet().await.expect("an answer");
        assert_eq!((letter, data.len()), (b'O', 12));
        let number = |n: &[u8]| u32::from_be_bytes(n.try_into().unwrap());
        let agreed = [number(&data[..4]), number(&data[4..8]), number(&data[8..])];
        self.protocol = agreed[2];
        agreed
    }

    fn leading_space(&self) -> bool {
        self.protocol & 0x10_0000 != 0
    }

    /// Sends a command, and reads "go on" unless it is not answered.
    async fn step(&mut self, letter: u8, data: &[u8], left_out: u32, silent: u32) {
        if self.protocol & left_out != 0 {
            return;
        }
        self.send(letter, data).await;
        if self.protocol & silent == 0 {
            assert_eq!(self.packet().await, Some((b'c', Vec::new())), "{}", char::from(letter));
        }
    }

    async fn envelope(&mut self) {
        self.send(b'D', b"Cj\0mail.example\0").await;
        self.step(b'C', b"host\0U", 0x01, 0x1000).await;
        self.step(b'H', b"host\0", 0x02, 0x2000).await;
        self.send(b'D', b"Mi\x0012AB\0").await;
        self.step(b'M', b"<a@example.org>\0SIZE=9\0", 0x04, 0x4000).await;
        self.step(b'R', b"<b@example.net>\0", 0x08, 0x8000).await;
        if self.protocol != OLD[2] & self.protocol {
            self.step(b'U', b"FOO\0", 0x100, 0x2_0000).await;
            self.step(b'T', b"", 0x200, 0x1_0000).await;
        }
    }

    async fn header(&mut self, name: &[u8], value: &[u8]) {
        let value = match self.leading_space() {
            true => value,
            false => value.strip_prefix(b" ").unwrap_or(value),
        };
        self.step(b'L', &[name, b"\0", value, b"\0"].concat(), 0x20, 0x80).await;
    }

    /// Sends all but the end of a message, and returns that: as Postfix, whose last packet has the rest of the body.
    async fn begin(&mut self, mail: &Mail) -> Vec<u8> {
        for (name, value) in &mail.fields {
            self.header(name, value).await;
        }
        self.step(b'N', b"", 0x40, 0x4_0000).await;
        let mut rest = &mail.body[..];
        while let Some((piece, behind)) = rest.split_at_checked(packet::LONGEST_REPLY) {
            self.step(b'B', piece, 0x10, 0x8_0000).await;
            rest = behind;
        }
        rest.to_vec()
    }

    /// Sends a message, and returns what becomes of it.
    async fn mail(&mut self, mail: &Mail) -> Result<Mail, String> {
        self.envelope().await;
        let end = self.begin(mail).await;
        self.send(b'E', &end).await;
        self.verdict(mail).await
    }

    /// What becomes of a message: another, or its refusal.
    async fn verdict(&mut self, mail: &Mail) -> Result<Mail, String> {
        let (mut mail, mut body) = (mail.clone(), None);
        let mut added = Vec::new();
        loop {
            let Some((letter, data)) = self.packet().await else { return Err("closed".to_owned()) };
            assert!(data.len() <= packet::LONGEST_REPLY);
            match letter {
                b'p' => assert!(data.is_empty()),
                b'm' => self.change(&mut mail.fields, &data),
                b'i' => {
                    let (at, field) = data.split_first_chunk().unwrap();
                    let field = self.field(field);
                    // The MTA's own Received is the first.
                    mail.fields.insert(u32::from_be_bytes(*at) as usize - 1, field);
                }
                b'h' => added.push(self.field(&data)),
                b'b' => body.get_or_insert(Vec::new()).extend_from_slice(&data),
                b'c' => {
                    mail.fields.extend(added);
                    mail.body = body.unwrap_or(mail.body);
                    return Ok(mail);
                }
                b'y' => return Err(String::from_utf8(data.strip_suffix(b"\0").unwrap().to_vec()).unwrap()),
                _ => panic!("{}", char::from(letter)),
            }
        }
    }

    fn field(&self, data: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let mut strings = data.split(|&b| b == 0);
        let (name, value) = (strings.next().unwrap(), strings.next().unwrap());
        assert_eq!((strings.next(), strings.next()), (Some(&b""[..]), None));
        let space: &[u8] = if self.leading_space() { b"" } else { b" " };
        assert!(!value.contains(&b'\r'));
        (name.to_vec(), [space, value].concat())
    }

    /// As Postfix does it: what was removed is not counted any more.
    fn change(&self, fields: &mut Vec<(Vec<u8>, Vec<u8>)>, data: &[u8]) {
        let (index, field) = data.split_first_chunk().unwrap();
        let removed = field.ends_with(b"\0\0");
        let (name, value) = self.field(field);
        let mut of_name = fields.iter().enumerate().filter(|(_, (n, _))| n.eq_ignore_ascii_case(&name));
        let (at, _) = of_name.nth(u32::from_be_bytes(*index) as usize - 1).expect("such a field");
        if removed {
            fields.remove(at);
        } else {
            fields[at] = (name, value);
        }
    }
}
