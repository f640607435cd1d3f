//! Erasing, expiry, sealing anew, counting; and all records out and in.

use std::sync::atomic::Ordering;

use postgres::IsolationLevel;

use super::pool::Trouble;
use super::row::Row;
use super::{PostgresVault, sql};
use crate::vault::record::{NONCE_BYTES, Record};
use crate::vault::seal::{Bound, Sealer};
use crate::vault::{Entry, Maintain, Portable, Retag, Rewrapped, Stats, Tag, TokenId, VaultError};

/// Rows removed, read or put in with one command.
const BATCH: i64 = 1_000;
const BAD_RECORD: VaultError = VaultError::Damaged { what: "a record does not hold together" };

/// A row sealed under the current key version.
struct Anew {
    token: TokenId,
    tag: Tag,
    nonce: [u8; NONCE_BYTES],
    sealed: Vec<u8>,
}

impl Maintain for PostgresVault {
    fn delete(&self, token: TokenId) -> Result<bool, VaultError> {
        let gone: i64 = self.pool.run(|session| {
            let statement = session.prepared(sql::DELETE)?;
            Ok(session.client.query_one(&statement, &[&&token.0[..]])?.try_get(0)?)
        })?;
        self.erasures.fetch_add(1, Ordering::Relaxed);
        self.cache.clear();
        Ok(gone > 0)
    }

    fn expire(&self) -> Result<u64, VaultError> {
        let today = i64::from(self.calendar.today());
        let mut count = 0;
        loop {
            let removed = self.pool.run(|session| {
                let statement = session.prepared(sql::EXPIRE)?;
                Ok(session.client.execute(&statement, &[&today, &BATCH])?)
            })?;
            count += removed;
            if removed == 0 {
                return Ok(count);
            }
        }
    }

    fn rewrap(
        &self,
        from: u32,
        limit: usize,
        after: Option<TokenId>,
        retag: Retag<'_>,
    ) -> Result<Rewrapped, VaultError> {
        let current = self.keys.current();
        if from == current {
            return Err(VaultError::Setting(format!(
                "key version {from} is the current one; rotate the keys first, then seal the old version's records anew"
            )));
        }
        let limit = i64::try_from(limit.max(1)).unwrap_or(i64::MAX);
        let start = after.map_or(Vec::new(), |t| t.0.to_vec());
        self.pool.run(|session| {
            let (read, write) = (session.prepared(sql::TO_REWRAP)?, session.prepared(sql::REWRAP)?);
            let rows = session.client.query(&read, &[&i64::from(from), &start, &limit])?;
            let mut sealer = Sealer::new(&*self.keys);
            let mut progress = Rewrapped::default();
            let mut anew: Vec<Anew> = Vec::new();
            for row in &rows {
                let row = Row::read(row)?;
                let record = row.record()?;
                progress.next = Some(row.token);
                let original = match sealer.open(row.token, &record) {
                    Ok(original) => original,
                    Err(VaultError::Damaged { .. }) => {
                        progress.damaged += 1;
                        continue;
                    }
                    Err(e) => return Err(e.into()),
                };
                let bound = Bound { version: current, ..Bound::of(row.token, &record) };
                let (nonce, sealed) = sealer.seal(bound, original.value.expose())?;
                let tag = retag(&original).unwrap_or(record.tag);
                anew.push(Anew { token: row.token, tag, nonce, sealed });
            }
            if (rows.len() as i64) < limit {
                progress.next = None;
            }
            let ids: Vec<&[u8]> = anew.iter().map(|a| &a.token.0[..]).collect();
            let tags: Vec<&[u8]> = anew.iter().map(|a| &a.tag[..]).collect();
            let nonces: Vec<&[u8]> = anew.iter().map(|a| &a.nonce[..]).collect();
            let sealed: Vec<&[u8]> = anew.iter().map(|a| &a.sealed[..]).collect();
            progress.done = session
                .client
                .execute(&write, &[&ids, &tags, &nonces, &sealed, &i64::from(current), &i64::from(from)])?;
            Ok(progress)
        })
    }

    fn stats(&self) -> Result<Stats, VaultError> {
        let today = i64::from(self.calendar.today());
        self.pool.run(|session| {
            let mut stats = Stats::default();
            for row in session.client.query(sql::COUNTS, &[&today])? {
                let kind = row.try_get::<_, &str>(0)?.parse().map_err(|_| Trouble::Vault(BAD_RECORD))?;
                let [version, count, expired, latest] =
                    [row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, row.try_get(4)?]
                        .map(|n: i64| n.max(0) as u64);
                stats.records.insert((kind, version as u32), count);
                stats.expired += expired;
                stats.latest_created_ms = stats.latest_created_ms.max(latest);
            }
            stats.stored_bytes =
                session.client.query_one(sql::BYTES, &[])?.try_get::<_, i64>(0)?.max(0) as u64;
            Ok(stats)
        })
    }
}

impl Portable for PostgresVault {
    fn export(&self, visit: &mut dyn FnMut(&Entry) -> Result<(), VaultError>) -> Result<(), VaultError> {
        self.pool.run_once(|session| {
            let all = session.prepared(sql::ALL)?;
            let transaction = session.client.build_transaction();
            let mut tx =
                transaction.isolation_level(IsolationLevel::RepeatableRead).read_only(true).start()?;
            tx.batch_execute("SET LOCAL statement_timeout = 0")?;
            let portal = tx.bind(&all, &[])?;
            loop {
                let rows = tx.query_portal(&portal, BATCH as i32)?;
                if rows.is_empty() {
                    break;
                }
                for row in &rows {
                    visit(&Row::read(row)?.entry()?)?;
                }
            }
            Ok(tx.commit()?)
        })
    }

    fn import(&self, next: &mut dyn FnMut() -> Result<Option<Entry>, VaultError>) -> Result<u64, VaultError> {
        self.pool.run_once(|session| {
            let put = session.prepared(sql::PUT)?;
            let mut tx = session.client.transaction()?;
            tx.batch_execute("SET LOCAL statement_timeout = 0")?;
            tx.batch_execute(sql::LOCK)?;
            if !tx.query_one(sql::IS_EMPTY, &[])?.try_get::<_, bool>(0)? {
                return Err(VaultError::NotEmpty.into());
            }
            let mut count = 0;
            let mut sealer = Sealer::new(&*self.keys);
            loop {
                let mut entries = Vec::new();
                while entries.len() < BATCH as usize
                    && let Some(entry) = next()?
                {
                    let record = Record::parse(&entry.record).ok_or(BAD_RECORD)?;
                    sealer.is_of_this_ring(entry.token, &record)?;
                    entries.push(entry);
                }
                if entries.is_empty() {
                    break;
                }
                count += entries.len() as u64;
                put_all(&mut tx, &put, &entries)?;
            }
            tx.commit()?;
            Ok(count)
        })
    }
}

fn put_all(
    tx: &mut postgres::Transaction<'_>,
    put: &postgres::Statement,
    entries: &[Entry],
) -> Result<(), Trouble> {
    let parsed = entries.iter().map(|e| Record::parse(&e.record).ok_or(BAD_RECORD));
    let records = parsed.collect::<Result<Vec<_>, _>>()?;
    let ids: Vec<&[u8]> = entries.iter().map(|e| &e.token.0[..]).collect();
    let tags: Vec<Option<&[u8]>> =
        entries.iter().zip(&records).map(|(e, r)| e.is_tagged.then_some(&r.tag[..])).collect();
    let kinds: Vec<&str> = records.iter().map(|r| r.kind.name()).collect();
    let tenants: Vec<&str> = records.iter().map(|r| r.tenant).collect();
    let versions: Vec<i64> = records.iter().map(|r| i64::from(r.version)).collect();
    let created: Vec<i64> = records.iter().map(|r| r.created_ms as i64).collect();
    let seen: Vec<i64> = records.iter().map(|r| i64::from(r.seen.day)).collect();
    let expires: Vec<i64> = records.iter().map(|r| i64::from(r.seen.expires)).collect();
    let nonces: Vec<&[u8]> = records.iter().map(|r| &r.nonce[..]).collect();
    let sealed: Vec<&[u8]> = records.iter().map(|r| r.sealed).collect();
    tx.execute(
        put,
        &[&ids, &tags, &kinds, &tenants, &versions, &created, &seen, &expires, &nonces, &sealed],
    )?;
    Ok(())
}
