// SPDX-License-Identifier: GPL-2.0-only

//! The part `types`: checks the compiler's messages about patches that do not match the kernel, and that it
//! accepts those that do.
//!
//! The patches in `tests/types/fail` are compiled for a real kernel, with its type information,
//! and the messages are compared with the files beside them. After an intended change:
//! `UPDATE_EXPECT=1 cargo xtask test --only types`, then read the difference.

mod claims;
mod compile;
mod messages;
mod stubs;
mod views;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use klp_host::kernel::Kernel;
use klp_host::module::Built;

use self::compile::Compiler;
use self::messages::{compare, normalize};
use super::form::Form;
use crate::case::{Case, Tally};
use crate::checkout;
use crate::files::listed;
use crate::parallel;
use crate::report;

/// The folders of the patches in the checkout.
const PATCHES: &str = "tests/types";
const CLAIMS: &str = "tests/claims";

/// The script name that cases are reported under.
const SCRIPT: &str = "types";

/// Runs all checks on one kernel.
pub(super) fn run(kernel: &Kernel, built: &Built, form: Form) -> Result<Tally> {
    let compiler = Compiler::from_built(kernel, built)?;
    let mut cases = Vec::new();
    for (folder, test) in [
        (
            format!("{PATCHES}/fail"),
            fails as fn(&Compiler, &Path) -> Result<()>,
        ),
        (format!("{PATCHES}/pass"), passes),
        (CLAIMS.to_owned(), claims::run),
    ] {
        let sources = sources(&folder)?;
        cases.extend(parallel::map(&sources, |source| {
            case(source, test(&compiler, source))
        }));
    }
    cases.extend(parallel::map(&examples()?, |source| {
        case(source, example(&compiler, source))
    }));
    cases.push(Case::from_result(
        SCRIPT,
        "stubs of all functions compile",
        stubs::run(kernel, &compiler, form),
    ));
    cases.push(Case::from_result(
        SCRIPT,
        "views of structures compile",
        views::run(kernel, &compiler),
    ));
    Ok(report::add_all(&cases))
}

/// The patches of a folder, by name.
fn sources(folder: &str) -> Result<Vec<PathBuf>> {
    let folder = checkout::top().join(folder);
    let mut found = listed(&folder)?;
    found.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    ensure!(!found.is_empty(), "{} has no patches", folder.display());
    Ok(found)
}

/// The examples' patches, by name. Other source files of a patch do not begin with `livepatch-`.
fn examples() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in listed(&checkout::top().join("examples"))? {
        found.extend(listed(&folder)?);
    }
    found.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("livepatch-") && name.ends_with(".rs")
    });
    Ok(found)
}

fn case(source: &Path, result: Result<()>) -> Case {
    let top = checkout::top();
    let name = source
        .strip_prefix(top.join(PATCHES))
        .or_else(|_| source.strip_prefix(&top));
    let name = name.unwrap_or(source).display().to_string();
    Case::from_result(SCRIPT, &name, result)
}

/// Checks that an example compiles without messages, with the metadata of the modules that it patches, and
/// without `unsafe` except in declarations and claims.
fn example(compiler: &Compiler, source: &Path) -> Result<()> {
    let options: &[&str] = match only_claims(&all_sources(source)?) {
        true => &[],
        false => &["-Funsafe_code"],
    };
    let output = compiler.compile(source, options)?;
    let messages = normalize(&String::from_utf8_lossy(&output.stderr));
    ensure!(
        output.status.success() && messages.is_empty(),
        "the compiler reports: {messages}"
    );
    Ok(())
}

/// Whether a patch has `unsafe`, but only in declarations and claims in attributes. The lint `unsafe_code` does not
/// distinguish these.
fn only_claims(text: &str) -> bool {
    let is_claim = |line: &str| line == "unsafe extern \"C\" {" || line.ends_with("unsafe)]");
    let mut unsafe_lines = text
        .lines()
        .map(str::trim)
        .filter(|line| line.contains("unsafe") && !line.starts_with("//"))
        .peekable();
    unsafe_lines.peek().is_some() && unsafe_lines.all(is_claim)
}

/// Reads all Rust sources of a patch's folder.
fn all_sources(source: &Path) -> Result<String> {
    let mut text = String::new();
    for path in listed(source.parent().unwrap_or(source))? {
        if path.extension().is_some_and(|extension| extension == "rs") {
            let cannot = || format!("cannot read {}", path.display());
            text += &fs::read_to_string(&path).with_context(cannot)?;
        }
    }
    Ok(text)
}

/// Checks that a valid patch compiles with the expected warnings, which most do not have.
fn passes(compiler: &Compiler, source: &Path) -> Result<()> {
    let output = compiler.compile(source, &[])?;
    let messages = normalize(&String::from_utf8_lossy(&output.stderr));
    ensure!(
        output.status.success(),
        "the patch does not compile: {messages}"
    );
    compare(source, &messages)
}

/// Checks that an invalid patch does not compile, with the messages of the file beside it.
fn fails(compiler: &Compiler, source: &Path) -> Result<()> {
    // Unused items are irrelevant.
    let output = compiler.compile(source, &["--cap-lints=allow"])?;
    let messages = normalize(&String::from_utf8_lossy(&output.stderr));
    ensure!(!output.status.success(), "the patch compiles: {messages}");
    compare(source, &messages)
}

#[cfg(test)]
mod tests {
    use super::only_claims;

    #[test]
    fn only_claims_may_be_unsafe() {
        assert!(!only_claims("fn f() {}\n"));
        assert!(only_claims("  unsafe extern \"C\" {\n}\n"));
        assert!(only_claims("    #[follow(rcu, unsafe)]\n"));
        assert!(!only_claims(
            "unsafe extern \"C\" {\n}\nlet x = unsafe { *p };\n"
        ));
    }
}
