//! Messages that are too long, and less memory than is wanted.

use super::*;

const TOO_LARGE: &str = "552 5.3.4 The message is too large";
const NO_MEMORY: &str = "452 4.3.1 Too much mail at once; try again later";

#[tokio::test]
async fn a_message_that_is_too_large_is_let_go_at_once() {
    let stage = Stage::with(|o| o.max_message_bytes = 1_000).await;
    let mut mta = stage.mta(NEW).await;
    // `A: b` and the empty line are 8 of them.
    for (length, expected) in [(992, Ok(())), (993, Err(TOO_LARGE.to_owned()))] {
        let mail = Mail { fields: vec![(b"A".to_vec(), b" b".to_vec())], body: vec![b'x'; length] };
        assert_eq!(mta.mail(&mail).await.map(|_| ()), expected, "{length}");
    }
    // In the header; the rest of it is read and thrown away.
    for _ in 0..300 {
        mta.header(b"A", b" b").await;
    }
    mta.send(b'N', b"").await;
    stage.until("memory", |s| s.budget.free() == s.budget.total()).await;
    mta.send(b'B', &[b'x'; 60_000]).await;
    mta.send(b'E', b"").await;
    assert_eq!(mta.verdict(&Mail::new("\n")).await, Err(TOO_LARGE.to_owned()));
    assert_eq!(mta.mail(&Mail::new("\n219-10-9999\n")).await.unwrap().text(), "\n[SSN]\n");
    drop(mta);
    stage.settled().await;
    assert_eq!(stage.outcomes(), ["forwarded", "too_large", "too_large", "forwarded"]);
}

#[tokio::test]
async fn memory_is_refused_before_it_is_used() {
    let stage = Stage::with(|o| o.memory_budget = 200_000).await;
    let mut one = stage.mta(NEW).await;
    let mut two = stage.mta(NEW).await;
    // The limit is no more than the budget.
    let mail = Mail { fields: Vec::new(), body: vec![b'x'; 200_001] };
    assert_eq!(one.mail(&mail).await, Err(TOO_LARGE.to_owned()));
    one.send(b'N', b"").await;
    one.send(b'B', &[b'x'; 60_000]).await;
    one.send(b'B', &[b'x'; 60_000]).await;
    stage.until("one", |s| s.budget.free() < 80_000).await;
    let mail = Mail { fields: Vec::new(), body: vec![b'y'; 100_000] };
    assert_eq!(two.mail(&mail).await, Err(NO_MEMORY.to_owned()));
    one.send(b'A', b"").await;
    stage.until("room", |s| s.budget.free() == s.budget.total()).await;
    assert_eq!(two.mail(&mail).await, Ok(mail));
    drop((one, two));
    stage.settled().await;
    assert_eq!(stage.outcomes(), ["too_large", "no_memory", "failed", "forwarded"]);
}

/// The header is held twice while it is judged, to compare.
#[tokio::test]
async fn the_second_copy_of_a_header_is_accounted_for() {
    let stage = Stage::with(|o| o.memory_budget = 200_000).await;
    let mut mta = stage.mta(NEW).await;
    for (length, expected) in [(60_000, Ok(())), (120_000, Err(NO_MEMORY.to_owned()))] {
        let mail = Mail { fields: vec![(b"A".to_vec(), vec![b'x'; length])], body: Vec::new() };
        assert_eq!(mta.mail(&mail).await.map(|_| ()), expected);
    }
}

#[tokio::test]
async fn connections_are_counted() {
    let stage = Stage::with(|o| o.max_connections = 2).await;
    let mut one = stage.mta(NEW).await;
    let _two = stage.mta(NEW).await;
    let mut three = stage.raw().await;
    assert_eq!(three.packet().await, None);
    one.send(b'Q', b"").await;
    assert_eq!(one.packet().await, None);
    stage.until("room", |s| s.count.lock().0 == 1).await;
    let mail = Mail::new("\n219-10-9999\n");
    assert_eq!(stage.mta(NEW).await.mail(&mail).await.unwrap().text(), "\n[SSN]\n");
}

/// Many MTAs at once with memory for a few, which come back when they are told to: each message goes on once, as itself.
#[tokio::test]
async fn none_is_lost_and_none_mixed_up() {
    let stage = Arc::new(Stage::with(|o| o.memory_budget = 100_000).await);
    let mut mtas = Vec::new();
    for number in 0..60 {
        let stage = Arc::clone(&stage);
        mtas.push(tokio::spawn(async move {
            let mut mta = stage.mta(if number % 2 == 0 { NEW } else { OLD }).await;
            for _ in 0..2_000 {
                let text =
                    format!("Subject: {number} 219-10-9999\n\n{}", format!("{number}\n").repeat(3_000));
                match mta.mail(&Mail::new(&text)).await {
                    Ok(got) => return assert!(got.text() == text.replace("219-10-9999", "[SSN]")),
                    Err(said) => assert_eq!(said, NO_MEMORY),
                }
                sleep(Duration::from_millis(3 + number % 7)).await;
            }
            panic!("it never got through");
        }));
    }
    for mta in mtas {
        timeout(Duration::from_secs(120), mta).await.expect("in time").unwrap();
    }
    stage.settled().await;
    assert_eq!(stage.outcomes().iter().filter(|o| **o == "forwarded").count(), 60);
}
