//! Fields and targets: what ends at this proxy and what goes on.

use http::header::{
    self, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRAILER,
    UPGRADE,
};
use http::uri::{PathAndQuery, Uri};

/// Fields between two hops (RFC 9110, 7.6.1), besides those that `Connection` names. What proxies say to each other
/// (RFC 9110, 11.7) is not for the upstream either.
const HOPS: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    TE,
    header::TRANSFER_ENCODING,
    UPGRADE,
];

/// Takes the fields out that end here, of a request or a reply.
pub(super) fn strip_hops(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = tokens(headers, &CONNECTION).filter_map(|t| t.parse().ok()).collect();
    for name in HOPS.iter().chain(&named) {
        headers.remove(name);
    }
}

/// Takes the fields out of a request that are made anew for the upstream: whom it is for, and how it is framed. Of what
/// the client can do with a reply, only trailers are said on, as they are passed through; `Connection` need not say so, as
/// what is between here and the upstream is not for others to see.
pub(super) fn strip_request(headers: &mut HeaderMap) {
    let trailers = tokens(headers, &TE).any(|t| t.eq_ignore_ascii_case("trailers"));
    strip_hops(headers);
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    for name in [HOST, CONTENT_LENGTH, EXPECT, TRAILER] {
        headers.remove(name);
    }
    join_cookies(headers);
}

/// HTTP/2 lets a client cut its `Cookie` in pieces, that an HTTP/1.1 server gets as one (RFC 9113, 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(COOKIE).iter().nth(1).is_some() {
        let crumbs: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
        if let Ok(whole) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
            headers.insert(COOKIE, whole);
        }
    }
}

/// Whether a client wants to go on in another protocol. `h2c`, that some clients offer with every request, can be passed
/// over (RFC 9110, 7.8); one that wants a WebSocket is better told.
pub(super) fn wants_upgrade(headers: &HeaderMap) -> bool {
    let offers = tokens(headers, &UPGRADE).any(|t| !t.eq_ignore_ascii_case("h2c"));
    // One that is not text is not known either.
    offers || headers.get_all(UPGRADE).iter().any(|v| v.to_str().is_err())
}

/// Whether there is at most one `Host` (RFC 9112, 3.2).
pub(super) fn one_host(headers: &HeaderMap) -> bool {
    headers.get_all(HOST).iter().nth(1).is_none()
}

/// The list in the fields of this name.
fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter().filter_map(|v| v.to_str().ok());
    values.flat_map(|v| v.split(',')).map(str::trim).filter(|t| !t.is_empty())
}

/// Path and query of a target that can go to the upstream. In asterisk-form and authority-form (RFC 9112, 3.2) there is
/// none; of absolute-form, whom it names is passed over.
///
/// Dot segments are refused in whichever way they are written: what the hook takes for one path, the upstream could take for
/// another, or for one that is not below its base path.
pub(super) fn target(uri: &Uri) -> Option<&PathAndQuery> {
    let target = uri.path_and_query()?;
    let path = target.path();
    (path.starts_with('/') && !has_dot_segment(path)).then_some(target)
}

fn has_dot_segment(path: &str) -> bool {
    // Nearly all have neither.
    if !path.contains("/.") && !path.contains(['%', '\\']) {
        return false;
    }
    // As a server may see it that decodes too early, or twice.
    let path = path.to_ascii_lowercase().replace("%25", "%");
    let path = path.replace("%2e", ".").replace("%2f", "/").replace("%5c", "/").replace("%3b", ";");
    // Some take what is behind a semicolon for a parameter of the segment.
    let mut segments = path.split(['/', '\\']).map(|s| s.split(';').next());
    segments.any(|s| matches!(s, Some("." | "..")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        for (uri, expected) in [
            ("/a/b?c=d", Some("/a/b?c=d")),
            ("/", Some("/")),
            ("http://evil.example/a?b", Some("/a?b")),
            ("https://user:password@evil.example", Some("/")),
            ("//evil.example/a", Some("//evil.example/a")),
            ("/a/.b/c./..d/...", Some("/a/.b/c./..d/...")),
            ("/a?b=/../c", Some("/a?b=/../c")),
            ("/a%20b%2Fc", Some("/a%20b%2Fc")),
            ("*", None),
            ("evil.example:443", None),
            ("/..", None),
            ("/a/../b", None),
            ("/a/./b", None),
            ("/a/%2e%2E/b", None),
            ("/a/.%2e", None),
            ("/a/%252e%252e/b", None),
            ("/a%2f..%2fb", None),
            ("/a/..;x=y/b", None),
            ("/a/..%3bx/b", None),
        ] {
            let uri: Uri = uri.parse().unwrap();
            assert_eq!(target(&uri).map(PathAndQuery::as_str), expected, "{uri}");
        }
    }

    #[test]
    fn hops_end_here() {
        let fields = [
            ("connection", "close, X-One"),
            ("connection", "x-two, ,te"),
            ("x-one", "1"),
            ("x-two", "2"),
            ("x-three", "3"),
            ("te", "gzip, Trailers"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authorization", "Basic x"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("host", "evil.example"),
            ("content-length", "7"),
            ("expect", "100-continue"),
            ("trailer", "x-three"),
            ("cookie", "a=b"),
            ("cookie", "c=d"),
            ("idempotency-key", "k"),
        ];
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, HeaderValue::from_static(value));
        }
        assert!(!wants_upgrade(&headers));
        strip_request(&mut headers);
        let mut left: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap())).collect();
        left.sort_unstable();
        let expected =
            [("cookie", "a=b; c=d"), ("idempotency-key", "k"), ("te", "trailers"), ("x-three", "3")];
        assert_eq!(left, expected);
        headers.insert(UPGRADE, HeaderValue::from_static("h2c, websocket"));
        assert!(wants_upgrade(&headers));
        headers.insert(UPGRADE, HeaderValue::from_bytes(b"\xff").unwrap());
        assert!(wants_upgrade(&headers));
    }
}
