// SPDX-License-Identifier: GPL-2.0-only

//! Replaces generated tables in hand-written files. Each table is between two markers.
//!
//! In a doc comment the markers are comments too. Each line of the table gets the prefix of its
//! first marker, such as `//! `.

use std::ops::Range;

use anyhow::{Context as _, Result};

/// The marker that ends a table.
const END: &str = "<!-- end of table -->";

/// The marker that begins a table.
fn begin(name: &str) -> String {
    format!("<!-- table: {name} -->")
}

/// Replaces the lines between the markers of the table `name` by `table`.
pub fn replace(text: &mut String, name: &str, table: &str) -> Result<()> {
    let (range, prefix) = find(text, name).with_context(|| {
        format!(
            "there are no markers for the table `{name}`: add lines `{}` and `{END}`",
            begin(name)
        )
    })?;
    let lines = table.lines().map(|line| format!("{prefix}{line}\n"));
    text.replace_range(range, &lines.collect::<String>());
    Ok(())
}

/// The lines between the markers, and the prefix of the first marker.
fn find(text: &str, name: &str) -> Option<(Range<usize>, String)> {
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
        replace(&mut text, "x", "| 1 |\n| 2 |\n").expect("markers");
        assert_eq!(
            text,
            "a\n<!-- table: x -->\n| 1 |\n| 2 |\n<!-- end of table -->\nb\n"
        );
        let once = text.clone();
        replace(&mut text, "x", "| 1 |\n| 2 |\n").expect("markers");
        assert_eq!(text, once);
    }

    #[test]
    fn a_table_in_a_comment_is_filled_in() {
        let mut text = "//! <!-- table: x -->\n//! <!-- end of table -->\n".to_owned();
        replace(&mut text, "x", "| 1 |\n").expect("markers");
        assert_eq!(
            text,
            "//! <!-- table: x -->\n//! | 1 |\n//! <!-- end of table -->\n"
        );
    }

    #[test]
    fn a_table_needs_markers() {
        for text in [
            "",
            "<!-- table: x -->\n",
            "<!-- table: y -->\n<!-- end of table -->\n",
        ] {
            let error = replace(&mut text.to_owned(), "x", "").expect_err(text);
            assert!(
                error.to_string().contains("no markers for the table `x`"),
                "{error:#}"
            );
        }
    }
}
