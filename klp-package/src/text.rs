// SPDX-License-Identifier: GPL-2.0-only

//! Wraps the texts of packages.

/// The width of lines in descriptions and changelogs.
const WIDTH: usize = 78;

/// Wraps a paragraph into lines.
pub(crate) fn wrapped(paragraph: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in paragraph.split_whitespace() {
        let last = lines.last_mut().map_or(0, |line| line.len());
        if last > 0 && last + 1 + word.len() > WIDTH {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_wrapped_at_words() {
        let lines = wrapped(&"word ".repeat(40));
        assert!(lines.iter().all(|line| line.len() <= WIDTH), "{lines:?}");
        assert_eq!(lines.join(" "), "word ".repeat(40).trim_end());
        let long = "x".repeat(100);
        assert_eq!(wrapped(&format!("a {long} b")), ["a", &long, "b"]);
    }
}
