//! Reads any bytes as packets of the milter protocol; and two messages, for the least change from one to the other.

#![no_main]

use libfuzzer_sys::fuzz_target;
use scrubjay::gateway::milter::{fields, negotiate, packet};

fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    while let Ok(Some((command, used))) = packet::parse(rest) {
        assert!(used > 0 && used <= rest.len());
        drop(command);
        rest = &rest[used..];
    }
    if let [a, b, c, ..] = data {
        let _ = negotiate::negotiate(u32::from(*a), u32::from(*b), u32::from(*c));
    }
    let (one, two) = data.split_at(data.len() / 2);
    let (old, new) = (fields::split(one).0, fields::split(two).0);
    if let (Ok(old), Ok(new)) = (fields::fields(old), fields::fields(new))
        && let Ok(edits) = fields::diff(&old, &new)
    {
        assert!(edits.len() <= old.len() + new.len());
        assert!(fields::diff(&old, &old).is_ok_and(|none| none.is_empty()), "no change, no edit");
    }
});
