// SPDX-License-Identifier: GPL-2.0-only

//! Files of kernels made to exhaust their readers.

use crate::btf::{Btf, VOID};
use crate::files::{Folder, TEXT, vmlinux};
use crate::patch::Patch;
use crate::raw::{self, DATA, FUNCTION, Raw, TEXT as CODE};
use crate::{alone, measure, size};
use klp_elf::check::{Against, check};
use klp_elf::{Error, Kernel, Stub, VMLINUX, Wanted};

/// Reads the files as `check` and `stub` do.
fn read(what: &str, folder: &Folder, size: usize) -> Result<(), Error> {
    let module = Patch::good().build();
    measure(&format!("{what}, checked"), size, false, || {
        let kernel = Kernel::open(folder.sources.clone())?;
        check(&module, &Against::kernel(&kernel)?)?;
        Ok::<_, Error>(())
    })?;
    for function in ["f", "show", "nowhere"] {
        measure(
            &format!("{what}, a stub of `{function}`"),
            size,
            false,
            || {
                let kernel = Kernel::open(folder.sources.clone())?;
                let text = Stub::function(&kernel, VMLINUX, function, None);
                Ok::<_, Error>(text.map_or(0, |text| text.len()))
            },
        )?;
    }
    measure(&format!("{what}, a structure"), size, false, || {
        let kernel = Kernel::open(folder.sources.clone())?;
        let wanted = Wanted {
            object: VMLINUX,
            name: "s",
            of: None,
            members: &[],
        };
        let text = Stub::structure(&kernel, &wanted);
        Ok::<_, Error>(text.map_or(0, |text| text.len()))
    })?;
    Ok(())
}

fn read_btf(what: &str, data: &[u8]) -> Result<(), Error> {
    read(what, &Folder::new(data), data.len())
}

/// The number of entries of that size that fit into a file.
fn count(entry: usize) -> usize {
    size() / entry
}

/// The number of types of that size that fit into a file and the limit.
fn types(entry: usize) -> usize {
    count(entry).min(1_000_000)
}

#[test]
fn many_types() {
    let _alone = alone();
    let mut btf = Btf::new();
    for _ in 0..types(12) {
        btf.pointer(VOID);
    }
    read_btf("pointers", &btf.finish()).expect("types");
    let mut btf = Btf::new();
    for _ in 0..1_048_577 {
        btf.pointer(VOID);
    }
    let error = read_btf("more types than a kernel takes", &btf.finish()).expect_err("too many");
    assert!(
        error.to_string().contains("more than 1048575 types"),
        "{error}"
    );
}

#[test]
fn deep_types() {
    let _alone = alone();
    let mut btf = Btf::new();
    let mut ty = VOID;
    for _ in 0..types(12) {
        ty = btf.pointer(ty);
    }
    btf.function("f", ty, &[("a", ty)]);
    read_btf("a chain of pointers", &btf.finish()).expect("types");
    let mut btf = Btf::new();
    let mut ty = btf.signed("int", 4);
    for _ in 0..types(12) {
        ty = btf.constant(ty);
    }
    btf.function("f", ty, &[("a", ty)]);
    read_btf("a chain of qualifiers", &btf.finish()).expect("types");
}

#[test]
fn wide_types() {
    let _alone = alone();
    let mut btf = Btf::new();
    let int = btf.signed("int", 4);
    let (s, a) = (btf.string("s"), btf.string("a"));
    // A structure of as many members as there can be, by value, many times.
    btf.aggregate_at(s, 4, &vec![(a, int, 0); 0xffff]);
    for _ in 0..count(0xffff * 12) {
        let inner = btf.last();
        btf.aggregate_at(0, 4, &vec![(0, inner, 0); 0xffff]);
    }
    let outer = btf.last();
    btf.function("f", outer, &[("a", outer); 120]);
    read_btf("members", &btf.finish()).expect("types");
    let mut btf = Btf::new();
    let int = btf.signed("int", 4);
    for _ in 0..count(0xffff * 8) {
        btf.function("f", int, &vec![("", int); 0xffff]);
    }
    read_btf("parameters", &btf.finish()).expect("types");
}

#[test]
fn structures_of_one_name() {
    let _alone = alone();
    let mut btf = Btf::new();
    let name = btf.string("s");
    let int = btf.signed("int", 4);
    for number in 0..types(12 + 12) {
        btf.aggregate_at(name, number as u32, &[(name, int, 0)]);
    }
    let by_value = btf.last();
    btf.function("f", by_value, &[("a", by_value)]);
    read_btf("structures of one name", &btf.finish()).expect("types");
}

#[test]
fn functions_of_one_name() {
    let _alone = alone();
    let mut btf = Btf::new();
    let name = btf.string("f");
    let int = btf.signed("int", 4);
    let prototype = btf.prototype(int, &[("a", int)]);
    for _ in 0..types(12) {
        btf.function_at(name, prototype);
    }
    read_btf("functions of one name", &btf.finish()).expect("types");
}

#[test]
fn bit_fields_and_members_of_one_name() {
    let _alone = alone();
    let mut btf = Btf::new();
    let int = btf.signed("int", 4);
    let bits: Vec<_> = (0..0xffff)
        .map(|number| ("same", int, number * 8, 8))
        .collect();
    btf.structure("s", 0xffff, &bits);
    btf.function("f", int, &[]);
    read_btf("bit-fields", &btf.finish()).expect("types");
    let mut btf = Btf::new();
    let int = btf.signed("int", 4);
    let members: Vec<_> = (0..0xffff)
        .map(|number| ("same", int, number * 32, 0))
        .collect();
    btf.structure("s", 0xffff * 4, &members);
    btf.function("f", int, &[]);
    read_btf("members of one name", &btf.finish()).expect("types");
}

#[test]
fn long_names_of_types() {
    let _alone = alone();
    let mut btf = Btf::new();
    let long = "n".repeat(511);
    let mut ty = btf.structure(&long, 4, &[]);
    for _ in 0..60 {
        ty = btf.typedef(&long, ty);
        ty = btf.pointer(ty);
    }
    let prototype = btf.prototype(ty, &vec![("", ty); 120]);
    let pointer = btf.pointer(prototype);
    btf.function("f", pointer, &vec![(long.as_str(), pointer); 120]);
    let last = "x".repeat(size().min(15 << 20));
    btf.typedef(&last, ty);
    read_btf("long names", &btf.finish()).expect("types");
    let mut btf = Btf::new();
    btf.typedef(&"x".repeat(17 << 20), VOID);
    let error = read_btf("longer strings", &btf.finish()).expect_err("too long");
    let words = "its strings have more than 16777215 bytes";
    assert!(error.to_string().contains(words), "{error}");
}

/// A vmlinux with these symbols and hardly any types.
fn symbols(make: impl FnOnce(&mut Raw)) -> Vec<u8> {
    let mut raw = Raw::new();
    raw.section(CODE).data = vec![0; 4096];
    let mut btf = Btf::new();
    btf.function("f", VOID, &[]);
    raw.add(".BTF", raw::PROGBITS, 0, &btf.finish());
    make(&mut raw);
    raw.finish()
}

#[test]
fn symbols_of_a_kernel() {
    let _alone = alone();
    let data = symbols(|raw| {
        for number in 0..count(24 + 16) {
            let name = format!("{number:0>15}");
            let name_at = raw.strings.len() as u32;
            raw.strings.extend(name.as_bytes());
            raw.strings.push(0);
            raw.symbol_at(name_at, CODE, number as u64, 1, FUNCTION);
        }
    });
    read_btf("symbols", &data).expect("symbols");
    let data = symbols(|raw| {
        let name = raw.strings.len() as u32;
        raw.strings.extend(vec![b'n'; 1024]);
        raw.strings.push(0);
        for number in 0..count(24) {
            let name = name + 513 + (number % 511) as u32;
            raw.symbol_at(name, [CODE, DATA][number % 2], 7, 1, FUNCTION);
        }
    });
    // There are too many of one name.
    let _ = read_btf("symbols of overlapping names", &data);
    let data = symbols(|raw| {
        let name = raw.string("show");
        for number in 0..count(24).max(70_000) {
            raw.symbol_at(name, CODE, number as u64, 1, FUNCTION);
        }
    });
    let error = read_btf("symbols of one name", &data).expect_err("too many");
    let words = "more than 65536 symbols of one name";
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn lists_of_a_kernel() {
    let _alone = alone();
    let kernel = || Folder::new(&vmlinux(&Btf::new(), &[("show", TEXT, true)]));
    let text = |line: &dyn Fn(usize) -> String| -> Vec<u8> {
        let mut text = Vec::with_capacity(size() + 100);
        for number in 0.. {
            text.extend(line(number).as_bytes());
            if text.len() >= size() || number + 2 > 1 << 22 {
                break;
            }
        }
        text
    };
    let kallsyms = |what: &str, line: &dyn Fn(usize) -> String| {
        let mut folder = kernel();
        let text = text(line);
        folder.sources.kallsyms = Some(folder.add("kallsyms", &text));
        read(what, &folder, text.len())
    };
    kallsyms("kallsyms", &|number| format!("{number:x} t f{number}\n")).expect("symbols");
    let error = kallsyms("kallsyms of modules", &|number| {
        format!("1 t f\t[m{number}]\n")
    });
    let error = error.expect_err("too many").to_string();
    assert!(error.contains("more than 16384 modules"), "{error}");

    let mut folder = kernel();
    let list = text(&|number| format!("f{number} [m{}]\n", number % 10_000));
    folder.sources.traceable = Some(folder.add("traceable", &list));
    read("a list of functions", &folder, list.len()).expect("a list");

    let folder = kernel();
    let exports = text(&|number| format!("0\tf{number}\tvmlinux\tE\t\n"));
    folder.add("Module.symvers", &exports);
    read("exports", &folder, exports.len()).expect("a list");

    let mut folder = kernel();
    let blank = vec![b'\n'; size().max(5 << 20)];
    folder.sources.traceable = Some(folder.add("traceable", &blank));
    let error = read("blank lines", &folder, blank.len()).expect_err("too many");
    assert!(
        error.to_string().contains("more than 4194304 lines"),
        "{error}"
    );
}
