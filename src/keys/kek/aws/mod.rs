//! A key-encryption key at AWS KMS. The key never leaves the service; what it wraps goes there in clear, over TLS.
//!
//! The body of a wrapped key is the service's ciphertext. The binding is in its encryption context, which KMS authenticates
//! and shows in CloudTrail: it holds no secret. Rotation at KMS needs nothing here: it keeps the old key material.

mod credentials;
#[cfg(feature = "gateway")]
mod requests;
mod sign;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

use serde_json::{Value, json};

use super::aws_ref::KmsKeyRef;
use super::http::{Answer, Call, Client, decode, take_text, wiped};
use super::wrapped::{self, KEY_BYTES};
use super::{Environment, Kek, KekError, refuse, uri};
use crate::keys::encoding::base64;
use crate::secret::Sensitive;
use credentials::Source;
#[cfg(feature = "gateway")]
pub(crate) use requests::{RequestSigner, ToSign};

/// KMS gives no longer ciphertext for 32 bytes; a longer one was not made by it.
const MAX_CIPHERTEXT_BYTES: usize = 6144;
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// A symmetric KMS key.
pub(super) struct KmsKek {
    client: Client,
    credentials: Source,
    region: String,
    /// `https://HOST[:PORT]`.
    endpoint: String,
    /// The key's ARN, as KMS gives it: an alias may come to mean another key.
    arn: String,
    id: String,
}

impl KmsKek {
    /// Asks KMS for the key and checks that it is enabled and encrypts.
    pub(super) fn open(key: &KmsKeyRef, env: Environment<'_>) -> Result<KmsKek, KekError> {
        let mut kek = KmsKek::new(key, env)?;
        kek.describe()?;
        Ok(kek)
    }

    /// Makes a key and gives it the alias of the reference.
    pub(super) fn create(key: &KmsKeyRef, env: Environment<'_>) -> Result<KmsKek, KekError> {
        let Some(alias) = &key.alias else {
            return refuse(
                "KMS itself chooses the id of a new key; give an alias: aws-kms:arn:aws:kms:REGION:ACCOUNT:alias/NAME",
            );
        };
        let mut kek = KmsKek::new(key, env)?;
        match kek.describe() {
            Err(KekError::Absent(text)) if !text.contains(STATE) => {}
            Ok(()) | Err(KekError::Absent(_) | KekError::Unsuitable(_)) => {
                return Err(KekError::Exists(format!(
                    "the KMS key {} is there already and was left as it is; use it, or give another alias",
                    key.arn
                )));
            }
            Err(e) => return Err(e),
        }
        let about = json!({
            "Description": "Scrubjay key-encryption key",
            "KeyUsage": "ENCRYPT_DECRYPT",
            "KeySpec": "SYMMETRIC_DEFAULT",
        });
        let mut made = kek.ask("CreateKey", about)?;
        let Some(id) = take_text(&mut made, "/KeyMetadata/KeyId") else { return Err(kek.odd("CreateKey")) };
        kek.ask("CreateAlias", json!({"AliasName": alias, "TargetKeyId": id.expose()}))?;
        kek.describe()?;
        Ok(kek)
    }

    fn new(key: &KmsKeyRef, env: Environment<'_>) -> Result<KmsKek, KekError> {
        let override_of = |name: &str| env(name).map(|url| url.trim_end_matches('/').to_string());
        let endpoint = match override_of("AWS_ENDPOINT_URL_KMS").or_else(|| override_of("AWS_ENDPOINT_URL")) {
            Some(url) => {
                let (base, path) = uri::split_address(&url, "AWS_ENDPOINT_URL_KMS")?;
                if !path.is_empty() {
                    return refuse("AWS_ENDPOINT_URL_KMS is the address of a server, without a path");
                }
                base.to_string()
            }
            None => {
                let domain = match &*key.partition {
                    "aws" | "aws-us-gov" => "amazonaws.com",
                    "aws-cn" => "amazonaws.com.cn",
                    _ => {
                        return refuse(
                            "the endpoint of KMS in this partition is not known here; set AWS_ENDPOINT_URL_KMS",
                        );
                    }
                };
                let fips = env("AWS_USE_FIPS_ENDPOINT").is_some_and(|v| v.eq_ignore_ascii_case("true"));
                format!("https://kms{}.{}.{domain}", if fips { "-fips" } else { "" }, key.region)
            }
        };
        let ca = env("AWS_CA_BUNDLE").map(std::path::PathBuf::from);
        Ok(KmsKek {
            client: Client::new(ca.as_deref())?,
            credentials: Source::find(env)?,
            region: key.region.clone(),
            endpoint,
            arn: key.arn.clone(),
            id: String::new(),
        })
    }

    /// Takes the key's own ARN over, and refuses a key that is not fit.
    fn describe(&mut self) -> Result<(), KekError> {
        let about = self.ask("DescribeKey", json!({"KeyId": self.arn}))?;
        let text = |name: &str| {
            about.pointer(&format!("/KeyMetadata/{name}")).and_then(Value::as_str).unwrap_or_default()
        };
        let state = text("KeyState");
        if state != "Enabled" {
            return Err(self.state(state));
        }
        if text("KeyUsage") != "ENCRYPT_DECRYPT" || text("KeySpec") != "SYMMETRIC_DEFAULT" {
            return Err(KekError::Unsuitable(format!(
                "the KMS key {} is no symmetric key for encryption (KeyUsage ENCRYPT_DECRYPT, KeySpec SYMMETRIC_DEFAULT); name another",
                self.arn
            )));
        }
        self.arn = KmsKeyRef::parse(text("Arn")).map_err(|_| self.odd("DescribeKey"))?.arn;
        self.id = format!("aws-kms:{}", without_region(&self.arn));
        Ok(())
    }

    fn ask(&self, action: &str, body: Value) -> Result<Value, KekError> {
        let body = Sensitive::new(wiped(body));
        let credentials = self.credentials.read()?;
        let target = format!("TrentService.{action}");
        let at = sign::timestamp(SystemTime::now());
        let mut headers = vec![
            ("content-type", CONTENT_TYPE),
            ("host", self.endpoint.split("://").nth(1).unwrap_or_default()),
            ("x-amz-date", &*at),
            ("x-amz-target", &*target),
        ];
        headers.extend(
            credentials.session.as_ref().map(|token| ("x-amz-security-token", token.expose().as_str())),
        );
        let scope = sign::Scope { region: &self.region, service: "kms", at: &at };
        let authorization =
            sign::authorization(&credentials, &scope, ("POST", "/", ""), &headers, body.expose());
        headers.push(("authorization", &authorization));
        let url = format!("{}/", self.endpoint);
        // What makes something must not be made twice.
        let repeatable = !action.starts_with("Create");
        let answer = self.client.call(&Call {
            method: "POST",
            url: &url,
            headers: &headers,
            body: body.expose(),
            repeatable,
        })?;
        if answer.status == 200 { Ok(answer.json()) } else { Err(self.refused(action, &answer)) }
    }

    /// What an error means. The service's own words are not repeated: they may quote the request.
    fn refused(&self, action: &str, answer: &Answer) -> KekError {
        let said = answer.json();
        let kind = said.get("__type").and_then(Value::as_str).unwrap_or_default();
        let kind = kind.rsplit('#').next().unwrap_or_default();
        let text =
            said.get("message").or_else(|| said.get("Message")).and_then(Value::as_str).unwrap_or_default();
        let name = format!("the KMS key {}", self.arn);
        match kind {
            "InvalidCiphertextException" | "IncorrectKeyException" => KekError::Damaged(self.id.clone()),
            "NotFoundException" => KekError::Absent(format!(
                "{name} is not there; check the ARN and the region, or let `keys init --create-kek` make one with an alias"
            )),
            "DisabledException" => self.state("Disabled"),
            "KMSInvalidStateException" => self.state("PendingDeletion or Unavailable"),
            "InvalidKeyUsageException" => {
                KekError::Unsuitable(format!("{name} is no key for encryption; name another"))
            }
            "AlreadyExistsException" => {
                KekError::Exists(format!("{name} is there already; use it, or give another alias"))
            }
            "AccessDeniedException" => KekError::Denied(format!(
                "{name} may not be used by these credentials; their policy or the key's must allow kms:{action}; credentials are {}",
                self.credentials
            )),
            "ExpiredTokenException" | "ExpiredToken" => KekError::Denied(format!(
                "{name} cannot be used: the session of the credentials has expired; renew them; credentials are {}",
                self.credentials
            )),
            "RequestExpired" | "RequestTimeTooSkewed" => self.clock(),
            "InvalidSignatureException" if text.contains("expired") || text.contains("not yet current") => {
                self.clock()
            }
            "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "IncompleteSignature"
            | "IncompleteSignatureException"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException" => KekError::Denied(format!(
                "{name} cannot be used: KMS does not know these credentials; check the access key and its secret; credentials are {}",
                self.credentials
            )),
            "ThrottlingException" | "LimitExceededException" => KekError::Unavailable(format!(
                "{name} cannot be used now: too many calls, or a limit of the account; try again later"
            )),
            _ => KekError::Unavailable(format!(
                "{name} cannot be used: KMS answers {} to {action}; see CloudTrail, or try again later",
                answer.status
            )),
        }
    }

    fn state(&self, state: &str) -> KekError {
        KekError::Absent(format!(
            "the KMS key {} {STATE} {}; enable it, or cancel its deletion, before anything it wrapped can be opened",
            self.arn,
            readable(state)
        ))
    }

    fn clock(&self) -> KekError {
        KekError::Denied(format!(
            "the KMS key {} cannot be used: this machine's clock is more than five minutes off; set it by NTP",
            self.arn
        ))
    }

    fn odd(&self, action: &str) -> KekError {
        KekError::Unavailable(format!(
            "{} does not answer {action} as KMS does; check the endpoint",
            self.endpoint
        ))
    }

    fn decrypt(&self, blob: &[u8], context: &[u8]) -> Result<Sensitive<[u8; KEY_BYTES]>, KekError> {
        // With the key named, KMS uses no other that the ciphertext may name.
        let body = json!({"KeyId": self.arn, "CiphertextBlob": base64(blob), "EncryptionContext": self.context(context)});
        let mut answer = self.ask("Decrypt", body)?;
        let plain = take_text(&mut answer, "/Plaintext").and_then(|text| decode(text.expose()));
        plain.and_then(|plain| wrapped::key_of(plain.expose())).ok_or_else(|| self.odd("Decrypt"))
    }

    /// Whether KMS opens for these credentials what it seals, at this moment.
    fn works(&self) -> bool {
        let context = b"does it work";
        let sealed = self.wrap(&Sensitive::new([0; KEY_BYTES]), context);
        sealed.is_ok_and(|sealed| {
            wrapped::body(&sealed, &self.id).is_ok_and(|blob| self.decrypt(blob, context).is_ok())
        })
    }

    fn context(&self, context: &[u8]) -> Value {
        json!({"application": "scrubjay", "binding": base64(&wrapped::binding(&self.id, context))})
    }
}

/// Stands in the message of a key that is there and not enabled.
const STATE: &str = "is in the state";

/// A word of the service, or that it is none.
fn readable(text: &str) -> &str {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ');
    if plain { text } else { "unknown" }
}

/// The copies of a multi-Region key are one key.
fn without_region(arn: &str) -> String {
    let mut parts: Vec<&str> = arn.split(':').collect();
    if let [_, _, _, region, _, resource] = &mut parts[..]
        && resource.starts_with("key/mrk-")
    {
        *region = "*";
    }
    parts.join(":")
}

impl Kek for KmsKek {
    fn id(&self) -> String {
        self.id.clone()
    }

    fn wrap(&self, key: &Sensitive<[u8; KEY_BYTES]>, context: &[u8]) -> Result<Vec<u8>, KekError> {
        let body = json!({"KeyId": self.arn, "Plaintext": base64(key.expose()), "EncryptionContext": self.context(context)});
        let mut answer = self.ask("Encrypt", body)?;
        let blob = take_text(&mut answer, "/CiphertextBlob").and_then(|text| decode(text.expose()));
        let blob = blob.filter(|blob| !blob.expose().is_empty()).ok_or_else(|| self.odd("Encrypt"))?;
        Ok([&wrapped::head(&self.id), blob.expose().as_slice()].concat())
    }

    fn unwrap_key(&self, wrapped: &[u8], context: &[u8]) -> Result<Sensitive<[u8; KEY_BYTES]>, KekError> {
        let blob = wrapped::body(wrapped, &self.id)?;
        if blob.is_empty() || blob.len() > MAX_CIPHERTEXT_BYTES {
            return Err(KekError::Damaged(self.id.clone()));
        }
        match self.decrypt(blob, context) {
            // Also the answer to a ciphertext that names no key there is: only a try tells that from a permission that is lacking.
            Err(KekError::Denied(_)) if self.works() => Err(KekError::Damaged(self.id.clone())),
            other => other,
        }
    }
}
