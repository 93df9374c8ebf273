// SPDX-License-Identifier: GPL-2.0-only

//! Declares views of structures: with some members, by name only, and passed by value.

use klp::prelude::*;

#[kernel_struct("seq_file")]
struct Sequence {
    count: usize,
    size: usize,
    buf: *mut u8,
}

/// Used behind pointers only.
#[kernel_struct("mnt_idmap")]
struct IdMap;

#[kernel_struct("user_namespace")]
struct UserNamespace;

/// Passed by value.
#[kernel_struct("kuid_t")]
struct Kuid {
    val: u32,
}

#[kernel_struct("vfsuid_t")]
struct VfsUid {
    #[write]
    val: u32,
}

#[livepatch(description = "A patch that is right", license = "GPL")]
mod right {
    use super::*;

    #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show")]
    fn cmdline(m: &Sequence, _v: *mut c_void) -> Result {
        if m.count() == m.size() && !m.buf().is_null() {
            return Err(EINVAL);
        }
        Ok(())
    }

    #[livepatch(object = "vmlinux", replaces = "make_vfsuid")]
    fn make(_idmap: &IdMap, _namespace: Option<&UserNamespace>, kuid: Kuid) -> VfsUid {
        let mut uid = VfsUid::zeroed();
        uid.set_val(kuid.val());
        uid.into_inner()
    }
}
