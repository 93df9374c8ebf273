// SPDX-License-Identifier: GPL-2.0-only

//! Generated tables in hand-written files: each stands between two markers.
//!
//! In a doc comment the markers are comments too. Each line of the table gets the prefix of its
//! first marker, such as `//! `.

use std::ops::Range;

use anyhow::{Context as _, Result};

/// Ends a table.
const END: &str = "<!-- end of table -->";

/// The first marker of that table.
fn begin(name: &str) -> String {
    format!("<!-- table: {name} -->")
}

/// Replaces the lines between the markers of that name by `table`.
pub fn replace(text: &mut String, name: &str, table: &str) -> Result<()> {
    let (place, prefix) = place(text, name).with_context(|| {
        format!(
            "there is no place for the table `{name}`: lines `{}` and `{END}`",
            begin(name)
        )
    })?;
    let lines = table.lines().map(|line| format!("{prefix}{line}\n"));
    text.replace_range(place, &lines.collect::<String>());
    Ok(())
}

/// The lines between the markers, and the prefix of the first marker.
fn place(text: &str, name: &str) -> Option<(Range<usize>, String)> {
    let marker = text.find(&begin(name))?;
    let line = text[..marker].rfind('\n').map_or(0, |newline| newline + 1);
    let start = marker + text[marker..].find('\n')? + 1;
    let end = start + text[start..].find(END)?;
    let end = text[..end].rfind('\n')? + 1;
    (end >= start).then(|| (start..end, text[line..marker].to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_between_the_markers_are_replaced() {
        let mut text = "a\n<!-- table: x -->\nold\n<!-- end of table -->\nb\n".to_owned();
        replace(&mut text, "x", "| 1 |\n| 2 |\n").expect("a place");
        assert_eq!(
            text,
            "a\n<!-- table: x -->\n| 1 |\n| 2 |\n<!-- end of table -->\nb\n"
        );
        let once = text.clone();
        replace(&mut text, "x", "| 1 |\n| 2 |\n").expect("a place");
        assert_eq!(text, once);
    }

    #[test]
    fn an_empty_place_in_a_comment_is_filled() {
        let mut text = "//! <!-- table: x -->\n//! <!-- end of table -->\n".to_owned();
        replace(&mut text, "x", "| 1 |\n").expect("a place");
        assert_eq!(
            text,
            "//! <!-- table: x -->\n//! | 1 |\n//! <!-- end of table -->\n"
        );
    }

    #[test]
    fn a_table_needs_a_place() {
        for text in [
            "",
            "<!-- table: x -->\n",
            "<!-- table: y -->\n<!-- end of table -->\n",
        ] {
            let error = replace(&mut text.to_owned(), "x", "").expect_err(text);
            assert!(
                error.to_string().contains("no place for the table `x`"),
                "{error:#}"
            );
        }
    }
}
