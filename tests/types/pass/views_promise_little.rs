// SPDX-License-Identifier: GPL-2.0-only

//! Views have an alignment of 1, so packed structures may be at any address; and a structure may have
//! several views.

use klp::prelude::*;

#[kernel_struct("ethhdr")]
struct Header {
    h_proto: u16,
}

const _: () = assert!(align_of::<Header>() == 1 && size_of::<Header>() == 14);

#[kernel_struct("inode")]
struct Inode {
    i_mode: u16,
}

#[kernel_struct("inode")]
struct Same {
    #[write(unsafe)]
    i_mode: u16,
}

#[allow(dead_code)]
fn protocol(data: &Header) -> u16 {
    data.h_proto()
}

#[livepatch(object = "vmlinux", replaces = "lock_two_nondirectories",
            description = "A patch that is right", license = "GPL")]
fn two(one: &Inode, other: &Same) {
    let before = one.i_mode();
    other.set_i_mode(before.wrapping_add(1));
    let is_one = before != one.i_mode();
    pr_info!("one inode: {is_one}\n");
}
