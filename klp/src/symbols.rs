// SPDX-License-Identifier: GPL-2.0-only

//! Functions and data of the kernel that it does not export to modules.
//!
//! A fix often needs a `static` function beside the one that it replaces. A module cannot be linked
//! to those; a livepatch can, by relocations that the livepatch core resolves when the patch is
//! loaded. [`macro@crate::symbols`] declares them:
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
//!             description = "Shows how often the kernel has failed", license = "GPL")]
//! fn show(m: &SeqFile, _v: *mut c_void) -> Result {
//!     seq_print!(m, "{}\n", oops_count.load(Relaxed));
//!     Ok(())
//! }
//! # fn main() {}
//! ```
//!
//! Any number of such blocks may stand in a patch, at the crate's root, in the mod with
//! `#[livepatch]` or in another.
//!
//! # Declarations
//!
//! The block is one of Rust's own, `unsafe extern "C"`: with it you promise that everything
//! in it is as the kernel has it. A function or variable is unsafe to use, as any that the compiler
//! knows nothing of; one with the word `safe` in front is not, and then you promise, once and here, that no
//! way to call it with values of these types is wrong.
//!
//! Types are those of C, as they are: `c_int` for an `int` even where it is an errno, raw pointers, and
//! [views](macro@crate::kernel_struct) of structures. `&T` and `Option<&T>` of a view or of a wrapper such as
//! `SeqFile` are pointers too; `&T` as an argument is a promise that you keep yourself, as a result
//! that it lives as long as its lifetime says.
//!
//! The type of a variable is one in which C may leave any value ([`Plain`](crate::layout::Plain)), and,
//! without `mut`, one that all CPUs may read at once: an atomic where the kernel changes it, or one of its locks ([`klp::sync`](crate::sync)).
//!
//! | attribute | value | meaning |
//! | --- | --- | --- |
//! | `#[sympos = 2]` | integer, else 0 | which one, where the object has several of that name, functions or data: 1 is the first in the order of `/proc/kallsyms` |
//! | `#[link_name = "f.isra.0"]` | string, else the declared name | the kernel's name, where it is no name in Rust |
//!
//! # What is checked
//!
//! Where the [kernel is at hand](macro@crate::livepatch#errors): that the object has this function or variable,
//! and one only or a `sympos`; that it is not gone after the boot (`__init`); the types of a
//! function, compared with its C prototype; and the size of a variable, where the symbol table says it. A
//! `safe` variable also ends before the next symbol, is an atomic where the kernel may change it, and
//! is none in read-only memory. A per-CPU variable is refused: its symbol is not the variable.
//!
//! What vmlinux exports to all modules is linked as in any module, and its types are checked all the same.
//!
//! # Modules
//!
//! With `object = "a_module"` the kernel resolves the symbols when that module is loaded, whether that is before
//! or after the patch, and forgets them when it goes. It does so for modules that the patch replaces
//! functions of, or has callbacks for; with any other the block does not compile.
//!
//! A declaration can be `safe` only if nothing of the patch runs while the module is not there: if it
//! has to do with no other object. Else the caller says at each use, in an `unsafe` block, why
//! the module is there.
//!
//! # Linking
//!
//! The compiler and the kernel's build know nothing of livepatch relocations: a last step makes them, in the
//! finished module. `cargo klp build` takes it; after a `make` of your own write
//!
//! ```text
//! cargo klp link my-patch.ko
//! ```
//!
//! A module that was not linked refuses to be loaded (`ENOEXEC`) and says so in the log. When the kernel has no
//! such symbol, it refuses the module itself.

use crate::layout::KernelStruct;
use crate::platform::{self, Result};
use crate::signature::{same_text, CType};
use core::marker::PhantomData;

/// What stands for the patch where it has mistakes, or where there is none.
#[doc(hidden)]
pub mod without_patch {
    /// `#[livepatch]` makes a mod of this name at the crate's root.
    #[allow(non_snake_case)]
    pub mod one_livepatch_per_module__put_several_functions_into_a_mod_with_the_attribute {
        use super::super::{Objects, Replacement};

        /// It is not known which, and no more is said.
        pub const OBJECTS: Objects = Objects(&[]);
        /// Nor which.
        pub const REPLACEMENTS: &[Replacement] = &[];
    }
}

/// The names of a patch's objects. None of them: they are not known.
#[doc(hidden)]
pub struct Objects(pub &'static [&'static str]);

impl Objects {
    /// Whether the patch has to do with that object.
    pub const fn has(&self, name: &str) -> bool {
        self.0.is_empty() || has(self.0, name)
    }

    /// Whether it has to do with no other.
    pub const fn is_only(&self, name: &str) -> bool {
        self.0.len() <= 1 && self.has(name)
    }
}

/// A function that a patch replaces, and the functions that the replacement calls, by the names that
/// its author uses.
#[doc(hidden)]
#[allow(missing_docs)] // As in the patch's tables.
pub struct Replacement {
    pub object: &'static str,
    pub name: &'static str,
    pub sympos: u32,
    pub calls: &'static [&'static str],
}

/// Whether the replacement of the function calls that function, which is declared as `declared`.
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
        let same_place = place(one.sympos) == place(sympos);
        if same_place && same_text(one.object, object) && same_text(one.name, name) {
            return has(one.calls, declared);
        }
        index += 1;
    }
    false
}

/// 0 is the only one, so the first.
const fn place(sympos: u32) -> u32 {
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

/// Compiles for types that C has.
#[doc(hidden)]
pub const fn is_c_type<T: CType>() {}

/// Compiles for types that all CPUs may see at once.
#[doc(hidden)]
pub const fn is_shared<T: Shared>() {}

/// What may be a variable without `mut`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be seen by all CPUs at once",
    label = "other CPUs may use this at the same time",
    note = "write an atomic, such as `klp::sync::Atomic<*mut T>` for a pointer, or `static mut`"
)]
pub trait Shared {}

impl<T: Sync> Shared for T {}

/// What is known of a variable's type.
#[doc(hidden)]
#[allow(missing_docs)] // As in the patch's tables.
pub struct Facts {
    pub size: usize,
    pub is_view: bool,
    pub changes: bool,
}

impl Facts {
    /// Whether the type is as large as the variable; a view may show only the beginning.
    pub const fn fits(&self, size: usize) -> bool {
        self.size == size || self.is_view && self.size < size
    }

    /// Whether a use of the type can write.
    pub const fn changes(&self) -> bool {
        self.changes
    }

    /// Whether the compiler may take it that nobody writes.
    pub const fn is_constant(&self) -> bool {
        !self.changes && !self.is_view
    }
}

/// Types through which all CPUs may read and write at once.
///
/// # Safety
///
/// Reading it by a shared reference is right whatever others write there meanwhile.
#[doc(hidden)]
pub unsafe trait Changing {}

// SAFETY: an array is its elements.
unsafe impl<T: Changing, const N: usize> Changing for [T; N] {}

/// Asks a type what only some types are: `Probe::<T>::IS_VIEW` is the type's own where it is a view,
/// else that of [`NoView`]; in the same way `CHANGES`.
#[doc(hidden)]
pub struct Probe<T>(PhantomData<T>);

impl<T: KernelStruct> Probe<T> {
    /// It is.
    pub const IS_VIEW: bool = true;
}

impl<T: Changing> Probe<T> {
    /// It may.
    pub const CHANGES: bool = true;
}

/// What is known of any other type.
#[doc(hidden)]
pub trait NoView {
    /// It is none.
    const IS_VIEW: bool = false;
}

impl<T> NoView for Probe<T> {}

/// What is known of any other type.
#[doc(hidden)]
pub trait Constant {
    /// It may not.
    const CHANGES: bool = false;
}

impl<T> Constant for Probe<T> {}

/// Refuses a module whose symbols nobody has made livepatch symbols.
///
/// # Errors
///
/// `ENOEXEC` then.
#[doc(hidden)]
#[inline(always)]
pub fn linked() -> Result {
    match platform::is_unlinked() {
        true => Err(crate::errno::ENOEXEC),
        false => Ok(()),
    }
}

/// Stands behind a declaration where there is no kernel.
#[doc(hidden)]
#[cfg(not(kernel))]
pub fn only_in_a_kernel() -> ! {
    panic!("a function of the kernel is called where there is none");
}

#[cfg(test)]
mod tests {
    use super::{calls_itself, linked, Objects, Replacement};
    use super::{Constant as _, Facts, NoView as _, Probe};
    use crate::sync::{Atomic, Refcount};

    #[test]
    fn a_patch_without_mistakes_has_its_objects_only() {
        let both = Objects(&["vmlinux", "ext4"]);
        assert!(both.has("ext4") && !both.has("ext") && !both.has("ext44"));
        assert!(!both.is_only("ext4"));
        assert!(Objects(&["ext4"]).is_only("ext4"));
        assert!(!Objects(&["xfs"]).is_only("ext4"));
        assert!(Objects(&[]).has("ext4") && Objects(&[]).is_only("ext4"));
    }

    #[test]
    fn a_replacement_calls_itself_by_the_name_that_is_declared() {
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

    // SAFETY: the kernel is never asked.
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
    fn a_view_may_show_less() {
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
        // Its fields say it.
        assert!(!facts!(View).changes() && !facts!(View).is_constant());
    }

    #[test]
    fn a_module_without_symbols_is_linked() {
        assert!(linked().is_ok());
    }
}
