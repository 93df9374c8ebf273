// SPDX-License-Identifier: GPL-2.0-only

//! Checks the compiler's messages about patches that do not match the kernel, and that it
//! accepts those that do.
//!
//! The patches in `tests/types/fail` are compiled for a real kernel, with its type information,
//! and the messages are compared with the files beside them. After an intended change:
//! `UPDATE_EXPECT=1 cargo xtask test --only types`, then read the difference.

mod claims;
mod compile;
mod stubs;
mod views;

use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context as _, Result, bail, ensure};
use klp_host::kernel::Kernel;
use klp_host::module::Built;

use self::compile::Compiler;
use super::report;
use crate::case::{Case, Tally};
use crate::checkout;
use crate::parallel;

/// Where the patches are, in the checkout.
const PATCHES: &str = "tests/types";
const CLAIMS: &str = "tests/claims";

/// Runs them all on one kernel.
pub(super) fn run(kernel: &Kernel, built: &Built) -> Result<Tally> {
    let compiler = Compiler::of(kernel, built)?;
    let mut cases = Vec::new();
    for (folder, test) in [
        (
            format!("{PATCHES}/fail"),
            wrong as fn(&Compiler, &Path) -> Result<()>,
        ),
        (format!("{PATCHES}/pass"), right),
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
    cases.push(Case {
        script: "types".to_owned(),
        name: "stubs of all functions compile".to_owned(),
        failure: stubs::run(kernel, &compiler)
            .err()
            .map(|error| format!("{error:#}")),
    });
    cases.push(Case {
        script: "types".to_owned(),
        name: "views of structures compile".to_owned(),
        failure: views::run(kernel, &compiler)
            .err()
            .map(|error| format!("{error:#}")),
    });
    Ok(report(&cases))
}

/// The patches of a folder, by name.
fn sources(folder: &str) -> Result<Vec<PathBuf>> {
    let folder = checkout::top().join(folder);
    let mut found = listed(&folder)?;
    found.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    ensure!(!found.is_empty(), "no patch is in {}", folder.display());
    Ok(found)
}

/// The examples' patches, by name; other files of a patch have other names.
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

/// The entries of a folder, by name.
fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    let cannot = || format!("cannot read {}", folder.display());
    let entries = fs::read_dir(folder).with_context(cannot)?;
    let mut found = entries
        .map(|entry| Ok(entry.with_context(cannot)?.path()))
        .collect::<Result<Vec<_>>>()?;
    found.sort();
    Ok(found)
}

fn case(source: &Path, result: Result<()>) -> Case {
    let top = checkout::top();
    let name = source
        .strip_prefix(top.join(PATCHES))
        .or_else(|_| source.strip_prefix(&top));
    Case {
        script: "types".to_owned(),
        name: name.unwrap_or(source).display().to_string(),
        failure: result.err().map(|error| format!("{error:#}")),
    }
}

/// An example compiles without messages, with all information about the modules that it patches. It
/// needs no `unsafe` except in declarations and claims.
fn example(compiler: &Compiler, source: &Path) -> Result<()> {
    let options: &[&str] = match only_claims(&whole(source)?) {
        true => &[],
        false => &["-Funsafe_code"],
    };
    let output = compiler.compile(source, options)?;
    let said = normal(&String::from_utf8_lossy(&output.stderr));
    ensure!(
        output.status.success() && said.is_empty(),
        "the compiler says: {said}"
    );
    Ok(())
}

/// Whether all that is unsafe in a patch are declarations and claims in attributes, and there are such.
/// The lint has one word for all.
fn only_claims(text: &str) -> bool {
    let is_claim = |line: &str| line == "unsafe extern \"C\" {" || line.ends_with("unsafe)]");
    let mut promises = text
        .lines()
        .map(str::trim)
        .filter(|line| line.contains("unsafe") && !line.starts_with("//"))
        .peekable();
    promises.peek().is_some() && promises.all(is_claim)
}

/// All Rust sources of a patch's folder.
fn whole(source: &Path) -> Result<String> {
    let mut text = String::new();
    for path in listed(source.parent().unwrap_or(source))? {
        if path.extension().is_some_and(|extension| extension == "rs") {
            let cannot = || format!("cannot read {}", path.display());
            text += &fs::read_to_string(&path).with_context(cannot)?;
        }
    }
    Ok(text)
}

/// A valid patch compiles, mostly without messages.
fn right(compiler: &Compiler, source: &Path) -> Result<()> {
    let output = compiler.compile(source, &[])?;
    let said = normal(&String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "it does not compile: {said}");
    said_as_expected(source, &said)
}

/// An invalid patch does not compile, and the messages are those of the file beside it.
fn wrong(compiler: &Compiler, source: &Path) -> Result<()> {
    // Unused items are irrelevant.
    let output = compiler.compile(source, &["--cap-lints=allow"])?;
    let said = normal(&String::from_utf8_lossy(&output.stderr));
    ensure!(!output.status.success(), "it compiles: {said}");
    said_as_expected(source, &said)
}

/// Compares with the file beside the patch; without one, no messages are expected.
fn said_as_expected(source: &Path, said: &str) -> Result<()> {
    let expected = source.with_extension("stderr");
    if std::env::var_os("UPDATE_EXPECT").is_some() && !said.is_empty() {
        return fs::write(&expected, said)
            .with_context(|| format!("cannot write {}", expected.display()));
    }
    let wanted = match fs::read_to_string(&expected) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read.with_context(|| format!("cannot read {}", expected.display()))?,
    };
    if said != wanted {
        bail!("expected\n{wanted}\nfound\n{said}");
    }
    Ok(())
}

/// Without what differs between machines and kernels: folders and addresses.
fn normal(said: &str) -> String {
    let folder = format!("{}/", checkout::top().display());
    let mut text = String::new();
    for line in said.replace(&folder, "").lines() {
        let line = match line.split_once("at 0x") {
            Some((before, rest)) => {
                let after = rest.trim_start_matches(|digit: char| digit.is_ascii_hexdigit());
                format!("{before}at 0x...{after}")
            }
            None => line.to_owned(),
        };
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{normal, only_claims};

    #[test]
    fn only_claims_may_be_unsafe() {
        assert!(!only_claims("fn f() {}\n"));
        assert!(only_claims("  unsafe extern \"C\" {\n}\n"));
        assert!(only_claims("    #[follow(rcu, unsafe)]\n"));
        assert!(!only_claims(
            "unsafe extern \"C\" {\n}\nlet x = unsafe { *p };\n"
        ));
    }

    #[test]
    fn addresses_are_left_out() {
        assert_eq!(
            normal("  sympos = 1: at 0xffffffff81, cannot be traced \n"),
            "  sympos = 1: at 0x..., cannot be traced\n"
        );
    }
}
