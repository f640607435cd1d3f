//! Tags seen lately and their tokens, in bounded memory. It holds no text: a tag is a keyed hash, a token is random.
//!
//! Sets of eight entries in shards with a lock each. A tag is the output of a keyed hash, which nobody outside can
//! steer: its first bytes choose the set as they stand, and the next four are compared before the rest, side by side
//! in one line of the processor's cache. Within a set the entry used longest ago makes room.

use std::sync::{Mutex, PoisonError};

use super::types::{Tag, TokenId};

const WAYS: usize = 8;
const SHARDS: usize = 64;

/// A set: first what is looked at for every tag that comes to it.
struct Set {
    /// Bytes 8 to 12 of each tag.
    prints: [u32; WAYS],
    /// When each was used last, by the shard's counter; 0 is an empty entry.
    used: [u32; WAYS],
    entries: [Entry; WAYS],
}

#[derive(Clone, Copy)]
struct Entry {
    tag: Tag,
    token: TokenId,
    /// The day it was last written down as seen; an entry of another day is none.
    day: u32,
}

impl Set {
    fn empty() -> Box<Set> {
        let entry = Entry { tag: [0; 32], token: TokenId([0; 16]), day: 0 };
        Box::new(Set { prints: [0; WAYS], used: [0; WAYS], entries: [entry; WAYS] })
    }

    fn position(&self, tag: &Tag) -> Option<usize> {
        let print = print(tag);
        let is_it =
            |at: &usize| self.prints[*at] == print && self.used[*at] != 0 && self.entries[*at].tag == *tag;
        (0..WAYS).find(is_it)
    }
}

/// What a set takes with its place in the shard and what the allocator adds.
const SET_BYTES: usize = size_of::<Set>() + size_of::<Option<Box<Set>>>() + 16;

struct Shard {
    sets: Vec<Option<Box<Set>>>,
    uses: u32,
}

/// The cache. Sets take memory when they are first used.
pub(crate) struct Cache {
    shards: Vec<Mutex<Shard>>,
    sets: u64,
}

impl Cache {
    /// One that takes at most `bytes`; below 64 sets of eight (about 30 KiB) there is none.
    pub(crate) fn new(bytes: usize) -> Cache {
        let sets = bytes / SET_BYTES / SHARDS;
        let shard =
            || Mutex::new(Shard { sets: std::iter::repeat_with(|| None).take(sets).collect(), uses: 0 });
        Cache { shards: std::iter::repeat_with(shard).take(SHARDS).collect(), sets: sets as u64 }
    }

    /// The token of a tag that was put in on the same day.
    pub(crate) fn find(&self, tag: &Tag, today: u32) -> Option<TokenId> {
        self.with_set(tag, |set, now| {
            let set = set.as_mut()?;
            let at = set.position(tag).filter(|at| set.entries[*at].day == today)?;
            set.used[at] = now;
            Some(set.entries[at].token)
        })?
    }

    /// Takes in a tag and its token.
    pub(crate) fn put(&self, tag: &Tag, token: TokenId, today: u32) {
        self.with_set(tag, |set, now| {
            let set = set.get_or_insert_with(Set::empty);
            let oldest = || (0..WAYS).min_by_key(|at| set.used[*at]).unwrap_or(0);
            let at = set.position(tag).unwrap_or_else(oldest);
            (set.prints[at], set.used[at]) = (print(tag), now);
            set.entries[at] = Entry { tag: *tag, token, day: today };
        });
    }

    /// Forgets a tag.
    pub(crate) fn forget(&self, tag: &Tag) {
        self.with_set(tag, |set, _| {
            if let Some(set) = set
                && let Some(at) = set.position(tag)
            {
                set.used[at] = 0;
            }
        });
    }

    /// Forgets everything.
    #[cfg(feature = "postgres")]
    pub(crate) fn clear(&self) {
        for shard in &self.shards {
            shard.lock().unwrap_or_else(PoisonError::into_inner).sets.fill_with(|| None);
        }
    }

    fn with_set<R>(&self, tag: &Tag, visit: impl FnOnce(&mut Option<Box<Set>>, u32) -> R) -> Option<R> {
        if self.sets == 0 {
            return None;
        }
        let [a, b, c, d, e, f, g, h, ..] = *tag;
        let head = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let shard = &mut *self.shards[head as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner);
        shard.uses = shard.uses.wrapping_add(1).max(1);
        Some(visit(&mut shard.sets[(head / SHARDS as u64 % self.sets) as usize], shard.uses))
    }
}

fn print(tag: &Tag) -> u32 {
    u32::from_le_bytes([tag[8], tag[9], tag[10], tag[11]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(n: u64) -> Tag {
        let mut tag = [0; 32];
        for (i, part) in tag.chunks_exact_mut(8).enumerate() {
            part.copy_from_slice(
                &(n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17 * i as u32).to_le_bytes(),
            );
        }
        tag
    }

    fn token(n: u64) -> TokenId {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&n.to_le_bytes());
        TokenId(id)
    }

    #[test]
    fn finds_what_was_put_in_on_the_day() {
        let cache = Cache::new(1 << 20);
        cache.put(&tag(1), token(1), 7);
        assert_eq!(cache.find(&tag(1), 7), Some(token(1)));
        assert_eq!((cache.find(&tag(1), 8), cache.find(&tag(2), 7)), (None, None));
        cache.put(&tag(1), token(3), 8);
        assert_eq!((cache.find(&tag(1), 8), cache.find(&tag(1), 7)), (Some(token(3)), None));
        cache.forget(&tag(1));
        assert_eq!(cache.find(&tag(1), 8), None);
    }

    #[test]
    fn tags_that_share_a_set_are_told_apart() {
        let cache = Cache::new(1 << 20);
        let tags: Vec<Tag> = (0..8u8)
            .map(|i| {
                let mut t = [9; 32];
                t[31] = i;
                t
            })
            .collect();
        for (i, tag) in tags.iter().enumerate() {
            cache.put(tag, token(i as u64), 1);
        }
        for (i, tag) in tags.iter().enumerate() {
            assert_eq!(cache.find(tag, 1), Some(token(i as u64)));
        }
        // The ninth takes the place of the one used longest ago.
        cache.find(&tags[0], 1);
        let mut ninth = [9; 32];
        ninth[31] = 200;
        cache.put(&ninth, token(200), 1);
        let left: Vec<bool> = tags.iter().map(|t| cache.find(t, 1).is_some()).collect();
        assert_eq!(left, [true, false, true, true, true, true, true, true]);
    }

    #[test]
    fn memory_is_bounded() {
        let bytes = 1 << 20;
        let cache = Cache::new(bytes);
        for n in 0..100_000 {
            cache.put(&tag(n), token(n), 1);
        }
        let filled: usize =
            cache.shards.iter().map(|s| s.lock().unwrap().sets.iter().flatten().count()).sum();
        assert!(filled > 1000 && filled * SET_BYTES <= bytes, "{filled} sets of {SET_BYTES} bytes");
        let kept = (0..100_000).filter(|n| cache.find(&tag(*n), 1) == Some(token(*n))).count();
        assert!(kept > filled * WAYS * 9 / 10, "{kept} kept in {filled} sets");
        let none = Cache::new(100);
        none.put(&tag(1), token(1), 1);
        assert_eq!(none.find(&tag(1), 1), None);
    }
}
