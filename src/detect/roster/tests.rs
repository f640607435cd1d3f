use proptest::prelude::*;

use super::find::{Hit, RosterScratch, What};
use super::*;

const KEY: [u8; 32] = [7; 32];
const CSV: &str = "\u{feff}First Name,MiddleName,last_name,Maiden Name,DOB,MRN,Phone,E-Mail,Street Address\r\n\
    John,Allen,Smith,,1962-03-14,00482913,(415) 555-2671,J.Smith@example.org,\"12 N. Elm St, Apt 4\"\r\n\
    Zo\u{eb},,\"O'Brien\",Garc\u{ed}a,03/09/1948,MX-77-1204,+44 20 7946 0958,zoe@example.net,4100 Willow Creek Rd\r\n\
    May,,Will,,1990-01-02,5512,,,5 Oak Ln\r\n";

fn built(csv: &str) -> Vec<u8> {
    let mut builder = Builder::new(&KEY, [3; 32]).unwrap();
    read_csv(csv.as_bytes(), &[], false, &mut builder).unwrap();
    builder.finish().unwrap().file
}

fn roster(csv: &str) -> Roster {
    Roster::open(built(csv), &KEY).unwrap()
}

fn find(roster: &Roster, text: &str) -> Vec<(What, String)> {
    let mut scratch = RosterScratch::default();
    let mut places = Vec::new();
    roster.places(text.as_bytes(), &mut scratch, |at| places.push(at));
    places.sort_unstable();
    let mut all: Vec<Hit> = Vec::new();
    roster.find(text.as_bytes(), places.into_iter(), false, &mut scratch, &mut |hit| all.push(hit));
    // Overlapping findings are united.
    all.sort_by_key(|h| (h.what as u8, h.span));
    all.dedup_by(|b, a| {
        let same = a.what == b.what && a.span.overlaps(b.span);
        if same {
            a.span = a.span.union(b.span);
        }
        same
    });
    let mut all: Vec<_> = all.into_iter().map(|h| (h.what, text[h.span.range()].to_owned())).collect();
    all.sort_by_key(|(what, text)| (*what as u8, text.clone()));
    all.dedup();
    all
}

/// Texts, and what of a patient stands in them.
const CASES: &[(&str, &[(What, &str)])] = {
    use What::*;
    &[
        ("saw John Smith today", &[(Name, "John Smith")]),
        ("saw Smith, John today", &[(Name, "Smith, John")]),
        ("JOHN SMITH", &[(Name, "JOHN SMITH")]),
        ("smith john a called", &[(Name, "smith john a")]),
        ("John A. Smith", &[(Name, "John A. Smith")]),
        ("for allen smith", &[(Name, "allen smith")]),
        ("john.smith logged in", &[(Name, "john.smith")]),
        ("user=john_smith", &[(Name, "john_smith")]),
        ("John Smith's file", &[(Name, "John Smith")]),
        ("John Allen Smith was seen", &[(Name, "John Allen Smith")]),
        (
            "zoe obrien; Zoe O\u{2019}Brien; ZO\u{cb} O'BRIEN",
            &[(Name, "ZO\u{cb} O'BRIEN"), (Name, "Zoe O\u{2019}Brien"), (Name, "zoe obrien")],
        ),
        ("Garcia, Zoe", &[(Name, "Garcia, Zoe")]),
        ("Will May", &[(Name, "Will May")]),
        ("it will may be so", &[]),
        ("John called, Smith answered", &[]),
        ("John Jones and Mary Smith", &[]),
        ("item 5512 gone", &[]),
        ("patient 5512", &[(Number, "5512")]),
        ("mrn 00482913", &[(Number, "00482913")]),
        ("patient 482913", &[(Number, "482913")]),
        ("mrn mx771204 and MX-77-1204", &[(Number, "MX-77-1204"), (Number, "mx771204")]),
        ("call 415-555-2671 or +1 (415) 555-2671", &[(Phone, "+1 (415) 555-2671"), (Phone, "415-555-2671")]),
        ("tel 4155552671, 14155552671", &[(Phone, "14155552671"), (Phone, "4155552671")]),
        ("+44 20 7946 0958", &[(Phone, "+44 20 7946 0958")]),
        ("415-555-2672", &[]),
        ("to <j.smith@EXAMPLE.org>.", &[(Email, "j.smith@EXAMPLE.org")]),
        ("at 12 N Elm Street now", &[(Street, "12 N Elm Street")]),
        ("at 12 elm st", &[(Street, "12 elm st")]),
        ("at 4100 WILLOW CREEK", &[(Street, "4100 WILLOW")]),
        (
            "at 4100 willow creek rd, 4100 w. willow creek road",
            &[(Street, "4100 w. willow creek road"), (Street, "4100 willow creek rd")],
        ),
        ("12B Elm St", &[(Street, "12B Elm St")]),
        ("took 12 elms, 13 Elm St", &[]),
        ("John Smith (1962-03-14)", &[(Name, "John Smith"), (Date, "1962-03-14")]),
        ("3/14/62 Smith John", &[(Name, "Smith John"), (Date, "3/14/62")]),
        ("John Smith (1948-03-09)", &[(Name, "John Smith")]),
        ("Zoe Garcia born 9 Mar 1948", &[(Name, "Zoe Garcia"), (Date, "9 Mar 1948")]),
        ("dob: March 14, 1962", &[(Date, "March 14, 1962")]),
        ("dob: March 15, 1962", &[]),
        ("since March 14, 1962", &[]),
        ("dob 3.14.62, 14MAR1962", &[(Date, "14MAR1962"), (Date, "3.14.62")]),
        // Names as systems write them.
        ("SMITH^JOHN^A", &[(Name, "SMITH^JOHN^A")]),
        ("john|smith", &[(Name, "john|smith")]),
        ("john*smith", &[(Name, "john*smith")]),
        ("Smith, Mr. John", &[(Name, "Smith, Mr. John")]),
        ("SMITH JR, JOHN", &[(Name, "SMITH JR, JOHN")]),
        ("John\r\nSmith", &[(Name, "John\r\nSmith")]),
        ("\u{201c}John Smith\u{201d} said", &[(Name, "John Smith")]),
        ("\u{2014}John Smith\u{2026}", &[(Name, "John Smith")]),
        ("\u{1f600}smith\u{2013}john\u{1f600}", &[(Name, "smith\u{2013}john")]),
        ("John Quentin Smith", &[(Name, "John Quentin Smith")]),
        ("John (Quillo) Smith", &[(Name, "John (Quillo) Smith")]),
        ("john quentin smith", &[]),
        (
            "zoe o brien, Zoe O Brien; O BRIEN, ZOE",
            &[(Name, "O BRIEN, ZOE"), (Name, "zoe o brien, Zoe O Brien")],
        ),
        ("zoe brien", &[]),
        ("O'Brien, Zoe", &[(Name, "O'Brien, Zoe")]),
        (
            "J. Smith and Smith, J.; Smith J, Q. Smith",
            &[(Name, "J. Smith"), (Name, "Smith J"), (Name, "Smith, J.")],
        ),
        ("Z. O'Brien", &[(Name, "Z. O'Brien")]),
        ("j smith; J smith; M. Will; plan J. Will", &[]),
        // A name of two words of every day, and one of them beside another.
        ("he will. May was cold", &[]),
        ("Will may go", &[]),
        ("WILL MAY", &[(Name, "WILL MAY")]),
        ("May, Will", &[(Name, "May, Will")]),
        ("Smith will call; May Smith; Will Smith; page John; a smith", &[]),
        // Numbers with and without what stands around and inside.
        (
            "MRN00482913, mrn#482913; MRN-0000482913",
            &[(Number, "0000482913"), (Number, "00482913"), (Number, "482913")],
        ),
        ("MRN 00-48-2913, mrn: 482 913", &[(Number, "00-48-2913"), (Number, "482 913")]),
        (
            "patient mx 77 1204, MX771204, mx.77.1204",
            &[(Number, "MX771204"), (Number, "mx 77 1204"), (Number, "mx.77.1204")],
        ),
        ("MY-77-1204 and 77-1204", &[]),
        ("mrn 48.29.13, patient at 48.29.13.7 and 4.82.9.13.", &[(Number, "48.29.13")]),
        (
            "(415)555-2671, 1.415.555.2671, 415 555 2671, +14155552671, 415/555-2671 x12, 001 415 555 2671",
            &[
                (Phone, "(415)555-2671"),
                (Phone, "+14155552671"),
                (Phone, "001 415 555 2671"),
                (Phone, "1.415.555.2671"),
                (Phone, "415 555 2671"),
                (Phone, "415/555-2671"),
            ],
        ),
        (
            "020 7946 0958, +44 (0)20 7946 0958, 0044 2079460958",
            &[(Phone, "+44 (0)20 7946 0958"), (Phone, "0044 2079460958"), (Phone, "020 7946 0958")],
        ),
        ("tel:\u{2009}415-555-2671", &[(Phone, "415-555-2671")]),
        ("[NAME] [MRN] [PHONE] [EMAIL] [DATE] [ADDRESS]", &[]),
    ]
};

#[test]
fn patients_are_found_as_they_are_written() {
    let roster = roster(CSV);
    let mut wrong = Vec::new();
    for (text, want) in CASES {
        let got: Vec<_> = find(&roster, text);
        let got: Vec<_> = got
            .iter()
            .map(|(w, t)| (*w, t.as_str()))
            .filter(|(w, t)| !(*w == What::Name && text.contains('@') && t.contains('.')))
            .collect();
        if got != *want {
            wrong.push(format!("{text}\n    found  {got:?}\n    wanted {want:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The filters' mistakes, which differ with every salt, cost time and nothing else.
#[test]
fn what_is_found_does_not_depend_on_the_salt() {
    for n in 0..3000u16 {
        let mut salt = [3; 32];
        salt[..2].copy_from_slice(&n.to_le_bytes());
        let mut builder = Builder::new(&KEY, salt).unwrap();
        read_csv(CSV.as_bytes(), &[], false, &mut builder).unwrap();
        let roster = Roster::open(builder.finish().unwrap().file, &KEY).unwrap();
        for (text, want) in CASES {
            let found = find(&roster, text);
            for one in *want {
                assert!(
                    found.iter().any(|(what, t)| (*what, t.as_str()) == *one),
                    "salt {n}: {text}: {found:?}"
                );
            }
        }
    }
}

#[test]
fn a_rare_surname_tells_where_there_are_many_patients() {
    let mut csv = "last,first\n".to_owned();
    for i in 0..5000 {
        let (a, b) = (i % 50, i / 50);
        let letter = |n: usize| (b'a' + n as u8 % 26) as char;
        csv.push_str(&format!("Q{}{}orvath,Jo{}{}\n", letter(a), letter(a / 26), letter(b), letter(b / 26)));
    }
    csv.push_str("Xylourisk,Ann\nWill,Ann\n");
    let roster = roster(&csv);
    assert_eq!(find(&roster, "saw Xylourisk"), [(What::Name, "Xylourisk".to_owned())]);
    for text in ["saw xylourisk", "saw Will", "saw Qaaorvath", "Ann"] {
        assert_eq!(find(&roster, text), [], "{text}");
    }
}

#[test]
fn the_file_gives_nothing_away() {
    let file = built(CSV);
    let mut seen: Vec<Vec<u8>> = vec![file.clone(), file.to_ascii_lowercase()];
    seen.push(file.iter().rev().copied().collect());
    seen.push(file.iter().map(|b| b ^ 0x20).collect());
    seen.push(file.iter().map(|b| b ^ 0xff).collect());
    for value in CSV.split([',', '"', '\r', '\n', ' ']).filter(|v| v.len() >= 4) {
        let lower = value.to_lowercase().into_bytes();
        for (i, form) in seen.iter().enumerate() {
            for value in [value.as_bytes(), &lower] {
                assert!(!form.windows(value.len()).any(|w| w == value), "a value of the input, form {i}");
            }
        }
    }
    // Another salt, and no bytes are shared but the magic.
    let mut other = Builder::new(&KEY, [4; 32]).unwrap();
    read_csv(CSV.as_bytes(), &[], false, &mut other).unwrap();
    let other = other.finish().unwrap().file;
    let common = file[80..].windows(8).filter(|w| other[80..].windows(8).any(|o| o == *w)).count();
    assert_eq!(common, 0);
    let shown = format!("{:?} {:?}", roster(CSV), Builder::new(&KEY, [1; 32]).unwrap());
    assert_eq!(shown, "Roster(3 patients) Builder(0 patients)");
}

#[test]
fn every_changed_byte_and_every_cut_is_seen() {
    let file = built("last,first\nSmith,John\n");
    let said = |file: Vec<u8>, key: &[u8; 32]| Roster::open(file, key).unwrap_err().to_string();
    for at in (0..file.len()).filter(|at| *at < 100 || at % 7 == 0 || *at + 20 > file.len()) {
        let mut changed = file.clone();
        changed[at] ^= 1;
        said(changed, &KEY);
    }
    for len in [0, 15, 16, 60, 79, 80, file.len() - 17, file.len() - 1] {
        let error = said(file[..len].to_vec(), &KEY);
        assert!(error.contains("no roster") || error.contains("cut off"), "{error}");
    }
    assert!(said(file.clone(), &[8; 32]).contains("another key"));
    assert!(said([&file[..], b"x"].concat(), &KEY).contains("changed"));
    let mut newer = file.clone();
    newer[15] = 9;
    assert!(said(newer, &KEY).contains("version 9"));
    let info = Roster::info_of(&file, file.len() as u64).unwrap();
    assert_eq!((info.patients, info.bytes), (1, file.len() as u64));
}

#[test]
fn what_is_wrong_is_told_by_place_and_never_by_value() {
    let cases = [
        ("", "1:1: the file is empty"),
        ("Smith,John\nDoe,Jane\n", "1:1: no column is known"),
        ("last;first\nSmith;John\n", "separated by commas"),
        ("last,first\nSmith\n", "2:1: 1 fields, where the first line has 2"),
        ("last,first\nSmith,\"John\n\nx", "2:7: a quote is opened"),
        ("last,first\nSmith,\"John\"x\n", "2:13: something stands behind"),
        ("last,first\nSmi\"th,John\n", "2:4: a quote inside"),
        ("last,dob\nSmith,1962-13-44\n", "2:7: not a date of birth"),
        ("last,dob\r\n\"Smi\r\nth\",Smith44\r\n", "3:5: not a date of birth"),
        ("last,phone\nSmith,5551\n", "2:7: not a telephone"),
        ("last,email\nSmith,Smith\n", "2:7: not an e-mail"),
        ("last,mrn\nSmith,S1\n", "2:7: not a record number"),
    ];
    for (csv, want) in cases {
        let mut builder = Builder::new(&KEY, [3; 32]).unwrap();
        let error = read_csv(csv.as_bytes(), &[], false, &mut builder).unwrap_err().to_string();
        assert!(error.contains(want), "{csv:?}: {error}");
        assert!(
            !error.contains("Smith") && !error.contains("1962-13-44") && !error.contains("5551"),
            "{error}"
        );
    }
    let mut builder = Builder::new(&KEY, [3; 32]).unwrap();
    let error = read_csv(b"last,first\nSm\xffith,John\n", &[], false, &mut builder).unwrap_err().to_string();
    assert!(error.contains("2:3: not UTF-8"), "{error}");
    let mut builder = Builder::new(&KEY, [3; 32]).unwrap();
    assert_eq!(read_csv(b"last,dob\nSmith,soon\nDoe,n/a\n", &[], true, &mut builder), Ok(1));
    let columns = [("Nachname".to_owned(), Column::Last), ("x".to_owned(), Column::First)];
    let mut builder = Builder::new(&KEY, [3; 32]).unwrap();
    let error = read_csv(b"nachname,b\nSmith,John\n", &columns, false, &mut builder).unwrap_err();
    assert!(error.to_string().contains("entry 2 of --columns"), "{error}");
}

const GIVEN: [&str; 6] = ["Ren\u{e9}e", "John", "Siobh\u{e1}n", "Li", "Jos\u{e9}", "Mary-Ann"];
const SURNAMES: [&str; 6] = ["Smith", "O'Neill", "Nu\u{f1}ez", "van der Berg", "Wu", "Lindqvist"];

fn plain(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{e9}' => 'e',
            '\u{e1}' => 'a',
            '\u{f1}' => 'n',
            c => c,
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_order_case_and_accents(
        g in 0..GIVEN.len(), s in 0..SURNAMES.len(), swap: bool, upper in 0..3, accents: bool, comma: bool,
        around in "[a-z ]{0,20}[.,:] ",
    ) {
        let csv = format!("first,last\n{},{}\n", GIVEN[g], SURNAMES[s]);
        let roster = roster(&csv);
        let (mut a, mut b) = (GIVEN[g].to_owned(), SURNAMES[s].to_owned());
        if swap { (a, b) = (b, a) }
        let mut name = format!("{a}{}{b}", if comma { ", " } else { " " });
        if !accents { name = plain(&name) }
        name = match upper { 0 => name, 1 => name.to_uppercase(), _ => name.to_lowercase() };
        let found = find(&roster, &format!("{around}{name}"));
        prop_assert!(found.iter().any(|(w, _)| *w == What::Name), "{}", name);
    }

    #[test]
    fn arbitrary_bytes_are_refused(bytes: Vec<u8>) {
        prop_assert!(Roster::open(bytes.clone(), &KEY).is_err());
        let head = [b"SCRUBJAY-ROSTER\x01".as_slice(), &bytes].concat();
        prop_assert!(Roster::open(head, &KEY).is_err());
    }

    #[test]
    fn any_sealed_body_is_read_or_refused(mut body in proptest::collection::vec(any::<u8>(), 0..400), bits in 6u8..9) {
        if body.len() > 43 {
            body[32..40].fill(0);
            (body[40], body[41], body[42]) = (bits + 1, bits + 1, bits - 6);
        }
        let file = file::seal(&KEY, &[1; 32], 1, body).unwrap();
        if let Ok(roster) = Roster::open(file, &KEY) {
            find(&roster, "John Smith 12 Elm 415-555-2671 a@b.org");
        }
    }

    #[test]
    fn any_csv_is_read_or_refused(csv: Vec<u8>) {
        let mut builder = Builder::new(&KEY, [3; 32]).unwrap();
        let text = [b"last,first,dob,mrn,phone,email,address\n".as_slice(), &csv].concat();
        let _ = read_csv(&text, &[], false, &mut builder);
        let _ = read_csv(&csv, &[], true, &mut builder);
    }

    #[test]
    fn any_text_is_gone_through(text in proptest::collection::vec(prop_oneof![
        "\\PC{0,6}", Just("John Smith".to_owned()), Just("'".to_owned()), Just("dob ".to_owned()),
        Just("1962-03-14".to_owned()), Just("+1 (415) ".to_owned()), Just("00482913".to_owned()), Just("@".to_owned()),
    ], 0..40)) {
        find(&roster(CSV), &text.concat());
    }
}

#[test]
fn other_names_are_not_found() {
    let mut csv = "first,last\n".to_owned();
    let word = |n: u64, salt: u64| {
        let mut x = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ salt.wrapping_mul(0xD6E8_FEB8_6659_FD93);
        x ^= x >> 29;
        x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x ^= x >> 32;
        let mut word = String::new();
        for i in 0..6 {
            word.push((b"bcdfghklmnprstvz"[(x >> (8 * i) & 15) as usize]) as char);
            word.push((b"aeio"[(x >> (8 * i + 4) & 3) as usize]) as char);
        }
        word[..1].to_uppercase() + &word[1..]
    };
    for i in 0..20_000 {
        csv.push_str(&format!("{},{}\n", word(i % 700, 1), word(i, 2)));
    }
    let roster = roster(&csv);
    let mut wrong = 0;
    for i in 0..20_000 {
        // The same words in other pairs.
        let text = format!("{} {}", word((i + 1) % 700, 1), word(i, 2));
        wrong += usize::from(find(&roster, &text).iter().any(|(_, found)| *found == text));
    }
    assert_eq!(wrong, 0, "of 20,000 pairs that are nobody's");
}

#[test]
fn hostile_text_costs_linear_time() {
    let roster = roster(CSV);
    for piece in [
        "smith'",
        "O'",
        "John ",
        "John Smith ",
        "smith\u{2019}",
        "\u{e9}",
        "12 ",
        "0",
        "00482913-",
        "415-",
        "@",
        "a@",
        "dob ",
        "M",
        "MX-77-",
        "\u{301}",
        "'",
        "12 n. ",
    ] {
        let text = piece.repeat(400_000 / piece.len());
        let begun = std::time::Instant::now();
        find(&roster, &text);
        // Quadratic would be hours; a busy machine is given its time.
        assert!(begun.elapsed().as_secs() < 20, "{piece:?}");
    }
}

proptest! {
    /// What is said of a text whichever digits stand in it holds for all of them.
    #[test]
    fn what_digits_cannot_change(
        parts in proptest::collection::vec(
            prop_oneof![
                4 => "#{1,12}", 2 => Just("########".to_owned()), 2 => "[ .()/:+T-]", 1 => "[a-z]{1,5}", 1 => Just("mrn".to_owned()), 1 => Just("John".to_owned()),
                1 => Just("Smith".to_owned()), 1 => Just("elm st".to_owned()), 1 => Just("mx".to_owned()), 1 => Just("415".to_owned()),
                1 => Just("born".to_owned()),
            ],
            1..9,
        ),
        mixed in any::<bool>(),
        digits in proptest::collection::vec(0..10u8, 64),
        planted in prop_oneof![Just(""), Just("4155552671"), Just("00482913"), Just("5512"), Just("771204"), Just("442079460958")],
        hex in "[0-9a-f]{16}|[0-9]{3}[a-f0-9]{29}|[a-f]{1,2}00482913[a-f]{0,3}[0-9]{6}",
    ) {
        let letters = "Zo\u{eb},,\"O'Brien\"";
        let csv: String = CSV.lines().filter(|l| mixed || !l.starts_with(letters)).map(|l| format!("{l}\r\n")).collect();
        let roster = roster(&csv);
        prop_assert_eq!(roster.layout.mixed != 0, mixed);
        let mut scratch = RosterScratch::default();
        let places = |text: &str| {
            let mut count = 0;
            roster.places(text.as_bytes(), &mut RosterScratch::default(), |_| count += 1);
            count
        };
        // Digits that are a patient's, where there is room for them, or any.
        let mut own = planted.bytes().chain(digits.iter().map(|d| b'0' + d)).cycle();
        let text: String = parts.concat();
        let form = text.replace(['#', '4', '1', '5'], "0");
        let filled: String = text.chars().map(|c| if c == '#' { own.next().unwrap() as char } else { c }).collect();
        if !roster.may_hold(form.as_bytes(), &mut scratch) {
            prop_assert_eq!(places(&filled), 0, "{}", filled);
        }
        let head = hex.bytes().take(6).map(|b| b.is_ascii_digit());
        if !roster.may_hold_hex(head) {
            prop_assert_eq!(places(&hex), 0, "{}", hex);
        }
        let address = digits.chunks(2).take(4).map(|d| format!("{}", u32::from(d[0]) * 25 + u32::from(d[1])));
        let address = address.collect::<Vec<_>>().join(".");
        if !roster.may_hold_addresses() {
            prop_assert_eq!(places(&address), 0, "{}", address);
        }
    }
}

#[test]
fn most_forms_hold_no_patient() {
    let csv: String = CSV.lines().filter(|l| !l.contains("MX-77")).map(|l| format!("{l}\r\n")).collect();
    let roster = roster(&csv);
    let may_hold = |form: &str| roster.may_hold(form.as_bytes(), &mut RosterScratch::default());
    for form in ["http-nio-00", "000", "took 00 ms", "00.0", "/api/v0/x/00"] {
        assert!(!may_hold(form), "{form}");
    }
    for form in ["item 0000", "(000) 000-0000", "0000000000", "0 Elm", "00000000", "a@b", "+00 00 0000 0000"]
    {
        assert!(may_hold(form), "{form}");
    }
    assert!(roster.may_hold_hex("000000".chars().map(|_| true)));
    assert!(!roster.may_hold_hex([true, false, true, true, true, true].into_iter()));
    assert!(!roster.may_hold_addresses());
    // Record numbers that are hexadecimal, or as short as parts of an address.
    let odd =
        |number: &str| super::tests::roster(&CSV.replace("00482913", number).replace("MX-77-1204", "7771"));
    let head = || [true, false, false, true, true, false].into_iter();
    assert!(odd("4bf92f3577b34da6").may_hold_hex(head()) && !odd("482913").may_hold_hex(head()));
    assert!(odd("4bf92f3577b34da6").may_hold_addresses() && odd("0482").may_hold_addresses());
}
