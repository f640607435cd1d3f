//! Mail through the process under load, and with clients and messages that do not behave: each mail arrives once and scrubbed, or not at all.
#![cfg(target_os = "linux")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::kit::{Dir, Running};

/// Sessions at once.
const SESSIONS: usize = 200;
/// Mails in a session.
const EACH: usize = 3;
const PATIENCE: Duration = Duration::from_secs(120);

/// A relay that keeps what it took by the mail's own number.
#[derive(Clone, Default)]
struct Relay {
    took: Arc<Mutex<HashMap<String, usize>>>,
    in_clear: Arc<AtomicUsize>,
}

impl Relay {
    fn start(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let relay = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let relay = relay.clone();
                std::thread::spawn(move || relay.serve(&stream));
            }
        });
        port
    }

    fn serve(&self, stream: &TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
        let say = |text: &str| drop((&mut &*stream).write_all(format!("{text}\r\n").as_bytes()));
        say("220 relay");
        while let Some(line) = lines.next() {
            match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
                "EHLO" => say("250-relay\r\n250-PIPELINING\r\n250 SIZE 200000000"),
                "DATA" => {
                    say("354 go on");
                    let mut number = None;
                    let mut ended = false;
                    for line in lines.by_ref() {
                        if line == "." {
                            ended = true;
                            break;
                        }
                        self.in_clear.fetch_add(usize::from(line.contains("219-10")), Ordering::Relaxed);
                        number = number.or_else(|| line.strip_prefix("X-Number: ").map(str::to_owned));
                    }
                    if let (true, Some(number)) = (ended, number) {
                        *self.took.lock().unwrap().entry(number).or_default() += 1;
                        say("250 2.0.0 queued");
                    }
                }
                "QUIT" => return say("221 bye"),
                _ => say("250 2.0.0 ok"),
            }
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn gateway(dir: &Dir, relay: u16, more: &str) -> (Running, u16) {
    let own = free_port();
    let edges = format!(
        "[source.smtp]\nlisten = \"127.0.0.1:{own}\"\nmax_sessions = 300\n{more}[sink.smtp]\nrelay = \"127.0.0.1:{relay}\"\n"
    );
    dir.file("p.toml", edges);
    let mut running = dir.cmd().args("run p.toml").timeout(Duration::from_secs(300)).spawn();
    running.wait_for_stderr("mail is taken on");
    (running, own)
}

/// A client's session.
struct Client {
    stream: TcpStream,
    input: BufReader<TcpStream>,
}

impl Client {
    fn connect(port: u16) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = Client { input: BufReader::new(stream.try_clone().unwrap()), stream };
        assert!(client.reply().starts_with("220"));
        assert!(client.say("EHLO client.example").starts_with("250"));
        client
    }

    fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.input.read_line(&mut line).unwrap();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }

    fn say(&mut self, text: &str) -> String {
        self.stream.write_all(format!("{text}\r\n").as_bytes()).unwrap();
        self.reply()
    }

    fn begin(&mut self) {
        assert!(self.say("MAIL FROM:<clinic@example.org>").starts_with("250"));
        assert!(self.say("RCPT TO:<pat@example.net>").starts_with("250"));
        assert!(self.say("DATA").starts_with("354"));
    }
}

fn mail(number: &str) -> String {
    format!(
        "X-Number: {number}\r\nSubject: a note\r\nTo: pat@example.net\r\n\r\nYour SSN is 219-10-9999, thank you.\r\n."
    )
}

/// The most memory that a process has had, in bytes.
fn peak(id: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

#[test]
fn of_two_hundred_sessions_every_mail_arrives_once_and_scrubbed() {
    let (dir, relay) = (Dir::new(), Relay::default());
    let (running, port) = gateway(&dir, relay.start(), "");
    std::thread::scope(|scope| {
        for session in 0..SESSIONS {
            scope.spawn(move || {
                let mut client = Client::connect(port);
                for n in 0..EACH {
                    client.begin();
                    let said = client.say(&mail(&format!("{session}-{n}")));
                    assert!(said.starts_with("250"), "{said}");
                }
                // Some go in the midst of one more, some before anything was said of it.
                client.begin();
                let cut = mail(&format!("cut-{session}"));
                let cut = if session % 2 == 0 { &cut[..cut.len() - 10] } else { &cut[..20] };
                client.stream.write_all(cut.as_bytes()).unwrap();
                client.stream.shutdown(Shutdown::Both).unwrap();
            });
        }
    });
    running.signal("TERM");
    let out = running.wait().code(0);
    assert!(!crate::kit::contains(&out.all(), "219-10"));
    let took = relay.took.lock().unwrap();
    assert_eq!(relay.in_clear.load(Ordering::Relaxed), 0);
    assert!(took.keys().all(|number| !number.starts_with("cut")), "what was cut off went out");
    assert_eq!((took.len(), took.values().filter(|n| **n != 1).count()), (SESSIONS * EACH, 0));
}

#[test]
fn a_mail_of_a_hundred_megabytes_is_refused_within_the_budget() {
    let (dir, relay) = (Dir::new(), Relay::default());
    let (running, port) =
        gateway(&dir, relay.start(), "max_message_bytes = \"4MiB\"\nmemory_bytes = \"8MiB\"\n");
    let mut client = Client::connect(port);
    client.begin();
    let piece = "Your SSN is 219-10-9999, thank you.\r\n".repeat(28_000);
    client.stream.write_all(b"X-Number: large\r\n\r\n").unwrap();
    for _ in 0..100 {
        client.stream.write_all(piece.as_bytes()).unwrap();
    }
    let said = client.say(".");
    assert!(said.starts_with("552"), "{said}");
    // The session goes on.
    client.begin();
    assert!(client.say(&mail("small")).starts_with("250"));
    // The detectors and the names take most of it.
    let peak = peak(running.id());
    assert!(peak < 400 << 20, "{peak} bytes");
    running.signal("TERM");
    running.wait().code(0);
    assert_eq!(relay.took.lock().unwrap().keys().collect::<Vec<_>>(), ["small"]);
}

#[test]
fn a_relay_that_goes_away_costs_no_mail() {
    let (dir, relay) = (Dir::new(), Relay::default());
    let up = free_port();
    let (running, port) = gateway(&dir, up, "");
    // Nobody is there: the client is told to come back.
    let early = TcpStream::connect(("127.0.0.1", port)).unwrap();
    early.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut said = String::new();
    BufReader::new(early.try_clone().unwrap()).read_line(&mut said).unwrap();
    assert!(said.starts_with("421"), "{said}");
    // It comes up, and one that comes back is served.
    let forward = TcpListener::bind(("127.0.0.1", up)).unwrap();
    let inner = relay.clone();
    std::thread::spawn(move || {
        for stream in forward.incoming().map_while(Result::ok) {
            let inner = inner.clone();
            std::thread::spawn(move || inner.serve(&stream));
        }
    });
    let mut client = Client::connect(port);
    client.begin();
    assert!(client.say(&mail("late")).starts_with("250"));
    running.signal("TERM");
    running.wait().code(0);
    assert_eq!(relay.took.lock().unwrap().get("late"), Some(&1));
}
