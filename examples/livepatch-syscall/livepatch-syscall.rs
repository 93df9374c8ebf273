// SPDX-License-Identifier: GPL-2.0-only

//! Replaces a system call: `mincore()` no longer reports which pages are in memory.
//!
//! With it, a program can observe what others read (CVE-2019-5489). This is a mitigation until there is a
//! fix: the call still checks its arguments, but it reports "in memory" for every page.

use core::cmp;
use kernel::{page::PAGE_SIZE, uaccess::UserSliceWriter};
use klp::prelude::*;
use klp::syscall::current_mm;

/// The end of the user address space.
const USER_END: usize = 1 << (usize::BITS - 1);

/// The result for the pages that are written at a time.
static IN_MEMORY: [u8; 512] = [1; 512];

/// `long mincore(unsigned long start, size_t len, unsigned char __user *vec)`
#[livepatch(object = "vmlinux", replaces = "__x64_sys_mincore",
            description = "Livepatch example: a system call that tells less than it did",
            license = "GPL", authors = ["The klp authors"])]
fn mincore(args: &SyscallArgs) -> Result<isize> {
    let (start, length, vector): (usize, usize, usize) = args.unpack();
    if start % PAGE_SIZE != 0 {
        return Err(EINVAL);
    }
    let end = user_end(start, length).ok_or(ENOMEM)?;
    let pages = length.div_ceil(PAGE_SIZE);
    user_end(vector, pages).ok_or(EFAULT)?;

    let mut answer = UserSlice::new(UserPtr::from_addr(vector), pages).writer();
    let mut at = start;
    while at < end {
        let mapped = cmp::min(end_of_mapping(at)?, end);
        write(&mut answer, (mapped - at).div_ceil(PAGE_SIZE))?;
        at = mapped;
    }
    Ok(0)
}

/// Returns the end of a range of user memory; `None` if the range is invalid.
fn user_end(start: usize, length: usize) -> Option<usize> {
    start.checked_add(length).filter(|end| *end <= USER_END)
}

/// Returns the end of the mapping at `address`.
fn end_of_mapping(address: usize) -> Result<usize> {
    let mm = current_mm().ok_or(ENOMEM)?;
    let mappings = mm.mmap_read_lock();
    let mapping = mappings.vma_lookup(address).ok_or(ENOMEM)?;
    Ok(mapping.end())
}

/// Writes "in memory" for a number of pages.
fn write(answer: &mut UserSliceWriter, mut pages: usize) -> Result {
    while pages > 0 {
        let some = IN_MEMORY.get(..pages).unwrap_or(&IN_MEMORY);
        answer.write_slice(some)?;
        pages -= some.len();
    }
    Ok(())
}
