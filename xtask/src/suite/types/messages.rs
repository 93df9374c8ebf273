// SPDX-License-Identifier: GPL-2.0-only

//! Normalises the compiler's messages, and compares them with expected ones.

use std::path::Path;
use std::{fs, io};

use anyhow::{Context as _, Result, bail};

use crate::checkout;

/// The folder of Rust's library sources in a toolchain.
const LIBRARY: &str = "lib/rustlib/src/rust/";

/// Compares messages with the file beside the patch. Without a file, no messages are expected.
pub(super) fn compare(source: &Path, messages: &str) -> Result<()> {
    let file = source.with_extension("stderr");
    if std::env::var_os("UPDATE_EXPECT").is_some() && !messages.is_empty() {
        return fs::write(&file, messages)
            .with_context(|| format!("cannot write {}", file.display()));
    }
    let expected = match fs::read_to_string(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read.with_context(|| format!("cannot read {}", file.display()))?,
    };
    if messages != expected {
        bail!("expected\n{expected}\nfound\n{messages}");
    }
    Ok(())
}

/// Removes from messages what differs between machines and kernels, and what depends on comments in other sources than
/// the patch: folders, addresses, line numbers of klp and of Rust's library.
pub(super) fn normalize(text: &str) -> String {
    let folder = format!("{}/", checkout::top().display());
    let text = text.replace(&folder, "");
    let messages: Vec<_> = text.split("\n\n").map(message).collect();
    let mut text = messages.join("\n\n");
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Normalises one message, with its notes.
fn message(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(Line::parse).collect();
    let old = lines.iter().find_map(|line| line.indentation);
    let mut of_patch = true;
    let mut shown = Vec::new();
    for line in lines {
        of_patch = line.of_patch.unwrap_or(of_patch);
        shown.push((line, of_patch));
    }
    let widths = shown.iter().filter_map(|(line, of_patch)| match of_patch {
        true => Some(line.number(old?)?.len()),
        false => Some(UNNUMBERED.len()),
    });
    let width = widths.max();
    let shown = shown.iter().map(|(line, of_patch)| match (old, width) {
        (Some(old), Some(width)) => line.with_margin(old, width, *of_patch),
        _ => line.text.clone(),
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// Replaces the line number of other sources.
const UNNUMBERED: &str = "LL";

/// A line of a message.
struct Line {
    text: String,
    /// The width of the margin, if this is a line with a position.
    indentation: Option<usize>,
    /// Whether this line and the next ones show the patch; `false` for other sources.
    of_patch: Option<bool>,
}

impl Line {
    fn parse(line: &str) -> Self {
        let text = without_address(line.trim_end());
        let inside = text.trim_start();
        let indentation = text.len() - inside.len();
        let Some((arrow, place)) = ["--> ", "::: "]
            .iter()
            .find_map(|arrow| Some((*arrow, inside.strip_prefix(arrow)?)))
        else {
            // A note without a position ends the excerpt of a source.
            let is_header =
                text.starts_with(|first: char| first.is_ascii_alphabetic() && first != 'L');
            return Self {
                of_patch: is_header.then_some(true),
                indentation: None,
                text,
            };
        };
        let other = match place.split_once(LIBRARY) {
            Some((_, inside)) => Some(format!("RUST/{inside}")),
            None => Some(place)
                .filter(|place| place.starts_with("./klp/") || place.starts_with("RUST/"))
                .map(str::to_owned),
        };
        let margin = &text[..indentation];
        Self {
            indentation: Some(indentation),
            of_patch: Some(other.is_none()),
            text: match other {
                Some(other) => format!("{margin}{arrow}{}", file(&other)),
                None => text,
            },
        }
    }

    /// The line number in a margin of this width, or an empty text; `None` for other contents.
    fn number(&self, width: usize) -> Option<&str> {
        let number = self.text.get(..width)?.trim_start();
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit()) || number == UNNUMBERED;
        is_number.then_some(number)
    }

    /// Returns the line with a margin of another width.
    fn with_margin(&self, old: usize, new: usize, of_patch: bool) -> String {
        if let Some(rest) = self.text.strip_prefix("...") {
            let inside = rest.trim_start();
            let column = (self.text.len() - inside.len() + new).saturating_sub(old);
            return format!("{:<column$}{inside}", "...").trim_end().to_owned();
        }
        match self.number(old) {
            Some(number) => {
                let number = match number.is_empty() || of_patch {
                    true => number,
                    false => UNNUMBERED,
                };
                format!("{number:>new$}{}", &self.text[old..])
            }
            None => self.text.clone(),
        }
    }
}

/// The file of `FILE:LINE:COLUMN`.
fn file(place: &str) -> &str {
    place.trim_end_matches(|last: char| last.is_ascii_digit() || last == ':')
}

fn without_address(line: &str) -> String {
    match line.split_once("at 0x") {
        Some((before, rest)) => {
            let after = rest.trim_start_matches(|digit: char| digit.is_ascii_hexdigit());
            format!("{before}at 0x...{}", after.trim_start_matches("..."))
        }
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::with_extension;

    #[test]
    fn addresses_are_removed() {
        let text = normalize("  sympos = 1: at 0xffffffff81, cannot be traced \n");
        assert_eq!(text, "  sympos = 1: at 0x..., cannot be traced\n");
        assert_eq!(normalize(&text), text);
    }

    /// A message about line 9 of a patch, with a note that shows this line of klp.
    fn with_note(line: usize, path: &str) -> String {
        let width = line.to_string().len();
        let margin = " ".repeat(width);
        format!(
            "error: no\n{margin}--> tests/types/fail/a.rs:9:8\n{margin} |\n{:>width$} | struct List {{\n\
             {margin} |        ^^^^\n...{:>width$} |\n{margin} |\nnote: required\n{margin}--> {path}:{line}:37\n\
             {margin} |\n{line} | pub trait Persistent {{\n{margin} |           ^^^^^\n{margin} = note: because\n\
             {margin}         of it\n",
            9, ""
        )
    }

    #[test]
    fn lines_of_klp_have_no_number() {
        let text = normalize(&with_note(1044, "./klp/src/persistent.rs"));
        assert_eq!(
            text,
            "error: no\n  --> tests/types/fail/a.rs:9:8\n   |\n 9 | struct List {\n   |        ^^^^\n\
             ...   |\n   |\nnote: required\n  --> ./klp/src/persistent.rs\n   |\nLL | pub trait Persistent {\n   \
             |           ^^^^^\n   = note: because\n           of it\n"
        );
        assert_eq!(normalize(&with_note(44, "./klp/src/persistent.rs")), text);
        assert_eq!(normalize(&text), text, "it is normalised already");
        let library = with_note(
            814,
            "/home/me/lib/rustlib/src/rust/library/core/src/marker.rs",
        );
        assert!(normalize(&library).contains("--> RUST/library/core/src/marker.rs\n"));
    }

    #[test]
    fn lines_of_the_patch_keep_their_numbers() {
        let text = with_note(44, "tests/types/fail/b.rs");
        assert_eq!(normalize(&text), text);
    }

    #[test]
    fn expected_messages_are_normalized() {
        let folder = checkout::top().join("tests/types/fail");
        for path in with_extension(&folder, "stderr").expect("a folder") {
            let text = fs::read_to_string(&path).expect("a text");
            assert_eq!(normalize(&text), text, "{}", path.display());
        }
    }
}
