// SPDX-License-Identifier: GPL-2.0-only

//! The statics that `#[livepatch]` generates: `klp_func`, `klp_object` and `klp_patch`, complete
//! at compile time.
//!
//! Only their external fields are set here. The internal ones start as zero, as the C
//! structures of `include/linux/livepatch.h` ask for, and belong to the livepatch core from
//! `klp_enable_patch()` on.

use crate::platform::{self, bindings};
use crate::sync::{Atomic, Relaxed};
use core::cell::UnsafeCell;
use core::ffi::{c_int, CStr};
use core::{mem, ptr};

/// A table that the livepatch core walks and writes to: `N` elements, the last one `END`.
#[repr(transparent)]
pub struct Table<T, const N: usize>(UnsafeCell<[T; N]>);

// SAFETY: Rust never reads or writes the elements after they are built; they are handed to the
// livepatch core as a pointer, and the core has locks of its own.
unsafe impl<T, const N: usize> Sync for Table<T, N> {}

impl<T, const N: usize> Table<T, N> {
    /// Makes a table of `elements`, whose last one is `END`.
    #[inline]
    pub const fn new(elements: [T; N]) -> Self {
        Self(UnsafeCell::new(elements))
    }

    /// The first element, for C.
    #[inline]
    const fn first(&'static self) -> *mut T {
        self.0.get().cast()
    }
}

/// One replaced function: `struct klp_func`.
#[repr(transparent)]
pub struct Func(bindings::klp_func);

impl Func {
    /// Ends a table of functions.
    // SAFETY: all fields are integers, `bool`s, raw pointers and structures of these; for all of
    // them zero is a value.
    pub const END: Self = Self(unsafe { mem::zeroed() });

    /// Replaces the function `old_name` by `new_func`.
    ///
    /// `sympos` is the place of the function among those of the same name in its object, from 1;
    /// 0 stands for "there is only one".
    ///
    /// # Safety
    ///
    /// `new_func` is a C function that can take the place of the kernel's `old_name`: same
    /// arguments, same result.
    #[inline]
    pub const unsafe fn new(old_name: &'static CStr, new_func: *const (), sympos: usize) -> Self {
        Self(bindings::klp_func {
            old_name: old_name.as_ptr().cast(),
            new_func: new_func.cast_mut().cast(),
            old_sympos: sympos as _,
            ..Self::END.0
        })
    }

    /// The same, used by all tasks at once, wherever they are. Needs klp-core.
    #[inline]
    #[must_use]
    pub const fn immediate(self) -> Self {
        Self(bindings::klp_func {
            // The core's own field. It means this until the core has the patch.
            transition: true,
            ..self.0
        })
    }
}

/// The replaced functions of one object: `struct klp_object`.
#[repr(transparent)]
pub struct Object(bindings::klp_object);

impl Object {
    /// Ends a table of objects.
    // SAFETY: as for `Func::END`; the callbacks are `Option`s of functions, for which zero is
    // `None`.
    pub const END: Self = Self(unsafe { mem::zeroed() });

    /// Replaces `functions` in the module `name`, or in vmlinux when there is no name.
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

    /// The same, with callbacks.
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

/// C's type for a callback that may fail.
type MayFail = unsafe extern "C" fn(*mut bindings::klp_object) -> c_int;
/// C's type for one that may not.
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

/// Lets a module's init run once. `Module::init` is a safe function, which a patch's own code can call
/// again; what it does is sound only the first time, when the kernel calls it.
pub struct Once(Atomic<bool>);

impl Default for Once {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

impl Once {
    /// Nothing has begun.
    #[inline]
    pub const fn new() -> Self {
        Self(Atomic::new(false))
    }

    /// Begins.
    ///
    /// # Errors
    ///
    /// `EBUSY` every time but the first.
    #[inline]
    pub fn begin(&self) -> platform::Result {
        match self.0.xchg(true, Relaxed) {
            true => Err(crate::errno::EBUSY),
            false => Ok(()),
        }
    }
}

/// A whole patch: `struct klp_patch`.
#[repr(transparent)]
pub struct Patch(Table<bindings::klp_patch, 1>);

impl Patch {
    /// Makes the patch of this module.
    ///
    /// With `replace` it takes the place of all patches enabled before it.
    #[inline]
    pub const fn new<const N: usize>(objects: &'static Table<Object, N>, replace: bool) -> Self {
        // SAFETY: as for `Func::END`.
        let zeroed: bindings::klp_patch = unsafe { mem::zeroed() };
        Self(Table::new([bindings::klp_patch {
            mod_: platform::this_module(),
            // CAST: `Object` is transparent.
            objs: objects.first().cast(),
            replace,
            ..zeroed
        }]))
    }

    /// The same, with this table of states.
    #[inline]
    pub(crate) const fn with_table_of_states(self, states: *mut bindings::klp_state) -> Self {
        let Table(elements) = self.0;
        let [patch] = elements.into_inner();
        Self(Table::new([bindings::klp_patch { states, ..patch }]))
    }

    /// The same, used by all tasks at once, wherever they are. Needs klp-core.
    #[inline]
    #[must_use]
    pub const fn immediate(self) -> Self {
        let Table(elements) = self.0;
        let [patch] = elements.into_inner();
        Self(Table::new([bindings::klp_patch {
            // The core's own field. It means this until the core has the patch.
            enabled: true,
            ..patch
        }]))
    }

    /// Whether a transition of the patch was forced, after which nobody knows who runs what.
    #[inline]
    pub(crate) fn is_forced(&'static self) -> bool {
        // SAFETY: it is a static. The core sets the field, perhaps meanwhile, and never clears it
        // while the patch is there.
        unsafe { ptr::read_volatile(&raw const (*self.0.first()).forced) }
    }

    /// Whether it takes the place of all patches enabled before it.
    #[inline]
    pub(crate) fn replaces_others(&'static self) -> bool {
        // SAFETY: it is a static, and nobody changes that field.
        unsafe { (*self.0.first()).replace }
    }

    /// Whether this is that patch.
    #[inline]
    pub(crate) fn is(&'static self, patch: *const bindings::klp_patch) -> bool {
        ptr::eq(self.0.first().cast_const(), patch)
    }

    /// Hands the patch to the livepatch core, which starts to apply it.
    ///
    /// # Errors
    ///
    /// What `klp_enable_patch()` answers: `EINVAL` when a function is not found or cannot be
    /// traced, or when the patch does not go together with those enabled before it, `ENODEV` when the
    /// module is going away, `ENOMEM`. The kernel's log says which function it was.
    ///
    /// # Safety
    ///
    /// Called at most once, from this module's init.
    #[inline]
    pub unsafe fn enable(&'static self) -> platform::Result {
        // SAFETY: the patch and all it points to are statics of this module, which stay until the
        // core allows the module to go; the caller enables it once.
        platform::to_result(unsafe { bindings::klp_enable_patch(self.0.first()) })
    }

    /// Hands the patch to the livepatch core, which shows it; whoever writes to its file `enabled` has it applied.
    /// Needs klp-core.
    ///
    /// # Errors
    ///
    /// As [`Patch::enable`].
    ///
    /// # Safety
    ///
    /// Called at most once, from this module's init, and [`Patch::unregister`] is called before the module goes.
    #[inline]
    pub unsafe fn register(&'static self) -> platform::Result {
        // SAFETY: as in `enable`; the caller unregisters it.
        platform::to_result(unsafe { platform::klp_register_patch(self.0.first()) })
    }

    /// Takes a registered patch back from the livepatch core.
    ///
    /// # Safety
    ///
    /// Called from this module's exit, so it is disabled.
    #[inline]
    pub unsafe fn unregister(&'static self) {
        // SAFETY: the caller's promise. An enabled patch holds its module, so the core does not refuse.
        unsafe { platform::klp_unregister_patch(self.0.first()) };
    }
}

/// Whether the livepatch core of this kernel has [`Patch::register`], [`Patch::immediate`] and [`Func::immediate`].
pub const HAS_LIFECYCLE: bool = platform::HAS_LIFECYCLE;
