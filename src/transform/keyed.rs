//! The transforms that take a key, and the keys they take: derived from the ring for one tenant and kind, and kept by each
//! worker.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aes_siv::KeyInit as _;
use aes_siv::siv::Aes256Siv;

use super::canonical::{canonical, written_out};
use super::check::Checks;
use super::ff1::Ff1;
use super::format_preserving::{self, Way};
use super::prf::Prf;
use super::token::{self, NAME_BYTES, ReadToken, TokenForm, TokenType};
use super::{dates, surrogate};
use crate::calendar::Civil;
use crate::keys::{LockedBox, Purpose, Ring, RingError};
use crate::kind::Kind;
use crate::policy::Action;
use crate::secret::Sensitive;

static SERIAL: AtomicU64 = AtomicU64::new(1);

/// A worker keeps the keys of so many tenants; of more it begins anew.
const MAX_TENANTS: usize = 256;

/// A value that a token is asked for.
#[derive(Clone, Copy)]
pub struct NewToken<'a> {
    /// A keyed hash of tenant, kind and canonical form under a version of the key: equal tags get the equal token.
    pub tag: [u8; 32],
    /// The kind of the value.
    pub kind: Kind,
    /// Whose it is: at most 255 bytes. It is stored in clear.
    pub tenant: &'a str,
    /// The version of the key: of the tag, and of what the value is sealed with.
    pub version: u32,
    /// The exact bytes.
    pub value: &'a [u8],
}

/// Gives out random tokens and remembers them.
pub trait Tokens: Send + Sync {
    /// A token for each; equal tags get equal ones. They may be handed on once [`Tokens::commit`] has returned.
    ///
    /// # Errors
    /// Then no token was given out. What no vault takes, such as a value that is too long, is the record's own failure.
    fn tokenize(&self, items: &[NewToken<'_>]) -> Result<Vec<[u8; NAME_BYTES]>, Failed>;

    /// All that was given out before the call is durable when it returns.
    ///
    /// # Errors
    /// A fixed phrase; then what was given out must not be handed on.
    fn commit(&self) -> Result<(), &'static str>;
}

/// A vault that keeps nothing, for the tests in pipeline files: a value's token follows from its tag, so that it is always the same.
#[derive(Clone, Copy, Debug)]
pub struct TestTokens;

impl Tokens for TestTokens {
    fn tokenize(&self, items: &[NewToken<'_>]) -> Result<Vec<[u8; NAME_BYTES]>, Failed> {
        let name = |item: &NewToken<'_>| {
            let mut name = [0; NAME_BYTES];
            name.copy_from_slice(&item.tag[..NAME_BYTES]);
            name
        };
        Ok(items.iter().map(name).collect())
    }

    fn commit(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

/// The keys that transforms work with. Immutable, shared by all workers.
pub struct Keyed {
    /// Tells a worker that the keys it holds are another one's.
    serial: u64,
    ring: Arc<Ring>,
    tokens: Option<Arc<dyn Tokens>>,
    form: TokenForm,
    this_year: i32,
    checks: Checks,
}

/// One value, and what is done with it.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    /// What it is.
    pub kind: Kind,
    /// An action that takes a key.
    pub action: Action,
    /// The exact bytes.
    pub text: &'a [u8],
    /// It is a JSON number, which may be written with an exponent and has no leading zeros.
    pub number: bool,
}

/// Whose a record is, and whom it speaks of.
#[derive(Clone, Copy, Default)]
pub struct Context<'a> {
    /// Whose keys are used.
    pub tenant: Option<&'a str>,
    /// The canonical form of what tells one person from another.
    pub subject: Option<&'a [u8]>,
}

/// A worker's keys, derived when first needed and kept.
#[derive(Default)]
pub struct KeyedScratch {
    /// Whose they are.
    serial: u64,
    tenants: Tenants,
    canonical: Vec<u8>,
    /// What a token that is being written says, before base32.
    body: Vec<u8>,
}

/// The keys of tenants: of the one that was seen last, and of others.
#[derive(Default)]
struct Tenants {
    last: (Box<str>, TenantKeys),
    others: HashMap<Box<str>, TenantKeys>,
}

/// One tenant's keys, made when first needed.
#[derive(Default)]
struct TenantKeys {
    kinds: [Option<LockedBox<KindKeys>>; Kind::COUNT],
    shift: Option<LockedBox<Option<Prf>>>,
}

#[derive(Default)]
struct KindKeys {
    pseudonym: Option<Prf>,
    lookup: Option<Prf>,
    surrogate: Option<Prf>,
    seal: Option<Aes256Siv>,
    ff1: Option<Ff1>,
}

/// Why a value was not transformed: a fixed phrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// It is about this record.
    Record(&'static str),
    /// Keys or vault do not work: no other record would fare better.
    Keys(&'static str),
}

const NO_TENANT: Failed = Failed::Record("the record names no tenant, whose keys it would be written with");
const NO_KEY: Failed = Failed::Keys("the key ring lacks a key it should have");
const NO_VAULT: Failed = Failed::Keys("there is no vault to keep tokens in");

impl Keyed {
    /// Works with this ring. `this_year` tells of which century a year of two digits is, and which years tell of an age over 89.
    ///
    /// # Errors
    /// When the ring has no key for a version that should have one.
    pub fn new(ring: Arc<Ring>, this_year: i32) -> Result<Keyed, RingError> {
        let checks = Checks::new(&ring)?;
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        Ok(Keyed { serial, ring, tokens: None, form: TokenForm::default(), this_year, checks })
    }

    /// The same, with a vault that keeps tokens.
    #[must_use]
    pub fn with_vault(self, tokens: Arc<dyn Tokens>) -> Keyed {
        Keyed { tokens: Some(tokens), ..self }
    }

    /// The same, writing tokens in this form.
    #[must_use]
    pub fn with_form(self, form: TokenForm) -> Keyed {
        Keyed { form, ..self }
    }

    /// The ring it works with.
    pub fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }

    /// Makes durable what the vault gave out.
    ///
    /// # Errors
    /// When it could not: then those tokens must not go out.
    pub fn commit(&self) -> Result<(), Failed> {
        self.tokens.as_ref().map_or(Ok(()), |tokens| tokens.commit().map_err(Failed::Keys))
    }

    /// Whether a token that was read is one that this ring made.
    pub(crate) fn is_genuine(&self, read: &ReadToken) -> bool {
        self.checks.is_genuine(read)
    }

    /// Appends what takes the place of a value; the marker of its kind where the transform does not apply. Not for
    /// [`Action::Token`], of which many are asked for at once: see [`Keyed::tokenize`].
    ///
    /// # Errors
    /// Where no tenant is known, or the ring lacks a key.
    pub fn transform(
        &self,
        value: Value<'_>,
        context: Context<'_>,
        scratch: &mut KeyedScratch,
        out: &mut Vec<u8>,
    ) -> Result<(), Failed> {
        scratch.serve(self.serial);
        let KeyedScratch { tenants, canonical: form, body, .. } = scratch;
        let Value { kind, action, text, number } = value;
        let keys = tenants.of(context)?;
        let spell = |form: &mut Vec<u8>| {
            form.clear();
            canonical(kind, text, number, self.this_year, form);
        };
        let done = match action {
            Action::Pseudonym => {
                spell(form);
                let key = keys.of(kind).prf(self, Purpose::Pseudonym, kind, context)?;
                let tag = key.tag(form);
                self.checks.write((kind, TokenType::Pseudonym), &tag[..NAME_BYTES], self.form, body, out)
            }
            Action::Seal => {
                // A token longer than that would not be known again: of a picture the marker is put.
                if text.len() > token::MAX_SEALED {
                    out.extend_from_slice(kind.marker().as_bytes());
                    return Ok(());
                }
                let siv = keys.of(kind).siv(self, kind, context)?;
                let sealed = siv
                    .encrypt([self.checks.head(kind, TokenType::Sealed)], text)
                    .map_err(|_| Failed::Record("a value is too long to be sealed"))?;
                self.checks.write((kind, TokenType::Sealed), &sealed, self.form, body, out)
            }
            Action::FormatPreserving => {
                let ff1 = keys.of(kind).ff1(self, kind, context)?;
                let plain = if number { written_out(text) } else { None };
                format_preserving::apply(
                    ff1,
                    Way::Encrypt,
                    kind,
                    plain.as_ref().map_or(text, |p| p.as_bytes()),
                    out,
                )
            }
            Action::DateShift { days } => {
                let written = if kind == Kind::Date { dates::read(text, self.this_year) } else { None };
                match (written, context.subject) {
                    (Some(written), Some(subject)) => {
                        let key = keys.shift(self, context)?;
                        let by = shift(&key.tag(subject), days);
                        let day = Civil::from_days(written.day.days() + by);
                        written.write(text, day, out);
                        true
                    }
                    _ => false,
                }
            }
            Action::Surrogate => {
                let key = keys.of(kind).prf(self, Purpose::Surrogate, kind, context)?;
                surrogate::surrogate(kind, text, number, self.this_year, &mut |what| key.tag(what), out)
            }
            _ => false,
        };
        if !done {
            out.extend_from_slice(kind.marker().as_bytes());
        }
        Ok(())
    }

    /// Asks the vault for tokens of some values, and shows each token to `write` in their order. They may go out after
    /// [`Keyed::commit`].
    ///
    /// # Errors
    /// Where no tenant is known, there is no vault, or it does not work.
    pub fn tokenize<'v>(
        &self,
        values: impl Iterator<Item = Value<'v>> + Clone,
        context: Context<'_>,
        scratch: &mut KeyedScratch,
        mut write: impl FnMut(&[u8]),
    ) -> Result<(), Failed> {
        scratch.serve(self.serial);
        let KeyedScratch { tenants, canonical: form, body, .. } = scratch;
        let keys = tenants.of(context)?;
        let version = self.ring.active();
        let mut items = Vec::new();
        for Value { kind, text, number, .. } in values.clone() {
            form.clear();
            canonical(kind, text, number, self.this_year, form);
            let key = keys.of(kind).prf(self, Purpose::VaultLookup, kind, context)?;
            let tag = key.tag(form);
            items.push(NewToken {
                tag,
                kind,
                tenant: context.tenant.unwrap_or_default(),
                version,
                value: text,
            });
        }
        let tokens = self.tokens.as_ref().ok_or(NO_VAULT)?.tokenize(&items)?;
        for (item, name) in items.iter().zip(&tokens) {
            let mut out = Vec::new();
            if !self.checks.write((item.kind, TokenType::Vault), name, self.form, body, &mut out) {
                return Err(NO_KEY);
            }
            write(&out);
        }
        Ok(())
    }

    /// The tag by which the vault finds a value's token under the active version.
    ///
    /// # Errors
    /// When the ring lacks a key.
    pub fn vault_tag(&self, kind: Kind, tenant: &str, text: &[u8]) -> Result<[u8; 32], Failed> {
        let context = Context { tenant: Some(tenant), subject: None };
        let key = self.derived::<32>(Purpose::VaultLookup, kind, context)?;
        let mut form = Vec::new();
        // The vault knows the bytes, not where they stood: with a fraction or an exponent they were a JSON number.
        let number = text.contains(&b'.') && written_out(text).is_some();
        canonical(kind, text, number, self.this_year, &mut form);
        Ok(Prf::new(key.expose()).tag(&form))
    }

    /// The token that a text is, if this ring made it.
    pub fn recognize(&self, text: &[u8]) -> Option<ReadToken> {
        let (span, read) = token::all(text).next()?;
        (span.len() == text.len() && self.is_genuine(&read)).then_some(read)
    }

    /// A vault token whose version is destroyed: its check cannot be proved any more, but the vault knows what it gave out.
    pub fn recognize_by_form(&self, text: &[u8]) -> Option<ReadToken> {
        let (span, read) = token::all(text).next()?;
        let orphan = read.token_type == TokenType::Vault && self.ring.readable().all(|v| v != read.version);
        (span.len() == text.len() && orphan && read.version <= self.ring.active()).then_some(read)
    }

    /// The version of the key that a text of a token's form names, if the ring cannot read it.
    pub fn missing_version(&self, text: &str) -> Option<u32> {
        let (_, read) = token::all(text.as_bytes()).next()?;
        self.ring.readable().all(|v| v != read.version).then_some(read.version)
    }

    /// Opens a sealed value that [`Keyed::recognize`] gave.
    ///
    /// # Errors
    /// A fixed phrase, where the tenant or the version is another one.
    pub fn unseal(&self, read: &ReadToken, tenant: &str) -> Result<Sensitive<Vec<u8>>, &'static str> {
        let context = [tenant.as_bytes(), read.kind.name().as_bytes()];
        let key = self.ring.derive::<64>(read.version, Purpose::Seal, &context);
        let key = key.map_err(|_| "the version of the key it was sealed with is not in the ring")?;
        let mut siv = Aes256Siv::new_from_slice(key.expose()).map_err(|_| "a key of another length")?;
        let opened = siv.decrypt([read.head()], read.name());
        opened.map(Sensitive::new).map_err(|_| "it does not open: it was sealed for another tenant")
    }

    /// Decrypts what [`Action::FormatPreserving`] made of a value. Nothing in the text tells whether tenant, kind and version are the
    /// right ones: with others it becomes some other value.
    ///
    /// # Errors
    /// A fixed phrase, where the version is not in the ring or the text has no form that is encrypted.
    pub fn decrypt_format(
        &self,
        version: u32,
        tenant: &str,
        kind: Kind,
        text: &[u8],
    ) -> Result<Sensitive<Vec<u8>>, &'static str> {
        let context = [tenant.as_bytes(), kind.name().as_bytes()];
        let key = self.ring.derive::<32>(version, Purpose::FormatPreserving, &context);
        let key = key.map_err(|_| "the version of the key is not in the ring")?;
        let ff1 = Ff1::new(key.expose()).ok_or("a key of another length")?;
        let mut out = Vec::with_capacity(text.len());
        let done = format_preserving::apply(&ff1, Way::Decrypt, kind, text, &mut out);
        let out = Sensitive::new(out);
        if done { Ok(out) } else { Err("no value of this kind is encrypted in this form") }
    }
}

/// By how many days a person's dates move: from 1 to `days`, either way, never by none.
fn shift(tag: &[u8], days: u16) -> i32 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&tag[..8]);
    // 64 bits over at most 2^17 values: no value is preferred by more than one in 2^47.
    let n = i64::from(days.max(1));
    let drawn = (u64::from_be_bytes(eight) % (2 * n as u64)) as i64 - n;
    (if drawn < 0 { drawn } else { drawn + 1 }) as i32
}

impl Tenants {
    /// The keys of the record's tenant. Mostly it is the one of the record before.
    fn of(&mut self, context: Context<'_>) -> Result<&mut TenantKeys, Failed> {
        let tenant = context.tenant.ok_or(NO_TENANT)?;
        if *self.last.0 != *tenant {
            let next =
                self.others.remove_entry(tenant).unwrap_or_else(|| (tenant.into(), TenantKeys::default()));
            if self.others.len() + 1 >= MAX_TENANTS {
                self.others.clear();
            }
            let (name, keys) = std::mem::replace(&mut self.last, next);
            self.others.insert(name, keys);
        }
        Ok(&mut self.last.1)
    }
}

impl TenantKeys {
    fn of(&mut self, kind: Kind) -> &mut KindKeys {
        self.kinds[kind as usize].get_or_insert_default()
    }

    fn shift(&mut self, keyed: &Keyed, context: Context<'_>) -> Result<&Prf, Failed> {
        let shift = self.shift.get_or_insert_default();
        if shift.is_none() {
            let tenant = context.tenant.unwrap_or_default().as_bytes();
            let key = keyed.ring.derive::<32>(keyed.ring.active(), Purpose::DateShift, &[tenant]);
            **shift = Some(Prf::new(key.map_err(|_| NO_KEY)?.expose()));
        }
        shift.as_ref().ok_or(NO_KEY)
    }
}

impl KindKeys {
    fn prf(
        &mut self,
        keyed: &Keyed,
        purpose: Purpose,
        kind: Kind,
        context: Context<'_>,
    ) -> Result<&Prf, Failed> {
        let slot = match purpose {
            Purpose::Pseudonym => &mut self.pseudonym,
            Purpose::VaultLookup => &mut self.lookup,
            _ => &mut self.surrogate,
        };
        if slot.is_none() {
            let key = keyed.derived::<32>(purpose, kind, context)?;
            *slot = Some(Prf::new(key.expose()));
        }
        slot.as_ref().ok_or(NO_KEY)
    }

    fn siv(&mut self, keyed: &Keyed, kind: Kind, context: Context<'_>) -> Result<&mut Aes256Siv, Failed> {
        if self.seal.is_none() {
            let key = keyed.derived::<64>(Purpose::Seal, kind, context)?;
            self.seal = Aes256Siv::new_from_slice(key.expose()).ok();
        }
        self.seal.as_mut().ok_or(NO_KEY)
    }

    fn ff1(&mut self, keyed: &Keyed, kind: Kind, context: Context<'_>) -> Result<&Ff1, Failed> {
        if self.ff1.is_none() {
            let key = keyed.derived::<32>(Purpose::FormatPreserving, kind, context)?;
            self.ff1 = Ff1::new(key.expose());
        }
        self.ff1.as_ref().ok_or(NO_KEY)
    }
}

impl Keyed {
    fn derived<const N: usize>(
        &self,
        purpose: Purpose,
        kind: Kind,
        context: Context<'_>,
    ) -> Result<Sensitive<[u8; N]>, Failed> {
        let tenant = context.tenant.unwrap_or_default().as_bytes();
        self.ring.derive(self.ring.active(), purpose, &[tenant, kind.name().as_bytes()]).map_err(|_| NO_KEY)
    }
}

impl fmt::Debug for KeyedScratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyedScratch")
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({}, {} bytes)", self.kind, self.text.len())
    }
}

impl fmt::Debug for NewToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewToken({}, key version {}, {} bytes)", self.kind, self.version, self.value.len())
    }
}

impl KeyedScratch {
    /// From here on holds the keys of this [`Keyed`]: another one's are dropped.
    fn serve(&mut self, serial: u64) {
        if self.serial != serial {
            *self = KeyedScratch { serial, ..KeyedScratch::default() };
        }
    }
}

impl fmt::Debug for Keyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyed({:?})", self.ring)
    }
}

#[cfg(test)]
mod tests;
