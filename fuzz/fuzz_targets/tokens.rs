//! Scrubs any bytes with every keyed transform: nothing panics, a second pass over tokens changes nothing, sealed values open,
//! what keeps its form comes back; and reads any bytes as a key ring's file.

#![no_main]

use std::path::Path;
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use scrubjay::keys::{Ring, RingFile};
use scrubjay::policy::{Action, Policy, Profile, Rule};
use scrubjay::scrubber::{Keys, THIS_YEAR, Tenant};
use scrubjay::transform::{Context, Keyed, KeyedScratch, TestTokens, Value};
use scrubjay::{Kind, KindSet, Scratch, Scrubber, Settings};

static KEYED: LazyLock<Arc<Keyed>> = LazyLock::new(|| {
    let ring = Arc::new(Ring::of_tests());
    Arc::new(Keyed::new(ring, THIS_YEAR).unwrap().with_vault(Arc::new(TestTokens)))
});

fn scrubber(action: Action) -> Scrubber {
    let rules = vec![Rule { kinds: KindSet::ALL, path: None, min_confidence: 0.0, action }];
    let policy = Policy { profile: Profile::Pseudonymised, rules, ..Policy::default() };
    let keys = Some(Keys::new(KEYED.clone(), Tenant::default(), None, &policy));
    Scrubber::new(Settings { policy, keys, ..Settings::new() })
}

/// Those whose output passes a second time as it is come first.
static SCRUBBERS: LazyLock<Vec<(bool, Scrubber)>> = LazyLock::new(|| {
    let all = [
        (true, Action::Pseudonym),
        (true, Action::Seal),
        (true, Action::Token),
        (true, Action::Generalize),
        (false, Action::Surrogate),
        (false, Action::FormatPreserving),
        (false, Action::DateShift { days: 30 }),
    ];
    all.into_iter().map(|(stable, action)| (stable, scrubber(action))).collect()
});

fuzz_target!(|data: &[u8]| {
    let _ = RingFile::parse(Path::new("ring"), &String::from_utf8_lossy(data));
    let Some((first, text)) = data.split_first() else { return };
    let (stable, scrubber) = &SCRUBBERS[usize::from(*first) % SCRUBBERS.len()];
    let mut scratch = Scratch::default();
    let once = scrubber.scrub_text(text, &mut scratch).expect("nothing halts");
    let twice = scrubber.scrub_text(&once, &mut scratch).expect("nothing halts");
    assert!(
        !stable || once == twice,
        "once:  {}\ntwice: {}",
        String::from_utf8_lossy(&once),
        String::from_utf8_lossy(&twice)
    );

    let kind = Kind::ALL[usize::from(*first) % Kind::COUNT];
    let context = Context { tenant: Some("a"), subject: Some(b"1") };
    let mut keys = KeyedScratch::default();
    let mut made = |action| {
        let mut out = Vec::new();
        let value = Value { kind, action, text, number: first & 1 == 1 };
        KEYED.transform(value, context, &mut keys, &mut out).map(|()| out)
    };
    if let Ok(sealed) = made(Action::Seal)
        && let Some(read) = KEYED.recognize(&sealed)
    {
        assert_eq!(KEYED.unseal(&read, "a").unwrap().expose(), text);
    }
    if let Ok(formed) = made(Action::FormatPreserving)
        && formed != kind.marker().as_bytes()
        && first & 1 == 0
    {
        assert_eq!(KEYED.decrypt_format(1, "a", kind, &formed).unwrap().expose(), text);
    }
});
