//! Some hundred mails with an identifier each, in every place and encoding that a mail has: none comes through, everything else
//! does. What comes out is taken apart by a parser that knows nothing of this crate.

use mail_parser::{Message, MessageParser, MimeHeaders, PartType};
use scrubjay::policy::{Policy, Profile, Recipient};
use scrubjay::scrubber::{Scratch, Scrubber, Settings};

/// An identifier as somebody writes it, and the marker that takes its place.
const PLANTED: &[(&str, &str)] = &[
    ("219-10-9999", "[SSN]"),
    ("ana.keller@example.org", "[EMAIL]"),
    ("(415) 555-2671", "[PHONE]"),
    ("4242 4242 4242 4242", "[ACCOUNT]"),
];

/// Writes text in a character set.
type Writer = fn(&str) -> Vec<u8>;

/// Text in a character set: around the identifier stands something that is not ASCII.
const CHARSETS: &[(&str, &str, Writer)] = &[
    ("utf-8", "für später, café", |text| text.as_bytes().to_vec()),
    ("iso-8859-1", "für später, café", |text| text.chars().map(|c| c as u8).collect()),
    ("koi8-r", "привет", koi8_r),
];

/// The letters that the text above needs.
fn koi8_r(text: &str) -> Vec<u8> {
    let byte = |c: char| match c {
        'п' => 0xd0,
        'р' => 0xd2,
        'и' => 0xc9,
        'в' => 0xd7,
        'е' => 0xc5,
        'т' => 0xd4,
        c => c as u8,
    };
    text.chars().map(byte).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Clear,
    QuotedPrintable,
    Base64,
}

const ENCODINGS: &[(&str, Encoding)] = &[
    ("8bit", Encoding::Clear),
    ("quoted-printable", Encoding::QuotedPrintable),
    ("base64", Encoding::Base64),
];

fn encoded(bytes: &[u8], encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Clear => bytes.to_vec(),
        Encoding::QuotedPrintable => {
            let mut out = Vec::new();
            let mut column = 0;
            for &b in bytes {
                let plain = matches!(b, b'!'..=b'<' | b'>'..=b'~' | b' ');
                let text = if plain { vec![b] } else { format!("={b:02X}").into_bytes() };
                // Short lines, so that values are split.
                if column + text.len() > 30 && b != b'\n' && b != b'\r' {
                    out.extend_from_slice(b"=\r\n");
                    column = 0;
                }
                if b == b'\r' || b == b'\n' {
                    out.push(b);
                    column = 0;
                } else {
                    column += text.len();
                    out.extend(text);
                }
            }
            out
        }
        Encoding::Base64 => {
            const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            let mut line = Vec::new();
            for chunk in bytes.chunks(3) {
                let n = chunk.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
                for i in 0..4 {
                    let digit = DIGITS[(n >> (18 - 6 * i)) as usize & 63];
                    line.push(if i <= chunk.len() { digit } else { b'=' });
                }
            }
            line.chunks(44).flat_map(|l| [l, b"\r\n"].concat()).collect()
        }
    }
}

/// A part: its header fields and its text.
fn part(fields: &str, charset: usize, encoding: usize, text: &str) -> Vec<u8> {
    let (charset, _, write) = CHARSETS[charset];
    let (word, encoding) = ENCODINGS[encoding];
    let header = format!("{fields}; charset={charset}\r\nContent-Transfer-Encoding: {word}\r\n\r\n");
    [header.into_bytes(), encoded(&write(text), encoding)].concat()
}

fn multipart(sort: &str, boundary: &str, parts: &[Vec<u8>]) -> Vec<u8> {
    let mut out =
        format!("Content-Type: multipart/{sort}; boundary=\"{boundary}\"\r\n\r\npreamble\r\n").into_bytes();
    for part in parts {
        out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    out
}

fn mail(fields: &str, entity: &[u8]) -> Vec<u8> {
    let common = "From: Clinic <clinic@example.com>\r\nTo: <someone@example.com>\r\nMessage-ID: <1@example.com>\r\n\
                  Date: Thu, 05 Mar 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n";
    [common.as_bytes(), fields.as_bytes(), entity].concat()
}

/// Every mail, with a name to tell it by.
fn corpus(value: &str) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let plain = || part("Content-Type: text/plain", 0, 0, "Nothing of note here.\r\n");
    for (c, (charset, around, _)) in CHARSETS.iter().enumerate() {
        for (e, (encoding, _)) in ENCODINGS.iter().enumerate() {
            let text = format!("{around}: {value} noted.\r\nMore text.\r\n");
            let html = format!("<html><body><p>{around}: {value} noted.</p></body></html>");
            let inline = format!("<p>{around}: {}<b>{}</b> noted.</p>", &value[..4], &value[4..]);
            let comment = format!("<p>{around}</p><!-- of {value} --><p title=\"of {value}\">x</p>");
            let mut add =
                |what: &str, mail: Vec<u8>| all.push((format!("{what}, {charset}, {encoding}"), mail));
            let text_part = part("Content-Type: text/plain", c, e, &text);
            let html_part = part("Content-Type: text/html", c, e, &html);
            add("plain", mail("Subject: note\r\n", &text_part));
            add("html", mail("Subject: note\r\n", &html_part));
            add(
                "html split by tags",
                mail("Subject: note\r\n", &part("Content-Type: text/html", c, e, &inline)),
            );
            add(
                "html comment and attribute",
                mail("Subject: note\r\n", &part("Content-Type: text/html", c, e, &comment)),
            );
            add(
                "attached text",
                mail(
                    "Subject: note\r\n",
                    &multipart(
                        "mixed",
                        "m",
                        &[
                            plain(),
                            part(
                                "Content-Disposition: attachment; filename=a.csv\r\nContent-Type: text/csv",
                                c,
                                e,
                                &text,
                            ),
                        ],
                    ),
                ),
            );
            let alternative = multipart("alternative", "a", &[text_part.clone(), html_part.clone()]);
            add("alternatives", mail("Subject: note\r\n", &alternative));
            add(
                "nested",
                mail(
                    "Subject: note\r\n",
                    &multipart("mixed", "m", &[plain(), multipart("related", "r", &[alternative])]),
                ),
            );
            let forwarded = mail("Subject: inner\r\n", &text_part);
            add(
                "a mail in a mail",
                mail(
                    "Subject: outer\r\n",
                    &multipart(
                        "mixed",
                        "m",
                        &[plain(), [b"Content-Type: message/rfc822\r\n\r\n".to_vec(), forwarded].concat()],
                    ),
                ),
            );
        }
    }
    let mut add = |what: &str, mail: Vec<u8>| all.push((what.to_owned(), mail));
    add("subject", mail(&format!("Subject: of {value} it\r\n"), &plain()));
    add(
        "subject in words",
        mail(&format!("Subject: =?utf-8?Q?{}?=\r\n", word(&format!("für später: {value} it"))), &plain()),
    );
    add(
        "subject in split words",
        mail(
            &format!(
                "Subject: =?utf-8?Q?{}?=\r\n =?utf-8?Q?{}?=\r\n",
                word(&format!("é {}", &value[..5])),
                word(&value[5..])
            ),
            &plain(),
        ),
    );
    add("a field of one's own", mail(&format!("X-Note: of {value} it\r\n"), &plain()));
    add("display name", mail(&format!("Cc: \"of {value} it\" <a@example.com>\r\n"), &plain()));
    let named = format!(
        "Content-Disposition: attachment; filename=\"of {value} it.txt\"\r\nContent-Type: text/plain; name=\"of {value} it.txt\""
    );
    add(
        "filename",
        mail("Subject: note\r\n", &multipart("mixed", "m", &[plain(), part(&named, 0, 0, "x\r\n")])),
    );
    let extended = format!(
        "Content-Disposition: attachment; filename*=utf-8''{}\r\nContent-Type: text/plain",
        percent(&format!("é of {value} it.txt"))
    );
    add(
        "extended filename",
        mail("Subject: note\r\n", &multipart("mixed", "m", &[plain(), part(&extended, 0, 0, "x\r\n")])),
    );
    let mut around = multipart("mixed", "m", &[plain()]);
    around.extend_from_slice(format!("epilogue of {value} it\r\n").as_bytes());
    add("epilogue", mail("Subject: note\r\n", &around));
    let flowed = format!(
        "Content-Type: text/plain; format=flowed\r\n\r\nsee of {} \r\n{} it.\r\n",
        &value[..4].trim_end(),
        &value[4..]
    );
    if value.starts_with("4242") {
        add("flowed", mail("Subject: note\r\n", flowed.as_bytes()));
    }
    let calendar = format!(
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:of {}\r\n {} it\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        &value[..5],
        &value[5..]
    );
    add("calendar", mail("Subject: note\r\n", &part("Content-Type: text/calendar", 0, 0, &calendar)));
    add(
        "octet-stream",
        mail(
            "Subject: note\r\n",
            format!("Content-Type: application/octet-stream\r\n\r\nof {value} it\r\n").as_bytes(),
        ),
    );
    add(
        "json",
        mail(
            "Subject: note\r\n",
            format!("Content-Type: application/json\r\n\r\n{{\"note\":\"of {value} it\"}}\r\n").as_bytes(),
        ),
    );
    add("no content type", mail(&format!("\r\nof {value} it\r\n"), b""));
    all
}

fn word(text: &str) -> String {
    let byte = |b: u8| match b {
        b' ' => "_".to_owned(),
        b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
        b => format!("={b:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn percent(text: &str) -> String {
    let byte =
        |b: u8| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(byte).collect()
}

/// Everything that a reader sees of a mail, in order.
fn seen(message: &Message<'_>, out: &mut Vec<String>) {
    out.push(format!("subject {}", message.subject().unwrap_or_default()));
    for address in [message.from(), message.to(), message.cc()].into_iter().flatten() {
        for one in address.iter() {
            out.push(format!(
                "address {} <{}>",
                one.name().unwrap_or_default(),
                one.address().unwrap_or_default()
            ));
        }
    }
    for header in message.headers() {
        if let Some(text) = header.value().as_text() {
            out.push(format!("{} {text}", header.name()));
        }
    }
    for part in &message.parts {
        if let Some(name) = part.attachment_name() {
            out.push(format!("name {name}"));
        }
        match &part.body {
            PartType::Text(text) | PartType::Html(text) => out.push(format!("text {text}")),
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
                out.push(format!("bytes {}", String::from_utf8_lossy(bytes)));
            }
            PartType::Message(inner) => seen(inner, out),
            PartType::Multipart(_) => {}
        }
    }
}

fn read(mail: &[u8]) -> Vec<String> {
    let mut out = Vec::new();
    seen(&MessageParser::default().parse(mail).expect("a mail"), &mut out);
    out
}

#[test]
fn no_identifier_comes_through_and_all_else_does() {
    let policy = Policy { profile: Profile::Notification, ..Policy::default() };
    let scrubber = Scrubber::new(Settings { policy, ..Settings::new() });
    let mut scratch = Scratch::default();
    let (mut count, mut wrong) = (0, Vec::new());
    for (value, marker) in PLANTED {
        for (what, mail) in corpus(value) {
            count += 1;
            let before = read(&mail);
            assert!(
                before.iter().any(|t| t
                    .replace("<b>", "")
                    .replace("</b>", "")
                    .replace("\r\n ", "")
                    .replace(" \r\n", "")
                    .contains(value))
                    || what == "epilogue"
                    || what == "flowed",
                "{what}: {before:?}"
            );
            let done = scrubber.scrub_mail(&mail, Recipient::Unknown, &mut scratch).unwrap();
            assert!(done.facts.unscannable.is_empty(), "{what}: {:?}", done.facts.unscannable);
            let Some(out) = done.bytes else {
                wrong.push(format!("{what}: {value} was not found"));
                continue;
            };
            let after = read(&out);
            let bare = |t: &String| {
                t.replace("<b>", "").replace("</b>", "").replace("\r\n ", "").replace(" \r\n", "")
            };
            if after.iter().any(|t| bare(t).contains(value)) || String::from_utf8_lossy(&out).contains(value)
            {
                wrong.push(format!("{what}: {value} came through"));
            }
            let without = |texts: &[String], gone: &str| {
                texts.iter().map(|t| bare(t).replace(gone, "")).collect::<Vec<_>>()
            };
            if without(&before, value) != without(&after, marker) {
                wrong.push(format!(
                    "{what}: {:?} became {:?}",
                    without(&before, value),
                    without(&after, marker)
                ));
            }
        }
    }
    assert!(count >= 300, "{count} mails");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}
