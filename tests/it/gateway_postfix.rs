//! In front of Debian's Postfix, in each of the set-ups of `deploy/postfix/`.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::kit::{Dir, Running, contains, root};

/// Postfix is slow to start and to deliver on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Whether Postfix and its tools are here, and this user may start it. `SCRUBJAY_TEST_SYSTEM=1` demands it.
fn there_is_postfix() -> bool {
    let found = ["postfix", "smtp-sink", "swaks"].iter().all(|tool| which(tool).is_some());
    let may = rustix::process::geteuid().is_root();
    let demanded = std::env::var_os("SCRUBJAY_TEST_SYSTEM").is_some_and(|v| v == "1");
    assert!(found && may || !demanded, "no Postfix here, or not root; ./dev test --full installs it");
    found && may
}

fn which(tool: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    path.split(':').map(|dir| Path::new(dir).join(tool)).find(|file| file.is_file())
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn listening(port: u16) {
    let until = Instant::now() + PATIENCE;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "nobody listens on {port}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A Postfix in one of the set-ups, scrubjay beside it, and a next hop that writes each mail to a file.
struct Site {
    dir: Dir,
    listen: u16,
    sink: Child,
    scrubjay: Option<Running>,
}

impl Site {
    /// `at_socket`: the milter listens at a socket instead of a port.
    fn start(setup: &str, at_socket: bool, policy: &str) -> Site {
        let dir = Dir::new();
        // Postfix changes its user.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let taken = dir.path().join("taken");
        fs::create_dir(&taken).unwrap();
        fs::set_permissions(&taken, fs::Permissions::from_mode(0o777)).unwrap();
        let [listen, scrub, back, next] = [(); 4].map(|()| free_port());
        let sink = Command::new(which("smtp-sink").unwrap())
            .args([
                "-u",
                "postfix",
                "-d",
                &format!("{}/%M.", taken.display()),
                &format!("127.0.0.1:{next}"),
                "100",
            ])
            .current_dir(&taken)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let socket = dir.path().join("milter.sock").display().to_string();
        let edges = match setup {
            "milter" if at_socket => {
                format!("[source.milter]\nlisten = \"unix:{socket}\"\nmode = \"0666\"\n")
            }
            "milter" => format!("[source.milter]\nlisten = \"127.0.0.1:{scrub}\"\n"),
            _ => format!(
                "[source.smtp]\nlisten = \"127.0.0.1:{scrub}\"\n[sink.smtp]\nrelay = \"127.0.0.1:{back}\"\n"
            ),
        };
        dir.file("p.toml", edges + policy);
        let mut scrubjay = dir.cmd().args("run p.toml").timeout(Duration::from_secs(300)).spawn();
        scrubjay.wait_for_stderr(if setup == "milter" { "mail servers may ask" } else { "mail is taken on" });
        let site = Site { dir, listen, sink, scrubjay: Some(scrubjay) };
        let mut ports = [listen, scrub, back, next].map(|port| port.to_string());
        if at_socket {
            ports[1] = socket;
        }
        let mut script = site.script();
        let started = script.arg("start").arg(site.postfix()).arg(setup).args(ports).output().unwrap();
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        listening(listen);
        listening(next);
        site
    }

    fn script(&self) -> Command {
        let mut command = Command::new("sh");
        command.arg(root().join("deploy/postfix/try.sh"));
        command
    }

    fn postfix(&self) -> PathBuf {
        self.dir.path().join("postfix")
    }

    /// Hands a mail in as a client does; what was said.
    fn send(&self, mail: &str) -> Output {
        let file = self.dir.file("mail", mail.replace('\n', "\r\n"));
        let server = format!("127.0.0.1:{}", self.listen);
        Command::new(which("swaks").unwrap())
            .args([
                "--server",
                &server,
                "--from",
                "clinic@example.org",
                "--to",
                "pat@example.net",
                "--timeout",
                "90",
            ])
            .arg("--data")
            .arg(format!("@{}", file.display()))
            .output()
            .unwrap()
    }

    /// The mails that the next hop has, when there are this many.
    fn taken(&self, many: usize) -> Vec<String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let files = fs::read_dir(self.dir.path().join("taken")).unwrap();
            let mails: Vec<String> = files
                .map(|file| String::from_utf8_lossy(&fs::read(file.unwrap().path()).unwrap()).into_owned())
                // It ends what it has with an empty line.
                .filter(|mail| mail.ends_with("\n\n"))
                // What Postfix tells its postmaster of a filter that is gone is a mail of its own.
                .filter(|mail| !mail.contains("Transcript of session follows"))
                .collect();
            if mails.len() >= many {
                assert_eq!(mails.len(), many, "more than were sent");
                return mails;
            }
            assert!(Instant::now() < until, "{} of {many} mails", mails.len());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.script().arg("stop").arg(self.postfix()).output();
        let _ = self.sink.kill();
        let _ = self.sink.wait();
    }
}

const MAIL: &str = "From: clinic@example.org\nTo: \"Pat Doe\" <pat@example.net>\nSubject: SSN 219-10-9999\nMIME-Version: 1.0\n\
    Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nDear Pat Doe, your SSN is 219-=\n10-9998.\n";
const PICTURE: &str =
    "From: clinic@example.org\nTo: pat@example.net\nSubject: scan\nContent-Type: image/png\n\nx\n";

/// Through a set-up: a mail with something in it, one without, and one that may not go out.
fn through(setup: &str, at_socket: bool) {
    if !there_is_postfix() {
        return;
    }
    let mut site = Site::start(setup, at_socket, "");
    let sent = site.send(MAIL);
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stdout));
    let clean = "Subject: opening hours\nTo: pat@example.net\n\nWe open at nine.\n";
    assert!(site.send(clean).status.success());
    let mails = site.taken(2);
    for mail in &mails {
        assert!(!mail.contains("219-"), "{mail}");
        assert!(mail.contains("pat@example.net"), "{mail}");
    }
    let edited = mails.iter().find(|mail| mail.contains("your SSN is")).unwrap();
    assert!(edited.contains("Subject: You have a new message"), "{edited}");
    assert!(edited.contains("your SSN is [SSN]"), "{edited}");
    assert!(mails.iter().any(|mail| mail.contains("\nWe open at nine.")), "{mails:?}");
    let refused = site.send(PICTURE);
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    match setup {
        // It was queued before it was looked at: its sender hears of it by mail.
        "after-queue" => {
            assert!(refused.status.success(), "{said}");
            let bounce = site.taken(3).into_iter().find(|mail| mail.contains("Undelivered Mail")).unwrap();
            assert!(bounce.contains("an attachment is no text"), "{bounce}");
        }
        _ => {
            assert!(!refused.status.success() && said.contains("550 5.7.1"), "{said}");
            assert!(said.contains("an attachment is no text, and cannot be scanned"), "{said}");
            assert_eq!(site.taken(2).len(), 2);
        }
    }
    // Without scrubjay nothing goes out.
    let scrubjay = site.scrubjay.take().unwrap();
    scrubjay.signal("TERM");
    let out = scrubjay.wait().code(0);
    assert!(!contains(&out.all(), "219-10") && !contains(&out.all(), "pat@example.net"));
    let sent = site.send(MAIL);
    if setup != "after-queue" {
        assert!(!sent.status.success(), "{}", String::from_utf8_lossy(&sent.stdout));
        assert!(
            String::from_utf8_lossy(&sent.stdout).contains("451"),
            "{}",
            String::from_utf8_lossy(&sent.stdout)
        );
    }
    assert!(site.taken(if setup == "after-queue" { 3 } else { 2 }).iter().all(|mail| !mail.contains("219-")));
}

#[test]
fn before_the_queue() {
    through("before-queue", false);
}

#[test]
fn as_a_milter() {
    through("milter", false);
}

#[test]
fn as_a_milter_at_a_socket() {
    through("milter", true);
}

#[test]
fn behind_the_queue() {
    through("after-queue", false);
}
