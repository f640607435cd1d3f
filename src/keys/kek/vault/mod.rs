//! A key-encryption key at the transit secrets engine of OpenBao or HashiCorp Vault. The key never leaves the server;
//! what it wraps goes to it in clear, over TLS.
//!
//! The body of a wrapped key is the server's ciphertext, `vault:vN:...`, N being the version of the key. After a rotation at
//! the server new wrappings are by the new version, and old ones open until `min_decryption_version` is raised above theirs.

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::bound::{bind, unbind};
use super::http::{Answer, Call, Client, decode, take_text, wiped};
use super::vault_ref::{Login, TransitKeyRef};
use super::wrapped::{self, KEY_BYTES};
use super::{Environment, Kek, KekError};
use crate::keys::encoding::base64;
use crate::secret::Sensitive;

/// AES-256-GCM with random 96-bit nonces, made by the server.
const KEY_TYPE: &str = "aes256-gcm96";

/// A transit key.
pub(super) struct TransitKek {
    key: TransitKeyRef,
    id: String,
    client: Client,
    namespace: Option<String>,
    /// The token out of the environment, or the one of the last AppRole login. That of a file is read each time.
    token: Mutex<Option<Sensitive<Vec<u8>>>>,
}

impl TransitKek {
    /// Logs in and checks that the key is there, is of the right type, and cannot be exported.
    pub(super) fn open(key: &TransitKeyRef, env: Environment<'_>) -> Result<TransitKek, KekError> {
        let kek = TransitKek::new(key, env)?;
        kek.check()?;
        Ok(kek)
    }

    /// Makes the key, not exportable.
    pub(super) fn create(key: &TransitKeyRef, env: Environment<'_>) -> Result<TransitKek, KekError> {
        let kek = TransitKek::new(key, env)?;
        match kek.check() {
            Err(KekError::Absent(_)) => {}
            Ok(()) | Err(KekError::Unsuitable(_)) => {
                return Err(KekError::Exists(format!(
                    "{} is there already and was left as it is; use it, or give another name",
                    kek.name()
                )));
            }
            Err(e) => return Err(e),
        }
        let wanted = json!({"type": KEY_TYPE, "exportable": false, "allow_plaintext_backup": false});
        let answer = kek.ask("POST", &format!("{}/keys/{}", key.mount, key.name), Some(wanted))?;
        if !matches!(answer.status, 200 | 204) {
            return Err(kek.refused(&answer, "be made"));
        }
        kek.check()?;
        Ok(kek)
    }

    fn new(key: &TransitKeyRef, env: Environment<'_>) -> Result<TransitKek, KekError> {
        let token = match key.login {
            Login::Environment => {
                let Some(token) = env("VAULT_TOKEN").or_else(|| env("BAO_TOKEN")) else {
                    return Err(KekError::Secret(format!(
                        "no token for {}: set VAULT_TOKEN, or give token-file=PATH, or role-id=ID and secret-id-file=PATH",
                        key.address
                    )));
                };
                Some(Sensitive::new(token.into_bytes()))
            }
            _ => None,
        };
        let ca = key
            .ca_file
            .clone()
            .or_else(|| env("VAULT_CACERT").or_else(|| env("BAO_CACERT")).map(PathBuf::from));
        Ok(TransitKek {
            // Not by the server's address: that may change, and a copy of the server has the same keys.
            id: format!("vault:{}/keys/{}", key.mount, key.name),
            client: Client::new(ca.as_deref())?,
            namespace: key
                .namespace
                .clone()
                .or_else(|| env("VAULT_NAMESPACE").or_else(|| env("BAO_NAMESPACE"))),
            token: Mutex::new(token),
            key: key.clone(),
        })
    }

    fn name(&self) -> String {
        format!("the transit key {}/keys/{} at {}", self.key.mount, self.key.name, self.key.address)
    }

    fn check(&self) -> Result<(), KekError> {
        let answer = self.ask("GET", &format!("{}/keys/{}", self.key.mount, self.key.name), None)?;
        if answer.status != 200 {
            return Err(self.refused(&answer, "be read"));
        }
        let about = answer.json();
        let is = |what: &str| about.pointer(&format!("/data/{what}")).and_then(Value::as_bool) != Some(false);
        let wrong = if about.pointer("/data/type").and_then(Value::as_str) != Some(KEY_TYPE) {
            "is not of the type aes256-gcm96"
        } else if is("exportable") {
            "is exportable"
        } else if is("allow_plaintext_backup") {
            "may be backed up in clear (allow_plaintext_backup)"
        } else if is("derived") {
            "is a derived key"
        } else {
            return Ok(());
        };
        Err(KekError::Unsuitable(format!(
            "{} {wrong}; let `keys init --create-kek` make one, under another name, and wrap the ring with that",
            self.name()
        )))
    }

    /// Makes a call with the token; with a new one of AppRole where the last was refused.
    fn ask(&self, method: &'static str, path: &str, body: Option<Value>) -> Result<Answer, KekError> {
        let body = Sensitive::new(body.map(wiped).unwrap_or_default());
        let answer = self.send(method, path, body.expose(), Some(&self.current_token()?))?;
        if answer.status == 403 && matches!(self.key.login, Login::AppRole { .. }) {
            *self.token.lock().unwrap_or_else(PoisonError::into_inner) = None;
            return self.send(method, path, body.expose(), Some(&self.current_token()?));
        }
        Ok(answer)
    }

    fn send(
        &self,
        method: &'static str,
        path: &str,
        body: &[u8],
        token: Option<&Sensitive<Vec<u8>>>,
    ) -> Result<Answer, KekError> {
        let token = token
            .map(|t| std::str::from_utf8(t.expose()).map(str::trim))
            .transpose()
            .map_err(|_| KekError::Secret(format!("the token for {} is not text", self.key.address)))?;
        // Servers want this header, so that no page of a browser can ask them.
        let mut headers = vec![("X-Vault-Request", "true")];
        headers.extend(token.map(|t| ("X-Vault-Token", t)));
        headers.extend(self.namespace.as_deref().map(|n| ("X-Vault-Namespace", n)));
        if !body.is_empty() {
            headers.push(("Content-Type", "application/json"));
        }
        let url = format!("{}/v1/{path}", self.key.address);
        self.client.call(&Call { method, url: &url, headers: &headers, body, repeatable: true })
    }

    fn current_token(&self) -> Result<Sensitive<Vec<u8>>, KekError> {
        if let Login::TokenFile(file) = &self.key.login {
            return Ok(file.read()?);
        }
        let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if token.is_none() {
            *token = Some(self.log_in()?);
        }
        let bytes = token.as_ref().map(|t| t.expose().clone()).unwrap_or_default();
        Ok(Sensitive::new(bytes))
    }

    fn log_in(&self) -> Result<Sensitive<Vec<u8>>, KekError> {
        let Login::AppRole { mount, role_id, secret_id } = &self.key.login else {
            return Err(KekError::Secret(format!("no token for {}", self.key.address)));
        };
        let secret = secret_id.read()?;
        let Ok(text) = std::str::from_utf8(secret.expose()) else {
            return Err(KekError::Secret(format!("the secret {secret_id} is no secret id: it is not text")));
        };
        let body = Sensitive::new(wiped(json!({"role_id": role_id, "secret_id": text})));
        let answer = self.send("POST", &format!("auth/{mount}/login"), body.expose(), None)?;
        match take_text(&mut answer.json(), "/auth/client_token") {
            Some(token) if answer.status == 200 => Ok(Sensitive::new(token.expose().clone().into_bytes())),
            _ if matches!(answer.status, 400 | 403) => Err(KekError::Denied(format!(
                "{} refuses the login by AppRole; check role-id=, auth-mount=, and that the secret id in {secret_id} has not \
                 expired or been used up",
                self.key.address
            ))),
            _ => Err(self.refused(&answer, "be logged in for")),
        }
    }

    /// What an answer means that is none of those hoped for. The server's own words are not repeated: they may quote the request.
    fn refused(&self, answer: &Answer, doing: &str) -> KekError {
        let name = self.name();
        let said = answer.json();
        let says = |what: &str| {
            let errors = said.pointer("/errors").and_then(Value::as_array);
            errors.is_some_and(|all| all.iter().filter_map(Value::as_str).any(|e| e.contains(what)))
        };
        match answer.status {
            403 if self.token_is_dead() => KekError::Denied(format!(
                "{name} cannot {doing}: the token is expired, revoked, or none of this server's; log in again and give the new one"
            )),
            403 => KekError::Denied(format!(
                "{name} cannot {doing}: the token's policy does not allow it; it needs read on {}/keys/{} and update on {}/encrypt/{} \
                 and {}/decrypt/{}",
                self.key.mount, self.key.name, self.key.mount, self.key.name, self.key.mount, self.key.name
            )),
            404 if says("no handler for route") => KekError::Absent(format!(
                "{name} cannot {doing}: nothing is mounted at {}/; check the path, or `bao secrets enable -path={} transit`",
                self.key.mount, self.key.mount
            )),
            404 => KekError::Absent(format!(
                "{name} is not there; check its name, or let `keys init --create-kek` make it. If it was deleted, what it wrapped is lost \
                 unless the server is restored"
            )),
            400 if says("encryption key not found") => KekError::Absent(format!(
                "{name} is not there any more: it was deleted; restore the server from its snapshot"
            )),
            400 if says("too old") => KekError::Absent(format!(
                "{name} cannot {doing}: the version that is needed is below min_decryption_version or was trimmed; lower it, or restore the \
                 server from its snapshot"
            )),
            503 if says("sealed") => KekError::Unavailable(format!(
                "{name} cannot {doing}: the server is sealed; unseal it (`bao operator unseal`)"
            )),
            501 => KekError::Unavailable(format!(
                "{name} cannot {doing}: the server is not initialised; `bao operator init`"
            )),
            300..400 => KekError::Unavailable(format!(
                "{name} cannot {doing}: the server sends elsewhere, and redirects are not followed; name the active server"
            )),
            429 => {
                KekError::Unavailable(format!("{name} cannot {doing} now: too many calls; try again later"))
            }
            status => KekError::Unavailable(format!(
                "{name} cannot {doing}: the server answers {status}; see its log"
            )),
        }
    }
    /// Servers have one answer for a token they do not know and for a policy that forbids; but every token that lives may look
    /// itself up, by the default policy.
    fn token_is_dead(&self) -> bool {
        let Ok(token) = self.current_token() else { return false };
        self.send("GET", "auth/token/lookup-self", &[], Some(&token)).is_ok_and(|answer| answer.status == 403)
    }
}

impl Kek for TransitKek {
    fn id(&self) -> String {
        self.id.clone()
    }

    fn wrap(&self, key: &Sensitive<[u8; KEY_BYTES]>, context: &[u8]) -> Result<Vec<u8>, KekError> {
        // Where the policy allows `create`, the server makes a missing key instead of refusing.
        self.check()?;
        let binding = wrapped::binding(&self.id, context);
        // Servers that are older than associated data ignore it: the hash in the plaintext binds all the same.
        let bound = bind(key, &binding);
        let body = json!({"plaintext": base64(bound.expose()), "associated_data": base64(&binding)});
        let path = format!("{}/encrypt/{}", self.key.mount, self.key.name);
        let answer = self.ask("POST", &path, Some(body))?;
        match take_text(&mut answer.json(), "/data/ciphertext") {
            Some(text) if answer.status == 200 => {
                Ok([&wrapped::head(&self.id), text.expose().as_bytes()].concat())
            }
            _ => Err(self.refused(&answer, "encrypt")),
        }
    }

    fn unwrap_key(&self, wrapped: &[u8], context: &[u8]) -> Result<Sensitive<[u8; KEY_BYTES]>, KekError> {
        let damaged = || KekError::Damaged(self.id.clone());
        let ciphertext = wrapped::body(wrapped, &self.id)?;
        let ciphertext = std::str::from_utf8(ciphertext).map_err(|_| damaged())?;
        let binding = wrapped::binding(&self.id, context);
        let body = json!({"ciphertext": ciphertext, "associated_data": base64(&binding)});
        let path = format!("{}/decrypt/{}", self.key.mount, self.key.name);
        let answer = self.ask("POST", &path, Some(body))?;
        if let (200, Some(text)) = (answer.status, take_text(&mut answer.json(), "/data/plaintext")) {
            let plain = decode(text.expose()).ok_or_else(damaged)?;
            return unbind(plain.expose(), &binding).ok_or_else(damaged);
        }
        match self.refused(&answer, "decrypt") {
            // What else a 400 can mean has been told apart there.
            KekError::Unavailable(_) if answer.status == 400 => Err(damaged()),
            e => Err(e),
        }
    }
}
