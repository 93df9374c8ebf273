// SPDX-License-Identifier: GPL-2.0-only

//! The kernel as the platform: the services that the logic needs, by the kernel's C interfaces.
//!
//! `kernel/klp_glue.h` and the list in `kernel/klp_bindgen_parameters` name all that the core uses of the
//! kernel; bindgen generates [`bindings`] from the two. [`exports`] is the other direction: the functions of
//! the core that the kernel and C modules call.

/// Checks that functions have the same prototype in C and here.
macro_rules! same_in_c {
    ($($name:ident)*) => {
        $(const _: () = {
            // Both arms must have the same type.
            let _ = if true { bindings::$name } else { $name };
        };)*
    };
}

#[cfg(not(MODULE))]
mod builtin;
mod callbacks;
mod declared;
mod exports;
mod log;
mod modules;
mod relocations;
#[cfg(not(MODULE))]
mod shadow;
mod state;
mod symbols;
mod sysfs;
mod tasks;
mod tracing;
mod turn;
mod work;

use crate::platform::Handles;
use ::kernel::ffi::c_void;
use core::ptr::{self, NonNull};

/// Bindings of the C declarations.
#[allow(
    clippy::all,
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    unsafe_op_in_unsafe_fn
)]
pub mod bindings {
    pub use ::kernel::bindings::*;
    use ::kernel::ffi;

    include!(env!("KLP_BINDINGS"));
}

/// The kernel.
#[derive(Debug)]
pub struct Kernel;

/// A `struct klp_patch` in the memory of its module, which stays loaded meanwhile.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PatchRef(NonNull<bindings::klp_patch>);

/// A `struct klp_object` of such a module, or allocated by the core.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ObjectRef(NonNull<bindings::klp_object>);

/// A `struct klp_func` of such a module, or allocated by the core.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FuncRef(NonNull<bindings::klp_func>);

/// A `struct module`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ModuleRef(NonNull<::kernel::bindings::module>);

/// A `struct task_struct` that is not freed while it is used.
#[derive(Debug)]
pub struct TaskRef(NonNull<::kernel::bindings::task_struct>);

impl Handles for Kernel {
    type Patch = PatchRef;
    type Object = ObjectRef;
    type Func = FuncRef;
    type Module = ModuleRef;
    type Task = TaskRef;
}

// SAFETY: these are handles of objects with their own locks; the core uses them under its
// mutex.
unsafe impl Send for PatchRef {}
// SAFETY: as above.
unsafe impl Send for ObjectRef {}
// SAFETY: as above.
unsafe impl Send for FuncRef {}
// SAFETY: as above.
unsafe impl Send for ModuleRef {}

impl PatchRef {
    fn module(self) -> ModuleRef {
        // SAFETY: the patch has a module: `declared::is_whole` checked that.
        ModuleRef(unsafe { NonNull::new_unchecked((*self.0.as_ptr()).mod_) })
    }
}

/// Makes the data pointer that C passes on to a function that calls this closure. That function is generic over the
/// closure's type: calls through `dyn FnMut` fail the kernel's check of indirect calls (CONFIG_CFI) when the
/// closure is also an `Fn`.
fn data<F>(closure: &mut F) -> *mut c_void {
    ptr::from_mut(closure).cast()
}
