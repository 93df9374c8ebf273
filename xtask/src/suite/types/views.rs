// SPDX-License-Identifier: GPL-2.0-only

//! Compiles views of a sample of the kernel's structures, with all members, as `cargo klp stub` prints
//! them.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use klp_elf::{Stub, VMLINUX, Wanted};
use klp_host::host::progress::say;
use klp_host::kernel::Kernel;
use klp_host::kernel::metadata::KernelMetadata;

use super::compile::Compiler;

/// Every seventh structure is compiled, because all of them take minutes.
const STEP: usize = 7;

/// Prints and compiles the views, and prints their number.
pub(super) fn run(kernel: &Kernel, compiler: &Compiler) -> Result<()> {
    let known = klp_elf::Kernel::open(KernelMetadata::of_folder(&kernel.build.dir).sources()?)?;
    let object = known.object(VMLINUX)?;
    let object = object.context("there is no metadata of vmlinux")?;
    let mut text = String::from("//! Views.\n#![allow(missing_docs, dead_code)]\n");
    let mut count = 0;
    for tag in object.structure_tags().step_by(STEP) {
        if object.structures(&tag).len() > 1 {
            continue;
        }
        let wanted = Wanted {
            object: VMLINUX,
            name: &tag,
            of: None,
            members: &[],
        };
        let view = Stub::structure(&known, &wanted)?;
        let _ = writeln!(text, "mod view_{count} {{\nuse klp::prelude::*;\n{view}}}");
        count += 1;
    }
    let folder = tempfile::tempdir().context("cannot make a folder")?;
    let source = folder.path().join("views.rs");
    fs::write(&source, text).with_context(|| format!("cannot write {}", source.display()))?;
    let output = compiler.compile(&source, &[])?;
    let messages = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "the views do not compile: {messages}"
    );
    say(&format!("views of {count} structures compile as printed"));
    ensure!(count > 300, "only {count} structures are known");
    Ok(())
}
