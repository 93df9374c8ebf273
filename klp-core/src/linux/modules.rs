// SPDX-License-Identifier: GPL-2.0-only

//! Loaded modules.

use super::{bindings, relocations, Kernel, ModuleRef, PatchRef};
use crate::errno::Result;
use crate::platform::Modules;
use crate::types::TextRange;
use ::kernel::bindings::module;
use core::ffi::CStr;
use core::ptr::NonNull;

impl Modules for Kernel {
    const NAME_LEN: usize = size_of_name();

    fn find(&self, name: &CStr) -> Option<ModuleRef> {
        // SAFETY: `name` is a C string.
        NonNull::new(unsafe { bindings::klp_find_module(name.as_ptr().cast()) }).map(ModuleRef)
    }

    fn try_get_module(&self, patch: PatchRef) -> bool {
        // SAFETY: the patch's module is loaded: it calls this, or registered the patch.
        unsafe { bindings::klp_get_module(patch.module().0.as_ptr()) }
    }

    fn put_module(&self, patch: PatchRef) {
        // SAFETY: the core has a reference to the module.
        unsafe { bindings::klp_put_module(patch.module().0.as_ptr()) };
    }

    fn module(&self, patch: PatchRef) -> ModuleRef {
        patch.module()
    }

    fn text(&self, module: ModuleRef) -> TextRange {
        let (mut start, mut size) = (0, 0);
        // SAFETY: the module is loaded: the core has a reference to a patch's, and is notified when others are
        // unloaded.
        unsafe { bindings::klp_module_text(module.0.as_ptr(), &mut start, &mut size) };
        TextRange { start, size }
    }

    fn relocate(&self, patch: PatchRef, object: &CStr) -> Result {
        relocations::write_all(self, patch, object)
    }

    fn clear_relocations(&self, patch: PatchRef, object: &CStr) {
        relocations::clear_all(self, patch, object);
    }
}

/// `MODULE_NAME_LEN`: the name is an array of that length.
const fn size_of_name() -> usize {
    const fn len<T, const N: usize>(_: *const [T; N]) -> usize {
        N
    }
    let module = core::mem::MaybeUninit::<module>::uninit();
    // SAFETY: only the address is computed.
    len(unsafe { &raw const (*module.as_ptr()).name })
}
