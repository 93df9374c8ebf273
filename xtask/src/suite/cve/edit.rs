// SPDX-License-Identifier: GPL-2.0-only

//! Removes published fixes from the kernel's sources. A fix is undone by a small edit, mostly of one
//! condition, so that the rest of the source stays current.

use anyhow::{Context as _, Result, bail, ensure};

/// An edit that undoes a fix in a function.
#[derive(Debug)]
pub(super) struct Edit {
    /// The part of the module, or the file of the kernel.
    pub(super) part: &'static str,
    function: &'static str,
    /// A text that occurs once in the function, and its replacement.
    find: &'static str,
    put: &'static str,
}

pub(super) const fn edit(
    part: &'static str,
    function: &'static str,
    find: &'static str,
    put: &'static str,
) -> Edit {
    Edit {
        part,
        function,
        find,
        put,
    }
}

/// Returns the text of a file without the fixes in it.
pub(super) fn undo<'a>(text: &str, edits: impl IntoIterator<Item = &'a Edit>) -> Result<String> {
    let mut edits = edits.into_iter();
    edits.try_fold(text.to_owned(), |text, edit| {
        edit.undo(&text)
            .with_context(|| format!("in `{}`", edit.function))
    })
}

impl Edit {
    fn undo(&self, text: &str) -> Result<String> {
        let (start, end) = body(text, self.function)?;
        let body = &text[start..end];
        let count = body.matches(self.find).count();
        ensure!(
            count == 1,
            "`{}` occurs {count} times instead of once",
            self.find
        );
        let body = body.replace(self.find, self.put);
        Ok([&text[..start], &body, &text[end..]].concat())
    }
}

/// Finds the definition of a function. It starts in a line without indentation, and ends with a line that has only a
/// closing brace.
fn body(text: &str, function: &str) -> Result<(usize, usize)> {
    let call = format!("{function}(");
    for (start, _) in text.match_indices(&call) {
        let line = &text[text[..start].rfind('\n').map_or(0, |at| at + 1)..];
        if line.starts_with([' ', '\t', '#']) || !line_names(line, &call) {
            continue;
        }
        let rest = &text[start..];
        let Some(open) = rest.find(['{', ';']) else {
            continue;
        };
        if rest[open..].starts_with('{') {
            let end = rest.find("\n}\n").context("the function does not end")?;
            return Ok((start, start + end));
        }
    }
    bail!("there is no such function")
}

/// Whether the line contains this name as a whole word.
fn line_names(line: &str, call: &str) -> bool {
    let before = line.split(call).next().unwrap_or_default();
    !before.ends_with(|last: char| last.is_alphanumeric() || last == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "static int f(int);\nint not_f(void)\n{\n\treturn ok(1);\n}\n\
                        static int\nf(int x)\n{\n\tif (x)\n\t\treturn ok(1);\n}\n\
                        int g(void)\n{\n\treturn f(2) + ok(1);\n}\n";

    #[test]
    fn a_fix_is_undone_only_in_its_function() {
        let undone = edit("a", "f", "ok(1)", "2").undo(TEXT).unwrap();
        assert_eq!(undone.matches("ok(1)").count(), 2);
        assert!(undone.contains("if (x)\n\t\treturn 2;"), "{undone}");
    }

    #[test]
    fn the_text_has_to_occur_once() {
        let error = |function, find| {
            let error = edit("a", function, find, "2").undo(TEXT).unwrap_err();
            error.to_string()
        };
        assert!(error("f", "no(1)").contains("0 times"));
        assert!(error("g", "(").contains("3 times"));
        assert!(error("h", "ok(1)").contains("no such function"));
    }
}
