// SPDX-License-Identifier: GPL-2.0-only

//! Callbacks that run before and after an object of a patch is patched or reverted.
//!
//! ```
//! use klp::prelude::*;
//!
//! #[livepatch(description = "A fix with callbacks", license = "GPL")]
//! mod fix {
//!     use klp::prelude::*;
//!
//!     #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show")]
//!     fn cmdline(m: &SeqFile, _v: *mut c_void) -> Result {
//!         seq_print!(m, "this has been live patched\n");
//!         Ok(())
//!     }
//!
//!     /// An error refuses the patch, or the module that is being loaded.
//!     #[pre_patch]
//!     fn prepare(object: &klp::Object) -> Result {
//!         pr_info!("about to patch {}\n", object.name().to_str().unwrap_or("?"));
//!         Ok(())
//!     }
//!
//!     #[post_patch]
//!     fn applied(_object: &klp::Object) {}
//!
//!     #[pre_unpatch]
//!     fn before_reverting(_object: &klp::Object) {}
//!
//!     /// No function of this patch runs any more.
//!     #[post_unpatch]
//!     fn clean_up(_object: &klp::Unpatched) {}
//! }
//! # fn main() {}
//! ```
//!
//! | attribute | runs | result |
//! | --- | --- | --- |
//! | `#[pre_patch]` | before the object's functions are replaced | `Result`: an error refuses the patch, or the module that is being loaded |
//! | `#[post_patch]` | when all tasks use the replacements | none |
//! | `#[pre_unpatch]` | before the object is reverted | none |
//! | `#[post_unpatch]` | when no task uses the replacements | none |
//!
//! Each callback belongs to an object, `#[pre_patch(object = "ext4")]`; the key is optional in a patch with a single
//! object. An object can have callbacks without functions. Callbacks of a module also run
//! when it is loaded or unloaded while the patch is enabled.
//!
//! The livepatch core calls them one at a time, in process context, where they may sleep. `post_unpatch` does not run for
//! a patch that a cumulative patch replaces, nor for an object whose `pre_patch` failed.

use crate::platform::{self, bindings, pr_warn};
use crate::table::Patch;
use core::cell::UnsafeCell;
use core::ffi::{c_int, CStr};
use core::mem::offset_of;
use core::ops::Deref;
use core::ptr;

/// The object of a callback: the kernel itself or a module.
///
/// ```
/// use klp::prelude::*;
/// use klp::{ModuleState, Object};
///
/// fn prepare(object: &Object) -> Result {
///     if object.module_state() == Some(ModuleState::Coming) {
///         let name = object.name().to_str().unwrap_or("?");
///         pr_info!("{name} is loaded under the patch\n");
///     }
///     Ok(())
/// }
/// ```
#[repr(transparent)]
pub struct Object(UnsafeCell<bindings::klp_object>);

/// The state of a module, as [`Object::module_state`] returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleState {
    /// Loaded and in use.
    Live,
    /// Being loaded: its init function has not returned.
    Coming,
    /// Being unloaded: its exit function may have been called.
    Going,
    /// Being set up: none of its code has run.
    Unformed,
}

impl Object {
    /// Converts the object that C passed to a callback.
    ///
    /// # Safety
    ///
    /// `object` is the argument of a callback that has not returned yet.
    #[inline]
    unsafe fn from_c<'a>(object: *mut bindings::klp_object) -> &'a Self {
        // SAFETY: guaranteed by the caller; the type is transparent, over a cell.
        unsafe { &*object.cast() }
    }

    /// Returns the module's name, or `vmlinux` for the kernel itself.
    #[inline]
    pub fn name(&self) -> &CStr {
        // SAFETY: the object is a static of the patch, and this field does not change.
        let name = unsafe { (*self.0.get()).name };
        if name.is_null() {
            return c"vmlinux";
        }
        // SAFETY: the name is a static C string of the patch.
        unsafe { CStr::from_ptr(name.cast()) }
    }

    /// Returns whether this is the kernel itself.
    #[inline]
    pub fn is_vmlinux(&self) -> bool {
        // SAFETY: the object is a static of the patch, and this field does not change.
        unsafe { (*self.0.get()).name.is_null() }
    }

    /// Returns the state of the module; `None` for the kernel itself.
    #[inline]
    pub fn module_state(&self) -> Option<ModuleState> {
        // The bindings' offsets of the other fields of `struct module` are wrong.
        const { assert!(offset_of!(bindings::module, state) == 0) };
        // SAFETY: the core changes the field only before and after callbacks, under the mutex that it holds
        // during them.
        let module = unsafe { (*self.0.get()).mod_ };
        if module.is_null() {
            return None;
        }
        // SAFETY: the module exists while its callbacks run. Its state may change meanwhile.
        let state = unsafe { ptr::read_volatile(module.cast::<bindings::module_state>()) };
        Some(match state {
            bindings::module_state_MODULE_STATE_LIVE => ModuleState::Live,
            bindings::module_state_MODULE_STATE_COMING => ModuleState::Coming,
            bindings::module_state_MODULE_STATE_GOING => ModuleState::Going,
            _ => ModuleState::Unformed,
        })
    }

    /// Returns whether the callback belongs to a transition, rather than to loading or unloading a module.
    ///
    /// If a patch is enabled while a module runs its init function, the two cannot be distinguished; it counts as loading.
    #[inline]
    pub(crate) fn is_in_transition(&self) -> bool {
        matches!(self.module_state(), None | Some(ModuleState::Live))
    }
}

/// The object of a `post_unpatch`, and the proof that no function of the patch runs any more.
///
/// [`Shadow::free_all`](crate::Shadow::free_all) and [`State::free`](crate::State::free) take it, because they
/// free data that functions use. Only the `post_unpatch` of `vmlinux`, or of a patch's single object, can take it: in a
/// patch of several objects, a module can be unloaded while the rest stays patched. After a forced transition
/// (`/sys/kernel/livepatch/.../force`) a `post_unpatch` that takes it does not run.
///
/// ```
/// use klp::prelude::*;
/// # #[kernel_struct("session")]
/// # struct Session;
///
/// fn clean_up(shadow: &Shadow<Session, u32>, unpatched: &klp::Unpatched) {
///     pr_info!("nothing of the patch runs in {:?} any more\n", unpatched.name());
///     shadow.free_all(unpatched);
/// }
/// ```
#[repr(transparent)]
pub struct Unpatched(Object);

impl Unpatched {
    /// Creates the proof.
    ///
    /// # Safety
    ///
    /// No function of this patch runs while the result is alive.
    #[inline]
    unsafe fn new(object: &Object) -> &Self {
        // SAFETY: the type is transparent over `Object`.
        unsafe { &*ptr::from_ref(object).cast() }
    }
}

impl Deref for Unpatched {
    type Target = Object;

    #[inline]
    fn deref(&self) -> &Object {
        &self.0
    }
}

/// Runs a `pre_patch` callback.
///
/// # Safety
///
/// Called from a callback, with its argument.
#[doc(hidden)]
#[inline(always)]
pub unsafe fn pre_patch(
    object: *mut bindings::klp_object,
    callback: impl FnOnce(&Object) -> platform::Result,
) -> c_int {
    // SAFETY: guaranteed by the caller.
    match callback(unsafe { Object::from_c(object) }) {
        Ok(()) => 0,
        Err(error) => error.to_errno(),
    }
}

/// Runs any other callback.
///
/// # Safety
///
/// As for [`pre_patch`].
#[doc(hidden)]
#[inline(always)]
pub unsafe fn notify(object: *mut bindings::klp_object, callback: impl FnOnce(&Object)) {
    // SAFETY: guaranteed by the caller.
    callback(unsafe { Object::from_c(object) });
}

/// Runs a `post_unpatch` callback that takes [`Unpatched`].
///
/// # Safety
///
/// Called from the `post_unpatch` of the only object of `patch`, or of vmlinux, with its argument.
#[doc(hidden)]
#[inline(always)]
pub unsafe fn unpatched(
    object: *mut bindings::klp_object,
    patch: &'static Patch,
    callback: impl FnOnce(&Unpatched),
) {
    // SAFETY: guaranteed by the caller.
    let object = unsafe { Object::from_c(object) };
    if patch.is_forced() {
        pr_warn!("the transition was forced, so nothing of the patch is freed\n");
        return;
    }
    // SAFETY: for vmlinux, the core calls this when no task runs a function of the patch any more.
    // For a module as the only object, also when that module is unloaded, and with it all callers.
    callback(unsafe { Unpatched::new(object) });
}
