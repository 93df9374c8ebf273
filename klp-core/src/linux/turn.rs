// SPDX-License-Identifier: GPL-2.0-only

//! The core in charge of live patches: always this one, where it is built in. As a module it takes turns with
//! the C core (`module/klp_c_core.c`).

#[cfg(not(MODULE))]
pub(super) use builtin::Turn;
#[cfg(MODULE)]
pub(super) use module::Turn;

#[cfg(not(MODULE))]
mod builtin {
    use super::super::bindings::klp_patch;
    use ::kernel::bindings::module;
    use ::kernel::ffi::c_int;

    /// The turn, which is always this core's.
    pub(in super::super) struct Turn;

    impl Turn {
        pub(in super::super) const fn begin() -> Self {
            Self
        }

        pub(in super::super) const fn is_ours(&self) -> bool {
            true
        }

        pub(in super::super) const fn is_c_core(&self) -> bool {
            false
        }

        /// # Safety
        ///
        /// Must not be called: `is_c_core` is always false.
        pub(in super::super) const unsafe fn enable_patch(self, _patch: *mut klp_patch) -> c_int {
            0
        }

        /// # Safety
        ///
        /// Must not be called: `is_c_core` is always false.
        pub(in super::super) const unsafe fn module_coming(self, _module: *mut module) -> c_int {
            0
        }

        /// # Safety
        ///
        /// Must not be called: `is_c_core` is always false.
        pub(in super::super) const unsafe fn module_going(self, _module: *mut module) {}
    }
}

#[cfg(MODULE)]
mod module {
    use super::super::bindings;
    use super::super::state::locked;
    use ::kernel::bindings::module;
    use ::kernel::ffi::c_int;
    use core::arch::{asm, global_asm};

    // Symbols of `module/klp_vmlinux.h` that this crate uses: weak, because modpost rejects other undefined
    // symbols. bindgen has only the plain names of the last ones.
    global_asm!(
        ".weak \".klp.sym.vmlinux.klp_enable_patch,0\"",
        ".weak \".klp.sym.vmlinux.klp_module_coming,0\"",
        ".weak \".klp.sym.vmlinux.klp_module_going,0\"",
        ".weak \".klp.sym.vmlinux.wake_up_if_idle,0\"",
        ".weak \".klp.sym.vmlinux.ftrace_location_range,0\"",
        ".weak \".klp.sym.vmlinux.apply_relocate_add,0\"",
        ".weak \".klp.sym.vmlinux.kallsyms_on_each_match_symbol,0\"",
        ".weak \".klp.sym.vmlinux.module_kallsyms_on_each_symbol,0\"",
        ".weak \".klp.sym.vmlinux.kallsyms_lookup_size_offset,0\"",
        ".set ftrace_location_range, \".klp.sym.vmlinux.ftrace_location_range,0\"",
        ".set apply_relocate_add, \".klp.sym.vmlinux.apply_relocate_add,0\"",
        ".set kallsyms_on_each_match_symbol, \".klp.sym.vmlinux.kallsyms_on_each_match_symbol,0\"",
        ".set module_kallsyms_on_each_symbol, \".klp.sym.vmlinux.module_kallsyms_on_each_symbol,0\"",
        ".set kallsyms_lookup_size_offset, \".klp.sym.vmlinux.kallsyms_lookup_size_offset,0\"",
    );

    same_in_c! { klp_core_detach_rest klp_core_free klp_core_is_unused }

    /// The core whose turn it was when this was made. While this lives, the turn does not pass from this core to
    /// the other.
    pub(in super::super) struct Turn(bindings::klp_turn);

    impl Turn {
        pub(in super::super) fn begin() -> Self {
            // SAFETY: `klp_leave()` follows when this is dropped.
            Self(unsafe { bindings::klp_enter() })
        }

        /// Is it this core's?
        pub(in super::super) fn is_ours(&self) -> bool {
            self.0 == bindings::klp_turn_KLP_TURN_OURS
        }

        /// Is it the C core's? Then this core will be unloaded.
        pub(in super::super) fn is_c_core(&self) -> bool {
            self.0 == bindings::klp_turn_KLP_TURN_C_CORE
        }

        /// Calls the C core to enable the patch.
        ///
        /// # Safety
        ///
        /// As for `klp_enable_patch()`.
        pub(in super::super) unsafe fn enable_patch(
            self,
            patch: *mut bindings::klp_patch,
        ) -> c_int {
            // SAFETY: the caller's promise.
            unsafe { bindings::klp_c_enable_patch(patch) }
        }

        /// Calls the C core for a module that is being loaded.
        ///
        /// # Safety
        ///
        /// As for `klp_module_coming()`.
        pub(in super::super) unsafe fn module_coming(self, module: *mut module) -> c_int {
            // SAFETY: the caller's promise.
            unsafe { bindings::klp_c_module_coming(module) }
        }

        /// Calls the C core for a module that is being unloaded.
        ///
        /// # Safety
        ///
        /// As for `klp_module_going()`.
        pub(in super::super) unsafe fn module_going(self, module: *mut module) {
            // SAFETY: the caller's promise.
            unsafe { bindings::klp_c_module_going(module) };
        }
    }

    impl Drop for Turn {
        fn drop(&mut self) {
            // The empty assembly prevents a tail call of `klp_leave()`: the C core checks stacks for the calling
            // function, and for nothing else of the module.
            // SAFETY: `begin` called `klp_enter()`; the assembly is empty.
            unsafe {
                bindings::klp_leave();
                asm!("", options(nostack, preserves_flags));
            }
        }
    }

    /// Returns whether there is no patch. With `report`, logs each.
    #[no_mangle]
    extern "C" fn klp_core_is_unused(report: bool) -> bool {
        locked(|core| core.is_unused(report))
    }

    /// Detaches a batch of sites that no patch redirects. Returns whether no attached site is left.
    #[no_mangle]
    extern "C" fn klp_core_detach_rest() -> bool {
        locked(|core| core.detach_rest())
    }

    /// Frees the core's memory. Called without patches and sites.
    #[no_mangle]
    extern "C" fn klp_core_free() {
        locked(|core| core.free_memory());
    }
}
