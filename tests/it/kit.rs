//! The kit of the integration tests: a directory of its own for each test, and the `scrubjay` command as a process.
#![allow(dead_code, reason = "a kit is not used up by every test")]

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a command may take unless the test says otherwise. Generous: the machine may be busy.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A directory that goes when the test ends.
pub struct Dir(tempfile::TempDir);

impl Dir {
    /// A new, empty one.
    pub fn new() -> Dir {
        Dir(tempfile::tempdir().unwrap())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, making the directories above it, and gives its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The same, for a file that only its owner may read, as keys must be.
    pub fn secret(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.file(name, content);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Reads a file.
    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Every file below, with its content, in the order of the paths.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        walk(self.path(), &mut |path| found.push((path.to_owned(), std::fs::read(path).unwrap())));
        found.sort();
        found
    }

    /// `scrubjay` in this directory.
    pub fn cmd(&self) -> Cmd {
        Cmd::new().dir(self.path())
    }
}

/// Visits every file below `dir`.
pub fn walk(dir: &Path, visit: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, visit) } else { visit(&path) }
    }
}

/// The root of the project.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether `needle` stands in `haystack`.
pub fn contains(haystack: &[u8], needle: impl AsRef<[u8]>) -> bool {
    let needle = needle.as_ref();
    needle.is_empty() || haystack.windows(needle.len()).any(|w| w == needle)
}

/// A `scrubjay` command to be run.
///
/// It sees none of the caller's `SCRUBJAY_*`, `RUST_*` and `NO_COLOR` variables, and its standard input is empty
/// unless the test gives one.
pub struct Cmd {
    args: Vec<OsString>,
    envs: Vec<(String, String)>,
    dir: Option<PathBuf>,
    stdin: Vec<u8>,
    timeout: Duration,
}

impl Cmd {
    /// `scrubjay` without arguments.
    pub fn new() -> Cmd {
        Cmd { args: Vec::new(), envs: Vec::new(), dir: None, stdin: Vec::new(), timeout: TIMEOUT }
    }

    /// One more argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Cmd {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// More arguments, split at blanks.
    pub fn args(mut self, args: &str) -> Cmd {
        self.args.extend(args.split_whitespace().map(OsString::from));
        self
    }

    /// An environment variable.
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Cmd {
        self.envs.push((name.into(), value.into()));
        self
    }

    /// The working directory.
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Cmd {
        self.dir = Some(dir.into());
        self
    }

    /// What it reads.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Cmd {
        self.stdin = bytes.into();
        self
    }

    /// How long it may take before the test kills it and fails.
    pub fn timeout(mut self, timeout: Duration) -> Cmd {
        self.timeout = timeout;
        self
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Out {
        let input = std::mem::take(&mut self.stdin);
        let mut running = self.spawn();
        let mut stdin = running.stdin.take().unwrap();
        // In a thread of its own: a command that writes before it has read all would block both sides. It
        // may close its input early; that is for the test to judge by what comes out.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let out = running.wait();
        writer.join().unwrap();
        out
    }

    /// Starts it; its input stays open.
    pub fn spawn(self) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scrubjay"));
        for (name, _) in std::env::vars_os() {
            let n = name.to_string_lossy();
            if n.starts_with("SCRUBJAY_")
                || n.starts_with("RUST_")
                || n == "NO_COLOR"
                || n == "CLICOLOR_FORCE"
            {
                command.env_remove(&name);
            }
        }
        command.args(&self.args).envs(self.envs.iter().map(|(k, v)| (k, v)));
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = Collector::start(child.stdout.take().unwrap());
        let stderr = Collector::start(child.stderr.take().unwrap());
        Running {
            stdin: child.stdin.take(),
            line: format!("scrubjay {}", self.args.join(OsStr::new(" ")).to_string_lossy()),
            child,
            stdout,
            stderr,
            timeout: self.timeout,
        }
    }
}

/// A `scrubjay` that runs.
pub struct Running {
    /// Its standard input; take it and drop it to end the input.
    pub stdin: Option<ChildStdin>,
    line: String,
    child: Child,
    stdout: Collector,
    stderr: Collector,
    timeout: Duration,
}

impl Running {
    /// Writes to its input.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().expect("the input is closed");
        stdin.write_all(bytes.as_ref()).unwrap();
        stdin.flush().unwrap();
    }

    /// Waits until `needle` stands on its output.
    pub fn wait_for_stdout(&mut self, needle: &str) {
        self.wait_for("stdout", needle, |r| &r.stdout);
    }

    /// Waits until its output ends with `end`. However much comes before is not looked through.
    pub fn wait_for_stdout_to_end_with(&mut self, end: &str) {
        let deadline = Instant::now() + self.timeout;
        while !self.stdout.shared.0.lock().unwrap().bytes.ends_with(end.as_bytes()) {
            if Instant::now() > deadline || self.child.try_wait().unwrap().is_some() {
                let _ = self.child.kill();
                let status = self.child.wait().unwrap();
                panic!("no {end:?} at the end of stdout\n{}", self.report(status));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until `needle` stands on its standard error.
    pub fn wait_for_stderr(&mut self, needle: &str) {
        self.wait_for("stderr", needle, |r| &r.stderr);
    }

    fn wait_for(&mut self, name: &str, needle: &str, of: impl Fn(&Running) -> &Collector) {
        if !of(self).wait_for(needle, self.timeout) {
            let _ = self.child.kill();
            let status = self.child.wait().unwrap();
            panic!("no {needle:?} on {name}\n{}", self.report(status));
        }
    }

    /// What has come on its output so far.
    pub fn stdout_so_far(&self) -> Vec<u8> {
        self.stdout.so_far()
    }

    /// What has come on its standard error so far.
    pub fn stderr_so_far(&self) -> Vec<u8> {
        self.stderr.so_far()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name without `SIG`: `TERM`, `INT`, `HUP`, `KILL`.
    pub fn signal(&self, name: &str) {
        // The shell's own `kill`: small images have no command of that name.
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", self.id())).status().unwrap();
        assert!(sent.success(), "kill -{name}: {sent}");
    }

    /// Waits for its end; its input stays as it is. Kills it and fails when that takes too long.
    pub fn wait(mut self) -> Out {
        let deadline = Instant::now() + self.timeout;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                let _ = self.child.kill();
                let status = self.child.wait().unwrap();
                panic!("still running\n{}", self.report(status));
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        Out { stdout: self.stdout.finish(), stderr: self.stderr.finish(), status, line: self.line.clone() }
    }

    /// Ends its input and waits for its end.
    pub fn finish(mut self) -> Out {
        drop(self.stdin.take());
        self.wait()
    }

    fn report(&mut self, status: ExitStatus) -> String {
        let (stdout, stderr) = (self.stdout.finish(), self.stderr.finish());
        Out { stdout, stderr, status, line: self.line.clone() }.report()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that fails midway must not leave it behind. Both calls do nothing once it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a command did. Every check returns it again, so that checks read as one sentence.
pub struct Out {
    /// What it wrote.
    pub stdout: Vec<u8>,
    /// What it said.
    pub stderr: Vec<u8>,
    status: ExitStatus,
    line: String,
}

impl Out {
    /// Its exit code must be this one.
    #[track_caller]
    pub fn code(self, code: i32) -> Out {
        assert_eq!(self.status.code(), Some(code), "exit code\n{}", self.report());
        self
    }

    /// Its exit code; none if a signal ended it.
    pub fn exit_code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Its output must be exactly this.
    #[track_caller]
    pub fn stdout(self, expected: impl AsRef<[u8]>) -> Out {
        let expected = String::from_utf8_lossy(expected.as_ref()).into_owned();
        assert_eq!(String::from_utf8_lossy(&self.stdout), expected, "stdout\n{}", self.report());
        self
    }

    /// Its output must hold this.
    #[track_caller]
    pub fn stdout_has(self, needle: &str) -> Out {
        assert!(contains(&self.stdout, needle), "no {needle:?} on stdout\n{}", self.report());
        self
    }

    /// Its output must not hold this.
    #[track_caller]
    pub fn stdout_lacks(self, needle: &str) -> Out {
        assert!(!contains(&self.stdout, needle), "{needle:?} on stdout\n{}", self.report());
        self
    }

    /// Its standard error must hold this.
    #[track_caller]
    pub fn stderr_has(self, needle: &str) -> Out {
        assert!(contains(&self.stderr, needle), "no {needle:?} on stderr\n{}", self.report());
        self
    }

    /// It must have said nothing.
    #[track_caller]
    pub fn quiet(self) -> Out {
        assert!(self.stderr.is_empty(), "something on stderr\n{}", self.report());
        self
    }

    /// Output and standard error, one after the other.
    pub fn all(&self) -> Vec<u8> {
        [self.stdout.as_slice(), b"\n", &self.stderr].concat()
    }

    fn report(&self) -> String {
        let mut s = format!("$ {}\n{}\n", self.line, self.status);
        for (name, bytes) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            let text = String::from_utf8_lossy(bytes);
            let shown: String = text.chars().take(4000).collect();
            let _ = write!(s, "--- {name} ({} bytes)\n{shown}\n", bytes.len());
        }
        s
    }
}

/// Reads a pipe to its end in a thread, so that a full pipe never blocks the command.
struct Collector {
    shared: Arc<(Mutex<Collected>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Collected {
    bytes: Vec<u8>,
    ended: bool,
}

impl Collector {
    fn start(mut pipe: impl Read + Send + 'static) -> Collector {
        let shared = Arc::<(Mutex<Collected>, Condvar)>::default();
        let theirs = shared.clone();
        let thread = std::thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            loop {
                let n = pipe.read(&mut buffer).unwrap_or(0);
                let mut to = theirs.0.lock().unwrap();
                to.bytes.extend_from_slice(&buffer[..n]);
                to.ended = n == 0;
                theirs.1.notify_all();
                if n == 0 {
                    return;
                }
            }
        });
        Collector { shared, thread: Some(thread) }
    }

    fn wait_for(&self, needle: &str, timeout: Duration) -> bool {
        let lacking = |c: &mut Collected| !contains(&c.bytes, needle) && !c.ended;
        let got =
            self.shared.1.wait_timeout_while(self.shared.0.lock().unwrap(), timeout, lacking).unwrap().0;
        contains(&got.bytes, needle)
    }

    fn so_far(&self) -> Vec<u8> {
        self.shared.0.lock().unwrap().bytes.clone()
    }

    fn finish(&mut self) -> Vec<u8> {
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        std::mem::take(&mut self.shared.0.lock().unwrap().bytes)
    }
}
