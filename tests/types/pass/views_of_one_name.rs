// SPDX-License-Identifier: GPL-2.0-only

//! Uses views of several structures with the same name, each with its functions.

use klp::prelude::*;

#[kernel_struct("irq_info", of = "serial_do_unlink")]
struct Serial {
    irq: i32,
}

#[kernel_struct("irq_info", of = "pirq_get_info")]
struct Routing {
    bus: u8,
}

/// Selected by a member.
#[kernel_struct("irq_info")]
struct BySlot {
    slot: u8,
}

#[kernel_struct("uart_8250_port")]
struct Port;

#[kernel_struct("pci_dev")]
struct PciDevice;

#[livepatch(description = "A patch that is right", license = "GPL")]
mod right {
    use super::*;

    #[livepatch(object = "vmlinux", replaces = "serial_do_unlink")]
    fn unlink(i: &Serial, _up: &Port) {
        pr_info!("{}\n", i.irq());
    }

    #[livepatch(object = "vmlinux", replaces = "pirq_get_info")]
    fn info(_dev: &PciDevice, _pin: *mut u8) -> Returned<BySlot> {
        let routing: *mut Routing = core::ptr::null_mut();
        let _ = routing;
        Returned::null()
    }
}
