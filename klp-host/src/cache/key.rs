// SPDX-License-Identifier: GPL-2.0-only

//! Keys of cache entries: hashes of their inputs.

use sha2::{Digest as _, Sha256};

/// The hex digits of a key in a name.
pub(super) const KEY_LENGTH: usize = 12;

/// A hash over named values: all that an entry depends on.
#[derive(Clone, Debug, Default)]
pub struct Key {
    hash: Sha256,
}

impl Key {
    /// An empty key.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a named value. Lengths go in too, so that neighbours cannot run together.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        for part in [name.as_bytes(), value.as_ref()] {
            self.hash.update((part.len() as u64).to_le_bytes());
            self.hash.update(part);
        }
        self
    }

    /// The first hex digits: enough for the few entries a machine has.
    pub fn short(&self) -> String {
        let mut digits = self.long();
        digits.truncate(KEY_LENGTH);
        digits
    }

    /// All hex digits.
    pub(super) fn long(&self) -> String {
        let digest = self.hash.clone().finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_neighbouring_values_apart() {
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
