//! What the system says when something cannot be done, as the middle of a sentence, and what to do about it.

use std::io::{Error, ErrorKind};

/// An I/O error in words, without the number the standard library appends.
pub fn plain_reason(error: &Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map(|c| c.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// Why a file cannot be read, and what to do.
pub(crate) fn unreadable(error: &Error) -> String {
    let advice = match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => "; check the path",
        ErrorKind::PermissionDenied => "; check who may read it",
        ErrorKind::InvalidInput => "; check the name",
        _ => "; check the disk or the mount it is on",
    };
    format!("{}{advice}", plain_reason(error))
}

/// Why nothing can be written there, and what to do; `elsewhere` says how another place is chosen.
pub(crate) fn unwritable(error: &Error, elsewhere: &str) -> String {
    let advice = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => "make room",
        ErrorKind::PermissionDenied => "let this user write there",
        ErrorKind::ReadOnlyFilesystem => "mount it for writing",
        ErrorKind::NotFound => "make the directory it is in",
        _ => "check the disk or the mount it is on",
    };
    format!("{}; {advice}, or {elsewhere}", plain_reason(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_numbers_and_a_way_out() {
        for (code, read, write) in [
            (
                2,
                "no such file or directory; check the path",
                "no such file or directory; make the directory it is in, or go",
            ),
            (
                13,
                "permission denied; check who may read it",
                "permission denied; let this user write there, or go",
            ),
            (
                5,
                "input/output error; check the disk or the mount it is on",
                "input/output error; check the disk or the mount it is on, or go",
            ),
            (
                28,
                "no space left on device; check the disk or the mount it is on",
                "no space left on device; make room, or go",
            ),
        ] {
            let error = Error::from_raw_os_error(code);
            assert_eq!((&*unreadable(&error), &*unwritable(&error, "go")), (read, write));
        }
    }
}
