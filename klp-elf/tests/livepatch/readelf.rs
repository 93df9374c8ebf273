// SPDX-License-Identifier: GPL-2.0-only

//! Compares a linked module with the output of binutils' `readelf`, if installed.

use crate::fixture::whole;
use klp_elf::livepatch::link;
use std::io::ErrorKind;
use std::process::Command;

/// The output for a linked module. `None` without readelf.
fn readelf(option: &str) -> Option<String> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), link(&whole()).expect("it can be linked")).expect("written");
    let mut command = Command::new("readelf");
    let output = command.args([option, "-W"]).arg(file.path()).output();
    let output = match output {
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        output => output.expect("readelf runs"),
    };
    // readelf's warnings are on stderr.
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The lines with `mark`, their blanks made one.
fn lines(text: &str, mark: &str) -> Vec<String> {
    text.lines()
        .filter(|line| line.contains(mark))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn sections() {
    let Some(text) = readelf("--sections") else {
        return;
    };
    let sections = lines(&text, ".klp.rela.");
    assert_eq!(sections.len(), 5, "{text}");
    for section in sections {
        assert!(
            section.contains(" RELA ") && section.contains(" AIo "),
            "{section}"
        );
    }
}

#[test]
fn symbols() {
    let Some(text) = readelf("--symbols") else {
        return;
    };
    let symbols = lines(&text, ".klp.sym.");
    let ends: Vec<_> = symbols
        .iter()
        .filter_map(|line| line.split_once(": "))
        .collect();
    let wanted = "0000000000000000 0 NOTYPE GLOBAL DEFAULT OS [0xff20] .klp.sym.";
    assert_eq!(ends.len(), 2, "{text}");
    assert!(
        ends.iter().all(|(_, line)| line.starts_with(wanted)),
        "{text}"
    );
}

#[test]
fn relocations() {
    let Some(text) = readelf("--relocs") else {
        return;
    };
    let (_, of_first) = text
        .split_once("'.klp.rela.vmlinux..text.first'")
        .expect("the section");
    let (of_first, _) = of_first
        .split_once("Relocation section")
        .expect("another section");
    let found: Vec<_> = lines(of_first, ".klp.sym.vmlinux.helper.isra.0,0 - 4")
        .iter()
        .filter_map(|line| line.split(' ').nth(2).map(str::to_owned))
        .collect();
    let wanted =
        ["64", "PC32", "PLT32", "32", "32S", "PC64"].map(|kind| format!("R_X86_64_{kind}"));
    assert_eq!(found, wanted, "{text}");
}
