// SPDX-License-Identifier: GPL-2.0-only

//! A view of one of two structures of a name, where C has the other.

use klp::prelude::*;

/// Of the routing of PCI interrupts: no other has this member.
#[kernel_struct("irq_info")]
struct Routing {
    slot: u8,
}

#[kernel_struct("uart_8250_port")]
struct Port;

/// It takes that of the serial driver.
#[livepatch(object = "vmlinux", replaces = "serial_do_unlink",
            description = "A patch that is wrong", license = "GPL")]
fn unlink(_i: &Routing, _up: &Port) {}
