// SPDX-License-Identifier: GPL-2.0-only

//! Builds what patches need first: `#[livepatch]` compares them with its types.

use std::path::Path;

use anyhow::{Result, ensure};

use super::folder::Folder;
use super::helpers::Helpers;
use super::kbuild::Kbuild;
use crate::build_folder::BuildFolder;

/// The C modules that patches are about, and their own C functions.
#[derive(Clone, Debug, Default)]
pub struct Prerequisites {
    /// Files, relative to the output.
    modules: Vec<String>,
    helpers: Vec<Helpers>,
}

impl Prerequisites {
    /// Adds those of the folder with that Kbuild file, which is `folder` below the sources.
    ///
    /// # Errors
    ///
    /// When the Kbuild file does not make `helpers.c` part of one patch.
    pub fn add(&mut self, kbuild: &Kbuild, folder: &Path) -> Result<()> {
        let path = |name| folder.join(name).display().to_string();
        self.modules.extend(kbuild.in_c().into_iter().map(path));
        self.helpers.extend(Helpers::of(kbuild, folder)?);
        Ok(())
    }

    /// Is there nothing to build?
    pub fn is_empty(&self) -> bool {
        self.modules.is_empty() && self.helpers.is_empty()
    }

    /// The modules' files, relative to the output.
    pub fn modules(&self) -> &[String] {
        &self.modules
    }

    /// Builds them in `folder`. Returns the files with types, relative to its output: without
    /// the kernel's own, in `vmlinux`, there are none for helpers.
    ///
    /// # Errors
    ///
    /// They cannot be built.
    pub fn build(
        &self,
        folder: &Folder<'_>,
        kernel: &BuildFolder,
        vmlinux: Option<&Path>,
    ) -> Result<Vec<String>> {
        let helpers = self.helpers.iter().flat_map(Helpers::targets);
        let targets: Vec<_> = self.modules.iter().cloned().chain(helpers).collect();
        check_goals(&targets)?;
        folder.make_only(kernel, &targets)?;
        let mut files = self.modules.clone();
        if let Some(vmlinux) = vmlinux {
            for helpers in &self.helpers {
                files.push(helpers.encode_types(folder.output, vmlinux)?);
            }
        }
        Ok(files)
    }
}

/// Refuses goals that make would not build: the kernel's makefile treats goals that begin with `help` as questions about
/// itself, and without other goals, it loads no configuration.
fn check_goals(goals: &[String]) -> Result<()> {
    let is_question = |goal: &String| goal.starts_with("help");
    ensure!(
        goals.is_empty() || !goals.iter().all(is_question),
        "the kernel's makefile cannot build {}: it takes names that begin with `help` for questions about itself; \
         give the module another name in the Kbuild file",
        goals.join(" and ")
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check_goals;

    #[test]
    fn goals_that_are_questions_are_refused() {
        let check = |goals: &[&str]| {
            let goals: Vec<String> = goals.iter().map(ToString::to_string).collect();
            check_goals(&goals).map_err(|error| error.to_string())
        };
        for goals in [&["helpers.o", "help-fix.mod"][..], &["help_target.ko"]] {
            let error = check(goals).unwrap_err();
            assert!(error.contains("give the module another name"), "{error}");
            assert!(error.contains(goals[0]), "{error}");
        }
        for goals in [
            &[][..],
            &["helpers.o", "my-fix.mod"],
            &["help_target.ko", "other.ko"],
            &["examples/a/helpers.o", "examples/a/help-fix.mod"],
        ] {
            assert_eq!(check(goals), Ok(()), "{goals:?}");
        }
    }
}
