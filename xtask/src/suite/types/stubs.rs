// SPDX-License-Identifier: GPL-2.0-only

//! Compiles stubs of every replaceable function of the kernel, as printed: one with a placeholder or one that
//! calls the original, in turn; in the long form both of each function.
//!
//! The stubs are combined into a few large patches. Those that do not compile are counted and removed, until the
//! rest compiles: an error may hide others.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use klp_elf::{Form as Kind, Object, Stub, VMLINUX};
use klp_host::host::progress::say;
use klp_host::kernel::Kernel;
use klp_host::kernel::metadata::KernelMetadata;
use serde::Deserialize;

use super::compile::Compiler;
use crate::parallel;
use crate::suite::form::Form;

/// The number of functions of one patch. With more, the compiler takes longer for each.
const PATCH_SIZE: usize = 400;

/// The number of times that a patch is compiled to find errors hidden by others.
const MAX_ROUNDS: usize = 8;

/// The percentage of stubs that have to compile.
const MIN_COMPILED: usize = 95;

/// The number of failures that are printed.
const MAX_PRINTED: usize = 10;

/// The functions whose stubs do not compile, with the error.
type Failures = BTreeMap<String, String>;

/// Prints and compiles the stubs of all functions, and prints how many compile.
pub(super) fn run(kernel: &Kernel, compiler: &Compiler, form: Form) -> Result<()> {
    let known = klp_elf::Kernel::open(KernelMetadata::of_folder(&kernel.build.dir).sources()?)?;
    let object = known.object(VMLINUX)?;
    let object = object.context("there is no metadata of vmlinux")?;
    let functions: Vec<_> = object
        .functions()
        .filter_map(|name| replaceable(&object, name.to_string()))
        .collect();
    ensure!(
        functions.len() > 1000,
        "only {} functions are known",
        functions.len()
    );
    for (kind, first, what) in [
        (Kind::Replace, 0, "stubs"),
        (Kind::Wrap, 1, "wrapping stubs"),
    ] {
        // Neighbours in the list have similar names, and often similar types.
        let functions: Vec<_> = match form {
            Form::Short => functions.iter().skip(first).step_by(2).collect(),
            Form::Long { .. } => functions.iter().collect(),
        };
        compile_all(&known, &functions, &kind, what, compiler)?;
    }
    Ok(())
}

/// Prints and compiles the stubs of one kind.
fn compile_all(
    known: &klp_elf::Kernel,
    functions: &[&Replaceable],
    kind: &Kind,
    what: &str,
    compiler: &Compiler,
) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot make a folder")?;
    let mut failures = Failures::new();
    let mut patches = Vec::new();
    for (number, functions) in functions.chunks(PATCH_SIZE).enumerate() {
        let source = folder.path().join(format!("stubs_{number}.rs"));
        let stub = Stub::with(known, kind.clone());
        patches.push(Patch::print(stub, functions, source, &mut failures));
    }
    for compiled in parallel::map(&patches, |patch| patch.compile(compiler)) {
        failures.extend(compiled?);
    }

    let (all, failed) = (functions.len(), failures.len());
    say(&format!(
        "{what}: {} of {all} traceable functions with a prototype compile as printed",
        all - failed
    ));
    for (name, why) in failures.iter().take(MAX_PRINTED) {
        say(&format!("  not {name}: {why}"));
    }
    ensure!(
        (all - failed) * 100 >= all * MIN_COMPILED,
        "{failed} of {all} {what} do not compile"
    );
    Ok(())
}

/// A function that can be replaced; if its name is ambiguous, with the position of the first that can.
struct Replaceable {
    name: String,
    sympos: Option<u32>,
}

fn replaceable(object: &Object<'_>, name: String) -> Option<Replaceable> {
    let matches = object.function(&name).matches?;
    let found = matches
        .iter()
        .find(|found| found.code && !found.init && found.traceable == Some(true))?;
    let sympos = (matches.len() > 1).then_some(found.sympos);
    Some(Replaceable { name, sympos })
}

/// A patch of many stubs.
struct Patch {
    source: PathBuf,
    declarations: String,
    /// The functions' names and stubs.
    stubs: Vec<(String, String)>,
}

impl Patch {
    /// Prints the stubs. One that cannot be printed is a failure.
    fn print(
        mut stub: Stub<'_>,
        functions: &[&Replaceable],
        source: PathBuf,
        failures: &mut Failures,
    ) -> Self {
        let mut stubs = Vec::new();
        for Replaceable { name, sympos } in functions {
            match stub.add(VMLINUX, name, *sympos) {
                Ok(text) => stubs.push((name.clone(), text)),
                Err(error) => drop(failures.insert(name.clone(), error.to_string())),
            }
        }
        Self {
            source,
            declarations: stub.declarations(),
            stubs,
        }
    }

    /// Compiles the patch repeatedly without the stubs that failed, until the rest compiles.
    fn compile(&self, compiler: &Compiler) -> Result<Failures> {
        let mut failures = Failures::new();
        for _ in 0..MAX_ROUNDS {
            let lines = self.write(&failures)?;
            let output = compiler.compile(&self.source, &["--error-format=json"])?;
            if output.status.success() {
                return Ok(failures);
            }
            let found = errors(&output.stderr, &self.source, &lines)?;
            ensure!(!found.is_empty(), "the compiler failed without an error");
            failures.extend(found);
        }
        bail!("the patch still has errors after {MAX_ROUNDS} rounds: {failures:?}")
    }

    /// Writes the patch without these stubs. Returns the first line of each of the others.
    fn write(&self, without: &Failures) -> Result<Vec<(usize, &str)>> {
        let mut text = format!(
            "//! Stubs.\n#![allow(missing_docs)]\nuse klp::prelude::*;\n{}\n\
             #[livepatch(description = \"Stubs\", license = \"GPL\")]\nmod stubs {{\n    use super::*;\n",
            self.declarations
        );
        let mut line = text.lines().count() + 1;
        let mut lines = Vec::new();
        for (name, stub) in &self.stubs {
            if without.contains_key(name) {
                continue;
            }
            lines.push((line, name.as_str()));
            text.push_str(stub);
            text.push('\n');
            line += stub.lines().count().max(stub.matches('\n').count()) + 1;
        }
        text.push_str("}\n");
        fs::write(&self.source, text)
            .with_context(|| format!("cannot write {}", self.source.display()))?;
        Ok(lines)
    }
}

/// A message of rustc in JSON.
#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    message: String,
    #[serde(default)]
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Span {
    file_name: PathBuf,
    line_start: usize,
    is_primary: bool,
}

/// Parses the errors, by the stub in which they are.
fn errors(messages: &[u8], source: &Path, lines: &[(usize, &str)]) -> Result<Failures> {
    let mut failures = Failures::new();
    for line in String::from_utf8_lossy(messages).lines() {
        let Ok(diagnostic) = serde_json::from_str::<Diagnostic>(line) else {
            continue;
        };
        // "aborting due to ..." has no position.
        if diagnostic.level != "error" || diagnostic.spans.is_empty() {
            continue;
        }
        let at = diagnostic
            .spans
            .iter()
            .find(|span| span.is_primary && span.file_name == source)
            .map_or(0, |span| span.line_start);
        let stub = lines.iter().rev().find(|(first, _)| *first <= at);
        let Some((_, name)) = stub else {
            bail!("error outside of all stubs: {}", diagnostic.message);
        };
        let first_line = diagnostic.message.lines().next().unwrap_or_default();
        failures
            .entry((*name).to_owned())
            .or_insert_with(|| first_line.to_owned());
    }
    Ok(failures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_assigned_to_their_stubs() {
        let messages = r#"{"level":"warning","message":"w","spans":[]}
{"level":"error","message":"e\nmore","spans":[{"file_name":"/s.rs","line_start":12,"is_primary":true}]}
{"level":"error","message":"aborting","spans":[]}"#;
        let lines = [(5, "one"), (10, "two"), (15, "three")];
        let found = errors(messages.as_bytes(), Path::new("/s.rs"), &lines).expect("errors");
        assert_eq!(found, Failures::from([("two".to_owned(), "e".to_owned())]));
        let outside = errors(messages.as_bytes(), Path::new("/other.rs"), &lines);
        assert!(outside.is_err());
    }
}
