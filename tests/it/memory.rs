//! How much memory the filter takes at most, as the system counts it.

use std::fmt::Write as _;

use scrubjay::detect::Engine;

use crate::kit::Cmd;

const MIB: usize = 1 << 20;
/// What it may take with one worker while records are shorter than [`SHORT`], with all detectors at work, and what each worker
/// more may take. An optimised build takes some 40 to 60 MiB and 12; the rest is room for other machines, allocators and builds.
const MOST: usize = 64 * MIB;
const WORKER: usize = 24 * MIB;
const SHORT: usize = MIB;
/// What the longest record adds, as a multiple of its size.
const OF_RECORD: usize = 3;
/// A line of text that is longer is read in windows of this size.
const WINDOW: usize = 16 * MIB;

/// Logs in which every detector finds something: each line has other figures, and one in so many ends with an example.
fn logs(bytes: usize, one_in: usize) -> String {
    let engine = Engine::builtin();
    let examples = engine.detectors().iter().flat_map(|d| d.examples.iter().chain(&d.counter_examples));
    let examples: Vec<String> = examples.map(|e| e.replace(['«', '»', '\n'], " ")).collect();
    let (mut text, mut n) = (String::new(), 1u64);
    for i in 0.. {
        if text.len() >= bytes {
            break;
        }
        n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (a, b, c) = (n >> 54, n >> 44 & 1023, n >> 32 & 4095);
        let _ = write!(text, "2026-03-14T10:{:02}:{:02}.{a:03}Z INFO [http-nio-{}] ", b % 60, c % 60, a % 16);
        let _ =
            write!(text, "c.e.api.Orders - order {b} of queue {c} shipped in {a} ms trace={n:016x}{c:016x}");
        if i % one_in == 0 {
            let _ = write!(text, " {}", examples[i / one_in % examples.len()]);
        }
        text.push('\n');
    }
    text
}

/// The same in lines of this length, or one line.
fn long_lines(bytes: usize, each: usize) -> String {
    let text = logs(bytes, 128).replace('\n', " ");
    let mut lines = String::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let end =
            (each.min(rest.len())..rest.len()).find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
        lines.push_str(&rest[..end]);
        lines.push('\n');
        rest = &rest[end..];
    }
    lines
}

/// The same as records of JSON, each with so many messages; `between` stands between two of them.
fn json(bytes: usize, each: usize, between: &str) -> String {
    let mut all = String::new();
    let text = logs(bytes, if each == 1 { 16 } else { 128 });
    let lines: Vec<&str> = text.lines().collect();
    for part in lines.chunks(each) {
        let members = part.iter().enumerate().map(|(i, line)| {
            let line = line.replace('\\', "\\\\").replace('"', "\\\"");
            format!("{{\"level\":\"info\",\"seq\":{i},\"message\":\"{line}\"}}")
        });
        let members: Vec<String> = members.collect();
        let _ = writeln!(all, "[{}]", members.join(between));
    }
    all
}

/// The most memory that the command has taken when it has passed on all of this.
fn peak(args: &str, input: &str) -> usize {
    const END: &str = "that is all\n";
    let mut running =
        Cmd::new().args("--quiet").args(args).timeout(std::time::Duration::from_secs(240)).spawn();
    running.write(input);
    running.write(END);
    running.wait_for_stdout_to_end_with(END);
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.id())).unwrap();
    running.finish().code(0);
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[test]
fn memory_is_bounded() {
    let records = |name: &'static str, input: String| {
        let longest = input.lines().map(str::len).max().unwrap();
        (name, input, longest)
    };
    let cases = [
        records("lines", logs(8 * MIB, 16)),
        records("lines of 900 KB", long_lines(8 * MIB, 900_000)),
        records("records of JSON", json(8 * MIB, 1, "")),
        records("records of JSON of 900 KB", json(8 * MIB, 4_200, ",")),
        records("blank lines", "\n".repeat(8 * MIB)),
        ("a document that is none", format!("[{}x\n", "\n".repeat(8 * MIB)), 8 * MIB),
        records("a line of 20 MB", long_lines(20 * MIB, usize::MAX)),
        records("lines of 6 MB", long_lines(18 * MIB, 6 * MIB)),
        records("records of JSON of 6 MB", json(14 * MIB, 30_000, ",")),
    ];
    let mut wrong = Vec::new();
    for (name, input, longest) in cases {
        let record = longest.min(WINDOW);
        let more = if record < SHORT { 0 } else { OF_RECORD * record };
        for (args, workers) in [("--threads 1", 1), ("--threads 2 --profile safe-harbor", 2)] {
            let most = MOST + (workers - 1) * WORKER + more;
            let peak = peak(args, &input);
            let line = format!(
                "{name}, {args}: {} MiB, records of {} KiB, allowed are {} MiB",
                peak / MIB,
                longest >> 10,
                most / MIB
            );
            if std::env::var_os("SCRUBJAY_SHOW_MEMORY").is_some() {
                let _ = std::io::Write::write_all(&mut std::io::stdout(), format!("{line}\n").as_bytes());
            }
            if peak > most {
                wrong.push(line);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
