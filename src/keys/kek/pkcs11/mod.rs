//! A key-encryption key on a PKCS#11 token: an HSM, a smart card, SoftHSM. The key never leaves it.
//!
//! The first byte of a wrapped key's body says how the token encrypted:
//!
//! ```text
//! 1  IV (12 bytes)  ciphertext (32)  tag (16)    CKM_AES_GCM, the binding as associated data
//! 2  wrapped key (72)                            CKM_AES_KEY_WRAP (RFC 3394) of the key and the hash of its binding
//! ```
//!
//! The second is for tokens without GCM. An AES key wraps fewer than 2^32 keys, with random IVs (NIST SP 800-38D, 8.3),
//! as long as people rotate rings by hand.

mod module;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::rand;
use cryptoki::error::Error;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::slot::Slot;
use cryptoki::types::Ulong;

use super::bound::{BOUND_BYTES, bind, unbind};
use super::pkcs11_ref::TokenKeyRef;
use super::wrapped::{self, KEY_BYTES};
use super::{Kek, KekError};
use crate::keys::encoding::hex;
use crate::secret::Sensitive;
use module::{Token, failed, is_about_data, may_be_about_data};

const GCM: u8 = 1;
const KEY_WRAP: u8 = 2;
const IV_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
/// Bytes of the CKA_ID that a new key gets: at random, so that no two keys share one.
const NEW_ID_BYTES: usize = 16;

/// An AES-256 key on a token that is logged in to.
pub(super) struct TokenKek {
    session: Mutex<Session>,
    key: ObjectHandle,
    id: String,
    /// For messages: the token and the key.
    name: String,
    encrypts: bool,
    wraps: bool,
}

/// What the token does, and what the key may be used for.
#[derive(Clone, Copy)]
struct Mechanisms {
    gcm: bool,
    key_wrap: bool,
}

impl Mechanisms {
    fn of(token: &Token, slot: Slot) -> Result<Mechanisms, KekError> {
        let list = token
            .context
            .get_mechanism_list(slot)
            .map_err(|e| failed(&token.name, "list its mechanisms", &e))?;
        Ok(Mechanisms {
            gcm: list.contains(&MechanismType::AES_GCM),
            key_wrap: list.contains(&MechanismType::AES_KEY_WRAP),
        })
    }
}

impl TokenKek {
    /// Logs in, finds the key, and checks that it cannot be taken out.
    pub(super) fn open(reference: &TokenKeyRef) -> Result<TokenKek, KekError> {
        let token = Token::find(reference)?;
        let session = token.log_in(&reference.pin)?;
        match &find(&session, reference, &token)?[..] {
            [] => Err(KekError::Absent(format!(
                "{} has no such secret key; check object= and id=, or make the key: `pkcs11-tool --list-objects` lists them",
                token.name
            ))),
            [key] => TokenKek::new(token, session, *key),
            _ => Err(KekError::Reference(format!(
                "{} has more than one such secret key; give id= too, or another label",
                token.name
            ))),
        }
    }

    /// Makes the key on the token: AES-256, CKA_SENSITIVE, not CKA_EXTRACTABLE, and for this use alone.
    pub(super) fn create(reference: &TokenKeyRef) -> Result<TokenKek, KekError> {
        let Some(label) = &reference.object else {
            return super::refuse("a key is made with a label; give object=LABEL");
        };
        let token = Token::find(reference)?;
        let session = token.log_in(&reference.pin)?;
        if !find(&session, reference, &token)?.is_empty() {
            return Err(KekError::Exists(format!(
                "{} has a secret key {label} already, which was left as it is; use it, or give another label",
                token.name
            )));
        }
        let id = match &reference.id {
            Some(id) => id.clone(),
            None => {
                let mut id = [0; NEW_ID_BYTES];
                rand::fill(&mut id).map_err(|_| KekError::Random)?;
                id.to_vec()
            }
        };
        let mechanisms = Mechanisms::of(&token, token.slot)?;
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::ValueLen(length(KEY_BYTES)),
            Attribute::Label(label.as_bytes().to_vec()),
            Attribute::Id(id),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Encrypt(mechanisms.gcm),
            Attribute::Decrypt(mechanisms.gcm),
            // A key that both decrypts and wraps could take other keys off the token.
            Attribute::Wrap(!mechanisms.gcm),
            Attribute::Unwrap(!mechanisms.gcm),
        ];
        let key = session
            .generate_key(&Mechanism::AesKeyGen, &template)
            .map_err(|e| failed(&token.name, "make an AES key", &e))?;
        TokenKek::new(token, session, key)
    }

    fn new(token: Token, session: Session, key: ObjectHandle) -> Result<TokenKek, KekError> {
        let about = About::read(&session, key, &token)?;
        let name = format!("the key {} on {}", about.label, token.name);
        about.check(&name)?;
        let can = Mechanisms::of(&token, token.slot)?;
        let (encrypts, wraps) = (can.gcm && about.encrypts, can.key_wrap && about.wraps);
        if !encrypts && !wraps {
            return Err(KekError::Unsuitable(format!(
                "{name} may not be used: it needs CKA_ENCRYPT and CKA_DECRYPT on a token with CKM_AES_GCM, or CKA_WRAP and CKA_UNWRAP \
                 on one with CKM_AES_KEY_WRAP; let `keys init --create-kek` make one"
            )));
        }
        let id = format!("pkcs11:{}:{}", about.label, hex(&about.id));
        Ok(TokenKek { session: Mutex::new(session), key, id, name, encrypts, wraps })
    }

    fn encrypt(
        &self,
        session: &Session,
        key: &Sensitive<[u8; KEY_BYTES]>,
        aad: &[u8],
    ) -> Result<Vec<u8>, KekError> {
        let mut iv = [0; IV_BYTES];
        rand::fill(&mut iv).map_err(|_| KekError::Random)?;
        let gcm = GcmParams::new(&mut iv, aad, tag_bits()).map_err(|e| failed(&self.name, "encrypt", &e))?;
        let sealed = session
            .encrypt(&Mechanism::AesGcm(gcm), self.key, key.expose())
            .map_err(|e| failed(&self.name, "encrypt", &e))?;
        // Some tokens choose the IV themselves and put it in the place of the one they were given.
        Ok([&[GCM][..], &iv, &sealed].concat())
    }

    fn decrypt(&self, session: &Session, body: &[u8], aad: &[u8]) -> Result<Vec<u8>, Error> {
        let (iv, sealed) = body.split_at(IV_BYTES.min(body.len()));
        let mut iv = iv.to_vec();
        session.decrypt(&Mechanism::AesGcm(GcmParams::new(&mut iv, aad, tag_bits())?), self.key, sealed)
    }

    /// The token wraps keys only that it has as objects: the key is one for the time of this call.
    fn wrap_object(
        &self,
        session: &Session,
        bound: &Sensitive<[u8; BOUND_BYTES]>,
    ) -> Result<Vec<u8>, KekError> {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::GENERIC_SECRET),
            Attribute::Token(false),
            Attribute::Sensitive(false),
            Attribute::Extractable(true),
            Attribute::Value(bound.expose().to_vec()),
        ];
        let made = session.create_object(&template);
        for attribute in template {
            if let Attribute::Value(value) = attribute {
                drop(Sensitive::new(value));
            }
        }
        let object = made.map_err(|e| failed(&self.name, "take a key in to wrap it", &e))?;
        let wrapped = session.wrap_key(&Mechanism::AesKeyWrap, self.key, object);
        let gone = session.destroy_object(object);
        let wrapped = wrapped.map_err(|e| failed(&self.name, "wrap", &e))?;
        gone.map_err(|e| failed(&self.name, "forget a key that was wrapped", &e))?;
        Ok([&[KEY_WRAP][..], &wrapped].concat())
    }

    fn unwrap_object(&self, session: &Session, body: &[u8]) -> Result<Vec<u8>, Error> {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::GENERIC_SECRET),
            Attribute::Token(false),
            Attribute::Sensitive(false),
            Attribute::Extractable(true),
        ];
        let object = session.unwrap_key(&Mechanism::AesKeyWrap, self.key, body, &template)?;
        let value = session.get_attributes(object, &[AttributeType::Value]);
        let gone = session.destroy_object(object);
        let value = value?.into_iter().find_map(|a| if let Attribute::Value(v) = a { Some(v) } else { None });
        let value = Sensitive::new(value.unwrap_or_default());
        gone?;
        Ok(value.expose().clone())
    }

    fn seal(
        &self,
        session: &Session,
        key: &Sensitive<[u8; KEY_BYTES]>,
        binding: &[u8],
    ) -> Result<Vec<u8>, KekError> {
        if self.encrypts {
            self.encrypt(session, key, binding)
        } else {
            self.wrap_object(session, &bind(key, binding))
        }
    }

    /// The key in a body; `None` where that does not authenticate.
    fn open_body(
        &self,
        session: &Session,
        body: &[u8],
        binding: &[u8],
    ) -> Result<Option<Sensitive<[u8; KEY_BYTES]>>, Error> {
        Ok(match body.split_first() {
            Some((&GCM, body)) if self.encrypts && body.len() == IV_BYTES + KEY_BYTES + TAG_BYTES => {
                wrapped::key_of(Sensitive::new(self.decrypt(session, body, binding)?).expose())
            }
            Some((&KEY_WRAP, body)) if self.wraps && body.len() == BOUND_BYTES + 8 => {
                unbind(Sensitive::new(self.unwrap_object(session, body)?).expose(), binding)
            }
            _ => None,
        })
    }

    /// Whether the token opens what it seals, at this moment.
    fn works(&self, session: &Session) -> bool {
        let (key, binding) = (Sensitive::new([0; KEY_BYTES]), wrapped::binding(&self.id, b"does it work"));
        let sealed = self.seal(session, &key, &binding).ok();
        sealed.is_some_and(|body| matches!(self.open_body(session, &body, &binding), Ok(Some(_))))
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kek for TokenKek {
    fn id(&self) -> String {
        self.id.clone()
    }

    fn wrap(&self, key: &Sensitive<[u8; KEY_BYTES]>, context: &[u8]) -> Result<Vec<u8>, KekError> {
        let session = self.session();
        let binding = wrapped::binding(&self.id, context);
        let body = self.seal(&session, key, &binding)?;
        // Tokens have their own ideas of GCM: what this one cannot open again is not handed out.
        match self.open_body(&session, &body, &binding) {
            Ok(Some(again)) if again.expose() == key.expose() => {}
            _ => {
                return Err(KekError::Unsuitable(format!(
                    "{} does not open what it has just encrypted; it cannot be used",
                    self.name
                )));
            }
        }
        Ok([wrapped::head(&self.id), body].concat())
    }

    fn unwrap_key(&self, wrapped: &[u8], context: &[u8]) -> Result<Sensitive<[u8; KEY_BYTES]>, KekError> {
        let body = wrapped::body(wrapped, &self.id)?;
        let session = self.session();
        match self.open_body(&session, body, &wrapped::binding(&self.id, context)) {
            Ok(Some(key)) => Ok(key),
            Ok(None) => Err(KekError::Damaged(self.id.clone())),
            // SoftHSM, and not it alone, has one error for bad data and for all else: only a try tells them apart.
            Err(e) if is_about_data(&e) || may_be_about_data(&e) && self.works(&session) => {
                Err(KekError::Damaged(self.id.clone()))
            }
            Err(e) => Err(failed(&self.name, "decrypt", &e)),
        }
    }
}

/// What the token says of a key.
#[derive(Default)]
struct About {
    label: String,
    id: Vec<u8>,
    is_aes_256: bool,
    sensitive: bool,
    extractable: bool,
    encrypts: bool,
    wraps: bool,
}

impl About {
    fn read(session: &Session, key: ObjectHandle, token: &Token) -> Result<About, KekError> {
        use AttributeType as A;
        let wanted = [
            A::Label,
            A::Id,
            A::KeyType,
            A::ValueLen,
            A::Sensitive,
            A::Extractable,
            A::Encrypt,
            A::Decrypt,
            A::Wrap,
            A::Unwrap,
        ];
        let all = session
            .get_attributes(key, &wanted)
            .map_err(|e| failed(&token.name, "say what the key is like", &e))?;
        let has = |a: &Attribute| all.contains(a);
        // What is not said counts as the worse.
        let mut about = About {
            is_aes_256: has(&Attribute::KeyType(KeyType::AES))
                && has(&Attribute::ValueLen(length(KEY_BYTES))),
            sensitive: has(&Attribute::Sensitive(true)),
            extractable: !has(&Attribute::Extractable(false)),
            encrypts: has(&Attribute::Encrypt(true)) && has(&Attribute::Decrypt(true)),
            wraps: has(&Attribute::Wrap(true)) && has(&Attribute::Unwrap(true)),
            ..About::default()
        };
        for attribute in all {
            match attribute {
                Attribute::Label(label) => {
                    let text = String::from_utf8_lossy(&label);
                    about.label = text.chars().filter(|c| !c.is_control()).collect();
                }
                Attribute::Id(id) => about.id = id,
                _ => {}
            }
        }
        Ok(about)
    }

    fn check(&self, name: &str) -> Result<(), KekError> {
        let wrong = if !self.is_aes_256 {
            "is no AES key of 256 bits"
        } else if !self.sensitive {
            "can be read in clear (it is not CKA_SENSITIVE)"
        } else if self.extractable {
            "can be taken off the token (it is CKA_EXTRACTABLE)"
        } else {
            return Ok(());
        };
        Err(KekError::Unsuitable(format!(
            "{name} {wrong}; let `keys init --create-kek` make one, under another label, and wrap the ring with that"
        )))
    }
}

fn find(session: &Session, reference: &TokenKeyRef, token: &Token) -> Result<Vec<ObjectHandle>, KekError> {
    let mut template = vec![Attribute::Class(ObjectClass::SECRET_KEY)];
    template.extend(reference.object.as_ref().map(|label| Attribute::Label(label.as_bytes().to_vec())));
    template.extend(reference.id.clone().map(Attribute::Id));
    session.find_objects(&template).map_err(|e| failed(&token.name, "look for the key", &e))
}

fn length(length: usize) -> Ulong {
    Ulong::from(length as std::ffi::c_ulong)
}

fn tag_bits() -> Ulong {
    length(8 * TAG_BYTES)
}
