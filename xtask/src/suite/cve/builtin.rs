// SPDX-License-Identifier: GPL-2.0-only

//! Builds the small kernel with published fixes of built-in code removed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use klp_host::kernel::{self, Changes, Core, Kernel, Profile};

use super::edit::{Edit, edit, undo};
use crate::checkout;

/// A fix, and how to undo it.
#[derive(Debug)]
struct Undone {
    fix: &'static str,
    edits: &'static [Edit],
}

const UNDONE: [Undone; 3] = [
    Undone {
        fix: "CVE-2019-5489",
        edits: &[edit(
            "mm/mincore.c",
            "do_mincore",
            "!can_do_mincore(vma)",
            "false",
        )],
    },
    Undone {
        fix: "CVE-2022-0847",
        edits: &[edit(
            "mm/filemap.c",
            "splice_folio_into_pipe",
            ".page\t= page,",
            ".page = page, .flags = buf->flags,",
        )],
    },
    Undone {
        fix: "CVE-2024-26602",
        edits: &[
            edit(
                "kernel/sched/membarrier.c",
                "membarrier_private_expedited",
                "SERIALIZE_IPI();",
                "",
            ),
            edit(
                "kernel/sched/membarrier.c",
                "membarrier_private_expedited",
                "SERIALIZE_IPI_CPU(cpu_id);",
                "",
            ),
            edit(
                "kernel/sched/membarrier.c",
                "membarrier_global_expedited",
                "SERIALIZE_IPI();",
                "",
            ),
        ],
    },
];

/// The fixes that this kernel lacks.
pub(super) fn fixes() -> impl Iterator<Item = &'static str> {
    UNDONE.iter().map(|undone| undone.fix)
}

/// Builds the kernel without these fixes, from the unmodified one.
pub(super) fn kernel() -> Result<Kernel> {
    let fixed = checkout::kernel(Core::C, Profile::Base)?;
    let options = kernel::Options {
        changes: Some(Changes {
            name: "unfixed".to_owned(),
            files: files(&fixed.source)?,
        }),
        ..checkout::kernel_options()
    };
    kernel::get(Core::C, Profile::Base, &options)
}

/// The modified files, by their paths in the source tree.
fn files(source: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let mut files = BTreeMap::new();
    for Undone { fix, edits } in &UNDONE {
        for edit in *edits {
            let path = PathBuf::from(edit.part);
            let text = match files.remove(&path) {
                Some(text) => text,
                None => fs::read_to_string(source.join(&path))
                    .with_context(|| format!("cannot read {}", source.join(&path).display()))?,
            };
            let text = undo(&text, [edit])
                .with_context(|| format!("cannot undo {fix} in {}", edit.part))?;
            files.insert(path, text);
        }
    }
    Ok(files)
}
