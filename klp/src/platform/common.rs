// SPDX-License-Identifier: GPL-2.0-only

//! What is the same in every kernel module, whether the kernel has a `kernel` crate or not: its bindings
//! are all that it takes.

use super::bindings;
use core::cell::UnsafeCell;
use core::ffi::c_int;
use core::mem::{offset_of, MaybeUninit};

#[path = "common/locks.rs"]
pub(crate) mod locks;

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

/// Whether the livepatch core is klp-core, which knows the two functions below.
#[allow(unexpected_cfgs)]
pub(crate) const HAS_LIFECYCLE: bool = cfg!(any(CONFIG_LIVEPATCH_RUST, klp_core_module));

// klp-core's `klp_lifecycle.h`, which other kernels do not have.
// The structure holds pointers to others, some of which are empty in Rust's eyes.
#[allow(improper_ctypes)]
extern "C" {
    pub(crate) fn klp_register_patch(patch: *mut bindings::klp_patch) -> c_int;
    pub(crate) fn klp_unregister_patch(patch: *mut bindings::klp_patch) -> c_int;
}

/// The `struct module` of the module this code is compiled into.
#[inline]
pub(crate) const fn this_module() -> *mut bindings::module {
    #[allow(improper_ctypes)] // Only its address is taken.
    extern "C" {
        static __this_module: UnsafeCell<MaybeUninit<bindings::module>>;
    }
    // The module loader makes it; its address is known to the linker.
    (&raw const __this_module).cast_mut().cast()
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
    // Lines of assembly, and what is entered by code that goes by a byte: the name of that code, the symbol, the byte.
    ($text:literal $($line:literal)+; $($call:literal $symbol:literal $byte:literal;)*) => {
        $crate::livepatch_symbols! {
            $text
            ".weak \".klp.sym.vmlinux.ftrace_location,0\""
            ".weak \".klp.sym.vmlinux.klp_patches,0\""
            ".weak \".klp.sym.vmlinux.klp_mutex,0\""
            $($line)+
        }
        $($crate::livepatch_entry! { $call $symbol $byte })*
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
        $crate::livepatch_modinfo!(12 b"livepatch=Y\0");
    };
    // The author answers for what is not checked.
    (unsafe) => {
        $crate::livepatch_modinfo!();
        $crate::livepatch_modinfo!(13 b"klp_unsafe=Y\0");
    };
    // Another entry, with its length.
    ($length:literal $entry:literal) => {
        const _: () = {
            #[used(compiler)]
            #[link_section = ".modinfo"]
            static ENTRY: [u8; $length] = *$entry;
        };
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
    crate::arch::unlinked()
}

/// Makes symbols of these names weak, so that the module build lets them be undefined, and puts the
/// byte down that says so, with the text for the log: once, in however many blocks they stand.
/// `cargo klp link` makes livepatch symbols of them and sets the byte to 0.
#[doc(hidden)]
#[macro_export]
macro_rules! livepatch_symbols {
    ($text:literal) => {};
    ($text:literal $($line:literal)+) => {
        $crate::livepatch_asm!(
            $($line,)+
            ".ifndef __klp_unlinked",
            ".pushsection .klp.unlinked, \"a\", @progbits",
            "__klp_unlinked: .byte 1",
            ".popsection",
            ".pushsection .rodata, \"a\", @progbits",
            $text,
            ".popsection",
            ".endif",
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
