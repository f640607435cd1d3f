//! Reads any bytes as what a client or a relay of SMTP says, in one piece and in many.

#![no_main]

use libfuzzer_sys::fuzz_target;
use scrubjay::gateway::smtp::fuzz;

fuzz_target!(|data: &[u8]| {
    fuzz::session(data);
    fuzz::message(data);
    fuzz::replies(data);
});
