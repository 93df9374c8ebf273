// SPDX-License-Identifier: GPL-2.0-only

//! Applying and clearing livepatch relocations: those of a patch's module that refer to symbols of its objects.

use super::{bindings, Kernel, PatchRef};
use crate::errno::{check, Result, EINVAL};
use crate::name::Shown;
use crate::platform::Log as _;
use crate::relocations::{apply_all, section_object, SymbolName};
use crate::symbols;
use ::kernel::bindings::{elf64_rela, elf64_shdr, elf64_sym, module};
use ::kernel::ffi::{c_char, c_int};
use core::ffi::CStr;
use core::mem::MaybeUninit;

/// `SHN_LIVEPATCH` and `SHF_RELA_LIVEPATCH` of `include/uapi/linux/elf.h`.
const SHN_LIVEPATCH: u16 = 0xff20;
const SHF_RELA_LIVEPATCH: u64 = 0x0010_0000;

/// The parts of a module's ELF file that relocations need.
#[derive(Clone, Copy)]
pub(super) struct File {
    pub(super) module: *mut module,
    pub(super) sections: *mut elf64_shdr,
    pub(super) section_names: *const c_char,
    pub(super) symbol_names: *const c_char,
    pub(super) symbols: u32,
}

/// A NUL-terminated name in a buffer.
struct CName<const N: usize>([u8; N]);

impl<const N: usize> CName<N> {
    fn new(name: &[u8]) -> Result<Self> {
        let mut bytes = [0; N];
        // One byte is for the terminator.
        let place = bytes
            .get_mut(..N.saturating_sub(1))
            .and_then(|bytes| bytes.get_mut(..name.len()));
        place.ok_or(EINVAL)?.copy_from_slice(name);
        Ok(Self(bytes))
    }

    fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or(c"")
    }
}

impl File {
    /// The header of a section.
    ///
    /// # Safety
    ///
    /// `index` is that of a section.
    unsafe fn section(&self, index: u32) -> *mut elf64_shdr {
        // SAFETY: the caller's promise.
        unsafe { self.sections.add(index as usize) }
    }

    /// Finds the symbols that the relocations in a section refer to, and writes their addresses
    /// into the symbol table.
    ///
    /// # Safety
    ///
    /// The file's pointers are those of a livepatch module, and `section` is one of its sections.
    unsafe fn resolve(&self, kernel: &Kernel, section: u32, object: &[u8]) -> Result {
        // SAFETY: the caller's promise.
        let (relocations, size, table) = unsafe {
            let header = self.section(section);
            let symbols = self.section(self.symbols);
            (
                (*header).sh_addr as *const elf64_rela,
                (*header).sh_size as usize,
                (*symbols).sh_addr as *mut elf64_sym,
            )
        };
        for index in 0..size / size_of::<elf64_rela>() {
            // SAFETY: the section has that many relocations, and each refers to a symbol of the table,
            // whose name is in the string table.
            let (symbol, name) = unsafe {
                let symbol = table.add(((*relocations.add(index)).r_info >> 32) as usize);
                let name = self.symbol_names.add((*symbol).st_name as usize);
                (symbol, CStr::from_ptr(name.cast()))
            };
            let shown = Shown(name);
            // SAFETY: as above.
            if unsafe { (*symbol).st_shndx } != SHN_LIVEPATCH {
                let table = self.symbols;
                kernel.error(format_args!(
                    "symbol {shown} at rela sec {table} idx {index} is not marked as a livepatch symbol"
                ));
                return Err(EINVAL);
            }
            let Some(parsed) = SymbolName::parse(name) else {
                kernel.error(format_args!(
                    "symbol {shown} has an incorrectly formatted name"
                ));
                return Err(EINVAL);
            };
            let is_vmlinux = parsed.object == b"vmlinux";
            let module = CName::<64>::new(parsed.object)?;
            let wanted = CName::<512>::new(parsed.name)?;
            // A module's relocations are applied late, when code that needs symbols of vmlinux may have run
            // already; exported symbols need no livepatch relocation.
            if is_vmlinux && object != b"vmlinux" {
                kernel.error(format_args!(
                    "invalid access to vmlinux symbol '{}' from module-specific livepatch relocation section",
                    Shown(wanted.as_c_str())
                ));
                return Err(EINVAL);
            }
            let address = symbols::find(
                kernel,
                (!is_vmlinux).then_some(module.as_c_str()),
                wanted.as_c_str(),
                parsed.position,
            )?;
            // SAFETY: `symbol` is in the module's own symbol table.
            unsafe { (*symbol).st_value = address as u64 };
        }
        Ok(())
    }

    /// Applies or clears the relocations in a section, if they are for `object`.
    ///
    /// # Safety
    ///
    /// As for [`File::resolve`].
    pub(super) unsafe fn write(
        &self,
        kernel: &Kernel,
        section: u32,
        object: &CStr,
        apply: bool,
    ) -> Result {
        // SAFETY: the caller's promise; sections have names.
        let name = unsafe {
            let name = (*self.section(section)).sh_name;
            CStr::from_ptr(self.section_names.add(name as usize).cast())
        };
        let Some(found) = section_object(name) else {
            let shown = Shown(name);
            kernel.error(format_args!(
                "section {shown} has an incorrectly formatted name"
            ));
            return Err(EINVAL);
        };
        if found != object.to_bytes() {
            return Ok(());
        }
        if apply {
            // SAFETY: the caller's promise.
            unsafe { self.resolve(kernel, section, found)? };
        }
        if !apply {
            // SAFETY: the caller's promise.
            return unsafe { self.call(bindings::klp_clear_relocate_add, section) };
        }
        // SAFETY: the caller's promise.
        let result = unsafe { self.call(bindings::apply_relocate_add, section) };
        if result.is_err() {
            // Some of them may have been applied.
            // SAFETY: the caller's promise.
            let _ = unsafe { self.call(bindings::klp_clear_relocate_add, section) };
        }
        result
    }

    /// Calls `write`, which applies or clears the relocations in a section. It takes the lock for writing to the
    /// kernel's text.
    ///
    /// # Safety
    ///
    /// As for [`File::resolve`]; the section's symbols are resolved.
    unsafe fn call(&self, write: WriteRelocations, section: u32) -> Result {
        // SAFETY: the caller's promise.
        check(unsafe {
            write(
                self.sections,
                self.symbol_names,
                self.symbols,
                section,
                self.module,
            )
        })
        .map(drop)
    }
}

type WriteRelocations =
    unsafe extern "C" fn(*mut elf64_shdr, *const c_char, u32, u32, *mut module) -> c_int;

/// The ELF file of a patch's module, and its sections with livepatch relocations.
fn file_of(patch: PatchRef) -> Result<(File, impl Iterator<Item = u32> + Clone)> {
    let module = patch.module().0.as_ptr();
    let mut kept = MaybeUninit::uninit();
    // SAFETY: the core has a reference to the patch's module; the function fills it in when it returns true.
    let kept = unsafe {
        if !bindings::klp_module_file(module, kept.as_mut_ptr()) {
            return Err(EINVAL);
        }
        kept.assume_init()
    };
    let file = File {
        module,
        sections: kept.sections,
        section_names: kept.section_names,
        symbol_names: kept.symbol_names,
        symbols: kept.symbols,
    };
    let is_livepatch = move |section: &u32| {
        // SAFETY: there are that many sections.
        let flags = unsafe { (*file.section(*section)).sh_flags };
        flags & SHF_RELA_LIVEPATCH != 0
    };
    Ok((file, (1..kept.count).filter(is_livepatch)))
}

/// Applies all relocations of a patch for `object`, or none.
pub(super) fn write_all(kernel: &Kernel, patch: PatchRef, object: &CStr) -> Result {
    let (file, sections) = file_of(patch)?;
    apply_all(
        sections,
        // SAFETY: these are sections of the patch's module.
        |section| unsafe { file.write(kernel, section, object, true) },
        |section| {
            // Cannot fail: `apply` checked the names.
            // SAFETY: as above.
            let _ = unsafe { file.write(kernel, section, object, false) };
        },
    )
}

/// Clears all relocations of a patch for `object`.
pub(super) fn clear_all(kernel: &Kernel, patch: PatchRef, object: &CStr) {
    let Ok((file, sections)) = file_of(patch) else {
        return;
    };
    for section in sections {
        // Clearing fails only where applying would have.
        // SAFETY: it is a section of the patch's module.
        let _ = unsafe { file.write(kernel, section, object, false) };
    }
}
