// SPDX-License-Identifier: GPL-2.0-only

//! The properties that differ between architectures.

use object::elf::Machine as ElfMachine;

use crate::kconfig;

/// The properties of an architecture.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Its name on the command line, and its folder below the kernel's `arch/`.
    pub name: &'static str,
    /// Debian's name.
    pub debian: &'static str,
    /// The name in GNU's triplets.
    pub gnu: &'static str,
    /// The machine in the headers of its ELF files.
    pub elf_machine: ElfMachine,
    /// The option that is on in each of its kernels.
    pub option: &'static str,
    /// Whether Debian's kernels for it take live patches, or why not.
    pub debians: Result<(), &'static str>,
    /// The compiler options for kernels without Rust, if supported.
    pub compiler: Option<fn(&kconfig::Config) -> Compiler>,
    /// The bootable image of a kernel's build.
    pub image: Image,
    /// Its part of our small kernel's configuration.
    pub config: Config,
    /// The machine that QEMU emulates.
    pub machine: Machine,
}

/// The options of a compiler, and the target that they name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Compiler {
    /// The words of its command line.
    pub words: Vec<String>,
    /// The contents of the target's file.
    pub target: String,
}

/// A kernel's image.
#[derive(Debug)]
pub(crate) struct Image {
    /// The target of make.
    pub target: &'static str,
    /// Its place in the build folder.
    pub path: &'static str,
    /// An offset in its head, and the bytes there.
    pub magic: (usize, &'static [u8]),
}

/// What our small kernel's configuration has of it.
#[derive(Debug)]
pub(crate) struct Config {
    /// In the place of `%machine` in the common configuration.
    pub machine: &'static str,
    /// In the place of `%console`.
    pub console: &'static str,
    /// In the place of `%stacks`.
    pub stacks: &'static str,
    /// Prefixes of options that follow from the build tools, and change no data layout.
    pub of_tools: &'static [&'static str],
    /// The built-in options of Debian's kernel, if known.
    pub debian: Option<&'static str>,
}

/// How QEMU emulates it.
#[derive(Debug)]
pub(crate) struct Machine {
    /// QEMU's program.
    pub program: &'static str,
    /// The Debian package that has it.
    pub package: &'static str,
    /// Its name for `-machine`.
    pub name: &'static str,
    /// The emulated processor: one on which kernels boot fast.
    pub cpu: &'static str,
    /// How the guest's ports are connected to the character devices `console`, `output` and `verdict`.
    pub ports: &'static [&'static str],
    /// The kernel's names of the ports of the output and the verdict.
    pub names: [&'static str; 2],
    /// Words for the kernel's command line.
    pub parameters: &'static [&'static str],
    /// Packages of Debian 12's backports with a QEMU that can emulate several processors at once.
    pub newer: &'static [&'static str],
}
