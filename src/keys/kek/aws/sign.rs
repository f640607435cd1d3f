//! AWS Signature Version 4 (IAM User Guide, "Create a signed AWS API request"), for requests without a query of their own making.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::{digest, hmac};

use super::credentials::Credentials;
use crate::keys::encoding::hex;
use crate::secret::Sensitive;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What a signature is good for.
pub(super) struct Scope<'a> {
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    /// As [`timestamp`] gives it; the header `x-amz-date` says the same.
    pub(super) at: &'a str,
}

/// The value of the header `Authorization`. `request` is the method, the path and the query, the last two encoded already and
/// the query sorted; `headers` are all that are signed, `host` among them, by their names in lower case.
pub(super) fn authorization(
    credentials: &Credentials,
    scope: &Scope<'_>,
    request: (&str, &str, &str),
    headers: &[(&str, &str)],
    body: &[u8],
) -> String {
    let mut sorted: Vec<_> = headers.to_vec();
    sorted.sort_unstable();
    let signed = sorted.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let (method, path, query) = request;
    // The token of a session is one of the headers: this is wiped.
    let mut canonical = format!("{method}\n{path}\n{query}\n");
    for (name, value) in &sorted {
        let _ =
            writeln!(canonical, "{name}:{}", value.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
    }
    let _ = write!(canonical, "\n{signed}\n{}", sha256(body));
    let canonical = Sensitive::new(canonical);
    let date = scope.at.get(..8).unwrap_or_default();
    let place = format!("{date}/{}/{}/aws4_request", scope.region, scope.service);
    let to_sign = format!("{ALGORITHM}\n{}\n{place}\n{}", scope.at, sha256(canonical.expose().as_bytes()));
    let key = signing_key(credentials.secret.expose(), date, scope);
    let signature =
        hex(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()), to_sign.as_bytes()).as_ref());
    format!(
        "{ALGORITHM} Credential={}/{place}, SignedHeaders={signed}, Signature={signature}",
        credentials.access_key
    )
}

fn signing_key(secret: &str, date: &str, scope: &Scope<'_>) -> Sensitive<Vec<u8>> {
    let first = Sensitive::new(format!("AWS4{secret}").into_bytes());
    [date, scope.region, scope.service, "aws4_request"].iter().fold(first, |key, part| {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()), part.as_bytes());
        Sensitive::new(tag.as_ref().to_vec())
    })
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// A time as `YYYYMMDDTHHMMSSZ`.
pub(super) fn timestamp(at: SystemTime) -> String {
    let seconds = at.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (mut days, second) = (seconds / 86_400, seconds % 86_400);
    let leap = |y: u64| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!(
        "{year:04}{month:02}{:02}T{:02}{:02}{:02}Z",
        days + 1,
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SCOPE: Scope<'_> = Scope { region: "us-east-1", service: "service", at: "20150830T123600Z" };

    fn credentials() -> Credentials {
        Credentials {
            access_key: "AKIDEXAMPLE".into(),
            secret: Sensitive::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into()),
            session: None,
        }
    }

    /// Cases of the test suite that AWS published for this signature: name, request, headers, body, signature.
    #[test]
    fn signs_as_the_published_vectors_say() {
        const HOST: (&str, &str) = ("host", "example.amazonaws.com");
        const DATE: (&str, &str) = ("x-amz-date", "20150830T123600Z");
        const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
        let sts = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
        type Case<'a> = (&'a str, (&'a str, &'a str, &'a str), &'a [(&'a str, &'a str)], &'a [u8], &'a str);
        let cases: &[Case<'_>] = &[
            (
                "get-vanilla",
                ("GET", "/", ""),
                &[HOST, DATE],
                b"",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "post-vanilla",
                ("POST", "/", ""),
                &[HOST, DATE],
                b"",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "post-header-key-sort",
                ("POST", "/", ""),
                &[DATE, ("my-header1", "value1"), HOST],
                b"",
                "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
            ),
            (
                "get-vanilla-query-order-key-case",
                ("GET", "/", "Param1=value1&Param2=value2"),
                &[HOST, DATE],
                b"",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "post-x-www-form-urlencoded",
                ("POST", "/", ""),
                &[FORM, HOST, DATE],
                b"Param1=value1",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
            (
                "post-sts-header-before",
                ("POST", "/", ""),
                &[HOST, DATE, ("x-amz-security-token", sts)],
                b"",
                "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
            ),
        ];
        for (name, request, headers, body, signature) in cases {
            let got = authorization(&credentials(), &SCOPE, *request, headers, body);
            assert!(got.ends_with(&format!("Signature={signature}")), "{name}: {got}");
            assert!(got.starts_with(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            ));
        }
        // The key of the worked example for IAM.
        let iam = Scope { region: "us-east-1", service: "iam", at: "20150830T123600Z" };
        let key = signing_key(credentials().secret.expose(), "20150830", &iam);
        assert_eq!(hex(key.expose()), "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
    }

    #[test]
    fn writes_times() {
        for (seconds, text) in [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (1_440_938_160, "20150830T123600Z"),
            (1_709_164_800, "20240229T000000Z"),
            (4_107_542_399, "21000228T235959Z"),
            (4_107_542_400, "21000301T000000Z"),
            (1_798_761_599, "20261231T235959Z"),
        ] {
            assert_eq!(timestamp(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }
}
