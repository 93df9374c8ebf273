// SPDX-License-Identifier: GPL-2.0-only

//! Collects functions and copies; each name and path is stored once.

use super::index::Found;
use super::paths::Tree;
use std::collections::{HashMap, HashSet};

/// The most records; no kernel has as many.
const MOST_RECORDS: usize = 64 << 20;

/// An interned string.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Word(u32);

/// A function as the source defines it: name, file, line.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Function {
    pub(super) name: Word,
    pub(super) file: Word,
    pub(super) line: u32,
}

/// A copy of `function` in `into`, for the call at `site`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Copy {
    pub(super) function: Function,
    pub(super) into: Function,
    pub(super) site: (Word, u32),
    pub(super) through: Vec<Word>,
}

/// The functions and copies in an object's debug information.
#[derive(Default)]
pub(super) struct Collection {
    words: HashMap<Box<str>, Word>,
    texts: Vec<Box<str>>,
    copies: HashSet<Copy>,
    /// Copies of functions in headers, with the first site of each: there are too many to keep all sites.
    common: HashMap<(Function, Function), (Word, u32)>,
    entries: HashSet<(Function, u64)>,
    pub(super) tree: Tree,
}

impl Collection {
    pub(super) fn word(&mut self, text: &str) -> Word {
        if let Some(word) = self.words.get(text) {
            return *word;
        }
        // A file has fewer texts than bytes of names, and ones with more than 4 GiB of names are refused
        // before.
        let word = Word(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
        self.texts.push(text.into());
        self.words.insert(text.into(), word);
        word
    }

    fn text(&self, word: Word) -> &str {
        self.texts.get(word.0 as usize).map_or("", |text| text)
    }

    /// Records a function's entry.
    pub(super) fn entry(&mut self, function: Function, address: u64) -> Result<(), &'static str> {
        self.entries.insert((function, address));
        self.check()
    }

    /// Records a copy. A copy in the function itself is ignored: replacing the function replaces it too.
    pub(super) fn copy(&mut self, copy: Copy) -> Result<(), &'static str> {
        if copy.function == copy.into {
            return Ok(());
        }
        if self.text(copy.function.file).ends_with(".h") {
            let site = self
                .common
                .entry((copy.function, copy.into))
                .or_insert(copy.site);
            *site = copy.site.min(*site);
        } else {
            self.copies.insert(copy);
        }
        self.check()
    }

    fn check(&self) -> Result<(), &'static str> {
        match self.copies.len() + self.common.len() + self.entries.len() > MOST_RECORDS {
            true => Err("it has more inlined functions than any kernel"),
            false => Ok(()),
        }
    }

    /// The contents of the index.
    pub(super) fn found(&self, build_id: &[u8]) -> Found {
        let mut found = Found::new(build_id);
        let path = |word| self.tree.relative(self.text(word));
        for (function, address) in &self.entries {
            found.entry(
                self.text(function.name),
                path(function.file),
                function.line,
                *address,
            );
        }
        let mut add = |function: Function, into: Function, site: (Word, u32), through: &[&str]| {
            found.copy(
                (self.text(function.name), path(function.file), function.line),
                (self.text(into.name), path(into.file)),
                (path(site.0), site.1),
                through,
            );
        };
        for copy in &self.copies {
            let through: Vec<&str> = copy.through.iter().map(|word| self.text(*word)).collect();
            add(copy.function, copy.into, copy.site, &through);
        }
        for ((function, into), site) in &self.common {
            add(*function, *into, *site, &[]);
        }
        found
    }
}
