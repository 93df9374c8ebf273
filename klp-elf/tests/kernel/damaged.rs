// SPDX-License-Identifier: GPL-2.0-only

//! Reads truncated and malformed files: each returns a result or an error, and none panics.

use crate::btf::{Btf, VOID};
use crate::files::{File, Folder, TEXT, vmlinux};
use klp_elf::{Kernel, Stub, VMLINUX};

/// Calls every query of a kernel.
fn ask(folder: &Folder) {
    let Ok(kernel) = Kernel::open(folder.sources.clone()) else {
        return;
    };
    for name in [VMLINUX, "m"] {
        let Ok(Some(object)) = kernel.object(name) else {
            continue;
        };
        let functions = object.functions().map(|name| name.to_string());
        for function in functions.chain(["f".to_owned()]) {
            let _ = object.function(&function);
            let _ = Stub::function(&kernel, name, &function, None);
        }
        let _ = object.structure("s");
        let _ = crate::stubs::structure(&kernel, name, "s");
    }
}

fn sample() -> Btf {
    let mut btf = Btf::new();
    let int = btf.signed("int", 4);
    let s = btf.structure("s", 8, &[("a", int, 0, 0), ("b", int, 32, 8)]);
    let pointer = btf.pointer(s);
    let array = btf.array(s, 3);
    let t = btf.structure("t", 24, &[("all", array, 0, 0)]);
    btf.function("f", t, &[("s", pointer), ("t", t)]);
    btf
}

#[test]
fn files_that_are_cut_off() {
    let bare = sample().finish();
    let whole = vmlinux(&sample(), &[("f", TEXT, true)]);
    let mut file = File::new();
    let text = file.section(".text", 0, &[0; 16]);
    file.section(".BTF", 0, &sample().split().finish());
    file.symbol(text, "f", 0, 16);
    let module = file.finish();
    for length in 0..bare.len() {
        ask(&Folder::new(&bare[..length]));
    }
    for length in (0..whole.len()).step_by(whole.len() / 100) {
        ask(&Folder::new(&whole[..length]));
    }
    for length in (0..module.len()).step_by(module.len() / 50) {
        let mut folder = Folder::new(&bare);
        folder.add("m.ko", &module[..length]);
        folder.sources.modules = vec![folder.path()];
        ask(&folder);
    }
}

#[test]
fn files_with_one_wrong_byte() {
    let bare = sample().finish();
    for at in 0..bare.len() {
        for byte in [0, 0x7f, 0xff] {
            let mut data = bare.clone();
            data[at] = byte;
            ask(&Folder::new(&data));
        }
    }
}

/// Why the prototype of `f` is not known.
fn refused(btf: &Btf) -> String {
    let kernel = Folder::new(&btf.finish()).open();
    let object = kernel.object(VMLINUX).expect("readable").expect("vmlinux");
    let function = object.function("f");
    assert_eq!(function.prototype, None);
    function.untyped.expect("a reason")
}

#[test]
fn types_that_refer_to_themselves() {
    let mut btf = Btf::new();
    let itself = btf.typedef("t", 1);
    btf.function("f", itself, &[]);
    assert!(refused(&btf).contains("too many others"));

    let mut btf = Btf::new();
    let itself = btf.pointer(1);
    btf.function("f", VOID, &[("", itself)]);
    assert!(refused(&btf).contains("nested too deep"));

    let mut btf = Btf::new();
    let itself = btf.structure("s", 8, &[("s", 1, 0, 0)]);
    btf.function("f", itself, &[]);
    assert!(refused(&btf).contains("nested too deep"));
}

#[test]
fn types_that_unfold_without_end() {
    let mut btf = Btf::new();
    let mut ty = btf.signed("int", 4);
    for _ in 0..60 {
        ty = btf.structure("", 8, &[("a", ty, 0, 0), ("b", ty, 0, 0)]);
    }
    btf.function("f", ty, &[]);
    assert!(refused(&btf).contains("too many others"));

    let mut btf = Btf::new();
    let mut ty = btf.signed("int", 4);
    for _ in 0..60 {
        ty = btf.prototype(ty, &[("", ty), ("", ty)]);
        ty = btf.pointer(ty);
    }
    btf.function("f", ty, &[]);
    let reason = refused(&btf);
    assert!(reason.contains("too"), "{reason}");
}

#[test]
fn types_that_are_not_there_or_too_large() {
    let mut btf = Btf::new();
    btf.function("f", 4711, &[]);
    assert!(refused(&btf).contains("refers to type 4711"));

    let mut btf = Btf::new();
    let mut ty = btf.signed("int", 4);
    for _ in 0..3 {
        ty = btf.array(ty, u32::MAX);
    }
    btf.function("f", VOID, &[("", ty)]);
    assert!(refused(&btf).contains("larger than the memory"));
}

#[test]
fn types_whose_parts_are_not_there() {
    let said = |data: &[u8]| {
        let kernel = Folder::new(data).open();
        let error = kernel.object(VMLINUX).err().expect("damaged types");
        error.to_string()
    };
    let mut data = sample().finish();
    assert!(said(&data[..20]).ends_with("it is truncated"));
    assert!(said(&data[..data.len() - 1]).ends_with("it is truncated"));
    *data.last_mut().expect("a byte") = b'x';
    assert!(said(&data).ends_with("its strings do not end"));
}

#[test]
fn no_kernel_at_all() {
    let mut folder = Folder::new(b"no kernel");
    let error = Kernel::open(folder.sources.clone())
        .err()
        .expect("no kernel");
    assert!(
        error.to_string().contains("not a readable ELF file"),
        "{error}"
    );
    folder.sources.vmlinux.push("missing");
    let error = Kernel::open(folder.sources).err().expect("no file");
    assert!(error.to_string().starts_with("cannot read"), "{error}");

    let folder = Folder::new(&File::new().finish());
    let error = folder.open().object(VMLINUX).err().expect("no types");
    assert!(
        error.to_string().contains("CONFIG_DEBUG_INFO_BTF"),
        "{error}"
    );

    let mut folder = Folder::new(&sample().finish());
    folder.sources.kallsyms = Some(folder.add("kallsyms", b"ffffffff82000040 t f\nnonsense\n"));
    let error = Kernel::open(folder.sources).err().expect("no symbols");
    assert!(error.to_string().contains("line 2 is not"), "{error}");
}
