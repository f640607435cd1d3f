//! The parts of a URL: in profile `logs` its scheme, host and route stay.

use crate::span::Span;

/// What in a URL speaks of persons.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct UrlParts {
    /// `user:password` before the `@` (RFC 3986, section 3.2.1).
    pub(crate) userinfo: Option<Span>,
    /// Names and values of the query and of a fragment that is written like one.
    pub(crate) parameters: Vec<(Span, Span)>,
}

/// Takes a URL apart; spans are offsets into `url`.
pub(crate) fn url_parts(url: &[u8]) -> UrlParts {
    let find = |from: usize, what: &[u8]| url[from..].iter().position(|b| what.contains(b)).map(|i| from + i);
    let authority = url.windows(3).position(|w| w == b"://").map_or(0, |i| i + 3);
    let authority_end = find(authority, b"/?#").unwrap_or(url.len());
    let userinfo = url[authority..authority_end]
        .iter()
        .rposition(|b| *b == b'@')
        .filter(|at| *at > 0)
        .map(|at| Span::at(authority, authority + at));
    let mut parameters = Vec::new();
    let mut at = find(authority_end, b"?#").map_or(url.len(), |i| i + 1);
    while at < url.len() {
        let end = find(at, b"&;#?").unwrap_or(url.len());
        if let Some(eq) = url[at..end].iter().position(|b| *b == b'=') {
            parameters.push((Span::at(at, at + eq), Span::at(at + eq + 1, end)));
        }
        at = end + 1;
    }
    UrlParts { userinfo, parameters }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let shown = |url: &str| {
            let p = url_parts(url.as_bytes());
            let mut s: Vec<&str> = p.userinfo.iter().map(|s| &url[s.range()]).collect();
            p.parameters.iter().for_each(|(n, v)| s.extend([&url[n.range()], &url[v.range()]]));
            s.join("|")
        };
        assert_eq!(shown("https://ana:pw@h.example/p/1?name=Ana&x=#f=2"), "ana:pw|name|Ana|x||f|2");
        assert_eq!(shown("https://h.example/a@b"), "");
        assert_eq!(shown("www.h.example?q"), "");
        assert_eq!(shown(""), "");
    }
}
