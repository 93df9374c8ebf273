// SPDX-License-Identifier: GPL-2.0-only

//! Checks the symbols that the kernel, or a module that this one depends on, has to export.

use super::info::Info;
use super::{Against, Place, Problem, Report};
use crate::elf::{self, Elf, is_undefined};
use crate::kernel::Export;
use crate::limits::{FUNCTIONS_MAX, OBJECTS_MAX};
use crate::livepatch::SYMBOL_PREFIX;
use crate::module::demangled;
use crate::text::Name;
use crate::{Error, Module, read_module};
use object::elf::STB_WEAK;
use std::collections::{BTreeSet, HashSet};

/// The prefix of the symbols of a module's exports.
const EXPORT: &[u8] = b"__ksymtab_";

/// A symbol of the linker that nothing uses.
const IGNORED: &[u8] = b"_GLOBAL_OFFSET_TABLE_";

/// An entry of `__versions`: the version, and the symbol's name.
const VERSION_SIZE: usize = 64;

/// Checks all of them.
pub(super) fn check(
    module: &Module<'_>,
    info: &Info<'_>,
    against: &Against<'_>,
    report: &mut Report,
) -> Result<(), Error> {
    let Some(exports) = &against.exports else {
        if against.kernel.is_some() {
            report.add(Place::Module, Problem::NoExports);
        }
        return Ok(());
    };
    let versions = Versions::read(module);
    let symbols = module.elf.symbols;
    let mut missing = Vec::new();
    for symbol in symbols.all.iter().filter(|symbol| is_undefined(symbol)) {
        let name = symbols.name(symbol);
        if name.is_empty() || name == IGNORED || name.starts_with(SYMBOL_PREFIX.as_bytes()) {
            continue;
        }
        let export = std::str::from_utf8(name)
            .ok()
            .and_then(|name| exports.get(name));
        let problem = match export {
            Some(export) => refused(&export, versions.get(name), info),
            None => {
                let is_weak = symbol.st_bind() == STB_WEAK;
                missing.extend((!is_weak).then_some(name));
                None
            }
        };
        if let Some(problem) = problem {
            report.add_at(|| Place::Symbol(demangled(name)), problem);
        }
        if missing.len() > FUNCTIONS_MAX {
            report.add(
                Place::Module,
                Problem::TooMany("undefined symbols", FUNCTIONS_MAX),
            );
            break;
        }
    }
    others(missing, info, against, report)
}

/// Why the kernel does not resolve an exported symbol for the module.
fn refused(export: &Export<'_>, version: Option<u64>, info: &Info<'_>) -> Option<Problem> {
    let version = version.filter(|found| export.version != 0 && *found != export.version);
    if let Some(found) = version {
        let expected = export.version;
        return Some(Problem::Version { found, expected });
    }
    // Such a namespace lists the modules that may use the symbol, and need not import it.
    let needed = export
        .namespace
        .filter(|namespace| !namespace.starts_with("module:"));
    let namespace = needed?;
    let mut imported = info.values("import_ns");
    let is_imported = imported.any(|found| found == namespace.as_bytes());
    (!is_imported).then(|| Problem::Namespace(namespace.into()))
}

/// The symbol versions that a module was built for, sorted.
struct Versions<'data>(Vec<(&'data [u8], u64)>);

impl<'data> Versions<'data> {
    fn read(module: &Module<'data>) -> Self {
        let data = module.elf.bytes_of(b"__versions");
        let entries = data.chunks_exact(VERSION_SIZE).filter_map(|entry| {
            let (version, name) = entry.split_first_chunk()?;
            let name = elf::string(name, 0, VERSION_SIZE)?;
            Some((name, u64::from_le_bytes(*version)))
        });
        let mut entries: Vec<_> = entries.collect();
        entries.sort_unstable();
        Self(entries)
    }

    fn get(&self, name: &[u8]) -> Option<u64> {
        let found = self.0.binary_search_by_key(&name, |(name, _)| *name).ok()?;
        self.0.get(found).map(|(_, version)| *version)
    }
}

/// Looks for symbols in the modules that this one depends on.
fn others(
    missing: Vec<&[u8]>,
    info: &Info<'_>,
    against: &Against<'_>,
    report: &mut Report,
) -> Result<(), Error> {
    let mut exported = HashSet::new();
    let wanted: HashSet<&[u8]> = missing.iter().copied().collect();
    // Whether a module is unknown.
    let mut unknown = false;
    let names = info
        .values("depends")
        .flat_map(|names| names.split(|&byte| byte == b','));
    let names: BTreeSet<&[u8]> = names.filter(|name| !name.is_empty()).collect();
    if names.len() > OBJECTS_MAX {
        unknown = true;
        report.add(
            Place::Modinfo("depends"),
            Problem::TooMany("modules", OBJECTS_MAX),
        );
    }
    for name in names.into_iter().take(OBJECTS_MAX) {
        let path = against.kernel.zip(std::str::from_utf8(name).ok());
        let Some(path) = path.and_then(|(kernel, name)| kernel.module_path(name)) else {
            unknown = true;
            report.add(Place::Symbol(Name::new(name)), Problem::DependencyUnknown);
            continue;
        };
        let data = read_module(&path)?;
        let elf = Elf::parse(&data).map_err(|source| Error::Image { path, source })?;
        let symbols = elf.symbols;
        let found = symbols.all.iter().filter_map(|symbol| {
            let name = symbols.name(symbol).strip_prefix(EXPORT)?;
            wanted.get(name).copied()
        });
        exported.extend(found);
    }
    for name in missing
        .into_iter()
        .filter(|name| !unknown && !exported.contains(name))
    {
        report.add_at(|| Place::Symbol(demangled(name)), Problem::NotExported);
    }
    Ok(())
}
