// SPDX-License-Identifier: GPL-2.0-only

//! Checks that architecture-dependent code is in a folder or file named `arch` in each crate. Other
//! code must not name the default architecture, because it would be wrong for the next one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

/// Names of the default architecture, of its files, of its registers, and of an instruction.
const WORDS: [&str; 26] = [
    "x86",
    "X86",
    "x86_64",
    "X86_64",
    "amd64",
    "iced_x86",
    "EM_X86_64",
    "bzImage",
    "endbr64",
    "target_arch",
    "eax",
    "ebx",
    "ecx",
    "edx",
    "esi",
    "edi",
    "rax",
    "rbx",
    "rcx",
    "rdx",
    "rsi",
    "rdi",
    "rbp",
    "rsp",
    "rip",
    "ud2",
];

/// Prefixes of such names.
const PREFIXES: [&str; 2] = ["R_X86_64_", "__x86_"];

/// Exempt files, with the reason.
const EXCEPT: [&str; 7] = [
    // An example patches functions that have other names on other architectures.
    "Kbuild",
    // The help shows the name of a Debian kernel.
    "cargo-klp/src/commands/kernels.rs",
    // As a module, klp-core is for Debian's kernels for PCs: those for arm64 are built without livepatch.
    "klp-core/Kbuild",
    // They list the architectures of klp-core.
    "klp-core/kernel/Kconfig",
    "klp-core/kernel/Makefile",
    // Options of gcc for each architecture.
    "klp/Makefile.freestanding",
    // Fixes of one architecture's code.
    "xtask/src/suite/cve/undone.rs",
];

/// Checks the files for such names.
///
/// # Errors
///
/// A file has such a name, or cannot be read.
pub(super) fn check(top: &Path, files: &[&str]) -> Result<()> {
    let words = BTreeSet::from(WORDS);
    let mut found = Vec::new();
    for name in files.iter().filter(|name| is_checked(name)) {
        let path = top.join(name);
        if !path.is_file() {
            continue;
        }
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        for (number, line) in code(name, &text) {
            if let Some(word) = named(line, &words) {
                found.push(format!("{name}:{number}: {word}"));
            }
        }
    }
    ensure!(
        found.is_empty(),
        "these lines name one processor architecture, outside of a folder or file named arch:\n{}",
        found.join("\n")
    );
    Ok(())
}

/// Whether a file has code for all architectures.
fn is_checked(name: &str) -> bool {
    const ENDINGS: [&str; 8] = [
        ".rs", ".sh", ".c", ".h", ".mk", "Kbuild", "Kconfig", "Makefile",
    ];
    let path = Path::new(name);
    let is_in = |folder: &str| path.iter().any(|part| part == folder);
    let is_code = ENDINGS.iter().any(|end| name.ends_with(end)) || name.contains("Makefile.");
    let is_test = is_in("tests") || name.ends_with("/tests.rs") || is_in("snapshots");
    let is_arch = is_in("arch") || name.ends_with("/arch.rs");
    // Patches depend on the functions that they replace.
    is_code && !is_test && !is_arch && !name.starts_with("examples/") && !EXCEPT.contains(&name)
}

/// The lines of code, with their numbers, without comments and the unit tests at a file's end.
fn code<'a>(name: &str, text: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    let comment = match name.ends_with(".rs") || name.ends_with(".c") || name.ends_with(".h") {
        true => &["//", "*", "/*"][..],
        false => &["#"],
    };
    let lines = text
        .lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"));
    (1..)
        .zip(lines)
        .filter(move |(_, line)| !comment.iter().any(|it| line.trim_start().starts_with(it)))
}

/// The first architecture's name in a line.
fn named<'a>(line: &'a str, words: &BTreeSet<&str>) -> Option<&'a str> {
    let is_inner = |char: char| char.is_ascii_alphanumeric() || char == '_';
    line.split(|char| !is_inner(char))
        .find(|word| words.contains(word) || PREFIXES.iter().any(|start| word.starts_with(start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_architecture_are_found() {
        let words = BTreeSet::from(WORDS);
        for (line, word) in [
            (r#"image: dir.join("arch/x86/boot/bzImage"),"#, Some("x86")),
            ("kind == elf::R_X86_64_PC32", Some("R_X86_64_PC32")),
            (r#""mov {value}, rax""#, Some("rax")),
            (r#"release.strip_suffix("-amd64")"#, Some("amd64")),
            ("let index = description.index();", None),
        ] {
            assert_eq!(named(line, &words), word, "{line}");
        }
    }

    #[test]
    fn tests_and_comments_are_not_checked() {
        for name in [
            "klp/src/abi.rs",
            "klp/Makefile.klp",
            "klp-host/src/vm/init.sh",
        ] {
            assert!(is_checked(name), "{name}");
        }
        for name in [
            "klp/src/arch/x86.rs",
            "klp-package/src/arch.rs",
            "klp-elf/tests/module.rs",
            "klp-host/src/apt/tests.rs",
            "examples/livepatch-syscall/livepatch-syscall.rs",
            "docs/architecture.md",
        ] {
            assert!(!is_checked(name), "{name}");
        }
        let text = "// x86\nlet a = 1;\n#[cfg(test)]\nmod tests {}\n";
        let lines: Vec<_> = code("a.rs", text).collect();
        assert_eq!(lines, [(2, "let a = 1;")]);
    }
}
