// SPDX-License-Identifier: GPL-2.0-only

//! Replaces a system call: `mincore()` tells nobody any more which pages are in memory.
//!
//! By that, a program can watch what others read (CVE-2019-5489). This is what one does about such a hole
//! until there is a fix: the call goes on to check its arguments, and to answer, but its
//! answer is always "in memory".

use core::cmp;
use kernel::{page::PAGE_SIZE, uaccess::UserSliceWriter};
use klp::prelude::*;
use klp::syscall::current_mm;

/// Addresses of user space are below this.
const USER_END: usize = 1 << (usize::BITS - 1);

/// What is written at a time.
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

/// Where this range of user space ends; `None` when it is none.
fn user_end(start: usize, length: usize) -> Option<usize> {
    start.checked_add(length).filter(|end| *end <= USER_END)
}

/// Where the mapping ends that this address belongs to.
fn end_of_mapping(address: usize) -> Result<usize> {
    let mm = current_mm().ok_or(ENOMEM)?;
    let mappings = mm.mmap_read_lock();
    let mapping = mappings.vma_lookup(address).ok_or(ENOMEM)?;
    Ok(mapping.end())
}

/// Answers "in memory" for so many pages.
fn write(answer: &mut UserSliceWriter, mut pages: usize) -> Result {
    while pages > 0 {
        let some = IN_MEMORY.get(..pages).unwrap_or(&IN_MEMORY);
        answer.write_slice(some)?;
        pages -= some.len();
    }
    Ok(())
}
