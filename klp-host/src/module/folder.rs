// SPDX-License-Identifier: GPL-2.0-only

//! Builds a module folder, or single targets of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::build_folder::BuildFolder;
use crate::host::consent::explain_offline;
use crate::host::files;
use crate::host::paths::{check_for_make, is_inside};
use crate::host::progress::{Show, Step};
use crate::link;
use crate::strip;

/// The result of a build.
#[derive(Clone, Debug)]
pub struct Built {
    /// The modules, in the order of the Kbuild file.
    pub modules: Vec<PathBuf>,
}

impl Built {
    /// Returns the module of this name (`livepatch_sample` or `livepatch-sample`, with or without `.ko`).
    pub fn module(&self, name: &str) -> Option<&Path> {
        let plain = |text: &str| text.trim_end_matches(".ko").replace('-', "_");
        self.modules
            .iter()
            .find(|path| {
                path.file_name()
                    .is_some_and(|file| plain(&file.to_string_lossy()) == plain(name))
            })
            .map(PathBuf::as_path)
    }
}

/// A module folder, with the parameters of its build.
#[derive(Clone, Copy, Debug)]
pub struct Folder<'a> {
    /// Its name in messages.
    pub what: &'a str,
    /// The absolute path of the sources, from [`super::sources`].
    pub sources: &'a Path,
    /// The absolute path of the output folder. The caller holds its lock.
    pub output: &'a Path,
    /// Variables on make's command line.
    pub vars: &'a [(String, String)],
    /// Additional environment variables of make.
    pub env: &'a [(String, String)],
}

impl Folder<'_> {
    /// Builds all modules, and shows the compilers' messages.
    pub fn make(&self, kernel: &BuildFolder) -> Result<Built> {
        self.make_only(kernel, &["modules".to_owned()])?;
        let order = self.output.join("modules.order");
        let order = fs::read_to_string(&order)
            .with_context(|| format!("cannot read {}", order.display()))?;
        let modules = modules(self.output, &order)?;
        for module in &modules {
            strip::in_place(module)?;
            link::in_place(module)?;
        }
        Ok(Built { modules })
    }

    /// Builds these targets, such as `one-module.ko`.
    pub fn make_only(&self, kernel: &BuildFolder, targets: &[String]) -> Result<()> {
        for path in [self.sources, self.output, &kernel.dir] {
            check_for_make(path)?;
        }
        let step = Step::start(
            &format!("building {} for {}", self.what, kernel.release),
            "seconds; at first up to a minute",
        );
        let log = self.output.join("build.log");
        files::create_log(&log).context("cannot write the log")?;
        let mut command = self.command(kernel);
        let made = step.run_showing(command.args(targets), &log, Show::Messages);
        made.map_err(|error| {
            let output = fs::read_to_string(&log).unwrap_or_default();
            match explain_offline(&output) {
                Some(why) => anyhow!("{error:#}\n{why}"),
                None => error,
            }
        })?;
        step.done();
        Ok(())
    }

    /// Returns a make command for the folder, without a target.
    pub fn command(&self, kernel: &BuildFolder) -> Command {
        let assign = |name: &str, path: &Path| {
            let mut word = std::ffi::OsString::from(name);
            word.push(path);
            word
        };
        let vars = self.vars.iter();
        let mut command = kernel.make();
        command
            .arg(assign("M=", self.sources))
            .arg(assign("MO=", self.output))
            .args(vars.map(|(name, value)| format!("{name}={value}")))
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Returns the modules in `modules.order`, which lists object files relative to the output folder. Refuses others,
/// because the modules are modified.
fn modules(output: &Path, order: &str) -> Result<Vec<PathBuf>> {
    let module = |line: &str| {
        let object = Path::new(line.trim());
        // Older kernels list absolute paths.
        let object = object.strip_prefix(output).unwrap_or(object);
        ensure!(
            is_inside(object),
            "the build made {object:?}, which is not in its folder {}: the Kbuild file may only \
             name objects of its own folder and of those below it",
            output.display()
        );
        Ok(output.join(object).with_extension("ko"))
    };
    order.lines().map(module).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_found_with_dashes_and_underscores() {
        let built = Built {
            modules: modules(Path::new("/o"), "b/two-parts.o\na.o\n").unwrap(),
        };
        assert_eq!(
            built.modules,
            [PathBuf::from("/o/b/two-parts.ko"), PathBuf::from("/o/a.ko")]
        );
        for name in ["two-parts", "two_parts", "two_parts.ko"] {
            assert_eq!(
                built.module(name),
                Some(Path::new("/o/b/two-parts.ko")),
                "{name}"
            );
        }
        assert_eq!(built.module("parts"), None);
    }

    #[test]
    fn modules_outside_of_the_output_are_refused() {
        for order in ["/o/../x.o\n", "a.o\n../x.o\n", "/etc/x.o\n", "\n"] {
            let text = modules(Path::new("/o"), order).unwrap_err().to_string();
            assert!(text.contains("not in its folder /o"), "{text}");
        }
    }
}
