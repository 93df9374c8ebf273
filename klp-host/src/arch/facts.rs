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
    /// The configuration option that is set in all of its kernels.
    pub option: &'static str,
    /// Whether Debian's kernels for it support live patches, or why not.
    pub debians: Result<(), &'static str>,
    /// The compiler options for kernels without Rust, if supported.
    pub compiler: Option<fn(&kconfig::Config) -> Compiler>,
    /// The bootable image of a kernel's build.
    pub image: Image,
    /// Its part of the small kernel's configuration.
    pub config: Config,
    /// The machine that QEMU emulates.
    pub machine: Machine,
}

/// The options of a compiler, and its target.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Compiler {
    /// The arguments.
    pub words: Vec<String>,
    /// The contents of the target specification.
    pub target: String,
}

/// A kernel's image.
#[derive(Debug)]
pub(crate) struct Image {
    /// The make target.
    pub target: &'static str,
    /// Its path in the build folder.
    pub path: &'static str,
    /// The offset of its magic number, and the number.
    pub magic: (usize, &'static [u8]),
}

/// The architecture's part of the small kernel's configuration.
#[derive(Debug)]
pub(crate) struct Config {
    /// The text for `%machine` in the common configuration.
    pub machine: &'static str,
    /// The text for `%console`.
    pub console: &'static str,
    /// The text for `%stacks`.
    pub stacks: &'static str,
    /// Prefixes of options that depend on the build tools and do not affect data layouts.
    pub of_tools: &'static [&'static str],
    /// The built-in options of Debian's kernel, if known.
    pub debian: Option<&'static str>,
}

/// How QEMU emulates it.
#[derive(Debug)]
pub(crate) struct Machine {
    /// QEMU's program.
    pub program: &'static str,
    /// The Debian package with the program.
    pub package: &'static str,
    /// Its name for `-machine`.
    pub name: &'static str,
    /// The emulated processor: one on which kernels boot fast.
    pub cpu: &'static str,
    /// How the guest's ports are connected to the character devices `console`, `output` and `verdict`.
    pub ports: &'static [&'static str],
    /// The kernel's names of the ports for output and verdict.
    pub names: [&'static str; 2],
    /// Kernel parameters.
    pub parameters: &'static [&'static str],
    /// Packages in Debian 12's backports with a QEMU that emulates several CPUs in parallel.
    pub newer: &'static [&'static str],
}
