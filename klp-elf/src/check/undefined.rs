// SPDX-License-Identifier: GPL-2.0-only

//! Symbols that the kernel, or a module that this one depends on, has to export.

use super::exports::Export;
use super::file::File;
use super::identity::values;
use super::{Against, Place, Problem, Report};
use crate::Error;
use crate::livepatch::SYMBOL_PREFIX;
use crate::module::demangled;
use std::collections::{HashMap, HashSet};

/// What the symbols begin with by which a module exports others.
const EXPORT: &str = "__ksymtab_";

/// The linker makes it, and nobody uses it.
const IGNORED: &str = "_GLOBAL_OFFSET_TABLE_";

/// An entry of `__versions`: the version, and the symbol's name.
const VERSION_SIZE: usize = 64;

/// Checks all of them.
pub(super) fn check(
    file: &File<'_>,
    against: &Against<'_>,
    report: &mut Report,
) -> Result<(), Error> {
    let Some(exports) = &against.exports else {
        if against.kernel.is_some() {
            report.add(Place::Module, Problem::NoExports);
        }
        return Ok(());
    };
    let others = Others::read(file, against, report)?;
    let versions = versions(file);
    let namespaces: HashSet<&str> = values(file, "import_ns").collect();
    let needed = file.symbols.iter().filter(|symbol| {
        let named = !symbol.name.is_empty() && symbol.name != IGNORED;
        symbol.is_undefined() && named && !symbol.name.starts_with(SYMBOL_PREFIX)
    });
    for symbol in needed {
        let problem = match exports.get(&symbol.name) {
            Some(export) => refused(export, versions.get(&*symbol.name), &namespaces),
            None if symbol.weak || others.may_export(&symbol.name) => None,
            None => Some(Problem::NotExported),
        };
        if let Some(problem) = problem {
            report.add(Place::Symbol(demangled(&symbol.name)), problem);
        }
    }
    Ok(())
}

/// Why the kernel does not give an exported symbol to the module.
fn refused(export: &Export, version: Option<&u64>, namespaces: &HashSet<&str>) -> Option<Problem> {
    let version = version.filter(|found| export.version != 0 && **found != export.version);
    if let Some(&found) = version {
        let expected = export.version;
        return Some(Problem::Version { found, expected });
    }
    let namespace = export.namespace.as_str();
    // Those name the modules that may use it, which need not import it.
    let free = namespace.is_empty() || namespace.starts_with("module:");
    (!free && !namespaces.contains(namespace)).then(|| Problem::Namespace(namespace.to_owned()))
}

/// The versions of symbols that the module was built for.
fn versions(file: &File<'_>) -> HashMap<String, u64> {
    let data = file
        .section("__versions")
        .map_or(&[][..], |(_, it)| it.data);
    let entries = data.chunks_exact(VERSION_SIZE).filter_map(|entry| {
        let (version, name) = entry.split_at_checked(8)?;
        let end = name.iter().position(|&byte| byte == 0)?;
        let name = std::str::from_utf8(&name[..end]).ok()?;
        Some((
            name.to_owned(),
            u64::from_le_bytes(version.try_into().ok()?),
        ))
    });
    entries.collect()
}

/// What the modules export that this one depends on.
struct Others {
    exported: HashSet<String>,
    /// Is there one of which nothing is known?
    unknown: bool,
}

impl Others {
    fn read(file: &File<'_>, against: &Against<'_>, report: &mut Report) -> Result<Self, Error> {
        let mut others = Self {
            exported: HashSet::new(),
            unknown: false,
        };
        let names = values(file, "depends").flat_map(|names| names.split(','));
        for name in names.filter(|name| !name.is_empty()) {
            let path = against.kernel.and_then(|kernel| kernel.module_path(name));
            let Some(path) = path else {
                others.unknown = true;
                let place = Place::Symbol(name.to_owned());
                report.add(place, Problem::DependencyUnknown);
                continue;
            };
            let data = std::fs::read(&path).map_err(|source| Error::Read { path, source })?;
            let module = File::parse(&data)?;
            let symbols = module.symbols.iter();
            let names = symbols.filter_map(|symbol| symbol.name.strip_prefix(EXPORT));
            others.exported.extend(names.map(str::to_owned));
        }
        Ok(others)
    }

    fn may_export(&self, symbol: &str) -> bool {
        self.unknown || self.exported.contains(symbol)
    }
}
