//! What a body holds that is not taken apart further, by its type and by its bytes, and what in it cannot be scanned.

use super::Unscannable;
use super::about::About;
use super::html::Place;
use crate::codec::unscannable;

/// What a body holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Text,
    /// A detached signature: it tells of no patient.
    Signature,
    Encrypted,
    Opaque,
}

/// What content of a type is. What is no text by its type is one by its bytes or none: senders call anything an octet-stream.
pub(super) fn sort_of(main: &str, attached: bool, content: &[u8]) -> Content {
    const OPAQUE: &[&str] = &[
        "application/pdf",
        "application/rtf",
        "text/rtf",
        "application/postscript",
        // Files in files, in encodings of their own.
        "application/mac-binhex40",
        "application/mbox",
        "application/x-mimearchive",
    ];
    match main {
        "application/pgp-signature" if is_armored_signature(content) => Content::Signature,
        "application/pkcs7-signature" | "application/x-pkcs7-signature" if is_der(content) => {
            Content::Signature
        }
        "application/pkcs7-mime" | "application/x-pkcs7-mime" | "application/pgp-encrypted" => {
            Content::Encrypted
        }
        _ if OPAQUE.contains(&main) => Content::Opaque,
        // An XML image is text.
        _ if is_text(main) && !looks_binary(main, attached, content) => Content::Text,
        _ if ["image/", "audio/", "video/", "font/", "model/"].iter().any(|t| main.starts_with(t)) => {
            Content::Opaque
        }
        _ if is_text(main)
            || looks_binary(main, attached, content)
            || std::str::from_utf8(content).is_err() =>
        {
            Content::Opaque
        }
        _ => Content::Text,
    }
}

/// Whether it is an OpenPGP signature and nothing else (RFC 9580 section 6.2): its header fields would be text.
fn is_armored_signature(content: &[u8]) -> bool {
    let armored = content.trim_ascii().strip_prefix(b"-----BEGIN PGP SIGNATURE-----");
    let Some(inside) = armored.and_then(|a| a.strip_suffix(b"-----END PGP SIGNATURE-----")) else {
        return false;
    };
    let mut lines = inside.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    lines.all(|line| line.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(b)))
}

/// Whether it is one DER sequence from its first byte to its last, as PKCS #7 is (X.690 section 8.1).
fn is_der(content: &[u8]) -> bool {
    match content {
        [0x30, len @ 0..=0x7f, rest @ ..] => rest.len() == usize::from(*len),
        [0x30, size @ 0x81..=0x84, rest @ ..] => {
            let (len, inside) = rest.split_at(usize::from(*size - 0x80).min(rest.len()));
            len.iter().fold(0, |n, b| n << 8 | usize::from(*b)) == inside.len()
        }
        // Without a length, up to two zeros.
        [0x30, 0x80, .., 0, 0] => true,
        _ => false,
    }
}

fn is_text(main: &str) -> bool {
    main.starts_with("text/")
        || main.ends_with("+xml")
        || main.ends_with("+json")
        || ["application/json", "application/xml", "application/hl7-v2", "application/x-www-form-urlencoded"]
            .contains(&main)
}

/// Whether bytes are those of a file that is no text, whatever their type says.
fn looks_binary(main: &str, attached: bool, content: &[u8]) -> bool {
    const MAGIC: &[&[u8]] = &[
        b"%PDF-",
        b"{\\rt",
        b"\x89PNG",
        b"GIF8",
        b"\xff\xd8\xff",
        b"\xd0\xcf\x11\xe0",
        b"Rar!",
        b"7z\xbc\xaf",
    ];
    let start = content.trim_ascii_start();
    if MAGIC.iter().any(|magic| start.starts_with(magic)) {
        return true;
    }
    // Its readers look for it in all of the first kilobyte.
    let head = &content[..content.len().min(1024)];
    if (attached || !main.starts_with("text/")) && memchr::memmem::find(head, b"%PDF-").is_some() {
        return true;
    }
    match unscannable(content) {
        // In a text its character set says so.
        Some(why) if why.contains("UTF-16") => !main.starts_with("text/"),
        Some(_) => true,
        None => content.contains(&0) && !main.starts_with("text/"),
    }
}

/// Whether a text is HTML or XML to those who open it: by its type or, where it is a file, by how it begins.
pub(super) fn is_markup(about: &About, text: &[u8]) -> bool {
    const BEGINNINGS: &[&str] = &["<!doctype html", "<html", "<?xml", "<svg", "<head", "<body"];
    const TYPES: &[&str] =
        &["text/html", "text/xml", "application/xml", "text/x-amp-html", "text/enriched", "text/richtext"];
    let main = &*about.main;
    let start = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start();
    let begins =
        |with: &&str| start.get(..with.len()).is_some_and(|s| s.eq_ignore_ascii_case(with.as_bytes()));
    TYPES.contains(&main)
        || main.ends_with("+xml")
        || (about.attached || main != "text/plain") && BEGINNINGS.iter().any(begins)
}

/// The character set that a document says in its head that it is in.
pub(super) fn declared(text: &[u8]) -> Option<&[u8]> {
    let head = &text[..text.len().min(1024)];
    let value = ["charset=", "encoding="]
        .iter()
        .find_map(|name| find(head, name.as_bytes()).map(|at| &head[at + name.len()..]))?;
    let value = value.trim_ascii_start();
    let value = value.strip_prefix(b"\"").or_else(|| value.strip_prefix(b"'")).unwrap_or(value);
    let len = value.iter().take_while(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(b)).count();
    (len > 0).then_some(&value[..len])
}

/// What stands in a text that is encoded once more, or encrypted.
pub(super) fn holds(content: &[u8], about: &About) -> Option<Unscannable> {
    let has = |what: &str| memchr::memmem::find(content, what.as_bytes()).is_some();
    if has("-----BEGIN PGP MESSAGE-----") {
        return Some(Unscannable::Encrypted);
    }
    // Files in the midst of text, which few readers show: POSIX uuencode -m, yEnc, BinHex.
    if has("begin-base64 ") || has("=ybegin ") || has("(This file must be converted with BinHex") {
        return Some(Unscannable::Encoding);
    }
    // A mail, a web archive: what opens it decodes its parts.
    let head = &content[..content.len().min(8192)];
    let is_file = about.attached || !matches!(&*about.main, "text/plain" | "text/html");
    (is_file && find(head, b"content-transfer-encoding:").is_some()).then_some(Unscannable::Ambiguous)
}

/// What a place in HTML holds that its text does not show. Text that CSS hides, moves or makes is not told: it stands where its
/// letters stand.
pub(super) fn hides(place: Place, text: &[u8], document: &[u8]) -> Option<Unscannable> {
    match place {
        Place::Text => None,
        // A document of its own; what shows mail takes it out.
        Place::Attribute { name, .. }
            if document[name.range()].eq_ignore_ascii_case(b"srcdoc") && !text.is_empty() =>
        {
            Some(Unscannable::Ambiguous)
        }
        Place::Name => text.eq_ignore_ascii_case(b"bdo").then_some(Unscannable::Ambiguous),
        // `data:` addresses (RFC 2397).
        _ if find(text, b";base64,").is_some() => Some(Unscannable::Opaque),
        // Shown back to front.
        _ if find(text, b"bidi-override").is_some() => Some(Unscannable::Ambiguous),
        _ => None,
    }
}

/// What values of a calendar or card are encoded in (RFC 5545 section 3.1.3; vCard 2.1).
pub(super) fn encoded_in_card(text: &[u8]) -> Option<Unscannable> {
    if find(text, b"quoted-printable:").is_some() || find(text, b"quoted-printable;").is_some() {
        return Some(Unscannable::Encoding);
    }
    let is_base64 = ["encoding=b:", "encoding=b;", "base64:", "base64;", "base64,"]
        .iter()
        .any(|w| find(text, w.as_bytes()).is_some());
    is_base64.then_some(Unscannable::Opaque)
}

/// Whether a text has characters that make it look like another: an override that shows it back to front, or letters that cannot
/// be seen (U+E0020 to U+E007F) other than in the flags of countries' parts.
pub(super) fn disguises(text: &[u8]) -> bool {
    if text.is_ascii() {
        return false;
    }
    let tag = |at: usize| matches!(text[at..], [0xf3, 0xa0, 0x80 | 0x81, _, ..]);
    let mut at = 0;
    while let Some(len) = memchr::memchr2(0xe2, 0xf3, &text[at..]) {
        at += len;
        if text[at..].starts_with("\u{202e}".as_bytes()) {
            return true;
        }
        let from = at;
        while tag(at) {
            at += 4;
        }
        let is_flag = text[..from].ends_with("\u{1f3f4}".as_bytes()) && at - from <= 28;
        if at > from && !is_flag {
            return true;
        }
        at = at.max(from + 1);
    }
    false
}

/// Where a text in small letters stands in another, whatever the case there.
fn find(text: &[u8], small: &[u8]) -> Option<usize> {
    let first = *small.first()?;
    let at = |i: &usize| text[*i..].get(..small.len()).is_some_and(|t| t.eq_ignore_ascii_case(small));
    memchr::memchr2_iter(first, first.to_ascii_uppercase(), text).find(at)
}
