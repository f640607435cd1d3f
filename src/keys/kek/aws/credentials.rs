//! Credentials of AWS, from the places where its own tools look, in their order: variables, the shared file, the container's
//! endpoint (ECS, EKS Pod Identity), the machine's (EC2, IMDSv2).

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use serde_json::Value;

use crate::keys::kek::http::{Answer, Call, Client, take_text};
use crate::keys::kek::{Environment, KekError, refuse, uri};
use crate::keys::reference::SecretRef;
use crate::secret::Sensitive;

/// Where EC2 machines ask for theirs.
const MACHINE: &str = "http://169.254.169.254";
/// Where ECS tasks ask, for paths alone.
const CONTAINER: &str = "http://169.254.170.2";
/// Addresses of this machine's own surroundings that speak HTTP without TLS: ECS, EKS Pod Identity, EC2.
const NEAR: &[&str] =
    &["169.254.170.2", "169.254.170.23", "fd00:ec2::23", "169.254.169.254", "fd00:ec2::254"];

/// What requests are signed with.
pub(super) struct Credentials {
    pub(super) access_key: String,
    pub(super) secret: Sensitive<String>,
    /// The token of a session, where the credentials are temporary.
    pub(super) session: Option<Sensitive<String>>,
}

/// Where credentials are. They are read for each call, for calls are rare and credentials are rotated.
pub(super) enum Source {
    /// In variables, read when the KEK was opened.
    Variables(Credentials),
    /// In a profile of the shared file.
    Profile { file: SecretRef, name: String },
    /// At the container's endpoint.
    Container { url: String, authorization: Option<Authorization>, client: Client },
    /// At the machine's endpoint.
    Machine { base: String, client: Client },
}

/// What the container's endpoint wants to be shown.
pub(super) enum Authorization {
    Text(Sensitive<String>),
    File(PathBuf),
}

/// For messages.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Variables(_) => f.write_str("those in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
            Source::Profile { file, name } => write!(f, "those of the profile {name} in {file}"),
            Source::Container { .. } => f.write_str("those of the container"),
            Source::Machine { .. } => f.write_str("those of the machine's role"),
        }
    }
}

impl Source {
    /// The first place that has some.
    pub(super) fn find(env: Environment<'_>) -> Result<Source, KekError> {
        match (env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY")) {
            (Some(access_key), Some(secret)) => {
                return Ok(Source::Variables(Credentials {
                    access_key,
                    secret: Sensitive::new(secret),
                    session: env("AWS_SESSION_TOKEN").map(Sensitive::new),
                }));
            }
            (None, None) => {}
            _ => {
                return Err(KekError::Secret(
                    "of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only one is set; set both, or neither"
                        .to_string(),
                ));
            }
        }
        let named = env("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from);
        let usual = env("HOME").map(|home| PathBuf::from(home).join(".aws/credentials"));
        let profile = env("AWS_PROFILE");
        if let Some(path) = named.or(usual.filter(|path| path.is_file() || profile.is_some())) {
            let source = Source::Profile {
                file: SecretRef::File(path),
                name: profile.clone().unwrap_or_else(|| "default".to_string()),
            };
            match source.read() {
                Ok(_) => return Ok(source),
                Err(KekError::Absent(_)) if profile.is_none() => {}
                Err(e) => return Err(e),
            }
        }
        let url = match (
            env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
            env("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        ) {
            (Some(path), _) if path.starts_with('/') => Some(format!("{CONTAINER}{path}")),
            (Some(_), _) => {
                return refuse("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is a path that begins with /");
            }
            (None, url) => url,
        };
        if let Some(url) = url {
            check(&url, "AWS_CONTAINER_CREDENTIALS_FULL_URI")?;
            let file =
                env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(|path| Authorization::File(path.into()));
            let text =
                || env("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(|t| Authorization::Text(Sensitive::new(t)));
            return Ok(Source::Container { url, authorization: file.or_else(text), client: Client::near()? });
        }
        if env("AWS_EC2_METADATA_DISABLED").is_some_and(|v| v.eq_ignore_ascii_case("true")) {
            return Err(none());
        }
        let base = env("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| MACHINE.to_string());
        check(&base, "AWS_EC2_METADATA_SERVICE_ENDPOINT")?;
        Ok(Source::Machine { base: base.trim_end_matches('/').to_string(), client: Client::near()? })
    }

    /// The credentials, as they are now.
    pub(super) fn read(&self) -> Result<Credentials, KekError> {
        match self {
            Source::Variables(c) => Ok(Credentials {
                access_key: c.access_key.clone(),
                secret: Sensitive::new(c.secret.expose().clone()),
                session: c.session.as_ref().map(|s| Sensitive::new(s.expose().clone())),
            }),
            Source::Profile { file, name } => {
                let text = file.read()?;
                let text = std::str::from_utf8(text.expose()).map_err(|_| {
                    KekError::Secret(format!("the secret {file} is no file of credentials: it is not text"))
                })?;
                profile(text, name).ok_or_else(|| {
                    KekError::Absent(format!(
                        "{file} has no aws_access_key_id and aws_secret_access_key in [{name}]; add them, or name another profile by \
                         AWS_PROFILE"
                    ))
                })
            }
            Source::Container { url, authorization, client } => {
                let token = match authorization {
                    None => None,
                    Some(Authorization::Text(text)) => Some(Sensitive::new(text.expose().clone())),
                    Some(Authorization::File(path)) => Some(read_token(path)?),
                };
                let header = token.as_ref().map(|t| ("Authorization", t.expose().trim()));
                let headers: Vec<_> = header.into_iter().collect();
                let call = Call { method: "GET", url, headers: &headers, body: &[], repeatable: true };
                of_answer(&client.call(&call)?, "the container's endpoint")
            }
            Source::Machine { base, client } => of_machine(base, client),
        }
    }
}

fn none() -> KekError {
    KekError::Secret(
        "no credentials for AWS: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or have a file ~/.aws/credentials, or run under a role"
            .to_string(),
    )
}

/// IMDSv2: a token first, then the name of the role, then its credentials.
fn of_machine(base: &str, client: &Client) -> Result<Credentials, KekError> {
    let ask = |method: &'static str, path: &str, header: (&str, &str)| {
        client
            .call(&Call {
                method,
                url: &format!("{base}/latest/{path}"),
                headers: &[header],
                body: &[],
                repeatable: true,
            })
            // Most machines are not at AWS: then this is the last place where there are none.
            .map_err(|_| none())
    };
    let text = |answer: Answer| match std::str::from_utf8(answer.body.expose()) {
        Ok(text) if answer.status == 200 => Ok(Sensitive::new(text.trim().to_string())),
        _ => Err(KekError::Absent(
            "this machine has no role at AWS; attach an instance profile, or give credentials".to_string(),
        )),
    };
    let token = text(ask("PUT", "api/token", ("X-aws-ec2-metadata-token-ttl-seconds", "60"))?)?;
    let header = ("X-aws-ec2-metadata-token", token.expose().as_str());
    let roles = "meta-data/iam/security-credentials/";
    let role = text(ask("GET", roles, header)?)?;
    let role = role.expose().lines().next().unwrap_or_default();
    if role.is_empty() || !role.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b)) {
        return Err(KekError::Absent(
            "this machine's role at AWS has no usable name; give credentials".to_string(),
        ));
    }
    of_answer(&ask("GET", &format!("{roles}{role}"), header)?, "the machine's endpoint")
}

fn of_answer(answer: &Answer, whose: &str) -> Result<Credentials, KekError> {
    let mut all = answer.json();
    let session = take_text(&mut all, "/Token");
    let secret = take_text(&mut all, "/SecretAccessKey");
    let access_key = all.get("AccessKeyId").and_then(Value::as_str);
    match (answer.status, access_key, secret) {
        (200, Some(access_key), Some(secret)) => {
            Ok(Credentials { access_key: access_key.to_string(), secret, session })
        }
        (401 | 403, ..) => Err(KekError::Denied(format!(
            "{whose} refuses to give credentials; check AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, or the role"
        ))),
        (status, ..) => Err(KekError::Unavailable(format!(
            "{whose} gives no credentials (it answers {status}); try again later"
        ))),
    }
}

/// The projected token of a pod is readable for its group, so that its mode is not looked at.
fn read_token(path: &PathBuf) -> Result<Sensitive<String>, KekError> {
    std::fs::read_to_string(path).map(Sensitive::new).map_err(|e| {
        KekError::Secret(format!(
            "the token in {} (AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE) cannot be read: {}",
            path.display(),
            crate::reason::unreadable(&e)
        ))
    })
}

/// Credentials are fetched over TLS, or from this machine's own surroundings.
fn check(url: &str, variable: &str) -> Result<(), KekError> {
    let near = url.strip_prefix("http://").is_some_and(|_| {
        let host = uri::host(url);
        let ip = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        ip.is_some_and(|ip| NEAR.iter().any(|near| near.parse() == Ok(ip)))
    });
    if near { Ok(()) } else { uri::split_address(url, variable).map(|_| ()) }
}

/// A profile of the shared file: `[name]`, then `key = value` lines.
fn profile(text: &str, wanted: &str) -> Option<Credentials> {
    let (mut access_key, mut secret, mut session, mut inside) = (None, None, None, false);
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            inside = name.trim() == wanted;
        } else if let Some((key, value)) =
            line.split_once('=').filter(|_| inside && !line.starts_with(['#', ';']))
        {
            let value = value.trim().to_string();
            match key.trim() {
                "aws_access_key_id" => access_key = Some(value),
                "aws_secret_access_key" => secret = Some(Sensitive::new(value)),
                "aws_session_token" => session = Some(Sensitive::new(value)),
                _ => drop(Sensitive::new(value)),
            }
        }
    }
    Some(Credentials { access_key: access_key?, secret: secret?, session })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_profiles() {
        let text = "# mine\n[default]\naws_access_key_id=A\naws_secret_access_key = s=1\n\n[ team ]\n;aws_access_key_id = X\n\
                    aws_access_key_id = B\naws_secret_access_key = t\naws_session_token = u\nregion = x\n[half]\naws_access_key_id = C\n";
        let found = profile(text, "default").unwrap();
        assert_eq!((&*found.access_key, &**found.secret.expose()), ("A", "s=1"));
        assert!(found.session.is_none());
        let found = profile(text, "team").unwrap();
        assert_eq!((&*found.access_key, &**found.session.unwrap().expose()), ("B", "u"));
        assert!(profile(text, "half").is_none() && profile(text, "none").is_none());
    }

    #[test]
    fn speaks_without_tls_to_its_surroundings_alone() {
        for (url, fine) in [
            ("http://169.254.170.23/v1/credentials", true),
            ("http://[fd00:ec2::23]/v1/credentials", true),
            ("http://localhost:1/x", true),
            ("https://example.com/x", true),
            ("http://example.com/x", false),
            ("http://169.254.170.24/x", false),
            ("http://169.254.170.2.example/x", false),
            ("http://169.254.170.2@example.com/x", false),
        ] {
            assert_eq!(check(url, "V").is_ok(), fine, "{url}");
        }
    }

    #[test]
    fn says_what_is_missing() {
        for (variables, says) in [
            (&[("AWS_ACCESS_KEY_ID", "a")][..], "only one is set"),
            (&[("AWS_EC2_METADATA_DISABLED", "true")], "no credentials for AWS"),
            (&[("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/c")], "/nonexistent/c cannot be read"),
            (&[("AWS_PROFILE", "p"), ("HOME", "/nonexistent")], "cannot be read"),
            (&[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@h/")], "begins with /"),
            (&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://h/")], "without TLS"),
        ] {
            let env = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string());
            let Err(error) = Source::find(&env) else { panic!("{says}") };
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
