// SPDX-License-Identifier: GPL-2.0-only

//! Builds the prerequisites of patches: `#[livepatch]` compares patches with their types.

use std::path::Path;

use anyhow::{Result, ensure};

use super::folder::Folder;
use super::helpers::Helpers;
use super::kbuild::Kbuild;
use crate::build_folder::BuildFolder;

/// The C modules that are patched, and the C functions of patches.
#[derive(Clone, Debug, Default)]
pub struct Prerequisites {
    /// The modules' files, relative to the output folder.
    modules: Vec<String>,
    helpers: Vec<Helpers>,
}

impl Prerequisites {
    /// Adds those of the folder of this Kbuild file, `folder` relative to the sources.
    ///
    /// # Errors
    ///
    /// The Kbuild file does not make `helpers.c` part of exactly one module.
    pub fn add(&mut self, kbuild: &Kbuild, folder: &Path) -> Result<()> {
        let path = |name| folder.join(name).display().to_string();
        self.modules.extend(kbuild.in_c().into_iter().map(path));
        self.helpers.extend(Helpers::of(kbuild, folder)?);
        Ok(())
    }

    /// Whether there is nothing to build.
    pub fn is_empty(&self) -> bool {
        self.modules.is_empty() && self.helpers.is_empty()
    }

    /// Returns the modules' files, relative to the output folder.
    pub fn modules(&self) -> &[String] {
        &self.modules
    }

    /// Builds them in `folder`. Returns the files with types, relative to the output folder. Those of helpers
    /// need `vmlinux`, which has the base BTF.
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

/// Refuses goals that make would not build: the kernel's makefile does not load the configuration if all goals match
/// `help%`.
fn check_goals(goals: &[String]) -> Result<()> {
    let is_help = |goal: &String| goal.starts_with("help");
    ensure!(
        goals.is_empty() || !goals.iter().all(is_help),
        "the kernel's makefile cannot build {}: it treats names that begin with `help` as help targets; \
         give the module another name in the Kbuild file",
        goals.join(" and ")
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check_goals;

    #[test]
    fn help_goals_are_refused() {
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
