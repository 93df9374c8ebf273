// SPDX-License-Identifier: GPL-2.0-only

//! `generate`: writes the manual pages and shell completions for packages, from the definition of the command line.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use serde_json::json;

use super::{Answer, Context};
use crate::cli::{Cli, Generate};
use crate::durable;
use crate::outcome::{Outcome, Status};

/// The shells, with the file names of their completions.
const SHELLS: [(Shell, &str); 3] = [
    (Shell::Bash, "klpctl.bash"),
    (Shell::Zsh, "_klpctl"),
    (Shell::Fish, "klpctl.fish"),
];

/// The manual section for system administration.
const SECTION: &str = "8";

/// The section on files in klpctl(8).
const FILES: &str = r".SH FILES
.TP
/var/lib/klpctl/RELEASE/
The patches installed for a kernel release; the numbers are the order in which they are loaded.
.TP
/var/lib/klpctl/trial/
The patches on trial: if the machine goes down before it counts as healthy, they are held out.
.TP
/run/klpctl/
Records until the next boot: copies of the loaded patches, and the last step.
";

pub fn run(context: &Context, args: &Generate) -> Outcome<Answer> {
    let files = files()?;
    let names: Vec<_> = files.iter().map(|(name, _)| name.clone()).collect();
    if !context.dry_run {
        fs::create_dir_all(&args.dir)
            .with_context(|| format!("cannot create {}", args.dir.display()))?;
        for (name, content) in &files {
            durable::write(&Path::new(&args.dir).join(name), content)?;
        }
    }
    Ok(Answer::new(
        format!("{}\n", names.join("\n")),
        json!({ "status": "success", "files": names, "dry_run": context.dry_run }),
    ))
}

/// The files, by name.
fn files() -> Result<Vec<(String, Vec<u8>)>> {
    let mut command = Cli::command();
    command.build();
    let mut files = vec![("klpctl.8".to_owned(), manual(&command)?)];
    for sub in command.get_subcommands() {
        let is_documented = !sub.is_hide_set() && sub.get_name() != "help";
        if is_documented {
            let name = format!("klpctl-{}.{SECTION}", sub.get_name());
            files.push((name, page(sub)?));
        }
    }
    for (shell, name) in SHELLS {
        let mut content = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "klpctl", &mut content);
        files.push((name.to_owned(), content));
    }
    Ok(files)
}

/// The manual page klpctl(8).
fn manual(command: &Command) -> Result<Vec<u8>> {
    // The exit statuses get a section of their own.
    let command = command.clone().after_help(clap::builder::Resettable::Reset);
    let mut page = page(&command)?;
    page.extend_from_slice(b".SH EXIT STATUS\n");
    for (status, meaning) in Status::MEANINGS {
        let text = format!(".TP\n{}\n{}\n", status as u8, meaning.replace('`', ""));
        page.extend_from_slice(text.as_bytes());
    }
    page.extend_from_slice(FILES.as_bytes());
    Ok(page)
}

fn page(command: &Command) -> Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone())
        .section(SECTION)
        .manual("System administration")
        .render(&mut page)
        .context("cannot write the manual page")?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_page_and_completions() {
        let files = files().expect("generated");
        let text = |name: &str| {
            let found = files.iter().find(|(found, _)| found == name);
            let (_, content) = found.unwrap_or_else(|| panic!("no {name}"));
            String::from_utf8(content.clone()).expect("text")
        };
        assert!(text("klpctl-load.8").contains(r"\-\-timeout"));
        assert!(text("klpctl.8").contains(".SH EXIT STATUS"));
        assert!(text("klpctl.8").contains("klpctl\\-install(8)"));
        for shell in ["klpctl.bash", "_klpctl", "klpctl.fish"] {
            assert!(text(shell).contains("rollback"), "{shell}");
        }
        assert!(!files.iter().any(|(name, _)| name.contains("generate")));
    }
}
