//! Texts written to be slow, each of them one line, beside the JSON logs: how fast they go at 1 MiB and at 4 MiB, and
//! how much longer a byte takes in the longer one. What takes time in proportion to its length has 1.0 there.
//!
//! `cargo bench --bench hostile` prints a table; `-- WORD...` measures only the texts whose names hold a WORD.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[allow(dead_code, reason = "shared with the other benches")]
mod common;

use std::time::Duration;

use common::{corpus, cpu_time, scrub};
use scrubjay::scrubber::{Scratch, Scrubber, Settings};

const MIB: usize = 1 << 20;
/// A text is gone through until this much time has passed, and at most so often; the shortest time counts.
const ENOUGH: Duration = Duration::from_secs(1);
const MOST_RUNS: usize = 7;

/// A text that goes slower than this is not measured at its full length.
const LEAST_MIB_A_SECOND: f64 = 0.2;

/// Makes a text of so many bytes.
type Make = fn(usize) -> Vec<u8>;

const TEXTS: &[(&str, Make)] = &[
    ("digits", |n| repeat("0123456789", n)),
    ("ones", |n| repeat("1", n)),
    ("@", |n| repeat("@", n)),
    ("a@", |n| repeat("a@", n)),
    ("capitals", |n| repeat("ABCDEFGHIJKLMNOPQRSTUVWXYZ", n)),
    ("blanks", |n| repeat(" ", n)),
    ("open brackets", |n| repeat("[", n)),
    ("open braces", |n| repeat("{\"a\":", n)),
    ("JSON 10,000 deep", nested),
    ("quotes", |n| repeat("\"", n)),
    ("backslashes", |n| repeat("\\", n)),
    ("escaped JSON", |n| repeat("{\\\"a\\\":", n)),
    ("Hospital", |n| repeat("Hospital ", n)),
    ("Patient:", |n| repeat("Patient: ", n)),
    ("John", |n| repeat("John ", n)),
    ("McDonald-", |n| repeat("McDonald-", n)),
    ("de la", |n| repeat("de la ", n)),
    ("A.", |n| repeat("A.", n)),
    ("comma", |n| repeat(" ,", n)),
    ("digits and marks", |n| mixed(n, b"0123456789.-/:() ")),
    ("words and marks", |n| mixed(n, b"abcdeABCDE01.-/:@_%=\"'() ,")),
    ("base64", |n| mixed(n, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")),
    ("combining marks", |n| repeat("e\u{301}", n)),
    ("combining marks only", |n| repeat("\u{301}", n)),
    ("zero-width joiners", |n| repeat("\u{200d}", n)),
    ("joiners in a number", |n| repeat("2\u{200d}1\u{200b}9-", n)),
    ("full-width digits", |n| repeat("\u{ff12}\u{ff11}\u{ff19}", n)),
    ("percent escapes", |n| repeat("%32%31%39", n)),
    ("utm_campaign", |n| repeat("utm_campaign=John&", n)),
    ("key=value", |n| repeat("name=John dob=1962-03-14 ", n)),
    ("dates", |n| repeat("03/14/1962 ", n)),
    ("months", |n| repeat("March ", n)),
    ("SSN 80,000 a MB", |n| repeat("219-10-9999 ", n)),
    ("addresses", |n| repeat("12 Elm ", n)),
    ("dots", |n| repeat("1.", n)),
    ("colons", |n| repeat("a:", n)),
    ("markers", |n| repeat("[SSN", n)),
    ("no text", |n| repeat("\u{0}\u{ff}", n)),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let scrubber = Scrubber::new(Settings::new());
    let mut scratch = Scratch::default();
    let logs = corpus::json(4 * MIB);
    let typical = mib_a_second(&scrubber, &logs, &mut scratch);
    println!(
        "| text | MiB/s, 1 MiB | MiB/s, 4 MiB | time a byte, 4 MiB to 1 MiB | of the speed of JSON logs |"
    );
    println!("| --- | --- | --- | --- | --- |");
    println!("| JSON logs | | {typical:.1} | | 1.00 |");
    for (name, make) in TEXTS {
        if !words.is_empty() && !words.iter().any(|w| name.contains(w.as_str())) {
            continue;
        }
        let mut measure = |n| mib_a_second(&scrubber, &make(n), &mut scratch);
        // Who would have to wait for minutes is told so by a part of the text.
        let [short, long] = [MIB / 16, MIB / 4].map(&mut measure);
        let (mark, [short, long]) = if long < LEAST_MIB_A_SECOND {
            (" (of 64 and 256 KiB)", [short, long])
        } else {
            ("", [MIB, 4 * MIB].map(measure))
        };
        println!("| {name}{mark} | {short:.2} | {long:.2} | {:.2} | {:.3} |", short / long, long / typical);
    }
}

fn mib_a_second(scrubber: &Scrubber, text: &[u8], scratch: &mut Scratch) -> f64 {
    let mut best = Duration::MAX;
    let mut all = Duration::ZERO;
    for _ in 0..MOST_RUNS {
        let before = cpu_time();
        scrub(scrubber, text, scratch);
        let took = cpu_time() - before;
        best = best.min(took);
        all += took;
        if all > ENOUGH {
            break;
        }
    }
    text.len() as f64 / MIB as f64 / best.as_secs_f64()
}

/// Whole pieces: what is left of one at the end may be found, and then the text is gone through once more.
fn repeat(piece: &str, bytes: usize) -> Vec<u8> {
    piece.repeat(bytes / piece.len()).into_bytes()
}

/// Bytes out of `alphabet`, seeded.
fn mixed(bytes: usize, alphabet: &[u8]) -> Vec<u8> {
    let mut state = 7_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        alphabet[(state >> 33) as usize % alphabet.len()]
    };
    (0..bytes).map(|_| next()).collect()
}

/// Arrays in arrays, as one array of such.
fn nested(bytes: usize) -> Vec<u8> {
    const DEEP: usize = 10_000;
    let one = format!("{}219-10-9999{},", "[".repeat(DEEP), "]".repeat(DEEP));
    let mut out = one.repeat(bytes / one.len());
    out.insert(0, '[');
    out.push_str("0]");
    out.into_bytes()
}
