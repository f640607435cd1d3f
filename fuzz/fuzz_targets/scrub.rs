//! Scrubs any bytes, with profile `safe-harbor`: JSON stays JSON, and a second pass changes nothing.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use scrubjay::policy::{Policy, Profile};
use scrubjay::{Scratch, Scrubber, Settings};

static SCRUBBER: LazyLock<Scrubber> = LazyLock::new(|| {
    let policy = Policy { profile: Profile::SafeHarbor, ..Policy::default() };
    Scrubber::new(Settings { policy, ..Settings::new() })
});

fuzz_target!(|payload: &[u8]| {
    let mut scratch = Scratch::default();
    let once = SCRUBBER.scrub_text(payload, &mut scratch).expect("nothing halts");
    let json = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).is_ok();
    assert!(!json(payload) || json(&once), "no JSON any more: {}", String::from_utf8_lossy(&once));
    let twice = SCRUBBER.scrub_text(&once, &mut scratch).expect("nothing halts");
    assert!(
        once == twice,
        "once:  {}\ntwice: {}",
        String::from_utf8_lossy(&once),
        String::from_utf8_lossy(&twice)
    );
});
