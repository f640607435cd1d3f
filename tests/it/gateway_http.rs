//! `[source.http]` as a process: who may ask, and what those are told who ask rather than send.

use std::process::Command;
use std::time::Duration;

use crate::kit::{Dir, Running, root};

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A gateway that answers questions, with more in its source.
fn gateway(dir: &Dir, more: &str) -> (Running, u16) {
    let own = free_port();
    dir.file("p.toml", format!("[source.http]\nlisten = \"127.0.0.1:{own}\"\napi = true\n{more}"));
    let mut running = dir.cmd().args("run p.toml").timeout(Duration::from_secs(120)).spawn();
    running.wait_for_stderr("requests are taken on");
    (running, own)
}

/// What curl says of a request: the body, then the status; `None` where there was no reply, or no curl.
fn curl(arguments: &[&str]) -> Option<String> {
    let out = Command::new("curl")
        .args(["-sS", "-w", " %{http_code}", "--max-time", "60"])
        .args(arguments)
        .output()
        .ok()?;
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).into_owned())
}

fn there_is_curl() -> bool {
    Command::new("curl").arg("--version").output().is_ok()
}

#[test]
fn code_that_asks_is_answered() {
    if !there_is_curl() {
        return;
    }
    let dir = Dir::new();
    let (running, port) = gateway(&dir, "");
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let text = ["-H", "Content-Type: text/plain", "--data-binary", "Dear Maria Lopez, SSN 219-10-9999"];
    let json = ["-H", "Content-Type: application/json", "--data-binary", r#"{"ssn":219109999,"ok":true}"#];
    let picture = ["-H", "Content-Type: image/png", "--data-binary", "x"];
    let mail = ["-H", "Content-Type: message/rfc822", "--data-binary", "Content-Type: image/png\r\n\r\nx"];
    let cases: [(&str, &[&str], &str); 8] = [
        ("/v1/scrub", &text, "Dear [NAME], SSN [SSN] 200"),
        ("/v1/scrub?as=sms", &text, "You have a new message. Sign in to read it. 200"),
        ("/v1/scrub", &json, r#"{"ssn":"[SSN]","ok":true} 200"#),
        ("/v1/scrub", &picture, "415"),
        ("/v1/scrub", &mail, "an attachment is no text, and cannot be scanned\"} 422"),
        ("/v1/scan", &json, r#""kind":"ssn","detector":"us-ssn-bare""#),
        ("/v1/scrub", &["-X", "GET"], "405"),
        ("/elsewhere", &[], "404"),
    ];
    for (path, arguments, want) in cases {
        let address = url(path);
        let said = curl(&[&[address.as_str()], arguments].concat()).unwrap();
        assert!(said.contains(want), "{path}: {said}");
        assert!(!said.contains("219-10"), "{path}: {said}");
    }
    running.signal("TERM");
    let out = running.wait().code(0);
    assert!(!crate::kit::contains(&out.all(), "219-10"));
}

#[test]
fn who_shows_no_key_or_certificate_is_not_let_in() {
    if !there_is_curl() {
        return;
    }
    let dir = Dir::new();
    dir.secret("key", "a-key-of-the-gateway");
    let tls = root().join("src/gateway/http/tests/tls");
    let file = |name: &str| tls.join(name).display().to_string();
    let (running, port) = gateway(
        &dir,
        &format!(
            "certificate = \"{}\"\nkey = \"{}\"\nclient_ca_file = \"{}\"\napi_keys = [\"file:key\"]\n",
            file("server.pem"),
            file("server.pem"),
            file("ca.pem")
        ),
    );
    let url = format!("https://localhost:{port}/v1/scrub");
    let (ca, pem, private) = (file("ca.pem"), file("client.pem"), file("client.pem"));
    let to = format!("localhost:{port}:127.0.0.1");
    let text = [
        "-H",
        "Content-Type: text/plain",
        "--data-binary",
        "SSN 219-10-9999",
        "--cacert",
        &ca,
        "--resolve",
        &to,
        &url,
    ];
    let certificate = ["--cert", pem.as_str(), "--key", private.as_str()];
    assert_eq!(curl(&text), None, "without a certificate");
    let said = curl(&[&text[..], &certificate].concat()).unwrap();
    assert!(said.ends_with("401"), "{said}");
    let wrong = curl(&[&text[..], &certificate, &["-H", "X-Api-Key: another"]].concat()).unwrap();
    assert!(wrong.ends_with("401"), "{wrong}");
    let said = curl(&[&text[..], &certificate, &["-H", "X-Api-Key: a-key-of-the-gateway"]].concat()).unwrap();
    assert_eq!(said, "SSN [SSN] 200");
    let old = curl(&[&text[..], &certificate, &["--tls-max", "1.1"]].concat());
    assert_eq!(old, None, "TLS 1.1");
    running.signal("TERM");
    running.wait().code(0);
}

/// What two readers may read in two ways goes to nobody: the first that gets it would not be the one that was asked.
#[test]
fn a_body_whose_type_or_coding_is_said_twice_is_refused() {
    if !there_is_curl() {
        return;
    }
    let dir = Dir::new();
    let (own, gone) = (free_port(), free_port());
    dir.file(
        "p.toml",
        format!(
            "[source.http]\nlisten = \"127.0.0.1:{own}\"\n[[source.http.request]]\npath = \"/send\"\nbody = \"form\"\n\
             [sink.http]\nupstream = \"http://127.0.0.1:{gone}\"\n"
        ),
    );
    let mut running = dir.cmd().args("run p.toml").timeout(Duration::from_secs(120)).spawn();
    running.wait_for_stderr("requests are taken on");
    let url = format!("http://127.0.0.1:{own}/send");
    let form = "Content-Type: application/x-www-form-urlencoded";
    let cases: [(&[&str], &str); 5] = [
        (&["-H", form, "-H", "Content-Encoding: gzip"], "its body is compressed, and cannot be scanned"),
        (
            &["-H", form, "-H", "Content-Encoding: identity", "-H", "Content-Encoding: gzip"],
            "its body is compressed",
        ),
        (
            &["-H", "Content-Type: application/json", "-H", form],
            "the type of its body can be read in more than one way",
        ),
        (&["-H", "Content-Type: application/json"], "its body is no JSON"),
        // This one may go: there is only nobody there.
        (&["-H", form], "503"),
    ];
    for (headers, want) in cases {
        let said = curl(&[headers, &["--data-binary", "a=SSN+219%2D10%2D9999", &url]].concat()).unwrap();
        assert!(said.contains(want), "{headers:?}: {said}");
    }
    running.signal("TERM");
    running.wait().code(0);
}
