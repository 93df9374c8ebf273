// SPDX-License-Identifier: GPL-2.0-only

//! Has lists with incomplete attributes.

use klp::list::{List, ListNode};
use klp::prelude::*;

#[kernel_struct("super_block")]
struct SuperBlock {
    #[list(i_sb_list)]
    s_inodes: List<Inode>,
    #[list(i_sb_list, rcu)]
    s_inodes_wb: List<Inode>,
    #[list(unsafe)]
    s_mounts: List<Inode>,
    #[list(i_sb_list, srcu, unsafe)]
    s_list: List<Inode>,
    #[list(i_sb_list, unsafe)]
    s_count: i32,
    #[list(i_sb_list, unsafe)]
    #[write(unsafe)]
    s_instances: List<Inode>,
}

#[kernel_struct("inode")]
struct Inode {
    i_sb_list: ListNode,
}
