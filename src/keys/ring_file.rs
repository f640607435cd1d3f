//! Key rings in files: JSON, the root keys wrapped by a key-encryption key that stands elsewhere.
//!
//! What the file says of its versions is authenticated with a key that is derived from the active one: nobody without the
//! key-encryption key can make a retired version active again, or drop one. An older copy of the whole file is not told from the
//! file itself; the audit log shows what was done to it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::{hmac, rand};
use serde_json::{Map, Value, json};

use super::encoding::{base64, hex, unbase64, unhex};
use super::kek::{Kek, KekError, KekRef};
use super::ring::{KeyState, KeyVersion, Purpose, ROOT_BYTES, Ring, RingError};
use crate::reason::unreadable;
use crate::secret::Sensitive;

/// Version of the file's format.
const FORMAT: u64 = 1;
/// No ring's file is larger: a version takes less than a kilobyte.
const MAX_BYTES: u64 = 4 << 20;
/// Wrapped keys are no longer than this.
const MAX_WRAPPED: usize = 4096;

/// A key ring's file, as it was read: nothing in it is a secret.
#[derive(Clone, Debug)]
pub struct RingFile {
    path: PathBuf,
    id: String,
    kek: KekRef,
    kek_id: String,
    versions: Vec<Entry>,
    mac: Vec<u8>,
}

/// A version, its key wrapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Counted from 1.
    pub number: u32,
    /// What it may be used for.
    pub state: KeyState,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it got its state.
    pub changed_ms: i64,
    wrapped: Option<Vec<u8>>,
}

/// Why a ring's file cannot be used. It names the file, and shows nothing of any key.
#[derive(Debug, thiserror::Error)]
pub enum RingFileError {
    /// The file cannot be read or written.
    #[error("cannot {verb} the key ring {path}: {reason}")]
    File {
        /// Which file.
        path: String,
        /// What was tried.
        verb: &'static str,
        /// Why not.
        reason: String,
    },
    /// It is not what it should be.
    #[error("the key ring {path} is {what}")]
    Damaged {
        /// Which file.
        path: String,
        /// What it is instead.
        what: String,
    },
    /// What was asked for is refused.
    #[error("{0}")]
    Refused(String),
    /// The key-encryption key does not do what it should.
    #[error("the key-encryption key of the key ring {path}: {error}")]
    Kek {
        /// Which ring.
        path: String,
        /// Why.
        error: KekError,
    },
}

impl RingFile {
    /// Makes a ring with one active version, and writes it. A file that is there already is never overwritten.
    ///
    /// # Errors
    /// When the file is there, or cannot be written, or the key-encryption key does not work.
    pub fn create(
        path: &Path,
        kek: KekRef,
        opened: &dyn Kek,
        now_ms: i64,
    ) -> Result<RingFile, RingFileError> {
        let mut id = [0; 8];
        rand::fill(&mut id).map_err(|_| no_random())?;
        let mut ring = RingFile {
            path: path.to_owned(),
            id: hex(&id),
            kek,
            kek_id: opened.id(),
            versions: Vec::new(),
            mac: Vec::new(),
        };
        if path.exists() {
            return Err(RingFileError::Refused(format!(
                "{} is there already; a key ring is never overwritten",
                path.display()
            )));
        }
        let _lock = ring.lock()?;
        let entry = ring.fresh(opened, KeyState::Active, now_ms)?;
        ring.versions.push(entry);
        ring.seal(opened)?;
        ring.write(true)?;
        Ok(ring)
    }

    /// Reads a ring's file. No key is opened.
    ///
    /// # Errors
    /// When it cannot be read, or is no key ring.
    pub fn read(path: &Path) -> Result<RingFile, RingFileError> {
        let failed = |e: io::Error| RingFileError::File {
            path: path.display().to_string(),
            verb: "read",
            reason: unreadable(&e),
        };
        let file = File::open(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if about.is_dir() {
            return Err(damaged(path, "a directory; name the file in it"));
        }
        // It names the key-encryption key: whoever may write it decides which server is asked, and which library is loaded.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            if about.permissions().mode() & 0o022 != 0 {
                return Err(damaged(path, "writable by others than its owner; do `chmod go-w` on it"));
            }
        }
        let mut text = String::new();
        file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
        if text.len() as u64 > MAX_BYTES {
            return Err(damaged(path, "larger than any key ring"));
        }
        RingFile::parse(path, &text)
    }

    /// Understands the text of a ring's file, which came from `path`. No key is opened.
    ///
    /// # Errors
    /// When it is no key ring.
    pub fn parse(path: &Path, text: &str) -> Result<RingFile, RingFileError> {
        let wrong = |what: &str| damaged(path, what);
        // What serde says may quote the text.
        let root: Value = serde_json::from_str(text).map_err(|_| wrong("no JSON"))?;
        let field = |name: &str| root.get(name).and_then(Value::as_str).map(str::to_owned);
        match root.get("scrubjay_key_ring").and_then(Value::as_u64) {
            Some(FORMAT) => {}
            Some(_) => return Err(wrong("of a later version of the format; use a newer scrubjay")),
            None => return Err(wrong("no key ring: the field `scrubjay_key_ring` is missing")),
        }
        let missing = || wrong("damaged: a field is missing or is not what it should be");
        let kek = field("kek").ok_or_else(missing)?;
        let kek =
            kek.parse().map_err(|error| RingFileError::Kek { path: path.display().to_string(), error })?;
        let version = |v: &Value| {
            let number = v.get("version")?.as_u64()?.try_into().ok()?;
            let state = v.get("state")?.as_str()?;
            let state = KeyState::NAMES.iter().find(|(name, _)| *name == state)?.1;
            let wrapped = match v.get("wrapped") {
                Some(text) => Some(decode(text.as_str()?)?),
                None => None,
            };
            let time = |name: &str| v.get(name)?.as_i64();
            Some(Entry {
                number,
                state,
                created_ms: time("created_ms")?,
                changed_ms: time("changed_ms")?,
                wrapped,
            })
        };
        let versions = root.get("versions").and_then(Value::as_array).ok_or_else(missing)?;
        let versions = versions.iter().map(version).collect::<Option<_>>().ok_or_else(missing)?;
        let mut mac = vec![0; 32];
        if !field("mac").is_some_and(|text| unhex(text.as_bytes(), &mut mac)) {
            return Err(missing());
        }
        let id = field("id")
            .filter(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_hexdigit()))
            .ok_or_else(missing)?;
        let kek_id = field("kek_id").filter(|id| !id.contains('\n')).ok_or_else(missing)?;
        Ok(RingFile { path: path.to_owned(), id, kek, kek_id, versions, mac })
    }

    /// Opens the ring: unwraps its keys, and checks what the file says of them.
    ///
    /// # Errors
    /// When the key-encryption key cannot be used, is another one, or the file was altered.
    pub fn open(&self) -> Result<Ring, RingFileError> {
        let kek = self.kek.open().map_err(|e| self.kek_error(e))?;
        self.open_with(&*kek)
    }

    /// The same, with a key-encryption key that is open already.
    ///
    /// # Errors
    /// As [`RingFile::open`].
    pub fn open_with(&self, kek: &dyn Kek) -> Result<Ring, RingFileError> {
        if kek.id() != self.kek_id {
            return Err(RingFileError::Refused(format!(
                "the key ring {} was wrapped with the key-encryption key {}, but {} is {}",
                self.path.display(),
                self.kek_id,
                self.kek,
                kek.id()
            )));
        }
        let version = |entry: &Entry| {
            let root = match &entry.wrapped {
                Some(wrapped) => Some(
                    kek.unwrap_key(wrapped, &self.context(entry.number)).map_err(|e| self.kek_error(e))?,
                ),
                None => None,
            };
            let Entry { number, state, created_ms, .. } = *entry;
            Ok(KeyVersion { number, state, created_ms, root })
        };
        let versions = self.versions.iter().map(version).collect::<Result<_, RingFileError>>()?;
        let ring = Ring::new(self.id.clone(), versions).map_err(|e| self.unsound(e))?;
        let key = self.mac_key(&ring)?;
        hmac::verify(&key, &self.said(), &self.mac).map_err(|_| {
            damaged(&self.path, "altered: what it says of its versions is not what was written")
        })?;
        Ok(ring)
    }

    /// Makes a new version, which is not used until [`RingFile::rotate`]: members of a fleet can be given it before.
    ///
    /// # Errors
    /// When the ring does not open or cannot be written.
    pub fn generate(&mut self, now_ms: i64) -> Result<u32, RingFileError> {
        self.change(|ring, kek| {
            let entry = ring.fresh(kek, KeyState::Pending, now_ms)?;
            let number = entry.number;
            ring.versions.push(entry);
            Ok(number)
        })
    }

    /// Makes the newest pending version active, or a new one if none is pending; the active one is retired. The number of the one that
    /// is active now.
    ///
    /// # Errors
    /// As [`RingFile::generate`].
    pub fn rotate(&mut self, now_ms: i64) -> Result<u32, RingFileError> {
        self.change(|ring, kek| {
            if !ring.versions.iter().any(|v| v.state == KeyState::Pending) {
                let entry = ring.fresh(kek, KeyState::Pending, now_ms)?;
                ring.versions.push(entry);
            }
            for entry in ring.versions.iter_mut().filter(|v| v.state == KeyState::Active) {
                entry.become_in(KeyState::Retired, now_ms);
            }
            let newest = ring.versions.iter_mut().rev().find(|v| v.state == KeyState::Pending);
            newest.map_or(Err(no_random()), |entry| {
                entry.become_in(KeyState::Active, now_ms);
                Ok(entry.number)
            })
        })
    }

    /// Retires a version that was never used.
    ///
    /// # Errors
    /// As [`RingFile::generate`], and for a version in any other state.
    pub fn retire(&mut self, number: u32, now_ms: i64) -> Result<(), RingFileError> {
        self.change(|ring, _| {
            let entry = ring.entry(number)?;
            match entry.state {
                KeyState::Pending => {
                    entry.become_in(KeyState::Retired, now_ms);
                    Ok(())
                }
                KeyState::Active => Err(RingFileError::Refused(format!(
                    "version {number} is the active one; `scrubjay keys rotate` puts another in its place and retires it"
                ))),
                state => Err(RingFileError::Refused(format!("version {number} is {} already", state.name()))),
            }
        })
    }

    /// Destroys a retired version: its key goes, and what it sealed can never be read again. Its tokens in text are from then on text
    /// like any other.
    ///
    /// # Errors
    /// As [`RingFile::generate`], and for a version that is not retired.
    pub fn destroy(&mut self, number: u32, now_ms: i64) -> Result<(), RingFileError> {
        self.change(|ring, _| {
            let entry = ring.entry(number)?;
            if entry.state != KeyState::Retired {
                let state = entry.state.name();
                return Err(RingFileError::Refused(format!(
                    "version {number} is {state}; only a retired one can be destroyed"
                )));
            }
            entry.become_in(KeyState::Destroyed, now_ms);
            entry.wrapped = None;
            Ok(())
        })
    }

    /// Wraps all keys anew, with this key-encryption key, which may be the one they are wrapped with.
    ///
    /// # Errors
    /// As [`RingFile::generate`].
    pub fn rewrap(&mut self, kek: KekRef, opened: &dyn Kek) -> Result<(), RingFileError> {
        let _lock = self.lock()?;
        *self = RingFile::read(&self.path)?;
        let ring = self.open()?;
        self.kek = kek;
        self.kek_id = opened.id();
        for number in ring.readable().collect::<Vec<_>>() {
            let context = self.context(number);
            if let Some(root) = ring.root(number) {
                let wrapped = opened.wrap(&root, &context).map_err(|e| self.kek_error(e))?;
                self.entry(number)?.wrapped = Some(wrapped);
            }
        }
        self.seal(opened)?;
        self.write(false)
    }

    /// Which ring it is.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where its key-encryption key is.
    pub fn kek(&self) -> &KekRef {
        &self.kek
    }

    /// Its versions, in rising order.
    pub fn versions(&self) -> &[Entry] {
        &self.versions
    }

    /// Changes the file under a lock, after reading it once more: two commands at a time do not lose a version.
    fn change<T>(
        &mut self,
        change: impl FnOnce(&mut RingFile, &dyn Kek) -> Result<T, RingFileError>,
    ) -> Result<T, RingFileError> {
        let _lock = self.lock()?;
        *self = RingFile::read(&self.path)?;
        let kek = self.kek.open().map_err(|e| self.kek_error(e))?;
        // What was altered is not signed anew.
        self.open_with(&*kek)?;
        let made = change(self, &*kek)?;
        self.seal(&*kek)?;
        self.write(false)?;
        Ok(made)
    }

    fn fresh(&self, kek: &dyn Kek, state: KeyState, now_ms: i64) -> Result<Entry, RingFileError> {
        let mut bytes = [0; ROOT_BYTES];
        let drawn = rand::fill(&mut bytes);
        let root = Sensitive::new(bytes);
        zeroize::Zeroize::zeroize(&mut bytes);
        drawn.map_err(|_| no_random())?;
        let number = self.versions.last().map_or(1, |v| v.number + 1);
        let wrapped = kek.wrap(&root, &self.context(number)).map_err(|e| self.kek_error(e))?;
        let now_ms = now_ms.max(self.versions.last().map_or(0, |v| v.created_ms));
        Ok(Entry { number, state, created_ms: now_ms, changed_ms: now_ms, wrapped: Some(wrapped) })
    }

    fn entry(&mut self, number: u32) -> Result<&mut Entry, RingFileError> {
        let path = self.path.display().to_string();
        let found = self.versions.iter_mut().find(|v| v.number == number);
        found.ok_or_else(|| RingFileError::Refused(format!("the key ring {path} has no version {number}")))
    }

    /// Ties a wrapped key to its place.
    fn context(&self, number: u32) -> Vec<u8> {
        format!("scrubjay key ring {} version {number}", self.id).into_bytes()
    }

    /// What the file says, as it is authenticated.
    fn said(&self) -> Vec<u8> {
        let mut out = format!("{FORMAT}\n{}\n{}\n", self.id, self.kek_id).into_bytes();
        for v in &self.versions {
            let wrapped = v.wrapped.as_ref().map_or(String::new(), |w| hex(w));
            let line =
                format!("{} {} {} {} {wrapped}\n", v.number, v.state.name(), v.created_ms, v.changed_ms);
            out.extend_from_slice(line.as_bytes());
        }
        out
    }

    fn mac_key(&self, ring: &Ring) -> Result<hmac::Key, RingFileError> {
        let key = ring.derive::<32>(ring.active(), Purpose::RingFile, &[]).map_err(|e| self.unsound(e))?;
        Ok(hmac::Key::new(hmac::HMAC_SHA256, key.expose()))
    }

    /// Authenticates what the file says now.
    fn seal(&mut self, kek: &dyn Kek) -> Result<(), RingFileError> {
        let active = self.versions.iter().find(|v| v.state == KeyState::Active);
        let (Some(active), Some(wrapped)) = (active, active.and_then(|v| v.wrapped.as_ref())) else {
            return Err(self.unsound(RingError::Unsound("exactly one version must be active")));
        };
        let root = kek.unwrap_key(wrapped, &self.context(active.number)).map_err(|e| self.kek_error(e))?;
        let version = KeyVersion { number: 1, state: KeyState::Active, created_ms: 0, root: Some(root) };
        let ring = Ring::new(self.id.clone(), vec![version]).map_err(|e| self.unsound(e))?;
        let key = self.mac_key(&ring)?;
        self.mac = hmac::sign(&key, &self.said()).as_ref().to_vec();
        Ok(())
    }

    fn lock(&self) -> Result<File, RingFileError> {
        let path = beside(&self.path, "lock");
        let failed = |e: io::Error| RingFileError::File {
            path: path.display().to_string(),
            verb: "lock",
            reason: unreadable(&e),
        };
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        file.lock().map_err(failed)?;
        Ok(file)
    }

    /// Writes the file beside itself, then puts it in place: whatever happens, the old one or the new one is there.
    fn write(&self, new: bool) -> Result<(), RingFileError> {
        let failed = |e: io::Error| RingFileError::File {
            path: self.path.display().to_string(),
            verb: "write",
            reason: unreadable(&e),
        };
        let temporary = beside(&self.path, "new");
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&temporary).map_err(failed)?;
        file.write_all(self.print().as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        if new {
            // Unlike a renaming, a link never takes the place of a file that has come up meanwhile.
            fs::hard_link(&temporary, &self.path).map_err(failed)?;
            fs::remove_file(&temporary).map_err(failed)?;
        } else {
            fs::rename(&temporary, &self.path).map_err(failed)?;
        }
        let dir = self.path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)
    }

    fn print(&self) -> String {
        let version = |v: &Entry| {
            let mut map = Map::new();
            map.insert("version".into(), v.number.into());
            map.insert("state".into(), v.state.name().into());
            map.insert("created_ms".into(), v.created_ms.into());
            map.insert("changed_ms".into(), v.changed_ms.into());
            if let Some(wrapped) = &v.wrapped {
                map.insert("wrapped".into(), base64(wrapped).into());
            }
            Value::Object(map)
        };
        let ring = json!({
            "scrubjay_key_ring": FORMAT,
            "id": self.id,
            "kek": self.kek.to_string(),
            "kek_id": self.kek_id,
            "versions": self.versions.iter().map(version).collect::<Vec<_>>(),
            "mac": hex(&self.mac),
        });
        format!("{ring:#}\n")
    }

    fn kek_error(&self, error: KekError) -> RingFileError {
        RingFileError::Kek { path: self.path.display().to_string(), error }
    }

    fn unsound(&self, error: RingError) -> RingFileError {
        damaged(&self.path, &error.to_string())
    }
}

impl Entry {
    fn become_in(&mut self, state: KeyState, now_ms: i64) {
        self.state = state;
        self.changed_ms = now_ms.max(self.changed_ms);
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let padding = text.bytes().rev().take_while(|b| *b == b'=').count();
    let len = (text.len() / 4 * 3).checked_sub(padding).filter(|len| *len <= MAX_WRAPPED)?;
    let mut out = vec![0; len];
    unbase64(text.as_bytes(), &mut out).then_some(out)
}

fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(extension);
    path.with_file_name(name)
}

fn damaged(path: &Path, what: &str) -> RingFileError {
    RingFileError::Damaged { path: path.display().to_string(), what: what.to_owned() }
}

fn no_random() -> RingFileError {
    RingFileError::Refused("the system's random number generator failed".to_owned())
}

#[cfg(test)]
mod tests;
