// SPDX-License-Identifier: GPL-2.0-only

//! Code that both kernel platforms share: it uses only the bindings, not the `kernel` crate.

use super::bindings;
use core::cell::UnsafeCell;
use core::ffi::c_int;
use core::mem::{offset_of, MaybeUninit};

#[path = "common/locks.rs"]
pub(crate) mod locks;

/// The sizes of C's list heads and nodes. Each begins with the pointer to the next entry.
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

/// Whether the livepatch core is klp-core, which has the two functions below.
#[allow(unexpected_cfgs)]
pub(crate) const HAS_LIFECYCLE: bool = cfg!(any(CONFIG_LIVEPATCH_RUST, klp_core_module));

// From klp-core's `klp_lifecycle.h`, which other kernels do not have.
// The structure has pointers to others, some of which have no fields in Rust.
#[allow(improper_ctypes)]
extern "C" {
    pub(crate) fn klp_register_patch(patch: *mut bindings::klp_patch) -> c_int;
    pub(crate) fn klp_unregister_patch(patch: *mut bindings::klp_patch) -> c_int;
}

/// Returns the `struct module` of the module that this code is compiled into.
#[inline]
pub(crate) const fn this_module() -> *mut bindings::module {
    #[allow(improper_ctypes)] // Only its address is taken.
    extern "C" {
        static __this_module: UnsafeCell<MaybeUninit<bindings::module>>;
    }
    // The module build defines the symbol, so its address is a link-time constant.
    (&raw const __this_module).cast_mut().cast()
}

/// Returns the address of the patch site of `function`; 0 if it has none.
#[inline]
pub(crate) fn traced_call(function: *const u8) -> usize {
    extern "C" {
        #[link_name = ".klp.sym.vmlinux.ftrace_location,0"]
        fn ftrace_location(ip: usize) -> usize;
    }
    // SAFETY: it looks up an address, and accepts any.
    unsafe { ftrace_location(function.addr()) }
}

extern "C" {
    /// The patches that are enabled or in transition, in stack order from the bottom. Guarded by `klp_mutex`.
    #[link_name = ".klp.sym.vmlinux.klp_patches,0"]
    static mut klp_patches: bindings::list_head;
    /// The livepatch core's mutex.
    #[link_name = ".klp.sym.vmlinux.klp_mutex,0"]
    static mut klp_mutex: bindings::mutex;
}

/// Calls `each` for all patches, in stack order from the bottom, until it returns `false`.
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

/// Takes the core's mutex, and calls `each` as [`each_patch`] does.
#[inline]
pub(crate) fn with_patches(each: impl FnMut(*const bindings::klp_patch) -> bool) {
    // SAFETY: the core's mutex, which the caller does not hold.
    unsafe { bindings::mutex_lock(&raw mut klp_mutex) };
    // SAFETY: the mutex is held.
    unsafe { each_patch(each) };
    // SAFETY: the mutex is held.
    unsafe { bindings::mutex_unlock(&raw mut klp_mutex) };
}

/// Declares the symbols of the originals, and the kernel symbols that the checks of originals use.
#[doc(hidden)]
#[macro_export]
macro_rules! livepatch_originals {
    // Lines of assembly, and the originals whose entry length a byte selects: name of the entering code, symbol, byte.
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

/// Marks the module as a livepatch. The module loader requires the mark to keep the ELF information for
/// livepatch relocations, and `klp_enable_patch()` to accept the module.
///
/// `module!` has no such field, so this emits the `.modinfo` entry. It is `#[used(compiler)]` as those of
/// `module!`: with another flag the entry would be in a second section of that name, and
/// the module build reads only one.
#[doc(hidden)]
#[macro_export]
macro_rules! livepatch_modinfo {
    () => {
        $crate::livepatch_modinfo!(12 b"livepatch=Y\0");
    };
    // The patch has claims of the author that are not checked.
    (unsafe) => {
        $crate::livepatch_modinfo!();
        $crate::livepatch_modinfo!(13 b"klp_unsafe=Y\0");
    };
    // An entry with its length.
    ($length:literal $entry:literal) => {
        const _: () = {
            #[used(compiler)]
            #[link_section = ".modinfo"]
            static ENTRY: [u8; $length] = *$entry;
        };
    };
}

/// Returns whether the module declares symbols that are not livepatch symbols yet, and logs an error if so.
///
/// `livepatch_symbols!` emits the byte that is read here, and the text for the log. The assembler knows whether
/// the module has them: rustc compiles a module in one codegen unit, as Kbuild requests, and assembly
/// outside of functions comes first. So a patch that declares no symbols has no code for this.
#[inline(always)]
pub(crate) fn is_unlinked() -> bool {
    crate::arch::unlinked()
}

/// Makes symbols of these names weak, so that the module build allows them to be undefined. Also emits, once for all
/// blocks, the byte that marks the module as not linked, and the text for the log.
/// `cargo klp link` turns them into livepatch symbols and sets the byte to 0.
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

/// Expands to its argument in builds for a kernel only.
#[doc(hidden)]
#[macro_export]
macro_rules! in_kernel {
    ($($item:tt)*) => { $($item)* };
}

/// Expands to its argument in builds for the host only.
#[doc(hidden)]
#[macro_export]
macro_rules! on_host {
    ($($item:tt)*) => {};
}
