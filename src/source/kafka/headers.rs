//! Headers of a message, as far as the binding can read them.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use rdkafka::message::{BorrowedMessage, Header, Headers, Message};

use crate::record::Batch;

/// The header itself cannot be had: neither its name nor its value is forwarded or sealed.
const NOT_UTF8: &str = "a header's name is not UTF-8";
const NOT_READ: &str = "a header cannot be read";

/// Copies the headers into the batch. How many those are, and why one is lacking, if one is.
pub(super) fn append_headers(
    batch: &mut Batch,
    message: &BorrowedMessage<'_>,
) -> (usize, Option<&'static str>) {
    let Some(headers) = message.headers() else { return (0, None) };
    let (mut count, mut flaw) = (0, None);
    for i in 0..headers.count() {
        match read(headers, i) {
            Ok(header) => {
                batch.push_header(header.key.as_bytes(), header.value);
                count += 1;
            }
            Err(why) => flaw = Some(why),
        }
    }
    (count, flaw)
}

/// The binding panics on a name that is not UTF-8, which Kafka asks for but no broker checks.
fn read<H: Headers>(headers: &H, i: usize) -> Result<Header<'_, &[u8]>, &'static str> {
    let header = unheard(|| headers.try_get(i)).ok_or(NOT_UTF8)?;
    header.ok_or(NOT_READ)
}

thread_local! {
    /// This thread expects a panic and deals with it.
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// The result, or `None` if it panicked, of which nothing is printed.
fn unheard<T>(f: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |what| {
            if !EXPECTED.get() {
                others(what);
            }
        }));
    });
    EXPECTED.set(true);
    let result = catch_unwind(AssertUnwindSafe(f));
    EXPECTED.set(false);
    result.ok()
}

#[cfg(test)]
mod tests {
    use rdkafka::message::OwnedHeaders;

    use super::*;

    #[test]
    fn a_panic_is_no_header() {
        struct Bad;
        impl Headers for Bad {
            fn count(&self) -> usize {
                1
            }
            fn try_get(&self, _: usize) -> Option<Header<'_, &[u8]>> {
                panic!("the name is not UTF-8")
            }
        }
        assert_eq!(read(&Bad, 0), Err(NOT_UTF8));
        let good = OwnedHeaders::new().insert(Header { key: "k", value: Some("v") });
        assert_eq!(read(&good, 0), Ok(Header { key: "k", value: Some(b"v".as_slice()) }));
        assert_eq!(read(&good, 1), Err(NOT_READ));
    }
}
