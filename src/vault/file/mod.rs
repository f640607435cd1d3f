//! The vault in one file, which has one process as its writer.
//!
//! A batch's way: tags are looked up in the cache; those not there in what waits to be committed and in the file; what
//! is new is sealed, and waits. [`TokenStore::commit`] writes all that waits, from all threads, in one durable
//! transaction.

mod disk;
mod maintain;
mod portable;
mod queue;

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::rand;
use redb::{ReadTransaction, ReadableTable, WriteTransaction};

use self::disk::{Disk, LATEST_MS, META, RECORDS, RING, TAGS};
use self::queue::{Changes, NewRecord, Queue, State};
use super::cache::Cache;
use super::clock::{Calendar, Clock, SystemClock, expiry, is_past};
use super::record::{Record, Seen};
use super::seal::{Bound, Sealer, check};
use super::{NewToken, Original, TokenId, TokenStore, VaultError, VaultKeys};

/// More waiting changes than this are committed by who adds to them: memory stays bounded.
const MAX_WAITING: usize = 100_000;
/// A record of the file that does not hold together.
const BAD_RECORD: VaultError = VaultError::Damaged { what: "a record does not hold together" };

/// How a vault is kept.
pub struct VaultOptions {
    /// Records are removed this many whole days after the day their value was last seen; `None` keeps them.
    pub retention_days: Option<u32>,
    /// Memory of the cache of tags in bytes; about 60 bytes a tag. 0 is no cache.
    pub cache_bytes: usize,
    /// Memory for pages of the file in bytes.
    pub page_cache_bytes: usize,
    /// What tells the time.
    pub clock: Box<dyn Clock>,
}

/// No expiry, 64 MiB for tags (about a million), 64 MiB for pages, the system's clock.
impl Default for VaultOptions {
    fn default() -> VaultOptions {
        VaultOptions {
            retention_days: None,
            cache_bytes: 64 << 20,
            page_cache_bytes: 64 << 20,
            clock: Box::new(SystemClock),
        }
    }
}

/// A vault in a file.
pub struct FileVault {
    disk: Disk,
    queue: Queue,
    cache: Cache,
    calendar: Calendar,
    keys: Arc<dyn VaultKeys>,
    retention_days: Option<u32>,
}

impl FileVault {
    /// Opens the vault in a file that is there. The whole file is read and the checksum of each page verified. Errors:
    /// [`VaultError::InUse`] where another process has it, [`VaultError::File`] where others than its owner may use it,
    /// [`VaultError::NotAVault`], [`VaultError::Damaged`].
    pub fn open(
        path: &Path,
        keys: Arc<dyn VaultKeys>,
        options: VaultOptions,
    ) -> Result<FileVault, VaultError> {
        FileVault::at(path, false, keys, options)
    }

    /// The same, making the file (mode 0600) if it is not there. The directory must be.
    pub fn create(
        path: &Path,
        keys: Arc<dyn VaultKeys>,
        options: VaultOptions,
    ) -> Result<FileVault, VaultError> {
        FileVault::at(path, true, keys, options)
    }

    fn at(
        path: &Path,
        create: bool,
        keys: Arc<dyn VaultKeys>,
        options: VaultOptions,
    ) -> Result<FileVault, VaultError> {
        let (file, page_cache_bytes) = (path.to_path_buf(), options.page_cache_bytes);
        let opener = Box::new(move |first| disk::open_file(&file, create && first, page_cache_bytes));
        FileVault::on(Disk::open(path.to_path_buf(), opener)?, keys, options)
    }

    fn on(disk: Disk, keys: Arc<dyn VaultKeys>, options: VaultOptions) -> Result<FileVault, VaultError> {
        let (latest_ms, ring) = disk.read(|tx| {
            let meta = tx.open_table(META).map_err(|e| disk.error(e))?;
            let number = |name| meta.get(name).map(|v| v.map(|v| v.value())).map_err(|e| disk.error(e));
            Ok((number(LATEST_MS)?.unwrap_or(0), number(RING)?))
        })?;
        match ring {
            Some(ring) if ring == keys.ring() => {}
            Some(_) => return Err(VaultError::OtherRing { what: "the vault" }),
            None => disk.write(|tx| {
                let mut meta = tx.open_table(META).map_err(|e| disk.error(e))?;
                meta.insert(RING, keys.ring()).map_err(|e| disk.error(e))?;
                Ok(())
            })?,
        }
        Ok(FileVault {
            disk,
            queue: Queue::default(),
            cache: Cache::new(options.cache_bytes),
            calendar: Calendar::new(options.clock, latest_ms),
            keys,
            retention_days: options.retention_days,
        })
    }

    /// Fills in the tokens that the cache did not have.
    fn tokenize_missed(
        &self,
        items: &[NewToken<'_>],
        missed: &mut [Missed],
        today: u32,
    ) -> Result<(), VaultError> {
        // A round that does not settle is one in which another thread wrote: it ends.
        loop {
            let generation = {
                let state = self.queue.lock();
                for one in missed.iter_mut() {
                    one.found = state.pending(&items[one.at].tag).map(|token| Found { token, seen: None });
                }
                state.generation()
            };
            if missed.iter().any(Missed::wants_lookup) {
                self.disk.read(|tx| self.look_up(tx, items, missed))?;
            }
            self.seal_new(items, missed, today)?;
            if self.settle(&mut self.queue.lock(), generation, items, missed, today) {
                return Ok(());
            }
        }
    }

    /// What the file says of tags that do not wait in memory.
    fn look_up(
        &self,
        tx: &ReadTransaction,
        items: &[NewToken<'_>],
        missed: &mut [Missed],
    ) -> Result<(), VaultError> {
        let tags = tx.open_table(TAGS).map_err(|e| self.disk.error(e))?;
        let records = tx.open_table(RECORDS).map_err(|e| self.disk.error(e))?;
        for one in missed.iter_mut().filter(|m| m.wants_lookup()) {
            let Some(id) = tags.get(&items[one.at].tag).map_err(|e| self.disk.error(e))? else { continue };
            let token = TokenId(*id.value());
            let record = records.get(&token.0).map_err(|e| self.disk.error(e))?;
            let record =
                record.ok_or(VaultError::Damaged { what: "a tag names a record that is not there" })?;
            let seen = Record::parse(record.value()).ok_or(BAD_RECORD)?.seen;
            one.found = Some(Found { token, seen: Some(seen) });
        }
        Ok(())
    }

    /// Makes the records of tags that were found nowhere. In a second round they are not made again.
    fn seal_new(&self, items: &[NewToken<'_>], missed: &mut [Missed], today: u32) -> Result<(), VaultError> {
        let mut sealer = Sealer::new(&*self.keys);
        for one in missed.iter_mut().filter(|m| m.found.is_none() && m.made.is_none()) {
            let item = &items[one.at];
            let mut token = TokenId([0; 16]);
            rand::fill(&mut token.0).map_err(|_| VaultError::Random)?;
            let created_ms = self.calendar.stamp_ms();
            let NewToken { tag, kind, tenant, version, value } = *item;
            let (nonce, sealed) = sealer.seal(Bound { token, version, created_ms, kind, tenant }, value)?;
            let seen = Seen { day: today, expires: expiry(today, self.retention_days) };
            let record = Record { version, created_ms, seen, tag, nonce, kind, tenant, sealed: &sealed };
            one.made = Some(NewRecord { token, record: record.encode().into() });
        }
        Ok(())
    }

    /// Decides, under the lock; `false` if what was read of the file may no longer hold.
    fn settle(
        &self,
        state: &mut State,
        generation: u64,
        items: &[NewToken<'_>],
        missed: &mut [Missed],
        today: u32,
    ) -> bool {
        if state.generation() != generation {
            return false;
        }
        for one in missed {
            let tag = &items[one.at].tag;
            let token = match (state.pending(tag), one.found) {
                (Some(token), _) => token,
                (None, Some(Found { token, seen: Some(seen) })) if !state.is_doomed(token) => {
                    let now = Seen { day: today, expires: expiry(today, self.retention_days) };
                    if seen.day < today {
                        state.touch(token, now);
                    }
                    token
                }
                (None, _) => match one.made.take() {
                    Some(made) => {
                        let token = made.token;
                        state.add(*tag, made);
                        token
                    }
                    // It is being removed, or was withdrawn: the next round makes a new one.
                    None => {
                        one.replace = true;
                        return false;
                    }
                },
            };
            self.cache.put(tag, token, today);
            one.token = token;
        }
        true
    }

    /// Writes what waits. Sorted, so that neighbours in the file are written together.
    fn apply(&self, tx: &WriteTransaction, changes: &Changes) -> Result<(), VaultError> {
        let mut tags = tx.open_table(TAGS).map_err(|e| self.disk.error(e))?;
        let mut records = tx.open_table(RECORDS).map_err(|e| self.disk.error(e))?;
        let mut new: Vec<_> = changes.new_records().collect();
        new.sort_unstable_by_key(|(tag, _)| **tag);
        for (tag, made) in &new {
            tags.insert(*tag, &made.token.0).map_err(|e| self.disk.error(e))?;
        }
        new.sort_unstable_by_key(|(_, made)| made.token);
        for (_, made) in &new {
            records.insert(&made.token.0, &*made.record).map_err(|e| self.disk.error(e))?;
        }
        for (token, seen) in changes.touched() {
            let touched = match records.get(&token.0).map_err(|e| self.disk.error(e))? {
                Some(bytes) => {
                    let record = Record::parse(bytes.value()).ok_or(BAD_RECORD)?;
                    Record { seen: record.seen.or_later(*seen), ..record }.encode()
                }
                None => continue,
            };
            records.insert(&token.0, &*touched).map_err(|e| self.disk.error(e))?;
        }
        let mut meta = tx.open_table(META).map_err(|e| self.disk.error(e))?;
        meta.insert(LATEST_MS, self.calendar.latest_ms()).map_err(|e| self.disk.error(e))?;
        Ok(())
    }
}

/// An item that the cache did not have.
struct Missed {
    at: usize,
    token: TokenId,
    found: Option<Found>,
    made: Option<NewRecord>,
    /// What the file has is on its way out.
    replace: bool,
}

impl Missed {
    fn wants_lookup(&self) -> bool {
        self.found.is_none() && !self.replace
    }
}

/// A token there is: `seen` where it was read in the file.
#[derive(Clone, Copy)]
struct Found {
    token: TokenId,
    seen: Option<Seen>,
}

impl TokenStore for FileVault {
    fn tokenize(&self, items: &[NewToken<'_>]) -> Result<Vec<TokenId>, VaultError> {
        for item in items {
            check(item.tenant, item.value)?;
        }
        let today = self.calendar.today();
        let mut tokens = Vec::with_capacity(items.len());
        let mut missed = Vec::new();
        for (at, item) in items.iter().enumerate() {
            let cached = self.cache.find(&item.tag, today);
            if cached.is_none() {
                missed.push(Missed { at, token: TokenId([0; 16]), found: None, made: None, replace: false });
            }
            tokens.push(cached.unwrap_or(TokenId([0; 16])));
        }
        if self.queue.has_failed() || (!missed.is_empty() && self.queue.lock().waiting() > MAX_WAITING) {
            self.commit()?;
        }
        if !missed.is_empty() {
            self.tokenize_missed(items, &mut missed, today)?;
            for one in missed {
                tokens[one.at] = one.token;
            }
        }
        Ok(tokens)
    }

    fn commit(&self) -> Result<(), VaultError> {
        self.queue.commit(|changes| self.disk.write(|tx| self.apply(tx, changes)))
    }

    fn open(&self, token: TokenId) -> Result<Option<Original>, VaultError> {
        let (waiting, seen) = {
            let state = self.queue.lock();
            if state.is_doomed(token) {
                return Ok(None);
            }
            (state.pending_record(token), state.pending_seen(token))
        };
        let bytes = match waiting {
            Some(bytes) => Some(bytes),
            None => self.disk.read(|tx| {
                let records = tx.open_table(RECORDS).map_err(|e| self.disk.error(e))?;
                let record = records.get(&token.0).map_err(|e| self.disk.error(e))?;
                Ok(record.map(|r| Arc::from(r.value())))
            })?,
        };
        let Some(bytes) = bytes else { return Ok(None) };
        let mut record = Record::parse(&bytes).ok_or(BAD_RECORD)?;
        record.seen = seen.map_or(record.seen, |s| record.seen.or_later(s));
        if is_past(record.seen.expires, self.calendar.today()) {
            return Ok(None);
        }
        Sealer::new(&*self.keys).open(token, &record).map(Some)
    }
}

/// What waits is written when the vault goes; errors are those of a crash at that moment, and nothing was acknowledged.
impl Drop for FileVault {
    fn drop(&mut self) {
        if let Err(e) = self.commit() {
            tracing::warn!(error = %e, "tokens that were not committed are lost");
        }
    }
}

#[cfg(test)]
mod faults;
#[cfg(test)]
mod tests;
