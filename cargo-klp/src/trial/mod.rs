// SPDX-License-Identifier: GPL-2.0-only

//! Tests patches in a virtual machine: boots their kernel, loads them, waits for the transitions, prints their state, and
//! unloads them.

mod options;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use klp_host::kernel::modules;
use klp_host::vm::{self, Outcome, Spec};
use tempfile::TempDir;

use crate::kernel::Target;
pub use options::TrialOptions;

/// The guest's folder of built modules.
const BUILT: &str = "/klp/modules";
/// The guest's folder of the kernel's modules.
const KERNELS: &str = "/klp/kernel-modules";

/// The time limit of everything but the command; the guest's script has shorter limits.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The exit statuses of the guest's script.
const NOT_PATCHED: i32 = 1;
const COMMAND_FAILED: i32 = 9;

/// A trial of patches.
#[derive(Debug)]
pub struct Trial<'a> {
    pub kernel: &'a Target,
    /// The live patches.
    pub patches: &'a [PathBuf],
    /// The modules to load before them, which they patch.
    pub others: &'a [PathBuf],
    pub options: &'a TrialOptions,
}

impl Trial<'_> {
    /// Boots the kernel and runs the guest's script, which reports errors itself.
    pub fn run(&self) -> Result<()> {
        let image = &self.kernel.image;
        ensure!(
            image.is_file(),
            "there is no kernel image {} to boot: build the whole kernel, or omit --vm",
            image.display()
        );
        let needed = Needed::prepare(self)?;
        self.check_names(&needed)?;
        let spec = Spec {
            copy: self.copies(&needed)?,
            timeout: TIMEOUT + 2 * Duration::from_secs(self.options.timeout),
            grow: true,
            decompressed: true,
            ..Spec::new(image, self.script(&needed)?)
        };
        let report = vm::run_shown(&spec)?;
        if let Some(problem) = report.problem() {
            bail!("{problem}");
        }
        match report.outcome {
            Outcome::Exited(0) => {}
            Outcome::Exited(COMMAND_FAILED) => {
                bail!("the command failed on the patched kernel, see above")
            }
            Outcome::Exited(NOT_PATCHED) => bail!("not patched, see above"),
            other => bail!("the trial was not completed ({other:?}), see above"),
        }
        println!("patched: {} on {}", self.names(), self.kernel.build.release);
        Ok(())
    }

    /// Refuses two modules with the same name: the kernel would load only the first.
    fn check_names(&self, needed: &Needed) -> Result<()> {
        let built: Vec<String> = self
            .others
            .iter()
            .chain(self.patches)
            .map(|path| name(path))
            .collect();
        for module in &needed.files {
            ensure!(
                !built.contains(&name(module)),
                "the patch's folder builds a module `{0}`, but --module loads a module of the kernel with that name: \
                 rename yours",
                name(module)
            );
        }
        Ok(())
    }

    fn copies(&self, needed: &Needed) -> Result<Vec<(PathBuf, PathBuf)>> {
        let built = self.others.iter().chain(self.patches);
        let built = built.map(|path| Ok((path.clone(), guest(BUILT, path)?)));
        let needed = needed
            .files
            .iter()
            .map(|path| Ok((path.clone(), guest(KERNELS, path)?)));
        let users = self.options.files.iter().cloned().map(Ok);
        built.chain(needed).chain(users).collect()
    }

    fn script(&self, needed: &Needed) -> Result<String> {
        let words = |dir: &str, paths: &[PathBuf]| -> Result<String> {
            let paths: Result<Vec<_>> = paths.iter().map(|path| guest(dir, path)).collect();
            let paths: Vec<_> = paths?
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            Ok(shell_words::join(&paths))
        };
        let TrialOptions {
            command,
            expect,
            expect_status,
            timeout,
            ..
        } = self.options;
        Ok(format!(
            "needed=({})\noptional=({})\nothers=({})\npatches=({})\ncommand={}\nexpect=({})\n\
             expect_status={expect_status}\nlimit={timeout}\n\
             NOT_PATCHED={NOT_PATCHED}\nCOMMAND_FAILED={COMMAND_FAILED}\n{}",
            words(KERNELS, &needed.files)?,
            words(KERNELS, &needed.optional)?,
            words(BUILT, self.others)?,
            words(BUILT, self.patches)?,
            shell_words::quote(command.as_deref().unwrap_or_default()),
            shell_words::join(expect),
            include_str!("trial.sh")
        ))
    }

    fn names(&self) -> String {
        let names: Vec<_> = self.patches.iter().map(|path| name(path)).collect();
        names.join(", ")
    }
}

/// The name of the module in a file, as `lsmod` shows it.
fn name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().replace('-', "_")
}

/// The requested modules of the kernel and their dependencies, in loading order.
struct Needed {
    files: Vec<PathBuf>,
    /// Those that may fail to load.
    optional: Vec<PathBuf>,
    /// The folder with the uncompressed files.
    _folder: TempDir,
}

impl Needed {
    fn prepare(trial: &Trial<'_>) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot create a temporary folder for modules")?;
        let mut files = Vec::new();
        let mut optional = Vec::new();
        let requested = &trial.options.modules;
        let found = match requested.is_empty() {
            true => Vec::new(),
            false => modules::with_dependencies(&trial.kernel.known, requested)?,
        };
        for module in found {
            let path = folder.path().join(format!("{}.ko", module.name));
            fs::write(&path, &module.data)
                .with_context(|| format!("cannot write {}", path.display()))?;
            if module.is_optional {
                optional.push(path.clone());
            }
            files.push(path);
        }
        Ok(Self {
            files,
            optional,
            _folder: folder,
        })
    }
}

fn guest(dir: &str, path: &Path) -> Result<PathBuf> {
    let name = path
        .file_name()
        .with_context(|| format!("{} has no file name", path.display()))?;
    Ok(Path::new(dir).join(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use klp_host::arch::Arch;
    use klp_host::kernel::BuildFolder;
    use klp_host::kernel::metadata::KernelMetadata;

    #[derive(Parser)]
    struct Line {
        #[arg(long)]
        vm: bool,
        #[command(flatten)]
        options: TrialOptions,
    }

    fn options(words: &[&str]) -> Result<TrialOptions, String> {
        let line = ["build"].iter().chain(words);
        match Line::try_parse_from(line) {
            Ok(line) => {
                assert!(line.vm || words.is_empty());
                Ok(line.options)
            }
            Err(error) => Err(error.to_string()),
        }
    }

    fn target(image: &Path) -> Target {
        Target {
            build: BuildFolder {
                release: "7.2.0".to_owned(),
                arch: Arch::default(),
                dir: PathBuf::new(),
                env: Vec::new(),
                vars: Vec::new(),
                freestanding: None,
            },
            image: image.to_owned(),
            known: KernelMetadata::default(),
        }
    }

    fn trial<'a>(kernel: &'a Target, options: &'a TrialOptions) -> Trial<'a> {
        Trial {
            kernel,
            patches: &[],
            others: &[],
            options,
        }
    }

    #[test]
    fn a_missing_image_is_reported() {
        let kernel = target(Path::new("/none/image"));
        let options = options(&[]).unwrap();
        let text = trial(&kernel, &options).run().unwrap_err().to_string();
        assert!(text.contains("no kernel image /none/image"), "{text}");
    }

    #[test]
    fn a_missing_module_is_reported_before_booting() {
        let image = tempfile::NamedTempFile::new().unwrap();
        let kernel = target(image.path());
        let options = options(&["--vm", "--module", "vsock"]).unwrap();
        let text = trial(&kernel, &options).run().unwrap_err().to_string();
        assert!(text.contains("no module `vsock`"), "{text}");
    }

    #[test]
    fn arguments_are_quoted() {
        let kernel = target(Path::new("/image"));
        let file = tempfile::NamedTempFile::new().unwrap();
        let options = options(&[
            "--vm",
            "--command",
            "echo 'a b'; $x",
            "--expect",
            "it's $y",
            "--expect",
            "two",
            "--expect-status",
            "3",
            "--timeout",
            "7",
            "--file",
            &format!("{}:/root/file", file.path().display()),
        ])
        .unwrap();
        let trial = Trial {
            patches: &[PathBuf::from("/p/fix-foo.ko")],
            others: &[PathBuf::from("/p/target.ko")],
            ..trial(&kernel, &options)
        };
        let needed = Needed {
            files: ["/t/crc32c_generic.ko", "/t/vsock.ko"]
                .map(PathBuf::from)
                .into(),
            optional: vec![PathBuf::from("/t/crc32c_generic.ko")],
            _folder: tempfile::tempdir().unwrap(),
        };
        let script = trial.script(&needed).unwrap();
        let lines: Vec<_> = script.lines().take(8).collect();
        assert_eq!(
            lines,
            [
                "needed=(/klp/kernel-modules/crc32c_generic.ko /klp/kernel-modules/vsock.ko)",
                "optional=(/klp/kernel-modules/crc32c_generic.ko)",
                "others=(/klp/modules/target.ko)",
                "patches=(/klp/modules/fix-foo.ko)",
                r#"command='echo '\''a b'\''; $x'"#,
                r#"expect=('it'\''s $y' two)"#,
                "expect_status=3",
                "limit=7",
            ]
        );
        assert_eq!(trial.names(), "fix_foo");
        trial.check_names(&needed).unwrap();
        let same = Needed {
            files: vec![PathBuf::from("/t/fix_foo.ko")],
            optional: Vec::new(),
            _folder: tempfile::tempdir().unwrap(),
        };
        let text = trial.check_names(&same).unwrap_err().to_string();
        assert!(text.contains("builds a module `fix_foo`"), "{text}");
        let copies = trial.copies(&needed).unwrap();
        assert_eq!(copies.len(), 5);
        assert_eq!(copies[4].1, Path::new("/root/file"));
    }

    #[test]
    fn contradictory_options_are_refused() {
        for (words, part) in [
            (&["--command", "x"][..], "--vm"),
            (&["--module", "x"], "--vm"),
            (&["--vm", "--expect", "x"], "--command"),
            (&["--vm", "--expect-status", "1"], "--command"),
            (&["--vm", "--timeout", "0"], "0 is not in 1"),
            (&["--vm", "--file", "x"], "say SRC:DST"),
            (&["--vm", "--command", "x", "--expect-status", "256"], "256"),
        ] {
            let text = options(words).unwrap_err();
            assert!(text.contains(part), "{words:?}: {text}");
        }
    }
}
