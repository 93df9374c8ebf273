// SPDX-License-Identifier: GPL-2.0-only

//! Modules with escape sequences and forged log lines as names. Reports show them escaped.

use crate::kernel::Made;
use crate::patch::{Patch, replace};
use klp_elf::check::{Against, Report, check};
use klp_elf::livepatch;

/// It clears a terminal, and is a command in the log of a CI.
const NAME: &str = "a\x1b[2J\r\n::error::b\u{202e}\u{2028}\u{9b}c";

/// Its escaped form.
const SHOWN: &str = "a\\u{1b}[2J\\r\\n::error::b\\u{202e}\\u{2028}\\u{9b}c";

/// A name of a livepatch symbol, and of a section.
const SYMBOL: &str = ".klp.sym.vmlinux.a\x1b[2J\n::error::,0";
const SECTION: &str = ".klp.rela.vmlinux..text\x1b[2J\n::error::";

#[track_caller]
fn clean(report: &Report) -> String {
    let text = report.to_string();
    let odd = |c: &char| c.is_control() && *c != '\n' || !c.is_ascii();
    assert_eq!(text.chars().find(odd), None, "{text:?}");
    for line in text.lines() {
        let known = [
            "replaces `",
            "error[",
            "warning[",
            "note[",
            "  = ",
            "good",
            "bad",
        ];
        assert!(known.iter().any(|start| line.starts_with(start)), "{text}");
    }
    for finding in &report.findings {
        let text = format!("{:?} {:?}", finding.place, finding.problem);
        assert!(!text.contains(char::is_control), "{text:?}");
    }
    text
}

/// The module with such a name in a place, which the report shows.
#[track_caller]
fn shows(shown: &str, change: impl Fn(&mut Patch)) {
    let mut patch = Patch::good();
    change(&mut patch);
    let data = patch.build();
    let text = clean(&Made::new().check(&data));
    assert!(text.contains(shown), "{text}");
    clean(&check(&data, &Against::nothing()).expect("a module"));
}

#[test]
fn names_in_reports_are_escaped() {
    for key in [0, 2, 3, 4] {
        shows(SHOWN, |it| it.modinfo[key].1 = NAME);
    }
    let object = |it: &mut Patch, number: usize, name: &'static str| {
        it.objects.as_mut().expect("objects")[number].name = Some(name);
    };
    shows(SHOWN, |it| object(it, 1, NAME));
    shows(SHOWN, |it| {
        let objects = it.objects.as_mut().expect("objects");
        let functions = objects[0].functions.as_mut().expect("functions");
        functions.push(replace(NAME, "new_show", 0));
    });
    shows(SHOWN, |it| {
        // It is replaced by, and left for, what has such a name.
        it.code[0].0 = NAME;
        it.code[1].1 = b"\xe9\0\0\0\0".to_vec();
        it.relocations[0].2 = NAME;
        let objects = it.objects.as_mut().expect("objects");
        let functions = objects[0].functions.as_mut().expect("functions");
        functions[0] = replace("show", NAME, 0);
    });
    shows(SHOWN, |it| it.undefined.push(NAME));
    shows("a\\u{1b}[2J\\n::error::,0", |it| {
        it.symbols[0].0 = SYMBOL;
        it.sections[0].entries[0].2 = SYMBOL;
    });
    shows(".text\\u{1b}[2J\\n::error::", |it| {
        it.sections[0].name = SECTION
    });
}

#[test]
fn names_that_are_not_utf_8_are_escaped() {
    let mut patch = Patch::good();
    patch.undefined.push("elsewhere");
    let mut data = patch.build();
    let at = data
        .windows(9)
        .position(|part| part == b"elsewhere")
        .expect("the name");
    data[at..at + 4].copy_from_slice(b"\xff\x9b\x1bc");
    let text = clean(&Made::new().check(&data));
    assert!(text.contains("symbol `\\xff\\x9b\\u{1b}cwhere`"), "{text}");
}

#[test]
fn long_names_are_cut() {
    let long = "\x1b".repeat(500);
    let mut patch = Patch::good();
    patch.undefined.push(long.leak());
    let text = clean(&Made::new().check(&patch.build()));
    let escaped = "\\u{1b}".repeat(klp_elf::limits::SHOWN_MAX);
    assert!(text.contains(&format!("symbol `{escaped}...`")), "{text}");
}

#[test]
fn unlinkable_symbols_are_named_escaped() {
    let mut patch = Patch::good();
    patch.sections.clear();
    patch.unlinked = 1;
    for (symbol, marked) in &mut patch.symbols {
        *marked = false;
        *symbol = SYMBOL;
    }
    patch.symbols.truncate(1);
    let error = livepatch::link(&patch.build()).expect_err("no such name");
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains(char::is_control), "{text:?}");
        assert!(text.contains("\\u{1b}[2J\\n::error::"), "{text}");
    }
}
