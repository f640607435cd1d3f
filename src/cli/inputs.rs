//! The files a command reads, or standard input.

use std::fs::{File, Metadata};
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::failure::say;
use crate::config::{did_you_mean, plain_reason};
use crate::reason::unreadable;

/// The inputs of a command, in order. A file that cannot be read is told of and passed over: the others are read.
pub(super) struct Inputs {
    paths: Vec<PathBuf>,
    shared: Arc<Shared>,
}

/// What the readers tell the command.
struct Shared {
    failed: AtomicBool,
    bar: ProgressBar,
    /// The file that standard output goes to.
    output: Option<(u64, u64)>,
}

impl Inputs {
    /// These files; none is standard input, which `-` is too.
    pub(super) fn new(files: &[PathBuf]) -> Inputs {
        let paths = if files.is_empty() { vec![PathBuf::from("-")] } else { files.to_vec() };
        let output = standard_output().filter(Metadata::is_file).and_then(|m| identity(&m));
        Inputs {
            paths,
            shared: Arc::new(Shared { failed: AtomicBool::new(false), bar: ProgressBar::hidden(), output }),
        }
    }

    /// Shows how far it has got, if all inputs are files, somebody watches, and the output goes elsewhere.
    pub(super) fn with_progress(mut self) -> Inputs {
        let size = |p: &PathBuf| p.metadata().ok().filter(Metadata::is_file).map(|m| m.len());
        let total: Option<u64> = self.paths.iter().map(size).sum();
        if let Some(total) = total
            && io::stderr().is_terminal()
            && !io::stdout().is_terminal()
        {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let style = "{bar:40} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}";
            if let Ok(style) = ProgressStyle::with_template(style) {
                bar.set_style(style);
            }
            if let Some(shared) = Arc::get_mut(&mut self.shared) {
                shared.bar = bar;
            }
        }
        self
    }

    /// Says that it waits, when somebody has to type.
    pub(super) fn hint(&self) {
        if self.paths.iter().any(|p| p.as_os_str() == "-") && io::stdin().is_terminal() {
            say("reading from the terminal; end with Ctrl-D");
        }
    }

    /// A reader of each, by name. Files are opened when they are first read.
    pub(super) fn readers(&self) -> Vec<(String, Box<dyn Read + Send>)> {
        let open = |path: &PathBuf| {
            let name = if path.as_os_str() == "-" {
                "standard input".to_owned()
            } else {
                path.display().to_string()
            };
            let reader = Input { path: path.clone(), state: State::Unopened, shared: self.shared.clone() };
            (name, Box::new(reader) as Box<dyn Read + Send>)
        };
        self.paths.iter().map(open).collect()
    }

    /// Ends the progress bar; whether any input could not be read.
    pub(super) fn finish(&self) -> bool {
        self.shared.bar.finish_and_clear();
        self.shared.failed.load(Ordering::Relaxed)
    }
}

/// A file that is opened when it is read. Its errors end it, not the command.
struct Input {
    path: PathBuf,
    state: State,
    shared: Arc<Shared>,
}

enum State {
    Unopened,
    File(File),
    Stdin,
    Done,
}

impl Input {
    fn fail(&mut self, text: String) -> usize {
        self.state = State::Done;
        self.shared.failed.store(true, Ordering::Relaxed);
        self.shared.bar.suspend(|| say(text));
        0
    }

    fn open(&mut self) -> Result<State, String> {
        if self.path.as_os_str() == "-" {
            return Ok(State::Stdin);
        }
        let shown = self.path.display();
        let file = File::open(&self.path).map_err(|e| cannot_read(&self.path, &e))?;
        let about = file.metadata().map_err(|e| cannot_read(&self.path, &e))?;
        if about.is_dir() {
            return Err(format!("{shown} is a directory; name the files in it, as in {shown}/*"));
        }
        if self.shared.output.is_some() && about.is_file() && identity(&about) == self.shared.output {
            return Err(format!("{shown} is the output too, and would never end; write to another file"));
        }
        Ok(State::File(file))
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if matches!(self.state, State::Unopened) {
            match self.open() {
                Ok(state) => self.state = state,
                Err(text) => return Ok(self.fail(text)),
            }
        }
        let read = match &mut self.state {
            State::File(file) => file.read(buffer),
            // Unlocked and unbuffered would be better still; the buffer is passed by for reads as large as ours.
            State::Stdin => io::stdin().read(buffer),
            State::Unopened | State::Done => return Ok(0),
        };
        match read {
            Ok(n) => {
                self.shared.bar.inc(n as u64);
                Ok(n)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Err(e),
            Err(e) => {
                let text = match self.state {
                    State::Stdin => format!("cannot read standard input: {}", plain_reason(&e)),
                    _ => cannot_read(&self.path, &e),
                };
                Ok(self.fail(text))
            }
        }
    }
}

fn cannot_read(path: &Path, e: &io::Error) -> String {
    let shown = path.display().to_string();
    let names = super::command_names();
    let meant = match e.kind() {
        // A word alone may have been meant for a command.
        io::ErrorKind::NotFound if !shown.contains(['/', '.', '\\']) => {
            did_you_mean(&shown, names.iter().map(|s| &**s))
        }
        _ => None,
    };
    match meant {
        Some(command) if command == shown => {
            format!(
                "cannot read {shown}: no such file; a command goes before everything else: scrubjay {command}"
            )
        }
        Some(command) => format!("{shown}: no such file, and no command; did you mean `scrubjay {command}`?"),
        None => format!("cannot read {shown}: {}", unreadable(e)),
    }
}

#[cfg(unix)]
pub(super) fn identity(about: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((about.dev(), about.ino()))
}

#[cfg(not(unix))]
pub(super) fn identity(_: &Metadata) -> Option<(u64, u64)> {
    None
}

#[cfg(unix)]
fn standard_output() -> Option<Metadata> {
    use std::os::fd::AsFd;
    let own = io::stdout().as_fd().try_clone_to_owned().ok()?;
    File::from(own).metadata().ok()
}

#[cfg(not(unix))]
fn standard_output() -> Option<Metadata> {
    None
}
