//! The recipes of docs/gateway.md, run as they stand there, but for ports: what arrives at the provider has no identifier in it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::kit::{Dir, contains, root};

const PAGE: &str = "docs/gateway.md";
const PLANTED: &str = "219-10-9999";
/// Where recipes listen.
const ADDRESS: &str = "127.0.0.1:10080";

/// A recipe: its name, its pipeline and its command.
struct Recipe {
    name: String,
    pipeline: String,
    command: String,
}

/// Those recipes that are a pipeline and a command.
fn recipes() -> Vec<Recipe> {
    let page = std::fs::read_to_string(root().join(PAGE)).unwrap();
    let all = page.split_once("\n## Recipes\n").expect("a section of recipes").1;
    let block = |section: &str, of: &str| {
        let begin = section.find(&format!("```{of}\n"))? + of.len() + 4;
        let len = section[begin..].find("```")?;
        Some(section[begin..begin + len].to_owned())
    };
    let sections = all.split("\n### ").skip(1);
    let complete = sections.filter_map(|section| {
        let name = section.lines().next()?.to_owned();
        Some(Recipe { name, pipeline: block(section, "toml")?, command: block(section, "sh")? })
    });
    complete.collect()
}

/// A provider that takes everything, and tells what it took.
fn provider(tell: Sender<Vec<u8>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let tell = tell.clone();
            std::thread::spawn(move || take(stream, &tell));
        }
    });
    port
}

fn take(stream: TcpStream, tell: &Sender<Vec<u8>>) {
    let mut input = BufReader::new(stream.try_clone().unwrap());
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let from = head.len();
            if input.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
            let line = head[from..].to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        input.read_exact(&mut body).unwrap();
        let _ = tell.send([head.as_bytes(), &body].concat());
        let _ = (&stream)
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Runs one; what the provider got.
fn run(recipe: &Recipe) -> Vec<u8> {
    let (tell, told): (_, Receiver<Vec<u8>>) = channel();
    let (own, upstream) = (free_port(), provider(tell));
    let dir = Dir::new();
    let mut pipeline = recipe.pipeline.replace(ADDRESS, &format!("127.0.0.1:{own}"));
    assert_ne!(pipeline, recipe.pipeline, "{}: it does not listen at {ADDRESS}", recipe.name);
    let to = format!("upstream = \"http://127.0.0.1:{upstream}\"\n");
    pipeline = match pipeline.split_once("[sink.http]\n") {
        Some((before, after)) => {
            let after: Vec<&str> = after.lines().filter(|line| !line.starts_with("upstream")).collect();
            format!("{before}[sink.http]\n{to}{}\n", after.join("\n"))
        }
        None => format!("{pipeline}\n[sink.http]\n{to}"),
    };
    // Apple's HTTP/2 in clear text would need another provider here; what it is sent is the same.
    if pipeline.contains("\"apns\"") {
        let apns = std::fs::read_to_string(root().join("src/gateway/providers/data/apns.toml")).unwrap();
        dir.file("apns.toml", apns.replace("http2 = true\n", ""));
        pipeline = pipeline.replace("\"apns\"", "\"apns.toml\"");
    }
    dir.file("gateway.toml", pipeline);
    let mut running = dir
        .cmd()
        .args("run gateway.toml")
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .timeout(Duration::from_secs(120))
        .spawn();
    running.wait_for_stderr("requests are taken on");
    let command = recipe.command.replace(ADDRESS, &format!("127.0.0.1:{own}"));
    let ran = Command::new("sh").args(["-c", &command]).output().unwrap();
    assert!(ran.status.success(), "{}: {}", recipe.name, String::from_utf8_lossy(&ran.stderr));
    let got = told.recv_timeout(Duration::from_secs(60));
    let got = got.unwrap_or_else(|_| {
        panic!(
            "{}: nothing arrived; the client was told {}",
            recipe.name,
            String::from_utf8_lossy(&ran.stdout)
        )
    });
    running.signal("TERM");
    let out = running.wait().code(0);
    assert!(
        !contains(&out.all(), PLANTED) && !contains(&out.all(), "5550187"),
        "{}: in the log",
        recipe.name
    );
    got
}

#[test]
fn recipes_for_providers_do_what_the_page_says() {
    if Command::new("curl").arg("--version").output().is_err() {
        return;
    }
    let recipes = recipes();
    assert!(recipes.len() >= 12, "{} recipes", recipes.len());
    for recipe in &recipes {
        assert!(recipe.command.contains("219-"), "{}: nothing planted", recipe.name);
        let got = run(recipe);
        let text = String::from_utf8_lossy(&got).into_owned();
        assert!(!text.contains("219-") && !text.contains("-9999"), "{}: {text}", recipe.name);
        for address in ["12125550187", "pat@example.net"].iter().filter(|a| recipe.command.contains(**a)) {
            assert!(
                text.contains(address) || text.contains(&address.replace('@', "%40")),
                "{}: {text}",
                recipe.name
            );
        }
        if recipe.pipeline.contains("\"ses\"") {
            assert!(text.contains("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{text}");
        }
    }
}
