//! Dialogues in which all goes as it should, or is refused as it should. Each is led three times: line by line, with all
//! that the client says in one segment, and in pieces that end anywhere.

use std::sync::{Arc, LazyLock};

use super::*;

/// What a client says, and how the reply begins.
type Said = (&'static str, &'static str);

const HI: Said = ("EHLO c.example\r\n", "250-proxy.example\r\n");
const MAIL: Said = ("MAIL FROM:<a@c.example>\r\n", "250 2.1.0 Ok\r\n");
const RCPT: Said = ("RCPT TO:<b@r.example>\r\n", "250 2.1.0 Ok\r\n");
const DATA: Said = ("DATA\r\n", "354 ");
const BYE: Said = ("QUIT\r\n", "221 2.0.0 ");
const OVER: Said = ("", "");
static LONG: LazyLock<String> = LazyLock::new(|| format!("NOOP {}\r\n", "x".repeat(5_000)));
static TOKEN: LazyLock<String> = LazyLock::new(|| format!("AUTH XOAUTH2 {}\r\n", "x".repeat(12_273)));
static TOKEN_PASSED: LazyLock<[&str; 1]> = LazyLock::new(|| [TOKEN.trim_end()]);
static TOKEN_TOO_LONG: LazyLock<String> = LazyLock::new(|| TOKEN.replace("AUTH ", "AUTH  "));
static HUGE: LazyLock<String> = LazyLock::new(|| format!("NOOP {}\r\n", "x".repeat(200_000)));
static FITS: LazyLock<String> = LazyLock::new(|| format!("NOOP {}\r\n", "x".repeat(4_089)));
static FITS_PASSED: LazyLock<[&str; 1]> = LazyLock::new(|| [FITS.trim_end()]);
static MUCH: LazyLock<String> = LazyLock::new(|| format!("{}.\r\n", "0123456789abcdef\r\n".repeat(600)));
static LONG_LINE: LazyLock<String> = LazyLock::new(|| format!("{}\r\n.\r\n", "y".repeat(9_000)));
static LONG_LINE_KEPT: LazyLock<[&str; 1]> = LazyLock::new(|| [LONG_LINE.trim_end_matches("\r\n.\r\n")]);
/// What the relay has got of the beginning.
const BEGUN: [&str; 3] = ["EHLO c.example", "MAIL FROM:<a@c.example>", "RCPT TO:<b@r.example>"];

struct Case {
    name: &'static str,
    relay: &'static [(&'static str, &'static str)],
    said: Vec<Said>,
    /// Behind [`BEGUN`], where the client has begun a mail.
    commands: &'static [&'static str],
    messages: &'static [&'static str],
    outcomes: &'static [&'static str],
}

fn case(
    name: &'static str,
    relay: &'static [(&'static str, &'static str)],
    said: &[&[Said]],
    commands: &'static [&'static str],
    messages: &'static [&'static str],
    outcomes: &'static [&'static str],
) -> Case {
    Case { name, relay, said: said.concat(), commands, messages, outcomes }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    LineByLine,
    AtOnce,
    InPieces,
}

async fn lead(case: &Case, way: Way) {
    let script = Script { replies: case.relay.to_vec(), ..Script::default() };
    let stage = Stage::with(script, |o| o.max_message_bytes = 10_000).await;
    let mut client = stage.client().await;
    client.expect("220 proxy.example ESMTP\r\n").await;
    let all: String = case.said.iter().map(|(text, _)| *text).collect();
    match way {
        Way::LineByLine => {}
        Way::AtOnce => client.send(&all).await,
        Way::InPieces => {
            // Once it has left, the proxy may close before all is sent.
            let _ = client.stream.set_nodelay(true);
            for piece in all.as_bytes().chunks(3.max(all.len() / 100)) {
                let _ = client.stream.write_all(piece).await;
                tokio::task::yield_now().await;
            }
        }
    }
    for (text, start) in &case.said {
        if way == Way::LineByLine {
            client.send(text).await;
        }
        let reply = client.reply().await;
        let fits = reply.starts_with(start) && reply.is_empty() == start.is_empty();
        assert!(fits, "{}: {reply:?} to {text:?}, not {start:?} ({way:?})", case.name);
    }
    drop(client);
    stage.settled().await;
    let begun: &[&str] = if case.said.starts_with(&[HI, MAIL, RCPT]) { &BEGUN } else { &[] };
    let mut commands = stage.commands();
    commands.pop_if(|last| last == "QUIT");
    assert_eq!(commands, [begun, case.commands].concat(), "{} ({way:?})", case.name);
    assert_eq!(stage.messages(), case.messages, "{} ({way:?})", case.name);
    assert_eq!(stage.outcomes(), case.outcomes, "{} ({way:?})", case.name);
}

async fn lead_all(cases: Vec<Case>) {
    for case in &cases {
        for way in [Way::LineByLine, Way::AtOnce, Way::InPieces] {
            lead(case, way).await;
        }
    }
}

#[tokio::test]
async fn messages() {
    let begun: &[Said] = &[HI, MAIL, RCPT, DATA];
    let sent = |text: &'static str| [(text, "250 2.0.0 queued as 7\r\n"), BYE, OVER];
    let all =
        |name, text, messages| case(name, &[], &[begun, &sent(text)], &["DATA"], messages, &["forwarded"]);
    lead_all(vec![
        all("plain", "Subject: x\r\n\r\nhello\r\n.\r\n", &["Subject: x\r\n\r\nhello"]),
        all("empty", ".\r\n", &[""]),
        all("dots", "..\r\n...a\r\n.b\r\n.\r\n", &["..\r\n...a\r\nb"]),
        all("8-bit", "gr\u{fc}n \u{1f600}\r\n.\r\n", &["gr\u{fc}n \u{1f600}"]),
        all("a message like commands", "QUIT\r\nRSET\r\nDATA\r\n.\r\n", &["QUIT\r\nRSET\r\nDATA"]),
        all("smuggled by LF . LF", "a\n.\nMAIL FROM:<x@y>\r\n.\r\n", &["a\r\n..\r\nMAIL FROM:<x@y>"]),
        all("smuggled by LF . CRLF", "a\n.\r\nQUIT\r\n.\r\n", &["a\r\n..\r\nQUIT"]),
        all("smuggled by CRLF . LF", "a\r\n.\nQUIT\r\n.\r\n", &["a\r\n\r\nQUIT"]),
        all("smuggled by CR . CR", "a\r.\rQUIT\r\n.\r\n", &["a . QUIT"]),
        all("smuggled by CRLF . CR", "a\r\n.\rQUIT\r\n.\r\n", &["a\r\n QUIT"]),
        all("written anew", "REWRITE\r\n.\r\n", &["..new\r\n..\r\nQUIT ."]),
        case(
            "refused",
            &[],
            &[begun, &[("REFUSE\r\n.\r\n", "550 5.7.1 Not  250 this\r\n"), BYE, OVER]],
            &["RSET"],
            &[],
            &["refused"],
        ),
        case(
            "refused, and another",
            &[],
            &[begun, &[("REFUSE\r\n.\r\n", "550 "), MAIL, RCPT, DATA], &sent("b\r\n.\r\n")],
            &["RSET", BEGUN[1], BEGUN[2], "DATA"],
            &["b"],
            &["refused", "forwarded"],
        ),
        case(
            "later",
            &[],
            &[begun, &[("LATER\r\n.\r\n", "451 4.3.0 Busy\r\n"), MAIL, BYE, OVER]],
            &["RSET", BEGUN[1]],
            &[],
            &["failed"],
        ),
        case(
            "the judge panics",
            &[],
            &[begun, &[("PANIC\r\n.\r\n", "451 4.3.0 "), MAIL, RCPT, DATA], &sent("b\r\n.\r\n")],
            &["RSET", BEGUN[1], BEGUN[2], "DATA"],
            &["b"],
            &["failed", "forwarded"],
        ),
        case(
            "two in a session",
            &[],
            &[begun, &[("1\r\n.\r\n", "250 "), MAIL, RCPT, DATA], &sent("2\r\n.\r\n")],
            &["DATA", BEGUN[1], BEGUN[2], "DATA"],
            &["1", "2"],
            &["forwarded", "forwarded"],
        ),
        case(
            "a message goes without QUIT",
            &[],
            &[begun, &[("1\r\n.\r\n", "250 ")]],
            &["DATA"],
            &["1"],
            &["forwarded"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn the_relay_refuses() {
    let begun: &[Said] = &[HI, MAIL, RCPT, DATA];
    lead_all(vec![
        case(
            "MAIL",
            &[("MAIL", "450-4.1.1 wait\r\n450 4.1.1 a while\r\n")],
            &[&[HI, (MAIL.0, "450-4.1.1 wait\r\n450 4.1.1 a while\r\n"), (RCPT.0, "503 5.5.1 "), BYE, OVER]],
            &[BEGUN[0], BEGUN[1]],
            &[],
            &[],
        ),
        case(
            "a recipient",
            &[("RCPT TO:<no", "550 5.1.1 who\r\n")],
            &[&[
                HI,
                MAIL,
                RCPT,
                ("RCPT TO:<no@r>\r\n", "550 5.1.1 who\r\n"),
                DATA,
                ("1\r\n.\r\n", "250 "),
                BYE,
                OVER,
            ]],
            &["RCPT TO:<no@r>", "DATA"],
            &["1"],
            &["forwarded"],
        ),
        case(
            "all recipients",
            &[("RCPT", "550 5.1.1 who\r\n"), ("DATA", "554 5.5.1 none\r\n")],
            &[&[HI, MAIL, (RCPT.0, "550 5.1.1 who\r\n"), (DATA.0, "554 5.5.1 none\r\n"), MAIL, BYE, OVER]],
            &[BEGUN[0], BEGUN[1], BEGUN[2], "DATA", "RSET", BEGUN[1]],
            &[],
            &[],
        ),
        case(
            "all recipients, yet wants the message",
            &[("RCPT", "550 5.1.1 who\r\n")],
            &[&[HI, MAIL, (RCPT.0, "550 5.1.1 who\r\n"), (DATA.0, "421 4.3.0 "), OVER]],
            &[BEGUN[0], BEGUN[1], BEGUN[2], "DATA"],
            &[],
            &[],
        ),
        case(
            "DATA",
            &[("DATA", "554 5.7.1 no thanks\r\n")],
            &[begun, &[("1\r\n.\r\n", "554 5.7.1 no thanks\r\n"), MAIL, BYE, OVER]],
            &["DATA", "RSET", BEGUN[1]],
            &[],
            &["failed"],
        ),
        case(
            "the message",
            &[(".", "552-5.3.4 much\r\n552 5.3.4 too much\r\n")],
            &[begun, &[("1\r\n.\r\n", "552-5.3.4 much\r\n552 5.3.4 too much\r\n"), MAIL, BYE, OVER]],
            &["DATA", "RSET", BEGUN[1]],
            &["1"],
            &["failed"],
        ),
        case(
            "the message, for now",
            &[(".", "451 4.2.0 wait\r\n")],
            &[begun, &[("1\r\n.\r\n", "451 4.2.0 wait\r\n"), BYE, OVER]],
            &["DATA", "RSET"],
            &["1"],
            &["failed"],
        ),
        case(
            "everything, and closes",
            &[("MAIL", "421 4.3.2 closing\r\n")],
            &[&[HI, (MAIL.0, "421 4.3.2 closing\r\n"), OVER]],
            &[BEGUN[0], BEGUN[1]],
            &[],
            &[],
        ),
        case(
            "the message, and closes",
            &[(".", "421 4.3.2 closing\r\n")],
            &[begun, &[("1\r\n.\r\n", "421 4.3.2 closing\r\n"), OVER]],
            &["DATA"],
            &["1"],
            &["failed"],
        ),
        case(
            "EHLO",
            &[("EHLO", "502 5.5.1 old\r\n")],
            &[&[(HI.0, "502 5.5.1 old\r\n"), ("HELO c\r\n", "250 2.1.0 Ok\r\n"), MAIL, BYE, OVER]],
            &[BEGUN[0], "HELO c", BEGUN[1]],
            &[],
            &[],
        ),
    ])
    .await;
}

#[tokio::test]
async fn commands() {
    let (long, huge, fits): (&str, &str, &str) = (&LONG, &HUGE, &FITS);
    let (token, long_token): (&str, &str) = (&TOKEN, &TOKEN_TOO_LONG);
    let (much, long_line): (&str, &str) = (&MUCH, &LONG_LINE);
    let errors: Vec<Said> = vec![("WHAT\r\n", "500 5.5.1 "); 19];
    lead_all(vec![
        case(
            "passed on",
            &[("HELP", "214-one\r\n214 two\r\n")],
            &[&[
                ("NOOP\r\n", "250 2.1.0 Ok\r\n"),
                ("HELP\r\n", "214-one\r\n214 two\r\n"),
                ("vrfy x\r\n", "250 "),
                ("XFORWARD NAME=x\r\n", "250 "),
                ("RSET\r\n", "250 "),
                BYE,
                OVER,
            ]],
            &["NOOP", "HELP", "vrfy x", "XFORWARD NAME=x", "RSET"],
            &[],
            &[],
        ),
        case(
            "not done",
            &[],
            &[&[
                ("XCLIENT ADDR=1\r\n", "502 5.5.1 "),
                ("EXPN l\r\n", "502 "),
                ("ETRN q\r\n", "502 "),
                ("TURN\r\n", "502 "),
                ("FROB\r\n", "500 5.5.1 "),
                ("\r\n", "500 "),
                ("STARTTLS\r\n", "503 5.5.1 "),
                BYE,
                OVER,
            ]],
            &[],
            &[],
            &[],
        ),
        case("BDAT ends it", &[], &[&[("BDAT 6\r\nRSET\r\n", "502 5.5.1 "), OVER]], &[], &[], &[]),
        case("too many errors", &[], &[&errors, &[("WHAT\r\n", "421 4.7.0 "), OVER]], &[], &[], &[]),
        case("the limit of a command", &[], &[&[(fits, "250 "), BYE, OVER]], &*FITS_PASSED, &[], &[]),
        case(
            "too long",
            &[],
            &[&[(long, "500 5.5.2 "), (huge, "500 5.5.2 "), ("NOOP\r\n", "250 "), BYE, OVER]],
            &["NOOP"],
            &[],
            &[],
        ),
        case(
            "the limit of AUTH",
            &[("AUTH", "235 2.7.0 in\r\n")],
            &[&[(token, "235 "), (long_token, "500 5.5.2 "), BYE, OVER]],
            &*TOKEN_PASSED,
            &[],
            &[],
        ),
        case("a bare LF", &[], &[&[("NOOP\nMAIL FROM:<x>\r\n", "521 5.5.2 "), OVER]], &[], &[], &[]),
        case("a bare CR", &[], &[&[("NOOP\rMAIL FROM:<x>\r\n", "521 5.5.2 "), OVER]], &[], &[], &[]),
        case("a NUL", &[], &[&[("NOOP \0\r\n", "521 5.5.2 "), OVER]], &[], &[], &[]),
        case(
            "out of turn",
            &[("DATA", "503 5.5.1 MAIL?\r\n")],
            &[&[
                (MAIL.0, "503 5.5.1 EHLO"),
                HI,
                (RCPT.0, "503 5.5.1 "),
                ("DATA\r\n", "503 5.5.1 MAIL?\r\n"),
                MAIL,
                (MAIL.0, "503 5.5.1 "),
                ("DATA x\r\n", "501 5.5.4 "),
                ("RSET\r\n", "250 "),
                (RCPT.0, "503 "),
                BYE,
                OVER,
            ]],
            &[BEGUN[0], "DATA", "RSET", BEGUN[1], "RSET"],
            &[],
            &[],
        ),
        case(
            "parameters",
            &[],
            &[&[
                HI,
                ("MAIL FROM:<a> BODY=BINARYMIME\r\n", "555 5.5.4 "),
                ("MAIL FROM:a\tBODY=BINARYMIME\r\n", "501 5.5.4 "),
                ("MAIL FROM:<a> SIZE=x\r\n", "501 5.5.4 "),
                ("MAIL FROM:<a> SIZE=10001\r\n", "552 5.3.4 "),
                ("MAIL FROM:<a> BODY=8BITMIME SIZE=9\r\n", "250 "),
                ("RCPT TO:<b> NOTIFY=NEVER\r\n", "250 "),
                ("RCPT TO:<b> X=1\r\n", "555 "),
                BYE,
                OVER,
            ]],
            &[BEGUN[0], "MAIL FROM:<a> BODY=8BITMIME SIZE=9", "RCPT TO:<b> NOTIFY=NEVER"],
            &[],
            &[],
        ),
        case(
            "too large, and another",
            &[],
            &[&[
                HI,
                MAIL,
                RCPT,
                DATA,
                (much, "552 5.3.4 "),
                MAIL,
                RCPT,
                DATA,
                (long_line, "250 "),
                BYE,
                OVER,
            ]],
            &["RSET", BEGUN[1], BEGUN[2], "DATA"],
            &*LONG_LINE_KEPT,
            &["too_large", "forwarded"],
        ),
        case(
            "EHLO within a mail",
            &[],
            &[&[HI, MAIL, RCPT, HI, (RCPT.0, "503 "), BYE, OVER]],
            &[BEGUN[0]],
            &[],
            &[],
        ),
        case(
            "AUTH goes through",
            &[
                ("AUTH", "334 VXNlcg==\r\n"),
                ("dXNlcg==", "334 UGFzcw==\r\n"),
                ("cGFzcw==", "235 2.7.0 in\r\n"),
                ("*", "501 5.7.0 off\r\n"),
            ],
            &[&[
                HI,
                ("AUTH LOGIN\r\n", "334 VXNlcg==\r\n"),
                ("dXNlcg==\r\n", "334 UGFzcw==\r\n"),
                ("cGFzcw==\r\n", "235 2.7.0 in\r\n"),
                ("AUTH LOGIN\r\n", "334 "),
                ("*\r\n", "501 "),
                ("AUTH EXTERNAL =\r\n", "504 5.5.4 "),
                ("auth scram-sha-1-plus\r\n", "504 "),
                BYE,
                OVER,
            ]],
            &[BEGUN[0], "AUTH LOGIN", "dXNlcg==", "cGFzcw==", "AUTH LOGIN", "*"],
            &[],
            &[],
        ),
    ])
    .await;
}

#[tokio::test]
async fn all_bytes() {
    let stage = Stage::new(&[]).await;
    let mut client = stage.client().await;
    let bytes: Vec<u8> = (0..=255).filter(|b| !b"\r\n".contains(b)).collect();
    let said =
        [b"EHLO c\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\n", bytes.as_slice(), b"\r\n.\r\nNOOP\r\n"]
            .concat();
    client.stream.write_all(&said).await.unwrap();
    client.expect_all(&["220 ", "250-", "250 ", "250 ", "354 ", "250 2.0.0 queued as 7\r\n", "250 "]).await;
    drop(client);
    stage.settled().await;
    assert_eq!(stage.got.lock().unwrap().messages, [bytes]);
}

#[tokio::test]
async fn what_is_offered() {
    let stage = Stage::with(Script::default(), |o| o.max_message_bytes = 10_000).await;
    let mut client = stage.client().await;
    client.expect("220 ").await;
    let offered = client.say("EHLO c.example\r\n", "250").await;
    assert_eq!(
        offered,
        "250-proxy.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-AUTH PLAIN LOGIN\r\n250-XFORWARD NAME ADDR\r\n\
         250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 10000\r\n"
    );
}

#[tokio::test]
async fn a_relay_that_wants_credentials() {
    let login = "250-relay\r\n250 AUTH LOGIN\r\n";
    let challenged: &[Said] = &[("AUTH LOGIN", "334 a\r\n"), ("dQ==", "334 b\r\n"), ("cHc=", "235 in\r\n")];
    for (replies, commands, starts) in [
        (vec![("AUTH", "235 2.7.0 in\r\n")], vec!["EHLO proxy.example", "AUTH PLAIN AHUAcHc="], "220 "),
        (
            [&[("EHLO", login)], challenged].concat(),
            vec!["EHLO proxy.example", "AUTH LOGIN", "dQ==", "cHc="],
            "220 ",
        ),
        (vec![("AUTH", "535 5.7.8 no\r\n")], vec!["EHLO proxy.example", "AUTH PLAIN AHUAcHc="], "421 4.3.0 "),
        (vec![("EHLO", "250 relay\r\n")], vec!["EHLO proxy.example"], "421 4.3.0 "),
    ] {
        let stage = Stage::with(Script { replies, ..Script::default() }, |o| {
            o.relay_auth =
                Some(RelayAuth { user: "u".to_owned(), password: Arc::new(Sensitive::new(b"pw".to_vec())) });
        });
        let stage = stage.await;
        let mut client = stage.client().await;
        client.expect(starts).await;
        assert_eq!(stage.commands(), commands);
        if starts == "220 " {
            let offered = client.say("EHLO c.example\r\n", "250").await;
            assert!(!offered.contains("AUTH"), "{offered}");
            client.say("AUTH PLAIN AGEAYg==\r\n", "502 5.5.1 ").await;
        }
    }
}
