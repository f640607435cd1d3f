//! One value, however it is written: one token; and dates of one person, however they are written: one distance.

use super::*;

/// A value in several spellings, the first of them the plain one, which no other value has.
#[derive(Clone, Debug)]
struct Spelt {
    kind: Kind,
    texts: Vec<String>,
    /// As a JSON number, which has lost its leading zeros.
    numbers: Vec<String>,
}

fn spelt(kind: Kind, texts: Vec<String>) -> Spelt {
    Spelt { kind, texts, numbers: Vec::new() }
}

/// The characters of a text with others put between them, wherever a number in `places` says.
fn strewn(text: &str, places: &[(usize, &str)]) -> String {
    let mut out: Vec<String> = text.chars().map(String::from).collect();
    for (at, between) in places {
        let at = at % out.len();
        out[at].push_str(between);
    }
    out.concat()
}

/// Separators, and where they go.
fn places() -> impl Strategy<Value = Vec<(usize, &'static str)>> {
    let between = proptest::sample::select(vec!["-", " ", ".", "/", "\u{2013}", "\u{2011}", "\u{a0}", " - "]);
    proptest::collection::vec((0..40usize, between), 0..5)
}

fn ssn() -> impl Strategy<Value = Spelt> {
    (0..1_000_000_000u32, places()).prop_map(|(n, places)| {
        let plain = format!("{n:09}");
        let wide = plain.chars().map(|c| char::from_u32(u32::from(c) - 0x30 + 0xff10).unwrap()).collect();
        let dashed = format!("{}-{}-{}", &plain[..3], &plain[3..5], &plain[5..]);
        let texts = vec![plain.clone(), dashed, strewn(&plain, &places), wide];
        Spelt { kind: Kind::Ssn, texts, numbers: vec![n.to_string(), format!("{n}.0"), format!("{n}e0")] }
    })
}

fn phone() -> impl Strategy<Value = Spelt> {
    let number = (200..1000u32, 200..1000u32, 0..10_000u32, proptest::option::of(1..10_000u32));
    (number, places(), any::<bool>()).prop_map(|((area, exchange, line, extension), places, fax)| {
        let (plain, tail) = (format!("{area}{exchange}{line:04}"), extension.map(|e| e.to_string()));
        let with = |number: String, before: &str| match &tail {
            Some(tail) => format!("{number}{before}{tail}"),
            None => number,
        };
        let texts = vec![
            with(plain.clone(), "x"),
            with(format!("({area}) {exchange}-{line:04}"), " ext. "),
            with(format!("{area}.{exchange}.{line:04}"), " #"),
            with(format!("+1 {area} {exchange} {line:04}"), ";ext="),
            with(format!("1-{area}-{exchange}-{line:04}"), ", x"),
            with(format!("011 1 {area} {exchange} {line:04}"), " x "),
            with(format!("001{plain}"), "x"),
            with(strewn(&plain, &places), " ext "),
        ];
        spelt(if fax { Kind::Fax } else { Kind::Phone }, texts)
    })
}

/// Numbers and letters without a meaning of their own.
fn identifier() -> impl Strategy<Value = Spelt> {
    let spelt_apart = [Kind::Ssn, Kind::Phone, Kind::Fax];
    let kinds = Kind::ALL.iter().copied();
    let kinds = kinds.filter(|k| format_preserving::KINDS.contains(*k) && !spelt_apart.contains(k));
    let kinds: Vec<Kind> = kinds.collect();
    (proptest::sample::select(kinds), "[A-Z0-9]{6,19}", places()).prop_map(|(kind, plain, places)| {
        let strewn = strewn(&plain, &places);
        spelt(kind, vec![plain.clone(), plain.to_lowercase(), strewn.to_lowercase(), strewn])
    })
}

fn email() -> impl Strategy<Value = Spelt> {
    "[a-z][a-z0-9.]{0,8}[a-z0-9]@[a-z]{2,8}\\.(org|example)".prop_map(|plain| {
        let title = plain[..1].to_uppercase() + &plain[1..];
        let padded = format!(" {title} ");
        spelt(Kind::Email, vec![plain.clone(), plain.to_uppercase(), title, padded])
    })
}

fn ip() -> impl Strategy<Value = Spelt> {
    any::<[u8; 4]>().prop_map(|[a, b, c, d]| {
        let texts = vec![
            format!("{a}.{b}.{c}.{d}"),
            format!("::ffff:{a}.{b}.{c}.{d}"),
            format!("[::FFFF:{a:02X}{b:02X}:{c:02X}{d:02X}]"),
        ];
        spelt(Kind::Ip, texts)
    })
}

fn name() -> impl Strategy<Value = Spelt> {
    ("[KLMT][a-z]{4,9}", "[BGRW][a-z]{4,9}", "[A-Z]").prop_map(|(given, family, initial)| {
        let texts = vec![
            format!("{given} {family}"),
            format!("{}, {}", family.to_uppercase(), given.to_uppercase()),
            format!("{family}^{given}"),
            format!("{family}, {given} {initial}."),
            format!("{given} {initial}. {family}, MD"),
            format!("{} {} Jr.", given.to_lowercase(), family.to_lowercase()),
        ];
        spelt(Kind::Name, texts)
    })
}

/// Dates of which two digits tell the century, and which seconds of ten digits can say; so much earlier and later than any day that a
/// shift still leads to such.
const NEAR: std::ops::Range<i32> = 12_100..19_700;
const FAR: std::ops::Range<i32> = -40_000..70_000;

const MONTHS: &str = "January February March April May June July August September October November December";
const WEEKDAYS: &str = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday";

/// A day in every form that is read: those in which a day has one spelling, and those that do not tell whether a number has a zero in
/// front, or a name is in full.
fn forms(day: i32, near: bool) -> (Vec<String>, Vec<String>) {
    let c = Civil::from_days(day);
    let (y, m, d) = (c.year, c.month, c.day);
    let word = |list: &'static str, at: usize| list.split(' ').nth(at).unwrap();
    let (month, weekday) = (word(MONTHS, usize::from(m) - 1), word(WEEKDAYS, c.weekday()));
    let th = match (d / 10, d % 10) {
        (1, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    let mut exact = vec![
        format!("{y}-{m:02}-{d:02}"),
        format!("{y}/{m:02}/{d:02}"),
        format!("{m:02}/{d:02}/{y}"),
        format!("{m:02}-{d:02}-{y}"),
        format!("{d:02}.{m:02}.{y}"),
        format!("{month} {d}, {y}"),
        format!("{d} {month} {y}"),
        format!("{d}{th} of {month} {y}"),
        format!("{d:02}-{}-{y}", month[..3].to_uppercase()),
        format!("{y}-{}-{d:02}", &month[..3]),
        format!("{weekday}, {month} {d}, {y}"),
        format!("{y}{m:02}{d:02}"),
        format!("{m:02}{d:02}{y}"),
        format!("{y}-{m:02}-{d:02}T10:15:30.123+01:00"),
        format!("{y}{m:02}{d:02}101530.1234-0500"),
        format!("{y}{m:02}{d:02}T101530Z"),
        format!("{m:02}/{d:02}/{y} at 2:15 pm"),
        format!("3:15 pm on {month} {d}, {y}"),
    ];
    let mut loose = vec![
        format!("{y}/{m}/{d}"),
        format!("{m}/{d}/{y}"),
        format!("{m}-{d}-{y}"),
        format!("{d}.{m}.{y}"),
        // Of `May` nothing tells whether it is in full.
        format!("{} {d}{th}, {y}", &month[..3]),
        format!("{} {d} {} {y}", &weekday[..3], &month[..3]),
    ];
    if near {
        let year = y % 100;
        let at = i64::from(day) * 86_400 + 36_930;
        exact.extend([
            format!("{m:02}/{d:02}/{year:02}"),
            format!("{d:02}.{m:02}.{year:02}"),
            format!("{d:02}-{}-{year:02}", &month[..3]),
            at.to_string(),
            format!("{at}123"),
        ]);
        loose.push(format!("{m}/{d}/{year:02}"));
    }
    (exact, loose)
}

fn date() -> impl Strategy<Value = Spelt> {
    (FAR, NEAR, any::<bool>()).prop_map(|(far, near, is_near)| {
        let (exact, loose) = forms(if is_near { near } else { far }, is_near);
        // A time of day is part of what a token stands for.
        let silent = |text: &String| !text.contains(':') && !text.contains("101530");
        spelt(Kind::Date, exact.into_iter().chain(loose).filter(silent).collect())
    })
}

fn pseudonym(keyed: &Keyed, kind: Kind, text: &str, number: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let value = Value { kind, action: Action::Pseudonym, text: text.as_bytes(), number };
    keyed.transform(value, TENANT, &mut KeyedScratch::default(), &mut out).unwrap();
    out
}

/// Two values of one sort.
fn two<S: Strategy<Value = Spelt> + 'static>(sort: fn() -> S) -> BoxedStrategy<(Spelt, Spelt)> {
    (sort(), sort()).boxed()
}

fn moved(keyed: &Keyed, subject: &[u8], days: u16, text: &str) -> String {
    let context = Context { tenant: Some("a"), subject: Some(subject) };
    of(keyed, Action::DateShift { days }, Kind::Date, text, context).unwrap()
}

proptest! {
    #[test]
    fn a_value_has_one_token_in_all_spellings_and_another_value_another(
        (a, b) in prop_oneof![two(ssn), two(phone), two(identifier), two(email), two(ip), two(name), two(date)],
    ) {
        let keyed = one();
        let (token, lookup) = (
            pseudonym(&keyed, a.kind, &a.texts[0], false),
            keyed.vault_tag(a.kind, "a", a.texts[0].as_bytes()).unwrap(),
        );
        for text in &a.texts {
            prop_assert_eq!(&pseudonym(&keyed, a.kind, text, false), &token, "{} is not {}", text, &a.texts[0]);
            prop_assert_eq!(keyed.vault_tag(a.kind, "a", text.as_bytes()).unwrap(), lookup, "{}", text);
        }
        for number in &a.numbers {
            prop_assert_eq!(&pseudonym(&keyed, a.kind, number, true), &token, "{} is not {}", number, &a.texts[0]);
        }
        if (a.kind, &a.texts[0]) != (b.kind, &b.texts[0]) {
            for text in &b.texts {
                prop_assert_ne!(&pseudonym(&keyed, b.kind, text, false), &token, "{} and {}", text, &a.texts[0]);
                prop_assert_ne!(keyed.vault_tag(b.kind, "a", text.as_bytes()).unwrap(), lookup, "{}", text);
            }
        }
    }

    /// A person's dates keep their distances in every form, and none stays where it was.
    #[test]
    fn dates_of_one_person_move_alike_in_every_form(
        subject in proptest::collection::vec(any::<u8>(), 1..20), days in 1..=400u16, near: bool, a in NEAR, b in NEAR, far in FAR,
    ) {
        let keyed = one();
        let read = |text: &str| dates::read(text.as_bytes(), 2026).map(|written| written.day.days());
        let iso = moved(&keyed, &subject, days, &forms(a, true).0[0]);
        let by = read(&iso).unwrap() - a;
        prop_assert!(by != 0 && by.unsigned_abs() <= u32::from(days), "{} days", by);
        let day = if near { b } else { far };
        let ((exact, loose), (want, _)) = (forms(day, near), forms(day + by, near));
        for (text, want) in exact.iter().zip(want) {
            prop_assert_eq!(moved(&keyed, &subject, days, text), want, "{} by {}", text, by);
        }
        for text in &loose {
            let moved = moved(&keyed, &subject, days, text);
            prop_assert_eq!(read(&moved), Some(day + by), "{} became {}", text, moved);
        }
    }
}
