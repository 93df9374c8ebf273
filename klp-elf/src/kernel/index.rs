// SPDX-License-Identifier: GPL-2.0-only

//! Finds entries of a table by their names, without a copy of the names.

use std::hash::{BuildHasher as _, RandomState};

/// The entries of a table, by a hash of their names.
pub(crate) struct Index {
    /// Randomly keyed, so that no file can have names that collide.
    hasher: RandomState,
    /// The hash in the upper half and the entry in the lower one; sorted.
    entries: Vec<u64>,
}

impl Index {
    /// The index of these entries.
    pub(crate) fn new<'a>(entries: impl Iterator<Item = (u32, &'a [u8])>) -> Self {
        let hasher = RandomState::new();
        let mut entries: Vec<u64> = entries
            .map(|(entry, name)| hash(&hasher, name) | u64::from(entry))
            .collect();
        entries.sort_unstable();
        Self { hasher, entries }
    }

    /// The entries whose hash is that of the name, in ascending order; few have another name.
    pub(crate) fn find(&self, name: &[u8]) -> impl Iterator<Item = u32> + use<'_> {
        let hash = hash(&self.hasher, name);
        let start = self.entries.partition_point(|entry| *entry < hash);
        let rest = self.entries.get(start..).unwrap_or_default();
        let same = rest.iter().take_while(move |entry| *entry & UPPER == hash);
        same.map(|entry| (entry & !UPPER) as u32)
    }

    /// Whether any name has more than `limit` entries.
    pub(crate) fn repeats(&self, limit: usize) -> bool {
        let mut pairs = self.entries.iter().zip(self.entries.iter().skip(limit));
        pairs.any(|(first, last)| first & UPPER == last & UPPER)
    }
}

const UPPER: u64 = !(u32::MAX as u64);

fn hash(hasher: &RandomState, name: &[u8]) -> u64 {
    hasher.hash_one(name) & UPPER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_in_their_order() {
        let names = [b"one", b"two", b"one", b"six", b"one"];
        let index = Index::new((0..).zip(names.iter().map(|name| &name[..])));
        let found = |name: &str| index.find(name.as_bytes()).collect::<Vec<_>>();
        assert_eq!(found("one"), [0, 2, 4]);
        assert_eq!(found("six"), [3]);
        assert!(index.repeats(2) && !index.repeats(3));
    }
}
