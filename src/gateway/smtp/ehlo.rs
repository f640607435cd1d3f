//! The extensions offered to the client: those of the relay that this proxy can do, and its own.

use super::reply::Reply;

/// What the proxy adds to, and takes from, the relay's answer to EHLO.
pub(super) struct Offer<'a> {
    pub(super) hostname: &'a str,
    /// The longest message taken here.
    pub(super) limit: usize,
    pub(super) starttls: bool,
    pub(super) auth: bool,
}

/// The answer to EHLO, and the facts in it that the session needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Offered {
    pub(super) answer: Vec<u8>,
    /// The relay knows SIZE.
    pub(super) size: bool,
    /// The longest message that both take.
    pub(super) limit: usize,
}

/// Makes the answer. What is not known here is hidden: CHUNKING and BINARYMIME would bring messages past DATA, BURL
/// from another server, and what nobody has looked at yet might do the like.
pub(super) fn answer(relay: &Reply, offer: &Offer<'_>) -> Offered {
    let mut offered = Offered { answer: Vec::new(), size: false, limit: offer.limit };
    let mut lines: Vec<Vec<u8>> = vec![offer.hostname.as_bytes().to_vec(), b"PIPELINING".to_vec()];
    for line in relay.lines().skip(1) {
        let (keyword, arguments) = keyword(line);
        match keyword.as_slice() {
            b"SIZE" => {
                offered.size = true;
                let theirs = std::str::from_utf8(arguments).ok().and_then(|a| a.parse().ok());
                // Without a number, or with 0, the relay sets no limit (RFC 1870, 4).
                offered.limit = theirs.filter(|&n: &usize| n > 0).map_or(offer.limit, |n| n.min(offer.limit));
            }
            b"8BITMIME" | b"SMTPUTF8" | b"DSN" | b"ENHANCEDSTATUSCODES" => lines.push(keyword),
            b"XFORWARD" => lines.push(line.to_vec()),
            b"AUTH" if offer.auth => lines.extend(auth(arguments)),
            _ => {}
        }
    }
    lines.push(format!("SIZE {}", offered.limit).into_bytes());
    if offer.starttls {
        lines.push(b"STARTTLS".to_vec());
    }
    for (i, line) in lines.iter().enumerate() {
        offered.answer.extend_from_slice(if i + 1 == lines.len() { b"250 " } else { b"250-" });
        offered.answer.extend_from_slice(line);
        offered.answer.extend_from_slice(b"\r\n");
    }
    offered
}

/// Whether the relay offers the extension.
pub(super) fn offers(relay: &Reply, extension: &[u8]) -> bool {
    relay.lines().skip(1).any(|line| keyword(line).0 == extension)
}

/// The mechanisms of the relay's AUTH line.
pub(super) fn mechanisms(relay: &Reply) -> Vec<Vec<u8>> {
    let all =
        relay.lines().skip(1).map(keyword).filter(|(k, _)| k == b"AUTH").map(|(_, mechanisms)| mechanisms);
    all.flat_map(|m| m.split(|&b| b == b' ')).map(<[u8]>::to_ascii_uppercase).collect()
}

/// Whether a mechanism means the same through a proxy. EXTERNAL would give the client the identity of this proxy's own
/// connection, and the `-PLUS` ones are bound to a TLS session that ends here.
pub(super) fn passes(mechanism: &[u8]) -> bool {
    !mechanism.eq_ignore_ascii_case(b"EXTERNAL") && !mechanism.to_ascii_uppercase().ends_with(b"-PLUS")
}

fn auth(mechanisms: &[u8]) -> Option<Vec<u8>> {
    let passing: Vec<&[u8]> =
        mechanisms.split(|&b| b == b' ').filter(|m| !m.is_empty() && passes(m)).collect();
    (!passing.is_empty()).then(|| [b"AUTH ".as_slice(), &passing.join(&b' ')].concat())
}

fn keyword(line: &[u8]) -> (Vec<u8>, &[u8]) {
    let end = memchr::memchr(b' ', line).unwrap_or(line.len());
    (line[..end].to_ascii_uppercase(), line[end..].trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_done_is_offered() {
        let all = "250-mx\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-VRFY\r\n250-ETRN\r\n250-STARTTLS\r\n\
                   250-AUTH PLAIN EXTERNAL SCRAM-SHA-256-PLUS login\r\n250-AUTH=PLAIN\r\n250-ENHANCEDSTATUSCODES\r\n\
                   250-8bitmime\r\n250-DSN\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250-BURL imap\r\n\
                   250-XFORWARD NAME ADDR\r\n250-XCLIENT NAME\r\n250-REQUIRETLS\r\n250 X-NEW\r\n";
        for (relay, limit, starttls, auth, expected, size) in [
            (
                all,
                2_000,
                true,
                true,
                "250-me\r\n250-PIPELINING\r\n250-AUTH PLAIN login\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n\
                 250-DSN\r\n250-SMTPUTF8\r\n250-XFORWARD NAME ADDR\r\n250-SIZE 1000\r\n250 STARTTLS\r\n",
                true,
            ),
            ("250 mx\r\n", 500, false, true, "250-me\r\n250-PIPELINING\r\n250 SIZE 500\r\n", false),
            (
                "250-mx\r\n250-AUTH EXTERNAL\r\n250 SIZE 0\r\n",
                500,
                false,
                true,
                "250-me\r\n250-PIPELINING\r\n250 SIZE 500\r\n",
                true,
            ),
            (
                "250-mx\r\n250-AUTH PLAIN\r\n250 SIZE\r\n",
                500,
                false,
                false,
                "250-me\r\n250-PIPELINING\r\n250 SIZE 500\r\n",
                true,
            ),
            (
                "250-SIZE 3\r\n250 SIZE 900\r\n",
                500,
                false,
                false,
                "250-me\r\n250-PIPELINING\r\n250 SIZE 500\r\n",
                true,
            ),
        ] {
            let (reply, _) = Reply::parse(relay.as_bytes()).unwrap().unwrap();
            let offered = answer(&reply, &Offer { hostname: "me", limit, starttls, auth });
            assert_eq!(std::str::from_utf8(&offered.answer).unwrap(), expected);
            assert_eq!((offered.size, offered.answer.ends_with(b"\r\n")), (size, true));
        }
        let (reply, _) = Reply::parse(all.as_bytes()).unwrap().unwrap();
        assert!(offers(&reply, b"STARTTLS") && !offers(&reply, b"MX"));
        assert_eq!(mechanisms(&reply).len(), 4);
    }
}
