// SPDX-License-Identifier: GPL-2.0-only

//! Uses the items that the prelude has on every kernel, as listed in docs/authors.md. It is built, but not loaded.

use klp::cred::{current_cred, CredentialExt as _};
use klp::prelude::*;
use klp::sync::StaticMutex;
use klp::{file_ns_capable, Capability};

static TURN: StaticMutex = StaticMutex::new();

static_assert!(PAGE_SIZE == 4096);

#[livepatch(object = "vmlinux", replaces = "proc_tgid_io_accounting",
            description = "Uses all items of the prelude", license = "GPL")]
fn io(m: &SeqFile, ns: *mut c_void, pid: *mut c_void, task: &Task) -> Result<i32> {
    let _guard = TURN.lock();
    pr_alert_once!("first\n");
    pr_notice_once!("first\n");
    pr_warn_ratelimited!("seldom\n");
    if task.signal_pending() || task.uid() != task.euid() {
        return Err(EINTR);
    }
    let length = read_name(UserPtr::from_addr(0), &mut [0; 16])?;
    let pinned = KBox::pin(length, GFP_KERNEL)?;
    let moved = KBox::into_pin(KBox::new(task.pid(), GFP_KERNEL)?);
    let is_root = current_cred!().uid() == current_cred!().euid();
    seq_print!(m, "{} {} {is_root} {:p}\n", *pinned, *moved, task.as_ptr());
    original(m, ns, pid, task)
}

/// Compiled without a caller, as it is public.
pub fn squares(count: u32) -> Result<u32> {
    let mut all = KVec::with_capacity(4, GFP_KERNEL)?;
    for number in 0..count {
        all.push(number * number, GFP_KERNEL)?;
    }
    all.extend_from_slice(&[1, 2], GFP_KERNEL)?;
    all.extend_with(2, 3, GFP_ATOMIC)?;
    all.resize(7, 0, GFP_KERNEL)?;
    all.truncate(6);
    let last = all.pop().ok_or(ENODATA)?;
    Ok(all.iter().chain(&KVec::from_elem(last, 2, GFP_KERNEL)?).sum())
}

/// Returns the length of a string in user space.
fn read_name(place: UserPtr, name: &mut [u8]) -> Result<usize> {
    let mut reader = UserSlice::new(place, 64).reader();
    let text = reader.clone_reader().strcpy_into_buf(name)?;
    let length = text.to_bytes().len();
    reader.skip(8)?;
    let number: u32 = reader.read()?;
    UserSlice::new(place, 4).writer().write(&number)?;
    Ok(length)
}

/// Compiled without a caller, as it is public.
pub fn may_read(file: &File) -> bool {
    let owner = file.cred();
    let namespace = owner.user_ns();
    file.flags() & O_WRONLY == 0
        && owner.uid() == owner.euid()
        && file_ns_capable(file, namespace, Capability::SYS_ADMIN)
}
