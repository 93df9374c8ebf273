// SPDX-License-Identifier: GPL-2.0-only

//! Parses the input of `--from`: a mail, the output of `git format-patch` or `git show`, or a bare diff.

use anyhow::{Context as _, Result, ensure};
use mailparse::{MailHeaderMap as _, ParsedMail};

/// The maximum nesting depth of a mail's parts.
const DEPTH_MAX: u32 = 8;

/// The description of a fix.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct About {
    /// The subject, without prefixes such as `[PATCH]`.
    pub subject: Option<String>,
    /// The upstream commit, if named.
    pub commit: Option<String>,
    /// The CVE IDs in its text.
    pub cves: Vec<String>,
}

/// A fix, extracted from the input.
pub(super) struct Message {
    pub(super) about: About,
    /// The text from the first line of the diff on.
    pub(super) diff: String,
}

/// Extracts the fix from the input.
pub(super) fn read(bytes: &[u8]) -> Result<Message> {
    ensure!(
        !bytes.iter().all(u8::is_ascii_whitespace),
        "the file is empty"
    );
    ensure!(
        !bytes.contains(&0),
        "it is a binary file: give a unified diff, or a mail with one"
    );
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let separators = text.lines().filter(|line| is_separator(line)).count();
    ensure!(
        separators <= 1,
        "it contains {separators} mails: give one fix, as `git format-patch -1 COMMIT` writes it"
    );
    match is_mail(&text) {
        true => of_mail(&text),
        false => message(None, None, &text),
    }
}

/// The line between mails in mailboxes, and at the top of `git format-patch`.
fn is_separator(line: &str) -> bool {
    let Some(rest) = line.strip_prefix("From ") else {
        return false;
    };
    let words: Vec<&str> = rest.split_whitespace().collect();
    // From SENDER Mon Sep 17 00:00:00 2001
    matches!(words.as_slice(), [_, day, _, _, time, _, ..] if day.len() == 3 && time.contains(':'))
}

/// Whether the text starts with mail headers.
fn is_mail(text: &str) -> bool {
    let mut lines = text.lines().skip_while(|line| line.trim().is_empty());
    let Some(first) = lines.next() else {
        return false;
    };
    if is_separator(first) {
        return true;
    }
    let head: Vec<&str> = std::iter::once(first)
        .chain(lines)
        .take_while(|line| !line.is_empty())
        .collect();
    let is_header = |line: &&str| {
        line.starts_with([' ', '\t'])
            || line.split_once(':').is_some_and(|(name, _)| {
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic())
            })
    };
    head.iter().all(is_header)
        && head.iter().any(|line| {
            let line = line.to_ascii_lowercase();
            line.starts_with("from:") || line.starts_with("subject:")
        })
}

fn of_mail(text: &str) -> Result<Message> {
    let text = text.trim_start_matches('\n');
    let (mut commit, mut rest) = (None, text);
    if let Some((first, below)) = text.split_once('\n')
        && is_separator(first)
    {
        commit = first.split_whitespace().nth(1).and_then(commit_id);
        rest = below;
    }
    let mail = mailparse::parse_mail(rest.as_bytes()).context("its headers cannot be read")?;
    let subject = mail.headers.get_first_value("Subject");
    let mut bodies = Vec::new();
    collect(&mail, 0, &mut bodies)?;
    // The message is in the first part, the diff there or in an attachment.
    let body = bodies.join("\n");
    message(subject.as_deref(), commit, &body.replace("\r\n", "\n"))
}

/// Collects the decoded texts of a mail.
fn collect(mail: &ParsedMail<'_>, depth: u32, bodies: &mut Vec<String>) -> Result<()> {
    ensure!(depth <= DEPTH_MAX, "its parts are nested too deeply");
    if mail.subparts.is_empty() {
        let kind = mail.ctype.mimetype.as_str();
        let is_text = kind.starts_with("text/") && kind != "text/html";
        if is_text || kind.contains("patch") || kind.contains("diff") {
            let body = mail.get_body();
            bodies.push(body.context("its text cannot be decoded")?);
        }
        return Ok(());
    }
    for part in &mail.subparts {
        collect(part, depth + 1, bodies)?;
    }
    Ok(())
}

fn message(subject: Option<&str>, commit: Option<String>, text: &str) -> Result<Message> {
    let start = diff_start(text).with_context(|| match text.contains("\ndiff --cc ") {
        true => {
            "it is a merge (`diff --cc`), not a unified diff: give one commit".to_owned()
        }
        false => {
            "it contains no unified diff, with the lines `--- FILE`, `+++ FILE` and `@@ ... @@` that \
                  `git show` and `git format-patch` write"
                .to_owned()
        }
    })?;
    let (words, diff) = text.split_at(start);
    let shown = words
        .lines()
        .find_map(|line| line.strip_prefix("commit ").and_then(commit_id));
    let commit = upstream(words).or(shown).or(commit);
    let subject = match subject {
        Some(subject) => Some(plain_subject(subject)),
        None => subject_of_show(words),
    };
    let mut cves = cves(subject.as_deref().unwrap_or_default());
    for cve in self::cves(words) {
        if !cves.contains(&cve) {
            cves.push(cve);
        }
    }
    Ok(Message {
        about: About {
            subject: subject.filter(|subject| !subject.is_empty()),
            commit,
            cves,
        },
        diff: diff.to_owned(),
    })
}

/// The position of the diff.
fn diff_start(text: &str) -> Option<usize> {
    let mut at = 0;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for (index, line) in lines.iter().enumerate() {
        let next = lines.get(index + 1).copied().unwrap_or_default();
        let plain = line.starts_with("--- ") && next.starts_with("+++ ");
        if plain || line.starts_with("diff --git ") {
            return Some(at);
        }
        at += line.len();
    }
    None
}

/// The upstream commit of a stable commit: `commit ID upstream.` or `[ Upstream commit ID ]`.
fn upstream(words: &str) -> Option<String> {
    words.lines().find_map(|line| {
        let line = line.trim().trim_matches(['[', ']', '.', ' ']);
        let lower = line.to_ascii_lowercase();
        let id = lower
            .strip_prefix("upstream commit ")
            .or_else(|| lower.strip_prefix("commit ")?.strip_suffix(" upstream"))?;
        commit_id(id)
    })
}

/// The commit ID at the start of a text.
fn commit_id(text: &str) -> Option<String> {
    let id: String = text.chars().take_while(char::is_ascii_hexdigit).collect();
    (12..=64)
        .contains(&id.len())
        .then(|| id.to_ascii_lowercase())
}

/// The subject without the prefixes in brackets.
fn plain_subject(subject: &str) -> String {
    let mut rest = subject.trim();
    while let Some((_, behind)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        rest = behind.trim_start();
    }
    one_line(rest)
}

/// The subject in `git show`: the first indented line.
fn subject_of_show(words: &str) -> Option<String> {
    let mut lines = words.lines();
    lines.find(|line| line.starts_with("commit "))?;
    let line = lines.find_map(|line| line.strip_prefix("    "))?;
    Some(one_line(line))
}

/// One line, without control characters.
fn one_line(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The CVE IDs in a text, in order.
fn cves(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (at, _) in text.match_indices("CVE-") {
        let id = text[at + 4..]
            .split(|c: char| !c.is_ascii_digit() && c != '-')
            .next()
            .unwrap_or_default();
        let mut parts = id.split('-');
        let (Some(year), Some(number)) = (parts.next(), parts.next()) else {
            continue;
        };
        let id = format!("CVE-{year}-{number}");
        if year.len() == 4 && (4..=8).contains(&number.len()) && !found.contains(&id) {
            found.push(id);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF: &str =
        "diff --git a/fs/a.c b/fs/a.c\n--- a/fs/a.c\n+++ b/fs/a.c\n@@ -1 +1 @@\n-a\n+b\n";

    fn about(text: &str) -> About {
        let message = read(text.as_bytes()).unwrap();
        assert!(message.diff.starts_with("diff --git") || message.diff.starts_with("--- "));
        message.about
    }

    #[test]
    fn format_patch_is_read() {
        let text = format!(
            "From 0123456789abcdef0123456789abcdef01234567 Mon Sep 17 00:00:00 2001\n\
             From: Jane Doe <jane@example.org>\nDate: Mon, 1 Jan 2024 00:00:00 +0000\n\
             Subject: [PATCH 6.6 001/200] net: a check for\n the length\n\n\
             [ Upstream commit abcdefabcdefabcdefabcdefabcdefabcdefabcd ]\n\n\
             This is CVE-2024-12345, also CVE-2024-12345 and CVE-2023-1.\n---\n a | 2 +-\n\n{DIFF}-- \n2.40\n"
        );
        let about = about(&text);
        assert_eq!(
            about.subject.as_deref(),
            Some("net: a check for the length")
        );
        assert_eq!(
            about.commit.as_deref(),
            Some("abcdefabcdefabcdefabcdefabcdefabcdefabcd")
        );
        assert_eq!(about.cves, ["CVE-2024-12345"]);
    }

    #[test]
    fn git_show_and_bare_diffs_are_read() {
        let show = format!(
            "commit 0123456789abcdef0123456789abcdef01234567\nAuthor: J <j@example.org>\n\n    \
             fs: look first\n\n    Text.\n\n{DIFF}"
        );
        let shown = about(&show);
        assert_eq!(shown.subject.as_deref(), Some("fs: look first"));
        assert!(shown.commit.is_some());
        assert_eq!(about(DIFF), About::default());
        let plain = "--- a/fs/a.c\n+++ b/fs/a.c\n@@ -1 +1 @@\n-a\n+b\n";
        assert_eq!(about(plain), About::default());
    }

    #[test]
    fn bodies_are_decoded() {
        let quoted = "From: j@example.org\r\nSubject: =?utf-8?q?fs=3A_stra=C3=9Fe?=\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\r\nWords\r\n---\r\n\
             diff --git a/fs/a.c b/fs/a.c\r\n--- a/fs/a.c\r\n+++ b/fs/a.c\r\n@@ -1 +1 @@\r\n\
             -a =3D 1;\r\n+b =3D \\\r\n 2;=\r\n\r\n";
        let message = read(quoted.as_bytes()).unwrap();
        assert_eq!(message.about.subject.as_deref(), Some("fs: straße"));
        assert!(message.diff.contains("-a = 1;\n"), "{}", message.diff);
        let base64 = "From: j@example.org\nSubject: fs: b\nMIME-Version: 1.0\n\
             Content-Type: multipart/mixed; boundary=\"x\"\n\n--x\nContent-Type: text/plain\n\n\
             Words\n--x\nContent-Type: text/x-patch; name=a.patch\n\
             Content-Transfer-Encoding: base64\n\n\
             LS0tIGEvZnMvYS5jCisrKyBiL2ZzL2EuYwpAQCAtMSArMSBAQAotYQorYgo=\n--x--\n";
        let message = read(base64.as_bytes()).unwrap();
        assert!(
            message.diff.starts_with("--- a/fs/a.c\n"),
            "{}",
            message.diff
        );
    }

    #[test]
    fn other_inputs_are_refused_with_a_reason() {
        let mail = "From 0123456789abcdef0123456789abcdef01234567 Mon Sep 17 00:00:00 2001\n\
                    From: j@example.org\nSubject: x\n\nText\n";
        let two = format!("{mail}{DIFF}{mail}{DIFF}");
        for (text, why) in [
            ("", "empty"),
            (" \n\n", "empty"),
            ("a\0b", "binary"),
            ("just words\n", "no unified diff"),
            (mail, "no unified diff"),
            (two.as_str(), "2 mails"),
            ("words\ndiff --cc fs/a.c\n", "merge"),
        ] {
            let error = read(text.as_bytes()).err().expect("refused");
            let error = format!("{error:#}");
            assert!(error.contains(why), "{text:?}: {error}");
        }
    }
}
