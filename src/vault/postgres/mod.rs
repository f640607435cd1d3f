//! The vault in a PostgreSQL database, for a fleet: members that meet the same value at the same time agree on one
//! token, because the database's unique index decides.
//!
//! What [`TokenStore::tokenize`] returns is durable already: the server commits each batch before it answers. A batch
//! is one round trip, and none if the cache knows all of it. Calls block: they are made from threads, never from within
//! an async task.

mod maintain;
mod pool;
mod row;
mod sql;
mod tls;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use aws_lc_rs::rand;

use self::pool::{Pool, Session, Trouble};
use self::row::Row;
use super::cache::Cache;
use super::clock::{Calendar, Clock, SystemClock, expiry, is_past};
use super::record::NONCE_BYTES;
use super::seal::{Bound, Sealer, check};
use super::{NewToken, Original, Tag, TokenId, TokenStore, VaultError, VaultKeys};
use crate::keys::SecretRef;

/// Other members erase records: how long, in milliseconds, a member may go on giving their tokens from its cache.
const ERASURES_EVERY_MS: u64 = 10_000;
/// Clocks of members may differ by this much from the server's, in milliseconds, before it is told.
const CLOCK_SLACK_MS: u64 = 60_000;
/// In one batch the same row can be missed only while others commit it: each time is one more round trip.
const MAX_ROUNDS: usize = 10;

/// How a PostgreSQL vault is reached and kept.
pub struct PostgresOptions {
    /// The connection string, `host=... user=... password=... dbname=...` or `postgresql://...`.
    pub connection: SecretRef,
    /// The CA certificates (PEM) that the server's certificate is verified with, for its host name. A server that is
    /// reached by a socket of this machine needs none; any other does.
    pub ca_file: Option<PathBuf>,
    /// At most this many connections, two at least, for a backup holds one; more threads wait.
    pub connections: usize,
    /// As [`super::VaultOptions::retention_days`]. Members of a fleet should agree.
    pub retention_days: Option<u32>,
    /// As [`super::VaultOptions::cache_bytes`].
    pub cache_bytes: usize,
    /// What tells the time.
    pub clock: Box<dyn Clock>,
}

impl PostgresOptions {
    /// Four connections, no expiry, 64 MiB for tags, the system's clock.
    pub fn new(connection: SecretRef) -> PostgresOptions {
        PostgresOptions {
            connection,
            ca_file: None,
            connections: 4,
            retention_days: None,
            cache_bytes: 64 << 20,
            clock: Box::new(SystemClock),
        }
    }
}

/// A vault in a PostgreSQL database.
pub struct PostgresVault {
    pool: Pool,
    cache: Cache,
    calendar: Calendar,
    keys: Arc<dyn VaultKeys>,
    retention_days: Option<u32>,
    /// What the server last said of erasures, and when.
    erasures: AtomicI64,
    looked_ms: AtomicU64,
}

impl PostgresVault {
    /// Makes the vault's tables where they are not there; members may do it at once. The user needs `CREATE` on the
    /// schema for this, and afterwards only `SELECT`, `INSERT`, `UPDATE` and `DELETE` on the two tables.
    pub fn init(options: &PostgresOptions) -> Result<(), VaultError> {
        Pool::new(options)?.run(|session| {
            let mut tx = session.client.transaction()?;
            tx.batch_execute(sql::INIT)?;
            Ok(tx.commit()?)
        })
    }

    /// Connects to a vault whose tables are there. Errors: [`VaultError::Server`], [`VaultError::Format`], and those of
    /// the connection string and the CA file.
    pub fn open(keys: Arc<dyn VaultKeys>, options: PostgresOptions) -> Result<PostgresVault, VaultError> {
        let vault = PostgresVault {
            pool: Pool::new(&options)?,
            cache: Cache::new(options.cache_bytes),
            calendar: Calendar::new(options.clock, 0),
            keys,
            retention_days: options.retention_days,
            erasures: AtomicI64::new(0),
            looked_ms: AtomicU64::new(0),
        };
        let (format, _, server_ms) = vault.state()?;
        if format != sql::FORMAT {
            return Err(VaultError::Format { found: format as u64, known: sql::FORMAT as u64 });
        }
        if vault.ring()? != vault.keys.ring() as i64 {
            return Err(VaultError::OtherRing { what: "the vault" });
        }
        let here = vault.calendar.now_ms();
        if here.abs_diff(server_ms as u64) > CLOCK_SLACK_MS {
            tracing::warn!(
                difference_s = here.abs_diff(server_ms as u64) / 1000,
                "this machine's clock and the PostgreSQL server's differ: times and expiry in the vault follow this \
                 machine's; check the clocks"
            );
        }
        Ok(vault)
    }

    fn state(&self) -> Result<(i64, i64, i64), VaultError> {
        self.pool.run(|session| {
            let statement = session.prepared(sql::STATE)?;
            match session.client.query_opt(&statement, &[])? {
                Some(row) => Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)),
                None => Err(VaultError::Server("has no vault in it yet; initialise it".to_string()).into()),
            }
        })
    }

    /// Which ring it is of. Of two members that open it first at once one waits for the other, sees no row, and asks again.
    fn ring(&self) -> Result<i64, VaultError> {
        self.pool.run(|session| {
            let statement = session.prepared(sql::RING)?;
            let ours = self.keys.ring() as i64;
            let row = match session.client.query_opt(&statement, &[&ours])? {
                Some(row) => row,
                None => session.client.query_one(&statement, &[&ours])?,
            };
            Ok(row.try_get(0)?)
        })
    }

    /// Another member may have erased what this one remembers: the server is asked now and then.
    fn look_for_erasures(&self) -> Result<(), VaultError> {
        let now = self.calendar.now_ms();
        let looked = self.looked_ms.load(Ordering::Relaxed);
        if looked <= now && now - looked < ERASURES_EVERY_MS {
            return Ok(());
        }
        if self.looked_ms.compare_exchange(looked, now, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return Ok(()); // another thread asks
        }
        match self.state() {
            Ok((_, erasures, _)) => {
                if self.erasures.swap(erasures, Ordering::Relaxed) != erasures {
                    self.cache.clear();
                }
                Ok(())
            }
            Err(e) => {
                self.looked_ms.store(0, Ordering::Relaxed);
                Err(e)
            }
        }
    }

    fn tokenize_missed(
        &self,
        items: &[NewToken<'_>],
        mut missed: Vec<usize>,
        today: u32,
    ) -> Result<HashMap<Tag, TokenId>, VaultError> {
        let mut sealer = Sealer::new(&*self.keys);
        missed.sort_unstable_by_key(|at| items[*at].tag);
        missed.dedup_by_key(|at| items[*at].tag);
        let mut new = missed
            .iter()
            .map(|at| NewRow::seal(&mut sealer, &items[*at], self.calendar.stamp_ms()))
            .collect::<Result<Vec<_>, _>>()?;
        let seen = (i64::from(today), i64::from(expiry(today, self.retention_days)));
        let mut found = HashMap::with_capacity(new.len());
        for _ in 0..MAX_ROUNDS {
            for (tag, token) in self.pool.run(|session| put(session, &new, seen))? {
                found.insert(tag, token);
            }
            new.retain(|row| !found.contains_key(row.item.tag.as_slice()));
            if new.is_empty() {
                return Ok(found);
            }
        }
        Err(VaultError::Server(
            "does not give the tokens it was asked for; check its isolation level".to_string(),
        ))
    }
}

/// A row that may become the tag's.
struct NewRow<'a> {
    item: &'a NewToken<'a>,
    token: TokenId,
    created_ms: i64,
    nonce: [u8; NONCE_BYTES],
    sealed: Vec<u8>,
}

impl<'a> NewRow<'a> {
    fn seal(
        sealer: &mut Sealer<'_>,
        item: &'a NewToken<'a>,
        created_ms: u64,
    ) -> Result<NewRow<'a>, VaultError> {
        let mut token = TokenId([0; 16]);
        rand::fill(&mut token.0).map_err(|_| VaultError::Random)?;
        let NewToken { kind, tenant, version, value, .. } = *item;
        let (nonce, sealed) = sealer.seal(Bound { token, version, created_ms, kind, tenant }, value)?;
        Ok(NewRow { item, token, created_ms: created_ms as i64, nonce, sealed })
    }
}

/// One round trip.
fn put(
    session: &mut Session,
    rows: &[NewRow<'_>],
    (seen_day, expires_day): (i64, i64),
) -> Result<Vec<(Tag, TokenId)>, Trouble> {
    let statement = session.prepared(sql::TOKENIZE)?;
    let tags: Vec<&[u8]> = rows.iter().map(|r| &r.item.tag[..]).collect();
    let ids: Vec<&[u8]> = rows.iter().map(|r| &r.token.0[..]).collect();
    let kinds: Vec<&str> = rows.iter().map(|r| r.item.kind.name()).collect();
    let tenants: Vec<&str> = rows.iter().map(|r| r.item.tenant).collect();
    let versions: Vec<i64> = rows.iter().map(|r| i64::from(r.item.version)).collect();
    let created: Vec<i64> = rows.iter().map(|r| r.created_ms).collect();
    let nonces: Vec<&[u8]> = rows.iter().map(|r| &r.nonce[..]).collect();
    let sealed: Vec<&[u8]> = rows.iter().map(|r| &r.sealed[..]).collect();
    let answer = session.client.query(
        &statement,
        &[&tags, &ids, &kinds, &tenants, &versions, &created, &nonces, &sealed, &seen_day, &expires_day],
    )?;
    answer.iter().map(|row| Ok((row::fixed(row, 0)?, TokenId(row::fixed(row, 1)?)))).collect()
}

impl TokenStore for PostgresVault {
    fn tokenize(&self, items: &[NewToken<'_>]) -> Result<Vec<TokenId>, VaultError> {
        for item in items {
            check(item.tenant, item.value)?;
        }
        self.look_for_erasures()?;
        let today = self.calendar.today();
        let mut tokens: Vec<Option<TokenId>> = items.iter().map(|i| self.cache.find(&i.tag, today)).collect();
        let missed: Vec<usize> = (0..items.len()).filter(|at| tokens[*at].is_none()).collect();
        if !missed.is_empty() {
            let erasures = self.erasures.load(Ordering::Relaxed);
            let found = self.tokenize_missed(items, missed, today)?;
            for (tag, token) in &found {
                self.cache.put(tag, *token, today);
            }
            // What was erased since the server answered must not be put back after the cache was cleared for it.
            if self.erasures.load(Ordering::Relaxed) != erasures {
                found.keys().for_each(|tag| self.cache.forget(tag));
            }
            for (token, item) in tokens.iter_mut().zip(items).filter(|(token, _)| token.is_none()) {
                *token = found.get(&item.tag).copied();
            }
        }
        let tokens = tokens.into_iter().collect::<Option<Vec<_>>>();
        tokens.ok_or_else(|| VaultError::Server("does not give the tokens it was asked for".to_string()))
    }

    /// Nothing waits: what was given is durable.
    fn commit(&self) -> Result<(), VaultError> {
        Ok(())
    }

    fn open(&self, token: TokenId) -> Result<Option<Original>, VaultError> {
        let row = self.pool.run(|session| {
            let statement = session.prepared(sql::OPEN)?;
            let row = session.client.query_opt(&statement, &[&&token.0[..]])?;
            row.as_ref().map(Row::read).transpose()
        })?;
        let Some(row) = row else { return Ok(None) };
        let record = row.record()?;
        if is_past(record.seen.expires, self.calendar.today()) {
            return Ok(None);
        }
        Sealer::new(&*self.keys).open(row.token, &record).map(Some)
    }
}
