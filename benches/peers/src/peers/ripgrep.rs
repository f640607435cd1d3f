//! ripgrep as a process: the yardstick's rules, `--passthru --replace`. Its time holds reading a file and writing one.

use std::fs::{self, File};
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};

use super::{Contestant, Finds, NAMES};
use crate::common;
use crate::corpus::Labelled;
use crate::recall::Removed;

pub struct Ripgrep {
    version: String,
    /// Where its files stand; removed at the end.
    dir: PathBuf,
    /// How much of a text stands there; one contestant reads one text.
    written: bool,
}

/// The first line of `rg --version`, if there is one.
pub fn version() -> Option<String> {
    let output = Command::new("rg").arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next()?.to_string())
}

impl Ripgrep {
    pub fn new() -> Option<Ripgrep> {
        let version = version()?;
        // Memory where there is such a place, so that no disk is measured.
        let shm = PathBuf::from("/dev/shm");
        #[expect(clippy::disallowed_methods, reason = "the texts are invented")]
        let base = if shm.is_dir() { shm } else { std::env::temp_dir() };
        let dir = base.join(format!("scrubjay-peers-{}", std::process::id()));
        fs::create_dir_all(&dir).ok()?;
        Some(Ripgrep { version, dir, written: false })
    }

    fn command(&self) -> Command {
        let mut command = Command::new("rg");
        command.args(["--no-config", "--text", "--no-unicode", "--no-line-number", "--no-filename"]);
        command.args(["--color", "never", "--threads", "1", "--no-encoding"]);
        for rule in common::RULES {
            command.args(["-e", rule]);
        }
        command
    }

    fn give(&mut self, labelled: &Labelled) -> PathBuf {
        let file = self.dir.join("in");
        if !self.written {
            fs::write(&file, &labelled.text).expect("there is room for a text");
            self.written = true;
        }
        file
    }
}

impl Contestant for Ripgrep {
    fn name(&self) -> &'static str {
        NAMES[7]
    }

    fn version(&self) -> String {
        format!(
            "{}; {} rules, --passthru --replace, no unicode, one thread",
            self.version,
            common::RULES.len()
        )
    }

    fn finds(&self) -> Finds {
        Finds::Structured
    }

    fn redact(&mut self, labelled: &Labelled) -> usize {
        let file = self.give(labelled);
        let out = File::create(self.dir.join("out")).expect("there is room for what comes out");
        let status = self
            .command()
            .args(["--passthru", "--replace", "[REDACTED]"])
            .arg(file)
            .stdout(Stdio::from(out))
            .status()
            .expect("rg runs");
        assert!(status.success(), "rg failed");
        fs::metadata(self.dir.join("out")).map_or(0, |m| m.len() as usize)
    }

    /// The child's time, not this thread's.
    fn turn(&mut self, labelled: &Labelled) -> Duration {
        self.give(labelled);
        let before = children();
        self.redact(labelled);
        children() - before
    }

    fn removed(&mut self, labelled: &Labelled) -> Option<Removed> {
        let file = self.give(labelled);
        let output =
            self.command().args(["--only-matching", "--byte-offset"]).arg(file).output().expect("rg runs");
        let spans = output.stdout.split(|b| *b == b'\n').filter_map(span).collect();
        Some(Removed::Spans(spans))
    }
}

impl Drop for Ripgrep {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A line of `--only-matching --byte-offset`: where a match begins, a colon, and the match.
fn span(line: &[u8]) -> Option<Range<usize>> {
    let colon = memchr::memchr(b':', line)?;
    let start: usize = std::str::from_utf8(&line[..colon]).ok()?.parse().ok()?;
    Some(start..start + line.len() - colon - 1)
}

/// CPU time of all children that have ended.
fn children() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the system tells");
    let of = |t: nix::sys::time::TimeVal| {
        Duration::from_micros(t.tv_sec() as u64 * 1_000_000 + t.tv_usec() as u64)
    };
    of(usage.user_time()) + of(usage.system_time())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_are_read() {
        assert_eq!(span(b"17:a:b"), Some(17..20));
        assert_eq!(span(b""), None);
    }
}
