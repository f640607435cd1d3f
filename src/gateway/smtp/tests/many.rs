//! Many sessions, and less memory than they want.

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use super::*;

/// A thread with a runtime.
struct Own {
    handle: Handle,
    thread: Option<thread::JoinHandle<()>>,
    end: Option<oneshot::Sender<()>>,
}

impl Own {
    fn start() -> Own {
        let runtime: Runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (handle, (end, ended)) = (runtime.handle().clone(), oneshot::channel::<()>());
        let thread = thread::spawn(move || drop(runtime.block_on(ended)));
        Own { handle, thread: Some(thread), end: Some(end) }
    }

    fn handle(&self) -> Handle {
        self.handle.clone()
    }

    fn thread(&self) -> ThreadId {
        self.thread.as_ref().unwrap().thread().id()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.end.take();
        self.thread.take().map(thread::JoinHandle::join);
    }
}

#[tokio::test]
async fn memory_is_refused_before_it_is_used() {
    let stage = Stage::with(Script::default(), |o| {
        o.max_message_bytes = 150_000;
        o.memory_budget = 100_000;
    });
    let stage = stage.await;
    let mut one = stage.client().await;
    one.expect("220 ").await;
    // The limit is no more than the budget, nor than the relay's.
    assert!(one.say("EHLO c\r\n", "250").await.ends_with("250 SIZE 20000\r\n"));
    let mut holders = Vec::new();
    for _ in 0..5 {
        let mut holder = stage.greeted().await;
        holder.say("MAIL FROM:<a> SIZE=19000\r\n", "250 ").await;
        holder.say("RCPT TO:<b>\r\n", "250 ").await;
        assert_eq!(stage.free(), 100_000 - holders.len() * 19_000, "a mail without a message takes nothing");
        holder.say("DATA\r\n", "354 ").await;
        holders.push(holder);
    }
    one.say("MAIL FROM:<a> SIZE=6000\r\n", "452 4.3.1 ").await;
    one.say("MAIL FROM:<a> SIZE=5000\r\n", "250 ").await;
    one.say("RCPT TO:<b>\r\n", "250 ").await;
    // There was room when it asked, but not any more.
    let mut two = stage.greeted().await;
    two.say("MAIL FROM:<a> SIZE=4900\r\n", "250 ").await;
    two.say("RCPT TO:<b>\r\n", "250 ").await;
    one.say("DATA\r\n", "354 ").await;
    two.say("DATA\r\n", "452 4.3.1 ").await;
    let mut three = stage.greeted().await;
    three.say("MAIL FROM:<a>\r\n", "250 ").await;
    three.say("RCPT TO:<b>\r\n", "250 ").await;
    three.say("DATA\r\n", "452 4.3.1 ").await;
    // It said 5,000, and is more: that shows at its end, which is read.
    one.send(&"0123456789abcdef\r\n".repeat(500)).await;
    one.say(".\r\n", "452 4.3.1 ").await;
    one.say("MAIL FROM:<a> SIZE=5000\r\n", "250 ").await;
    // One has gone, so there is room: the transactions that were refused stand.
    drop((one, holders.pop()));
    stage.until("room", |s| s.free() == 100_000 - 4 * 19_000).await;
    for again in [&mut two, &mut three] {
        again.say("DATA\r\n", "354 ").await;
        again.say("text\r\n.\r\n", "250 ").await;
    }
    drop((two, three, holders));
    stage.settled().await;
    assert_eq!(stage.messages(), ["text"; 2]);
    let mut outcomes = stage.outcomes();
    outcomes.sort_unstable();
    let expected = [&["failed"; 5][..], &["forwarded"; 2], &["no_memory"; 4]].concat();
    assert_eq!(outcomes, expected);
}

/// What judges need on top of the messages has a limit of its own.
#[tokio::test]
async fn large_messages_are_judged_fewer_at_a_time() {
    // A message of 30,000 bytes counts for 22 units of 64 KiB, one of 200,000 for 147.
    for (bytes, mib, most) in [(30_000, 3, 2), (30_000, 64, 4), (200_000, 1, 1), (100, 2, 2)] {
        let script = Script { replies: vec![("EHLO", "250 relay\r\n")], ..Script::default() };
        let stage = Stage::with(script, |o| {
            o.max_judgements = 8;
            o.judge_memory = mib << 20;
        });
        let stage = stage.await;
        let text = format!("WAIT\r\n{}.\r\n", "x\r\n".repeat(bytes / 3));
        let mut clients = Vec::new();
        for _ in 0..4 {
            let mut client = stage.client().await;
            client.send("EHLO c\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\n").await;
            client.expect_all(&["220 ", "250", "250 ", "250 ", "354 "]).await;
            client.send(&text).await;
            clients.push(client);
        }
        stage.until("all have a turn", |s| s.shared.judgements.free_turns() == 4).await;
        stage.until("some are judged", |s| s.words.waiting() == most).await;
        stage.words.open();
        for client in &mut clients {
            client.expect("250 2.0.0 queued").await;
        }
        let seen = stage.words.gate.lock().unwrap().most;
        assert_eq!(seen, most, "{bytes} bytes in {mib} MiB");
        drop(clients);
        stage.settled().await;
    }
}

/// Sessions stay on the runtime they were given, and quick messages are judged there, whatever becomes of them.
#[tokio::test]
async fn sessions_are_spread_over_runtimes() {
    let own = Own::start();
    let stage = Stage::with(Script::default(), |o| o.runtimes = vec![own.handle()]);
    let stage = stage.await;
    stage.words.quick.store(100, Ordering::Relaxed);
    // The first runtime has enough then.
    let mut clients = Vec::new();
    for _ in 0..9 {
        clients.push(stage.greeted().await);
    }
    let long = "long\r\n".repeat(100);
    for (client, text, reply) in [
        (0, "PANIC\r\n", "451 4.3.0 "),
        (8, "REFUSE\r\n", "550 5.7.1 "),
        (0, "a\r\n", "250 "),
        (8, "b\r\n", "250 "),
        (0, &long, "250 "),
    ] {
        let client = &mut clients[client];
        client.send("MAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\n").await;
        client.expect_all(&["250 ", "250 ", "354 "]).await;
        client.say(&format!("{text}.\r\n"), reply).await;
    }
    drop(clients);
    stage.settled().await;
    let threads = stage.words.threads.lock().unwrap().clone();
    let [one, two] = [thread::current().id(), own.thread()];
    assert_eq!(threads[..4], [one, two, one, two]);
    assert!(![one, two].contains(&threads[4]), "a blocking thread");
}

/// 200 clients at once, with memory for a few, that come back when they are told to: each message arrives once.
#[tokio::test]
async fn none_is_lost_and_none_doubled() {
    // On the one runtime of all, then on two more, with every message judged in place.
    come_back_until_done(&[], 0).await;
    come_back_until_done(&[Own::start(), Own::start()], 10_000).await;
}

async fn come_back_until_done(runtimes: &[Own], quick: usize) {
    const CLIENTS: usize = 200;
    let stage = Stage::with(Script::default(), |o| {
        o.memory_budget = 100_000;
        // A client can be back before its last session has taken leave of the relay.
        o.max_sessions = 3 * CLIENTS;
        o.runtimes = runtimes.iter().map(Own::handle).collect();
    });
    let stage = Arc::new(stage.await);
    stage.words.quick.store(quick, Ordering::Relaxed);
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let stage = Arc::clone(&stage);
        clients.push(tokio::spawn(async move {
            let size = if number % 2 == 0 { " SIZE=9000" } else { "" };
            let text = format!("n{number}\r\n{}.\r\n", "..dots and text\r\n".repeat(500));
            for attempt in 1..=2_000 {
                let mut client = stage.greeted().await;
                let mut done = false;
                for said in [&format!("MAIL FROM:<a>{size}\r\n"), "RCPT TO:<b>\r\n", "DATA\r\n", &text] {
                    client.send(said).await;
                    let reply = client.reply().await;
                    done = reply.starts_with("250 2.0.0 queued");
                    if reply.starts_with('4') {
                        break;
                    }
                    assert!(reply.starts_with("250") || reply.starts_with("354"), "{reply:?}");
                }
                client.say("QUIT\r\n", "221 ").await;
                client.expect("").await;
                if done {
                    return attempt;
                }
                // Longer each time: those who come back must not be all that there is to do.
                sleep(Duration::from_millis(3 + (number % 7 + attempt.min(100)) as u64)).await;
            }
            panic!("it never got through");
        }));
    }
    let mut attempts = 0;
    for client in clients {
        attempts += timeout(Duration::from_secs(400), client).await.expect("in time").unwrap();
    }
    assert!(attempts > CLIENTS, "the budget was never short");
    stage.settled().await;
    let mut messages = stage.messages();
    messages.sort();
    let mut expected: Vec<String> = (0..CLIENTS)
        .map(|n| format!("n{n}\r\n{}", "..dots and text\r\n".repeat(500)).trim_end().to_owned())
        .collect();
    expected.sort();
    assert!(messages == expected, "{} messages of {CLIENTS}", messages.len());
}

/// A relay that fails again and again, at every step: what a client was told 250 for is what the relay has said 250 to.
/// The other way round it need not be where the relay's 250 comes too late (RFC 1047), so nothing here is in a hurry.
#[tokio::test]
async fn nothing_is_acknowledged_that_the_relay_has_not() {
    // A mail takes six replies, so the last client gets through.
    for every in [7, 9, 11, 16] {
        let script = Script { fault_every: Some(every), ..Script::default() };
        let stage = Arc::new(Stage::with(script, |_| ()).await);
        let mut clients = Vec::new();
        for number in 0..40 {
            let stage = Arc::clone(&stage);
            clients.push(tokio::spawn(async move {
                let said = format!("EHLO c\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\nn{number}\r\n.\r\n");
                for attempt in 0..500 {
                    let mut client = stage.client().await;
                    let mut steps = said.split_inclusive("\r\n").collect::<Vec<_>>();
                    let text = steps.split_off(4).concat();
                    let mut reply = client.reply().await;
                    for said in steps.into_iter().chain([text.as_str()]) {
                        if !reply.starts_with('2') && !reply.starts_with('3') {
                            break;
                        }
                        client.send(said).await;
                        reply = client.reply().await;
                    }
                    if reply == "250 2.0.0 queued as 7\r\n" {
                        return (format!("n{number}").into_bytes(), attempt);
                    }
                }
                panic!("it never got through");
            }));
        }
        let mut sent = Vec::new();
        for client in clients {
            sent.push(timeout(Duration::from_secs(400), client).await.expect("in time").unwrap().0);
        }
        stage.settled().await;
        let got = stage.got.lock().unwrap();
        for text in &sent {
            let times = got.acknowledged.iter().filter(|m| *m == text).count();
            assert_eq!(times, 1, "one fault in {every}: {}", text.escape_ascii());
        }
    }
}
