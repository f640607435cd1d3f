//! Hyperscan or Vectorscan in block mode, with the start of each match, and a loop that replaces what it finds.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_ulonglong, c_void};
use std::ops::Range;
use std::ptr;

use super::{Contestant, Finds, NAMES};
use crate::common;
use crate::corpus::Labelled;
use crate::recall::Removed;

/// As much of hs.h as is needed; see the developer's reference of Hyperscan.
#[repr(C)]
struct CompileError {
    message: *const c_char,
    expression: c_int,
}

type OnMatch = extern "C" fn(c_uint, c_ulonglong, c_ulonglong, c_uint, *mut c_void) -> c_int;

#[allow(unsafe_code, reason = "a C library")]
unsafe extern "C" {
    fn hs_compile_multi(
        expressions: *const *const c_char,
        flags: *const c_uint,
        ids: *const c_uint,
        elements: c_uint,
        mode: c_uint,
        platform: *const c_void,
        database: *mut *mut c_void,
        error: *mut *mut CompileError,
    ) -> c_int;
    fn hs_free_compile_error(error: *mut CompileError) -> c_int;
    fn hs_free_database(database: *mut c_void) -> c_int;
    fn hs_alloc_scratch(database: *const c_void, scratch: *mut *mut c_void) -> c_int;
    fn hs_free_scratch(scratch: *mut c_void) -> c_int;
    fn hs_scan(
        database: *const c_void,
        data: *const c_char,
        length: c_uint,
        flags: c_uint,
        scratch: *mut c_void,
        on_match: OnMatch,
        context: *mut c_void,
    ) -> c_int;
    fn hs_version() -> *const c_char;
}

const FLAG_SOM_LEFTMOST: c_uint = 256;
const MODE_BLOCK: c_uint = 1;
const SUCCESS: c_int = 0;

/// As Scrubjay's batches.
const BLOCK: usize = 1 << 20;

pub struct Hyperscan {
    database: *mut c_void,
    scratch: *mut c_void,
    rules: usize,
    matches: Vec<Range<usize>>,
    out: Vec<u8>,
}

impl Hyperscan {
    /// With every rule that it accepts: some are too large for it to tell where a match begins.
    pub fn new() -> Hyperscan {
        let accepted: Vec<&str> =
            common::RULES.into_iter().filter(|r| compiled(&[r]).is_some_and(free)).collect();
        let database = compiled(&accepted).expect("the rules compile together");
        let mut scratch = ptr::null_mut();
        #[allow(unsafe_code, reason = "the database is one; the scratch is freed with it")]
        let allocated = unsafe { hs_alloc_scratch(database, &mut scratch) };
        assert_eq!(allocated, SUCCESS, "no scratch space");
        Hyperscan { database, scratch, rules: accepted.len(), matches: Vec::new(), out: Vec::new() }
    }

    /// What is found in a block, joined where it overlaps, in order: it reports every end that a match may have.
    fn find(&mut self, block: &[u8]) {
        self.matches.clear();
        let context = ptr::from_mut(&mut self.matches).cast();
        #[allow(
            unsafe_code,
            reason = "the block outlives the call; the context is what on_match takes it for"
        )]
        let scanned = unsafe {
            hs_scan(
                self.database,
                block.as_ptr().cast(),
                block.len() as c_uint,
                0,
                self.scratch,
                on_match,
                context,
            )
        };
        assert_eq!(scanned, SUCCESS, "a block could not be scanned");
        self.matches.sort_unstable_by_key(|m| m.start);
        self.matches.dedup_by(|next, before| {
            let joins = next.start < before.end;
            if joins {
                before.end = before.end.max(next.end);
            }
            joins
        });
    }
}

extern "C" fn on_match(
    _: c_uint,
    from: c_ulonglong,
    to: c_ulonglong,
    _: c_uint,
    context: *mut c_void,
) -> c_int {
    #[allow(unsafe_code, reason = "find() hands in its list, and nobody else has it meanwhile")]
    let matches = unsafe { &mut *context.cast::<Vec<Range<usize>>>() };
    matches.push(from as usize..to as usize);
    0
}

/// A database of these rules, if it accepts them.
fn compiled(rules: &[&str]) -> Option<*mut c_void> {
    let texts: Vec<CString> = rules.iter().map(|r| CString::new(*r).expect("no rule holds a zero")).collect();
    let pointers: Vec<*const c_char> = texts.iter().map(|t| t.as_ptr()).collect();
    let flags = vec![FLAG_SOM_LEFTMOST; rules.len()];
    let ids: Vec<c_uint> = (0..rules.len() as c_uint).collect();
    let (mut database, mut error) = (ptr::null_mut(), ptr::null_mut());
    #[allow(unsafe_code, reason = "lists of equal length that outlive the call; the error is freed here")]
    unsafe {
        let n = rules.len() as c_uint;
        let result = hs_compile_multi(
            pointers.as_ptr(),
            flags.as_ptr(),
            ids.as_ptr(),
            n,
            MODE_BLOCK,
            ptr::null(),
            &mut database,
            &mut error,
        );
        if result != SUCCESS {
            eprintln!("hyperscan: {}: {}", rules[0], CStr::from_ptr((*error).message).to_string_lossy());
            hs_free_compile_error(error);
            return None;
        }
    }
    Some(database)
}

#[allow(unsafe_code, reason = "a database that nobody uses any more")]
fn free(database: *mut c_void) -> bool {
    unsafe { hs_free_database(database) == SUCCESS }
}

/// Blocks that end with a line.
fn blocks(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = &text[at..];
        let most = rest.len().min(BLOCK);
        let end = memchr::memrchr(b'\n', &rest[..most]).map_or(most, |n| n + 1);
        at += end;
        (end > 0).then(|| (at - end, &rest[..end]))
    })
}

impl Contestant for Hyperscan {
    fn name(&self) -> &'static str {
        NAMES[6]
    }

    fn version(&self) -> String {
        #[allow(unsafe_code, reason = "a string of the library that lives as long as it does")]
        let version = unsafe { CStr::from_ptr(hs_version()) }.to_string_lossy();
        let all = common::RULES.len();
        format!("{version}; {} of {all} rules, block mode, start of match", self.rules)
    }

    fn finds(&self) -> Finds {
        Finds::Structured
    }

    fn redact(&mut self, labelled: &Labelled) -> usize {
        self.out.clear();
        for (_, block) in blocks(&labelled.text) {
            self.find(block);
            let mut at = 0;
            for m in &self.matches {
                self.out.extend_from_slice(&block[at..m.start]);
                self.out.extend_from_slice(b"[REDACTED]");
                at = m.end;
            }
            self.out.extend_from_slice(&block[at..]);
        }
        self.out.len()
    }

    fn removed(&mut self, labelled: &Labelled) -> Option<Removed> {
        let mut spans = Vec::new();
        for (base, block) in blocks(&labelled.text) {
            self.find(block);
            spans.extend(self.matches.iter().map(|m| base + m.start..base + m.end));
        }
        Some(Removed::Spans(spans))
    }
}

#[allow(unsafe_code, reason = "made by new, used by nobody else")]
impl Drop for Hyperscan {
    fn drop(&mut self) {
        unsafe {
            hs_free_scratch(self.scratch);
            hs_free_database(self.database);
        }
    }
}
