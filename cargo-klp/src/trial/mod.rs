// SPDX-License-Identifier: GPL-2.0-only

//! Tries patches in a virtual machine: loads them into their kernel, waits until it is patched,
//! shows what livepatch says, and takes them out again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use klp_host::vm::{self, Outcome, Spec};

use crate::kernel::Target;

/// Where the modules are in the guest.
const GUEST: &str = "/klp/modules";

/// The longest that it may take; the guest's script has shorter limits of its own.
const TIMEOUT: Duration = Duration::from_secs(300);

/// What to try.
#[derive(Debug)]
pub struct Trial<'a> {
    pub kernel: &'a Target,
    /// The live patches.
    pub patches: &'a [PathBuf],
    /// Modules that are loaded before: those that get patched.
    pub others: &'a [PathBuf],
    /// What the user wants to see before and after.
    pub command: Option<&'a str>,
}

impl Trial<'_> {
    /// Boots and tries it. The guest's script says what is wrong.
    pub fn run(&self) -> Result<()> {
        let image = &self.kernel.image;
        ensure!(
            image.is_file(),
            "there is no kernel image {} to boot: build the kernel's bzImage, or leave out --vm",
            image.display()
        );
        let spec = Spec {
            copy: self
                .others
                .iter()
                .chain(self.patches)
                .map(|path| Ok((path.clone(), guest(path)?)))
                .collect::<Result<_>>()?,
            timeout: TIMEOUT,
            ..Spec::new(image, self.script()?)
        };
        let report = vm::run_shown(&spec)?;
        if let Some(problem) = report.problem() {
            bail!("{problem}");
        }
        if report.outcome != Outcome::Exited(0) {
            bail!("not patched, see above");
        }
        println!("patched: {} on {}", self.names(), self.kernel.build.release);
        Ok(())
    }

    fn script(&self) -> Result<String> {
        let words = |paths: &[PathBuf]| -> Result<String> {
            let paths: Result<Vec<_>> = paths.iter().map(|path| guest(path)).collect();
            let paths: Vec<_> = paths?
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            Ok(shell_words::join(&paths))
        };
        Ok(format!(
            "others=({})\npatches=({})\ncommand={}\n{}",
            words(self.others)?,
            words(self.patches)?,
            shell_words::quote(self.command.unwrap_or_default()),
            include_str!("trial.sh")
        ))
    }

    fn names(&self) -> String {
        let names = self.patches.iter().filter_map(|path| path.file_stem());
        let names: Vec<_> = names
            .map(|name| name.to_string_lossy().replace('-', "_"))
            .collect();
        names.join(", ")
    }
}

fn guest(path: &Path) -> Result<PathBuf> {
    let name = path
        .file_name()
        .with_context(|| format!("{} has no file name", path.display()))?;
    Ok(Path::new(GUEST).join(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use klp_host::kernel::BuildFolder;
    use klp_host::kernel::known::Known;

    fn target(image: &Path) -> Target {
        Target {
            build: BuildFolder {
                release: "7.2.0".to_owned(),
                dir: PathBuf::new(),
                env: Vec::new(),
                vars: Vec::new(),
            },
            image: image.to_owned(),
            known: Known::default(),
        }
    }

    #[test]
    fn a_kernel_without_an_image_is_named() {
        let kernel = target(Path::new("/none/bzImage"));
        let trial = Trial {
            kernel: &kernel,
            patches: &[],
            others: &[],
            command: None,
        };
        let text = trial.run().unwrap_err().to_string();
        assert!(text.contains("no kernel image /none/bzImage"), "{text}");
    }

    #[test]
    fn words_of_the_user_stay_words() {
        let kernel = target(Path::new("/image"));
        let trial = Trial {
            kernel: &kernel,
            patches: &[PathBuf::from("/p/fix-foo.ko")],
            others: &[PathBuf::from("/p/target.ko")],
            command: Some("echo 'a b'; $x"),
        };
        let script = trial.script().unwrap();
        let lines: Vec<_> = script.lines().take(3).collect();
        assert_eq!(
            lines,
            [
                "others=(/klp/modules/target.ko)",
                "patches=(/klp/modules/fix-foo.ko)",
                r#"command='echo '\''a b'\''; $x'"#,
            ]
        );
        assert_eq!(trial.names(), "fix_foo");
    }
}
