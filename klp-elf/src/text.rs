// SPDX-License-Identifier: GPL-2.0-only

//! Text from files of others.
//!
//! Such a file may hold anything where a name should be: escape sequences for a terminal, lines that
//! look like those of a log, code. A [`Name`] holds what a file says, and shows it escaped and not too
//! long. An [`Identifier`] is a name that was checked, and may stand in code.

use crate::limits::{NAME_MAX, SHOWN_MAX};
use std::borrow::Borrow;
use std::fmt::{self, Write as _};
use std::ops::Deref;
use std::path::Path;

/// A name, or another short text, from a file of others.
///
/// `Display` escapes what does not belong into a line of a message, and shows [`SHOWN_MAX`]
/// characters. Of a text longer than a name can be, only the beginning is kept.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Name {
    bytes: Box<[u8]>,
    /// Is it only the beginning?
    cut: bool,
}

/// A name as C has it: of letters, digits and underscores, and of dots where the compiler made it.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Identifier(String);

/// Shows text of others escaped and not too long.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    bytes: &'a [u8],
    cut: bool,
    most: usize,
}

impl Name {
    /// What a file says.
    pub fn new(bytes: &[u8]) -> Self {
        let kept = bytes.get(..NAME_MAX).unwrap_or(bytes);
        Self {
            bytes: kept.into(),
            cut: kept.len() < bytes.len(),
        }
    }

    /// As it stands in the file. Not for people to see.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// As it stands in the file, when it is whole and UTF-8. Not for people to see.
    pub fn to_str(&self) -> Option<&str> {
        match self.cut {
            true => None,
            false => std::str::from_utf8(&self.bytes).ok(),
        }
    }

    /// Is it longer than a name can be?
    pub fn is_too_long(&self) -> bool {
        self.cut
    }

    /// Is there nothing?
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Does it begin with that?
    pub fn starts_with(&self, start: &str) -> bool {
        self.bytes.starts_with(start.as_bytes())
    }

    /// Does it have that in it?
    pub fn contains(&self, part: &str) -> bool {
        let mut windows = self.bytes.windows(part.len().max(1));
        part.is_empty() || windows.any(|window| window == part.as_bytes())
    }

    /// All of it that is kept, escaped: for programs.
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
    /// The name, if it is one.
    pub fn new(name: &[u8]) -> Option<Self> {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.".contains(byte);
        let first = name.first()?;
        let is_one = name.len() <= NAME_MAX && !first.is_ascii_digit() && name.iter().all(allowed);
        let text = std::str::from_utf8(name).ok().filter(|_| is_one)?;
        Some(Self(text.to_owned()))
    }

    /// It as a string.
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

    /// Shows a path, the whole of it.
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

/// May a character stand in a message as it is? Those that move the cursor, end lines, are not seen, or
/// change the direction of what follows may not.
fn is_plain(character: char) -> bool {
    character == ' ' || character.is_ascii_graphic() || character.is_alphanumeric()
}

/// Names for a message, each in quotes.
pub fn quoted(names: &[Name]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// A string that takes a limited number of bytes.
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

/// Fails when more is written than it takes.
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
    fn long_ones_are_cut() {
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
