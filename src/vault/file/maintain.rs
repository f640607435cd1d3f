//! Erasing, expiry, sealing anew, counting and compaction.
//!
//! What removes a record first marks its token: from then on nobody is given it. A value that comes again meanwhile gets
//! a new token, so that no thread is ever told that a token is durable whose record is being removed.

use std::ops::Bound::{Excluded, Unbounded};

use redb::{ReadableTable, WriteTransaction};

use super::disk::{RECORDS, TAGS};
use super::{BAD_RECORD, FileVault};
use crate::vault::clock::is_past;
use crate::vault::record::Record;
use crate::vault::seal::{Bound, Sealer};
use crate::vault::types::Tag;
use crate::vault::{Maintain, Retag, Rewrapped, Stats, TokenId, TokenStore, VaultError};

/// Records removed in one transaction.
const BATCH: usize = 5_000;

impl FileVault {
    /// Gives freed pages back to the file system; whether the file became smaller. Other calls wait meanwhile. Refused
    /// while a backup reads the vault.
    pub fn compact(&self) -> Result<bool, VaultError> {
        self.commit()?;
        let _writer = self.queue.writer();
        self.disk.compact()
    }

    /// The next tokens past their expiry, and where to go on.
    fn expired_after(&self, after: Option<TokenId>, today: u32) -> Result<Vec<TokenId>, VaultError> {
        self.disk.read(|tx| {
            let records = tx.open_table(RECORDS).map_err(|e| self.disk.error(e))?;
            let mut found = Vec::new();
            let from = after.as_ref().map_or(Unbounded, |t| Excluded(&t.0));
            for entry in records.range::<&[u8; 16]>((from, Unbounded)).map_err(|e| self.disk.error(e))? {
                let (token, record) = entry.map_err(|e| self.disk.error(e))?;
                if is_past(Record::parse(record.value()).ok_or(BAD_RECORD)?.seen.expires, today) {
                    found.push(TokenId(*token.value()));
                    if found.len() == BATCH {
                        break;
                    }
                }
            }
            Ok(found)
        })
    }

    /// Removes records whose tokens are marked; their tags. `past` leaves those that were seen meanwhile.
    fn remove(
        &self,
        tx: &WriteTransaction,
        tokens: &[TokenId],
        past: Option<u32>,
    ) -> Result<Vec<Tag>, VaultError> {
        let mut tags = tx.open_table(TAGS).map_err(|e| self.disk.error(e))?;
        let mut records = tx.open_table(RECORDS).map_err(|e| self.disk.error(e))?;
        let mut removed = Vec::new();
        for token in tokens {
            let (tag, expires) = match records.get(&token.0).map_err(|e| self.disk.error(e))? {
                Some(bytes) => {
                    let record = Record::parse(bytes.value()).ok_or(BAD_RECORD)?;
                    (record.tag, record.seen.expires)
                }
                None => continue,
            };
            if past.is_some_and(|today| !is_past(expires, today)) {
                continue;
            }
            records.remove(&token.0).map_err(|e| self.disk.error(e))?;
            // The tag may have a newer token by now.
            let named = tags.get(&tag).map_err(|e| self.disk.error(e))?.map(|t| *t.value());
            if named == Some(token.0) {
                tags.remove(&tag).map_err(|e| self.disk.error(e))?;
            }
            removed.push(tag);
        }
        Ok(removed)
    }

    /// Ends a removal, whether it succeeded or not.
    fn removed(&self, tags: &[Tag]) {
        let mut state = self.queue.lock();
        state.spare();
        for tag in tags {
            self.cache.forget(tag);
        }
    }
}

impl Maintain for FileVault {
    fn delete(&self, token: TokenId) -> Result<bool, VaultError> {
        let _writer = self.queue.writer();
        let waited = {
            let mut state = self.queue.lock();
            state.doom([token]);
            let tag = state.withdraw(token);
            tag.inspect(|tag| self.cache.forget(tag))
        };
        let removed = self.disk.write(|tx| self.remove(tx, &[token], None));
        self.removed(removed.as_deref().unwrap_or_default());
        Ok(!removed?.is_empty() || waited.is_some())
    }

    fn expire(&self) -> Result<u64, VaultError> {
        let today = self.calendar.today();
        let (mut after, mut count) = (None, 0);
        loop {
            let mut expired = self.expired_after(after, today)?;
            let last = expired.last().copied();
            let whole = expired.len() == BATCH;
            if !expired.is_empty() {
                let _writer = self.queue.writer();
                {
                    let mut state = self.queue.lock();
                    expired.retain(|token| state.pending_seen(*token).is_none());
                    state.doom(expired.iter().copied());
                }
                let removed = self.disk.write(|tx| self.remove(tx, &expired, Some(today)));
                self.removed(removed.as_deref().unwrap_or_default());
                count += removed?.len() as u64;
            }
            if !whole {
                return Ok(count);
            }
            after = last;
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
        self.commit()?;
        let _writer = self.queue.writer();
        let done = self.disk.write(|tx| {
            let mut tags = tx.open_table(TAGS).map_err(|e| self.disk.error(e))?;
            let mut records = tx.open_table(RECORDS).map_err(|e| self.disk.error(e))?;
            let mut sealer = Sealer::new(&*self.keys);
            let mut progress = Rewrapped::default();
            let mut sealed_anew = Vec::new();
            let start = after.as_ref().map_or(Unbounded, |t| Excluded(&t.0));
            for entry in records.range::<&[u8; 16]>((start, Unbounded)).map_err(|e| self.disk.error(e))? {
                if sealed_anew.len() + progress.damaged as usize >= limit.max(1) {
                    break;
                }
                let (token, bytes) = entry.map_err(|e| self.disk.error(e))?;
                let token = TokenId(*token.value());
                let record = Record::parse(bytes.value()).ok_or(BAD_RECORD)?;
                if record.version != from {
                    continue;
                }
                progress.next = Some(token);
                let original = match sealer.open(token, &record) {
                    Ok(original) => original,
                    Err(VaultError::Damaged { .. }) => {
                        progress.damaged += 1;
                        continue;
                    }
                    Err(e) => return Err(e),
                };
                let bound = Bound { version: current, ..Bound::of(token, &record) };
                let (nonce, sealed) = sealer.seal(bound, original.value.expose())?;
                let tag = retag(&original).unwrap_or(record.tag);
                let anew = Record { version: current, nonce, tag, sealed: &sealed, ..record }.encode();
                sealed_anew.push((token, record.tag, tag, anew));
            }
            if sealed_anew.len() + (progress.damaged as usize) < limit.max(1) {
                progress.next = None;
            }
            for (token, old, tag, anew) in &sealed_anew {
                records.insert(&token.0, &**anew).map_err(|e| self.disk.error(e))?;
                let named = tags.get(old).map_err(|e| self.disk.error(e))?.map(|t| *t.value());
                if old != tag && named == Some(token.0) {
                    tags.remove(old).map_err(|e| self.disk.error(e))?;
                    if tags.get(tag).map_err(|e| self.disk.error(e))?.is_none() {
                        tags.insert(tag, &token.0).map_err(|e| self.disk.error(e))?;
                    }
                }
            }
            progress.done = sealed_anew.len() as u64;
            Ok(progress)
        });
        self.queue.lock().changed();
        done
    }

    fn stats(&self) -> Result<Stats, VaultError> {
        self.commit()?;
        let today = self.calendar.today();
        let stored_bytes = self.disk.bytes()?;
        let mut stats =
            Stats { stored_bytes, latest_created_ms: self.calendar.latest_ms(), ..Stats::default() };
        self.disk.read(|tx| {
            let records = tx.open_table(RECORDS).map_err(|e| self.disk.error(e))?;
            for entry in records.iter().map_err(|e| self.disk.error(e))? {
                let (_, bytes) = entry.map_err(|e| self.disk.error(e))?;
                let record = Record::parse(bytes.value()).ok_or(BAD_RECORD)?;
                *stats.records.entry((record.kind, record.version)).or_default() += 1;
                stats.expired += u64::from(is_past(record.seen.expires, today));
            }
            Ok(())
        })?;
        Ok(stats)
    }
}
