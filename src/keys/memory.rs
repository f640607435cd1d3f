//! Memory that keys are held in: out of core dumps, and out of swap where the system allows that.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};

use zeroize::Zeroize;

use crate::secret::Sensitive;

/// Bytes that a [`Locked`] has room for.
const ROOM: usize = 64;

/// That locking was refused is told once.
static TOLD: AtomicBool = AtomicBool::new(false);

/// Keeps this process's memory out of core dumps, for they hold keys and payload: its limit of core dumps becomes 0, for good,
/// and on Linux other processes of the same user can no longer read its memory (`PR_SET_DUMPABLE`, which also keeps debuggers
/// off). Called first of all; what the system refuses is left as it is and told.
#[cfg(unix)]
pub fn forbid_core_dumps() -> Result<(), CoreDumpsError> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limited = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    #[cfg(target_os = "linux")]
    let hidden = {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        set_dumpable_behavior(DumpableBehavior::NotDumpable)
    };
    #[cfg(not(target_os = "linux"))]
    let hidden: Result<(), rustix::io::Errno> = Ok(());
    limited.and(hidden).map_err(|_| CoreDumpsError)
}

/// Keeps this process's memory out of core dumps; there is no way on this system.
#[cfg(not(unix))]
pub fn forbid_core_dumps() -> Result<(), CoreDumpsError> {
    Err(CoreDumpsError)
}

/// Core dumps could not be forbidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "core dumps of this process, which hold keys and payload, could not be forbidden; forbid them for the service (LimitCORE=0)"
)]
pub struct CoreDumpsError;

/// Something that holds keys, in pages of its own that are locked in memory where that is allowed (`mlock`). It begins empty, as its default,
/// and must wipe itself when it is dropped.
///
/// Each takes the pages it needs of the limit that the system sets (`RLIMIT_MEMLOCK`, `ulimit -l`). Where locking is refused the keys are
/// held all the same, and a warning says so, once: then swap must be off or encrypted (45 CFR 164.312(a)(2)(iv)).
pub(crate) struct LockedBox<T: Default> {
    // Unlocked before the pages are given back, for fields are dropped in this order, and after they were wiped.
    lock: Option<region::LockGuard>,
    page: Box<Page<T>>,
}

/// Nothing smaller than a page can be locked, and locks do not add up: a page is unlocked by whoever unlocks it first. The
/// alignment, a page of Apple's processors, which the size follows, keeps a box of this from sharing its page.
#[repr(C, align(16384))]
#[derive(Default)]
struct Page<T>(T);

impl<T: Default> Default for LockedBox<T> {
    fn default() -> LockedBox<T> {
        let page = Box::<Page<T>>::default();
        // All pages that the value reaches into.
        let lock = region::lock(&raw const page.0, size_of::<T>().max(1)).ok();
        if lock.is_none() && !TOLD.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "keys could be swapped to disk: locking memory is not allowed; raise its limit (LimitMEMLOCK=, ulimit -l), or turn swap off"
            );
        }
        LockedBox { lock, page }
    }
}

impl<T: Default> Deref for LockedBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.page.0
    }
}

impl<T: Default> DerefMut for LockedBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.page.0
    }
}

impl<T: Default> Drop for LockedBox<T> {
    fn drop(&mut self) {
        // Where it stands, while it is still locked.
        self.page.0 = T::default();
    }
}

/// A key of up to 64 bytes in a [`LockedBox`], wiped when it goes.
pub struct Locked(LockedBox<Room>);

struct Room {
    bytes: [u8; ROOM],
    length: usize,
}

impl Default for Room {
    fn default() -> Room {
        Room { bytes: [0; ROOM], length: 0 }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl Locked {
    /// Takes a key in. `None` if it is longer than 64 bytes.
    pub fn new<T: Zeroize + AsRef<[u8]>>(key: &Sensitive<T>) -> Option<Locked> {
        let bytes = key.expose().as_ref();
        if bytes.len() > ROOM {
            return None;
        }
        let mut room = LockedBox::<Room>::default();
        // Not before it is locked.
        room.bytes[..bytes.len()].copy_from_slice(bytes);
        room.length = bytes.len();
        Some(Locked(room))
    }

    /// The key itself. Named so that each use stands out in review.
    pub fn expose(&self) -> &[u8] {
        &self.0.bytes[..self.0.length]
    }

    /// Whether the system keeps it out of swap.
    pub fn is_locked(&self) -> bool {
        self.0.lock.is_some()
    }
}

impl fmt::Debug for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Locked({} bytes)", self.0.length)
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::process::Command;

    use super::*;

    /// Says to a child that it is one.
    const CHILD: &str = "SCRUBJAY_MEMORY_CHILD";

    fn locked(fill: u8) -> Locked {
        Locked::new(&Sensitive::new([fill; 32])).unwrap()
    }

    /// A line of a file of /proc/self, its words.
    fn proc(file: &str, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(format!("/proc/self/{file}")).unwrap();
        let line = text.lines().find_map(|l| l.strip_prefix(name)).unwrap();
        line.split_whitespace().map(str::to_string).collect()
    }

    /// Runs the calling test again in a process of its own, under the limits that `ulimit` sets: what it does is done to the whole
    /// process.
    fn in_a_process(test: &str, ulimit: &str, by: &str) -> bool {
        if std::env::var_os(CHILD).is_some() {
            return true;
        }
        let exact = format!("keys::memory::tests::{test}");
        let out = Command::new("sh")
            .args([
                "-c",
                &format!("{ulimit} && exec {by} \"$0\" --exact {exact} --nocapture --test-threads=1"),
            ])
            .arg(std::env::current_exe().unwrap())
            .env(CHILD, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success() && said.contains("1 passed"), "{said}");
        false
    }

    #[test]
    fn core_dumps_are_forbidden_for_good() {
        if !in_a_process("core_dumps_are_forbidden_for_good", "ulimit -S -c 1024 || true", "") {
            return;
        }
        forbid_core_dumps().unwrap();
        assert_eq!(proc("limits", "Max core file size")[..2], ["0", "0"]);
        use rustix::process::{DumpableBehavior, dumpable_behavior};
        assert!(matches!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable)));
        forbid_core_dumps().unwrap();
    }

    #[test]
    fn keys_are_locked_each_by_itself() {
        if !in_a_process("keys_are_locked_each_by_itself", "true", "") {
            return;
        }
        let kib = || proc("status", "VmLck:")[0].parse::<usize>().unwrap();
        let before = kib();
        let (a, b) = (locked(1), locked(2));
        assert!(a.is_locked(), "locking memory is not allowed here at all: ulimit -l is below two pages");
        let page = region::page::size() >> 10;
        assert_eq!(kib() - before, 2 * page);
        drop(a);
        assert_eq!(kib() - before, page, "unlocking one unlocked the other");
        assert_eq!(b.expose(), &[2; 32]);
        drop(b);
        assert_eq!(kib(), before);
        // What is larger than a page is locked as a whole, and dropped where it stands.
        struct Large([u8; 20_000]);
        impl Default for Large {
            fn default() -> Large {
                Large([0; 20_000])
            }
        }
        let mut large = LockedBox::<Large>::default();
        large.0[19_999] = 7;
        assert_eq!(kib() - before, 20_000usize.div_ceil(page << 10) * page);
        drop(large);
        assert_eq!(kib(), before);
    }

    #[test]
    fn where_locking_is_refused_keys_are_held_all_the_same() {
        // Root may lock as much as it likes: the capability to is taken from it.
        let unprivileged =
            if rustix::process::geteuid().is_root() { "setpriv --bounding-set=-ipc_lock" } else { "" };
        if !in_a_process("where_locking_is_refused_keys_are_held_all_the_same", "ulimit -l 0", unprivileged) {
            return;
        }
        let key = locked(7);
        assert_eq!(key.expose(), &[7; 32]);
        assert!(!key.is_locked() && TOLD.load(Ordering::Relaxed));
    }

    #[test]
    fn only_keys_fit_and_none_is_shown() {
        assert!(Locked::new(&Sensitive::new(vec![1; ROOM])).is_some());
        assert!(Locked::new(&Sensitive::new(vec![1; ROOM + 1])).is_none());
        assert_eq!(format!("{:?}", locked(0xAB)), "Locked(32 bytes)");
        fn check<T: Send + Sync>() {}
        check::<Locked>();
    }
}
