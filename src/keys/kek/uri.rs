//! The parts that references are made of: percent-encoding (RFC 3986), attributes, and addresses of servers.

use std::net::Ipv4Addr;

use super::{KekError, refuse};

/// Decodes `%XX`; `None` where what follows a percent sign is no hexadecimal number.
pub(super) fn percent_decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            out.push(*first);
            continue;
        }
        let [high, low, tail @ ..] = tail else { return None };
        let digit = |b: &u8| char::from(*b).to_digit(16);
        out.push((digit(high)? << 4 | digit(low)?) as u8);
        rest = tail;
    }
    Some(out)
}

/// Attributes of a reference: `name=value`, the value percent-encoded, none twice.
#[derive(Default)]
pub(super) struct Attributes(Vec<(String, Vec<u8>)>);

impl Attributes {
    /// Reads them; `kind` says of what, for the errors, which repeat names from `known` at most.
    pub(super) fn parse(
        text: &str,
        separator: char,
        known: &[&str],
        kind: &str,
    ) -> Result<Attributes, KekError> {
        let mut found = Attributes::default();
        for part in text.split(separator).filter(|part| !part.is_empty()) {
            let Some((name, value)) = part.split_once('=') else {
                return refuse(&format!(
                    "{kind}: each attribute is NAME=VALUE, with `{separator}` between two"
                ));
            };
            if !known.contains(&name) {
                return refuse(&format!("{kind}: an unknown attribute; there are: {}", known.join(", ")));
            }
            if found.0.iter().any(|(n, _)| n == name) {
                return refuse(&format!("{kind}: `{name}` stands there twice"));
            }
            match percent_decode(value) {
                Some(value) if !value.is_empty() => found.0.push((name.to_string(), value)),
                _ => {
                    return refuse(&format!(
                        "{kind}: the value of `{name}` is empty, or a `%` in it is not followed by two hexadecimal digits"
                    ));
                }
            }
        }
        Ok(found)
    }

    /// Takes a value out, as bytes.
    pub(super) fn bytes(&mut self, name: &str) -> Option<Vec<u8>> {
        let at = self.0.iter().position(|(n, _)| n == name)?;
        Some(self.0.swap_remove(at).1)
    }

    /// Takes a value out, as text that can be shown and sent in a header.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, KekError> {
        match self.bytes(name).map(String::from_utf8) {
            None => Ok(None),
            Some(Ok(text)) if !text.chars().any(char::is_control) => Ok(Some(text)),
            Some(_) => refuse(&format!("the value of `{name}` is not text")),
        }
    }
}

/// Splits `https://HOST[:PORT]/PATH` into the part before the path and the path. Without TLS only this machine is spoken to.
pub(super) fn split_address<'a>(url: &'a str, kind: &str) -> Result<(&'a str, &'a str), KekError> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return refuse(&format!("{kind}: expected the address of a server, https://HOST:PORT/..."));
    };
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let host = host_of(authority).ok_or_else(|| {
        KekError::Reference(format!("{kind}: after https:// stands HOST or HOST:PORT and nothing else"))
    })?;
    match scheme {
        "https" => {}
        "http" if is_loopback(host) => {}
        "http" => {
            return refuse(&format!(
                "{kind}: without TLS only a server on this machine is spoken to; write https://, or name localhost"
            ));
        }
        _ => return refuse(&format!("{kind}: the address of a server begins with https://")),
    }
    Ok((&url[..url.len() - path.len()], path))
}

/// The host of `HOST` or `HOST:PORT`. A user name or password there is none.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.rfind(']') {
        Some(end) => (&authority[..=end], &authority[end + 1..]),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let number =
        |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|p| p > 0);
    let port_is_fine = port.is_empty() || port.strip_prefix(':').is_some_and(number);
    let letters = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.' || b == b'_';
    let address = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let host_is_fine = match address {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(letters),
    };
    (port_is_fine && host_is_fine).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host == "[::1]" || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

/// The host of an address that [`split_address`] took.
#[cfg(feature = "kms")]
pub(super) fn host(address: &str) -> &str {
    let authority = address.split("://").nth(1).unwrap_or_default();
    host_of(authority.split('/').next().unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_addresses_apart() {
        for (url, base, path) in [
            ("https://bao.example:8200/transit/keys/k", "https://bao.example:8200", "/transit/keys/k"),
            ("https://h", "https://h", ""),
            ("https://[2001:db8::1]:443/x", "https://[2001:db8::1]:443", "/x"),
            ("http://127.0.0.1:1/x", "http://127.0.0.1:1", "/x"),
            ("http://127.9.9.9/x", "http://127.9.9.9", "/x"),
            ("http://[::1]/x", "http://[::1]", "/x"),
            ("http://localhost:8200/", "http://localhost:8200", "/"),
        ] {
            assert_eq!(split_address(url, "k").unwrap(), (base, path), "{url}");
        }
    }

    #[test]
    fn refuses_other_addresses() {
        for url in [
            "h:8200/x",
            "ftp://h/x",
            "https:///x",
            "https://user@h/x",
            "https://user:password@h/x",
            "https://h:0/x",
            "https://h:+1/x",
            "https://]\u{11680}/x",
            "https://h:65536/x",
            "https://h:/x",
            "https://[::1/x",
            "https://[zz]/x",
            "https://[::1]8200/x",
            "https://h h/x",
            "http://h/x",
            "http://10.0.0.1/x",
            "http://localhost.example/x",
            "http://127.0.0.1.example/x",
            "http://[::2]/x",
            "http://localhost@h/x",
            "http://127.0.0.1#@h/x",
            "https://h?q/x",
        ] {
            assert!(split_address(url, "k").is_err(), "{url}");
        }
    }

    #[test]
    fn reads_attributes_once_each() {
        let mut a = Attributes::parse("token=a%20b;id=%00%ff", ';', &["token", "id"], "k").unwrap();
        assert_eq!(a.text("token").unwrap().unwrap(), "a b");
        assert_eq!(a.text("token").unwrap(), None);
        assert_eq!(a.bytes("id").unwrap(), b"\x00\xff");
        for (text, says) in [
            ("token", "NAME=VALUE"),
            ("colour=1", "there are: token, id"),
            ("token=1;token=2", "`token` stands there twice"),
            ("token=", "`token` is empty"),
            ("token=%4", "hexadecimal"),
            ("token=%zz", "hexadecimal"),
        ] {
            let Err(error) = Attributes::parse(text, ';', &["token", "id"], "k") else { panic!("{text}") };
            assert!(error.to_string().contains(says), "{text}: {error}");
        }
        let mut a = Attributes::parse("id=%00", ';', &["id"], "k").unwrap();
        assert!(a.text("id").is_err());
    }

    proptest! {
        #[test]
        fn decodes_what_was_encoded(bytes: Vec<u8>, text in "\\PC*") {
            let coded: String = bytes.iter().map(|b| format!("%{b:02X}")).collect();
            prop_assert_eq!(percent_decode(&coded).unwrap(), bytes);
            let _ = percent_decode(&text);
            let _ = split_address(&text, "k");
            let _ = split_address(&format!("https://{text}"), "k");
        }
    }
}
