#![allow(missing_docs, clippy::all, clippy::print_stdout, clippy::unwrap_used)]
#[path = "../benches/corpus/mod.rs"]
mod corpus;
fn main() {
    let t = std::time::Instant::now();
    let engine = scrubjay::detect::Engine::builtin();
    println!("compile {:?}", t.elapsed());
    for (n, text) in [("json", corpus::json(1 << 20)), ("text", corpus::text(1 << 20)), ("notif", corpus::notifications(1 << 20))] {
        println!("== {n}: {} records", text.split(|b| *b == b'\n').count());
        for (k, tries, hits) in engine.stats(&text).into_iter().take(25) {
            println!("{tries:8} {hits:7} {k}");
        }
    }
}
