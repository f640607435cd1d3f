//! Conversations that go as they should.

use super::*;

const MAIL: &str = "Received: from x\n\tby y\nDKIM-Signature: v=1;\n\tb=abc\nSubject: of 219-10-9999\nX-Odd:\tno space \n\
                    subject:second\n\tfolded 219-10-9999\nDKIM-Signature: v=2\nTo: b@example.net\n\nText 219-10-9999\n.\n";

#[tokio::test]
async fn a_message_is_changed_where_it_must_be() {
    let stage = Stage::new().await;
    for offer in [NEW, OLD, [6, 0x1ff, 0], [4, 0x3f, 0x3ff], [6, 0x1ff, 0x80]] {
        let mut mta = stage.mta(offer).await;
        // Several on one connection.
        for text in [
            MAIL,
            "\n219-10-9999\n",
            "Subject: 219-10-9999\n\n",
            "\n",
            "Subject: nothing\n\nhere\n",
            "X:\nX: 219-10-9999\nX:\n\n\n\n",
        ] {
            let mail = Mail::new(text);
            let mut expected = text.replace("219-10-9999", "[SSN]");
            if !mta.leading_space() {
                // To such an MTA a changed value has a space in front.
                expected = expected.replace("subject:second", "subject: second");
            }
            let got = mta.mail(&mail).await.map(|m| m.text());
            assert_eq!(got, Ok(expected), "{offer:?}");
        }
        mta.send(b'Q', b"").await;
        assert_eq!(mta.packet().await, None);
    }
    stage.settled().await;
    assert_eq!(stage.outcomes(), ["forwarded"; 30]);
}

#[tokio::test]
async fn nothing_is_asked_for_where_nothing_changes() {
    let stage = Stage::new().await;
    let mut mta = stage.mta(NEW).await;
    let mail = Mail::new("Subject:  two spaces \n\t\n x\nX-8: é\nX:\n\n\0 é\n\n\nno line end");
    let end = mta.begin(&mail).await;
    mta.send(b'E', &end).await;
    assert_eq!(mta.packet().await, Some((b'c', Vec::new())));
    let seen = stage.judge.seen.lock().unwrap()[0].clone();
    assert_eq!(
        String::from_utf8(seen).unwrap(),
        "Subject:  two spaces \r\n\t\r\n x\r\nX-8: é\r\nX:\r\n\r\n\0 é\r\n\r\n\r\nno line end"
    );
    stage.until("its end", |s| s.outcomes() == ["forwarded"]).await;
    assert_eq!(stage.count.lock().1[0].1, 66);
}

#[tokio::test]
async fn the_exact_packets_of_a_change() {
    let stage = Stage::new().await;
    let text = "Subject: a\nsubject: 219-10-9999\n\tx\n\n219-10-9999\n";
    for (offer, space) in [(NEW, " "), (OLD, "")] {
        let mut mta = stage.mta(offer).await;
        let end = mta.begin(&Mail::new(text)).await;
        mta.send(b'E', &end).await;
        let change = format!("\0\0\0\x02subject\0{space}[SSN]\n\tx\0");
        assert_eq!(mta.packet().await, Some((b'm', change.into_bytes())));
        assert_eq!(mta.packet().await, Some((b'b', b"[SSN]\r\n".to_vec())));
        assert_eq!(mta.packet().await, Some((b'c', Vec::new())));
    }
}

#[tokio::test]
async fn a_message_is_refused_in_one_line() {
    let stage = Stage::new().await;
    let mut mta = stage.mta(NEW).await;
    for (word, reply) in [
        ("REFUSE", "550 5.7.1 100%% not  250 this"),
        ("LATER", "451 4.3.0 Busy"),
        ("PANIC", "451 4.3.0 The message could not be passed on; try again later"),
        ("NOFIELD", "451 4.3.0 The message could not be passed on; try again later"),
        ("NUL", "451 4.3.0 The message could not be passed on; try again later"),
        ("LONG", "451 4.3.0 The message could not be passed on; try again later"),
    ] {
        let mail = Mail::new(&format!("Subject: x\n\n{word}\n"));
        assert_eq!(mta.mail(&mail).await, Err(reply.to_owned()), "{word}");
        // The connection is as good as new.
        let mail = Mail::new("Subject: 219-10-9999\n\nnext\n");
        assert_eq!(mta.mail(&mail).await.unwrap().text(), "Subject: [SSN]\n\nnext\n");
    }
    let next = ["forwarded"; 6];
    let own = ["refused", "failed", "failed", "failed", "failed", "failed"];
    let all: Vec<_> = own.into_iter().zip(next).flat_map(|(a, b)| [a, b]).collect();
    drop(mta);
    stage.settled().await;
    assert_eq!(stage.outcomes(), all);
}

#[tokio::test]
async fn signatures_are_taken_out() {
    let stage = Stage::new().await;
    for offer in [NEW, OLD] {
        let mut mta = stage.mta(offer).await;
        let mail = Mail::new(&format!("{MAIL}STRIP\n"));
        let expected = format!("{MAIL}STRIP\n")
            .replace("DKIM-Signature: v=1;\n\tb=abc\n", "")
            .replace("DKIM-Signature: v=2\n", "");
        assert_eq!(mta.mail(&mail).await.unwrap().text(), expected);
    }
}

/// A judge that gives back what is hardly a message.
#[tokio::test]
async fn whatever_the_judge_says_is_made_whole() {
    let stage = Stage::new().await;
    let mut mta = stage.mta(NEW).await;
    for (word, expected) in [("EMPTY", "\n"), ("UNWHOLE", "Subject: a b\n c\n\nd e\nf ")] {
        let mail = Mail::new(&format!("X: 1\nSubject: {word}\nY: 1\n\nbody\n"));
        assert_eq!(mta.mail(&mail).await.unwrap().text(), expected, "{word}");
    }
}

/// Bare CRs and LFs, in a header field and in the body: what goes on is what was judged.
#[tokio::test]
async fn line_ends_that_the_judge_did_not_see_do_not_go_on() {
    let stage = Stage::new().await;
    let mut mta = stage.mta(NEW).await;
    let plain = |v: &str| (b"X".to_vec(), v.as_bytes().to_vec());
    for (value, body, value_after, body_after) in [
        (" a\n b", "c\r\nd", " a\n b", "c\r\nd"),
        (" a\rb", "c\r\nd", " a b", "c\r\nd"),
        (" a\r\n b", "c\r\nd", " a\r\n b", "c\r\nd"),
        (" a\r\r\n b", "c\r\nd", " a \n b", "c\r\nd"),
        (" a\n b", "c\nd", " a\n b", "c\r\nd"),
        (" a\n b", "c\rd\r", " a\n b", "c d "),
        (" a\r", "\r\n\r", " a ", "\r\n "),
    ] {
        let mail = Mail { fields: vec![plain("1"), plain(value), plain("1")], body: body.into() };
        let expected =
            Mail { fields: vec![plain("1"), plain(value_after), plain("1")], body: body_after.into() };
        assert_eq!(mta.mail(&mail).await, Ok(expected), "{value:?} {body:?}");
        let seen = stage.judge.seen.lock().unwrap().pop().unwrap();
        assert_eq!(lines::whole(&seen), seen, "{value:?} {body:?}");
    }
}

/// Pieces of a body that end anywhere, packets that come in any pieces, and a body of many packets both ways.
#[tokio::test]
async fn long_bodies_in_any_pieces() {
    let stage = Stage::new().await;
    let mut mta = stage.mta(NEW).await;
    let body =
        "219-10-9999 and a line of text that goes on for a while\r\n".repeat(20_000) + &"x".repeat(200_000);
    let mail = Mail { fields: Vec::new(), body: body.clone().into_bytes() };
    let got = mta.mail(&mail).await.unwrap();
    assert!(got.body == body.replace("219-10-9999", "[SSN]").into_bytes());
    for size in [1, 2, 7, 1_000] {
        mta.send(b'N', b"").await;
        let body = "a\r\n219-10-9999\r\n\r\n".repeat(size);
        for piece in body.as_bytes().chunks(size) {
            mta.send(b'B', piece).await;
        }
        mta.send(b'E', b"").await;
        let mail = Mail { fields: Vec::new(), body: body.clone().into() };
        let got = mta.verdict(&mail).await.unwrap();
        assert!(got.body == body.replace("219-10-9999", "[SSN]").into_bytes(), "{size}");
    }
    // A byte at a time.
    let mut bytes = Vec::new();
    packet::put(&mut bytes, b'L', &[b"Subject\0 219-10-9999\0"]);
    packet::put(&mut bytes, b'N', &[]);
    packet::put(&mut bytes, b'E', &[b"x\r\n"]);
    for byte in bytes {
        mta.stream.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let got = mta.verdict(&Mail::new("Subject: 219-10-9999\n\nx\n")).await.unwrap();
    assert_eq!(got.text(), "Subject: [SSN]\n\nx\n");
}

/// The MTA gives up, in each state, and goes on: nothing of one message gets into the next.
#[tokio::test]
async fn a_message_that_is_given_up_leaves_nothing() {
    let stage = Stage::new().await;
    let mut mta = stage.mta(NEW).await;
    let first = Mail::new("Subject: first\n\nbody\n");
    let last = Mail::new("To: x\n\n219-10-9999\n");
    let mut given_up = 0;
    for end in *b"AKMCH" {
        for steps in 0..4 {
            if steps > 0 {
                mta.header(b"Subject", b" first").await;
            }
            if steps > 1 {
                mta.send(b'N', b"").await;
            }
            if steps > 2 {
                mta.send(b'B', b"body\r\n").await;
            }
            mta.send(end, if end.is_ascii_alphabetic() && b"AK".contains(&end) { b"" } else { b"x\0" }).await;
            given_up += usize::from(steps > 0);
            assert_eq!(mta.mail(&last).await.unwrap().text(), "To: x\n\n[SSN]\n");
        }
    }
    // After a goodbye another SMTP session may negotiate anew.
    mta.send(b'K', b"").await;
    mta.negotiate(OLD).await;
    assert_eq!(mta.mail(&last).await.unwrap().text(), "To: x\n\n[SSN]\n");
    let _ = mta.begin(&first).await;
    drop(mta);
    stage.settled().await;
    let failed = stage.outcomes().iter().filter(|o| **o == "failed").count();
    assert_eq!(failed, given_up + 1);
    let seen = stage.judge.seen.lock().unwrap();
    assert!(seen.iter().all(|m| m.starts_with(b"To: x\r\n\r\n")));
}
