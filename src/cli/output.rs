//! Standard output of the filter.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Standard output, of which is known whether its last line has been ended.
pub(super) struct Output {
    out: io::Stdout,
    within_line: Arc<AtomicBool>,
}

/// Says where an [`Output`] stands, when that has gone elsewhere.
pub(super) struct Cursor(Arc<AtomicBool>);

impl Output {
    /// Standard output.
    pub(super) fn new() -> (Output, Cursor) {
        let within_line = Arc::<AtomicBool>::default();
        (Output { out: io::stdout(), within_line: within_line.clone() }, Cursor(within_line))
    }
}

impl Cursor {
    /// Begins a new line where one terminal shows both outputs and the last line was not ended: what is said next
    /// would stand behind data.
    pub(super) fn new_line(&self) {
        let shared = io::stdout().is_terminal() && io::stderr().is_terminal();
        if shared && self.0.swap(false, Ordering::Relaxed) {
            let _ = writeln!(io::stderr());
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.out.write(bytes)?;
        if let Some(last) = bytes[..n].last() {
            self.within_line.store(*last != b'\n', Ordering::Relaxed);
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
