// SPDX-License-Identifier: GPL-2.0-only

//! Every type of a signature can be passed to the original, or returned from it.

#![forbid(unsafe_code)]
#![deny(warnings)]

use klp::prelude::*;

/// A structure that can also be passed by value.
#[kernel_struct("pair")]
struct Pair {
    #[write]
    first: u32,
    #[write]
    second: u32,
}

#[livepatch(description = "Checks in front of originals", license = "GPL")]
mod checks {
    use super::*;
    use core::ptr::NonNull;
    use klp::sysctl::{Buffer, IntTable, Length, Position};

    #[livepatch(object = "vmlinux", replaces = "integers")]
    fn integers(a: u8, b: i16, c: u32, d: i64, e: usize, f: isize, g: bool) -> u64 {
        original(a, b, c, d, e, f, !g)
    }

    #[livepatch(object = "vmlinux", replaces = "nothing")]
    fn nothing() {
        original();
        original()
    }

    #[livepatch(object = "vmlinux", replaces = "pointers")]
    fn pointers(a: *const u8, b: *mut c_void, c: Option<NonNull<u8>>) -> *mut u8 {
        original(a, b, c)
    }

    #[livepatch(object = "vmlinux", replaces = "references")]
    fn references(
        m: &SeqFile,
        task: Option<&Task>,
        name: &CStr,
        other: Option<&CStr>,
        pair: &Pair,
        args: &SyscallArgs,
    ) -> Result {
        original(m, task, name, other, pair, args)
    }

    #[livepatch(object = "vmlinux", replaces = "owned")]
    fn owned(pair: Pin<KBox<Pair>>, other: Option<Pin<KBox<Pair>>>) -> Result<Option<Pin<KBox<Pair>>>> {
        if pair.first() > pair.second() {
            return Err(EINVAL);
        }
        original(pair, other)
    }

    #[livepatch(object = "vmlinux", replaces = "by_value")]
    fn by_value(pair: Pair) -> Pair {
        let mut pair = original(pair);
        let first = pair.first();
        pair.set_first(pair.second());
        pair.set_second(first);
        pair
    }

    #[livepatch(object = "vmlinux", replaces = "handler")]
    fn handler(
        table: &IntTable,
        write: c_int,
        buffer: Buffer<'_>,
        length: Length<'_>,
        position: Position<'_>,
    ) -> Result {
        original(table, write, buffer, length, position)
    }

    #[livepatch(object = "vmlinux", replaces = "size")]
    fn size(size: usize) -> Result<usize> {
        let read = original(size.min(4096))?;
        Ok(read + 1)
    }


    #[livepatch(object = "vmlinux", replaces = "wide")]
    fn wide(offset: i64) -> Result<i64> {
        original(offset.max(0))
    }

    #[livepatch(object = "vmlinux", replaces = "flag")]
    fn flag() -> Result<bool> {
        Ok(!original()?)
    }

    #[livepatch(object = "vmlinux", replaces = "error_pointer")]
    fn error_pointer(size: usize) -> Result<*mut Pair> {
        original(size).or_else(|_| original(1))
    }

    /// Uses the original in closures and as a value.
    #[livepatch(object = "vmlinux", replaces = "closures")]
    fn closures(first: u32, second: u32) -> u32 {
        let twice = |number| original(number, number);
        let both = [first, second].map(twice);
        both.into_iter().reduce(original).unwrap_or(0)
    }

    /// Shadows the name `original`.
    #[livepatch(object = "vmlinux", replaces = "own_name")]
    fn own_name(first: u32) -> u32 {
        let original = first;
        original + 1
    }
}

fn main() {}
