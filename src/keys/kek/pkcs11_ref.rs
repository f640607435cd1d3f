//! Which key on which token: a PKCS#11 URI (RFC 7512).

use std::path::PathBuf;

use super::uri::Attributes;
use super::{KekError, refuse};
use crate::keys::reference::{KeyError, SecretRef};

const KIND: &str = "a `pkcs11:` reference";
const PATH_ATTRIBUTES: &[&str] = &["token", "serial", "manufacturer", "model", "object", "id", "type"];
const QUERY_ATTRIBUTES: &[&str] = &["module-path", "pin-source"];

/// A secret key on a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TokenKeyRef {
    /// The library that speaks to the token. Code of this process once it is loaded.
    pub(super) module: PathBuf,
    /// Where the PIN of the user stands.
    pub(super) pin: SecretRef,
    /// What the token must say of itself.
    pub(super) token: Option<String>,
    pub(super) serial: Option<String>,
    pub(super) manufacturer: Option<String>,
    pub(super) model: Option<String>,
    /// The key's CKA_LABEL.
    pub(super) object: Option<String>,
    /// The key's CKA_ID.
    pub(super) id: Option<Vec<u8>>,
}

impl TokenKeyRef {
    /// Parses what follows `pkcs11:`.
    pub(super) fn parse(text: &str) -> Result<TokenKeyRef, KekError> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        if query.split('&').any(|part| part.starts_with("pin-value")) {
            return refuse(&format!(
                "{KIND}: `pin-value` would show the PIN to all who see the configuration; write it to a file of mode 0600 and \
                 give pin-source=file:PATH"
            ));
        }
        let mut path = Attributes::parse(path, ';', PATH_ATTRIBUTES, KIND)?;
        let mut query = Attributes::parse(query, '&', QUERY_ATTRIBUTES, KIND)?;
        if path.text("type")?.is_some_and(|t| t != "secret-key") {
            return refuse(&format!("{KIND}: the key is an AES key, type=secret-key"));
        }
        let module = query.text("module-path")?.map(PathBuf::from);
        let Some(module) = module.filter(|path| path.is_absolute()) else {
            return refuse(&format!(
                "{KIND}: module-path=PATH names the token's PKCS#11 library, by its whole path from / on"
            ));
        };
        let pin =
            query.text("pin-source")?.map(|pin| pin.parse().map_err(|e: KeyError| KekError::Reference(e.0)));
        let Some(pin) = pin.transpose()? else {
            return refuse(&format!(
                "{KIND}: pin-source=file:PATH or pin-source=env:NAME says where the PIN stands"
            ));
        };
        let found = TokenKeyRef {
            module,
            pin,
            token: path.text("token")?,
            serial: path.text("serial")?,
            manufacturer: path.text("manufacturer")?,
            model: path.text("model")?,
            object: path.text("object")?,
            id: path.bytes("id"),
        };
        if found.token.is_none() && found.serial.is_none() {
            return refuse(&format!("{KIND}: token=LABEL or serial=NUMBER says which token"));
        }
        if found.object.is_none() && found.id.is_none() {
            return refuse(&format!("{KIND}: object=LABEL or id=BYTES (percent-encoded) says which key"));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_uri_apart() {
        let all = "token=My%20token;serial=4f;manufacturer=m;model=n;object=ring;id=%01%ff;type=secret-key\
                   ?module-path=/usr/lib/m.so&pin-source=file:/run/pin";
        let found = TokenKeyRef::parse(all).unwrap();
        assert_eq!(found.token.as_deref(), Some("My token"));
        assert_eq!(found.id.as_deref(), Some(b"\x01\xff".as_slice()));
        assert_eq!(found.module, PathBuf::from("/usr/lib/m.so"));
        assert_eq!(found.pin, SecretRef::File("/run/pin".into()));
        // RFC 8089 writes file:///run/pin for the same.
        let found = TokenKeyRef::parse("serial=1;id=1?pin-source=file:///run/pin&module-path=/m.so").unwrap();
        assert_eq!(found.pin, SecretRef::File("///run/pin".into()));
    }

    #[test]
    fn says_what_is_missing() {
        for (text, says) in [
            ("token=t;object=o?pin-source=env:P", "module-path=PATH"),
            ("token=t;object=o?module-path=m.so&pin-source=env:P", "whole path"),
            ("token=t;object=o?module-path=/m.so", "pin-source=file:PATH"),
            ("object=o?module-path=/m.so&pin-source=env:P", "token=LABEL"),
            ("token=t?module-path=/m.so&pin-source=env:P", "object=LABEL"),
            ("token=t;object=o;type=private?module-path=/m.so&pin-source=env:P", "type=secret-key"),
            ("token=t;object=o?module-path=/m.so&pin-value=1", "file of mode 0600"),
            ("token=t;object=o?module-path=/m.so&pin-source=|cmd", "file:PATH"),
            ("token=t;object=o;slot-id=1?module-path=/m.so&pin-source=env:P", "there are: token"),
        ] {
            let error = TokenKeyRef::parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
