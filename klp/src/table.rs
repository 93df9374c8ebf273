// SPDX-License-Identifier: GPL-2.0-only

//! The statics that `#[livepatch]` generates: `klp_func`, `klp_object` and `klp_patch`, complete
//! at compile time.
//!
//! Only their external fields are set here. The internal ones start as zero, as
//! `include/linux/livepatch.h` requires, and belong to the livepatch core from `klp_enable_patch()` on.

use crate::platform::{self, bindings};
use crate::sync::{Atomic, Relaxed};
use core::cell::UnsafeCell;
use core::ffi::{c_int, CStr};
use core::{mem, ptr};

/// A table that the livepatch core walks and writes to: `N` elements, the last one `END`.
#[repr(transparent)]
pub struct Table<T, const N: usize>(UnsafeCell<[T; N]>);

// SAFETY: the elements are passed to the livepatch core as a pointer, and the core has its own locks. Rust
// code reads only fields that do not change, or by volatile reads.
unsafe impl<T, const N: usize> Sync for Table<T, N> {}

impl<T, const N: usize> Table<T, N> {
    /// Creates a table of `elements`, whose last one is `END`.
    #[inline]
    pub const fn new(elements: [T; N]) -> Self {
        Self(UnsafeCell::new(elements))
    }

    /// Returns the first element, for C.
    #[inline]
    const fn first(&'static self) -> *mut T {
        self.0.get().cast()
    }
}

/// A replaced function: `struct klp_func`.
#[repr(transparent)]
pub struct Func(bindings::klp_func);

impl Func {
    /// The last element of a table of functions.
    // SAFETY: all fields are integers, `bool`s, raw pointers and structures of these, for which zero is a valid
    // value.
    pub const END: Self = Self(unsafe { mem::zeroed() });

    /// Creates the entry that replaces the function `old_name` by `new_func`.
    ///
    /// `sympos` is the position of the function among those of the same name in its object, from 1;
    /// 0: there is only one.
    ///
    /// # Safety
    ///
    /// `new_func` is a C function with the arguments and the result of the kernel's `old_name`.
    #[inline]
    pub const unsafe fn new(old_name: &'static CStr, new_func: *const (), sympos: usize) -> Self {
        Self(bindings::klp_func {
            old_name: old_name.as_ptr().cast(),
            new_func: new_func.cast_mut().cast(),
            old_sympos: sympos as _,
            ..Self::END.0
        })
    }

    /// Makes the function immediate: all tasks call the replacement at once, without a consistency check. Needs
    /// klp-core.
    #[inline]
    #[must_use]
    pub const fn immediate(self) -> Self {
        Self(bindings::klp_func {
            // An internal field of the core, which has this meaning until the patch is enabled.
            transition: true,
            ..self.0
        })
    }
}

/// The replaced functions of one object: `struct klp_object`.
#[repr(transparent)]
pub struct Object(bindings::klp_object);

impl Object {
    /// The last element of a table of objects.
    // SAFETY: integers, pointers and `bool`s, as for `Func::END`, and `Option`s of functions, for which zero is
    // `None`.
    pub const END: Self = Self(unsafe { mem::zeroed() });

    /// Creates the object of the module `name`, or of vmlinux for `None`, with its replaced functions.
    #[inline]
    pub const fn new<const N: usize>(
        name: Option<&'static CStr>,
        functions: &'static Table<Func, N>,
    ) -> Self {
        Self(bindings::klp_object {
            name: match name {
                Some(name) => name.as_ptr().cast(),
                None => ptr::null(),
            },
            // CAST: `Func` is transparent.
            funcs: functions.first().cast(),
            ..Self::END.0
        })
    }

    /// Adds callbacks to the object.
    #[inline]
    #[must_use]
    pub const fn with_callbacks(self, callbacks: Callbacks) -> Self {
        Self(bindings::klp_object {
            callbacks: bindings::klp_callbacks {
                pre_patch: callbacks.pre_patch,
                post_patch: callbacks.post_patch,
                pre_unpatch: callbacks.pre_unpatch,
                post_unpatch: callbacks.post_unpatch,
                post_unpatch_enabled: false,
            },
            ..self.0
        })
    }
}

/// C's type of `pre_patch`, which may fail.
type MayFail = unsafe extern "C" fn(*mut bindings::klp_object) -> c_int;
/// C's type of the other callbacks.
type Notified = unsafe extern "C" fn(*mut bindings::klp_object);

/// The callbacks of one object.
pub struct Callbacks {
    /// Before its functions are replaced.
    pub pre_patch: Option<MayFail>,
    /// When all tasks use the replacements.
    pub post_patch: Option<Notified>,
    /// Before it is reverted.
    pub pre_unpatch: Option<Notified>,
    /// When no task uses the replacements.
    pub post_unpatch: Option<Notified>,
}

impl Callbacks {
    /// No callbacks.
    pub const NONE: Self = Self {
        pre_patch: None,
        post_patch: None,
        pre_unpatch: None,
        post_unpatch: None,
    };
}

/// A guard that lets a module's init function run once. `Module::init` is a safe function, which a patch's own code can
/// call again, but enabling the patch is sound only the first time, when the kernel calls it.
pub struct Once(Atomic<bool>);

impl Default for Once {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

impl Once {
    /// Creates the guard.
    #[inline]
    pub const fn new() -> Self {
        Self(Atomic::new(false))
    }

    /// Records the first call.
    ///
    /// # Errors
    ///
    /// `EBUSY` for every call but the first.
    #[inline]
    pub fn begin(&self) -> platform::Result {
        match self.0.xchg(true, Relaxed) {
            true => Err(crate::errno::EBUSY),
            false => Ok(()),
        }
    }
}

/// A patch: `struct klp_patch`.
#[repr(transparent)]
pub struct Patch(Table<bindings::klp_patch, 1>);

impl Patch {
    /// Creates the patch of this module.
    ///
    /// With `replace` it is cumulative: it replaces all enabled patches.
    #[inline]
    pub const fn new<const N: usize>(objects: &'static Table<Object, N>, replace: bool) -> Self {
        // SAFETY: integers, pointers, `bool`s and structures of these, for which zero is a valid value.
        let zeroed: bindings::klp_patch = unsafe { mem::zeroed() };
        Self(Table::new([bindings::klp_patch {
            mod_: platform::this_module(),
            // CAST: `Object` is transparent.
            objs: objects.first().cast(),
            replace,
            ..zeroed
        }]))
    }

    /// Adds a table of states to the patch.
    #[inline]
    pub(crate) const fn with_table_of_states(self, states: *mut bindings::klp_state) -> Self {
        let Table(elements) = self.0;
        let [patch] = elements.into_inner();
        Self(Table::new([bindings::klp_patch { states, ..patch }]))
    }

    /// Makes all functions of the patch immediate: all tasks call the replacements at once, without a consistency check.
    /// Needs klp-core.
    #[inline]
    #[must_use]
    pub const fn immediate(self) -> Self {
        let Table(elements) = self.0;
        let [patch] = elements.into_inner();
        Self(Table::new([bindings::klp_patch {
            // An internal field of the core, which has this meaning until the patch is enabled.
            enabled: true,
            ..patch
        }]))
    }

    /// Returns whether a transition of the patch was forced, so that tasks may run its functions at any time.
    #[inline]
    pub(crate) fn is_forced(&'static self) -> bool {
        // SAFETY: the patch is a static. The core may set the field at any time, and does not clear it
        // while the patch is loaded.
        unsafe { ptr::read_volatile(&raw const (*self.0.first()).forced) }
    }

    /// Returns whether the patch is cumulative.
    #[inline]
    pub(crate) fn replaces_others(&'static self) -> bool {
        // SAFETY: the patch is a static, and this field does not change.
        unsafe { (*self.0.first()).replace }
    }

    /// Returns whether `patch` is this patch.
    #[inline]
    pub(crate) fn is(&'static self, patch: *const bindings::klp_patch) -> bool {
        ptr::eq(self.0.first().cast_const(), patch)
    }

    /// Passes the patch to the livepatch core, which starts its transition.
    ///
    /// # Errors
    ///
    /// Those of `klp_enable_patch()`: `EINVAL` if a function is not found or cannot be
    /// traced, or if the patch is incompatible with the enabled ones, `ENODEV` if the
    /// module is being unloaded, `ENOMEM`. The kernel's log names the function.
    ///
    /// # Safety
    ///
    /// Called at most once, from this module's init function.
    #[inline]
    pub unsafe fn enable(&'static self) -> platform::Result {
        // SAFETY: the patch and all that it points to are statics of this module, which is not unloaded before the
        // core releases it; the caller enables the patch once.
        platform::to_result(unsafe { bindings::klp_enable_patch(self.0.first()) })
    }

    /// Registers the patch with the livepatch core, without enabling it. Writing to the file `enabled` in sysfs enables
    /// and disables it. Needs klp-core.
    ///
    /// # Errors
    ///
    /// As [`Patch::enable`].
    ///
    /// # Safety
    ///
    /// Called at most once, from this module's init function, and [`Patch::unregister`] is called before the module is
    /// unloaded.
    #[inline]
    pub unsafe fn register(&'static self) -> platform::Result {
        // SAFETY: the patch and all that it points to are statics of this module; the caller unregisters it before the
        // module is unloaded.
        platform::to_result(unsafe { platform::klp_register_patch(self.0.first()) })
    }

    /// Unregisters a registered patch.
    ///
    /// # Safety
    ///
    /// Called from this module's exit function, so the patch is disabled.
    #[inline]
    pub unsafe fn unregister(&'static self) {
        // SAFETY: guaranteed by the caller. An enabled patch holds a reference to its module, so the core does not refuse.
        unsafe { platform::klp_unregister_patch(self.0.first()) };
    }
}

/// Whether this kernel's livepatch core has [`Patch::register`], [`Patch::immediate`] and [`Func::immediate`].
pub const HAS_LIFECYCLE: bool = platform::HAS_LIFECYCLE;
