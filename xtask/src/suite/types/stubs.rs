// SPDX-License-Identifier: GPL-2.0-only

//! Compiles stubs of every replaceable function of the kernel, as printed: one with a placeholder, and one that
//! calls the original.
//!
//! They are combined into a few large patches. Stubs that do not compile are counted and removed, until the
//! rest compiles: an error may hide others.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use klp_elf::{Form, Object, Stub, VMLINUX};
use klp_host::host::progress::say;
use klp_host::kernel::Kernel;
use klp_host::kernel::metadata::KernelMetadata;
use serde::Deserialize;

use super::compile::Compiler;
use crate::parallel;

/// How many functions one patch has. With more the compiler takes longer for each.
const IN_ONE_PATCH: usize = 400;

/// How often errors may come to light after others were taken out.
const ROUNDS: usize = 8;

/// How many of a hundred stubs have to compile.
const WANTED: usize = 95;

/// The number of reported failures.
const REPORTED: usize = 10;

/// Stubs that do not compile, and why.
type Failures = BTreeMap<String, String>;

/// Prints and compiles them all, and says how many there were.
pub(super) fn run(kernel: &Kernel, compiler: &Compiler) -> Result<()> {
    let known = klp_elf::Kernel::open(KernelMetadata::of_folder(&kernel.build.dir).sources()?)?;
    let object = known.object(VMLINUX)?;
    let object = object.context("nothing is known of vmlinux")?;
    let functions: Vec<_> = object
        .functions()
        .filter_map(|name| replaceable(&object, name.to_string()))
        .collect();
    ensure!(
        functions.len() > 1000,
        "only {} functions are known",
        functions.len()
    );
    compile_all(&known, &functions, &Form::Replace, "stubs", compiler)?;
    compile_all(&known, &functions, &Form::Wrap, "wrapping stubs", compiler)
}

/// Prints and compiles all of a form.
fn compile_all(
    known: &klp_elf::Kernel,
    functions: &[Replaceable],
    form: &Form,
    what: &str,
    compiler: &Compiler,
) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot make a folder")?;
    let mut failures = Failures::new();
    let mut patches = Vec::new();
    for (number, functions) in functions.chunks(IN_ONE_PATCH).enumerate() {
        let source = folder.path().join(format!("stubs_{number}.rs"));
        let stub = Stub::with(known, form.clone());
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
    for (name, why) in failures.iter().take(REPORTED) {
        say(&format!("  not {name}: {why}"));
    }
    ensure!(
        (all - failed) * 100 >= all * WANTED,
        "{failed} of {all} {what} do not compile"
    );
    Ok(())
}

/// A function and, where there are several of its name, the first that can be replaced.
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
    /// Prints the stubs. A stub that cannot be printed has failed.
    fn print(
        mut stub: Stub<'_>,
        functions: &[Replaceable],
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

    /// Compiles it, again and again without what failed, until the rest compiles.
    fn compile(&self, compiler: &Compiler) -> Result<Failures> {
        let mut failures = Failures::new();
        for _ in 0..ROUNDS {
            let lines = self.write(&failures)?;
            let output = compiler.compile(&self.source, &["--error-format=json"])?;
            if output.status.success() {
                return Ok(failures);
            }
            let found = errors(&output.stderr, &self.source, &lines)?;
            ensure!(!found.is_empty(), "the compiler failed without an error");
            failures.extend(found);
        }
        bail!("after {ROUNDS} rounds there are still errors: {failures:?}")
    }

    /// Writes the patch without these stubs, and returns the line of each of the others.
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

/// What rustc says in JSON.
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

/// The errors, by the stub in which they are.
fn errors(said: &[u8], source: &Path, lines: &[(usize, &str)]) -> Result<Failures> {
    let mut failures = Failures::new();
    for line in String::from_utf8_lossy(said).lines() {
        let Ok(diagnostic) = serde_json::from_str::<Diagnostic>(line) else {
            continue;
        };
        // "aborting due to ..." is at no place.
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
            bail!("outside of all stubs: {}", diagnostic.message);
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
    fn errors_belong_to_the_stub_they_stand_in() {
        let said = r#"{"level":"warning","message":"w","spans":[]}
{"level":"error","message":"e\nmore","spans":[{"file_name":"/s.rs","line_start":12,"is_primary":true}]}
{"level":"error","message":"aborting","spans":[]}"#;
        let lines = [(5, "one"), (10, "two"), (15, "three")];
        let found = errors(said.as_bytes(), Path::new("/s.rs"), &lines).expect("errors");
        assert_eq!(found, Failures::from([("two".to_owned(), "e".to_owned())]));
        let outside = errors(said.as_bytes(), Path::new("/other.rs"), &lines);
        assert!(outside.is_err());
    }
}
