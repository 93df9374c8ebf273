// SPDX-License-Identifier: GPL-2.0-only

//! Livepatch symbols and relocations: how a patch reaches what the kernel does not export, and what
//! is in modules that are not loaded yet (the kernel's
//! `Documentation/livepatch/module-elf-format.rst`).
//!
//! A patch's code refers to undefined weak symbols by their final names, `.klp.sym.OBJECT.NAME,SYMPOS`
//! ([`SymbolName`]). The module build lets weak ones pass. What it makes does not work yet: the
//! kernel's module loader would take their address to be 0. [`link`] makes livepatch symbols of
//! them, and moves the relocations that refer to them into sections that livepatch applies
//! ([`SectionName`]): those of `vmlinux` when the patch is loaded, those of a module whenever that
//! is loaded.
//!
//! A module that was not linked would be loaded all the same. One that wants to notice has bytes of
//! value 1 in a section `.klp.unlinked`; linking sets them to 0.
//!
//! Linking adds to the file and takes nothing out: each section, symbol and string stays where it
//! is, under its index. Only relocations of sections that are loaded move. Those of debug
//! information stay: the kernel's loader passes them over, and a reader of debug information finds
//! no address there, as with any symbol that is outside of the module.
//!
//! Link before signing, which covers the whole file. Tools that rewrite modules (`strip`,
//! `objcopy`) may not know livepatch symbols: use them before linking.

#[cfg(feature = "link")]
mod error;
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
pub use names::{
    NAME_MAX, NameError, OBJECT_MAX, SECTION_PREFIX, SYMBOL_PREFIX, SectionName, SymbolName,
};
#[cfg(feature = "link")]
pub use rename::rename;

/// The section with the bytes that say that the module was not linked.
pub const UNLINKED: &str = ".klp.unlinked";
/// The entry of modinfo that has the name that all versions of a patch have in common, where each module has its version
/// in its own.
pub const SERIES: &str = "klp_series";
/// What stands in place of a livepatch symbol's section.
pub const SHN_LIVEPATCH: u16 = 0xff20;
/// The flag of sections whose relocations livepatch applies.
pub const SHF_RELA_LIVEPATCH: u64 = 0x0010_0000;

/// Does livepatch apply the relocations of this section?
pub(crate) fn is_livepatch(section: &crate::elf::SectionHeader) -> bool {
    section.sh_flags.get(object::LittleEndian).0 & SHF_RELA_LIVEPATCH != 0
}

/// Has this module anything that is to be linked?
///
/// # Errors
///
/// When `data` is no module, or a damaged one.
#[cfg(feature = "link")]
pub fn needs_link(data: &[u8]) -> Result<bool, Error> {
    let file = read::File::parse(data)?;
    Ok(!file.pending()?.is_empty() || !file.unlinked()?.is_empty())
}

/// Links a module's references to livepatch symbols. A module without any, or one that is linked,
/// comes out as it is.
///
/// # Errors
///
/// When `data` is no module, or a damaged one, or when it refers to livepatch symbols in
/// a way that the kernel does not take.
#[cfg(feature = "link")]
pub fn link(data: &[u8]) -> Result<Vec<u8>, Error> {
    let file = read::File::parse(data)?;
    let plan = plan::Plan::new(&file)?;
    if plan.is_empty() {
        return Ok(data.to_vec());
    }
    write::apply(&file, &plan)
}
