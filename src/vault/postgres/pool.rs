//! Connections to the server: made when needed, kept, replaced when they break, and never more than a few.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::error::Error as _;
use std::io;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use postgres::config::{Host, SslMode, TargetSessionAttrs};
use postgres::error::SqlState;
use postgres::{Client, Config, NoTls, Statement};
use tokio_rustls::rustls;

use super::tls::{self, Connector};
use super::{PostgresOptions, sql};
use crate::reason::plain_reason;
use crate::vault::VaultError;

/// A command is tried this often, with pauses of 50, 100, 200, 400 and 800 ms between: a server that restarts is back
/// by then, or the error says that it is not.
const TRIES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The connections.
pub(super) struct Pool {
    config: Config,
    tls: Option<Connector>,
    limit: usize,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Session>,
    /// Idle or in use.
    open: usize,
}

/// One connection and the commands it has prepared.
pub(super) struct Session {
    pub(super) client: Client,
    prepared: HashMap<&'static str, Statement>,
}

impl Session {
    pub(super) fn prepared(&mut self, sql: &'static str) -> Result<Statement, postgres::Error> {
        match self.prepared.entry(sql) {
            Entry::Occupied(statement) => Ok(statement.get().clone()),
            Entry::Vacant(place) => Ok(place.insert(self.client.prepare(sql)?).clone()),
        }
    }
}

/// What goes wrong inside of a command.
pub(super) enum Trouble {
    /// With the server or the connection: it may be tried again.
    Server(postgres::Error),
    /// Anything else.
    Vault(VaultError),
}

impl From<postgres::Error> for Trouble {
    fn from(e: postgres::Error) -> Trouble {
        Trouble::Server(e)
    }
}

impl From<VaultError> for Trouble {
    fn from(e: VaultError) -> Trouble {
        Trouble::Vault(e)
    }
}

impl Pool {
    /// Reads the connection string; connects to nothing yet.
    pub(super) fn new(options: &PostgresOptions) -> Result<Pool, VaultError> {
        let text = options.connection.read()?;
        let parsed = std::str::from_utf8(text.expose()).ok().and_then(|t| t.parse::<Config>().ok());
        let mut config = parsed.ok_or_else(|| {
            VaultError::Key(format!(
                "the secret {} is no PostgreSQL connection string this program reads, such as `host=db.example user=scrubjay \
                 password=... dbname=vault`; `sslrootcert` and `sslmode=verify-full` are not written there: TLS is always \
                 verified, against the CA file of the configuration",
                options.connection
            ))
        })?;
        let is_local = |host: &Host| match host {
            #[cfg(unix)]
            Host::Unix(_) => true,
            Host::Tcp(_) => false,
        };
        let local = !config.get_hosts().is_empty()
            && config.get_hostaddrs().is_empty()
            && config.get_hosts().iter().all(is_local);
        let tls = match (&options.ca_file, local) {
            (_, true) => None,
            (Some(ca_file), false) => Some(Connector::new(ca_file)?),
            (None, false) => {
                return Err(VaultError::Setting(
                    "a PostgreSQL vault that is reached over the network needs the CA file that its server's \
                     certificate is verified with"
                        .to_string(),
                ));
            }
        };
        config.ssl_mode(if local { SslMode::Disable } else { SslMode::Require });
        config.application_name("scrubjay");
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(Duration::from_secs(15));
        }
        if config.get_target_session_attrs() == TargetSessionAttrs::Any {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        let limit = options.connections.max(2);
        Ok(Pool { config, tls, limit, state: Mutex::default(), freed: Condvar::new() })
    }

    /// Runs a command that may be run again: where the connection breaks or the server asks for it, it is.
    pub(super) fn run<R>(
        &self,
        mut command: impl FnMut(&mut Session) -> Result<R, Trouble>,
    ) -> Result<R, VaultError> {
        let mut pause = FIRST_PAUSE;
        for left in (0..TRIES).rev() {
            match self.once(&mut command) {
                Ok(result) => return Ok(result),
                Err(Trouble::Vault(e)) => return Err(e),
                Err(Trouble::Server(e)) if left > 0 && passes(&e) => std::thread::sleep(pause),
                Err(Trouble::Server(e)) => return Err(meaning(&e)),
            }
            pause *= 2;
        }
        Err(VaultError::Server("could not be reached".to_string()))
    }

    /// Runs a command that must not be run twice.
    pub(super) fn run_once<R>(
        &self,
        mut command: impl FnMut(&mut Session) -> Result<R, Trouble>,
    ) -> Result<R, VaultError> {
        self.once(&mut command).map_err(|e| match e {
            Trouble::Server(e) => meaning(&e),
            Trouble::Vault(e) => e,
        })
    }

    fn once<R>(&self, command: &mut dyn FnMut(&mut Session) -> Result<R, Trouble>) -> Result<R, Trouble> {
        let mut place = self.place()?;
        if place.session.is_none() {
            place.session = Some(self.connect()?);
        }
        let Some(session) = place.session.as_mut() else {
            return Err(Trouble::Vault(VaultError::Server("could not be reached".to_string())));
        };
        let result = command(session);
        // One that broke, or that stands in a transaction that failed, is not used again.
        if result.is_err() {
            place.session = None;
        }
        result
    }

    /// Waits for a free place among the connections.
    fn place(&self) -> Result<Place<'_>, Trouble> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(session) = state.idle.pop() {
                if session.client.is_closed() {
                    state.open -= 1;
                    continue;
                }
                return Ok(Place { pool: self, session: Some(session) });
            }
            if state.open < self.limit {
                state.open += 1;
                return Ok(Place { pool: self, session: None });
            }
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn connect(&self) -> Result<Session, postgres::Error> {
        let mut client = match &self.tls {
            Some(tls) => self.config.connect(tls.clone())?,
            None => self.config.connect(NoTls)?,
        };
        client.batch_execute(sql::SESSION)?;
        Ok(Session { client, prepared: HashMap::new() })
    }
}

/// A place among the connections, given back when it goes.
struct Place<'p> {
    pool: &'p Pool,
    session: Option<Session>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.state.lock().unwrap_or_else(PoisonError::into_inner);
        match self.session.take() {
            Some(session) => state.idle.push(session),
            None => state.open -= 1,
        }
        self.pool.freed.notify_one();
    }
}

/// Whether an error may pass: the connection, a server that starts, stops or is full, or two commands in each other's way.
fn passes(e: &postgres::Error) -> bool {
    match e.code() {
        Some(code) => {
            let class = code.code().get(..2).unwrap_or_default();
            let transient = matches!(class, "08" | "40" | "53" | "57") && *code != SqlState::QUERY_CANCELED;
            transient || *code == SqlState::UNIQUE_VIOLATION
        }
        // A certificate that does not verify does not verify the next time either.
        None => rustls_error(e).is_none() && io_error(e).is_some() || e.is_closed(),
    }
}

/// What an error means. The server's texts are not repeated: they may hold a value, a user or a host.
fn meaning(e: &postgres::Error) -> VaultError {
    let say = |why: String| VaultError::Server(why);
    if let Some(code) = e.code() {
        let advice = match code.code() {
            "28000" | "28P01" => "refused the login; check user, password and pg_hba.conf",
            "3D000" => "has no such database; make it, or name another",
            "42P01" | "3F000" => "has no vault in it yet; initialise it",
            "42501" => "does not let this user do that; grant it what docs/vault.md lists",
            "57014" => "took too long and was told to stop; check its load",
            _ => match code.code().get(..2).unwrap_or_default() {
                "53" => "is out of connections, memory or disk space",
                "57" => "is starting, stopping or being repaired",
                "40" => "was in its own way too often; try again",
                _ => "refused a command",
            },
        };
        return say(format!("{advice} (SQLSTATE {})", code.code()));
    }
    if let Some(e) = rustls_error(e) {
        return say(tls::reason(e).to_string());
    }
    if let Some(e) = io_error(e) {
        return say(format!("cannot be reached: {}; check host, port and network", plain_reason(e)));
    }
    say(if e.is_closed() {
        "closed the connection"
    } else {
        "speaks another protocol, or no TLS, or no read-write session is to be had"
    }
    .to_string())
}

fn io_error(e: &postgres::Error) -> Option<&io::Error> {
    let mut source = e.source();
    while let Some(e) = source {
        if let Some(e) = e.downcast_ref::<io::Error>() {
            return Some(e);
        }
        source = e.source();
    }
    None
}

fn rustls_error(e: &postgres::Error) -> Option<&rustls::Error> {
    io_error(e)?.get_ref()?.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SecretRef;

    fn pool(text: &str, ca_file: Option<&str>) -> Result<Pool, VaultError> {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dsn");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let mut options = PostgresOptions::new(SecretRef::File(path));
        options.ca_file = ca_file.map(Into::into);
        Pool::new(&options)
    }

    #[test]
    fn what_is_wrong_with_a_connection_string_is_told_without_it() {
        for (text, ca_file, says) in [
            ("s3cr3t", None, "no PostgreSQL connection string"),
            ("host=s3cr3t sslmode=verify-full", None, "TLS is always"),
            ("host=s3cr3t user=u password=s3cr3t", None, "needs the CA file"),
            ("hostaddr=127.0.0.1 host=/run/s3cr3t", None, "needs the CA file"),
            (
                "postgres://u:s3cr3t@127.0.0.1/db",
                Some("/nonexistent/ca.pem"),
                "CA file /nonexistent/ca.pem cannot be read",
            ),
        ] {
            let error = pool(text, ca_file).err().unwrap().to_string();
            assert!(error.contains(says) && !error.contains("s3cr3t"), "{error}");
        }
        assert!(pool("host=/run/postgresql user=u", None).is_ok(), "a socket of this machine needs no TLS");
    }

    #[test]
    fn a_server_that_is_not_there_is_told_after_some_tries() {
        let pool = pool("host=/nonexistent user=s3cr3t", None).unwrap();
        let error = pool.run(|_| Ok(())).err().unwrap().to_string();
        assert!(error.contains("cannot be reached: no such file or directory"), "{error}");
        assert!(!error.contains("s3cr3t"), "{error}");
        assert_eq!(pool.state.lock().unwrap().open, 0);
    }
}
