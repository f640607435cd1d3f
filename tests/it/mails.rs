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
                        &[
                            plain(),
                            [b"Content-Type: message/rfc822\r\n\r\n".to_vec(), forwarded.clone()].concat(),
                        ],
                    ),
                ),
            );
            for (what, sort) in [
                ("a mail in a mail in base64", "Content-Type: message/rfc822"),
                ("a mail as a file", "Content-Type: application/octet-stream; name=note.eml"),
            ] {
                let header = format!("{sort}\r\nContent-Transfer-Encoding: base64\r\n\r\n");
                let inner = [header.into_bytes(), encoded(&forwarded, Encoding::Base64)].concat();
                add(what, mail("Subject: outer\r\n", &multipart("mixed", "m", &[plain(), inner])));
            }
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
    if let Some((first, rest)) = value.split_once(' ') {
        let folded = format!("X-Note: of {first}\r\n {rest} it\r\nSubject: note\r\n");
        add("over a fold", mail(&folded, &plain()));
    }
    // An address is one wherever machines write.
    if !value.contains('@') {
        for (what, field) in [
            ("a date's comment", "Resent-Date: Thu, 05 Mar 2026 10:00:00 +0000 (of VALUE it)"),
            (
                "a comment on the way",
                "Received: from a.example.com by b.example.com (of VALUE it); Thu, 05 Mar 2026 10:00:00 +0000",
            ),
            ("behind a reference", "References: <2@example.com> (of VALUE it)"),
            ("a list's field", "List-Id: of VALUE it <list.example.com>"),
        ] {
            add(what, mail(&format!("{}\r\nSubject: note\r\n", field.replace("VALUE", value)), &plain()));
        }
        // Parentheses are a comment there.
        if !value.contains('(') {
            add("in place of an address", mail(&format!("Cc: <of {value}>\r\nSubject: note\r\n"), &plain()));
        }
    }
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
    let mut before = multipart("mixed", "m", &[plain()]);
    let at = before.windows(8).position(|w| w == b"preamble").unwrap();
    before.splice(at..at, format!("of {value} it, ").into_bytes());
    add("preamble", mail("Subject: note\r\n", &before));
    let seen_by_page = format!("&#{};{}", value.as_bytes()[0], &value[1..]);
    let entity = format!("<p>of {seen_by_page} it</p><a href=\"of {value} it\">x</a>");
    add("entities and links", mail("Subject: note\r\n", &part("Content-Type: text/html", 0, 0, &entity)));
    let wide: Vec<u8> = format!("of {value} it\r\n").encode_utf16().flat_map(u16::to_be_bytes).collect();
    let utf16 = b"Content-Type: text/plain; charset=utf-16be\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    add("UTF-16", mail("Subject: note\r\n", &[utf16.to_vec(), encoded(&wide, Encoding::Base64)].concat()));
    let digits = String::from_utf8(encoded(&wide[6..6 + 2 * value.len()], Encoding::Base64)).unwrap();
    let utf7 = format!(
        "Content-Type: text/plain; charset=utf-7\r\n\r\nsee +{}- it\r\n",
        digits.replace("\r\n", "").trim_end_matches('=')
    );
    add("UTF-7", mail("Subject: note\r\n", utf7.as_bytes()));
    let uu = format!(
        "Content-Type: text/plain\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 a.txt\r\n{}`\r\nend\r\n",
        uuencoded(&format!("of {value} it\r\n"))
    );
    add("uuencode", mail("Subject: note\r\n", uu.as_bytes()));
    let secret = format!("Content-Type: text/plain; charset=x-secret\r\n\r\n\u{e9}, of {value} it\r\n");
    add("a character set nobody knows", mail("Subject: note\r\n", secret.as_bytes()));
    let headers = format!("Content-Type: text/rfc822-headers\r\n\r\nSubject: of {value} it\r\n");
    add(
        "a header alone",
        mail("Subject: note\r\n", &multipart("report", "m", &[plain(), headers.into_bytes()])),
    );
    let signature = format!(
        "Content-Type: application/pgp-signature\r\n\r\n-----BEGIN PGP SIGNATURE-----\r\nComment: of {value} it\r\n\r\niQ==\r\n-----END PGP SIGNATURE-----\r\n"
    );
    add(
        "a signature's comment",
        mail("Subject: note\r\n", &multipart("signed", "m", &[plain(), signature.into_bytes()])),
    );
    let flowed = format!(
        "Content-Type: text/plain; format=flowed\r\n\r\nsee of {} \r\n{} it.\r\n",
        &value[..4].trim_end(),
        value[4..].trim_start()
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

/// Mails that readers would not agree on, or that nobody can read here: they do not go out.
fn unreadable(value: &str) -> Vec<(&'static str, Vec<u8>)> {
    [
        ("no boundary", "Content-Type: multipart/mixed", "--b\r\n\r\nof VALUE it\r\n--b--\r\n"),
        ("an encoding nobody knows", "Content-Transfer-Encoding: x-secret", "of VALUE it\r\n"),
        ("two types", "Content-Type: text/plain\r\nContent-Type: image/png", "of VALUE it\r\n"),
        ("a picture", "Content-Type: image/png", "of VALUE it\r\n"),
        ("encrypted", "Content-Type: application/pkcs7-mime; smime-type=enveloped-data", "of VALUE it\r\n"),
    ]
    .map(|(what, field, body)| {
        (
            what,
            mail(
                &format!("Subject: note\r\n{field}\r\n"),
                format!("\r\n{}", body.replace("VALUE", value)).as_bytes(),
            ),
        )
    })
    .to_vec()
}

/// The lines of uuencode: 45 bytes each, in sixes of bits from a space on; a grave accent for none.
fn uuencoded(text: &str) -> String {
    let digit = |n: u32| if n & 63 == 0 { '`' } else { char::from(32 + (n & 63) as u8) };
    let line = |bytes: &[u8]| {
        let mut line = String::from(digit(bytes.len() as u32));
        for three in bytes.chunks(3) {
            let n = three.iter().fold(0, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - three.len()));
            line.extend([18, 12, 6, 0].map(|shift| digit(n >> shift)));
        }
        line + "\r\n"
    };
    text.as_bytes().chunks(45).map(line).collect()
}

/// What was uuencoded in a mail.
fn uudecoded(mail: &str) -> String {
    let Some((_, lines)) = mail.split_once("begin 644 ") else { return String::new() };
    let mut text = Vec::new();
    for line in lines.lines().skip(1).take_while(|line| !line.starts_with('`')) {
        let digits: Vec<u32> = line.bytes().map(|b| u32::from(b - 32) & 63).collect();
        let bytes = digits[1..].chunks(4).flat_map(|four| {
            let n = four.iter().fold(0, |n, d| n << 6 | d);
            [(n >> 16) as u8, (n >> 8) as u8, n as u8]
        });
        text.extend(bytes.take(digits[0] as usize));
    }
    String::from_utf8(text).unwrap()
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
            // It is read below.
            PartType::Text(text) if text.starts_with("begin 644") => {}
            PartType::Text(text) | PartType::Html(text) => out.push(format!("text {text}")),
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
                if part.attachment_name().is_some_and(|name| name.ends_with(".eml")) {
                    seen(&MessageParser::default().parse(bytes.as_ref()).expect("a mail"), out);
                    continue;
                }
                out.push(format!("bytes {}", String::from_utf8_lossy(bytes)));
            }
            PartType::Message(inner) => seen(inner, out),
            PartType::Multipart(_) => {}
        }
    }
}

/// Everything that is seen, and what the parser passes over.
fn read(mail: &[u8]) -> Vec<String> {
    let mut out = Vec::new();
    seen(&MessageParser::default().parse(mail).expect("a mail"), &mut out);
    let raw = String::from_utf8_lossy(mail);
    let line = |of: &str| raw.lines().find(|line| line.starts_with(of)).unwrap_or_default().to_owned();
    out.extend(
        ["of ", "epilogue", "Received:", "References:", "List-Id:", "Resent-Date:", "Cc:", "Comment:"]
            .map(line),
    );
    out.push(uudecoded(&raw));
    out.iter().map(|text| bare(text)).collect()
}

/// A text without what may stand within a value: tags, folds, soft line breaks.
fn bare(text: &str) -> String {
    // In a calendar a fold stands for nothing, in a header for a blank.
    let fold = if text.contains("BEGIN:VCALENDAR") { "" } else { " " };
    let text = text.replace("\r\n ", fold).replace(" \r\n", " ");
    let text = ["<b>", "</b>", "=\r\n"].iter().fold(text, |text, what| text.replace(what, ""));
    // The first characters of what is planted.
    [("&#50;", "2"), ("&#97;", "a"), ("&#40;", "("), ("&#52;", "4")]
        .iter()
        .fold(text, |text, (entity, character)| text.replace(entity, character))
}

/// How the bytes of a mail changed where nothing was to be replaced, if they did.
fn changed_elsewhere(before: &[u8], after: &[u8], value: &str, marker: &str) -> Option<String> {
    let unfolded = |bytes: &[u8]| -> Vec<char> {
        let text: String = bytes.iter().map(|b| char::from(*b)).collect();
        text.replace("=\r\n", "").chars().collect()
    };
    let [before, after]: [String; 2] = [before, after].map(|bytes| unfolded(bytes).into_iter().collect());
    if before.replace(value, marker) == after {
        return None;
    }
    // Written otherwise, the value takes some of the lines: those of a part in base64, or up to three.
    let (old, new): (Vec<&str>, Vec<&str>) = (before.split("\r\n").collect(), after.split("\r\n").collect());
    let mut common = vec![vec![0; new.len() + 1]; old.len() + 1];
    for (i, one) in old.iter().enumerate().rev() {
        for (j, other) in new.iter().enumerate().rev() {
            common[i][j] =
                if one == other { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut gone) = (0, 0, Vec::new());
    while i < old.len() {
        if j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if j < new.len() && common[i][j + 1] >= common[i + 1][j] {
            j += 1;
        } else {
            gone.push(old[i]);
            i += 1;
        }
    }
    let is_base64 = |line: &&str| line.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
    let fine = !gone.is_empty() && (gone.iter().all(is_base64) || gone.len() <= 3);
    (!fine).then(|| format!("{gone:?} went"))
}

fn notifications() -> Scrubber {
    let policy = Policy { profile: Profile::Notification, ..Policy::default() };
    Scrubber::new(Settings { policy, ..Settings::new() })
}

#[test]
fn no_identifier_comes_through_and_all_else_does() {
    let (scrubber, mut scratch) = (notifications(), Scratch::default());
    let (mut count, mut wrong) = (0, Vec::new());
    for (value, marker) in PLANTED {
        for (what, mail) in corpus(value) {
            count += 1;
            let before = read(&mail);
            assert!(before.iter().any(|t| t.contains(value)), "{what}: {before:?}");
            let done = scrubber.scrub_mail(&mail, Recipient::Unknown, &mut scratch).unwrap();
            assert!(done.facts.unscannable.is_empty(), "{what}: {:?}", done.facts.unscannable);
            let Some(out) = done.bytes else {
                wrong.push(format!("{what}: {value} was not found"));
                continue;
            };
            let after = read(&out);
            if after.iter().any(|t| t.contains(value)) || String::from_utf8_lossy(&out).contains(value) {
                wrong.push(format!("{what}: {value} came through"));
            }
            let without =
                |texts: &[String], gone| texts.iter().map(|t| t.replace(gone, "")).collect::<Vec<_>>();
            let (before, after) = (without(&before, value), without(&after, marker));
            if before != after {
                wrong.push(format!("{what}: {before:?} became {after:?}"));
            }
            if let Some(how) = changed_elsewhere(&mail, &out, value, marker) {
                wrong.push(format!("{what}: {how}"));
            }
        }
        for (what, mail) in unreadable(value) {
            let done = scrubber.scrub_mail(&mail, Recipient::Unknown, &mut scratch).unwrap();
            assert!(!done.facts.unscannable.is_empty(), "{what}");
        }
    }
    assert!(count >= 300, "{count} mails");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

/// The same mails through the process, to the byte.
#[cfg(feature = "gateway")]
#[test]
fn the_gateway_delivers_them_as_they_are_scrubbed() {
    use crate::kit_smtp::{Client, gateway, relay};

    let dir = crate::kit::Dir::new();
    let (tell, took) = std::sync::mpsc::channel();
    let relay = relay(move |mail| drop(tell.send(mail)));
    // What is signed is refused by default.
    let more = "[mail]\nsubject = \"redact\"\nsigned = \"redact\"\n";
    let (running, port) = gateway(&dir, relay, "", more);
    let (scrubber, mut scratch) = (notifications(), Scratch::default());
    let mut client = Client::greeted(port);
    for (value, _) in PLANTED {
        for (what, mut mail) in corpus(value) {
            // On the wire it ends with a line end.
            if !mail.ends_with(b"\r\n") {
                mail.extend_from_slice(b"\r\n");
            }
            let reply = client.send(&mail);
            assert!(reply.starts_with("250"), "{what}: {reply}");
            let went = took.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
            let done = scrubber.scrub_mail(&mail, Recipient::Unknown, &mut scratch).unwrap();
            assert!(done.bytes.as_ref() == Some(&went), "{what}: {}", String::from_utf8_lossy(&went));
        }
        for (what, mail) in unreadable(value) {
            let reply = client.send(&mail);
            assert!(reply.starts_with("550 5.7.1 refused: "), "{what}: {reply}");
        }
    }
    running.signal("TERM");
    running.wait().code(0);
    assert!(took.try_recv().is_err(), "what was refused went out");
}
