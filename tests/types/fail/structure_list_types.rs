// SPDX-License-Identifier: GPL-2.0-only

//! Declares lists of another kind than in C, and members that are not list nodes.

use klp::list::{HList, HListNode, List, ListNode};
use klp::prelude::*;

#[kernel_struct("super_block")]
struct SuperBlock {
    #[list(i_sb_list, unsafe)]
    s_inodes: HList<Inode>,
    #[list(i_sb_list, unsafe)]
    s_type: List<Inode>,
    #[list(i_hash, unsafe)]
    s_inodes_wb: List<Inode>,
    #[list(i_dentry, unsafe)]
    s_list: List<Inode>,
    s_instances: HListNode,
}

#[kernel_struct("super_block")]
struct Others {
    #[list(i_sb_list, unsafe)]
    s_inodes: Stack<Inode>,
}

struct Stack<'a, T>(&'a T);

#[kernel_struct("inode")]
struct Inode {
    i_sb_list: ListNode,
    i_hash: HListNode,
}
