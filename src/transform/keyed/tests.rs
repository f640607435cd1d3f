use std::sync::Mutex;

use proptest::prelude::*;

use super::*;
use crate::keys::{KeyState, KeyVersion};
use crate::transform::{base32, tokens};

mod siv;
mod spellings;

/// Tokens that count up, by their tags.
#[derive(Default)]
struct Counted(Mutex<Vec<([u8; 32], Vec<u8>)>>);

impl Tokens for Counted {
    fn tokenize(&self, items: &[NewToken<'_>]) -> Result<Vec<[u8; NAME_BYTES]>, Failed> {
        let mut known = self.0.lock().unwrap();
        let number = |item: &NewToken<'_>| {
            let at = known.iter().position(|(tag, _)| *tag == item.tag).unwrap_or_else(|| {
                known.push((item.tag, item.value.to_vec()));
                known.len() - 1
            });
            [at as u8; NAME_BYTES]
        };
        Ok(items.iter().map(number).collect())
    }

    fn commit(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

fn version(number: u32, state: KeyState) -> KeyVersion {
    let root = (state != KeyState::Destroyed).then(|| Sensitive::new([number as u8; 32]));
    KeyVersion { number, state, created_ms: 0, root }
}

fn keyed(states: &[KeyState]) -> Keyed {
    let versions = states.iter().zip(1..).map(|(s, n)| version(n, *s)).collect();
    Keyed::new(Arc::new(Ring::new("r".into(), versions).unwrap()), 2026).unwrap()
}

fn one() -> Keyed {
    keyed(&[KeyState::Active])
}

const TENANT: Context<'static> = Context { tenant: Some("a"), subject: Some(b"4471902") };

fn of(keyed: &Keyed, action: Action, kind: Kind, text: &str, context: Context<'_>) -> Result<String, Failed> {
    let mut out = Vec::new();
    let value = Value { kind, action, text: text.as_bytes(), number: false };
    match action {
        Action::Token => {
            keyed.tokenize([value].into_iter(), context, &mut KeyedScratch::default(), |t| out.extend(t))?
        }
        _ => keyed.transform(value, context, &mut KeyedScratch::default(), &mut out)?,
    }
    Ok(String::from_utf8(out).unwrap())
}

fn read(token: &str) -> ReadToken {
    tokens(token.as_bytes()).next().unwrap().1
}

/// What tokens look like must not change from one release to the next: they stand in people's logs.
#[test]
fn tokens_stay_what_they_were() {
    let keyed = Keyed::new(Arc::new(Ring::of_tests()), 2026).unwrap();
    let context = Context { tenant: Some("default"), subject: Some(b"4471902") };
    let made = [
        (Action::Pseudonym, Kind::Ssn, "219-10-9999"),
        (Action::Seal, Kind::Name, "Ana Keller"),
        (Action::FormatPreserving, Kind::Ssn, "219-10-9999"),
        (Action::DateShift { days: 365 }, Kind::Date, "2021-03-05"),
        (Action::Surrogate, Kind::Name, "Ana Keller"),
        (Action::Surrogate, Kind::Phone, "(415) 555-2671"),
    ];
    let made = made.map(|(action, kind, text)| of(&keyed, action, kind, text, context).unwrap());
    let want = [
        "[SSN:p1:ez0c38tpzvgjz2m0r3ddg11hm1bc3wqtsc]",
        "[NAME:s1:7n3vhsvxfshnrmwx09mt50gce48b6rjb9snjvm0z29dy6jmasw]",
        "210-19-2572",
        "2020-05-23",
        "Danielle Clay",
        "(206) 555-0153",
    ];
    assert_eq!(made, want);
}

#[test]
fn spellings_agree_and_all_else_parts() {
    let keyed = one();
    let p = |kind, text, tenant| {
        of(&keyed, Action::Pseudonym, kind, text, Context { tenant: Some(tenant), subject: None }).unwrap()
    };
    let token = p(Kind::Ssn, "219-10-9999", "a");
    assert_eq!(token, p(Kind::Ssn, "219 10 9999", "a"));
    let body = |t: &str| t.split(':').next_back().unwrap()[..26].to_owned();
    for other in
        [p(Kind::Ssn, "219-10-9998", "a"), p(Kind::Ssn, "219-10-9999", "b"), p(Kind::Mrn, "219-10-9999", "a")]
    {
        assert_ne!(body(&token), body(&other));
    }
    let mut out = Vec::new();
    let number = Value { kind: Kind::Ssn, action: Action::Pseudonym, text: b"2.19109999E8", number: true };
    keyed.transform(number, TENANT, &mut KeyedScratch::default(), &mut out).unwrap();
    assert_eq!(out, token.as_bytes());
}

#[test]
fn only_genuine_tokens_are_taken_for_tokens() {
    let keyed = one();
    for action in [Action::Pseudonym, Action::Seal] {
        let token = of(&keyed, action, Kind::Ssn, "219-10-9999", TENANT).unwrap();
        assert!(keyed.is_genuine(&read(&token)), "{token}");
        let other_ring = Keyed::new(Arc::new(Ring::of_tests()), 2026).unwrap();
        assert!(!other_ring.is_genuine(&read(&token)));
        // Every other token of the same form is invented.
        for at in 0..token.len() {
            for with in [b'0', b'7', b'z', b'S', b's', b'2'] {
                let mut altered = token.clone().into_bytes();
                if altered[at] == with {
                    continue;
                }
                altered[at] = with;
                let genuine = tokens(&altered).any(|(_, read)| keyed.is_genuine(&read));
                assert!(!genuine, "{}", String::from_utf8_lossy(&altered));
            }
        }
    }
}

#[test]
fn after_rotation_old_tokens_are_known_and_new_ones_are_of_the_new_version() {
    let before = one();
    let after = keyed(&[KeyState::Retired, KeyState::Active]);
    let gone = keyed(&[KeyState::Destroyed, KeyState::Active]);
    for action in [Action::Pseudonym, Action::Seal] {
        let old = of(&before, action, Kind::Ssn, "219-10-9999", TENANT).unwrap();
        assert!(after.is_genuine(&read(&old)));
        assert!(!gone.is_genuine(&read(&old)));
        let new = of(&after, action, Kind::Ssn, "219-10-9999", TENANT).unwrap();
        assert_eq!(read(&new).version, 2);
        assert_ne!(read(&new).name(), read(&old).name());
        assert!(after.is_genuine(&read(&new)) && !before.is_genuine(&read(&new)));
        if action == Action::Seal {
            assert_eq!(after.unseal(&read(&old), "a").unwrap().expose(), b"219-10-9999");
            assert_eq!(
                gone.unseal(&read(&old), "a").unwrap_err(),
                "the version of the key it was sealed with is not in the ring"
            );
        }
    }
}

#[test]
fn sealed_values_open_under_their_tenant_alone() {
    let keyed = one();
    let sealed = of(&keyed, Action::Seal, Kind::Name, "Ana Keller", TENANT).unwrap();
    assert_eq!(keyed.unseal(&read(&sealed), "a").unwrap().expose(), b"Ana Keller");
    assert!(keyed.unseal(&read(&sealed), "b").is_err());
    // The exact bytes, not the canonical form.
    assert_ne!(sealed, of(&keyed, Action::Seal, Kind::Name, "ANA KELLER", TENANT).unwrap());
    assert_eq!(sealed, of(&keyed, Action::Seal, Kind::Name, "Ana Keller", TENANT).unwrap());
}

#[test]
fn what_is_sealed_is_known_again_however_long_it_is() {
    let keyed = one();
    for (len, sealed) in [(token::MAX_SEALED, true), (token::MAX_SEALED + 1, false)] {
        let text = of(&keyed, Action::Seal, Kind::Photo, &"x".repeat(len), TENANT).unwrap();
        assert_eq!(keyed.recognize(text.as_bytes()).is_some(), sealed, "{len} bytes");
        assert!(sealed || text == "[PHOTO]");
    }
}

#[test]
fn what_keeps_its_form_comes_back() {
    let keyed = one();
    let text = of(&keyed, Action::FormatPreserving, Kind::Account, "4242 4242 4242 4242", TENANT).unwrap();
    let back = keyed.decrypt_format(1, "a", Kind::Account, text.as_bytes()).unwrap();
    assert_eq!(back.expose(), b"4242 4242 4242 4242");
    assert_ne!(keyed.decrypt_format(1, "b", Kind::Account, text.as_bytes()).unwrap().expose(), back.expose());
    assert!(keyed.decrypt_format(2, "a", Kind::Account, text.as_bytes()).is_err());
    assert!(keyed.decrypt_format(1, "a", Kind::Name, b"Keller").is_err());
}

#[test]
fn a_text_that_is_a_token_is_recognized() {
    let keyed = one();
    let token = of(&keyed, Action::Seal, Kind::Name, "Ana Keller", TENANT).unwrap();
    assert_eq!(keyed.recognize(token.as_bytes()).unwrap().kind, Kind::Name);
    for text in [
        format!(" {token}"),
        format!("{token} "),
        format!("{token}{token}"),
        "[SSN]".to_owned(),
        String::new(),
    ] {
        assert!(keyed.recognize(text.as_bytes()).is_none(), "{text}");
    }
}

#[test]
fn dates_move_with_their_person() {
    let keyed = one();
    let moved = |text, subject: &[u8]| {
        let context = Context { tenant: Some("a"), subject: Some(subject) };
        of(&keyed, Action::DateShift { days: 365 }, Kind::Date, text, context).unwrap()
    };
    let day = |text: String| dates::read(text.as_bytes(), 2026).unwrap().day.days();
    let (a, b) = (day(moved("2021-03-05", b"1")), day(moved("March 15, 2021", b"1")));
    assert_eq!(b - a, 10);
    assert_eq!(a, day(moved("03/05/2021", b"1")));
    // What names no day, and where nobody is known, a marker stands.
    assert_eq!(moved("March 5", b"1"), "[DATE]");
    let nobody = Context { tenant: Some("a"), subject: None };
    assert_eq!(
        of(&keyed, Action::DateShift { days: 365 }, Kind::Date, "2021-03-05", nobody).unwrap(),
        "[DATE]"
    );
    assert_eq!(
        of(&keyed, Action::DateShift { days: 365 }, Kind::Ssn, "219-10-9999", TENANT).unwrap(),
        "[SSN]"
    );
    // A day that would fall out of the years that dates have.
    assert_eq!(moved("2199-12-31", b"7").len(), "2199-12-31".len());
}

#[test]
fn shifts_are_whole_days_never_none_and_all_of_them_occur() {
    for days in [1, 2, 30, 365, u16::MAX] {
        let mut seen = std::collections::BTreeSet::new();
        for i in 0..20_000u32 {
            let tag = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &i.to_be_bytes());
            let by = shift(tag.as_ref(), days);
            assert!(by != 0 && by.unsigned_abs() <= u32::from(days), "{by}");
            seen.insert(by);
        }
        if days <= 365 {
            assert_eq!(seen.len(), 2 * usize::from(days));
        }
    }
    assert_ne!(shift(&[0; 32], 0), 0);
}

#[test]
fn the_vault_is_asked_by_canonical_form() {
    let vault = Arc::new(Counted::default());
    let keyed = one().with_vault(vault.clone()).with_form(TokenForm::Round);
    let token = |text| of(&keyed, Action::Token, Kind::Ssn, text, TENANT).unwrap();
    let first = token("219-10-9999");
    assert!(first.starts_with("(SSN:t1:") && keyed.is_genuine(&read(&first)));
    assert_eq!(token("219109999"), first);
    assert_ne!(token("219109998"), first);
    assert_eq!(keyed.vault_tag(Kind::Ssn, "a", b"219 10 9999").unwrap(), vault.0.lock().unwrap()[0].0);
    // The exact bytes that came first are kept.
    assert_eq!(vault.0.lock().unwrap()[0].1, b"219-10-9999");
    assert_eq!(of(&one(), Action::Token, Kind::Ssn, "1", TENANT).unwrap_err(), NO_VAULT);
}

#[test]
fn without_a_tenant_nothing_is_written() {
    for action in
        [Action::Pseudonym, Action::Seal, Action::FormatPreserving, Action::Surrogate, Action::Token]
    {
        let got = of(&one(), action, Kind::Ssn, "219-10-9999", Context::default());
        assert_eq!(got.unwrap_err(), NO_TENANT, "{}", action.name());
    }
}

/// A worker's memory that is handed from one ring to another holds nothing of the first.
#[test]
fn keys_of_another_ring_are_dropped() {
    let (a, b) = (one(), Keyed::new(Arc::new(Ring::of_tests()), 2026).unwrap());
    let mut scratch = KeyedScratch::default();
    let value = Value { kind: Kind::Ssn, action: Action::Pseudonym, text: b"219109999", number: false };
    for keyed in [&a, &b, &a] {
        let mut out = Vec::new();
        keyed.transform(value, TENANT, &mut scratch, &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            of(keyed, value.action, value.kind, "219109999", TENANT).unwrap()
        );
    }
}

#[test]
fn many_tenants_do_not_fill_memory() {
    let (keyed, mut scratch) = (one(), KeyedScratch::default());
    for i in 0..MAX_TENANTS * 2 + 1 {
        let tenant = i.to_string();
        let context = Context { tenant: Some(&tenant), subject: None };
        let value = Value { kind: Kind::Ssn, action: Action::Pseudonym, text: b"219109999", number: false };
        keyed.transform(value, context, &mut scratch, &mut Vec::new()).unwrap();
        assert!(scratch.tenants.others.len() < MAX_TENANTS);
    }
}

/// 128 bits do not collide in ten million values: by the birthday bound (n^2 / 2 / 2^128) once in 7 x 10^24 trials.
#[test]
fn ten_million_pseudonyms_differ() {
    let (keyed, mut scratch) = (one(), KeyedScratch::default());
    let mut seen = Vec::with_capacity(10_000_000);
    let (mut out, mut text, mut body) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..10_000_000u32 {
        use std::io::Write as _;
        text.clear();
        out.clear();
        body.clear();
        write!(text, "{i:09}").unwrap();
        let value = Value { kind: Kind::Mrn, action: Action::Pseudonym, text: &text, number: false };
        keyed.transform(value, TENANT, &mut scratch, &mut out).unwrap();
        assert!(base32::decode(&out[b"[MRN:p1:".len()..out.len() - 1], &mut body), "{}", out.escape_ascii());
        // The first 64 bits of each, so that half the memory does: by the same bound two agree in them once in 370,000 trials.
        let mut eight = [0; 8];
        eight.copy_from_slice(&body[..8]);
        seen.push(u64::from_be_bytes(eight));
    }
    seen.sort_unstable();
    assert_eq!(seen.windows(2).filter(|w| w[0] == w[1]).count(), 0);
}

proptest! {
    #[test]
    fn what_is_sealed_opens(kind in 0..Kind::COUNT, value in proptest::collection::vec(any::<u8>(), 1..200)) {
        let keyed = one();
        let mut out = Vec::new();
        let v = Value { kind: Kind::ALL[kind], action: Action::Seal, text: &value, number: false };
        keyed.transform(v, TENANT, &mut KeyedScratch::default(), &mut out).unwrap();
        let (span, read) = tokens(&out).next().unwrap();
        prop_assert_eq!(span.len(), out.len());
        prop_assert!(keyed.is_genuine(&read));
        let opened = keyed.unseal(&read, "a").unwrap();
        prop_assert_eq!(opened.expose(), &value);
    }

    #[test]
    fn nothing_panics_and_a_value_never_stands_in_its_token(
        kind in 0..Kind::COUNT, which in 0..5usize, text in "[0-9]{3}-?[0-9]{2,4}-?[0-9]{4}|\\PC{4,20}", number: bool,
    ) {
        let action = [Action::Pseudonym, Action::Seal, Action::FormatPreserving, Action::Surrogate, Action::DateShift { days: 9 }][which];
        let mut out = Vec::new();
        let value = Value { kind: Kind::ALL[kind], action, text: text.as_bytes(), number };
        let done = one().transform(value, TENANT, &mut KeyedScratch::default(), &mut out);
        prop_assert!(done.is_ok() && !out.is_empty());
        if matches!(action, Action::Pseudonym | Action::Seal) {
            prop_assert!(!String::from_utf8_lossy(&out).contains(&text));
        }
    }
}
