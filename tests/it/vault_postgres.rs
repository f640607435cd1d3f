//! The vault in PostgreSQL, against a real server with TLS.

use std::collections::HashSet;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use scrubjay::Sensitive;
use scrubjay::keys::SecretRef;
use scrubjay::vault::{
    Clock, FileVault, Maintain, PostgresOptions, PostgresVault, TokenId, TokenStore, VaultError,
    VaultOptions, back_up, restore,
};

use crate::kit::Dir;
use crate::vault::{Keys, item};

const PASSWORD: &str = "canary-pa55word";

/// A clock that is set by hand, in days.
struct Hands(AtomicU64);

impl Clock for Hands {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed) * 86_400_000
    }
}

/// A server of its own for a test, with a CA, a certificate for `localhost`, and logins by password only.
struct Server {
    dir: Dir,
    bin: PathBuf,
    owner: Option<(u32, u32)>,
    port: u16,
    process: Option<Child>,
}

/// The folder of the server's programs. `SCRUBJAY_TEST_SYSTEM=1` demands them.
fn programs() -> Option<PathBuf> {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<_> =
        installed.map(|e| e.path().join("bin")).filter(|b| b.join("initdb").exists()).collect();
    found.sort();
    if found.is_empty() {
        let demanded = std::env::var_os("SCRUBJAY_TEST_SYSTEM").is_some_and(|v| v == "1");
        assert!(!demanded, "no PostgreSQL server in /usr/lib/postgresql: apt-get install postgresql");
        // Not captured as a test's prints are: it is seen when nothing fails, too.
        let note = b"skipped: no PostgreSQL server is installed (apt-get install postgresql)\n";
        std::io::stderr().write_all(note).unwrap();
    }
    found.pop()
}

/// The server refuses to run as root: the user it runs as then.
fn other_user() -> Option<(u32, u32)> {
    let id = Command::new("id").arg("-u").output().unwrap();
    if id.stdout != b"0\n" {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let ids = |name: &str| {
        let line = users.lines().find(|l| l.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2).map(|f| f.parse().unwrap());
        Some((fields.next()?, fields.next()?))
    };
    Some(ids("postgres").or_else(|| ids("nobody")).unwrap())
}

impl Server {
    fn start() -> Option<Server> {
        let bin = programs()?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Server { dir: Dir::new(), bin, owner: other_user(), port, process: None };
        std::fs::set_permissions(server.dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        server.certificates();
        let place = server.dir.path().join("server");
        std::fs::create_dir(&place).unwrap();
        server.give(&place);
        let password = server.dir.secret("server/password", PASSWORD);
        server.give(&password);
        server.run(
            server
                .program("initdb")
                .args(["-D", "data", "-U", "owner", "--auth=scram-sha-256", "--no-sync"])
                .arg("--pwfile=password"),
        );
        let hba = "local all all scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(place.join("data/pg_hba.conf"), hba).unwrap();
        server.boot();
        Some(server)
    }

    /// Another CA, too, that signed nothing here.
    fn certificates(&self) {
        let openssl =
            |args: &str| self.run(Command::new("openssl").args(args.split(' ')).current_dir(self.dir.path()));
        for ca in ["ca", "other"] {
            openssl(&format!(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={ca} -keyout {ca}.key -out {ca}.pem"
            ));
        }
        openssl(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout tls.key -out tls.csr",
        );
        self.dir.file("san", "subjectAltName=DNS:localhost\n");
        openssl(
            "x509 -req -in tls.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out tls.pem",
        );
        self.give(&self.dir.path().join("tls.key"));
    }

    fn give(&self, path: &Path) {
        if let Some((user, group)) = self.owner {
            chown(path, Some(user), Some(group)).unwrap();
        }
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        command.current_dir(self.dir.path().join("server")).stdin(Stdio::null());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }

    fn run(&self, command: &mut Command) -> String {
        let out = command.output().unwrap();
        assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    fn boot(&mut self) {
        let log = std::fs::File::create(self.dir.path().join("log")).unwrap();
        let place = self.dir.path().join("server");
        let process = self
            .program("postgres")
            .args(["-D", "data", "-k"])
            .arg(&place)
            .args([
                "-p",
                &self.port.to_string(),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "ssl=on",
                "-c",
                "fsync=off",
            ])
            .args(["-c", "ssl_cert_file=../../tls.pem", "-c", "ssl_key_file=../../tls.key"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.process = Some(process.unwrap());
        let patience = Instant::now() + Duration::from_secs(60);
        while !self.psql("SELECT 1").output().unwrap().status.success() {
            let log = || String::from_utf8_lossy(&self.dir.read("log")).into_owned();
            assert!(Instant::now() < patience, "the server does not start: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// `kill -QUIT` is a crash, `-INT` an orderly end.
    fn stop(&mut self, signal: &str) {
        if let Some(mut process) = self.process.take() {
            let _ = Command::new("kill").args([signal, &process.id().to_string()]).status();
            let _ = process.wait();
        }
    }

    fn psql(&self, sql: &str) -> Command {
        let mut psql = self.program("psql");
        let port = self.port.to_string();
        psql.args([
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "owner",
            "-d",
            "postgres",
            "-p",
            &port,
            "-c",
            sql,
        ]);
        psql.arg("-h").arg(self.dir.path().join("server")).env("PGPASSWORD", PASSWORD);
        psql
    }

    fn sql(&self, sql: &str) -> String {
        self.run(&mut self.psql(sql))
    }

    fn options(&self, connection: &str) -> PostgresOptions {
        // Threads ask at once, and one must not read what another is just writing.
        static FILES: AtomicU64 = AtomicU64::new(0);
        let file = self.dir.secret(&format!("dsn-{}", FILES.fetch_add(1, Ordering::Relaxed)), connection);
        let mut options = PostgresOptions::new(SecretRef::File(file));
        options.ca_file = Some(self.dir.path().join("ca.pem"));
        options
    }

    /// By TCP and TLS, as a role.
    fn as_role(&self, role: &str) -> PostgresOptions {
        let port = self.port;
        self.options(&format!(
            "host=localhost hostaddr=127.0.0.1 port={port} user={role} password={PASSWORD} dbname=postgres"
        ))
    }

    fn made(&self) -> PostgresVault {
        PostgresVault::init(&self.as_role("owner")).unwrap();
        self.member(1, None)
    }

    fn member(&self, version: u32, clock: Option<(&Arc<Hands>, u32)>) -> PostgresVault {
        let mut options = self.as_role("owner");
        if let Some((clock, days)) = clock {
            (options.clock, options.retention_days) = (Box::new(clock.clone()), Some(days));
        }
        PostgresVault::open(Arc::new(Keys(version)), options).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop("-INT");
    }
}

fn value_of(vault: &dyn TokenStore, token: TokenId) -> Option<Vec<u8>> {
    vault.open(token).unwrap().map(|o| o.value.expose().clone())
}

fn one(vault: &dyn TokenStore, version: u32, value: &[u8]) -> TokenId {
    let tokens = vault.tokenize(&[item(version, value)]).unwrap();
    vault.commit().unwrap();
    tokens[0]
}

fn values(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("value {n}")).collect()
}

#[test]
fn a_fleet_agrees_on_tokens() {
    let Some(server) = Server::start() else { return };
    std::thread::scope(|scope| {
        let inits: Vec<_> =
            (0..4).map(|_| scope.spawn(|| PostgresVault::init(&server.as_role("owner")))).collect();
        inits.into_iter().for_each(|i| i.join().unwrap().unwrap());
    });
    // Members need no more than this.
    server.sql(&format!("CREATE ROLE member LOGIN PASSWORD '{PASSWORD}'"));
    server.sql("GRANT SELECT, INSERT, UPDATE, DELETE ON scrubjay_token, scrubjay_vault TO member");
    let members: Vec<_> =
        (0..3).map(|_| PostgresVault::open(Arc::new(Keys(1)), server.as_role("member")).unwrap()).collect();
    let values = values(900);
    let seen: Vec<HashSet<(usize, TokenId)>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|t| {
                let (vault, values) = (&members[t % 3], &values);
                scope.spawn(move || {
                    let mut seen = HashSet::new();
                    for batch in 0..60 {
                        // Batches overlap, each thread has its own order, and values come twice in one.
                        let at: Vec<usize> =
                            (0..40).map(|i| (batch * 15 + i * (t + 1)) % values.len()).collect();
                        let items: Vec<_> =
                            at.iter().chain(&at[..5]).map(|n| item(1, values[*n].as_bytes())).collect();
                        let tokens = vault.tokenize(&items).unwrap();
                        assert_eq!(tokens[..5], tokens[40..]);
                        seen.extend(at.into_iter().zip(tokens));
                    }
                    seen
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let all: HashSet<(usize, TokenId)> = seen.into_iter().flatten().collect();
    let tokens: HashSet<TokenId> = all.iter().map(|(_, token)| *token).collect();
    assert!(all.len() > 500 && tokens.len() == all.len(), "{} values, {} tokens", all.len(), tokens.len());
    let fresh = PostgresVault::open(Arc::new(Keys(1)), server.as_role("member")).unwrap();
    for (at, token) in all.iter().take(200) {
        assert_eq!(one(&fresh, 1, values[*at].as_bytes()), *token);
        assert_eq!(value_of(&fresh, *token).as_deref(), Some(values[*at].as_bytes()));
    }
    assert_eq!(value_of(&fresh, TokenId([0; 16])), None);
    let stats = fresh.stats().unwrap();
    assert!(stats.total() == all.len() as u64 && stats.stored_bytes > 8192, "{stats:?}");
    let clear = server.sql("SELECT count(*) FROM scrubjay_token t WHERE position('value' IN t::text) + position('value'::bytea IN sealed) > 0");
    assert_eq!(clear, "0\n", "values lie there in clear");
}

#[test]
fn retention_erasure_and_rotation() {
    let Some(server) = Server::start() else { return };
    drop(server.made());
    let clock = Arc::new(Hands(AtomicU64::new(100)));
    let (a, b) = (server.member(1, Some((&clock, 10))), server.member(1, Some((&clock, 10))));
    let (old, kept) = (one(&a, 1, b"old"), one(&a, 1, b"kept"));
    clock.0.store(105, Ordering::Relaxed);
    assert_eq!(one(&b, 1, b"kept"), kept, "seen again, it is kept longer");
    clock.0.store(111, Ordering::Relaxed);
    assert_eq!((value_of(&a, old), a.stats().unwrap().expired), (None, 1));
    assert_eq!((a.expire(), a.expire()), (Ok(1), Ok(0)));
    assert_eq!(value_of(&b, kept).as_deref(), Some(b"kept".as_slice()));
    clock.0.store(50, Ordering::Relaxed);
    assert_eq!(a.expire(), Ok(0), "the clock went back");

    // What one member erases, the others give no longer once they have looked.
    assert_eq!(one(&b, 1, b"kept"), kept);
    assert_eq!((a.delete(kept), a.delete(kept)), (Ok(true), Ok(false)));
    clock.0.store(51, Ordering::Relaxed);
    let anew = one(&b, 1, b"kept");
    assert!(anew != kept && value_of(&b, kept).is_none());

    let values = values(25);
    let tokens: Vec<_> = values.iter().map(|v| one(&a, 1, v.as_bytes())).collect();
    let rotated = server.member(2, Some((&clock, 10)));
    let newer = one(&rotated, 2, b"value 3");
    let retag = |original: &scrubjay::vault::Original| Some(item(2, original.value.expose()).tag);
    let (mut after, mut done) = (None, 0);
    loop {
        let progress = rotated.rewrap(1, 10, after, &retag).unwrap();
        assert!(progress.done <= 10 && progress.damaged == 0, "{progress:?}");
        (after, done) = (progress.next, done + progress.done);
        if after.is_none() {
            break;
        }
    }
    assert_eq!(done, 26);
    assert_eq!(rotated.rewrap(1, 10, None, &retag).unwrap().done, 0);
    for (n, (value, token)) in values.iter().zip(&tokens).enumerate() {
        assert_eq!(value_of(&rotated, *token).as_deref(), Some(value.as_bytes()));
        assert_eq!(one(&rotated, 2, value.as_bytes()), if n == 3 { newer } else { *token });
    }
    assert!(matches!(a.open(tokens[0]), Err(VaultError::MissingKey { version: 2 })));

    // Bytes that were changed on the server.
    server.sql("UPDATE scrubjay_token SET sealed = set_byte(sealed, 0, get_byte(sealed, 0) # 1)");
    assert!(matches!(rotated.open(tokens[0]), Err(VaultError::Damaged { .. })));
}

#[test]
fn backups_move_between_the_stores() {
    let Some(server) = Server::start() else { return };
    let keys = Arc::new(Keys(1));
    let file =
        FileVault::create(&server.dir.path().join("v"), keys.clone(), VaultOptions::default()).unwrap();
    let values = values(2500);
    let items: Vec<_> = values.iter().map(|v| item(1, v.as_bytes())).collect();
    let tokens = file.tokenize(&items).unwrap();
    let (key, path) = (Sensitive::new([7; 32]), server.dir.path().join("backup"));
    assert_eq!(back_up(&file, &path, &key), Ok(2500));

    let shared = server.made();
    let mut bent = std::fs::read(&path).unwrap();
    *bent.last_mut().unwrap() ^= 1;
    let bent = server.dir.file("bent", bent);
    assert!(matches!(restore(&shared, &bent, &key), Err(VaultError::Backup(_))));
    assert_eq!(shared.stats().unwrap().total(), 0, "nothing of a damaged backup is taken in");
    assert_eq!(restore(&shared, &path, &key), Ok(2500));
    assert_eq!(restore(&shared, &path, &key), Err(VaultError::NotEmpty));
    assert_eq!(shared.tokenize(&items).unwrap(), tokens);

    assert_eq!(back_up(&shared, &path, &key), Ok(2500));
    let again = FileVault::create(&server.dir.path().join("w"), keys, VaultOptions::default()).unwrap();
    assert_eq!(restore(&again, &path, &key), Ok(2500));
    assert_eq!(again.tokenize(&items).unwrap(), tokens);
    assert_eq!(value_of(&again, tokens[9]).as_deref(), Some(values[9].as_bytes()));
}

#[test]
fn the_server_must_be_who_it_says() {
    let Some(server) = Server::start() else { return };
    drop(server.made());
    let port = server.port;
    let to = |host: &str, password: &str| {
        server.options(&format!(
            "host={host} hostaddr=127.0.0.1 port={port} user=owner password={password} dbname=postgres"
        ))
    };
    let refused = |options: PostgresOptions, says: &str| {
        let error = PostgresVault::open(Arc::new(Keys(1)), options).err().unwrap().to_string();
        assert!(error.contains(says), "{error}");
        for secret in [PASSWORD, "owner", "localhost", "db.example", "127.0.0.1"] {
            assert!(!error.contains(secret), "{error}");
        }
    };
    let mut other = to("localhost", PASSWORD);
    other.ca_file = Some(server.dir.path().join("other.pem"));
    refused(other, "the CA file does not vouch for");
    refused(to("db.example", PASSWORD), "for another host name");
    refused(to("localhost", "wrong"), "refused the login");
    let mut none = to("localhost", PASSWORD);
    none.ca_file = None;
    refused(none, "needs the CA file");
    let nowhere =
        server.options(&format!("host=localhost hostaddr=127.0.0.1 port=1 user=owner password={PASSWORD}"));
    refused(nowhere, "cannot be reached: connection refused");
    // A string that asks for no TLS gets it all the same, and channel binding with it.
    let tls = server.options(&format!(
        "host=localhost hostaddr=127.0.0.1 port={port} user=owner password={PASSWORD} dbname=postgres sslmode=disable \
         channel_binding=require"
    ));
    let vault = PostgresVault::open(Arc::new(Keys(1)), tls).unwrap();
    let version = server.sql("SELECT max(version) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'scrubjay'");
    assert_eq!(version, "TLSv1.3\n");
    drop(vault);
    server.sql("DROP TABLE scrubjay_token, scrubjay_vault");
    refused(to("localhost", PASSWORD), "has no vault in it yet; initialise it");
}

#[test]
fn a_server_that_restarts_is_waited_for() {
    let Some(mut server) = Server::start() else { return };
    let vault = server.made();
    let before = one(&vault, 1, b"before");
    server.stop("-QUIT");
    let began = Instant::now();
    let error = vault.tokenize(&[item(1, b"new")]).unwrap_err();
    assert!(matches!(error, VaultError::Server(_)), "{error}");
    assert!(began.elapsed() < Duration::from_secs(20), "it gives up after {:?}", began.elapsed());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            // The pauses of one call are a second and a half; a server takes longer on a busy machine.
            (0..20).find_map(|_| vault.tokenize(&[item(1, b"during")]).ok()).unwrap()
        });
        server.boot();
        let during = waiting.join().unwrap();
        assert_eq!(value_of(&vault, during[0]).as_deref(), Some(b"during".as_slice()));
    });
    assert_eq!(value_of(&vault, before).as_deref(), Some(b"before".as_slice()));
    assert_eq!(one(&server.member(1, None), 1, b"before"), before);
}
