// SPDX-License-Identifier: GPL-2.0-only

//! `original(...)`, which calls the original function from its replacement, with the same argument and result types.
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
//! It is a closure that borrows from the current call: closures in the body can use it; functions in the body
//! cannot, and it cannot be stored or sent to another task. It shadows an outer function of that name; a body can
//! shadow it in turn (`let original = ...`).
//!
//! The C function takes ownership of a box that is passed to `original`. The result is converted as [`abi`](crate::abi)
//! describes, so `Result<usize>` is the size or the errno. A `Result` without a value turns any value but an errno into 0.
//!
//! # Other patches
//!
//! The call enters the unpatched function after its patch site, and skips the replacements of other patches. So a patch is
//! refused (`EBUSY`) while another enabled patch replaces the same function, unless it is cumulative (`replace`). Later
//! patches stack on top and are not skipped.
//!
//! The build reads the end of the patch site from the kernel. It is compared with ftrace's when the patch is loaded, or
//! when the patched module is loaded; on a mismatch the patch, or that module, is refused (`ENOEXEC`).

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
    /// Unknown at build time: the longer of two lengths if the byte is set. [`check`] sets it, and the code that jumps
    /// to the original reads it.
    Found(*mut u8),
}

/// An original that its replacement calls.
#[doc(hidden)]
pub struct Original {
    name: &'static CStr,
    sympos: usize,
    /// The function's address, from a livepatch relocation: for a module, 0 while that is not loaded.
    function: *const u8,
    entry: Entry,
}

// SAFETY: the address changes only while the function cannot be called, and the byte is written under
// the core's mutex.
unsafe impl Sync for Original {}

impl Original {
    /// Creates the description of an original.
    ///
    /// # Safety
    ///
    /// `function` is a livepatch symbol for this function of the object whose table has this original, and nothing else
    /// uses the byte of `entry`.
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

    /// Compares the entry with the patch site that ftrace has. Returns the offset of that site on a mismatch.
    ///
    /// # Safety
    ///
    /// The object is loaded, and this patch has not redirected any of its functions yet.
    #[inline]
    unsafe fn check_entry(&self) -> core::result::Result<(), usize> {
        let found = platform::traced_call(self.function).wrapping_sub(self.function.addr());
        match self.entry {
            Entry::Known(length) if found.wrapping_add(TRACED_CALL) == length => Ok(()),
            Entry::Found(byte) if TRACED_AT.contains(&found) => {
                // SAFETY: the byte belongs to this entry, and is not read before the function is redirected.
                unsafe { byte.write_volatile(u8::from(found == TRACED_AT[1])) };
                Ok(())
            }
            _ => Err(found),
        }
    }

    /// Returns whether an entry of another patch's table is for this function.
    ///
    /// # Safety
    ///
    /// The entry's table exists until this returns.
    #[inline]
    unsafe fn is_replaced_by(&self, func: *const bindings::klp_func) -> bool {
        // SAFETY: the caller guarantees that the entry exists; its name is a C string. These fields do not change.
        unsafe {
            // 0 stands for the only symbol, which is the first.
            (*func).old_sympos.max(1) as usize == self.sympos.max(1)
                && !(*func).old_name.is_null()
                && CStr::from_ptr((*func).old_name.cast()) == self.name
        }
    }
}

/// The originals of one object that are called.
#[doc(hidden)]
pub struct Originals {
    /// The module's name; `None` for the kernel itself.
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

    /// Returns an original that another patch replaces, if there is one.
    ///
    /// # Safety
    ///
    /// The patch and its tables exist until this returns.
    #[inline]
    unsafe fn replaced_by(&self, patch: *const bindings::klp_patch) -> Option<&'static Original> {
        // SAFETY: guaranteed by the caller. The fields that are read here do not change, and the tables end
        // as for C's `klp_for_each_object_static()`.
        unsafe {
            let mut object = (*patch).objs;
            while !(*object).funcs.is_null() || !(*object).name.is_null() {
                let mut func = (*object).funcs;
                while self.has_object_name((*object).name.cast()) && !is_end(func) {
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

    /// Returns whether `name` is this object's.
    ///
    /// # Safety
    ///
    /// `name` is `NULL` or a C string.
    #[inline]
    unsafe fn has_object_name(&self, name: *const c_char) -> bool {
        match self.object {
            None => name.is_null(),
            // SAFETY: guaranteed by the caller.
            Some(own) => !name.is_null() && unsafe { CStr::from_ptr(name) } == own,
        }
    }
}

/// Returns whether an entry is the last of its table.
///
/// # Safety
///
/// The entry's table exists until this returns.
#[inline]
unsafe fn is_end(func: *const bindings::klp_func) -> bool {
    // SAFETY: guaranteed by the caller; these fields do not change.
    unsafe { (*func).old_name.is_null() && (*func).new_func.is_null() && (*func).old_sympos == 0 }
}

/// Checks that no enabled patch, unless this one is cumulative, replaces an original that this one calls.
/// Called before the patch is enabled.
///
/// # Errors
///
/// `EBUSY`: such a patch exists. The log has its name.
#[doc(hidden)]
#[inline]
pub fn admit(patch: &'static Patch, name: &str, all: &[&Originals]) -> Result {
    if patch.replaces_others() {
        return Ok(());
    }
    let mut result = Ok(());
    platform::with_patches(|other| {
        for originals in all {
            // SAFETY: a patch of the core's list, under the core's mutex.
            result = result.and(unsafe { check_conflict(name, originals, other) });
        }
        true
    });
    result
}

/// Checks the originals of one object, which is loaded: that no other patch replaces them, and their entries.
///
/// # Safety
///
/// Called from the `pre_patch` callback of that object.
#[doc(hidden)]
#[inline]
pub unsafe fn check(patch: &'static Patch, name: &str, originals: &Originals) -> c_int {
    let mut result = Ok(());
    if !patch.replaces_others() {
        // Another patch may have been enabled since `admit()`.
        // SAFETY: callbacks run under the core's mutex.
        unsafe {
            platform::each_patch(|other| {
                if patch.is(other) {
                    return false;
                }
                result = result.and(check_conflict(name, originals, other));
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

/// Checks that the other patch does not replace the originals, and logs an error if it does.
///
/// # Safety
///
/// The other patch is on the core's list, and the core's mutex is held.
#[inline]
unsafe fn check_conflict(
    name: &str,
    originals: &Originals,
    other: *const bindings::klp_patch,
) -> Result {
    // While a patch is being disabled, the core is in transition and enables no other patch.
    // SAFETY: guaranteed by the caller. The field is changed under the mutex.
    if unsafe { !(*other).enabled } {
        return Ok(());
    }
    // SAFETY: guaranteed by the caller.
    let Some(function) = (unsafe { originals.replaced_by(other) }) else {
        return Ok(());
    };
    // SAFETY: the patch's kobject has a name while the patch is on the list.
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
        // SAFETY: the original is not called.
        unsafe { Original::new(name, sympos, ptr::null(), Entry::Known(5)) }
    }

    static VMLINUX: Originals = Originals {
        object: None,
        functions: &[original(c"show", 0), original(c"twin", 2)],
    };
    static EXT4: Originals = Originals {
        object: Some(c"ext4"),
        functions: &[original(c"show", 1)],
    };

    fn func(name: &'static CStr, sympos: usize) -> bindings::klp_func {
        bindings::klp_func {
            old_name: name.as_ptr(),
            new_func: ptr::without_provenance_mut(1),
            old_sympos: sympos as _,
            // SAFETY: integers and pointers, for which zero is a valid value.
            ..unsafe { core::mem::zeroed() }
        }
    }

    /// An object's name, and the names and positions of its functions.
    type Table<'a> = (Option<&'static CStr>, &'a [(&'static CStr, usize)]);

    /// Returns the original that another patch with these functions replaces.
    fn replaced(originals: &Originals, objects: &[Table<'_>]) -> Option<&'static CStr> {
        // SAFETY: integers, pointers and structures of these, for which zero is a valid value.
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
                // SAFETY: zero is a valid value of these fields too.
                ..unsafe { core::mem::zeroed() }
            })
            .collect();
        // SAFETY: zero is a valid value of these fields too.
        objs.push(unsafe { core::mem::zeroed() });
        let patch = bindings::klp_patch {
            objs: objs.as_mut_ptr(),
            // SAFETY: zero is a valid value of these fields too.
            ..unsafe { core::mem::zeroed() }
        };
        // SAFETY: the tables live until the end of this function.
        unsafe { originals.replaced_by(&patch) }.map(|found| found.name)
    }

    #[test]
    fn functions_are_identified_by_object_name_and_position() {
        let vmlinux = |funcs| replaced(&VMLINUX, &[(None, funcs)]);
        assert_eq!(vmlinux(&[(c"other", 0), (c"show", 0)]), Some(c"show"));
        assert_eq!(vmlinux(&[(c"show", 1)]), Some(c"show"));
        assert_eq!(vmlinux(&[(c"show", 2)]), None);
        assert_eq!(vmlinux(&[(c"twin", 2)]), Some(c"twin"));
        assert_eq!(vmlinux(&[(c"twin", 0)]), None);
        assert_eq!(vmlinux(&[(c"sho", 0), (c"show2", 0)]), None);
        assert_eq!(vmlinux(&[]), None);
        assert_eq!(replaced(&VMLINUX, &[]), None);
    }

    #[test]
    fn functions_of_different_objects_are_distinguished() {
        let show: &[(&CStr, usize)] = &[(c"show", 0)];
        assert_eq!(replaced(&VMLINUX, &[(Some(c"ext4"), show)]), None);
        assert_eq!(replaced(&EXT4, &[(None, show)]), None);
        assert_eq!(replaced(&EXT4, &[(Some(c"ext"), show)]), None);
        let both = [(None, show), (Some(c"ext4"), show)];
        assert_eq!(replaced(&EXT4, &both), Some(c"show"));
        // The first object has only callbacks.
        let later = [(Some(c"xfs"), &[][..]), (None, show)];
        assert_eq!(replaced(&VMLINUX, &later), Some(c"show"));
    }
}
