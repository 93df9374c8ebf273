// SPDX-License-Identifier: GPL-2.0-only

//! The objects and functions of a patch's tables.

use super::pointers::Target;

/// The objects that a module patches.
pub(in crate::check) struct Tables<'data> {
    pub(in crate::check) objects: Vec<Object<'data>>,
}

/// An object that is patched.
pub(in crate::check) struct Object<'data> {
    /// `None` for the kernel itself.
    pub(in crate::check) name: Option<&'data [u8]>,
    /// Its section and its offset there.
    pub(in crate::check) place: (usize, u64),
    pub(in crate::check) functions: Vec<Function<'data>>,
}

/// A function that is replaced.
pub(in crate::check) struct Function<'data> {
    /// The entry's section and its offset there.
    pub(in crate::check) place: (usize, u64),
    pub(in crate::check) old_name: Option<&'data [u8]>,
    pub(in crate::check) new_func: Option<Target>,
    pub(in crate::check) sympos: u64,
    /// Whether code of the module writes to it.
    pub(in crate::check) filled_later: bool,
}
