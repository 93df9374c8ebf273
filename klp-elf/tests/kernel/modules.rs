// SPDX-License-Identifier: GPL-2.0-only

//! Functions and types of modules.

use crate::btf::{Btf, VOID};
use crate::files::{File, Folder, TEXT, vmlinux};
use klp_elf::{Function, Kernel, Match};

/// The kernel's types: `struct dummy` of 8 bytes.
fn base() -> Btf {
    let mut btf = Btf::new();
    let long = btf.unsigned("unsigned long", 8);
    btf.structure("dummy", 8, &[("jiffies", long, 0, 0)]);
    btf.function("shared", VOID, &[]);
    btf
}

/// A module with two functions `show`, the second of which can be traced, and a start.
fn module(types: &[(&'static str, Vec<u8>)]) -> Vec<u8> {
    let mut file = File::new();
    let text = file.section(".text", 0, &[0; 64]);
    let init = file.section(".init.text", 0, &[0; 16]);
    // An object file can have a list for each function.
    let list = file.section("__mcount_loc", 0, &[0; 8]);
    let more = file.section("__mcount_loc", 0, &[0; 8]);
    for (name, data) in types {
        file.section(name, 0, data);
    }
    // The kernel counts in the order of the file, not of the addresses.
    file.symbol(text, "show", 32, 16);
    file.symbol(text, "show", 0, 16);
    file.symbol(init, "start", 0, 16);
    file.relocate(list, 0, init, 4);
    file.relocate(more, 0, text, 4);
    file.finish()
}

fn kernel(name: &str, module: &[u8]) -> (Folder, Kernel) {
    let mut folder = Folder::new(&vmlinux(&base(), &[("f", TEXT, true)]));
    folder.add(&format!("modules/drivers/{name}"), module);
    folder.add("modules/other.txt", b"");
    folder.sources.modules = vec![folder.path().join("modules")];
    let kernel = folder.open();
    (folder, kernel)
}

fn function(kernel: &Kernel, object: &str, name: &str) -> Function {
    let object = kernel.object(object).expect("readable");
    object.expect("the module").function(name)
}

/// A module's types: a function that takes the kernel's structure, type 2 of any base.
fn types(base: &Btf) -> Btf {
    let mut btf = base.split();
    let pointer = btf.pointer(2);
    btf.function("show", VOID, &[("dummy", pointer)]);
    btf.structure("own", 4, &[]);
    btf
}

#[test]
fn a_file_with_dashes_is_the_module_with_underscores() {
    let data = module(&[(".BTF", types(&base()).finish())]);
    let (_folder, kernel) = kernel("snd-hda-intel.ko", &data);
    let found = function(&kernel, "snd_hda_intel", "show");
    let prototype = found.prototype.expect("its prototype");
    assert_eq!(prototype.to_string(), "void show(struct dummy *dummy)");
    assert!(kernel.object("snd_hda").expect("readable").is_none());
}

#[test]
fn symbols_are_counted_in_the_order_of_the_file() {
    let (_folder, kernel) = kernel("m.ko", &module(&[]));
    let found = |sympos, address, traceable| Match {
        sympos,
        address,
        size: Some(16),
        room: Some(16),
        code: true,
        read_only: Some(false),
        per_cpu: false,
        traceable: Some(traceable),
        entry: traceable.then_some(9),
        init: false,
    };
    let show = function(&kernel, "m", "show");
    assert_eq!(
        show.matches,
        Some(vec![found(1, 32, false), found(2, 0, true)])
    );
    assert!(
        show.untyped
            .expect("a reason")
            .contains("has no type information")
    );
    let start = function(&kernel, "m", "start").matches.expect("symbols");
    assert!(start[0].init);
}

#[test]
fn structures_are_the_modules_or_the_kernels() {
    let data = module(&[(".BTF", types(&base()).finish())]);
    let (_folder, kernel) = kernel("m.ko", &data);
    let object = kernel.object("m").expect("readable").expect("the module");
    assert_eq!(object.structure("own").expect("its own").size, 4);
    assert_eq!(
        object
            .structure("dummy")
            .expect("the kernel's")
            .members
            .len(),
        1
    );
    assert!(object.structure("none").is_none());
    assert_eq!(object.functions().collect::<Vec<_>>(), ["show"]);
}

#[test]
fn a_function_of_the_kernel_is_none_of_the_module() {
    let data = module(&[(".BTF", types(&base()).finish())]);
    let (_folder, kernel) = kernel("m.ko", &data);
    assert_eq!(function(&kernel, "m", "shared").prototype, None);
}

#[test]
fn modules_may_contain_kernel_types() {
    // Other numbers than in the kernel: only the module's own base fits.
    let mut own = Btf::new();
    own.unsigned("unsigned int", 4);
    own.structure("dummy", 8, &[]);
    let data = module(&[(".BTF", types(&own).finish()), (".BTF.base", own.finish())]);
    let (_folder, kernel) = kernel("m.ko", &data);
    let prototype = function(&kernel, "m", "show")
        .prototype
        .expect("its prototype");
    assert_eq!(prototype.to_string(), "void show(struct dummy *dummy)");
    // Only the kernel's types have the members.
    let object = kernel.object("m").expect("readable").expect("the module");
    let dummy = object.structure("dummy").expect("the kernel's");
    let taken = prototype.parameters[0].ty.identity.content();
    assert_eq!(taken, Some(dummy.content()));
    assert_eq!(object.member(&dummy, "jiffies").expect("it").offset, 0);
    assert_eq!(
        object
            .structure("dummy")
            .expect("the kernel's")
            .members
            .len(),
        1
    );
}

#[test]
fn types_that_do_not_fit_leave_the_symbols() {
    let mut base = base();
    base.structure("a_name_that_this_kernel_does_not_have", 8, &[]);
    let data = module(&[(".BTF", types(&base).finish())]);
    let (_folder, kernel) = kernel("m.ko", &data);
    let show = function(&kernel, "m", "show");
    assert_eq!(show.matches.expect("symbols").len(), 2);
    let reason = show.untyped.expect("a reason");
    assert!(reason.contains("does not fit this kernel's"), "{reason}");
}

#[test]
fn a_running_kernel_shows_modules_beside_itself() {
    let base = base();
    let folder = Folder::new(&base.finish());
    folder.add("m", &types(&base).finish());
    let show = function(&folder.open(), "m", "show");
    assert!(show.prototype.is_some());
    assert_eq!(show.matches, None);
}
