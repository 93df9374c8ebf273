// SPDX-License-Identifier: GPL-2.0-only

//! Text from untrusted files.
//!
//! Such a file may have anything in place of a name: terminal escape sequences, lines that look like
//! those of a log, code. A [`Name`] keeps the bytes of the file, and prints them escaped and
//! truncated. An [`Identifier`] is checked, and safe to write into code.

use crate::limits::{NAME_MAX, SHOWN_MAX};
use std::borrow::Borrow;
use std::fmt::{self, Write as _};
use std::ops::Deref;
use std::path::Path;

/// A name, or another short text, from an untrusted file.
///
/// `Display` escapes control and invisible characters, and prints at most [`SHOWN_MAX`]
/// characters. Only the first [`NAME_MAX`] bytes are kept.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Name {
    bytes: Box<[u8]>,
    /// Whether the text was longer.
    cut: bool,
}

/// A C identifier: letters, digits and underscores, and the dots of compiler-generated names.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Identifier(String);

/// Prints untrusted text, escaped and truncated.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    bytes: &'a [u8],
    cut: bool,
    most: usize,
}

impl Name {
    /// The name with these bytes of a file.
    pub fn new(bytes: &[u8]) -> Self {
        let kept = bytes.get(..NAME_MAX).unwrap_or(bytes);
        Self {
            bytes: kept.into(),
            cut: kept.len() < bytes.len(),
        }
    }

    /// The raw bytes of the file. Do not print them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The raw text of the file, if it is complete and UTF-8. Do not print it.
    pub fn to_str(&self) -> Option<&str> {
        match self.cut {
            true => None,
            false => std::str::from_utf8(&self.bytes).ok(),
        }
    }

    /// Whether it is longer than a name can be.
    pub fn is_too_long(&self) -> bool {
        self.cut
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether it begins with `start`.
    pub fn starts_with(&self, start: &str) -> bool {
        self.bytes.starts_with(start.as_bytes())
    }

    /// Whether it contains `part`.
    pub fn contains(&self, part: &str) -> bool {
        let mut windows = self.bytes.windows(part.len().max(1));
        part.is_empty() || windows.any(|window| window == part.as_bytes())
    }

    /// The kept bytes, escaped but not truncated: for programs.
    pub fn escaped(&self) -> String {
        self.shown(usize::MAX).to_string()
    }

    fn shown(&self, most: usize) -> Shown<'_> {
        Shown {
            bytes: &self.bytes,
            cut: self.cut,
            most,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown(SHOWN_MAX).fmt(f)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

impl From<&Identifier> for Name {
    fn from(name: &Identifier) -> Self {
        Self::from(name.as_str())
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        !self.cut && *self.bytes == *other.as_bytes()
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl Identifier {
    /// The name, if it is valid.
    pub fn new(name: &[u8]) -> Option<Self> {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.".contains(byte);
        let first = name.first()?;
        let is_one = name.len() <= NAME_MAX && !first.is_ascii_digit() && name.iter().all(allowed);
        let text = std::str::from_utf8(name).ok().filter(|_| is_one)?;
        Some(Self(text.to_owned()))
    }

    /// The identifier as a string slice.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Identifier {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<[u8]> for Identifier {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Borrow<str> for Identifier {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq<str> for Identifier {
    fn eq(&self, other: &str) -> bool {
        self.0 == *other
    }
}

impl PartialEq<&str> for Identifier {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl<'a> Shown<'a> {
    /// Shows bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            cut: false,
            most: SHOWN_MAX,
        }
    }

    /// Shows a path, not truncated.
    pub fn path(path: &'a Path) -> Self {
        Self {
            bytes: path.as_os_str().as_encoded_bytes(),
            cut: false,
            most: usize::MAX,
        }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.most;
        let mut more = |f: &mut fmt::Formatter<'_>| match left.checked_sub(1) {
            Some(rest) => {
                left = rest;
                Ok(true)
            }
            None => f.write_str("...").map(|()| false),
        };
        for chunk in self.bytes.utf8_chunks() {
            for character in chunk.valid().chars() {
                if !more(f)? {
                    return Ok(());
                }
                match is_plain(character) {
                    true => f.write_char(character)?,
                    false => write!(f, "{}", character.escape_default())?,
                }
            }
            for byte in chunk.invalid() {
                if !more(f)? {
                    return Ok(());
                }
                write!(f, "\\x{byte:02x}")?;
            }
        }
        match self.cut {
            true => f.write_str("..."),
            false => Ok(()),
        }
    }
}

/// Whether a character is printed unescaped: not if it moves the cursor, ends a line, is invisible, or changes
/// the text direction.
fn is_plain(character: char) -> bool {
    character == ' ' || character.is_ascii_graphic() || character.is_alphanumeric()
}

/// Names for a message, each in quotes.
pub fn quoted(names: &[Name]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// A string of limited length.
pub(crate) struct Limited {
    text: String,
    limit: usize,
}

impl Limited {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            text: String::new(),
            limit,
        }
    }

    pub(crate) fn into_string(self) -> String {
        self.text
    }
}

/// Fails if the string would exceed the limit.
impl fmt::Write for Limited {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.len() > self.limit - self.text.len() {
            return Err(fmt::Error);
        }
        self.text.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_not_escaped() {
        for name in [
            "show",
            "_RNvC1a1b",
            "a.isra.0",
            "<core::fmt::Error as T>::f",
            "b\u{fc}ro",
            "",
        ] {
            assert_eq!(Name::from(name).to_string(), name);
        }
    }

    #[test]
    fn control_characters_are_escaped() {
        for (bytes, shown) in [
            (&b"a\n::error::b"[..], "a\\n::error::b"),
            (b"\r\x1b[2J\x07", "\\r\\u{1b}[2J\\u{7}"),
            (b"\x9b1m\xff", "\\x9b1m\\xff"),
            ("\u{9b}\u{85}".as_bytes(), "\\u{9b}\\u{85}"),
            (
                "\u{202e}x\u{2066}\u{200b}".as_bytes(),
                "\\u{202e}x\\u{2066}\\u{200b}",
            ),
            (
                "\u{2028}\u{2029}\u{feff}".as_bytes(),
                "\\u{2028}\\u{2029}\\u{feff}",
            ),
            (b"\0\t\x7f", "\\u{0}\\t\\u{7f}"),
        ] {
            assert_eq!(Name::new(bytes).to_string(), shown);
            assert_eq!(format!("{:?}", Name::new(bytes)), format!("\"{shown}\""));
            assert_eq!(Shown::new(bytes).to_string(), shown);
        }
    }

    #[test]
    fn long_names_are_truncated() {
        let long = Name::new(&[b'a'; NAME_MAX]);
        assert_eq!(long.to_string(), "a".repeat(SHOWN_MAX) + "...");
        assert_eq!(long.escaped().len(), NAME_MAX);
        assert!(!long.is_too_long());
        let longer = Name::new(&[b'a'; NAME_MAX + 1]);
        assert!(longer.is_too_long() && longer != long && longer.to_str().is_none());
        assert!(longer.escaped().ends_with("a..."));
        assert_eq!(longer.as_bytes().len(), NAME_MAX);
    }

    #[test]
    fn identifiers_are_checked() {
        for name in ["show", "_", "a.isra.0", "type", ".L1"] {
            assert_eq!(Identifier::new(name.as_bytes()).expect(name), name);
        }
        let long = "a".repeat(NAME_MAX + 1);
        for name in ["", "1a", "a b", "a\n", "b\u{fc}ro", "a\"", "a*/", &long] {
            assert_eq!(Identifier::new(name.as_bytes()), None, "{name}");
        }
        assert_eq!(Identifier::new(b"\xff"), None);
    }
}
