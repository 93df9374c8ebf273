// SPDX-License-Identifier: GPL-2.0-only

//! Modules made to exhaust the checker and the linker.

use crate::btf::Btf;
use crate::files::{Folder, TEXT as KERNEL_TEXT, vmlinux};
use crate::raw::{
    ALLOC, CODE, DATA, FUNCTION, LIVEPATCH, OBJECT, PROGBITS, R_64, R_PC32, RODATA, Raw,
    SHN_LIVEPATCH, TEXT, relocation,
};
use crate::{MEMORY, MEMORY_AT_LEAST as AT_LEAST, alone, measure, memory, size};
use klp_elf::check::{Against, Report, check};
use klp_elf::{Error, livepatch, read_module};
use std::sync::OnceLock;

/// The longest name.
const LONG: usize = 511;

/// The files of the kernel that modules are checked against.
fn files() -> &'static Folder {
    static FILES: OnceLock<Folder> = OnceLock::new();
    FILES.get_or_init(kernel)
}

fn kernel() -> Folder {
    let mut functions = vec![("show", KERNEL_TEXT + 0x100, true)];
    // So many of one name that to go through all of them for each entry shows.
    functions.extend((0..4000).map(|number| ("twin", KERNEL_TEXT + 0x200 + number, true)));
    let mut folder = Folder::new(&vmlinux(&Btf::new(), &functions));
    let exports = "0x00000000\tklp_enable_patch\tvmlinux\tEXPORT_SYMBOL_GPL\t\n";
    folder.add("Module.symvers", exports.as_bytes());
    for number in 0..160 {
        folder.add(&format!("modules/m{number}.ko"), &Raw::new().finish());
    }
    folder.sources.modules = vec![folder.path().join("modules")];
    folder
}

/// Checks a module alone and against a kernel, links it, and returns the report of the second check.
fn read(what: &str, data: &[u8]) -> Result<Report, Error> {
    let kernel = files().open();
    let text = |report: &Report| report.to_string().len();
    let _ = measure(what, data.len(), true, || {
        check(data, &Against::nothing()).map(|report| text(&report))
    });
    let report = measure(&format!("{what}, with a kernel"), data.len(), true, || {
        let against = Against::kernel(&kernel).expect("readable files");
        let report = check(data, &against)?;
        text(&report);
        Ok(report)
    });
    measure(&format!("{what}, linked"), data.len(), true, || {
        let needed = livepatch::needs_link(data).unwrap_or_default();
        let linked = needed.then(|| livepatch::link(data));
        linked.is_some_and(|linked| linked.is_ok())
    });
    report
}

fn has(report: &Report, id: &str) -> bool {
    report
        .findings
        .iter()
        .any(|finding| finding.problem.id() == id)
}

/// The number of entries of that size that fit into a file.
fn count(entry: usize) -> usize {
    size() / entry
}

#[test]
fn symbols_that_share_one_long_name() {
    let _alone = alone();
    for byte in [b'a', 0xff] {
        let mut raw = Raw::new();
        let name = raw.strings.len() as u32;
        raw.strings.extend(vec![byte; size() / 2]);
        raw.strings.push(0);
        for _ in 0..count(48) {
            raw.symbol_at(name, 0, 0, 0, 0x10);
        }
        let report = read("one long name", &raw.finish()).expect("a module");
        assert!(has(&report, "not-exported"));
        assert!(report.more(klp_elf::check::Severity::Error) > 100);
    }
}

#[test]
fn symbols_of_overlapping_names() {
    let _alone = alone();
    let mut raw = Raw::new();
    let first = raw.strings.len() as u32;
    let starts = 1 << 16;
    raw.strings.extend(vec![b'n'; starts]);
    raw.strings.extend(vec![b'n'; LONG]);
    raw.strings.push(0);
    for number in 0..count(24) {
        let section = [0, TEXT, DATA][number % 3];
        let name = first + (starts + number % LONG) as u32;
        raw.symbol_at(name, section, number as u64, 1, FUNCTION);
    }
    read("overlapping names", &raw.finish()).expect("a module");
}

/// A short mangled name whose demangled form is very long.
fn bomb() -> String {
    // Each type is a pair of the one before it.
    let mut name = "_RINvC1a1f".to_owned();
    let mut last = "u".to_owned();
    for _ in 0..40 {
        let at = name.len() - 2;
        name += &format!("T{last}{last}E");
        last = format!("B{}_", base62(at as u64));
    }
    name + "E"
}

fn base62(number: u64) -> String {
    let digit = |value: u64| {
        char::from(
            b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[value as usize],
        )
    };
    let (high, low) = ((number - 1) / 62, (number - 1) % 62);
    match high {
        0 => digit(low).to_string(),
        _ => format!("{}{}", digit(high), digit(low)),
    }
}

#[test]
fn names_that_unfold() {
    let _alone = alone();
    let mut raw = Raw::new();
    let name = raw.string(&bomb());
    for _ in 0..count(24) {
        raw.symbol_at(name, 0, 0, 0, 0x10);
    }
    read("unfolding names", &raw.finish()).expect("a module");
}

#[test]
fn livepatch_symbols() {
    let _alone = alone();
    // Each of another object, of another name, of one name; and of none.
    for kind in 0..4 {
        let mut raw = Raw::new();
        let wrong = raw.string(&format!(".klp.sym.vmlinux.{},", "x".repeat(400)));
        for number in 0..count(48) {
            let name = match kind {
                0 => raw.string(&format!(".klp.sym.m{number}.f,0")),
                1 => raw.string(&format!(".klp.sym.vmlinux.show{number},0")),
                2 => raw.string(&format!(".klp.sym.vmlinux.twin,{number}")),
                _ => wrong,
            };
            raw.symbol_at(name, SHN_LIVEPATCH, 0, 0, 0x10);
        }
        read("livepatch symbols", &raw.finish()).expect("a module");
    }
}

#[test]
fn symbols_to_link() {
    let _alone = alone();
    let mut raw = Raw::new();
    raw.section(TEXT).data = vec![0; 64];
    let mut relocations = Vec::new();
    for number in 0..100_000.min(count(80)) {
        let name = format!(".klp.sym.m{}.f{number},0", number % 5000);
        let symbol = raw.symbol(&name, 0, 0, 0, 0x20);
        relocations.extend(relocation(8, R_64, symbol, 0));
    }
    raw.relocations(".rela.text", 0, TEXT.into(), relocations);
    read("symbols to link", &raw.finish()).expect("a module");
    let mut raw = Raw::new();
    let name = raw.string(".klp.sym.vmlinux.show,0");
    for _ in 0..count(24) {
        raw.symbol_at(name, 0, 0, 0, 0x20);
    }
    let data = raw.finish();
    let linked = measure("too many symbols to link", data.len(), true, || {
        livepatch::link(&data)
    });
    if data.len() > 24 * (1 << 17) {
        let error = linked.expect_err("too many").to_string();
        assert!(
            error.contains("more than 131072 livepatch symbols"),
            "{error}"
        );
    }
}

#[test]
fn many_sections() {
    let _alone = alone();
    let mut raw = Raw::new();
    let number = raw.sections.len();
    let sections = 65_000 - number;
    let length = (size() / 2 / sections).min(4000);
    for number in 0..sections {
        let name = format!(".klp.rela.m{number}.{}", ".data".repeat(length / 5));
        let flags = if number % 2 == 0 { LIVEPATCH } else { ALLOC };
        raw.relocations(
            &name,
            flags,
            DATA.into(),
            relocation(0, R_64, 1, 0).to_vec(),
        );
    }
    let report = read("many sections", &raw.finish()).expect("a module");
    assert!(report.more(klp_elf::check::Severity::Error) > 1000);
}

#[test]
fn sections_of_one_place() {
    let _alone = alone();
    let mut raw = Raw::new();
    raw.section(DATA).data = relocation(0, R_64, 1, 0).repeat(count(24));
    let mut data = raw.finish();
    // The headers are the last: each section is where the third one is.
    let headers = usize::from_le_bytes(data[40..48].try_into().expect("eight bytes"));
    let place = data[headers + 3 * 64 + 24..headers + 3 * 64 + 40].to_vec();
    for section in [2, 4, 6] {
        let at = headers + section * 64 + 24;
        data[at..at + 16].copy_from_slice(&place);
    }
    let error = read("sections of one place", &data).expect_err("they overlap");
    assert!(
        error.to_string().contains("its sections overlap"),
        "{error}"
    );
}

#[test]
fn a_section_with_a_long_name() {
    let _alone = alone();
    let mut raw = Raw::new();
    raw.add(&"n".repeat(size()), PROGBITS, ALLOC, b"");
    let error = read("a long name of a section", &raw.finish()).expect_err("it is refused");
    let words = "section 6 has a name of more than 4095 bytes";
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn relocations() {
    let _alone = alone();
    for (section, kind) in [(TEXT, R_PC32), (DATA, R_64), (TEXT, 77)] {
        let mut raw = Raw::new();
        raw.section(section).data = vec![0; 64];
        let mut relocations = Vec::with_capacity(size());
        for number in 0..count(24) as u64 {
            // Symbol 2 is `__this_module`: each is a patch by its first field.
            let symbol = [1, 2][number as usize % 2];
            relocations.extend(relocation(number * 8, kind, symbol, 0));
        }
        raw.relocations(".rela", 0, section.into(), relocations);
        read("relocations", &raw.finish()).expect("a module");
    }
}

#[test]
fn relocations_of_one_place() {
    let _alone = alone();
    let mut raw = Raw::new();
    raw.section(DATA).data = vec![0; 64];
    let relocations = relocation(8, R_64, 2, 0).repeat(count(24));
    raw.relocations(".rela.data", 0, DATA.into(), relocations);
    read("relocations of one place", &raw.finish()).expect("a module");
}

#[test]
fn patches_that_share_their_tables() {
    let _alone = alone();
    let mut raw = Raw::new();
    let count = count(16 + 2 * 24);
    let own = raw.symbol("", DATA, 0, 0, 3);
    // The same table of objects for each patch, which is the patches themselves.
    raw.section(DATA).data = vec![0; count * 16];
    let mut relocations = Vec::new();
    for number in 0..count as u64 {
        relocations.extend(relocation(number * 16, R_64, 2, 0));
        relocations.extend(relocation(number * 16 + 8, R_64, own, 16));
    }
    raw.relocations(".rela.data", 0, DATA.into(), relocations);
    let report = read("patches that share their tables", &raw.finish()).expect("a module");
    if count > 1 << 17 {
        assert!(has(&report, "too-many"));
    }
}

/// Entries in `.init.klp_objects` that share one table of functions.
fn klp_build(objects: usize, functions: usize, name: impl Fn(usize) -> String) -> Vec<u8> {
    let mut raw = Raw::new();
    let code = raw.symbol("new", TEXT, 0, 1, FUNCTION);
    raw.section(TEXT).data = vec![0xc3; 64];
    let text = raw.symbol("", RODATA, 0, 0, 3);
    let mut strings = b"show\0".to_vec();
    let table = raw.add(".init.klp_funcs", PROGBITS, ALLOC, &vec![0; functions * 24]);
    let table_symbol = raw.symbol("", table as u16, 0, 0, 3);
    let mut of_functions = Vec::new();
    for number in 0..functions as u64 {
        of_functions.extend(relocation(number * 24, R_64, text, 0));
        of_functions.extend(relocation(number * 24 + 8, R_64, code, 0));
    }
    raw.relocations(".rela.init.klp_funcs", 0, table, of_functions);
    let mut list = vec![0; objects * 64];
    let mut of_objects = Vec::new();
    for number in 0..objects {
        let at = number * 64;
        list[at + 56..at + 60].copy_from_slice(&(functions as u32).to_le_bytes());
        of_objects.extend(relocation(at as u64, R_64, text, strings.len() as i64));
        of_objects.extend(relocation(at as u64 + 8, R_64, table_symbol, 0));
        strings.extend(name(number).as_bytes());
        strings.push(0);
    }
    raw.section(RODATA).data = strings;
    let list = raw.add(".init.klp_objects", PROGBITS, ALLOC, &list);
    raw.relocations(".rela.init.klp_objects", 0, list, of_objects);
    raw.finish()
}

#[test]
fn tables_of_klp_build() {
    let _alone = alone();
    let many = count(64 + 48 + 10);
    let report = read(
        "objects of klp-build",
        &klp_build(many, 1, |number| format!("m{number}")),
    )
    .expect("a module");
    assert!(has(&report, "objects-left-out"));
    let half = count(2 * (64 + 48 + 10));
    read(
        "objects that share functions",
        &klp_build(half, half, |number| format!("m{number}")),
    )
    .expect("a module");
    read(
        "one object",
        &klp_build(1, count(24 + 48), |_| "m1".to_owned()),
    )
    .expect("a module");
}

#[test]
fn tables_of_kpatch() {
    let _alone = alone();
    let mut raw = Raw::new();
    raw.section(TEXT).data = vec![0xc3; 64];
    let code = raw.symbol("new", TEXT, 0, 1, FUNCTION);
    let text = raw.symbol("", RODATA, 0, 0, 3);
    let mut strings = b"twin\0".to_vec();
    let count = count(56 + 3 * 24 + 8);
    let mut list = vec![0; count * 56];
    let mut relocations = Vec::new();
    for number in 0..count {
        let at = number as u64 * 56;
        list[number * 56 + 32..number * 56 + 40].copy_from_slice(&(number as u64).to_le_bytes());
        relocations.extend(relocation(at, R_64, code, 0));
        relocations.extend(relocation(at + 40, R_64, text, 0));
        // One of two is of the kernel, where all have one name.
        let name = if number % 2 == 0 {
            "vmlinux".to_owned()
        } else {
            format!("m{number}")
        };
        relocations.extend(relocation(at + 48, R_64, text, strings.len() as i64));
        strings.extend(name.as_bytes());
        strings.push(0);
    }
    raw.section(RODATA).data = strings;
    let list = raw.add(".kpatch.funcs", PROGBITS, ALLOC, &list);
    raw.relocations(".rela.kpatch.funcs", 0, list, relocations);
    read("objects of kpatch", &raw.finish()).expect("a module");
}

#[test]
fn functions_among_many_symbols() {
    let _alone = alone();
    let mut raw = Raw::new();
    let functions = count(2 * (24 + 48));
    raw.section(TEXT).data = vec![0xc3; 64];
    let code = raw.symbol("new", TEXT, 0, 1, FUNCTION);
    let text = raw.symbol("", RODATA, 0, 0, 3);
    let data = raw.symbol("", DATA, 0, 0, 3);
    raw.section(RODATA).data = format!("{}\0", "show".repeat(LONG / 4)).into_bytes();
    let table = 64;
    raw.section(DATA).data = vec![0; table + functions * 24];
    let mut relocations = Vec::new();
    // A patch, an object without a name, and its functions.
    relocations.extend(relocation(0, R_64, 2, 0));
    relocations.extend(relocation(8, R_64, data, 16));
    relocations.extend(relocation(24, R_64, data, table as i64));
    for number in 0..functions {
        let at = (table + number * 24) as u64;
        relocations.extend(relocation(at, R_64, text, 0));
        relocations.extend(relocation(at + 8, R_64, code, 0));
    }
    raw.relocations(".rela.data", 0, DATA.into(), relocations);
    for number in 0..count(48) {
        // At the place of the code and of the tables, and of no size.
        let (section, place) = [(TEXT, 0), (DATA, 16), (DATA, table as u64)][number % 3];
        let name = raw.string("label");
        raw.symbol_at(name, section, place, 0, OBJECT);
    }
    read("functions among many symbols", &raw.finish()).expect("a module");
}

#[test]
fn code() {
    let _alone = alone();
    // jmp to itself; jmp elsewhere; jmp by a table
    for (what, bytes) in [
        ("short jumps", &b"\xeb\xfe"[..]),
        ("jumps", b"\xe9\xff\xff\xff\x7f"),
        ("jumps by a table", b"\xff\x24\xc5\0\0\0\0"),
    ] {
        let mut raw = Raw::new();
        let length = size() / 2;
        raw.section(TEXT).data = bytes.repeat(length / bytes.len());
        let text = raw.symbol("", RODATA, 0, 0, 3);
        raw.section(RODATA).data = b"show\0".to_vec();
        let functions = 100_000.min(count(2 * (24 + 24 + 48)));
        let table = raw.add(".kpatch.funcs", PROGBITS, ALLOC, &vec![0; functions * 56]);
        let mut relocations = Vec::new();
        for number in 0..functions as u64 {
            // Each to the end of the code.
            let size = length as u64 - number;
            let function = raw.symbol("new", TEXT, number, size, FUNCTION);
            relocations.extend(relocation(number * 56, R_64, function, 0));
            relocations.extend(relocation(number * 56 + 40, R_64, text, 0));
        }
        raw.relocations(".rela.kpatch.funcs", 0, table, relocations);
        read(what, &raw.finish()).expect("a module");
    }
}

#[test]
fn modinfo_of_a_module() {
    let _alone = alone();
    let mut raw = Raw::new();
    raw.section(1).data = b"import_ns=a\0".repeat(count(12).max(100_000));
    let error = read("modinfo", &raw.finish()).expect_err("it is too large");
    let words = "its modinfo has more than 1 MiB";
    assert!(error.to_string().contains(words), "{error}");

    let mut raw = Raw::new();
    let names: Vec<String> = (0..50_000).map(|number| format!("m{number}")).collect();
    let depends = format!("depends={}\0", names.join(","));
    raw.section(1).data.extend(depends.as_bytes());
    raw.symbol("elsewhere", 0, 0, 0, 0x10);
    let report = read("depends", &raw.finish()).expect("a module");
    assert!(has(&report, "too-many"));

    let mut raw = Raw::new();
    let mut versions = Vec::with_capacity(size());
    for number in 0..count(64) {
        versions.extend(1_u64.to_le_bytes());
        versions.extend(format!("{number:0>55}\0").as_bytes());
    }
    raw.add("__versions", PROGBITS, ALLOC, &versions);
    read("versions", &raw.finish()).expect("a module");
}

#[test]
fn no_modules() {
    let _alone = alone();
    let mut zeros = vec![0; size()];
    assert!(read("zeros", &zeros).is_err());
    zeros[..6].copy_from_slice(b"\x7fELF\x02\x01");
    assert!(read("a header and zeros", &zeros).is_err());
    let ones = vec![0xff; size()];
    assert!(read("ones", &ones).is_err());
    let mut raw = Raw::new();
    raw.add(".text.more", PROGBITS, CODE, &vec![0; size()]);
    read("a section of zeros", &raw.finish()).expect("a module");
}

/// A zstd file of blocks that each repeat one byte 128 Ki times.
fn repeated(blocks: usize) -> Vec<u8> {
    // No size, no checksum, a window of 8 MiB.
    let mut file = b"\x28\xb5\x2f\xfd\0\x68".to_vec();
    for number in 1..=blocks {
        let last = u32::from(number == blocks);
        file.extend(&((128 << 10) << 3 | 1 << 1 | last).to_le_bytes()[..3]);
        file.push(0);
    }
    file
}

#[test]
fn endless_compressed_files() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("m.ko.zst");
    for (blocks, words) in [
        (100, None),
        (3000, Some("what it unpacks to has more than 256 MiB")),
    ] {
        std::fs::write(&path, repeated(blocks)).expect("a file");
        memory::begin(0, usize::MAX);
        let read = read_module(&path);
        let used = memory::end();
        match (read, words) {
            (Ok(data), None) => assert_eq!(data.len(), blocks * (128 << 10)),
            (Err(error), Some(words)) => assert!(error.to_string().contains(words), "{error}"),
            (read, _) => panic!("{blocks} blocks: {:?}", read.map(|data| data.len())),
        }
        assert!(used < MEMORY, "{used} bytes");
    }
    // A dictionary larger than xz makes, of 1 GiB.
    let mut file = b"\xfd7zXZ\0\0\x01\x69\x22\xde\x36".to_vec();
    file.extend([2, 0, 0x21, 1, 36, 0, 0, 0]);
    let mut crc = flate2::Crc::new();
    crc.update(&file[12..]);
    file.extend(crc.sum().to_le_bytes());
    file.extend([1, 0, 0, 0]);
    std::fs::write(&path, file).expect("a file");
    memory::begin(0, usize::MAX);
    let error = read_module(&path)
        .expect_err("a large dictionary")
        .to_string();
    assert!(memory::end() < AT_LEAST, "{error}");
    assert!(error.contains("compressed by xz"), "{error}");
    // Too large a file is not even read.
    let file = std::fs::File::create(&path).expect("a file");
    std::os::unix::fs::FileExt::write_all_at(&file, b"\xfd7zXZ\0", 0).expect("written");
    file.set_len((64 << 20) + 1).expect("a sparse file");
    let error = read_module(&path).expect_err("too large").to_string();
    assert!(
        error.contains("the compressed file has more than 64 MiB"),
        "{error}"
    );
}
