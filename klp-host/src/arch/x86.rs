// SPDX-License-Identifier: GPL-2.0-only

//! x86-64.

mod freestanding;

use super::facts::{Config, Facts, Image, Machine};

pub(super) const FACTS: Facts = Facts {
    name: "x86",
    debian: "amd64",
    gnu: "x86_64",
    elf_machine: object::elf::EM_X86_64,
    option: "X86_64",
    debians: Ok(()),
    compiler: Some(freestanding::compiler),
    image: Image {
        target: "bzImage",
        path: "arch/x86/boot/bzImage",
        magic: (0x202, b"HdrS"),
    },
    config: Config {
        of_tools: &["USE_X86_SEG_SUPPORT", "X86_X32"],
        machine: "\
# A 64-bit machine with several CPUs, as QEMU has it: timers need ACPI, which needs PCI.
CONFIG_64BIT=y
CONFIG_SMP=y
CONFIG_HOTPLUG_CPU=y
CONFIG_EXPERT=y
CONFIG_ACPI=y
CONFIG_PCI=y
CONFIG_HIGH_RES_TIMERS=y
CONFIG_HPET_TIMER=y
CONFIG_X86_PM_TIMER=y
CONFIG_NO_HZ_IDLE=y
CONFIG_PREEMPT_LAZY=y
CONFIG_CC_OPTIMIZE_FOR_PERFORMANCE=y
CONFIG_JUMP_LABEL=y
CONFIG_KERNEL_GZIP=y
",
        console: "\
CONFIG_SERIAL_8250=y
CONFIG_SERIAL_8250_CONSOLE=y
CONFIG_EARLY_PRINTK=y
",
        stacks: "CONFIG_UNWINDER_ORC=y\n",
        debian: Some(include_str!("x86/debian.config")),
    },
    machine: Machine {
        program: "qemu-system-x86_64",
        package: "qemu-system-x86",
        name: "q35",
        cpu: "qemu64",
        ports: &[
            "-serial",
            "chardev:console",
            "-serial",
            "chardev:output",
            "-serial",
            "chardev:verdict",
        ],
        names: ["ttyS1", "ttyS2"],
        parameters: &[
            "console=ttyS0",
            "8250.nr_uarts=4",
            // The kernel counts timer ticks at boot, and panics if a busy host emulates too few.
            "no_timer_check",
            // A restart that needs neither firmware nor ACPI: a triple fault.
            "reboot=t",
        ],
        newer: &[
            "qemu-system-x86",
            "qemu-system-common",
            "qemu-system-data",
            "seabios",
        ],
    },
};
