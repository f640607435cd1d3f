//! Which transit key at which server: `vault:https://HOST:PORT/MOUNT/keys/NAME?ATTRIBUTES`.

use std::path::PathBuf;

use super::uri::{Attributes, split_address};
use super::{KekError, refuse};
use crate::keys::reference::SecretRef;

const KIND: &str = "a `vault:` reference";
const ATTRIBUTES: &[&str] =
    &["token-file", "role-id", "secret-id-file", "auth-mount", "namespace", "ca-file"];

/// A key of a transit secrets engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TransitKeyRef {
    /// `https://HOST[:PORT]`.
    pub(super) address: String,
    /// Where the engine is mounted: `transit`, or with slashes inside.
    pub(super) mount: String,
    /// The key's name.
    pub(super) name: String,
    /// How to log in.
    pub(super) login: Login,
    /// The namespace that the mount is in.
    pub(super) namespace: Option<String>,
    /// The certificate authorities that the server may be vouched for by, instead of the system's.
    pub(super) ca_file: Option<PathBuf>,
}

/// How to log in to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Login {
    /// By the token in the variable VAULT_TOKEN or BAO_TOKEN.
    Environment,
    /// By the token in a file, which an agent may renew.
    TokenFile(SecretRef),
    /// By AppRole: a role's id, and the secret id in a file.
    AppRole { mount: String, role_id: String, secret_id: SecretRef },
}

impl TransitKeyRef {
    /// Parses what follows `vault:`.
    pub(super) fn parse(text: &str) -> Result<TransitKeyRef, KekError> {
        let (url, query) = text.split_once('?').unwrap_or((text, ""));
        let (address, path) = split_address(url, KIND)?;
        let mut attributes = Attributes::parse(query, '&', ATTRIBUTES, KIND)?;
        let parts = path.rsplit_once("/keys/").map(|(mount, name)| (mount.trim_start_matches('/'), name));
        let Some((mount, name)) = parts.filter(|(mount, name)| is_path(mount) && is_name(name)) else {
            return refuse(&format!(
                "{KIND} is vault:https://HOST:PORT/MOUNT/keys/NAME, as in vault:https://bao.example:8200/transit/keys/scrubjay"
            ));
        };
        let auth_mount = attributes.text("auth-mount")?;
        if auth_mount.as_deref().is_some_and(|mount| !is_path(mount)) {
            return refuse(&format!("{KIND}: auth-mount is a path such as approle"));
        }
        let file = |bytes: Option<String>| bytes.map(|path| SecretRef::File(path.into()));
        let token = file(attributes.text("token-file")?);
        let role = (attributes.text("role-id")?, file(attributes.text("secret-id-file")?));
        let login = match (token, role, auth_mount) {
            (None, (None, None), None) => Login::Environment,
            (Some(file), (None, None), None) => Login::TokenFile(file),
            (None, (Some(role_id), Some(secret_id)), mount) => {
                Login::AppRole { mount: mount.unwrap_or_else(|| "approle".to_string()), role_id, secret_id }
            }
            _ => {
                return refuse(&format!(
                    "{KIND}: to log in give token-file=PATH, or role-id=ID and secret-id-file=PATH (and auth-mount=MOUNT), or \
                     neither and set VAULT_TOKEN"
                ));
            }
        };
        Ok(TransitKeyRef {
            address: address.to_string(),
            mount: mount.to_string(),
            name: name.to_string(),
            login,
            namespace: attributes.text("namespace")?,
            ca_file: attributes.text("ca-file")?.map(PathBuf::from),
        })
    }
}

fn is_path(text: &str) -> bool {
    !text.is_empty() && text.split('/').all(is_name)
}

/// A name that means the same in every URL: nothing to encode, no way up.
fn is_name(text: &str) -> bool {
    let letters = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !text.is_empty() && text.bytes().all(letters) && text.bytes().any(|b| b != b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_reference_apart() {
        let found = TransitKeyRef::parse("https://bao.example:8200/team/a/keys/ring").unwrap();
        assert_eq!(
            (&*found.address, &*found.mount, &*found.name),
            ("https://bao.example:8200", "team/a", "ring")
        );
        assert_eq!(found.login, Login::Environment);
        let found =
            TransitKeyRef::parse("http://127.0.0.1:8200/transit/keys/k?token-file=/t&namespace=a/b").unwrap();
        assert_eq!(found.login, Login::TokenFile(SecretRef::File("/t".into())));
        assert_eq!(found.namespace.as_deref(), Some("a/b"));
        let found =
            TransitKeyRef::parse("https://h/t/keys/k?role-id=r&secret-id-file=/s&ca-file=/ca.pem").unwrap();
        let role = Login::AppRole {
            mount: "approle".into(),
            role_id: "r".into(),
            secret_id: SecretRef::File("/s".into()),
        };
        assert_eq!((found.login, found.ca_file), (role, Some("/ca.pem".into())));
    }

    #[test]
    fn refuses_what_is_none() {
        for (text, says) in [
            ("https://h/transit/k", "MOUNT/keys/NAME"),
            ("https://h/keys/k", "MOUNT/keys/NAME"),
            ("https://h/transit/keys/", "MOUNT/keys/NAME"),
            ("https://h/transit/keys/a%2Fb", "MOUNT/keys/NAME"),
            ("https://h/../keys/k", "MOUNT/keys/NAME"),
            ("https://h/transit/keys/..", "MOUNT/keys/NAME"),
            ("http://h/transit/keys/k", "without TLS"),
            ("https://h/t/keys/k?token-file=/t&role-id=r&secret-id-file=/s", "to log in give"),
            ("https://h/t/keys/k?role-id=r", "to log in give"),
            ("https://h/t/keys/k?auth-mount=x", "to log in give"),
            ("https://h/t/keys/k?auth-mount=../x&role-id=r&secret-id-file=/s", "auth-mount"),
            ("https://h/t/keys/k?token=x", "unknown attribute"),
            ("https://h/t/keys/k?namespace=a%0d%0ab", "not text"),
        ] {
            let error = TransitKeyRef::parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
