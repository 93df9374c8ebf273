// SPDX-License-Identifier: GPL-2.0-only

//! `original(...)` calls the kernel's own function from its replacement, with the same argument and result types.
//!
//! Most fixes add a check to a function:
//!
//! ```
//! use klp::prelude::*;
//!
//! #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
//!             description = "The command line needs a capability", license = "GPL")]
//! fn cmdline_show(m: &SeqFile, v: *mut c_void) -> Result<i32> {
//!     if !klp::capable(klp::Capability::SYS_ADMIN) {
//!         return Err(EPERM);
//!     }
//!     original(m, v)
//! }
//! # fn main() {}
//! ```
//!
//! It is a closure that borrows from this call: closures in the body can use it; functions in the body
//! cannot, and it cannot be stored or sent to another task. It shadows an outer function of that name; a body can
//! shadow it in turn (`let original = ...`).
//!
//! A box that is passed to `original` belongs to the C function. The result is converted as [`abi`](crate::abi)
//! describes, so `Result<usize>` is the size or the errno. A `Result` without a value turns any value but an errno into 0.
//!
//! # Other patches
//!
//! The call enters the unpatched function behind its patch site, and skips the replacements of other patches. So a patch is
//! refused (`EBUSY`) while another enabled patch replaces the same function, unless it is cumulative (`replace`). Later
//! patches stack on top and are not skipped.
//!
//! The build reads from the kernel where the patch site ends. ftrace confirms that when the patch is loaded, and for
//! a module when that is loaded; on a mismatch the patch, or that module, is refused (`ENOEXEC`).

use crate::arch::{TRACED_AT, TRACED_CALL};
use crate::errno;
use crate::platform::{self, bindings, pr_err, Result};
use crate::table::Patch;
use core::ffi::{c_char, c_int, CStr};

/// The length of a function's entry, up to the end of the patch site.
#[doc(hidden)]
pub enum Entry {
    /// Known at build time, in bytes.
    Known(usize),
    /// Unknown at build time: the longer of two lengths if the byte is set. It is set on loading, and read by the
    /// jump to the original.
    Found(*mut u8),
}

/// A function of the kernel's that its replacement calls.
#[doc(hidden)]
pub struct Original {
    name: &'static CStr,
    sympos: usize,
    /// The function. A livepatch relocation: for a module, 0 as long as that is not loaded.
    function: *const u8,
    entry: Entry,
}

// SAFETY: the function's address changes only while nobody can use it, and the byte is written under
// the core's mutex.
unsafe impl Sync for Original {}

impl Original {
    /// # Safety
    ///
    /// `function` is a livepatch symbol for this function of the object in whose table this stands, and the byte
    /// of the entry belongs to it alone.
    #[inline]
    pub const unsafe fn new(
        name: &'static CStr,
        sympos: usize,
        function: *const u8,
        entry: Entry,
    ) -> Self {
        Self {
            name,
            sympos,
            function,
            entry,
        }
    }

    /// Asks ftrace for the entry.
    ///
    /// # Safety
    ///
    /// The object is loaded. None of its functions is redirected by this patch yet.
    #[inline]
    unsafe fn check_entry(&self) -> core::result::Result<(), usize> {
        let found = platform::traced_call(self.function).wrapping_sub(self.function.addr());
        match self.entry {
            Entry::Known(length) if found.wrapping_add(TRACED_CALL) == length => Ok(()),
            Entry::Found(byte) if TRACED_AT.contains(&found) => {
                // SAFETY: the byte is this entry's, and nobody reads it before the function is redirected.
                unsafe { byte.write_volatile(u8::from(found == TRACED_AT[1])) };
                Ok(())
            }
            _ => Err(found),
        }
    }

    /// Whether an entry of another patch's table is for this function.
    ///
    /// # Safety
    ///
    /// The entry is of a table that stays meanwhile.
    #[inline]
    unsafe fn is_replaced_by(&self, func: *const bindings::klp_func) -> bool {
        // SAFETY: the caller guarantees that the entry exists; its name is a C string. These fields do not change.
        unsafe {
            // 0 is the only one, so the first.
            (*func).old_sympos.max(1) as usize == self.sympos.max(1)
                && !(*func).old_name.is_null()
                && CStr::from_ptr((*func).old_name.cast()) == self.name
        }
    }
}

/// The functions of one object that are called, under the object's name.
#[doc(hidden)]
pub struct Originals {
    /// The module's; none for the kernel itself.
    pub object: Option<&'static CStr>,
    /// The functions.
    pub functions: &'static [Original],
}

impl Originals {
    #[inline]
    fn object_name(&self) -> &'static str {
        match self.object {
            Some(name) => name.to_str().unwrap_or("?"),
            None => "vmlinux",
        }
    }

    /// The function that another patch replaces, if there is one.
    ///
    /// # Safety
    ///
    /// The patch and its tables stay meanwhile.
    #[inline]
    unsafe fn replaced_by(&self, patch: *const bindings::klp_patch) -> Option<&'static Original> {
        // SAFETY: guaranteed by the caller. The fields that are read here do not change; and
        // what ends the tables is as C's `klp_for_each_object_static()` has it.
        unsafe {
            let mut object = (*patch).objs;
            while !(*object).funcs.is_null() || !(*object).name.is_null() {
                let mut func = (*object).funcs;
                while self.is_of((*object).name.cast()) && !is_end(func) {
                    let found = self.functions.iter().find(|it| it.is_replaced_by(func));
                    if found.is_some() {
                        return found;
                    }
                    func = func.add(1);
                }
                object = object.add(1);
            }
        }
        None
    }

    /// Whether an object of that name is this one.
    ///
    /// # Safety
    ///
    /// `NULL`, or a C string.
    #[inline]
    unsafe fn is_of(&self, name: *const c_char) -> bool {
        match self.object {
            None => name.is_null(),
            // SAFETY: guaranteed by the caller.
            Some(own) => !name.is_null() && unsafe { CStr::from_ptr(name) } == own,
        }
    }
}

/// Whether an entry ends its table.
///
/// # Safety
///
/// It is in a table that stays meanwhile.
#[inline]
unsafe fn is_end(func: *const bindings::klp_func) -> bool {
    // SAFETY: guaranteed by the caller; these fields do not change.
    unsafe { (*func).old_name.is_null() && (*func).new_func.is_null() && (*func).old_sympos == 0 }
}

/// Refuses a patch when an enabled one, which it does not replace, replaces a function that it calls.
/// Called before the patch is enabled.
///
/// # Errors
///
/// `EBUSY` then. The log says which patch that is.
#[doc(hidden)]
#[inline]
pub fn admit(patch: &'static Patch, name: &str, all: &[&Originals]) -> Result {
    if patch.replaces_others() {
        return Ok(());
    }
    let mut result = Ok(());
    platform::with_patches(|other| {
        for originals in all {
            // SAFETY: a patch of the list, under the core's mutex.
            result = result.and(unsafe { not_skipped(name, originals, other) });
        }
        true
    });
    result
}

/// Checks the functions of one object, which is loaded. Called from its `pre_patch`.
///
/// # Safety
///
/// Called from the `pre_patch` callback of that object.
#[doc(hidden)]
#[inline]
pub unsafe fn check(patch: &'static Patch, name: &str, originals: &Originals) -> c_int {
    let mut result = Ok(());
    if !patch.replaces_others() {
        // Another patch may have come between `admit()` and this.
        // SAFETY: callbacks run under the core's mutex.
        unsafe {
            platform::each_patch(|other| {
                if patch.is(other) {
                    return false;
                }
                result = result.and(not_skipped(name, originals, other));
                true
            });
        }
    }
    for original in originals.functions {
        // SAFETY: guaranteed by the caller; functions are redirected after their `pre_patch`.
        if let Err(found) = unsafe { original.check_entry() } {
            let (function, object) = (text(original.name), originals.object_name());
            pr_err!(
                "{name}: the entry of `{function}` of `{object}` is not what the patch was built for (its traced call is at {found:#x}), so the original cannot be called: build the patch for this very kernel and module\n"
            );
            result = Err(errno::ENOEXEC);
        }
    }
    match result {
        Ok(()) => 0,
        Err(error) => error.to_errno(),
    }
}

/// Whether the other patch leaves the functions alone.
///
/// # Safety
///
/// The other patch is on the core's list, and the core's mutex is held.
#[inline]
unsafe fn not_skipped(
    name: &str,
    originals: &Originals,
    other: *const bindings::klp_patch,
) -> Result {
    // One that is being disabled is in transition, and then the core enables no other.
    // SAFETY: guaranteed by the caller. The field is changed under the mutex.
    if unsafe { !(*other).enabled } {
        return Ok(());
    }
    // SAFETY: guaranteed by the caller.
    let Some(function) = (unsafe { originals.replaced_by(other) }) else {
        return Ok(());
    };
    // SAFETY: its folder in sysfs has that name as long as it is on the list.
    let other = unsafe { CStr::from_ptr((*other).kobj.name.cast()) };
    let (function, object, other) = (text(function.name), originals.object_name(), text(other));
    pr_err!(
        "{name}: `{other}` replaces `{function}` of `{object}` too, and calling the original would skip that: put both into one patch with `replace`, or disable `{other}` first\n"
    );
    Err(errno::EBUSY)
}

#[inline]
fn text(name: &CStr) -> &str {
    name.to_str().unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::ptr;

    const fn original(name: &'static CStr, sympos: usize) -> Original {
        // SAFETY: nobody calls it.
        unsafe { Original::new(name, sympos, ptr::null(), Entry::Known(5)) }
    }

    static OF_VMLINUX: Originals = Originals {
        object: None,
        functions: &[original(c"show", 0), original(c"twin", 2)],
    };
    static OF_MODULE: Originals = Originals {
        object: Some(c"ext4"),
        functions: &[original(c"show", 1)],
    };

    fn func(name: &'static CStr, sympos: usize) -> bindings::klp_func {
        bindings::klp_func {
            old_name: name.as_ptr(),
            new_func: ptr::without_provenance_mut(1),
            old_sympos: sympos as _,
            // SAFETY: integers.
            ..unsafe { core::mem::zeroed() }
        }
    }

    /// An object's name, and the names and positions of its functions.
    type Table<'a> = (Option<&'static CStr>, &'a [(&'static CStr, usize)]);

    /// What another patch with these functions replaces of the originals.
    fn replaced(originals: &Originals, objects: &[Table<'_>]) -> Option<&'static CStr> {
        // SAFETY: integers, pointers and structures of these.
        let end = || unsafe { core::mem::zeroed::<bindings::klp_func>() };
        let mut tables: std::vec::Vec<std::vec::Vec<_>> = objects
            .iter()
            .map(|(_, funcs)| funcs.iter().map(|(name, sympos)| func(name, *sympos)))
            .map(|funcs| funcs.chain([end()]).collect())
            .collect();
        let mut objs: std::vec::Vec<bindings::klp_object> = objects
            .iter()
            .zip(&mut tables)
            .map(|((name, _), table)| bindings::klp_object {
                name: name.map_or(ptr::null(), CStr::as_ptr),
                funcs: table.as_mut_ptr(),
                // SAFETY: as above.
                ..unsafe { core::mem::zeroed() }
            })
            .collect();
        // SAFETY: as above.
        objs.push(unsafe { core::mem::zeroed() });
        let patch = bindings::klp_patch {
            objs: objs.as_mut_ptr(),
            // SAFETY: as above.
            ..unsafe { core::mem::zeroed() }
        };
        // SAFETY: all of it stays meanwhile.
        unsafe { originals.replaced_by(&patch) }.map(|found| found.name)
    }

    #[test]
    fn functions_are_identified_by_object_name_and_position() {
        let vmlinux = |funcs| replaced(&OF_VMLINUX, &[(None, funcs)]);
        assert_eq!(vmlinux(&[(c"other", 0), (c"show", 0)]), Some(c"show"));
        assert_eq!(vmlinux(&[(c"show", 1)]), Some(c"show"));
        assert_eq!(vmlinux(&[(c"show", 2)]), None);
        assert_eq!(vmlinux(&[(c"twin", 2)]), Some(c"twin"));
        assert_eq!(vmlinux(&[(c"twin", 0)]), None);
        assert_eq!(vmlinux(&[(c"sho", 0), (c"show2", 0)]), None);
        assert_eq!(vmlinux(&[]), None);
        assert_eq!(replaced(&OF_VMLINUX, &[]), None);
    }

    #[test]
    fn one_name_in_two_objects_is_two_functions() {
        let show: &[(&CStr, usize)] = &[(c"show", 0)];
        assert_eq!(replaced(&OF_VMLINUX, &[(Some(c"ext4"), show)]), None);
        assert_eq!(replaced(&OF_MODULE, &[(None, show)]), None);
        assert_eq!(replaced(&OF_MODULE, &[(Some(c"ext"), show)]), None);
        let both = [(None, show), (Some(c"ext4"), show)];
        assert_eq!(replaced(&OF_MODULE, &both), Some(c"show"));
        // An object with callbacks only comes first.
        let later = [(Some(c"xfs"), &[][..]), (None, show)];
        assert_eq!(replaced(&OF_VMLINUX, &later), Some(c"show"));
    }
}
