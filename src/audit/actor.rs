//! Who did it, and from where.

use std::io::{self, IsTerminal};

/// Bytes of a fact about the actor, at most; what is longer is cut.
pub(super) const MAX_FACT_BYTES: usize = 256;

/// Who acts, and from where. What the system says of the process is gathered by [`Actor::current`]; the operator's id
/// and, in a service, the address of the client are added by who knows them.
///
/// 45 CFR 164.312(a)(2)(i) asks for unique user ids: the operator's id is one, the user id of the system is another
/// that does not depend on what the operator says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    pub(super) operator: Option<String>,
    pub(super) user: Option<String>,
    pub(super) uid: Option<u32>,
    pub(super) login_uid: Option<u32>,
    pub(super) host: Option<String>,
    pub(super) tty: Option<String>,
    pub(super) ssh: Option<String>,
    pub(super) address: Option<String>,
}

impl Actor {
    /// What the system says: user and host, terminal, and `SSH_CONNECTION` (which the user could set otherwise; the user id
    /// cannot). On Linux also the user who logged in, where `sudo` or `su` has changed the user since.
    pub fn current() -> Actor {
        let environment = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        let mut actor = Actor::default();
        #[cfg(unix)]
        {
            let uid = rustix::process::getuid().as_raw();
            actor.uid = Some(uid);
            actor.user = user_name(uid);
            actor.host = fact(rustix::system::uname().nodename().to_string_lossy().into_owned());
        }
        actor.tty = io::stdin().is_terminal().then(terminal);
        actor.login_uid = login_uid().filter(|login| Some(*login) != actor.uid);
        actor.ssh = environment("SSH_CONNECTION").and_then(fact);
        actor
    }

    /// The id the operator is known by to the organisation. An id, not a name: printable ASCII without blanks.
    pub fn operator(mut self, id: impl Into<String>) -> Actor {
        self.operator = Some(id.into());
        self
    }

    /// The address of the client, in a service. At most 256 bytes; the rest is cut.
    pub fn address(mut self, address: impl Into<String>) -> Actor {
        self.address = fact(address.into());
        self
    }

    /// The operator's id.
    pub fn operator_id(&self) -> Option<&str> {
        self.operator.as_deref()
    }

    /// The best name there is: the operator's id, else the system's user, else its number.
    pub fn shown(&self) -> String {
        let named = self.operator.clone().or_else(|| self.user.clone());
        named.or_else(|| self.uid.map(|uid| format!("uid:{uid}"))).unwrap_or_else(|| "unknown".to_owned())
    }

    /// Whether all its facts are as short as those of [`Actor::current`].
    pub(super) fn fits(&self) -> bool {
        let facts = [&self.user, &self.host, &self.tty, &self.ssh, &self.address];
        facts.into_iter().flatten().all(|f| !f.is_empty() && f.len() <= MAX_FACT_BYTES)
    }
}

/// Cut to its bound, at the end of a character; nothing where nothing is.
fn fact(mut text: String) -> Option<String> {
    text.truncate(text.floor_char_boundary(MAX_FACT_BYTES));
    (!text.is_empty()).then_some(text)
}

/// The name of a user in the system's file of users. Those of a directory service are not there; their number is.
#[cfg(unix)]
fn user_name(uid: u32) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let named = |line: &str| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(uid)).then(|| name.to_owned())
    };
    users.lines().find_map(named).and_then(fact)
}

/// The name of the terminal, where the system tells it.
fn terminal() -> String {
    let name = std::fs::read_link("/proc/self/fd/0").ok();
    name.and_then(|n| fact(n.to_string_lossy().into_owned())).unwrap_or_else(|| "terminal".to_owned())
}

/// The user who logged in, by the kernel's audit subsystem; all bits set where nobody did.
fn login_uid() -> Option<u32> {
    let text = std::fs::read_to_string("/proc/self/loginuid").ok()?;
    text.trim().parse().ok().filter(|uid| *uid != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn the_system_says_who() {
        use std::os::unix::fs::MetadataExt;
        let actor = Actor::current();
        let owner = tempfile::tempfile().unwrap().metadata().unwrap().uid();
        assert_eq!(actor.uid, Some(owner));
        assert!(actor.host.is_some() && actor.fits());
        if owner == 0 {
            assert_eq!(actor.shown(), "root");
        }
        assert_eq!(actor.operator("ana.keller").shown(), "ana.keller");
        assert_eq!(Actor { uid: Some(7), ..Actor::default() }.shown(), "uid:7");
    }

    #[test]
    fn facts_are_cut_at_a_character() {
        let address = Actor::default().address("é".repeat(200)).address.unwrap();
        assert_eq!(address.len(), 256);
        let address = Actor::default().address(format!("x{}", "é".repeat(200))).address.unwrap();
        assert_eq!(address.len(), 255);
        assert_eq!(Actor::default().address("").address, None);
    }
}
