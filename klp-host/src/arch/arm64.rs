// SPDX-License-Identifier: GPL-2.0-only

//! 64-bit Arm.

use super::facts::{Config, Facts, Image, Machine};

pub(super) const FACTS: Facts = Facts {
    name: "arm64",
    debian: "arm64",
    gnu: "aarch64",
    elf_machine: object::elf::EM_AARCH64,
    option: "ARM64",
    compiler: None,
    debians: Err("Debian builds its kernels for arm64 without CONFIG_LIVEPATCH"),
    image: Image {
        target: "Image",
        path: "arch/arm64/boot/Image",
        magic: (0x38, b"ARM\x64"),
    },
    config: Config {
        of_tools: &[],
        machine: "\
# A machine with several CPUs, as QEMU has it: serial ports beside the console's are on PCI.
CONFIG_64BIT=y
CONFIG_SMP=y
CONFIG_HOTPLUG_CPU=y
CONFIG_EXPERT=y
CONFIG_PCI=y
CONFIG_PCI_HOST_GENERIC=y
CONFIG_HIGH_RES_TIMERS=y
CONFIG_NO_HZ_IDLE=y
CONFIG_PREEMPT_LAZY=y
CONFIG_CC_OPTIMIZE_FOR_PERFORMANCE=y
CONFIG_JUMP_LABEL=y
CONFIG_ARM64_4K_PAGES=y
CONFIG_ARM64_VA_BITS_48=y
CONFIG_RELOCATABLE=y
CONFIG_RANDOMIZE_BASE=y

# Return addresses are signed, and kept on a stack of their own, and indirect branches land where they may.
CONFIG_SHADOW_CALL_STACK=y
CONFIG_ARM64_PTR_AUTH=y
CONFIG_ARM64_PTR_AUTH_KERNEL=y
CONFIG_ARM64_BTI=y
CONFIG_ARM64_BTI_KERNEL=y
",
        console: "\
CONFIG_SERIAL_AMBA_PL011=y
CONFIG_SERIAL_AMBA_PL011_CONSOLE=y
CONFIG_SERIAL_8250=y
CONFIG_SERIAL_8250_PCI=y
",
        stacks: "",
        debian: None,
    },
    machine: Machine {
        program: "qemu-system-aarch64",
        package: "qemu-system-arm",
        name: "virt,gic-version=3",
        // Emulating the architected signature algorithm takes most of the time.
        cpu: "max,pauth-impdef=on",
        ports: &[
            "-serial",
            "chardev:console",
            "-device",
            "pci-serial-2x,chardev1=output,chardev2=verdict",
        ],
        names: ["ttyS0", "ttyS1"],
        parameters: &["console=ttyAMA0", "8250.nr_uarts=4"],
        newer: &["qemu-system-arm", "qemu-system-common", "qemu-system-data"],
    },
};
