// SPDX-License-Identifier: GPL-2.0-only

//! Line-by-line difference of two texts.

/// A line of either transcript, or of both.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Line<'a> {
    Both(&'a str),
    OnlyC(&'a str),
    OnlyRust(&'a str),
}

impl std::fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Both(text) => write!(f, "  {text}"),
            Self::OnlyC(text) => write!(f, "- {text}"),
            Self::OnlyRust(text) => write!(f, "+ {text}"),
        }
    }
}

/// The shortest edit script between two texts, from their longest common subsequence. Quadratic, which is fine
/// for cases of some dozens of lines.
pub(super) fn diff<'a>(c: &[&'a str], rust: &[&'a str]) -> Vec<Line<'a>> {
    // The length of the longest common subsequence from each position on.
    let mut common = vec![vec![0_usize; rust.len() + 1]; c.len() + 1];
    for i in (0..c.len()).rev() {
        for j in (0..rust.len()).rev() {
            common[i][j] = if c[i] == rust[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    while i < c.len() || j < rust.len() {
        if i < c.len() && j < rust.len() && c[i] == rust[j] {
            lines.push(Line::Both(c[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == rust.len() || (i < c.len() && common[i + 1][j] >= common[i][j + 1]) {
            lines.push(Line::OnlyC(c[i]));
            i += 1;
        } else {
            lines.push(Line::OnlyRust(rust[j]));
            j += 1;
        }
    }
    lines
}
