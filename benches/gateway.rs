//! The gateway as a process between a client and a server, beside the client talking to the server itself: mail, requests, text messages.
//!
//! `cargo bench --bench gateway` prints a table; `-- N` sets how many messages a turn has. Each figure is the median of some rounds, in
//! which all take their turns. Client, server and gateway share the machine's cores.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;
const DEFAULT_MESSAGES: usize = 1000;
/// Sessions at once.
const SESSIONS: usize = 4;
/// Text messages that are underway in a session.
const WINDOW: usize = 100;
/// Bytes of a mail, and of the body of a request.
const MAIL_BYTES: usize = 5 << 10;
const BODY_BYTES: usize = 2 << 10;
const PROSE: &str = "Thank you for choosing our clinic. Please bring a list of your medicines, and come a quarter of an hour early so that \
    there is time for the forms. The building is near the park, and there is room for cars behind it. ";
const PERSON: &str =
    "Dear Maria Lopez, your lab results (MRN 4471902, SSN 219-10-9999) of 03/14/2026 are ready.";

fn main() {
    let given = std::env::args().skip(1).find_map(|arg| arg.parse().ok());
    let messages: usize = given.unwrap_or(DEFAULT_MESSAGES);
    println!("{messages} messages a turn, {SESSIONS} sessions, medians of {ROUNDS} rounds\n");
    println!("| what | itself | through the gateway | ratio |");
    println!("| --- | --- | --- | --- |");
    mail(messages);
    requests(messages);
    texts(messages);
}

/// Alternates between two ways, and gives the median of each.
fn rounds<T: PartialOrd + Copy>(mut one: impl FnMut() -> T, mut other: impl FnMut() -> T) -> (T, T) {
    // A turn that does not count, so that all is warm.
    one();
    other();
    let (mut ones, mut others): (Vec<T>, Vec<T>) = (0..ROUNDS).map(|_| (one(), other())).unzip();
    for list in [&mut ones, &mut others] {
        list.sort_by(|a, b| a.partial_cmp(b).unwrap());
    }
    (ones[ROUNDS / 2], others[ROUNDS / 2])
}

/// A pipeline that runs, until it is dropped.
struct Gateway {
    child: Child,
    _dir: tempfile::TempDir,
}

impl Gateway {
    fn start(pipeline: &str, port: u16) -> Gateway {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("p.toml"), pipeline).unwrap();
        let child = quiet(env!("CARGO_BIN_EXE_scrubjay"))
            .args(["run", "p.toml"])
            .env("SCRUBJAY_LOG", "error")
            .current_dir(dir.path())
            .spawn()
            .unwrap();
        listening(port);
        Gateway { child, _dir: dir }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A server with a thread for each client.
fn server(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let serve = serve.clone();
            client.set_nodelay(true).unwrap();
            thread::spawn(move || serve(client));
        }
    });
    port
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Text of about this length, with a person in it or without.
fn text(len: usize, person: bool) -> String {
    let mut text = if person { format!("{PERSON}\r\n") } else { String::new() };
    while text.len() < len {
        text += PROSE;
        text += "\r\n";
    }
    text.truncate(len);
    text
}

/// A server of mail that is not ours, until it is dropped.
struct Sink {
    name: &'static str,
    port: u16,
    child: Option<Child>,
    dir: Option<tempfile::TempDir>,
    is_postfix: bool,
}

impl Sink {
    /// Postfix's own sink, which throws all away, or one like it.
    fn nothing() -> Sink {
        let own = || Sink {
            name: "a sink of its own",
            port: server(smtp_server),
            child: None,
            dir: None,
            is_postfix: false,
        };
        Sink::smtp_sink("smtp-sink, which throws them away", None).unwrap_or_else(own)
    }

    /// Postfix's own sink, which writes each mail into a file of its own in memory.
    fn files() -> Option<Sink> {
        let dir = tempfile::tempdir_in("/dev/shm").ok()?;
        open_to_all(dir.path());
        Sink::smtp_sink("smtp-sink, which writes each into a file", Some(dir))
    }

    fn smtp_sink(name: &'static str, dir: Option<tempfile::TempDir>) -> Option<Sink> {
        let port = free_port();
        let mut command = ["/usr/sbin/smtp-sink", "/usr/bin/smtp-sink"]
            .iter()
            .find(|program| std::path::Path::new(program).exists())
            .map(|program| quiet(program))?;
        if let Some(dir) = &dir {
            command.args(["-d", "%M."]).current_dir(dir.path());
        }
        let address = format!("127.0.0.1:{port}");
        let child = command.args(["-u", "nobody", &address, "100"]).spawn().ok()?;
        listening(port);
        Some(Sink { name, port, child: Some(child), dir, is_postfix: false })
    }

    /// Postfix, which puts each mail into its queue on the disk before it answers; where there is one, and this is root.
    fn postfix() -> Option<Sink> {
        let dir = tempfile::tempdir().unwrap();
        open_to_all(dir.path());
        let [listen, scrub, port, next] = [(); 4].map(|()| free_port());
        let child =
            quiet("smtp-sink").args(["-u", "nobody", &format!("127.0.0.1:{next}"), "100"]).spawn().ok()?;
        let sink = Sink { name: "Postfix", port, child: Some(child), dir: Some(dir), is_postfix: true };
        // Of this set-up the way back from the proxy is a plain server.
        let ports = [listen, scrub, port, next].map(|port| port.to_string());
        let started = sink.script("start")?.arg("before-queue").args(ports).status().ok()?;
        started.success().then(|| listening(port)).map(|()| sink)
    }

    fn script(&self, what: &str) -> Option<Command> {
        let dir = self.dir.as_ref().filter(|_| self.is_postfix)?.path().join("postfix");
        let mut command = quiet("sh");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/postfix/try.sh")).arg(what).arg(dir);
        Some(command)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.script("stop").map(|mut command| command.status());
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Servers of mail give up being root.
fn open_to_all(dir: &std::path::Path) {
    std::fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
}

fn quiet(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn listening(port: u16) {
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        thread::sleep(Duration::from_millis(20));
    }
}

/// Mails a second.
fn mail(messages: usize) {
    mail_to(&Sink::nothing(), messages);
    if let Some(files) = Sink::files() {
        mail_to(&files, messages);
    }
    match Sink::postfix() {
        // The disk is slower.
        Some(postfix) => mail_to(&postfix, messages / 4),
        None => println!("| mails to Postfix: not measured, for there is none, or this is not root | | | |"),
    }
}

fn mail_to(sink: &Sink, messages: usize) {
    let own = free_port();
    let _gateway = Gateway::start(
        &format!(
            "[source.smtp]\nlisten = \"127.0.0.1:{own}\"\n[sink.smtp]\nrelay = \"127.0.0.1:{}\"\n\
             [mail]\nsubject = \"redact\"\n",
            sink.port
        ),
        own,
    );
    for (person, what) in [(false, "nothing in them"), (true, "a person in each")] {
        let head = "From: clinic@example.org\r\nTo: pat@example.net\r\nSubject: a note\r\nMIME-Version: 1.0\r\n\
            Content-Type: text/plain; charset=utf-8\r\n\r\n";
        let mail = format!("{head}{}\r\n.\r\n", text(MAIL_BYTES, person));
        for (again, how) in [(true, "a connection for all"), (false, "a connection for each")] {
            let run = |port| {
                let begun = Instant::now();
                let each = messages / SESSIONS;
                let send = || {
                    if again {
                        mails(port, &mail, each)
                    } else {
                        (0..each).for_each(|_| mails(port, &mail, 1))
                    }
                };
                thread::scope(|scope| (0..SESSIONS).for_each(|_| drop(scope.spawn(send))));
                (each * SESSIONS) as f64 / begun.elapsed().as_secs_f64()
            };
            let (direct, through) = rounds(|| run(sink.port), || run(own));
            println!(
                "| mails of {} KiB to {}, {what}, {how} | {direct:.0}/s | {through:.0}/s | {:.2} |",
                MAIL_BYTES >> 10,
                sink.name,
                through / direct
            );
        }
    }
}

/// One session that sends some mails.
fn mails(port: u16, mail: &str, many: usize) {
    let stream = connect(port);
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let mut reply = move |code: &str| loop {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        assert!(line.starts_with(code), "{line}");
        if line.as_bytes()[3] == b' ' {
            return;
        }
    };
    let mut say = |text: &str, code: &str| {
        (&stream).write_all(text.as_bytes()).unwrap();
        reply(code);
    };
    say("", "220");
    say("EHLO client.example\r\n", "250");
    for _ in 0..many {
        say("MAIL FROM:<clinic@example.org>\r\n", "250");
        say("RCPT TO:<pat@example.net>\r\n", "250");
        say("DATA\r\n", "354");
        say(mail, "250");
    }
    say("QUIT\r\n", "221");
}

fn smtp_server(stream: TcpStream) {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let say = |text: &str| (&stream).write_all(text.as_bytes()).is_ok();
    let (mut line, mut data) = (String::new(), false);
    say("220 sink\r\n");
    while lines.read_line(&mut line).is_ok_and(|n| n > 0) {
        if data {
            if line == ".\r\n" {
                data = false;
                say("250 ok\r\n");
            }
        } else {
            let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            data = verb == "DATA";
            say(match &*verb {
                "DATA" => "354 go on\r\n",
                "QUIT" => "221 bye\r\n",
                _ => "250 ok\r\n",
            });
        }
        line.clear();
    }
}

/// How long a request takes: the median of all in a turn, in microseconds.
fn requests(messages: usize) {
    let upstream = server(http_server);
    let own = free_port();
    let _gateway = Gateway::start(
        &format!(
            "[source.http]\nlisten = \"127.0.0.1:{own}\"\n[[source.http.request]]\npath = \"/send\"\nsubject = [\"$.subject\"]\n\
             [sink.http]\nupstream = \"http://127.0.0.1:{upstream}\"\n[mail]\nsubject = \"redact\"\n"
        ),
        own,
    );
    for (person, what) in [(false, "nothing in them"), (true, "a person in each")] {
        let body = serde_json::json!({ "to": "pat@example.net", "subject": "a note", "text": text(BODY_BYTES, person) });
        let body = body.to_string();
        let request = format!(
            "POST /send HTTP/1.1\r\nHost: api.example\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let run = |port| {
            let stream = connect(port);
            let mut input = BufReader::new(stream.try_clone().unwrap());
            let mut times: Vec<f64> = (0..messages)
                .map(|_| {
                    let begun = Instant::now();
                    (&stream).write_all(request.as_bytes()).unwrap();
                    message(&mut input).unwrap();
                    begun.elapsed().as_secs_f64() * 1e6
                })
                .collect();
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        };
        let (direct, through) = rounds(|| run(upstream), || run(own));
        println!(
            "| requests with {} KiB, {what}: time of one, p50 | {direct:.0} us | {through:.0} us | + {:.2} ms |",
            BODY_BYTES >> 10,
            (through - direct) / 1e3
        );
    }
}

/// Reads one message of HTTP/1.1 with a length, and gives it up; `None` at the end.
fn message(input: &mut impl BufRead) -> Option<()> {
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        if input.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    std::io::copy(&mut input.take(length), &mut std::io::sink()).ok().map(|_| ())
}

fn http_server(stream: TcpStream) {
    let mut input = BufReader::new(stream.try_clone().unwrap());
    while message(&mut input).is_some() {
        let reply =
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}";
        if (&stream).write_all(reply.as_bytes()).is_err() {
            return;
        }
    }
}

/// Text messages a second: `submit_sm` (SMPP 3.4, 4.4.1).
fn texts(messages: usize) {
    let messages = messages * 10;
    let smsc = server(smsc_server);
    let own = free_port();
    let _gateway = Gateway::start(
        &format!(
            "[source.smpp]\nlisten = \"127.0.0.1:{own}\"\n[sink.smpp]\nsmsc = \"127.0.0.1:{smsc}\"\n[sms]\nphi = \"redact\"\n"
        ),
        own,
    );
    let clean = "Thank you for choosing our clinic. Please bring a list of your medicines, and come a quarter of an hour early.";
    let person = "Dear Maria Lopez, your lab results (MRN 4471902, SSN 219-10-9999) of 03/14/2026 are ready at the clinic.";
    for (text, what) in [(clean, "nothing in them"), (person, "a person in each")] {
        let run = |port| {
            let begun = Instant::now();
            let each = messages / SESSIONS;
            thread::scope(|scope| {
                (0..SESSIONS).for_each(|_| drop(scope.spawn(|| session(port, text, each))))
            });
            (each * SESSIONS) as f64 / begun.elapsed().as_secs_f64()
        };
        let (direct, through) = rounds(|| run(smsc), || run(own));
        println!(
            "| submit_sm of {} characters, {what}, window {WINDOW} | {direct:.0}/s | {through:.0}/s | {:.2} |",
            text.len(),
            through / direct
        );
    }
}

fn pdu(command: u32, status: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
    let mut pdu = Vec::with_capacity(16 + body.len());
    for field in [16 + body.len() as u32, command, status, sequence] {
        pdu.extend(field.to_be_bytes());
    }
    pdu.extend(body);
    pdu
}

/// The next PDU: its command and sequence number.
fn next(input: &mut impl Read) -> Option<(u32, u32)> {
    let mut head = [0; 16];
    input.read_exact(&mut head).ok()?;
    let field = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().unwrap());
    let mut body = vec![0; field(0) as usize - 16];
    input.read_exact(&mut body).ok()?;
    Some((field(4), field(12)))
}

const RESPONSE: u32 = 0x8000_0000;

fn smsc_server(stream: TcpStream) {
    let mut input = BufReader::new(stream.try_clone().unwrap());
    while let Some((command, sequence)) = next(&mut input) {
        if command & RESPONSE == 0
            && (&stream).write_all(&pdu(command | RESPONSE, 0, sequence, b"id\0")).is_err()
        {
            return;
        }
    }
}

fn session(port: u16, text: &str, many: usize) {
    let stream = connect(port);
    let mut input = BufReader::new(stream.try_clone().unwrap());
    // system_id, password and system_type, version, type, plan and range of addresses.
    let bind = [&b"bench\0secret\0\0\x34\0\0\0"[..]].concat();
    (&stream).write_all(&pdu(9, 0, 1, &bind)).unwrap();
    next(&mut input).unwrap();
    // service_type, source and destination, then flags, times and the text's length.
    let mut submit = b"\0\x01\x01Clinic\0\x01\x0112125550187\0\0\0\0\0\0\0\0\0\0".to_vec();
    submit.push(text.len() as u8);
    submit.extend(text.bytes());
    let mut underway = 0;
    for sequence in 0..many as u32 {
        if underway == WINDOW {
            next(&mut input).unwrap();
            underway -= 1;
        }
        (&stream).write_all(&pdu(4, 0, 2 + sequence, &submit)).unwrap();
        underway += 1;
    }
    (0..underway).for_each(|_| assert!(next(&mut input).is_some()));
}
