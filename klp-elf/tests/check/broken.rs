// SPDX-License-Identifier: GPL-2.0-only

//! Breaks a good module in one way at a time: exactly that problem is reported.

use crate::kernel::{Made, ids};
use crate::patch::{LIVEPATCH, Patch, PatchedFunction, PatchedObject, replace};
use object::elf;

/// Checks the good module after a change, for which exactly this ID must be reported.
#[track_caller]
fn breaks(id: &str, text: &str, change: impl FnOnce(&mut Patch)) {
    let mut patch = Patch::good();
    change(&mut patch);
    let report = Made::new().check(&patch.build());
    assert_eq!(ids(&report), [id], "{report}");
    assert!(!report.is_good());
    assert!(report.to_string().contains(text), "{report}");
}

fn function(patch: &mut Patch, object: usize, function: usize) -> &mut PatchedFunction {
    let objects = patch.objects.as_mut().expect("objects");
    let functions = objects[object].functions.as_mut().expect("functions");
    &mut functions[function]
}

fn object(patch: &mut Patch, number: usize) -> &mut PatchedObject {
    &mut patch.objects.as_mut().expect("objects")[number]
}

/// Another function, apart from those that are replaced.
fn other(patch: &mut Patch, old: &'static str, sympos: u64) {
    *function(patch, 0, 0) = replace(old, "new_show", sympos);
}

#[test]
fn broken_modinfo() {
    breaks("not-finished", "give the .ko file", |it| {
        it.finished = false
    });
    breaks("not-marked", "modinfo `livepatch`", |it| {
        it.modinfo.remove(1);
    });
    breaks("not-enabled", "klp_enable_patch()", |it| {
        it.enables = false;
        it.modinfo.remove(1);
    });
    breaks("no-licence", "MODULE_LICENSE", |it| {
        it.modinfo.remove(0);
    });
    breaks("licence", "`Proprietary`", |it| {
        it.modinfo[0].1 = "Proprietary"
    });
    breaks("module-name", "`my-fix`", |it| it.modinfo[2].1 = "my-fix");
    breaks("no-vermagic", "modinfo `vermagic`", |it| {
        it.modinfo.remove(4);
    });
    breaks("vermagic", "the kernel is `7.2.1-test`", |it| {
        it.modinfo[4].1 = "7.2.2-test SMP preempt ";
    });
}

#[test]
fn a_module_that_was_not_linked() {
    breaks("unlinked", "cargo klp link", |it| {
        it.unlinked = 1;
        it.sections.clear();
        for symbol in &mut it.symbols {
            symbol.1 = false;
        }
    });
    breaks("symbol-unmarked", ".klp.sym.m.m_data,1", |it| {
        it.symbols[1].1 = false;
        it.sections.truncate(1);
    });
}

#[test]
fn objects() {
    breaks("no-objects", "`.data` at 0x0", |it| {
        it.objects = None;
        it.symbols.truncate(1);
        it.sections.truncate(1);
    });
    breaks("no-functions", "the object `m`", |it| {
        object(it, 1).functions = None
    });
    breaks("object-name", "`my-module`", |it| {
        object(it, 0).name = Some("my-module");
    });
    breaks("object-name", "`vmlinux`", |it| {
        object(it, 0).name = Some("vmlinux")
    });
    breaks("object-twice", "the object `m`", |it| {
        let objects = it.objects.as_mut().expect("objects");
        objects.push(objects[1].clone());
    });
}

#[test]
fn entries() {
    breaks("no-old-name", "old_name", |it| {
        function(it, 0, 0).old = None
    });
    breaks("no-new-function", "nothing replaces `twin`", |it| {
        function(it, 0, 1).new = None;
    });
    breaks("function-name", "``", |it| {
        function(it, 0, 0).old = Some("")
    });
    breaks("function-twice", "`show` is replaced twice", |it| {
        let functions = object(it, 0).functions.as_mut().expect("functions");
        functions.push(replace("show", "new_twin", 1));
    });
    breaks(
        "new-function-elsewhere",
        "the replacement of `show`",
        |it| {
            function(it, 0, 0).new = Some("seq_puts");
        },
    );
    breaks(
        "new-function-elsewhere",
        "the replacement of `show`",
        |it| {
            function(it, 0, 0).new = Some("__this_module");
        },
    );
}

#[test]
fn functions_of_the_kernel() {
    breaks("function-missing", "no function `shwo`; similar", |it| {
        other(it, "shwo", 0);
    });
    breaks("function-is-data", "`counter`", |it| {
        other(it, "counter", 0)
    });
    breaks("function-ambiguous", "2 symbols `twin`", |it| {
        function(it, 0, 1).sympos = 0;
    });
    breaks("function-position", "wants number 3", |it| {
        function(it, 0, 1).sympos = 3;
    });
    breaks("function-init", "`starts`", |it| other(it, "starts", 0));
    breaks("not-traceable", "`quiet`", |it| other(it, "quiet", 1));
    breaks("function-missing", "`m` has no function `show`", |it| {
        *function(it, 1, 0) = replace("show", "new_m_show", 0);
    });
}

#[test]
fn replacements_that_leave_the_stack() {
    breaks("leaves-for-own", "new_show", |it| {
        // jmp new_show, which is 16 bytes before
        it.code[1].1 = b"\xe9\0\0\0\0".to_vec();
        it.relocations[0].2 = "new_show";
    });
}

/// Names another livepatch symbol in the section for vmlinux.
fn symbol(patch: &mut Patch, name: &'static str) {
    patch.symbols[0].0 = name;
    patch.sections[0].entries[0].2 = name;
}

#[test]
fn livepatch_symbols() {
    for name in [
        ".klp.sym.vmlinux.hidden",
        ".klp.sym.hidden,0",
        ".klp.sym.vmlinux.,0",
        ".klp.sym.vmlinux.hidden,x",
        "hidden",
    ] {
        breaks("symbol-name", "OBJECT.NAME,SYMPOS", |it| symbol(it, name));
    }
    breaks("symbol-missing", "no symbol `hiddn`", |it| {
        symbol(it, ".klp.sym.vmlinux.hiddn,0");
    });
    breaks("symbol-ambiguous", "2 symbols `twin`", |it| {
        symbol(it, ".klp.sym.vmlinux.twin,0");
    });
    breaks("symbol-position", "this is number 2", |it| {
        symbol(it, ".klp.sym.vmlinux.hidden,2");
    });
    breaks("symbol-init", "`starts`", |it| {
        symbol(it, ".klp.sym.vmlinux.starts,0")
    });
}

#[test]
fn livepatch_relocation_sections() {
    breaks("rela-name", "`.klp.rela.vmlinux`", |it| {
        it.sections[0].name = ".klp.rela.vmlinux"
    });
    breaks("rela-name", "`.rela.klp`", |it| {
        it.sections[0].name = ".rela.klp"
    });
    breaks("rela-unmarked", "SHF_RELA_LIVEPATCH", |it| {
        it.sections[0].flags = 2
    });
    breaks("rela-type", "SHT_RELA", |it| it.sections[0].kind = 1);
    breaks("rela-not-kept", "SHF_ALLOC", |it| {
        it.sections[0].flags = LIVEPATCH & !2
    });
    breaks("rela-link", ".symtab", |it| it.sections[0].link = ".strtab");
    breaks("rela-target", "section 0", |it| it.sections[0].info = "0");
    breaks("rela-target", "section 77", |it| it.sections[0].info = "77");
    breaks("rela-target-name", "relocates `.text`", |it| {
        it.sections[0].name = ".klp.rela.vmlinux..data";
    });
    breaks("rela-object", "`m`", |it| {
        it.objects.as_mut().expect("objects").truncate(1);
    });
    breaks("rela-plain-symbol", "`seq_puts`", |it| {
        it.sections[0].entries[0].2 = "seq_puts";
    });
    breaks("rela-vmlinux-symbol", "`hidden` of vmlinux", |it| {
        it.sections[1].entries[0].2 = ".klp.sym.vmlinux.hidden,0";
    });
    breaks("rela-module-symbol", "`m_data` of a module", |it| {
        it.sections[0].entries[0].2 = ".klp.sym.m.m_data,1";
    });
}

#[test]
fn relocations() {
    breaks("relocation-kind", "kind 9", |it| {
        it.sections[0].entries[0].1 = elf::R_X86_64_GOTPCREL.0;
    });
    breaks("relocation-kind", "`.rela.text` at 0x11", |it| {
        it.relocations[0].1 = elf::R_X86_64_GOTPCREL.0;
    });
    breaks("relocation-offset", "outside", |it| {
        it.sections[0].entries[0].0 = 45
    });
    breaks("relocation-symbol", "symbol 999", |it| {
        it.sections[0].entries[0].2 = "999"
    });
    breaks("relocation-occupied", "at 0x5", |it| {
        it.sections[0].entries[0].0 = 5
    });
    breaks("relocation-livepatch", ".klp.sym.vmlinux.hidden,0", |it| {
        it.relocations[0].2 = ".klp.sym.vmlinux.hidden,0";
    });
}

#[test]
fn symbols_that_others_export() {
    breaks("not-exported", "symbol `no_such_export`", |it| {
        it.undefined.push("no_such_export")
    });
    breaks("not-exported", "symbol `helped`", |it| {
        it.undefined.push("helped")
    });
    breaks("namespace", "`SPACE`", |it| it.undefined.push("spaced"));
    breaks("version", "0x12345679", |it| {
        it.versions = vec![("seq_puts", 0x1234_5679), ("klp_enable_patch", 0)];
    });
}

#[test]
fn a_replacement_that_calls_itself() {
    breaks("calls-itself", "function `new_show`", |it| {
        it.symbols[0].0 = ".klp.sym.vmlinux.show,0";
        it.sections[0].entries[0].2 = ".klp.sym.vmlinux.show,0";
    });
    // The second of its name, by the replacement of the second.
    breaks("calls-itself", "it calls `twin`", |it| {
        it.symbols[0].0 = ".klp.sym.vmlinux.twin,2";
        it.sections[0].entries[0] = (17, elf::R_X86_64_PLT32.0, ".klp.sym.vmlinux.twin,2");
        it.relocations.clear();
    });
}

#[test]
fn a_call_into_another_entry() {
    let enters = |it: &mut Patch, behind: i64| {
        it.symbols[0].0 = ".klp.sym.vmlinux.show,0";
        it.sections[0].entries[0].2 = ".klp.sym.vmlinux.show,0";
        it.sections[0].addend = behind - 4;
    };
    breaks(
        "entry-differs",
        "`show` of `vmlinux` 5 bytes behind its beginning, and the entry has 9",
        |it| enters(it, 5),
    );
    let mut patch = Patch::good();
    enters(&mut patch, 9);
    let report = Made::new().check(&patch.build());
    assert_eq!(ids(&report), [] as [&str; 0], "{report}");
    // Code that branches on the entry's length at run time jumps to either.
    let mut patch = Patch::good();
    enters(&mut patch, 5);
    patch
        .code
        .push(("__klp_original.vmlinux.show.0", b"\xe9\0\0\0\0".to_vec()));
    patch.sections[0].entries[0].0 = 49;
    let report = Made::new().check(&patch.build());
    assert_eq!(ids(&report), [] as [&str; 0], "{report}");
}

#[test]
fn other_functions_may_call_the_replaced_one() {
    let mut patch = Patch::good();
    patch.symbols[0].0 = ".klp.sym.vmlinux.twin,1";
    patch.sections[0].entries[0].2 = ".klp.sym.vmlinux.twin,1";
    let report = Made::new().check(&patch.build());
    assert_eq!(ids(&report), [] as [&str; 0], "{report}");
}

#[test]
fn frames_that_reach_over_the_stack() {
    breaks("frame-over-guard", "65536 bytes of the stack", |it| {
        // sub rsp, 65536; ret
        it.code[0].1 = b"\x48\x81\xec\0\0\x01\0\xc3".to_vec();
        it.sections[0].entries.clear();
    });
}
