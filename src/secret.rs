//! Values that must not be shown: keys, and text that may hold PHI.

use std::fmt;

use zeroize::Zeroize;

/// Holds a value whose bytes must never reach a log line, an error or a debugger's print-out, and wipes it when
/// it goes.
///
/// ```
/// use scrubjay::Sensitive;
/// let s = Sensitive::new(String::from("219-10-9999"));
/// assert_eq!(format!("{s:?}"), "Sensitive(11 bytes)");
/// ```
pub struct Sensitive<T: Zeroize + AsRef<[u8]>>(T);

impl<T: Zeroize + AsRef<[u8]>> Sensitive<T> {
    /// Takes the value in.
    pub fn new(value: T) -> Sensitive<T> {
        Sensitive(value)
    }

    /// The value itself. Named so that each use stands out in review.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize + AsRef<[u8]>> fmt::Debug for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sensitive({} bytes)", self.0.as_ref().len())
    }
}

impl<T: Zeroize + AsRef<[u8]>> Drop for Sensitive<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
