//! `multipart/form-data` (RFC 7578): fields, and files, which are read as parts of a mail are.

use crate::span::Span;

/// One part: where its head and its content stand in the body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// From behind the delimiter line to behind the empty line.
    pub(super) head: Span,
    pub(super) content: Span,
    /// The field's name.
    pub(super) name: String,
    /// It is a file, or is of a type of its own.
    pub(super) is_file: bool,
}

/// The parts of a body; `None` where it is not made as clients make it, so that another reader could find other parts.
pub(super) fn parts(parameters: &str, body: &[u8]) -> Option<Vec<Part>> {
    let delimiter = format!("\r\n--{}", boundary(parameters)?);
    let delimiter = delimiter.as_bytes();
    // The first delimiter has no line before it.
    let mut at = body.strip_prefix(&delimiter[2..]).map(|rest| body.len() - rest.len())?;
    let mut parts = Vec::new();
    loop {
        match body.get(at..)? {
            [b'-', b'-', end @ ..] => return end.iter().all(u8::is_ascii_whitespace).then_some(parts),
            [b'\r', b'\n', ..] => at += 2,
            _ => return None,
        }
        let end = at + memchr::memmem::find(&body[at..], delimiter)?;
        let content = at + memchr::memmem::find(&body[at..end], b"\r\n\r\n")? + 4;
        parts.push(part(body, Span::at(at, content), Span::at(content, end))?);
        at = end + delimiter.len();
    }
}

fn part(body: &[u8], head: Span, content: Span) -> Option<Part> {
    let text = std::str::from_utf8(&body[head.range()]).ok()?;
    let (mut name, mut is_file) = (None, false);
    for line in text.split("\r\n").filter(|line| !line.is_empty()) {
        let (field, value) = line.split_once(':')?;
        let value = value.trim();
        match &*field.trim().to_ascii_lowercase() {
            "content-disposition" if name.is_none() => {
                let parameters = value.strip_prefix("form-data")?;
                name = Some(quoted(parameters, "name")?);
                is_file |= parameters.contains("filename");
            }
            "content-type" => {
                let plain = value.eq_ignore_ascii_case("text/plain")
                    || value.to_ascii_lowercase().replace([' ', '"'], "") == "text/plain;charset=utf-8";
                is_file |= !plain;
            }
            "content-transfer-encoding" => {
                if !["7bit", "8bit", "binary"].iter().any(|e| value.eq_ignore_ascii_case(e)) {
                    return None;
                }
            }
            "content-length" | "mime-version" => {}
            _ => return None,
        }
    }
    Some(Part { head, content, name: name?, is_file })
}

/// The value of a parameter in quotes.
fn quoted(parameters: &str, wanted: &str) -> Option<String> {
    let start = parameters.split(';').position(|p| p.trim_start().starts_with(&format!("{wanted}=\"")))?;
    let parameter = parameters.split(';').nth(start)?.trim();
    let value = parameter.strip_prefix(wanted)?.strip_prefix("=\"")?.strip_suffix('"')?;
    (!value.contains('"')).then(|| value.to_owned())
}

fn boundary(parameters: &str) -> Option<&str> {
    let mut found = parameters.split(';').filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim())
    });
    let value = found.next()?;
    let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
    // RFC 2046, 5.1.1.
    let good = (1..=70).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
    (good && found.next().is_none()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_taken_apart_or_not_at_all() {
        let head = "Content-Disposition: form-data; name=\"text\"\r\n\r\n";
        let good = format!(
            "--b\r\n{head}Hi\r\n--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nx\r\ny\r\n--b--\r\n"
        );
        let read = parts("boundary=b", good.as_bytes()).unwrap();
        let shown: Vec<_> = read.iter().map(|p| (&*p.name, p.is_file, &good[p.content.range()])).collect();
        assert_eq!(shown, [("text", false, "Hi"), ("f", true, "x\r\ny")]);
        for (parameters, body) in [
            ("boundary=b; boundary=c", good.clone()),
            ("", good.clone()),
            ("boundary=c", good.clone()),
            ("boundary=b", format!("preamble\r\n{good}")),
            ("boundary=b", format!("{good}epilogue")),
            ("boundary=b", format!("--bb\r\n{head}Hi\r\n--bb--")),
            ("boundary=b", format!("--b\r\n{head}Hi\r\n")),
            ("boundary=b", "--b\r\nContent-Disposition: form-data; name=text\r\n\r\nHi\r\n--b--".to_owned()),
            ("boundary=b", format!("--b\r\nContent-Transfer-Encoding: base64\r\n{head}SGk=\r\n--b--")),
            ("boundary=b", format!("--b\r\nX-Other: 1\r\n{head}Hi\r\n--b--")),
            ("boundary=b", format!("--b\r\n{}{head}Hi\r\n--b--", head.replace("\r\n\r\n", "\r\n"))),
        ] {
            assert!(parts(parameters, body.as_bytes()).is_none(), "{parameters} {body}");
        }
    }
}
