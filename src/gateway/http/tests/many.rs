//! Many requests, less memory than they want, and the end.

use super::secure::{ask_h2, h2};
use super::*;

const BUDGET: usize = 100 << 10;

#[tokio::test]
async fn memory_is_refused_before_it_is_used() {
    let stage = Stage::with(|o| o.memory_budget = BUDGET).await;
    let mut holders = Vec::new();
    for n in 1..=9 {
        let mut holder = stage.client().await;
        holder.send(&format!("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", 10 << 10)).await;
        until("it is accounted for", || stage.budget.free() == BUDGET - n * (10 << 10)).await;
        holders.push(holder);
    }
    // No body was read: the client that waits is told at once.
    let mut one = stage.client().await;
    let expecting = "POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10241\r\n\r\n";
    one.ask(expecting).await.is_own(503, "too much at once", "unavailable");
    stage.ask(&post("/a", &"x".repeat(10 << 10))).await.is(201, "taken");
    // One that does not say how much it is finds out on the way.
    let long = "x".repeat(20 << 10);
    let chunked = format!(
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5000\r\n{long}\r\n0\r\n\r\n"
    );
    stage.ask(&chunked).await.is_own(503, "too much at once", "unavailable");
    drop(holders.pop());
    until("the memory is given back", || stage.budget.free() == BUDGET - 8 * (10 << 10)).await;
    stage.ask(&chunked).await.is(201, "taken");
    drop(holders);
    stage.settled(BUDGET).await;
    assert_eq!(stage.outcomes().iter().filter(|o| **o == "no_memory").count(), 2);
}

/// 40 connections of 50 requests, half of them HTTP/2 and at once, with memory for a few; they come back when they are told
/// to. Each arrives once.
#[tokio::test]
async fn none_is_lost_and_none_doubled() {
    let stage = Arc::new(Stage::with(|o| o.memory_budget = BUDGET).await);
    let mut clients = Vec::new();
    for number in 0..40 {
        let stage = Arc::clone(&stage);
        clients.push(tokio::spawn(async move {
            let text = |n: usize| format!("{number}.{n} {}", "x".repeat(5_000));
            if number % 2 == 0 {
                let mut client = stage.client().await;
                for n in 0..50 {
                    while client.ask(&post("/a", &text(n))).await.status != 201 {
                        sleep(Duration::from_millis(5)).await;
                        client = stage.client().await;
                    }
                }
                return;
            }
            let client = h2(TcpStream::connect(stage.proxy).await.unwrap()).await;
            let mut running = Vec::new();
            for n in 0..50 {
                let (mut client, text) = (client.clone(), text(n));
                running.push(tokio::spawn(async move {
                    while ask_h2(&mut client, "POST", "/a", &text).await.0.status() != 201 {
                        sleep(Duration::from_millis(5)).await;
                    }
                }));
            }
            for one in running {
                one.await.unwrap();
            }
        }));
    }
    for client in clients {
        timeout(PATIENCE, client).await.expect("in time").unwrap();
    }
    let mut bodies: Vec<_> = stage.seen().into_iter().map(|s| s.body).collect();
    bodies.sort();
    bodies.dedup();
    assert_eq!((bodies.len(), stage.seen().len()), (2_000, 2_000));
    stage.settled(BUDGET).await;
}

#[tokio::test]
async fn requests_and_connections_are_bounded() {
    let stage = Stage::with(|o| (o.max_requests, o.max_connections) = (2, 4)).await;
    let mut holders = Vec::new();
    for n in 1..=2 {
        let mut holder = stage.client().await;
        holder.send(&post("/hang", "x")).await;
        until("it has arrived", || stage.seen().len() == n).await;
        holders.push(holder);
    }
    let get = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut third = stage.client().await;
    third.ask(get).await.is_own(503, "too many requests at once", "unavailable");
    let fourth = stage.client().await;
    until("it is served", || stage.count.0.lock().unwrap().0 == 4).await;
    assert_eq!(stage.client().await.rest().await, "");
    drop((fourth, holders.pop()));
    until("there is room", || stage.count.0.lock().unwrap().0 == 2).await;
    let mut client = stage.client().await;
    client.ask(&post("/a", "x")).await.is(201, "taken");
    // A turn ends with the reply, not with its beginning.
    client.send("GET /stall HTTP/1.1\r\nHost: a\r\n\r\n").await;
    client.through("\r\n\r\n").await.unwrap();
    third.ask(get).await.is_own(503, "too many requests at once", "unavailable");
    drop(client);
    until("it is gone", || stage.count.0.lock().unwrap().0 == 2).await;
    third.ask(get).await.is(201, "taken");
}

#[tokio::test]
async fn running_requests_end_after_a_stop() {
    let stage = Stage::new().await;
    let mut idle = stage.client().await;
    idle.ask(&post("/a", "x")).await.is(201, "taken");
    let silent = stage.client().await;
    let mut running = stage.client().await;
    running.send(&post("/a", "SLOW")).await;
    let two = h2(TcpStream::connect(stage.proxy).await.unwrap()).await;
    let mut theirs = two.clone();
    let running_two = tokio::spawn(async move { ask_h2(&mut theirs, "POST", "/a", "SLOW").await.0.status() });
    until("they are served", || stage.count.0.lock().unwrap().0 == 4 && stage.budget.free() < 512 << 20)
        .await;
    until("both are there", || stage.budget.free() <= (512 << 20) - 2048).await;
    stage.stop.send(true).unwrap();
    assert_eq!(idle.rest().await, "");
    assert_eq!(silent.rest().await, "");
    running.reply(false).await.is(201, "taken");
    assert_eq!(running_two.await.unwrap(), 201);
    timeout(PATIENCE, stage.served).await.unwrap().unwrap();
    assert!(TcpStream::connect(stage.proxy).await.is_err());
    assert_eq!(stage.count.0.lock().unwrap().0, 0);
}

#[tokio::test]
async fn requests_that_do_not_end_are_broken_off() {
    let stage = Stage::with(|o| o.timeouts.stop = Duration::from_millis(200)).await;
    let mut running = stage.client().await;
    running.send(&post("/hang", "x")).await;
    until("it has arrived", || stage.seen().len() == 1).await;
    // That nobody is left to say so is a stop, too.
    drop(stage.stop);
    assert_eq!(running.rest().await, "");
    timeout(PATIENCE, stage.served).await.unwrap().unwrap();
    until("the memory is given back", || stage.budget.free() == 512 << 20).await;
}
