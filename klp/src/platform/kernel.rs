// SPDX-License-Identifier: GPL-2.0-only

//! All that `klp` takes from the kernel: from its `kernel` crate, and from its livepatch headers.
//!
//! Nothing outside this file names the `kernel` crate, so a kernel without it needs another file
//! here and no other change.

use core::ffi::c_int;
use core::mem::{self, offset_of, MaybeUninit};
use core::ptr::NonNull;
use kernel::mm::MmWithUser;
use kernel::sync::aref::ARef;

#[path = "kernel/locks.rs"]
pub(crate) mod locks;

pub use kernel::error::to_result;
pub use kernel::prelude::{module, Error, Result, ThisModule};
pub use kernel::sync::rcu::{self, read_lock as rcu_read_lock};
pub use kernel::sync::{atomic, Refcount};
pub use kernel::task::Kuid;
pub use kernel::uaccess::UserPtr;
pub use kernel::{pr_err, pr_info, pr_warn, Module};

/// C declarations: the kernel's own, and those of `linux/livepatch.h`.
pub mod bindings {
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
    mod livepatch {
        use kernel::bindings::{completion, gfp_t, kobject, list_head, module, work_struct};
        use kernel::ffi;

        // bindgen's name for C's, kept out by the allow list.
        type bool_ = bool;

        include!(env!("KLP_BINDINGS"));
    }
    pub use kernel::bindings::*;
    pub use livepatch::{
        klp_callbacks, klp_enable_patch, klp_func, klp_get_prev_state, klp_get_state, klp_object,
        klp_patch, klp_shadow_alloc, klp_shadow_free, klp_shadow_free_all, klp_shadow_get,
        klp_shadow_get_or_alloc, klp_state,
    };
}

/// The size of what links lists in C. Each begins with the pointer to the next entry.
pub(crate) mod list_size {
    use super::{bindings, offset_of};

    pub(crate) const LIST_HEAD: usize = size_of::<bindings::list_head>();
    pub(crate) const HLIST_HEAD: usize = size_of::<bindings::hlist_head>();
    pub(crate) const HLIST_NODE: usize = size_of::<bindings::hlist_node>();
    pub(crate) const HLIST_NULLS_HEAD: usize = size_of::<bindings::hlist_nulls_head>();
    pub(crate) const HLIST_NULLS_NODE: usize = size_of::<bindings::hlist_nulls_node>();

    const _: () = {
        assert!(offset_of!(bindings::list_head, next) == 0);
        assert!(offset_of!(bindings::hlist_head, first) == 0);
        assert!(offset_of!(bindings::hlist_node, next) == 0);
        assert!(offset_of!(bindings::hlist_nulls_head, first) == 0);
        assert!(offset_of!(bindings::hlist_nulls_node, next) == 0);
    };
}

/// Memory.
pub mod alloc {
    pub use kernel::alloc::{Flags, KBox};
}

/// The kernel's wrappers that a replacement's signature may name.
pub mod wrappers {
    pub use kernel::cred::Credential;
    pub use kernel::device::Device;
    pub use kernel::fs::file::LocalFile;
    pub use kernel::fs::File;
    pub use kernel::mm::Mm;
    pub use kernel::pid_namespace::PidNamespace;
    pub use kernel::seq_file::SeqFile;
    pub use kernel::task::Task;
}

pub mod prelude {
    //! What [`crate::prelude`] takes from the kernel.
    pub use super::wrappers::*;
    pub use kernel::prelude::*;
    pub use kernel::uaccess::UserSlice;
    pub use kernel::{
        pr_alert_once, pr_crit_once, pr_emerg_once, pr_err_once, pr_info_once, pr_notice_once,
        pr_warn_once, seq_print,
    };
}

/// Whether the livepatch core is klp-core, which knows the two functions below.
#[allow(unexpected_cfgs)]
pub(crate) const HAS_LIFECYCLE: bool = cfg!(CONFIG_LIVEPATCH_RUST);

// klp-core's `klp_lifecycle.h`, which other kernels do not have.
// The structure holds pointers to others, some of which are empty in Rust's eyes.
#[allow(improper_ctypes)]
extern "C" {
    pub(crate) fn klp_register_patch(patch: *mut bindings::klp_patch) -> c_int;
    pub(crate) fn klp_unregister_patch(patch: *mut bindings::klp_patch) -> c_int;
}

/// The error of a constant errno. The kernel crate makes errors from numbers only while it runs, and names
/// only some of them.
pub(crate) const fn constant_error(errno: c_int) -> Error {
    assert!(errno < 0 && errno >= -(bindings::MAX_ERRNO as c_int));
    // SAFETY: that was checked.
    unsafe { error(errno) }
}

/// The errno of an error, as its bits have it.
const fn bits(error: Error) -> c_int {
    // SAFETY: both are four bytes, and an `Error` is never uninitialised.
    unsafe { mem::transmute::<Error, c_int>(error) }
}

// An `Error` is its errno, and nothing else.
const _: () = {
    use kernel::error::code;
    assert!(size_of::<Error>() == size_of::<c_int>());
    assert!(size_of::<Option<Error>>() == size_of::<c_int>());
    assert!(bits(code::EPERM) == -1);
    assert!(bits(code::ERANGE) == -34);
    assert!(bits(code::ENOTSUPP) == -524);
};

macro_rules! same_in_c {
    ($($name:ident = $number:literal)*) => {
        const _: () = {
            $(assert!(bindings::$name == $number, stringify!($name));)*
        };
    };
}

crate::errno::for_each_errno!(same_in_c);

/// Clock ticks in a second.
pub(crate) const HZ: usize = bindings::CONFIG_HZ as usize;

macro_rules! constants_in_c {
    ($($type:ident: $($name:ident = $number:literal)*;)*) => {
        const _: () = {
            $($(assert!(bindings::$name as i128 == $number, stringify!($name));)*)*
        };
    };
}

crate::constants::for_each_constant!(constants_in_c);

/// Saturates a reference count that has overflowed, with a warning in the log.
#[inline]
pub(crate) fn refcount_add_overflowed(count: &Refcount) {
    let overflow = bindings::refcount_saturation_type_REFCOUNT_ADD_NOT_ZERO_OVF;
    let count = core::ptr::from_ref(count).cast_mut().cast();
    // SAFETY: the wrapper is transparent over such a count.
    unsafe { bindings::refcount_warn_saturate(count, overflow) };
}

/// Memory flags as C takes them, which the kernel crate keeps to itself.
///
/// Whatever is none of the usual ones asks for the least.
#[inline]
pub(crate) fn gfp(flags: alloc::Flags) -> bindings::gfp_t {
    use kernel::alloc::flags::{GFP_ATOMIC, GFP_KERNEL, GFP_KERNEL_ACCOUNT};
    if flags.contains(GFP_KERNEL_ACCOUNT) {
        bindings::GFP_KERNEL_ACCOUNT
    } else if flags.contains(GFP_KERNEL) {
        bindings::GFP_KERNEL
    } else if flags.contains(GFP_ATOMIC) {
        bindings::GFP_ATOMIC
    } else {
        bindings::GFP_NOWAIT
    }
}

/// Zeroes, from `kmalloc()`.
#[inline]
pub(crate) fn zeroed_box<T>(flags: alloc::Flags) -> Result<alloc::KBox<MaybeUninit<T>>> {
    let zero = kernel::alloc::flags::__GFP_ZERO;
    Ok(alloc::KBox::new_uninit(flags | zero)?)
}

/// The memory of the program whose task runs; `None` in a thread of the kernel.
///
/// The same as `current!().mm()`, which reads it where the bindings have that field of the task. Not in every
/// kernel that is where C has it: bindgen knows nothing of the alignment that some fields before it ask for. Here C
/// reads it.
#[inline]
pub fn current_mm() -> Option<ARef<MmWithUser>> {
    // SAFETY: the task that runs is alive.
    let mm = unsafe { bindings::get_task_mm(bindings::get_current()) };
    // SAFETY: not `NULL`, it comes with a reference that is ours now. The wrapper is transparent.
    NonNull::new(mm).map(|mm| unsafe { ARef::from_raw(mm.cast()) })
}

/// A reference to the credentials of the task that runs.
///
/// # Safety
///
/// `read` reads the member `cred` of `task_struct`, of which `V` is a view.
#[inline]
pub(crate) unsafe fn running_credentials<V>(
    read: fn(&V) -> *const bindings::cred,
) -> NonNull<bindings::cred> {
    // SAFETY: the task that runs is alive, and `V` is a view of it.
    let cred = read(unsafe { &*bindings::get_current().cast::<V>() }).cast_mut();
    // SAFETY: never `NULL`. The task has a reference, so this count is above zero, and one more may be taken. Not
    // by `get_cred()`: that this one is sound is known here.
    unsafe {
        let usage = &raw mut (*cred).usage;
        let usage = atomic::Atomic::<i64>::from_ptr(usage.cast());
        usage.add(1, atomic::Relaxed);
        NonNull::new_unchecked(cred)
    }
}

const _: () = assert!(size_of::<bindings::atomic_long_t>() == size_of::<i64>());

/// The `struct module` of the module this code is compiled into.
#[inline]
pub(crate) const fn this_module() -> *mut bindings::module {
    #[allow(improper_ctypes)] // Only its address is taken.
    extern "C" {
        static __this_module: kernel::types::Opaque<bindings::module>;
    }
    // The module loader makes it; its address is known to the linker.
    kernel::types::Opaque::cast_into(&raw const __this_module).cast()
}

/// The error of that errno.
///
/// The kernel crate's own way asks once more whether it is one, in a function that is not inlined; and
/// a compiler that sees all of it makes nothing of an errno that goes through.
///
/// # Safety
///
/// It is an errno: negative, and not below -4095.
#[inline(always)]
pub(crate) const unsafe fn error(errno: c_int) -> Error {
    // SAFETY: an `Error` is its errno, as was checked above, and the caller vouches for it.
    unsafe { mem::transmute::<c_int, Error>(errno) }
}

/// Where ftrace changes the call at the entry of `function`; 0 when it does not.
#[inline]
pub(crate) fn traced_call(function: *const u8) -> usize {
    extern "C" {
        #[link_name = ".klp.sym.vmlinux.ftrace_location,0"]
        fn ftrace_location(ip: usize) -> usize;
    }
    // SAFETY: it looks an address up, whatever that is.
    unsafe { ftrace_location(function.addr()) }
}

extern "C" {
    /// The patches that are enabled or in transition, from the bottom up. Guarded by the mutex.
    #[link_name = ".klp.sym.vmlinux.klp_patches,0"]
    static mut klp_patches: bindings::list_head;
    /// The livepatch core's.
    #[link_name = ".klp.sym.vmlinux.klp_mutex,0"]
    static mut klp_mutex: bindings::mutex;
}

/// Shows all patches to `each`, from the bottom up, until it answers `false`.
///
/// # Safety
///
/// The core's mutex is held.
#[inline]
pub(crate) unsafe fn each_patch(mut each: impl FnMut(*const bindings::klp_patch) -> bool) {
    let head = &raw mut klp_patches;
    // SAFETY: under the mutex the list does not change.
    unsafe {
        let mut next = (*head).next;
        while next != head {
            let patch = next.byte_sub(offset_of!(bindings::klp_patch, list));
            if !each(patch.cast()) {
                return;
            }
            next = (*next).next;
        }
    }
}

/// The same, for who does not hold the mutex.
#[inline]
pub(crate) fn with_patches(each: impl FnMut(*const bindings::klp_patch) -> bool) {
    // SAFETY: the core's mutex, which is not held.
    unsafe { bindings::mutex_lock(&raw mut klp_mutex) };
    // SAFETY: it is now.
    unsafe { each_patch(each) };
    // SAFETY: as above.
    unsafe { bindings::mutex_unlock(&raw mut klp_mutex) };
}

/// Puts down by which symbols originals are called, and what checks them needs of the kernel.
#[doc(hidden)]
#[macro_export]
macro_rules! livepatch_originals {
    ($text:literal $($line:literal)+) => {
        $crate::livepatch_symbols! {
            $text
            ".weak \".klp.sym.vmlinux.ftrace_location,0\""
            ".weak \".klp.sym.vmlinux.klp_patches,0\""
            ".weak \".klp.sym.vmlinux.klp_mutex,0\""
            $($line)+
        }
    };
}

/// Marks the module as a livepatch, which the kernel's module loader asks for before it keeps what
/// livepatch relocations need, and `klp_enable_patch()` before it accepts the module.
///
/// `module!` knows no such field, so the `.modinfo` entry is made here. `compiler` is what
/// `module!` says too: with another flag the entry lands in a second section of that name, and
/// the module build reads only one.
#[doc(hidden)]
#[macro_export]
macro_rules! livepatch_modinfo {
    () => {
        #[used(compiler)]
        #[link_section = ".modinfo"]
        static MODINFO_LIVEPATCH: [u8; 12] = *b"livepatch=Y\0";
    };
    // The author answers for what is not checked.
    (unsafe) => {
        $crate::livepatch_modinfo!();

        #[used(compiler)]
        #[link_section = ".modinfo"]
        static MODINFO_UNSAFE: [u8; 13] = *b"klp_unsafe=Y\0";
    };
}

/// Whether the module declares symbols that are no livepatch symbols yet, which is told in the log.
///
/// `livepatch_symbols!` has put down the byte that says so, and the text. The assembler knows whether
/// anything in the module has: rustc compiles all of a module in one piece (Kbuild asks for one
/// codegen unit), and what stands outside of functions comes first. So a patch that declares
/// nothing has nothing of this.
#[inline(always)]
pub(crate) fn is_unlinked() -> bool {
    let unlinked: u32;
    // SAFETY: reads a byte of the module, where there is one, and calls a C function with a text that has
    // no placeholders.
    unsafe {
        core::arch::asm!(
            ".ifdef __klp_unlinked",
            "movzx eax, byte ptr [rip + __klp_unlinked]",
            "test eax, eax",
            "jz 2f",
            "lea rdi, [rip + __klp_unlinked_text]",
            "xor eax, eax",
            "call _printk",
            "mov eax, 1",
            "2:",
            ".else",
            "xor eax, eax",
            ".endif",
            lateout("eax") unlinked,
            clobber_abi("C"),
        );
    }
    unlinked != 0
}

/// Makes symbols of these names weak, so that the module build lets them be undefined, and puts the
/// byte down that says so, with the text for the log: once, in however many blocks they stand.
/// `cargo klp link` makes livepatch symbols of them and sets the byte to 0.
#[doc(hidden)]
#[macro_export]
macro_rules! livepatch_symbols {
    ($text:literal) => {};
    ($text:literal $($line:literal)+) => {
        ::core::arch::global_asm!(
            $($line,)+
            ".ifndef __klp_unlinked",
            ".pushsection .klp.unlinked, \"a\", @progbits",
            "__klp_unlinked: .byte 1",
            ".popsection",
            ".pushsection .rodata, \"a\", @progbits",
            $text,
            ".popsection",
            ".endif",
            options(att_syntax),
        );
    };
}

/// What is for kernels only.
#[doc(hidden)]
#[macro_export]
macro_rules! in_kernel {
    ($($item:tt)*) => { $($item)* };
}

/// What is for the host only.
#[doc(hidden)]
#[macro_export]
macro_rules! on_host {
    ($($item:tt)*) => {};
}
