// SPDX-License-Identifier: GPL-2.0-only

//! Functions and data of the kernel that are not exported to modules.
//!
//! A live patch can link to static functions and data, through relocations that the livepatch core applies when
//! the patch is loaded. [`macro@crate::symbols`] declares them:
//!
//! ```
//! use klp::prelude::*;
//! use klp::sync::{Atomic, Relaxed};
//!
//! #[klp::symbols(object = "vmlinux")]
//! unsafe extern "C" {
//!     /// Static in fs/proc/util.c.
//!     safe fn name_to_int(name: *const c_void) -> u32;
//!
//!     safe static oops_count: Atomic<u32>;
//! }
//!
//! #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
//!             description = "Shows the number of oopses", license = "GPL")]
//! fn show(m: &SeqFile, _v: *mut c_void) -> Result {
//!     seq_print!(m, "{}\n", oops_count.load(Relaxed));
//!     Ok(())
//! }
//! # fn main() {}
//! ```
//!
//! A patch can have any number of such blocks, in any module of the crate.
//!
//! # Declarations
//!
//! The block is Rust's `unsafe extern "C"`, which claims that its declarations match the kernel. Uses are unsafe,
//! except of items marked `safe`, which claims that every use with these types is sound.
//!
//! Types are those of C: `c_int` for an `int` even if it is an errno, raw pointers, and
//! [views](macro@crate::kernel_struct) of structures. `&T` and `Option<&T>` of a view or of a wrapper such as
//! `SeqFile` are pointers too; for a result, the author claims that its target lives as long as the lifetime says.
//!
//! The type of a variable has to be [`Plain`](crate::layout::Plain), because C may store any value, and without `mut`
//! also `Sync`: an atomic if the kernel changes it, or a lock ([`klp::sync`](crate::sync)).
//!
//! | attribute | value | meaning |
//! | --- | --- | --- |
//! | `#[sympos = 2]` | integer, default 0 | position among the object's symbols of that name, functions or data, in the order of `/proc/kallsyms`, from 1 |
//! | `#[link_name = "f.isra.0"]` | string, default the declared name | a name that is not valid in Rust |
//!
//! # What is checked
//!
//! A build for a [kernel](macro@crate::livepatch#errors) checks that the object has this function or variable, only one or
//! with a `sympos`, and not `__init`; the types of a function, against its C prototype; and the size of a variable, if the
//! symbol table has it. A `safe` variable also has to end before the next symbol, and to be an atomic if and only if the
//! kernel may change it. A per-CPU variable is refused, because its symbol is not the variable's address.
//!
//! Exports of vmlinux are linked as in any module, and their types are checked too.
//!
//! # Modules
//!
//! With `object = "a_module"` the kernel resolves the symbols when that module is loaded, before or after the patch,
//! and clears them when it is unloaded. It does so only for modules that the patch replaces functions of, or has
//! callbacks for; with any other module the block does not compile.
//!
//! A declaration can be `safe` only if the patch has no other object, so that no code of the patch runs without the
//! module. Otherwise each use is an `unsafe` block whose comment says why the module is loaded.
//!
//! # Linking
//!
//! A last build step writes the livepatch relocations into the finished module. `cargo klp build` runs it; after a
//! `make` of your own run
//!
//! ```text
//! cargo klp link my-patch.ko
//! ```
//!
//! Loading a module without this step fails (`ENOEXEC`), with a line in the log. If the kernel lacks a symbol, it refuses
//! the module.

use crate::layout::KernelStruct;
use crate::platform::{self, Result};
use crate::signature::{same_text, CType};
use core::marker::PhantomData;

/// Stand-ins for the patch's tables when `#[livepatch]` reported errors, or there is no patch.
#[doc(hidden)]
pub mod without_patch {
    /// `#[livepatch]` generates a `mod` of this name at the crate's root.
    #[allow(non_snake_case)]
    pub mod one_livepatch_per_module__put_several_functions_into_a_mod_with_the_attribute {
        use super::super::{Objects, Replacement};

        /// Unknown objects, so that no further errors are reported.
        pub const OBJECTS: Objects = Objects(&[]);
        /// Unknown replacements.
        pub const REPLACEMENTS: &[Replacement] = &[];
    }
}

/// The names of a patch's objects. An empty list means that they are unknown.
#[doc(hidden)]
pub struct Objects(pub &'static [&'static str]);

impl Objects {
    /// Returns whether `name` is an object of the patch, or may be one.
    pub const fn has(&self, name: &str) -> bool {
        self.0.is_empty() || has(self.0, name)
    }

    /// Returns whether `name` is the patch's only object, or may be.
    pub const fn is_only(&self, name: &str) -> bool {
        self.0.len() <= 1 && self.has(name)
    }
}

/// A function that a patch replaces, and the functions that the replacement calls, by the names that
/// its source uses.
#[doc(hidden)]
#[allow(missing_docs)] // The fields are those of the patch's tables.
pub struct Replacement {
    pub object: &'static str,
    pub name: &'static str,
    pub sympos: u32,
    pub calls: &'static [&'static str],
}

/// Returns whether the replacement of a function calls that function, which is declared as `declared`.
#[doc(hidden)]
pub const fn calls_itself(
    replacements: &[Replacement],
    object: &str,
    name: &str,
    sympos: u32,
    declared: &str,
) -> bool {
    let mut index = 0;
    while index < replacements.len() {
        let one = &replacements[index];
        let same_position = position(one.sympos) == position(sympos);
        if same_position && same_text(one.object, object) && same_text(one.name, name) {
            return has(one.calls, declared);
        }
        index += 1;
    }
    false
}

/// Returns the position that a sympos stands for: 0 is the only symbol, which is the first.
const fn position(sympos: u32) -> u32 {
    if sympos == 0 {
        1
    } else {
        sympos
    }
}

const fn has(names: &[&str], name: &str) -> bool {
    let mut index = 0;
    while index < names.len() {
        if same_text(names[index], name) {
            return true;
        }
        index += 1;
    }
    false
}

/// Compiles only for C types.
#[doc(hidden)]
pub const fn is_c_type<T: CType>() {}

/// Compiles only for types that CPUs may share.
#[doc(hidden)]
pub const fn is_shared<T: Shared>() {}

/// A type of a variable without `mut`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be shared between CPUs",
    label = "other CPUs may use this at the same time",
    note = "write an atomic, such as `klp::sync::Atomic<*mut T>` for a pointer, or `static mut`"
)]
pub trait Shared {}

impl<T: Sync> Shared for T {}

/// Properties of a variable's type.
#[doc(hidden)]
#[allow(missing_docs)] // The methods explain the fields.
pub struct Facts {
    pub size: usize,
    pub is_view: bool,
    pub changes: bool,
}

impl Facts {
    /// Returns whether the type is as large as the variable. A view may cover only the beginning.
    pub const fn fits(&self, size: usize) -> bool {
        self.size == size || self.is_view && self.size < size
    }

    /// Returns whether reads of the type allow for concurrent changes.
    pub const fn changes(&self) -> bool {
        self.changes
    }

    /// Returns whether the compiler may assume that the variable does not change.
    pub const fn is_constant(&self) -> bool {
        !self.changes && !self.is_view
    }
}

/// A type that all CPUs may read and write at the same time.
///
/// # Safety
///
/// Reading through a shared reference is sound while other CPUs and C write.
#[doc(hidden)]
pub unsafe trait Changing {}

// SAFETY: an array is its elements, one after the other.
unsafe impl<T: Changing, const N: usize> Changing for [T; N] {}

/// Detects traits of a type: an inherent constant takes precedence over that of a trait. `Probe::<T>::IS_VIEW` is that
/// of [`NoView`] unless `T` is a view, and `CHANGES` is that of [`Constant`] unless `T` is [`Changing`].
#[doc(hidden)]
pub struct Probe<T>(PhantomData<T>);

impl<T: KernelStruct> Probe<T> {
    /// `T` is a view.
    pub const IS_VIEW: bool = true;
}

impl<T: Changing> Probe<T> {
    /// `T` allows for concurrent changes.
    pub const CHANGES: bool = true;
}

/// The constant of types that are not views.
#[doc(hidden)]
pub trait NoView {
    /// The type is not a view.
    const IS_VIEW: bool = false;
}

impl<T> NoView for Probe<T> {}

/// The constant of types that are not [`Changing`].
#[doc(hidden)]
pub trait Constant {
    /// The type does not allow for concurrent changes.
    const CHANGES: bool = false;
}

impl<T> Constant for Probe<T> {}

/// Checks that the build step that writes the livepatch relocations has run.
///
/// # Errors
///
/// `ENOEXEC`: it has not. The log says so.
#[doc(hidden)]
#[inline(always)]
pub fn linked() -> Result {
    match platform::is_unlinked() {
        true => Err(crate::errno::ENOEXEC),
        false => Ok(()),
    }
}

/// The body of a declared function on the host.
#[doc(hidden)]
#[cfg(not(kernel))]
pub fn only_in_a_kernel() -> ! {
    panic!("a kernel function was called on the host");
}

#[cfg(test)]
mod tests {
    use super::{calls_itself, linked, Objects, Replacement};
    use super::{Constant as _, Facts, NoView as _, Probe};
    use crate::sync::{Atomic, Refcount};

    #[test]
    fn unknown_objects_match_any_name() {
        let both = Objects(&["vmlinux", "ext4"]);
        assert!(both.has("ext4") && !both.has("ext") && !both.has("ext44"));
        assert!(!both.is_only("ext4"));
        assert!(Objects(&["ext4"]).is_only("ext4"));
        assert!(!Objects(&["xfs"]).is_only("ext4"));
        assert!(Objects(&[]).has("ext4") && Objects(&[]).is_only("ext4"));
    }

    #[test]
    fn calls_to_the_replaced_function_are_found_by_the_declared_name() {
        let replacement = |name, sympos| Replacement {
            object: "vmlinux",
            name,
            sympos,
            calls: &["seq_puts", "show_it"],
        };
        let all = [replacement("show", 0), replacement("twin", 2)];
        assert!(calls_itself(&all, "vmlinux", "show", 0, "show_it"));
        assert!(calls_itself(&all, "vmlinux", "show", 1, "show_it"));
        assert!(calls_itself(&all, "vmlinux", "twin", 2, "show_it"));
        assert!(!calls_itself(&all, "vmlinux", "twin", 1, "show_it"));
        assert!(!calls_itself(&all, "vmlinux", "show", 0, "show"));
        assert!(!calls_itself(&all, "ext4", "show", 0, "show_it"));
        assert!(!calls_itself(&[], "vmlinux", "show", 0, "show_it"));
    }

    struct View(#[allow(dead_code)] u32);

    // SAFETY: there is no kernel in this test.
    unsafe impl crate::layout::KernelStruct for View {
        const NAME: &'static str = "view";
    }

    macro_rules! facts {
        ($type:ty) => {
            Facts {
                size: size_of::<$type>(),
                is_view: Probe::<$type>::IS_VIEW,
                changes: Probe::<$type>::CHANGES,
            }
        };
    }

    #[test]
    fn a_view_may_be_smaller_than_the_variable() {
        assert!(facts!(View).fits(4) && facts!(View).fits(8) && !facts!(View).fits(2));
        assert!(facts!(u32).fits(4) && !facts!(u32).fits(8));
    }

    #[test]
    fn atomics_change_and_integers_do_not() {
        for changing in [
            facts!(Atomic<u32>),
            facts!([Atomic<*mut u8>; 4]),
            facts!(Refcount),
        ] {
            assert!(changing.changes() && !changing.is_constant());
        }
        for constant in [facts!(u32), facts!([*mut u8; 4])] {
            assert!(!constant.changes() && constant.is_constant());
        }
        // A view's members decide.
        assert!(!facts!(View).changes() && !facts!(View).is_constant());
    }

    #[test]
    fn a_module_without_symbols_is_linked() {
        assert!(linked().is_ok());
    }
}
