// SPDX-License-Identifier: GPL-2.0-only

//! x86-64.

#[cfg(feature = "code")]
pub(super) mod code;

use super::facts::{Facts, Written};
use object::elf;

pub(super) const FACTS: Facts = Facts {
    name: "x86-64",
    number: elf::EM_X86_64,
    none: elf::R_X86_64_NONE,
    pointer: elf::R_X86_64_64,
    relative: elf::R_X86_64_RELATIVE,
    // `arch/x86/kernel/module.c`.
    applied: &[
        (elf::R_X86_64_NONE, Written::Bytes(0)),
        (elf::R_X86_64_32, Written::Bytes(4)),
        (elf::R_X86_64_32S, Written::Bytes(4)),
        (elf::R_X86_64_PC32, Written::Bytes(4)),
        (elf::R_X86_64_PLT32, Written::Bytes(4)),
        (elf::R_X86_64_64, Written::Bytes(8)),
        (elf::R_X86_64_PC64, Written::Bytes(8)),
    ],
    applied_in_words: "R_X86_64_64, 32, 32S, PC32, PLT32 and PC64",
    by_table: &[
        (elf::R_X86_64_GOT32, "R_X86_64_GOT32"),
        (elf::R_X86_64_GOTPCREL, "R_X86_64_GOTPCREL"),
        (elf::R_X86_64_GOTPCREL64, "R_X86_64_GOTPCREL64"),
        (elf::R_X86_64_GOTPCRELX, "R_X86_64_GOTPCRELX"),
        (elf::R_X86_64_REX_GOTPCRELX, "R_X86_64_REX_GOTPCRELX"),
        (elf::R_X86_64_CODE_4_GOTPCRELX, "R_X86_64_CODE_4_GOTPCRELX"),
    ],
    relative_to_end: &[elf::R_X86_64_PC32, elf::R_X86_64_PLT32],
    traced_call: 5,
    // An `endbr64` may precede it.
    entries: &[5, 9],
    // The compiler's `__patchable_function_entries` lists all functions with padding, traceable or not.
    traced_places: b"__mcount_loc",
    site: None,
    return_thunks: &[
        b"__x86_return_thunk",
        b"srso_return_thunk",
        b"its_return_thunk",
    ],
};
