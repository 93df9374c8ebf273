// SPDX-License-Identifier: GPL-2.0-only

//! All that `klp` takes from the kernel: from its `kernel` crate, and from its livepatch headers.
//!
//! Nothing outside this file names the `kernel` crate, so a kernel without it needs another file
//! here and no other change.

use core::mem::MaybeUninit;
use core::ptr::NonNull;
use kernel::mm::MmWithUser;
use kernel::sync::aref::ARef;

pub use kernel::error::{code as errno, to_result};
pub use kernel::prelude::{module, Error, Result, ThisModule};
pub use kernel::sync::rcu::{self, read_lock as rcu_read_lock};
pub use kernel::uaccess::UserPtr;
pub use kernel::{pr_warn, Module};

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
    pub use kernel::seq_print;
    pub use kernel::uaccess::UserSlice;
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
    ($text:literal $($weak:literal)+) => {
        ::core::arch::global_asm!(
            $($weak,)+
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
