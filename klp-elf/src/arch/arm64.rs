// SPDX-License-Identifier: GPL-2.0-only

//! 64-bit Arm.

#[cfg(feature = "code")]
pub(super) mod code;

use super::facts::{Facts, Written};
use object::elf;

/// The length of an instruction.
pub(super) const INSTRUCTION: u64 = 4;

/// The length of the nops before a function that the list of patch sites may refer to.
const BEFORE: u64 = 2 * INSTRUCTION;

pub(super) const FACTS: Facts = Facts {
    name: "arm64",
    number: elf::EM_AARCH64,
    none: elf::R_AARCH64_NONE,
    pointer: elf::R_AARCH64_ABS64,
    relative: elf::R_AARCH64_RELATIVE,
    // `arch/arm64/kernel/module.c`.
    applied: &[
        (elf::R_AARCH64_NONE, Written::Bytes(0)),
        (elf::R_AARCH64_ABS64, Written::Bytes(8)),
        (elf::R_AARCH64_ABS32, Written::Bytes(4)),
        (elf::R_AARCH64_ABS16, Written::Bytes(2)),
        (elf::R_AARCH64_PREL64, Written::Bytes(8)),
        (elf::R_AARCH64_PREL32, Written::Bytes(4)),
        (elf::R_AARCH64_PREL16, Written::Bytes(2)),
        (elf::R_AARCH64_MOVW_UABS_G0, Written::Instruction),
        (elf::R_AARCH64_MOVW_UABS_G0_NC, Written::Instruction),
        (elf::R_AARCH64_MOVW_UABS_G1, Written::Instruction),
        (elf::R_AARCH64_MOVW_UABS_G1_NC, Written::Instruction),
        (elf::R_AARCH64_MOVW_UABS_G2, Written::Instruction),
        (elf::R_AARCH64_MOVW_UABS_G2_NC, Written::Instruction),
        (elf::R_AARCH64_MOVW_UABS_G3, Written::Instruction),
        (elf::R_AARCH64_MOVW_SABS_G0, Written::Instruction),
        (elf::R_AARCH64_MOVW_SABS_G1, Written::Instruction),
        (elf::R_AARCH64_MOVW_SABS_G2, Written::Instruction),
        (elf::R_AARCH64_MOVW_PREL_G0, Written::Instruction),
        (elf::R_AARCH64_MOVW_PREL_G0_NC, Written::Instruction),
        (elf::R_AARCH64_MOVW_PREL_G1, Written::Instruction),
        (elf::R_AARCH64_MOVW_PREL_G1_NC, Written::Instruction),
        (elf::R_AARCH64_MOVW_PREL_G2, Written::Instruction),
        (elf::R_AARCH64_MOVW_PREL_G2_NC, Written::Instruction),
        (elf::R_AARCH64_MOVW_PREL_G3, Written::Instruction),
        (elf::R_AARCH64_LD_PREL_LO19, Written::Instruction),
        (elf::R_AARCH64_ADR_PREL_LO21, Written::Instruction),
        (elf::R_AARCH64_ADR_PREL_PG_HI21, Written::Instruction),
        (elf::R_AARCH64_ADR_PREL_PG_HI21_NC, Written::Instruction),
        (elf::R_AARCH64_ADD_ABS_LO12_NC, Written::Instruction),
        (elf::R_AARCH64_LDST8_ABS_LO12_NC, Written::Instruction),
        (elf::R_AARCH64_LDST16_ABS_LO12_NC, Written::Instruction),
        (elf::R_AARCH64_LDST32_ABS_LO12_NC, Written::Instruction),
        (elf::R_AARCH64_LDST64_ABS_LO12_NC, Written::Instruction),
        (elf::R_AARCH64_LDST128_ABS_LO12_NC, Written::Instruction),
        (elf::R_AARCH64_TSTBR14, Written::Instruction),
        (elf::R_AARCH64_CONDBR19, Written::Instruction),
        (elf::R_AARCH64_JUMP26, Written::Instruction),
        (elf::R_AARCH64_CALL26, Written::Instruction),
    ],
    applied_in_words: "R_AARCH64_ABS64, ABS32, ABS16, PREL64, PREL32, PREL16, and those of MOVW, ADR, ADRP, ADD, \
                       loads, stores and branches",
    by_table: &[
        (elf::R_AARCH64_ADR_GOT_PAGE, "R_AARCH64_ADR_GOT_PAGE"),
        (
            elf::R_AARCH64_LD64_GOT_LO12_NC,
            "R_AARCH64_LD64_GOT_LO12_NC",
        ),
        (
            elf::R_AARCH64_LD64_GOTPAGE_LO15,
            "R_AARCH64_LD64_GOTPAGE_LO15",
        ),
        (
            elf::R_AARCH64_LD64_GOTOFF_LO15,
            "R_AARCH64_LD64_GOTOFF_LO15",
        ),
        (elf::R_AARCH64_GOT_LD_PREL19, "R_AARCH64_GOT_LD_PREL19"),
        (elf::R_AARCH64_GOTREL64, "R_AARCH64_GOTREL64"),
        (elf::R_AARCH64_GOTREL32, "R_AARCH64_GOTREL32"),
    ],
    relative_to_end: &[],
    traced_call: INSTRUCTION,
    // An instruction that saves the link register precedes the site, and before that may be a `bti`.
    entries: &[2 * INSTRUCTION, 3 * INSTRUCTION],
    // The kernel uses the compiler's list as it is.
    traced_places: b"__patchable_function_entries",
    site: Some(site),
    return_thunks: &[],
};

/// The patch site. The compiler lists the first of its two nops at a function's start, or that of two
/// others before the function, where the kernel has data.
fn site(
    listed: u64,
    is_function: &dyn Fn(u64) -> bool,
    instruction: &dyn Fn(u64) -> Option<u32>,
) -> Option<u64> {
    let before = listed.checked_add(BEFORE)?;
    let first = match is_function(before) {
        true if is_landing(instruction(before)?) => before.checked_add(INSTRUCTION)?,
        true => before,
        false => listed,
    };
    first.checked_add(INSTRUCTION)
}

/// Whether the instruction is `bti`, a landing pad for indirect branches.
fn is_landing(instruction: u32) -> bool {
    // Its two bits for the kinds of branches do not matter.
    instruction & !0xc0 == 0xd503_241f
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOP: u32 = 0xd503_201f;
    const BTI_C: u32 = 0xd503_245f;

    #[test]
    fn patch_sites_follow_the_first_nop_of_a_function() {
        // The function's first instruction, its address, the listed address, and the patch site.
        for (first, function, listed, call) in [
            (NOP, 0x100, 0x100, 0x104),
            (BTI_C, 0x100, 0x104, 0x108),
            (NOP, 0x108, 0x100, 0x10c),
            (BTI_C, 0x108, 0x100, 0x110),
        ] {
            let is_function = |place| place == function;
            let instruction = |place| (place == function).then_some(first);
            let found = site(listed, &is_function, &instruction);
            assert_eq!(found, Some(call), "{function:#x} {listed:#x}");
        }
    }

    #[test]
    fn bti_is_distinguished_from_other_hints() {
        for landing in [0xd503_241f, BTI_C, 0xd503_249f, 0xd503_24df] {
            assert!(is_landing(landing), "{landing:#x}");
        }
        // nop, paciasp, ret
        for other in [NOP, 0xd503_233f, 0xd65f_03c0] {
            assert!(!is_landing(other), "{other:#x}");
        }
    }

    #[test]
    fn malformed_lists_have_no_patch_sites() {
        assert_eq!(site(u64::MAX, &|_| true, &|_| None), None);
        assert_eq!(site(0x100, &|_| true, &|_| None), None);
    }
}
