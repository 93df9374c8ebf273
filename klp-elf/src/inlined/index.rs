// SPDX-License-Identifier: GPL-2.0-only

//! The index of inlined copies: a sorted text with a line for each copy and each entry, searched by
//! bisection.
//!
//! ```text
//! !klp-inlined 1 BUILD_ID
//! FUNCTION FILE LINE @ ADDRESS
//! FUNCTION FILE LINE > CALLER CALLERS_FILE SITES_FILE SITES_LINE THROUGH,THROUGH
//! ```
//!
//! Tabs separate the words.

use super::{Caller, Definition, Error, Site};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// The extension of indices: `vmlinux.inlined` is that of the kernel itself.
pub const ENDING: &str = "inlined";

/// The beginning of an index.
const HEAD: &str = "!klp-inlined 1 ";

/// The longest line of an index.
const LONGEST: usize = 64 << 10;

/// The size of one read.
const PIECE: usize = 4 << 10;

/// The inlined copies and entries found in debug information.
#[cfg(feature = "debug-info")]
pub struct Found {
    build_id: String,
    lines: Vec<String>,
}

#[cfg(feature = "debug-info")]
impl Found {
    pub(super) fn new(build_id: &[u8]) -> Self {
        Self {
            build_id: hexadecimal(build_id),
            lines: Vec::new(),
        }
    }

    pub(super) fn entry(&mut self, name: &str, file: &str, line: u32, address: u64) {
        self.add(format!("{name}\t{file}\t{line}\t@\t{address:x}"), 5, name);
    }

    pub(super) fn copy(
        &mut self,
        (name, file, line): (&str, &str, u32),
        (into, into_file): (&str, &str),
        site: (&str, u32),
        through: &[&str],
    ) {
        let (site_file, site_line) = site;
        let through = through.join(",");
        let text = format!(
            "{name}\t{file}\t{line}\t>\t{into}\t{into_file}\t{site_file}\t{site_line}\t{through}"
        );
        self.add(text, 9, name);
    }

    /// Adds a line, unless a word contains a separator or the line would not sort among the others.
    fn add(&mut self, line: String, words: usize, name: &str) {
        let plain = !line.contains(['\n', '\r']) && line.split('\t').count() == words;
        let sorted = name.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_');
        if plain && sorted && line.len() < LONGEST {
            self.lines.push(line);
        }
    }

    /// Removes the functions of headers, which are most.
    #[must_use]
    pub fn without_headers(mut self) -> Self {
        let file = |line: &String| {
            line.split('\t')
                .nth(1)
                .is_some_and(|file| file.ends_with(".h"))
        };
        self.lines.retain(|line| !file(line));
        self
    }

    /// The text of the index.
    pub fn text(mut self) -> String {
        self.lines.sort_unstable();
        self.lines.dedup();
        let mut text = format!("{HEAD}{}\n", self.build_id);
        for line in &self.lines {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

#[cfg(feature = "debug-info")]
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An index of the functions that the compiler inlined in the kernel, or in a module.
pub struct Index {
    path: PathBuf,
    file: File,
    length: u64,
}

/// The environment variable with the folders of indices, separated by colons.
pub const VARIABLE: &str = "KLP_INLINED";

impl Index {
    /// The index of an object in the folders of [`VARIABLE`]. `None` if they have none.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn from_env(object: &str) -> Result<Option<Self>, Error> {
        let folders = std::env::var_os(VARIABLE).unwrap_or_default();
        Self::in_folders(std::env::split_paths(&folders), object)
    }

    /// The index of an object in the first of these folders that has one.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn in_folders(
        folders: impl IntoIterator<Item = PathBuf>,
        object: &str,
    ) -> Result<Option<Self>, Error> {
        let name = format!("{object}.{ENDING}");
        let mut files = folders.into_iter().map(|folder| folder.join(&name));
        let file = files.find(|file| file.is_file());
        file.map(|file| Self::open(&file)).transpose()
    }

    /// Opens an index.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is not an index.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let index = Self {
            path: path.to_owned(),
            file,
            length,
        };
        match index.line(0)?.is_some_and(|line| line.starts_with(HEAD)) {
            true => Ok(index),
            false => Err(index.damaged()),
        }
    }

    /// The build ID of the indexed file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn build_id(&self) -> Result<Option<String>, Error> {
        let head = self.line(0)?.unwrap_or_default();
        let id = head.strip_prefix(HEAD).unwrap_or_default();
        Ok(Some(id.to_owned()).filter(|id| !id.is_empty()))
    }

    /// All functions of that name that have an entry or were inlined, in the order of their files.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is damaged.
    pub fn named(&self, name: &str) -> Result<Vec<Definition>, Error> {
        let mut found: Vec<Definition> = Vec::new();
        let mut at = self.first(name)?;
        while let Some(line) = self.line(at)? {
            at += line.len() as u64 + 1;
            let words: Vec<&str> = line.split('\t').collect();
            if words.first() != Some(&name) {
                break;
            }
            let line = parse(&words).ok_or_else(|| self.damaged())?;
            line.add_to(&mut found);
        }
        Ok(found)
    }

    /// The position of the first line whose name is not less than `name`.
    fn first(&self, name: &str) -> Result<u64, Error> {
        // Invariant: the names of lines before `low` are less than `name`; those from `high` on are not.
        let (mut low, mut high) = (0, self.length);
        while low < high {
            let middle = low + (high - low) / 2;
            let start = self.line_start(middle)?;
            let Some(line) = self.line(start)? else {
                break;
            };
            let key = line.split('\t').next().unwrap_or_default();
            match key < name {
                true => low = start + line.len() as u64 + 1,
                false => high = start,
            }
        }
        Ok(low)
    }

    /// The start of the line at `at`.
    fn line_start(&self, at: u64) -> Result<u64, Error> {
        let lowest = at.saturating_sub(LONGEST as u64);
        let mut end = at;
        while end > lowest {
            let from = end.saturating_sub(PIECE as u64).max(lowest);
            let piece = self.bytes(from, (end - from) as usize)?;
            if let Some(place) = piece.iter().rposition(|&byte| byte == b'\n') {
                return Ok(from + place as u64 + 1);
            }
            end = from;
        }
        match lowest {
            0 => Ok(0),
            _ => Err(self.damaged()),
        }
    }

    /// The line that begins at `at`. `None` at the end.
    fn line(&self, at: u64) -> Result<Option<String>, Error> {
        let mut line = Vec::new();
        loop {
            let piece = self.bytes(at + line.len() as u64, PIECE)?;
            if piece.is_empty() {
                break;
            }
            match piece.iter().position(|&byte| byte == b'\n') {
                Some(place) => {
                    line.extend_from_slice(&piece[..place]);
                    let text = String::from_utf8(line).map_err(|_| self.damaged())?;
                    return Ok(Some(text));
                }
                None => line.extend_from_slice(&piece),
            }
            if line.len() > LONGEST {
                return Err(self.damaged());
            }
        }
        // A last line without an end is truncated.
        match line.is_empty() {
            true => Ok(None),
            false => Err(self.damaged()),
        }
    }

    fn bytes(&self, at: u64, length: usize) -> Result<Vec<u8>, Error> {
        let failed = |source| Error::Read {
            path: self.path.clone(),
            source,
        };
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            let place = at + filled as u64;
            match self
                .file
                .read_at(&mut bytes[filled..], place)
                .map_err(failed)?
            {
                0 => break,
                count => filled += count,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    fn damaged(&self) -> Error {
        Error::Index {
            path: self.path.clone(),
        }
    }
}

/// A line about a function.
struct Line<'a> {
    file: &'a str,
    line: u32,
    what: What,
}

enum What {
    Entry(u64),
    Copy(Caller),
}

fn parse<'a>(words: &[&'a str]) -> Option<Line<'a>> {
    let (file, line, what) = match words {
        [_, file, line, "@", address] => {
            let address = u64::from_str_radix(address, 16).ok()?;
            (file, line, What::Entry(address))
        }
        [
            _,
            file,
            line,
            ">",
            name,
            into_file,
            site_file,
            site_line,
            through,
        ] => {
            let through = through.split(',').filter(|name| !name.is_empty());
            let caller = Caller {
                name: (*name).to_owned(),
                file: (*into_file).to_owned(),
                site: Site {
                    file: (*site_file).to_owned(),
                    line: site_line.parse().ok()?,
                },
                through: through.map(str::to_owned).collect(),
            };
            (file, line, What::Copy(caller))
        }
        _ => return None,
    };
    Some(Line {
        file,
        line: line.parse().ok()?,
        what,
    })
}

impl Line<'_> {
    fn add_to(self, found: &mut Vec<Definition>) {
        let this = |other: &Definition| other.file == self.file && other.line == self.line;
        let index = found.iter().position(this).unwrap_or_else(|| {
            found.push(Definition {
                file: self.file.to_owned(),
                line: self.line,
                ..Definition::default()
            });
            found.len() - 1
        });
        match self.what {
            What::Entry(address) => found[index].entries.push(address),
            What::Copy(caller) => found[index].callers.push(caller),
        }
    }
}
