//! Mail through the process under load, and with clients and messages that do not behave: each mail arrives once and scrubbed, or not at all.
#![cfg(target_os = "linux")]

use std::collections::HashMap;
use std::io::Write;
use std::net::{Shutdown, TcpListener};
use std::sync::{Arc, Mutex};

use crate::kit::{Dir, contains};
use crate::kit_smtp::{Client, free_port, gateway, relay, relay_on};

/// Sessions at once.
const SESSIONS: usize = 200;
/// Mails in a session.
const EACH: usize = 3;

/// What a relay took, by the mail's own number.
#[derive(Clone, Default)]
struct Took(Arc<Mutex<HashMap<String, usize>>>);

impl Took {
    fn count(&self) -> impl Fn(Vec<u8>) + Send + Sync + use<> {
        let took = self.clone();
        move |mail| {
            let mail = String::from_utf8(mail).unwrap();
            let number = mail.lines().find_map(|line| line.strip_prefix("X-Number: ")).unwrap_or("none");
            let number = if mail.contains("219-10") { "in clear" } else { number };
            *took.0.lock().unwrap().entry(number.to_owned()).or_default() += 1;
        }
    }
}

fn mail(number: &str) -> String {
    format!(
        "X-Number: {number}\r\nSubject: a note\r\nTo: pat@example.net\r\n\r\nYour SSN is 219-10-9999, thank you.\r\n"
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
    let (dir, took) = (Dir::new(), Took::default());
    let (running, port) = gateway(&dir, relay(took.count()), "max_sessions = 300\n", "");
    std::thread::scope(|scope| {
        for session in 0..SESSIONS {
            scope.spawn(move || {
                let mut client = Client::greeted(port);
                for n in 0..EACH {
                    let said = client.send(mail(&format!("{session}-{n}")).as_bytes());
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
    assert!(!contains(&out.all(), "219-10"));
    let took = took.0.lock().unwrap();
    assert!(!took.contains_key("in clear"));
    assert!(took.keys().all(|number| !number.starts_with("cut")), "what was cut off went out");
    assert_eq!((took.len(), took.values().filter(|n| **n != 1).count()), (SESSIONS * EACH, 0));
}

#[test]
fn a_mail_of_a_hundred_megabytes_is_refused_within_the_budget() {
    let (dir, took) = (Dir::new(), Took::default());
    let limits = "max_message_bytes = \"4MiB\"\nmemory_bytes = \"8MiB\"\n";
    let (running, port) = gateway(&dir, relay(took.count()), limits, "");
    let mut client = Client::greeted(port);
    client.begin();
    let piece = "Your SSN is 219-10-9999, thank you.\r\n".repeat(28_000);
    client.stream.write_all(b"X-Number: large\r\n\r\n").unwrap();
    for _ in 0..100 {
        client.stream.write_all(piece.as_bytes()).unwrap();
    }
    let said = client.say(".");
    assert!(said.starts_with("552"), "{said}");
    // The session goes on.
    assert!(client.send(mail("small").as_bytes()).starts_with("250"));
    // The detectors and the names take most of it.
    let peak = peak(running.id());
    assert!(peak < 400 << 20, "{peak} bytes");
    running.signal("TERM");
    running.wait().code(0);
    assert_eq!(took.0.lock().unwrap().keys().collect::<Vec<_>>(), ["small"]);
}

#[test]
fn a_relay_that_goes_away_costs_no_mail() {
    let (dir, took) = (Dir::new(), Took::default());
    let up = free_port();
    let (running, port) = gateway(&dir, up, "", "");
    // Nobody is there: the client is told to come back.
    let said = Client::new(port).reply();
    assert!(said.starts_with("421"), "{said}");
    // It comes up, and one that comes back is served.
    relay_on(TcpListener::bind(("127.0.0.1", up)).unwrap(), took.count());
    assert!(Client::greeted(port).send(mail("late").as_bytes()).starts_with("250"));
    running.signal("TERM");
    running.wait().code(0);
    assert_eq!(took.0.lock().unwrap().get("late"), Some(&1));
}
