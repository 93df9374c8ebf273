// SPDX-License-Identifier: GPL-2.0-only

//! Links a patch to symbols that the kernel does not export, and to modules that are not loaded yet, by
//! livepatch symbols and relocations (the kernel's
//! `Documentation/livepatch/module-elf-format.rst`).
//!
//! A patch's code refers to undefined weak symbols by their final names, `.klp.sym.OBJECT.NAME,SYMPOS`
//! ([`SymbolName`]). The module build accepts weak symbols, but the
//! kernel's module loader would resolve them to 0. [`link`] turns them into livepatch symbols,
//! and moves the relocations that refer to them into sections that the livepatch core applies
//! ([`SectionName`]): those of `vmlinux` when the patch is loaded, those of a module whenever it
//! is loaded.
//!
//! An unlinked module would still load. So that a module can detect it, it has bytes of value 1 in a
//! section `.klp.unlinked`; linking sets them to 0.
//!
//! Linking only adds to the file: each section, symbol and string keeps its
//! index. Only relocations of loaded sections move. Those of debug
//! information stay: the kernel's loader skips them, and readers of debug information have
//! no address for any symbol outside of the module.
//!
//! Link before signing, which covers the whole file. Tools that rewrite modules (`strip`,
//! `objcopy`) may not know livepatch symbols: use them before linking.

#[cfg(feature = "link")]
mod error;
pub(crate) mod format;
mod names;
#[cfg(feature = "link")]
mod plan;
#[cfg(feature = "link")]
mod read;
#[cfg(feature = "link")]
mod rename;
#[cfg(feature = "link")]
mod write;

#[cfg(feature = "link")]
pub use error::Error;
pub use format::{SERIES, SHF_RELA_LIVEPATCH, SHN_LIVEPATCH, UNLINKED};
pub use names::{
    NAME_MAX, NameError, OBJECT_MAX, SECTION_PREFIX, SYMBOL_PREFIX, SectionName, SymbolName,
    is_module_name,
};
#[cfg(feature = "link")]
pub use rename::rename;

/// Whether this module has anything to link.
///
/// # Errors
///
/// `data` is not a module, or a damaged one.
#[cfg(feature = "link")]
pub fn needs_link(data: &[u8]) -> Result<bool, Error> {
    let file = read::File::parse(data)?;
    Ok(!file.pending()?.is_empty() || !file.unlinked()?.is_empty())
}

/// Links a module's references to livepatch symbols. A module without any, or a linked one,
/// is returned unchanged.
///
/// # Errors
///
/// `data` is not a module, or a damaged one, or refers to livepatch symbols in a way that the kernel
/// rejects.
#[cfg(feature = "link")]
pub fn link(data: &[u8]) -> Result<Vec<u8>, Error> {
    let file = read::File::parse(data)?;
    let plan = plan::Plan::new(&file)?;
    if plan.is_empty() {
        return Ok(data.to_vec());
    }
    write::apply(&file, &plan)
}
