//! `[source.smtp]` to `[sink.smtp]`: the process between a client and a relay.
#![cfg(unix)]

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::kit::{Dir, Running};
use crate::kit_smtp::{self, Client, free_port};

/// The process, the port it takes mail at, and what the relay takes.
fn gateway(dir: &Dir, more: &str) -> (Running, u16, Receiver<String>) {
    let (tell, took) = channel();
    let relay = kit_smtp::relay(move |mail| {
        let _ = tell.send(String::from_utf8(mail).unwrap().replace("\r\n", "\n"));
    });
    let (running, own) = kit_smtp::gateway(dir, relay, "", more);
    (running, own, took)
}

/// Sends a mail; the reply to it.
fn send(port: u16, mail: &str) -> String {
    let mut client = Client::greeted(port);
    let reply = client.send(mail.replace('\n', "\r\n").as_bytes());
    assert!(client.say("QUIT").starts_with("221"));
    reply
}

#[test]
fn mail_goes_through_scrubbed_or_not_at_all() {
    let dir = Dir::new();
    let (running, port, took) = gateway(&dir, "[mail]\nsubject = \"redact\"\n");
    let reply = send(
        port,
        "Subject: of 219-10-9999\nTo: ana.keller@example.org\n\n..\nSSN 219-10-9998\nMRN: 4471902",
    );
    assert_eq!(reply, "250 2.0.0 queued as 1");
    let mail = took.recv_timeout(Duration::from_secs(30)).unwrap();
    assert!(
        mail.contains("Subject: of [SSN]\nTo: ana.keller@example.org\n") && mail.contains("MRN: [MRN]"),
        "{mail}"
    );
    let reply = send(port, "Subject: scan\nContent-Type: image/png\n\nx");
    assert_eq!(reply, "550 5.7.1 refused: an attachment is no text, and cannot be scanned");
    assert_eq!(send(port, "Subject: next\n\nnothing of note"), "250 2.0.0 queued as 1");
    // The one between was never told of.
    assert!(took.recv_timeout(Duration::from_secs(30)).unwrap().starts_with("Subject: next"));
    running.signal("TERM");
    let out = running.wait().code(0);
    let log = String::from_utf8(out.stderr).unwrap();
    assert!(log.contains("a message was refused: an attachment is no text"), "{log}");
    // What was done is summed up, and the mail that was refused is not among what went out.
    assert!(
        log.contains("ended;")
            && log.contains("mrn 1")
            && log.contains("ssn 2")
            && log.contains("1 record dropped"),
        "{log}"
    );
    assert!(!log.contains("219-10") && !log.contains("ana.keller") && !log.contains("4471902"), "{log}");
}

#[test]
fn the_policy_of_mail_is_that_of_the_file() {
    let dir = Dir::new();
    let (running, port, took) = gateway(&dir, "[mail]\nsubject = \"template\"\nattachments = \"strip\"\n");
    let mixed = "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n--b\nContent-Type: image/png\n\nx\n--b--\n";
    assert!(send(port, &format!("Subject: SSN 219-10-9999\n{mixed}")).starts_with("250"));
    let mail = took.recv_timeout(Duration::from_secs(30)).unwrap();
    assert!(
        mail.starts_with("Subject: You have a new message. Sign in to read it.\n")
            && mail.contains("[ATTACHMENT REMOVED]"),
        "{mail}"
    );
    running.signal("TERM");
    running.wait().code(0);
}

#[cfg(feature = "console")]
#[test]
fn a_team_sees_which_of_its_templates_leaks() {
    let (dir, metrics) = (Dir::new(), free_port());
    let more = format!(
        "[metrics]\nlisten = \"127.0.0.1:{metrics}\"\n[keys]\ntenant = {{ header = \"X-Team\" }}\n\
         [notification]\ntemplate_header = \"X-Template\"\n"
    );
    let (running, port, took) = gateway(&dir, &more);
    for (template, text) in
        [("reminder", "SSN 219-10-9999"), ("news", "We open at nine."), ("219-10-9999", "SSN 219-10-9998")]
    {
        let mail = format!("X-Team: cardiology\nX-Template: {template}\nSubject: a note\n\n{text}");
        assert!(send(port, &mail).starts_with("250"));
        took.recv_timeout(Duration::from_secs(30)).unwrap();
    }
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", metrics)).unwrap();
    std::io::Write::write_all(&mut stream, b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut page = String::new();
    std::io::Read::read_to_string(&mut stream, &mut page).unwrap();
    for line in [
        r#"scrubjay_messages_with_phi_total{channel="smtp",tenant="cardiology",template="reminder"} 1"#,
        r#"scrubjay_messages_with_phi_total{channel="smtp",tenant="cardiology",template="other"} 1"#,
        r#"scrubjay_messages_total{channel="smtp",outcome="forwarded"} 3"#,
        "scrubjay_records_total 3",
    ] {
        assert!(page.contains(line), "{line}: {page}");
    }
    assert!(!page.contains("news") && !page.contains("219-10"), "{page}");
    running.signal("TERM");
    running.wait().code(0);
}

/// Waits for a line of the log that was not there before.
fn hup(running: &mut Running) {
    running.signal("HUP");
    running.wait_for_stderr("reloaded");
}

#[test]
fn a_dry_run_ends_with_a_signal() {
    let dir = Dir::new();
    let (mut running, port, took) = gateway(&dir, "[notification]\ndry_run = true\n");
    let mail = "Subject: a note\n\nSSN 219-10-9999";
    assert!(send(port, mail).starts_with("250"));
    let went = took.recv_timeout(Duration::from_secs(30)).unwrap();
    assert!(went.contains("SSN 219-10-9999"), "{went}");
    running.wait_for_stderr("dry run: a message held PHI");
    let text = String::from_utf8(dir.read("p.toml")).unwrap();
    dir.file("p.toml", text.replace("dry_run = true", "dry_run = false"));
    hup(&mut running);
    assert!(send(port, mail).starts_with("250"));
    let went = took.recv_timeout(Duration::from_secs(30)).unwrap();
    assert!(went.contains("SSN [SSN]"), "{went}");
    running.signal("TERM");
    running.wait().code(0);
}

#[test]
fn what_is_refused_goes_into_quarantine_sealed() {
    let dir = Dir::new();
    dir.secret("q.key", "q".repeat(32));
    let quarantine = "[on_error]\naction = \"quarantine\"\nto = { dir = \"q\" }\nkey = \"file:q.key\"\n";
    let (running, port, took) = gateway(&dir, &format!("[mail]\nattachments = \"quarantine\"\n{quarantine}"));
    let picture = "Subject: scan\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n--b\nContent-Type: image/png\n\nSSN 219-10-9999\n--b--\n";
    assert!(send(port, picture).starts_with("250"));
    let went = took.recv_timeout(Duration::from_secs(30)).unwrap();
    assert!(went.contains("[ATTACHMENT REMOVED]") && !went.contains("219-10"), "{went}");
    let sealed = "Subject: sealed\nContent-Type: application/pkcs7-mime\n\nSSN 219-10-9998";
    assert!(send(port, sealed).starts_with("550"));
    running.signal("TERM");
    running.wait().code(0).stderr_has("2 records put into quarantine");
    let files: Vec<_> =
        dir.files().into_iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "sealed")).collect();
    assert_eq!(files.len(), 1);
    assert!(!crate::kit::contains(&files[0].1, "219-10"), "it is sealed");
    let opened = dir.cmd().args("quarantine open --key file:q.key q").run().code(0);
    for what in ["219-10-9999", "219-10-9998", "an attachment was taken out", "it is encrypted"] {
        assert!(crate::kit::contains(&opened.all(), what), "{what}");
    }
}

#[test]
fn without_a_relay_the_client_keeps_its_mail() {
    let dir = Dir::new();
    let (running, own) = kit_smtp::gateway(&dir, free_port(), "", "");
    let greeting = Client::new(own).reply();
    assert!(greeting.starts_with("421 4.3.0"), "{greeting}");
    running.signal("TERM");
    running.wait().code(0);
}

#[test]
fn what_does_not_go_with_mail_is_refused() {
    let dir = Dir::new();
    let mail = "[source.smtp]\nlisten = \"127.0.0.1:0\"\n[sink.smtp]\nrelay = \"127.0.0.1:25\"\n";
    for (text, says) in [
        (
            mail.replace("[sink.smtp]\nrelay = \"127.0.0.1:25\"\n", "[sink.stdout]\n"),
            "[source.smtp] goes with [sink.smtp]",
        ),
        (mail.replace("127.0.0.1:25", "relay"), "must be a host and a port"),
        (mail.replace("127.0.0.1:0", "localhost"), "must be an IP address and a port"),
        (
            format!("{mail}user = \"u\"\npassword = \"env:P\"\n"),
            "a password does not go over the network in clear",
        ),
        (format!("{mail}user = \"u\"\n"), "a user needs a password"),
        (
            format!("{mail}[on_error]\naction = \"halt\"\n"),
            "a notification that cannot be scanned is refused",
        ),
        (format!("{mail}[codec]\nformat = \"json\"\n"), "`codec.format` does not go with this source"),
        (
            format!("{mail}[mail]\nsubject = \"drop\"\n"),
            "`mail.subject` must be one of template, redact, refuse",
        ),
        ("[source.stdin]\n[sink.stdout]\n[mail]\n".to_owned(), "[mail] does not go with this source"),
    ] {
        dir.file("p.toml", text);
        dir.cmd().args("check p.toml").run().code(2).stderr_has(says);
    }
}
