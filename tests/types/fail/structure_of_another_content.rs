// SPDX-License-Identifier: GPL-2.0-only

//! Uses a view of one of two structures with the same name, where C has the other.

use klp::prelude::*;

/// The structure for the routing of PCI interrupts, which alone has this member.
#[kernel_struct("irq_info")]
struct Routing {
    slot: u8,
}

#[kernel_struct("uart_8250_port")]
struct Port;

/// The function takes the structure of the serial driver.
#[livepatch(object = "vmlinux", replaces = "serial_do_unlink",
            description = "A patch that is wrong", license = "GPL")]
fn unlink(_i: &Routing, _up: &Port) {}
