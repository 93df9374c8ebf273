// SPDX-License-Identifier: GPL-2.0-only

//! Compiles a single patch as Kbuild does, without linking a module.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context as _, Result, bail};
use klp_host::host::process;
use klp_host::kernel::Kernel;
use klp_host::kernel::metadata::KernelMetadata;
use klp_host::module::Built;
use tempfile::TempDir;

/// The patch whose compiler command, as recorded by Kbuild, is used.
const RECORDED: &str = "livepatch-sample";

/// The kernel's rustc with the options for patches.
pub(super) struct Compiler {
    /// Variables `NAME=value`, the compiler and its options.
    words: Vec<String>,
    /// The folder that paths in the command are relative to.
    root: PathBuf,
    env: Vec<(String, String)>,
    output: TempDir,
}

impl Compiler {
    /// Takes the command from a built patch.
    pub(super) fn from_built(kernel: &Kernel, built: &Built) -> Result<Self> {
        let module = built
            .module(RECORDED)
            .with_context(|| format!("the build produced no {RECORDED}"))?;
        let folder = module.parent().unwrap_or(Path::new("."));
        // The module is in examples/livepatch-sample.
        let root = folder.parent().and_then(Path::parent).unwrap_or(folder);
        let record = folder.join(format!(".{RECORDED}.o.cmd"));
        let text = fs::read_to_string(&record)
            .with_context(|| format!("cannot read {}", record.display()))?;
        let words = words(&text)
            .with_context(|| format!("{} has no compiler command", record.display()))?;
        let mut env = kernel.build.env.clone();
        // The kernel's makefile exports it.
        env.push(("RUSTC_BOOTSTRAP".into(), "1".into()));
        // The types of patched modules are in the built modules.
        let known = KernelMetadata::of_folder(&kernel.build.dir).with_modules(root);
        env.extend(known.env());
        Ok(Self {
            words,
            root: root.to_owned(),
            env,
            output: tempfile::tempdir().context("cannot make a folder")?,
        })
    }

    /// Compiles a patch with additional options.
    pub(super) fn compile(&self, source: &Path, options: &[&str]) -> Result<Output> {
        let name = source.file_stem().unwrap_or_default().to_string_lossy();
        let output = self.output.path().join(format!("{name}.rmeta"));
        self.emit(source, options, &format!("metadata={}", output.display()))
    }

    /// Like [`Self::compile`], with this argument of `--emit`.
    pub(super) fn emit(&self, source: &Path, options: &[&str], emit: &str) -> Result<Output> {
        let name = source.file_stem().unwrap_or_default().to_string_lossy();
        let mut command = process::command("env");
        command
            .current_dir(&self.root)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .args(&self.words)
            .args(options)
            .arg(format!("--emit={emit}"))
            .arg(source)
            // Kbuild sets the module's name.
            .env("RUST_MODFILE", &*name);
        process::check_interrupted()?;
        command
            .output()
            .with_context(|| format!("cannot run {}", process::describe(&command)))
    }
}

/// The words of the recorded command up to the source, without output options.
fn words(record: &str) -> Result<Vec<String>> {
    let line = record.lines().next().unwrap_or_default();
    let (_, command) = line.split_once(":=").unwrap_or_default();
    let mut words = Vec::new();
    let mut all = shell_words::split(command)?.into_iter();
    while let Some(word) = all.next() {
        match word.as_str() {
            // Another command follows.
            ";" => break,
            "--out-dir" => drop(all.next()),
            _ if word.starts_with("--emit=") || word.starts_with("RUST_MODFILE=") => {}
            _ if word.ends_with(".rs") => {}
            _ => words.push(word),
        }
    }
    if words.is_empty() {
        bail!("the recorded command is empty");
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn output_options_are_removed() {
        let record = "savedcmd_a.o := OBJTREE=/k RUST_MODFILE=a rustc -Zcrate-attr='feature(x)' \
                      -L ./klp --out-dir x/ --emit=dep-info=.a.o.d --emit=obj=a.o /s/a.rs   ; objtool a.o\n\n\
                      source_a.o := /s/a.rs\n";
        let found = words(record).expect("a command");
        assert_eq!(
            found,
            [
                "OBJTREE=/k",
                "rustc",
                "-Zcrate-attr=feature(x)",
                "-L",
                "./klp"
            ]
        );
        assert!(words("").is_err());
    }
}
