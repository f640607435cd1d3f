//! Clients, an SMSC and the proxy between them on real sockets. What the proxy wrote is read by `rusmpp`, which knows
//! nothing of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod faults;
mod hostile;
mod segments;
mod texts;
mod tls;
mod transparent;

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::sync::{Condvar, Mutex};

use rusmpp::decode::DecodeWithLength as _;
use rusmpp::tlvs::TlvTag;
use rusmpp::{Command, Pdu};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::super::kit::Count;
use super::*;

const SUBMIT: u32 = 4;
const MEMORY: usize = 1 << 20;
/// How long anything that is waited for may take.
const PATIENCE: Duration = Duration::from_secs(20);

const OK: u32 = 0;
const RSYSERR: u32 = 8;
const RMSGQFUL: u32 = 0x14;
const RSUBMITFAIL: u32 = 0x45;
const RTHROTTLED: u32 = 0x58;
const RINVTLVVAL: u32 = 0xc4;

/// What the SMSC does with requests.
#[derive(Clone, Default)]
struct Script {
    /// It does not answer messages.
    silent: bool,
    /// It reads nothing.
    deaf: bool,
    /// It answers messages with this.
    status: u32,
    /// It closes at the first message.
    closes: bool,
    /// It answers that many messages at once, the last first.
    reversed: usize,
    tls: Option<Arc<rustls::ServerConfig>>,
}

/// What the SMSC got, and a way to have it send something.
#[derive(Clone, Default)]
struct Smsc {
    got: Arc<Mutex<Vec<Vec<u8>>>>,
    sender: Arc<Mutex<Option<mpsc::UnboundedSender<Vec<u8>>>>>,
}

impl Smsc {
    async fn serve(self, tcp: TcpStream, script: Script) -> io::Result<()> {
        if script.deaf {
            sleep(PATIENCE * 10).await;
        }
        match &script.tls {
            Some(config) => {
                let tls = tokio_rustls::TlsAcceptor::from(Arc::clone(config)).accept(tcp).await?;
                self.converse(tls, &script).await
            }
            None => self.converse(tcp, &script).await,
        }
    }

    async fn converse<S: AsyncRead + AsyncWrite>(self, stream: S, script: &Script) -> io::Result<()> {
        let (reader, mut writer) = tokio::io::split(stream);
        let mut peer = Peer { stream: tokio::io::join(reader, tokio::io::sink()), input: Vec::new() };
        let (sender, mut unasked) = mpsc::unbounded_channel();
        *self.sender.lock().unwrap() = Some(sender);
        let mut kept = Vec::new();
        loop {
            let pdu = tokio::select! {
                pdu = peer.pdu() => pdu,
                Some(pdu) = unasked.recv() => {
                    writer.write_all(&pdu).await?;
                    writer.flush().await?;
                    continue;
                }
            };
            if pdu.is_empty() {
                return Ok(());
            }
            self.got.lock().unwrap().push(pdu.clone());
            let (id, _, sequence) = header(&pdu);
            let message = matches!(id, 4 | 7 | 0x21 | 0x103 | 0x111);
            if message && script.closes {
                return Ok(());
            }
            if id & 0x8000_0000 != 0 || message && script.silent {
                continue;
            }
            let body: &[u8] = match id {
                1 | 2 | 9 => b"smsc\0",
                6 | 7 | 0x15 => b"",
                _ => b"id\0",
            };
            let status = if message { script.status } else { OK };
            kept.push(raw(id | 0x8000_0000, status, sequence, body));
            if message && kept.len() < script.reversed {
                continue;
            }
            kept.reverse();
            for reply in kept.drain(..) {
                writer.write_all(&reply).await?;
            }
            writer.flush().await?;
        }
    }

    fn got(&self) -> Vec<Vec<u8>> {
        self.got.lock().unwrap().clone()
    }

    /// All but the binds.
    fn messages(&self) -> Vec<Vec<u8>> {
        self.got().into_iter().filter(|pdu| !matches!(header(pdu).0, 1 | 2 | 9)).collect()
    }

    /// The texts of `submit_sm`, from `short_message` or else from `message_payload`.
    fn texts(&self) -> Vec<Vec<u8>> {
        self.messages().iter().filter(|pdu| header(pdu).0 == SUBMIT).map(|pdu| text(pdu)).collect()
    }

    fn say(&self, pdu: &[u8]) {
        self.sender.lock().unwrap().as_ref().unwrap().send(pdu.to_vec()).unwrap();
    }
}

/// The text of a `submit_sm`, as rusmpp reads it.
fn text(pdu: &[u8]) -> Vec<u8> {
    let Some(Pdu::SubmitSm(sm)) = read(pdu).pdu().cloned() else { panic!("no submit_sm") };
    match sm.tlvs().iter().find(|tlv| tlv.tag() == TlvTag::MessagePayload) {
        Some(_) => tlv(pdu, 0x424).unwrap(),
        None => sm.short_message().as_ref().to_vec(),
    }
}

fn read(pdu: &[u8]) -> Command {
    assert_eq!(pdu::length(pdu), pdu.len());
    let mut body = pdu[4..].iter().copied().collect();
    let (command, read) =
        Command::decode(&mut body, pdu.len() - 4).unwrap_or_else(|e| panic!("{e:?} at {pdu:x?}"));
    assert_eq!(read, pdu.len() - 4);
    command
}

/// The value of a TLV, which must be the last of its PDU with its tag.
fn tlv(pdu: &[u8], tag: u16) -> Option<Vec<u8>> {
    let at = memchr::memmem::rfind(pdu, &tag.to_be_bytes())?;
    let length = usize::from(u16::from_be_bytes([pdu[at + 2], pdu[at + 3]]));
    Some(pdu[at + 4..at + 4 + length].to_vec())
}

/// Takes `123-45-6789` out, and obeys words.
#[derive(Default)]
struct Words {
    seen: Mutex<Vec<(String, String)>>,
    /// Whether `STUCK` texts may go on.
    free: (Mutex<bool>, Condvar),
}

impl Words {
    fn set_free(&self) {
        *self.free.0.lock().unwrap() = true;
        self.free.1.notify_all();
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(_, text)| text.clone()).collect()
    }
}

impl TextJudge for Words {
    fn judge_text(&self, account: &str, text: &str, fits: &dyn Fn(&str) -> bool) -> TextVerdict {
        self.seen.lock().unwrap().push((account.to_owned(), text.to_owned()));
        if text.contains("STUCK") {
            let free = self.free.0.lock().unwrap();
            let _ = self.free.1.wait_timeout_while(free, PATIENCE, |free| !*free).unwrap();
        }
        match () {
            () if text.contains("REFUSE") => TextVerdict::Refuse("Not this"),
            () if text.contains("LATER") => TextVerdict::TryLater("Not now"),
            () if text.contains("PANIC") => panic!("as the test wants it"),
            () if text.contains("123-45-6789") => {
                let with = |marker| text.replace("123-45-6789", marker);
                let best = ["<a number was removed>", "[SSN]", "#█"].map(with).into_iter().find(|t| fits(t));
                TextVerdict::Replace(best.unwrap_or_else(|| with("#█")))
            }
            () => TextVerdict::Unchanged,
        }
    }
}

/// An SMSC, and a proxy in front of it.
struct Stage {
    proxy: SocketAddr,
    smsc: Smsc,
    judge: Arc<Words>,
    memory: Arc<Semaphore>,
    count: Arc<Count>,
    stop: watch::Sender<bool>,
    served: JoinHandle<()>,
}

impl Stage {
    async fn new() -> Stage {
        Stage::with(Script::default(), |_| ()).await
    }

    async fn with(script: Script, set: impl FnOnce(&mut Options)) -> Stage {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let smsc = Smsc::default();
        let theirs = smsc.clone();
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                tokio::spawn(theirs.clone().serve(tcp, script.clone()));
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = listener.local_addr().unwrap();
        let mut options = Options::new(address.to_string());
        let count = Arc::new(Count::default());
        options.observer = Arc::clone(&count) as Arc<dyn Observer>;
        set(&mut options);
        let (stop, stopping) = watch::channel(false);
        let judge = Arc::new(Words::default());
        let memory = Arc::new(Semaphore::new(MEMORY));
        let seen = Arc::clone(&judge) as Arc<dyn TextJudge>;
        let served = tokio::spawn(serve_within(listener, options, seen, stopping, Arc::clone(&memory)));
        Stage { proxy, smsc, judge, memory, count, stop, served }
    }

    async fn client(&self) -> Peer<TcpStream> {
        Peer { stream: TcpStream::connect(self.proxy).await.unwrap(), input: Vec::new() }
    }

    /// A client that is bound with version 3.4.
    async fn bound(&self) -> Peer<TcpStream> {
        self.bound_as(0x34).await
    }

    async fn bound_as(&self, version: u8) -> Peer<TcpStream> {
        let mut client = self.client().await;
        client.ask(&bind(version), &[(0x8000_0009, OK, 1)]).await;
        client
    }

    fn outcomes(&self) -> Vec<&'static str> {
        self.count.0.lock().unwrap().1.iter().map(|(outcome, _)| *outcome).collect()
    }

    /// Waits for something to become true.
    async fn until(&self, what: &str, is: impl Fn(&Stage) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !is(self) {
            assert!(tokio::time::Instant::now() < deadline, "not in time: {what}");
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits for all sessions to be over, and for their memory to be given back.
    async fn settled(&self) {
        self.until("the end of all sessions", |s| {
            s.count.0.lock().unwrap().0 == 0 && s.memory.available_permits() == MEMORY
        })
        .await;
    }
}

/// One end of a connection.
struct Peer<S> {
    stream: S,
    input: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    async fn send(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The next PDU, whole; empty at the end of the stream. It may be dropped.
    async fn pdu(&mut self) -> Vec<u8> {
        loop {
            if self.input.len() >= 4 && self.input.len() >= pdu::length(&self.input) {
                let length = pdu::length(&self.input);
                return self.input.drain(..length).collect();
            }
            if !matches!(self.stream.read_buf(&mut self.input).await, Ok(1..)) {
                return Vec::new();
            }
        }
    }

    /// The same within a time.
    async fn next(&mut self) -> Vec<u8> {
        timeout(PATIENCE, self.pdu()).await.expect("a PDU in time")
    }

    /// Reads PDUs with these ids, statuses and sequence numbers; none is the end.
    async fn expect(&mut self, expected: &[(u32, u32, u32)]) {
        for expected in expected {
            let pdu = self.next().await;
            assert!(!pdu.is_empty(), "the end, not {expected:x?}");
            assert_eq!(header(&pdu), *expected);
        }
    }

    async fn expect_end(&mut self) {
        let pdu = self.next().await;
        assert!(pdu.is_empty(), "{pdu:x?}, not the end");
    }

    async fn ask(&mut self, octets: &[u8], expected: &[(u32, u32, u32)]) {
        self.send(octets).await;
        self.expect(expected).await;
    }

    /// Sends a PDU, and expects the reply to it to have this status.
    async fn submit(&mut self, pdu: &[u8], status: u32) {
        let (id, _, sequence) = header(pdu);
        self.ask(pdu, &[(id | 0x8000_0000, status, sequence)]).await;
    }
}

/// Command id, status and sequence number.
fn header(pdu: &[u8]) -> (u32, u32, u32) {
    let number = |at: usize| u32::from_be_bytes(pdu[at..at + 4].try_into().unwrap());
    (number(4), number(8), number(12))
}

fn raw(id: u32, status: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = 16 + body.len() as u32;
    let header = [length, id, status, sequence].map(u32::to_be_bytes).concat();
    [&header[..], body].concat()
}

/// `bind_transceiver` with sequence number 1.
fn bind(version: u8) -> Vec<u8> {
    let body = [b"clinic\0secret\0\0".as_slice(), &[version], b"\0\0\0"].concat();
    raw(9, 0, 1, &body)
}

fn optional(tlvs: &[(u16, &[u8])]) -> Vec<u8> {
    let one = |(tag, value): &(u16, &[u8])| {
        [&tag.to_be_bytes(), &(value.len() as u16).to_be_bytes(), *value].concat()
    };
    tlvs.iter().flat_map(one).collect()
}

fn submit(sequence: u32, esm_class: u8, data_coding: u8, short: &[u8], tlvs: &[(u16, &[u8])]) -> Vec<u8> {
    submit_to("15550199", sequence, esm_class, data_coding, short, tlvs)
}

fn submit_to(
    to: &str,
    sequence: u32,
    esm_class: u8,
    data_coding: u8,
    short: &[u8],
    tlvs: &[(u16, &[u8])],
) -> Vec<u8> {
    let head = [b"\0\x05\0CLINIC\0\x01\x01", to.as_bytes(), b"\0"].concat();
    let middle = [esm_class, 0, 0, 0, 0, 1, 0, data_coding, 0, short.len() as u8];
    raw(SUBMIT, 0, sequence, &[&head, &middle[..], short, &optional(tlvs)].concat())
}

/// A plain text in the default alphabet.
fn plain(sequence: u32, text: &str) -> Vec<u8> {
    submit(sequence, 0, 0, text.as_bytes(), &[])
}
