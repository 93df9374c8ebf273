// SPDX-License-Identifier: GPL-2.0-only

//! Problems of a patch that are only visible after the build, and for which it must not be loaded.

use crate::Error;
use crate::frames::{FRAME_MAX, Frame};
use crate::limits::CODE_MAX;
use crate::module::{Module, demangled};
use crate::text::Name;

/// The modinfo entry for `unsafe` in a patch's `#[livepatch(..)]`.
const VOUCHED: (&[u8], &[u8]) = (b"klp_unsafe", b"Y");

/// Functions that take a reference, sorted: one for each refcounted type of `klp::abi`.
const COUNTS: &[&str] = &[
    "get_cred",
    "get_device",
    "get_file",
    "get_pid_ns",
    "get_task_struct",
    "mmgrab",
    "mmget",
];

/// Why a patch must not be loaded.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// A function may overflow the stack.
    #[error(
        "`{function}` takes {frame} of the stack, and the kernel allows {FRAME_MAX}, because a stack has \
         16 KiB for all callers together: keep large values in a `KBox`"
    )]
    Frame {
        /// The function.
        function: Name,
        /// Its frame.
        frame: Frame,
    },
    /// Its code may run after it is unloaded.
    #[error(
        "the address of `{0}` is taken, so the kernel may call that at any later time, and nothing waits for \
         it before the patch is unloaded: call it directly in the replacement; or write `unsafe` \
         in the patch's `#[livepatch(..)]`, by which you answer for it, also when a newer patch replaces \
         this one"
    )]
    HandedOut(Name),
    /// It takes a reference to a structure that it may only use during a call.
    #[error(
        "it takes a reference (`{0}`), and only the C source tells whether there is one left to be shared: when \
         the last one is dropped, functions still have the structure as an argument; use it during the call, \
         as `&T`; or write `unsafe` in the patch's `#[livepatch(..)]`, by which you answer for it"
    )]
    Counts(Name),
}

impl Module<'_> {
    /// Why this patch, made by `#[livepatch]`, must not be loaded.
    ///
    /// # Errors
    ///
    /// When its modinfo or its code is larger than any patch's.
    pub fn unfit(&self) -> Result<Vec<Unfit>, Error> {
        let mut found: Vec<Unfit> = self.large_frames()?.collect();
        let is_vouched = self.raw_modinfo()?.any(|entry| entry == VOUCHED);
        // A patch in C has other tables.
        if !is_vouched && self.is_of_klp() {
            found.extend(self.handed_out().into_iter().map(Unfit::HandedOut));
            found.extend(self.counts().map(Unfit::Counts));
        }
        Ok(found)
    }

    /// The used functions that take references to structures which the kernel crate refcounts.
    fn counts(&self) -> impl Iterator<Item = Name> {
        self.undefined().into_iter().filter(|name| {
            let name = name.to_str().unwrap_or_default();
            let plain = name.strip_prefix("rust_helper_").unwrap_or(name);
            COUNTS.binary_search(&plain).is_ok()
                || (name.contains("AlwaysRefCounted>::") && name.ends_with("::inc_ref"))
        })
    }

    fn large_frames(&self) -> Result<impl Iterator<Item = Unfit>, Error> {
        let sizes = self.functions().map(|function| function.size);
        let size = sizes.fold(0, u64::saturating_add);
        if size > CODE_MAX {
            return Err(Error::Limit {
                what: "its code",
                limit: crate::limits::Limit::Bytes(CODE_MAX),
            });
        }
        Ok(self.functions().filter_map(|function| {
            let frame = self.frame(&function);
            frame.exceeds(FRAME_MAX).then(|| Unfit::Frame {
                function: demangled(function.symbol.as_bytes()),
                frame,
            })
        }))
    }
}
