//! Mail for tests of the process: a relay that takes it, a client that sends it, and the process between them.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crate::kit::{Dir, Running};

/// How long a reply may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A relay that takes every mail, and tells what it took before it says so: header and body as they came, without the dots of SMTP.
pub fn relay(took: impl Fn(Vec<u8>) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    relay_on(listener, took);
    port
}

pub fn relay_on(listener: TcpListener, took: impl Fn(Vec<u8>) + Send + Sync + 'static) {
    let took = Arc::new(took);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let took = Arc::clone(&took);
            std::thread::spawn(move || serve(&stream, &*took));
        }
    });
}

/// Until the client has gone, if it must be in the midst of a mail.
fn serve(stream: &TcpStream, took: &dyn Fn(Vec<u8>)) -> Option<()> {
    let mut input = BufReader::new(stream.try_clone().ok()?);
    let mut line = || {
        let mut line = Vec::new();
        input.read_until(b'\n', &mut line).ok()?;
        line.ends_with(b"\r\n").then_some(line)
    };
    let say = |text: &str| (&mut &*stream).write_all(format!("{text}\r\n").as_bytes()).ok();
    say("220 relay")?;
    loop {
        match line()?.to_ascii_uppercase().get(..4)? {
            b"EHLO" => {
                say("250-relay\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-8BITMIME\r\n250 SIZE 200000000")
            }
            b"DATA" => {
                say("354 go on")?;
                let mut mail = Vec::new();
                loop {
                    match line()?.as_slice() {
                        b".\r\n" => break,
                        line => mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(line)),
                    }
                }
                took(mail);
                say("250 2.0.0 queued as 1")
            }
            b"QUIT" => return say("221 bye"),
            _ => say("250 2.0.0 ok"),
        }?;
    }
}

/// The process, and the port it takes mail at. `more` stands behind its source and its sink.
pub fn gateway(dir: &Dir, relay: u16, source: &str, more: &str) -> (Running, u16) {
    let own = free_port();
    dir.file(
        "p.toml",
        format!(
            "[source.smtp]\nlisten = \"127.0.0.1:{own}\"\n{source}[sink.smtp]\nrelay = \"127.0.0.1:{relay}\"\n{more}"
        ),
    );
    let mut running = dir.cmd().args("run p.toml").timeout(Duration::from_secs(300)).spawn();
    running.wait_for_stderr("mail is taken on");
    (running, own)
}

/// A client's session.
pub struct Client {
    pub stream: TcpStream,
    input: BufReader<TcpStream>,
}

impl Client {
    /// Connects, and says nothing.
    pub fn new(port: u16) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client { input: BufReader::new(stream.try_clone().unwrap()), stream }
    }

    /// Connects, and has said EHLO.
    pub fn greeted(port: u16) -> Client {
        let mut client = Client::new(port);
        assert!(client.reply().starts_with("220"));
        assert!(client.say("EHLO client.example").starts_with("250"));
        client
    }

    /// The last line of the next reply.
    pub fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.input.read_line(&mut line).unwrap();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }

    pub fn say(&mut self, text: &str) -> String {
        self.stream.write_all(format!("{text}\r\n").as_bytes()).unwrap();
        self.reply()
    }

    /// Says all that comes before a mail.
    pub fn begin(&mut self) {
        assert!(self.say("MAIL FROM:<clinic@example.org>").starts_with("250"));
        assert!(self.say("RCPT TO:<ana.keller@example.org>").starts_with("250"));
        assert!(self.say("DATA").starts_with("354"));
    }

    /// Sends a mail, whose lines end with CRLF; the reply to it.
    pub fn send(&mut self, mail: &[u8]) -> String {
        self.begin();
        let mut wire = Vec::with_capacity(mail.len() + 16);
        for line in mail.split_inclusive(|b| *b == b'\n') {
            if line.starts_with(b".") {
                wire.push(b'.');
            }
            wire.extend_from_slice(line);
        }
        if !wire.ends_with(b"\r\n") {
            wire.extend_from_slice(b"\r\n");
        }
        wire.extend_from_slice(b".\r\n");
        self.stream.write_all(&wire).unwrap();
        self.reply()
    }
}
