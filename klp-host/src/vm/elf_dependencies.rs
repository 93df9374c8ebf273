// SPDX-License-Identifier: GPL-2.0-only

//! Reads a program's architecture, loader and shared libraries from its ELF file.

use std::path::Path;

use anyhow::{Context as _, Result};
use object::elf::{DT_NEEDED, FileHeader64, PT_DYNAMIC, PT_INTERP};
use object::read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _};
use object::{LittleEndian, Object as _, ObjectSection as _};

use crate::arch::Arch;

/// The dependencies of a program or library.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct ElfDependencies {
    /// The architecture, if supported.
    pub(super) arch: Option<Arch>,
    /// The path of the loader, for a program that needs one.
    pub(super) interpreter: Option<String>,
    /// The names of shared libraries.
    pub(super) libraries: Vec<String>,
}

/// Reads the dependencies of an ELF file.
pub(super) fn read(path: &Path) -> Result<ElfDependencies> {
    let data = std::fs::read(path)?;
    parse(&data)
}

fn parse(data: &[u8]) -> Result<ElfDependencies> {
    const LE: LittleEndian = LittleEndian;
    let header =
        FileHeader64::<LittleEndian>::parse(data).context("it is not a 64-bit ELF file")?;
    let machine = header.e_machine(LE);
    let mut needed = ElfDependencies {
        arch: Arch::ALL
            .into_iter()
            .find(|arch| arch.facts().elf_machine == machine),
        ..ElfDependencies::default()
    };
    // Library names are in `.dynstr`, which stripping keeps.
    let file = object::read::elf::ElfFile64::<LittleEndian>::parse(data)?;
    let names = file.section_by_name(".dynstr");
    let names = names.map(|section| section.data()).transpose()?;
    let name = |at: u64| -> Option<String> {
        let text = names?.get(usize::try_from(at).ok()?..)?;
        let text = text.split(|byte| *byte == 0).next()?;
        Some(String::from_utf8_lossy(text).into_owned())
    };
    for segment in header.program_headers(LE, data)? {
        match segment.p_type(LE) {
            PT_INTERP => needed.interpreter = segment.interpreter(LE, data)?.map(text),
            PT_DYNAMIC => {
                let entries = segment.dynamic(LE, data)?.unwrap_or_default();
                let libraries = entries.iter().filter(|it| it.d_tag(LE) == DT_NEEDED);
                needed.libraries = libraries.filter_map(|it| name(it.d_val(LE))).collect();
            }
            _ => {}
        }
    }
    Ok(needed)
}

fn text(bytes: &[u8]) -> String {
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_this_machine_needs_its_c_library() {
        let needed = read(Path::new("/bin/bash")).expect("bash is a program");
        assert_eq!(needed.arch, Some(Arch::HOST));
        let interpreter = needed.interpreter.expect("it is dynamically linked");
        assert!(interpreter.starts_with('/'), "{interpreter}");
        assert!(
            needed
                .libraries
                .iter()
                .any(|name| name.starts_with("libc.so")),
            "{:?}",
            needed.libraries
        );
    }

    #[test]
    fn malformed_input_is_refused() {
        assert!(parse(b"").is_err());
        assert!(parse(b"\x7fELF").is_err());
        let whole = std::fs::read("/bin/bash").expect("bash");
        for length in (0..4096).step_by(7) {
            // It must not panic.
            let _ = parse(&whole[..length]);
        }
    }
}
