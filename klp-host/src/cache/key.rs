// SPDX-License-Identifier: GPL-2.0-only

//! Keys of cache entries: hashes of their inputs.

use sha2::{Digest as _, Sha256};

/// The number of hex digits of a key in a name.
pub(super) const KEY_LENGTH: usize = 12;

/// A hash of the named values that an entry depends on.
#[derive(Clone, Debug, Default)]
pub struct Key {
    hash: Sha256,
}

impl Key {
    /// Creates an empty key.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a named value. Lengths are hashed too, so that adjacent values stay distinct.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        for part in [name.as_bytes(), value.as_ref()] {
            self.hash.update((part.len() as u64).to_le_bytes());
            self.hash.update(part);
        }
        self
    }

    /// Returns the first hex digits, which suffice for the few entries of a machine.
    pub fn short(&self) -> String {
        let mut digits = self.long();
        digits.truncate(KEY_LENGTH);
        digits
    }

    /// Returns all hex digits.
    pub(super) fn long(&self) -> String {
        let digest = self.hash.clone().finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjacent_values_stay_distinct() {
        let short = |key: Key| key.short();
        let two = || Key::new().with("x", "1").with("y", "2");
        assert_eq!(short(two()), short(two()));
        assert_ne!(short(two()), short(Key::new().with("x", "1y2")));
        assert_ne!(
            short(two()),
            short(Key::new().with("y", "2").with("x", "1"))
        );
    }
}
