//! The names of character sets.

use encoding_rs::{Encoding, ISO_2022_JP, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE};

use super::{Charset, Order};

/// Names that senders use beside those of the Encoding Standard.
const ALIASES: &[(&str, &str)] = &[
    ("cp932", "shift_jis"),
    ("cp943", "shift_jis"),
    ("windows-932", "shift_jis"),
    ("cp936", "gbk"),
    ("ms936", "gbk"),
    ("windows-936", "gbk"),
    ("euc-cn", "gbk"),
    ("euccn", "gbk"),
    ("gb-18030", "gb18030"),
    ("cp949", "euc-kr"),
    ("ms949", "euc-kr"),
    ("uhc", "euc-kr"),
    ("euckr", "euc-kr"),
    ("johab", "replacement"),
    ("cp950", "big5"),
    ("ms950", "big5"),
    ("windows-950", "big5"),
    ("eucjp", "euc-jp"),
    ("cp51932", "euc-jp"),
    ("latin-1", "iso-8859-1"),
    ("iso8859_1", "iso-8859-1"),
    ("8859-1", "iso-8859-1"),
    ("latin-2", "iso-8859-2"),
    ("latin-9", "iso-8859-15"),
    ("latin9", "iso-8859-15"),
    ("utf16", "utf-16"),
    ("utf_16", "utf-16"),
    ("utf16le", "utf-16le"),
    ("utf16be", "utf-16be"),
];

/// Other names of ASCII; the Encoding Standard takes some of them for windows-1252, which hides UTF-8.
const ASCII: &[&str] = &[
    "us-ascii",
    "ascii",
    "usascii",
    "us_ascii",
    "ansi_x3.4-1968",
    "ansi_x3.4-1986",
    "iso646-us",
    "iso_646.irv:1991",
    "iso-ir-6",
    "csascii",
    "cp367",
    "ibm367",
    "646",
    "7bit",
];

const UTF_7: &[&str] =
    &["utf-7", "utf7", "unicode-1-1-utf-7", "unicode-2-0-utf-7", "csunicode11utf7", "x-utf-7"];

/// Those of EBCDIC by their IBM numbers: digits are no ASCII digits.
const EBCDIC: &[u32] = &[
    37, 273, 274, 275, 277, 278, 280, 281, 284, 285, 290, 297, 420, 423, 424, 500, 803, 833, 836, 838, 870,
    871, 875, 880, 905, 918, 924, 930, 931, 933, 935, 937, 939, 1025, 1026, 1027, 1047, 1112, 1122, 1123,
    1130, 1132, 1137, 1140, 1141, 1142, 1143, 1144, 1145, 1146, 1147, 1148, 1149, 1153, 1154, 1155, 1156,
    1157, 1158, 1160, 1164, 1364, 1371, 1388, 1390, 1399,
];

/// What a label means.
pub(super) fn named(label: &[u8]) -> Charset {
    // A language may stand behind the name (RFC 2231 section 5).
    let label = label.split(|b| *b == b'*').next().unwrap_or(label);
    let blank = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'');
    let start = label.iter().take_while(|b| blank(b)).count();
    let end = label.iter().rposition(|b| !blank(b)).map_or(start, |at| at + 1);
    let label = String::from_utf8_lossy(&label[start..end]).to_ascii_lowercase();
    let label = ALIASES.iter().find(|(alias, _)| *alias == label).map_or(&*label, |(_, name)| name);
    if label.is_empty() || ASCII.contains(&label) {
        return Charset::Ascii;
    }
    if UTF_7.contains(&label) {
        return Charset::Utf7;
    }
    match Encoding::for_label(label.as_bytes()) {
        Some(e) if e == UTF_8 => Charset::Utf8,
        // Others say UTF-16 without saying which: the Encoding Standard reads what RFC 2781 reads the other way round.
        Some(e) if e == UTF_16LE || e == UTF_16BE => Charset::Utf16(match label {
            "utf-16le" => Some(Order::LittleFirst),
            "utf-16be" => Some(Order::BigFirst),
            _ => None,
        }),
        Some(e) if e == ISO_2022_JP => Charset::Iso2022Jp,
        // HZ, ISO-2022-KR and ISO-2022-CN: few send them, and readers differ on them.
        Some(e) if e == REPLACEMENT => Charset::Unreadable,
        Some(e) => Charset::Legacy(e),
        None if label.starts_with("utf-8") || label.starts_with("utf8") => Charset::Utf8,
        None if label.starts_with("iso-2022-jp") || label.starts_with("cp5022") => Charset::Iso2022Jp,
        None if hides_ascii(label) => Charset::Unreadable,
        None => Charset::Unknown,
    }
}

/// Whether ASCII characters are other bytes in it, or other characters ASCII bytes.
fn hides_ascii(label: &str) -> bool {
    const PARTS: &[&str] = &[
        "ebcdic", "utf", "ucs", "10646", "scsu", "bocu", "2022", "punycode", "hz-", "jis", "unicode", "gsm",
    ];
    let number = label.trim_start_matches(|c: char| !c.is_ascii_digit());
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    let of_ibm = ["ibm", "cp", "csibm", "ccsid", "x-ibm"].iter().any(|prefix| label.starts_with(prefix));
    PARTS.iter().any(|part| label.contains(part))
        || of_ibm && number[..digits].parse().is_ok_and(|number| EBCDIC.contains(&number))
}
