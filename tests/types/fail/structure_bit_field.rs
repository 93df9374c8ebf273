// SPDX-License-Identifier: GPL-2.0-only

//! A bit field as a field.

use klp::prelude::*;

#[kernel_struct("task_struct", partial)]
struct View {
    in_execve: u32,
}
