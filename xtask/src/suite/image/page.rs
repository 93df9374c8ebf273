// SPDX-License-Identifier: GPL-2.0-only

//! Runs the commands of a documentation page, and compares their output. In the page's code blocks, a line with the
//! prompt `$ ` is a command for the build machine, and one with `# ` a command for the patched machine; lines
//! with `> ` continue a command. All others are expected lines of output, in order, where `...` matches anything.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use klp_host::host::process;

use crate::checkout;
use crate::files::with_extension;
use crate::suite::author::Author;

/// The page.
const PAGE: &str = "docs/package.md";

/// The wildcard.
const ANYTHING: &str = "...";

/// The command that ends a boot.
const REBOOT: &str = "reboot";

/// The machine of a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Author,
    Machine,
}

/// A command, and its expected output.
#[derive(Debug, Eq, PartialEq)]
struct Command {
    place: Place,
    text: String,
    expected: Vec<String>,
}

/// The page's commands, and the author who ran those of the build machine.
pub(super) struct Page {
    commands: Vec<Command>,
    author: Author,
}

impl Page {
    /// Runs the build machine's commands.
    ///
    /// # Errors
    ///
    /// A command fails, or its output differs.
    pub(super) fn author() -> Result<Self> {
        let path = checkout::top().join(PAGE);
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let page = Self {
            commands: commands(&text),
            author: Author::new()?,
        };
        page.author.install()?;
        let home = page.author.home();
        std::os::unix::fs::symlink(checkout::top(), home.join("klp"))
            .context("cannot make a symbolic link")?;
        for command in page.commands_at(Place::Author) {
            let mut bash = page.author.command("bash", home);
            bash.args(["-euc", &command.text]);
            let printed = process::output(&mut bash)?;
            command.check(&printed)?;
        }
        Ok(page)
    }

    fn commands_at(&self, place: Place) -> impl Iterator<Item = &Command> {
        self.commands.iter().filter(move |it| it.place == place)
    }

    /// Writes the patched machine's files into a new folder: the packages, and the script with its boots' steps.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub(super) fn write(&self, dir: &Path) -> Result<()> {
        fs::create_dir(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        for package in self.packages()? {
            let name = package.file_name().unwrap_or_default();
            fs::copy(&package, dir.join(name))
                .with_context(|| format!("cannot copy {}", package.display()))?;
        }
        self.write_steps(&dir.join("steps.sh"))
    }

    /// The packages that the author made.
    fn packages(&self) -> Result<Vec<PathBuf>> {
        let home = self.author.home();
        let paths = with_extension(home, "deb")?;
        ensure!(
            paths.len() > 1,
            "the page's commands did not write packages of klpctl and of the patch into {}",
            home.display()
        );
        Ok(paths)
    }

    /// Writes the steps of the machine's boots as functions: `step_page_1` and so on. They prefix the output of each
    /// command with `@page NUMBER `.
    fn write_steps(&self, path: &Path) -> Result<()> {
        let mut text = "# shellcheck shell=bash\n".to_owned();
        let mut boot = 1;
        let begin = |text: &mut String, boot: u32| {
            let _ = writeln!(text, "step_page_{boot}() {{\n\tpage_begins");
        };
        begin(&mut text, boot);
        for (number, command) in self.commands_at(Place::Machine).enumerate() {
            if command.text == REBOOT {
                text.push_str("}\n");
                boot += 1;
                begin(&mut text, boot);
                continue;
            }
            let _ = writeln!(
                text,
                "\tpage_command {number} <<'COMMAND'\n{}\nCOMMAND",
                command.text
            );
        }
        text.push_str("}\n");
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Compares the output of the patched machine's command of this number with the page.
    ///
    /// # Errors
    ///
    /// They differ.
    pub(super) fn check(&self, number: usize, printed: &str) -> Result<()> {
        let command = self.commands_at(Place::Machine).nth(number);
        command
            .context("the page has no such command")?
            .check(printed)
    }
}

impl Command {
    fn check(&self, printed: &str) -> Result<()> {
        let mut lines = printed.lines().map(str::trim_end);
        for pattern in &self.expected {
            ensure!(
                pattern == ANYTHING || lines.any(|line| matches(pattern, line)),
                "`{}` should print `{pattern}`, but printed:\n{printed}",
                self.text
            );
        }
        Ok(())
    }
}

/// Whether the line matches the pattern, where `...` matches anything.
fn matches(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split(ANYTHING);
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else {
        return false;
    };
    let mut ends = true;
    for part in parts {
        ends = part.is_empty();
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    (ends && pattern.contains(ANYTHING)) || rest.is_empty()
}

/// Parses the commands of a page.
fn commands(text: &str) -> Vec<Command> {
    let mut found: Vec<Command> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = !inside;
            continue;
        }
        if !inside {
            continue;
        }
        let new = [("$ ", Place::Author), ("# ", Place::Machine)]
            .into_iter()
            .find_map(|(prompt, place)| Some((place, line.strip_prefix(prompt)?)));
        match (new, found.last_mut()) {
            (Some((place, text)), _) => found.push(Command {
                place,
                text: text.to_owned(),
                expected: Vec::new(),
            }),
            (None, Some(last)) => {
                match line.strip_prefix('>').filter(|_| last.expected.is_empty()) {
                    Some(more) => {
                        last.text.push('\n');
                        last.text.push_str(more.strip_prefix(' ').unwrap_or(more));
                    }
                    None => last.expected.push(line.to_owned()),
                }
            }
            (None, None) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_parsed() {
        let text = "# A title\n```\n$ cat <<E\n> x\n>\n> E\nx\n# ls\n...\na b\n```\n$ no command\n";
        let found = commands(text);
        let all: Vec<_> = found
            .iter()
            .map(|it| (it.place, it.text.as_str()))
            .collect();
        assert_eq!(
            all,
            [(Place::Author, "cat <<E\nx\n\nE"), (Place::Machine, "ls")]
        );
        assert_eq!(found[1].expected, ["...", "a b"]);
        found[1].check("c\na b\n").expect("a match");
        found[1].check("c\na b c\n").expect_err("no match");
    }

    #[test]
    fn three_dots_match_anything() {
        for (pattern, line) in [
            ("a", "a"),
            ("a ...", "a b"),
            ("a...c", "abc"),
            ("...c", "abc"),
            ("a...c...", "abcd"),
        ] {
            assert!(matches(pattern, line), "{pattern} {line}");
        }
        for (pattern, line) in [
            ("a", "ab"),
            ("a...c", "ab"),
            ("a...c", "abcd"),
            ("b...", "ab"),
        ] {
            assert!(!matches(pattern, line), "{pattern} {line}");
        }
    }

    #[test]
    fn the_page_has_commands_for_both_machines() {
        let text = fs::read_to_string(checkout::top().join(PAGE)).expect("a page");
        let found = commands(&text);
        for place in [Place::Author, Place::Machine] {
            assert!(found.iter().any(|it| it.place == place), "{place:?}");
        }
        assert_eq!(found.iter().filter(|it| it.text == REBOOT).count(), 1);
    }
}
