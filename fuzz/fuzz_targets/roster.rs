//! Opens any bytes as a roster, reads any CSV file, and looks for a roster's patients in any text.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use scrubjay::Settings;
use scrubjay::detect::roster::{Builder, Roster, read_csv};
use scrubjay::{Scratch, Scrubber};

const KEY: [u8; 32] = [7; 32];
const HEADER: &[u8] = b"first,last,dob,mrn,phone,email,address\n";
const PATIENT: &[u8] = b"Zoe,O'Brien,1962-03-14,MX-77-1204,415-555-2671,z@example.org,12 N Elm St\n";

fn built(rows: &[u8]) -> Option<Vec<u8>> {
    let mut builder = Builder::new(&KEY, [1; 32]).ok()?;
    read_csv(&[HEADER, rows].concat(), &[], true, &mut builder).ok()?;
    builder.finish().ok().map(|b| b.file)
}

static SCRUBBER: LazyLock<Scrubber> = LazyLock::new(|| {
    let roster = Roster::open(built(PATIENT).unwrap(), &KEY).unwrap();
    Scrubber::new(Settings { roster: Some(roster.into()), ..Settings::new() })
});

fuzz_target!(|data: &[u8]| {
    assert!(Roster::open(data.to_vec(), &KEY).is_err());
    // What can be built can be opened.
    if let Some(file) = built(data) {
        Roster::open(file, &KEY).unwrap();
    }
    let mut scratch = Scratch::default();
    if let Ok(once) = SCRUBBER.scrub_text(data, &mut scratch) {
        if let Ok(twice) = SCRUBBER.scrub_text(&once, &mut scratch) {
            assert_eq!(once, twice, "clean text stays as it is");
        }
    }
});
