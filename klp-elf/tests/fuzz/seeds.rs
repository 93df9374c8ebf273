// SPDX-License-Identifier: GPL-2.0-only

//! The seeds: generated files, and real ones if the machine has them.

use crate::btf::Btf;
use crate::files::{INIT, TEXT, vmlinux};
use crate::patch::{Compact, Patch};
use crate::raw::{self, Raw};
use object::read::elf::ElfFile64;
use object::{LittleEndian, Object as _, ObjectSection as _};
use std::path::{Path, PathBuf};

/// The kind of a file.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Module,
    /// An ELF file with type information, or that alone.
    Kernel,
    /// `/proc/kallsyms`
    Symbols,
    /// `available_filter_functions`
    Traceable,
    /// `available_filter_functions_addrs`
    Sites,
    /// `Module.symvers`
    Exports,
}

pub(crate) struct Seed {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) data: Vec<u8>,
}

/// The largest real file; larger ones take too long.
const LARGEST: usize = 4 << 20;
/// The most real modules; more would find nothing new.
const MODULES: usize = 40;

pub(crate) fn all() -> Vec<Seed> {
    let mut seeds = made();
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/kmod");
    let given = std::env::var_os("KLP_FUZZ_FILES").unwrap_or_default();
    let mut modules = Vec::new();
    for path in std::env::split_paths(&given).chain([built]) {
        collect(&path, &mut modules);
    }
    // The order of entries differs between machines.
    modules.sort();
    modules.truncate(MODULES);
    seeds.extend(modules.into_iter().filter_map(|path| real(&path)));
    seeds
}

/// The files below a folder that are worth reading.
fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    // Symbolic links lead out of a build folder, or form cycles.
    if path.is_symlink() {
        return;
    }
    let name = path.file_name().unwrap_or_default();
    if path.is_file() {
        let module = path.extension().is_some_and(|ending| ending == "ko");
        if module || name == "vmlinux" {
            files.push(path.to_owned());
        }
    } else if let Ok(entries) = std::fs::read_dir(path) {
        for entry in entries.flatten() {
            collect(&entry.path(), files);
        }
    }
}

fn real(path: &Path) -> Option<Seed> {
    let data = std::fs::read(path).ok()?;
    let is_module = path.extension().is_some();
    let (kind, data) = match is_module {
        true => (Kind::Module, data),
        false => {
            let file = ElfFile64::<LittleEndian>::parse(&*data).ok()?;
            let types = file.section_by_name(".BTF")?.data().ok()?;
            (Kind::Kernel, types.to_vec())
        }
    };
    let name = path.display().to_string();
    let fits = data.len() <= LARGEST || !is_module;
    fits.then_some(Seed { name, kind, data })
}

fn made() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut add = |name: &str, kind, data: Vec<u8>| {
        let name = format!("a made {name}");
        seeds.push(Seed { name, kind, data });
    };
    let mut patch = Patch::good();
    add("patch", Kind::Module, patch.build());
    patch.named = false;
    add("patch without names", Kind::Module, patch.build());
    patch.compact = Some(Compact::KlpBuild { count: 2 });
    add("patch of klp-build", Kind::Module, patch.build());
    patch.compact = Some(Compact::Kpatch);
    add("patch of kpatch", Kind::Module, patch.build());
    let mut unlinked = Patch::good();
    unlinked.sections.clear();
    unlinked.unlinked = 1;
    for (symbol, (name, marked)) in [17, 33].into_iter().zip(&mut unlinked.symbols) {
        *marked = false;
        let plt32 = object::elf::R_X86_64_PLT32.0;
        unlinked.relocations.push((symbol, plt32, name, -4));
    }
    unlinked.relocations.remove(0);
    add("patch before linking", Kind::Module, unlinked.build());
    let functions = [("show", TEXT + 0x100, true), ("start", INIT + 0x100, false)];
    add("vmlinux", Kind::Kernel, vmlinux(&types(), &functions));
    add("BTF", Kind::Kernel, types().finish());
    for (name, data) in exhausting() {
        add(name, Kind::Module, data);
    }
    add(
        "BTF of names that are none",
        Kind::Kernel,
        hostile().finish(),
    );
    add(
        "BTF of deep and wide types",
        Kind::Kernel,
        unfolding().finish(),
    );
    let symbols =
        "ffffffff81000000 T _text\nffffffff81000100 t show\nffffffff82000000 t m_show\t[m]\n";
    add("kallsyms", Kind::Symbols, symbols.into());
    add(
        "list of functions",
        Kind::Traceable,
        b"show\nm_show [m]\n".to_vec(),
    );
    let sites = "ffffffff81000104 show\nffffffff82000004 m_show [m]\n";
    add("list of places", Kind::Sites, sites.into());
    let exports = "0x00000000\tseq_puts\tvmlinux\tEXPORT_SYMBOL\t\n";
    add("Module.symvers", Kind::Exports, exports.into());
    seeds
}

/// Modules of the kinds that took too much time or memory.
fn exhausting() -> Vec<(&'static str, Vec<u8>)> {
    let mut long = Raw::new();
    let name = long.strings.len() as u32;
    long.strings.extend([0xff; 2000]);
    long.strings.push(0);
    for _ in 0..40 {
        long.symbol_at(name, 0, 0, 0, 0x10);
    }
    let mut names = Raw::new();
    for name in [
        "\x1b[2J\n::error::",
        ".klp.sym.vmlinux.\x1b[2J,0",
        "\u{202e}\u{2028}",
    ] {
        names.symbol(name, 0, 0, 0, 0x10);
        names.symbol(name, raw::TEXT, 0, 1, raw::FUNCTION);
        names.symbol(name, raw::SHN_LIVEPATCH, 0, 0, 0x10);
        names.relocations(name, raw::LIVEPATCH, raw::TEXT.into(), Vec::new());
    }
    let mut sections = Raw::new();
    for number in 0..60 {
        let entry = raw::relocation(0, raw::R_64, number, 0).to_vec();
        let flags = if number % 2 == 0 {
            raw::LIVEPATCH
        } else {
            raw::ALLOC
        };
        let name = format!(".klp.rela.m{number}..data");
        sections.relocations(&name, flags, raw::DATA.into(), entry);
    }
    vec![
        ("module of one long name", long.finish()),
        ("module of names that are none", names.finish()),
        ("module of many sections", sections.finish()),
        ("module of patches that share tables", shared()),
    ]
}

/// Patches, objects and functions that are all in the same place.
fn shared() -> Vec<u8> {
    let mut raw = Raw::new();
    let own = raw.symbol("", raw::DATA, 0, 0, 3);
    let code = raw.symbol("new", raw::TEXT, 0, 4, raw::FUNCTION);
    raw.section(raw::TEXT).data = b"\xe8\0\0\0\0\xe9\0\0\0\0\xff\xe0\xc3".to_vec();
    raw.section(raw::DATA).data = vec![0; 40 * 16];
    let mut relocations = Vec::new();
    for number in 0..40 {
        let first = [2, own, code][number as usize % 3];
        relocations.extend(raw::relocation(number * 16, raw::R_64, first, 0));
        relocations.extend(raw::relocation(
            number * 16 + 8,
            raw::R_64,
            own,
            number as i64,
        ));
    }
    raw.relocations(".rela.data", 0, raw::DATA.into(), relocations);
    raw.finish()
}

/// Types whose names are code and escape sequences.
fn hostile() -> Btf {
    let mut btf = Btf::new();
    let name = "a\n}\nfn evil() {}\x1b[2J*/";
    let int = btf.signed("int", 4);
    let odd = btf.signed(name, 4);
    let s = btf.structure(
        "s",
        12,
        &[(name, odd, 0, 0), ("type", int, 32, 3), ("", odd, 64, 0)],
    );
    let hidden = btf.structure(name, 4, &[(name, int, 0, 0)]);
    let alias = btf.typedef(name, s);
    let pointer = btf.pointer(hidden);
    btf.function("show", odd, &[(name, alias), ("fn", pointer), (name, int)]);
    btf.function(name, int, &[(name, int)]);
    btf
}

/// Types that refer to many others.
fn unfolding() -> Btf {
    let mut btf = Btf::new();
    let mut ty = btf.signed("int", 4);
    for _ in 0..40 {
        let pair = btf.prototype(ty, &[("a", ty), ("b", ty)]);
        let pointer = btf.pointer(pair);
        ty = btf.structure(
            "s",
            16,
            &[("a", pointer, 0, 0), ("a", ty, 64, 0), ("a", ty, 64, 3)],
        );
    }
    let parameters = vec![("a", ty); 130];
    btf.function("show", ty, &parameters);
    btf.function("start", ty, &parameters[..3]);
    btf
}

/// Types of all kinds.
pub(crate) fn types() -> Btf {
    let mut btf = Btf::new();
    let int = btf.signed("int", 4);
    let long = btf.unsigned("unsigned long", 8);
    let inner = btf.union("", 8, &[("whole", long), ("half", int)]);
    let s = btf.structure(
        "s",
        16,
        &[("a", int, 0, 0), ("b", int, 32, 8), ("", inner, 64, 0)],
    );
    let constant = btf.constant(s);
    let pointer = btf.pointer(constant);
    let array = btf.array(s, 3);
    let t = btf.structure("t", 48, &[("all", array, 0, 0)]);
    let alias = btf.typedef("alias", t);
    let mode = btf.enumeration("mode", 4, true);
    let callback = btf.prototype(int, &[("", pointer)]);
    let callback = btf.pointer(callback);
    btf.function(
        "show",
        int,
        &[("s", pointer), ("mode", mode), ("call", callback)],
    );
    btf.function("start", alias, &[("t", alias)]);
    btf
}
