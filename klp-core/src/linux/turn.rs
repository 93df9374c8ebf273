// SPDX-License-Identifier: GPL-2.0-only

//! Which core has the live patches: this one always, where it is built in. One that is a module shares the kernel with
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

    /// It is this core's turn.
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
        /// It is never called.
        pub(in super::super) const unsafe fn enable_patch(self, _patch: *mut klp_patch) -> c_int {
            0
        }

        /// # Safety
        ///
        /// It is never called.
        pub(in super::super) const unsafe fn module_coming(self, _module: *mut module) -> c_int {
            0
        }

        /// # Safety
        ///
        /// It is never called.
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

    // What `module/klp_vmlinux.h` declares and this crate uses: weak, so that the module build lets it pass. bindgen knows
    // only the plain names of the last ones.
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

    /// The core whose turn it was when this was made. While this lives the turn does not go from this core to
    /// another.
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

        /// Is it the C core's? Then this one goes for good.
        pub(in super::super) fn is_c_core(&self) -> bool {
            self.0 == bindings::klp_turn_KLP_TURN_C_CORE
        }

        /// Has the C core enable the patch.
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

        /// Makes the C core patch a module that is loaded.
        ///
        /// # Safety
        ///
        /// As for `klp_module_coming()`.
        pub(in super::super) unsafe fn module_coming(self, module: *mut module) -> c_int {
            // SAFETY: the caller's promise.
            unsafe { bindings::klp_c_module_coming(module) }
        }

        /// Has the C core forget a module that goes.
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
            // SAFETY: `klp_enter()` was called when this was made. The empty assembly keeps a function whose last act this
            // is from jumping there: the C core looks for that function on stacks, and for nothing else of the module.
            unsafe {
                bindings::klp_leave();
                asm!("", options(nostack, preserves_flags));
            }
        }
    }

    /// Is there no patch? If there are, `report` logs their names.
    #[no_mangle]
    extern "C" fn klp_core_is_unused(report: bool) -> bool {
        locked(|core| core.is_unused(report))
    }

    /// Detaches some of the sites that no patch redirects. Returns whether none is left.
    #[no_mangle]
    extern "C" fn klp_core_detach_rest() -> bool {
        locked(|core| core.detach_rest())
    }

    /// Frees the core's memory. There is no patch, and no site.
    #[no_mangle]
    extern "C" fn klp_core_free() {
        locked(|core| core.free_memory());
    }
}
