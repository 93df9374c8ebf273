// SPDX-License-Identifier: GPL-2.0-only

//! The files that are changed: made ones, and real ones where there are some.

use crate::btf::Btf;
use crate::files::{INIT, TEXT, vmlinux};
use crate::patch::{Compact, Patch};
use object::read::elf::ElfFile64;
use object::{LittleEndian, Object as _, ObjectSection as _};
use std::path::{Path, PathBuf};

/// What a file is.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Module,
    /// An ELF file with type information, or that alone.
    Kernel,
    /// `/proc/kallsyms`
    Symbols,
    /// `available_filter_functions`
    Traceable,
    /// `Module.symvers`
    Exports,
}

pub(crate) struct Seed {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) data: Vec<u8>,
}

/// Larger ones take too long to be worth it.
const LARGEST: usize = 4 << 20;
/// More real modules tell nothing new.
const MODULES: usize = 40;

pub(crate) fn all() -> Vec<Seed> {
    let mut seeds = made();
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/kmod");
    let given = std::env::var_os("KLP_FUZZ_FILES").unwrap_or_default();
    let mut modules = Vec::new();
    for path in std::env::split_paths(&given).chain([built]) {
        collect(&path, &mut modules);
    }
    // Their order is not the same on each machine.
    modules.sort();
    modules.truncate(MODULES);
    seeds.extend(modules.into_iter().filter_map(|path| real(&path)));
    seeds
}

/// The files below a folder that are worth reading.
fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    // Links lead out of a build's folder, and back up.
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
    let symbols =
        "ffffffff81000000 T _text\nffffffff81000100 t show\nffffffff82000000 t m_show\t[m]\n";
    add("kallsyms", Kind::Symbols, symbols.into());
    add(
        "list of functions",
        Kind::Traceable,
        b"show\nm_show [m]\n".to_vec(),
    );
    let exports = "0x00000000\tseq_puts\tvmlinux\tEXPORT_SYMBOL\t\n";
    add("Module.symvers", Kind::Exports, exports.into());
    seeds
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
