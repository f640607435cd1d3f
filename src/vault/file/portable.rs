//! All records out, for a backup, and in again.

use redb::{ReadableTable, ReadableTableMetadata};

use super::disk::{LATEST_MS, META, RECORDS, TAGS};
use super::{BAD_RECORD, FileVault};
use crate::vault::record::Record;
use crate::vault::seal::Sealer;
use crate::vault::{Entry, Portable, TokenId, TokenStore, VaultError};

impl Portable for FileVault {
    fn export(&self, visit: &mut dyn FnMut(&Entry) -> Result<(), VaultError>) -> Result<(), VaultError> {
        self.commit()?;
        self.disk.read(|tx| {
            let tags = tx.open_table(TAGS).map_err(|e| self.disk.error(e))?;
            let records = tx.open_table(RECORDS).map_err(|e| self.disk.error(e))?;
            for entry in records.iter().map_err(|e| self.disk.error(e))? {
                let (token, bytes) = entry.map_err(|e| self.disk.error(e))?;
                let (token, record) = (TokenId(*token.value()), bytes.value().to_vec());
                let tag = Record::parse(&record).ok_or(BAD_RECORD)?.tag;
                let named = tags.get(&tag).map_err(|e| self.disk.error(e))?.map(|t| *t.value());
                visit(&Entry { token, is_tagged: named == Some(token.0), record })?;
            }
            Ok(())
        })
    }

    fn import(&self, next: &mut dyn FnMut() -> Result<Option<Entry>, VaultError>) -> Result<u64, VaultError> {
        self.commit()?;
        let _writer = self.queue.writer();
        let mut count = 0;
        let done = self.disk.write(|tx| {
            let mut tags = tx.open_table(TAGS).map_err(|e| self.disk.error(e))?;
            let mut records = tx.open_table(RECORDS).map_err(|e| self.disk.error(e))?;
            if !records.is_empty().map_err(|e| self.disk.error(e))? {
                return Err(VaultError::NotEmpty);
            }
            let mut sealer = Sealer::new(&*self.keys);
            while let Some(entry) = next()? {
                let record = Record::parse(&entry.record).ok_or(BAD_RECORD)?;
                sealer.is_of_this_ring(entry.token, &record)?;
                self.calendar.note(record.created_ms);
                records.insert(&entry.token.0, &*entry.record).map_err(|e| self.disk.error(e))?;
                if entry.is_tagged {
                    tags.insert(&record.tag, &entry.token.0).map_err(|e| self.disk.error(e))?;
                }
                count += 1;
            }
            let mut meta = tx.open_table(META).map_err(|e| self.disk.error(e))?;
            meta.insert(LATEST_MS, self.calendar.latest_ms()).map_err(|e| self.disk.error(e))?;
            Ok(())
        });
        self.queue.lock().changed();
        done.map(|()| count)
    }
}
