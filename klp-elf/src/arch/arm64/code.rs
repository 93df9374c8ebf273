// SPDX-License-Identifier: GPL-2.0-only

//! Decodes arm64 instructions by their fixed bits (Arm Architecture Reference Manual, "Top level
//! encodings for A64").

use crate::arch::arm64::INSTRUCTION;
use crate::arch::effect::{Effect, Flow, Memory};
use object::elf::{self, RelocationType};

/// The instructions that push the return address onto the shadow call stack and pop it: `str x30, [x18], #8` and
/// `ldr x30, [x18, #-8]!`.
const SHADOW_CALL_STACK: [u32; 2] = [0xf800_865e, 0xf85f_8e5e];

/// The register number of the stack pointer, in operands that can be it.
const SP: u32 = 31;

/// An instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instruction {
    start: u64,
    word: u32,
}

/// The instructions of a function.
pub(crate) struct Instructions<'data> {
    code: &'data [u8],
    start: u64,
}

impl<'data> Instructions<'data> {
    pub(crate) fn new(code: &'data [u8], start: u64) -> Self {
        Self { code, start }
    }
}

impl Iterator for Instructions<'_> {
    type Item = Instruction;

    fn next(&mut self) -> Option<Instruction> {
        let (word, rest) = self.code.split_first_chunk()?;
        let instruction = Instruction {
            start: self.start,
            word: u32::from_le_bytes(*word),
        };
        self.code = rest;
        self.start = instruction.end();
        Some(instruction)
    }
}

impl Instruction {
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    pub(crate) fn end(&self) -> u64 {
        self.start.wrapping_add(INSTRUCTION)
    }

    /// Whether these bits have this value.
    fn is(&self, mask: u32, value: u32) -> bool {
        self.word & mask == value
    }

    /// `count` bits from `first` on.
    fn bits(&self, first: u32, count: u32) -> u32 {
        (self.word >> first) & ((1 << count) - 1)
    }

    /// The same as a signed number.
    fn signed(&self, first: u32, count: u32) -> i64 {
        let unused = 32 - count;
        // CAST: the highest of the bits is the sign.
        i64::from(((self.bits(first, count) << unused) as i32) >> unused)
    }

    /// A branch by the number of instructions in `count` bits from `first` on.
    fn branch(&self, first: u32, count: u32) -> Flow {
        let away = self.signed(first, count) << 2;
        Flow::Branch(self.start.wrapping_add_signed(away))
    }

    pub(crate) fn flow(&self) -> Flow {
        if self.is(0xfc00_0000, 0x9400_0000) {
            // BL
            Flow::Call
        } else if self.is(0xfc00_0000, 0x1400_0000) {
            // B
            self.branch(0, 26)
        } else if self.is(0xff00_0000, 0x5400_0000) || self.is(0x7e00_0000, 0x3400_0000) {
            // B.cond, BC.cond, CBZ, CBNZ
            self.branch(5, 19)
        } else if self.is(0x7e00_0000, 0x3600_0000) {
            // TBZ, TBNZ
            self.branch(5, 14)
        } else if self.is(0x7e00_0000, 0x7400_0000) {
            // CB, CBB, CBH
            self.branch(5, 9)
        } else if self.is(0xfe00_0000, 0xd600_0000) {
            match self.bits(21, 3) {
                // BR, BRAA, BRAB and others; the rest are calls and returns.
                0 => Flow::IndirectBranch,
                _ => Flow::Other,
            }
        } else if self.is(0xff80_0000, 0x5500_0000) || self.is(0xffe0_001f, 0xd420_0000) {
            // RETAASPPC, RETABSPPC; BRK
            Flow::Other
        } else {
            Flow::Next
        }
    }

    pub(crate) fn effect(&self) -> Option<Effect> {
        let is_sp = |register: u32| register == SP;
        let (into, from) = (self.bits(0, 5), self.bits(5, 5));
        if self.is(0xff80_0000, 0xd100_0000) && is_sp(from) {
            // SUB (immediate). Another register becomes the stack pointer after alignment.
            let shift = 12 * self.bits(22, 1);
            Some(Effect::Lowers(u64::from(self.bits(10, 12)) << shift))
        } else if self.is(0xff80_0000, 0x9200_0000) && is_sp(into) {
            // AND with a mask whose upper bits are ones.
            Some(Effect::Aligns(1 << 63_u32.saturating_sub(self.bits(10, 6))))
        } else if self.is(0xffe0_0000, 0xcb20_0000) && is_sp(from) {
            // SUB of a register.
            Some(Effect::Varies)
        } else if self.is(0x3bc0_0000, 0x2980_0000) && is_sp(from) {
            // STP, pre-indexed.
            let size = match (self.bits(26, 1), self.bits(30, 2)) {
                (0, 0) => 4,
                (0, _) => 8,
                (_, size) => 4 << size,
            };
            lowers(self.signed(15, 7) * size)
        } else if self.is(0x3b60_0c00, 0x3800_0c00) && is_sp(from) {
            // STR, pre-indexed.
            lowers(self.signed(12, 9))
        } else {
            None
        }
    }

    pub(crate) fn memory(&self) -> Memory {
        const NONE: Memory = Memory {
            loads: 0,
            stores: 0,
        };
        const LOAD: Memory = Memory { loads: 1, ..NONE };
        const STORE: Memory = Memory { stores: 1, ..NONE };
        const BOTH: Memory = Memory {
            loads: 1,
            stores: 1,
        };
        // The group of loads and stores.
        if !self.is(0x0a00_0000, 0x0800_0000) {
            return NONE;
        }
        // PC-relative, from a literal pool.
        if self.is(0x3b00_0000, 0x1800_0000) {
            return LOAD;
        }
        if self.bits(5, 5) == SP || SHADOW_CALL_STACK.contains(&self.word) {
            return NONE;
        }
        if self.is(0x3800_0000, 0x3800_0000) {
            // One register. Atomic operations have bit 21 set, and no offset.
            let is_atomic = self.is(0x0120_0c00, 0x0020_0000);
            return match (self.bits(22, 2), self.bits(30, 2), self.bits(26, 1)) {
                _ if is_atomic => BOTH,
                (0, ..) => STORE,
                // PRFM
                (2, 3, 0) => NONE,
                // Stores of 128 bits.
                (2, 0, 1) => STORE,
                _ => LOAD,
            };
        }
        // Pairs, and those with memory ordering.
        match self.bits(22, 1) {
            0 => STORE,
            _ => LOAD,
        }
    }

    pub(crate) fn text(&self) -> String {
        let register = self.bits(5, 5);
        match self.flow() {
            Flow::Branch(to) => format!("{} {to:#x}", self.branch_name()),
            Flow::IndirectBranch => format!("br x{register}"),
            Flow::Call => "bl".to_owned(),
            Flow::Next | Flow::Other => format!(".inst {:#010x}", self.word),
        }
    }

    fn branch_name(&self) -> &'static str {
        const CONDITIONS: [&str; 16] = [
            "b.eq", "b.ne", "b.hs", "b.lo", "b.mi", "b.pl", "b.vs", "b.vc", "b.hi", "b.ls", "b.ge",
            "b.lt", "b.gt", "b.le", "b.al", "b.nv",
        ];
        let is_not_zero = self.bits(24, 1) == 1;
        match self.bits(25, 6) {
            // CAST: of four bits.
            0x2a => CONDITIONS[self.bits(0, 4) as usize],
            0x1a if is_not_zero => "cbnz",
            0x1a => "cbz",
            0x1b if is_not_zero => "tbnz",
            0x1b => "tbz",
            0x3a => "cb",
            _ => "b",
        }
    }
}

/// `None` if the instruction releases stack space.
fn lowers(away: i64) -> Option<Effect> {
    let bytes = u64::try_from(away.checked_neg()?).ok()?;
    Some(Effect::Lowers(bytes))
}

/// The offset of a call's or jump's target from its symbol.
pub(crate) fn call(kind: RelocationType, addend: i64) -> Option<i64> {
    let is_call = [elf::R_AARCH64_CALL26, elf::R_AARCH64_JUMP26].contains(&kind);
    is_call.then_some(addend)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instruction(word: u32) -> Instruction {
        Instruction {
            start: 0x1000,
            word,
        }
    }

    /// An assembler encodes each text as its word.
    #[test]
    fn control_flow_is_decoded() {
        for (word, flow, text) in [
            (0x1400_0004, Flow::Branch(0x1010), "b 0x1010"),
            (0x17ff_ffff, Flow::Branch(0xffc), "b 0xffc"),
            (0x9400_0004, Flow::Call, "bl"),
            (0x5400_0040, Flow::Branch(0x1008), "b.eq 0x1008"),
            (0x54ff_ffeb, Flow::Branch(0xffc), "b.lt 0xffc"),
            (0xb400_0080, Flow::Branch(0x1010), "cbz 0x1010"),
            (0x3500_0080, Flow::Branch(0x1010), "cbnz 0x1010"),
            (0x3708_0040, Flow::Branch(0x1008), "tbnz 0x1008"),
            (0xb6ff_ffe0, Flow::Branch(0xffc), "tbz 0xffc"),
            (0xd61f_0200, Flow::IndirectBranch, "br x16"),
            // braa x16, x17
            (0xd71f_0a11, Flow::IndirectBranch, "br x16"),
            // blr x8, blraaz x8, ret, retaa, brk #1
            (0xd63f_0100, Flow::Other, ".inst 0xd63f0100"),
            (0xd63f_091f, Flow::Other, ".inst 0xd63f091f"),
            (0xd65f_03c0, Flow::Other, ".inst 0xd65f03c0"),
            (0xd65f_0bff, Flow::Other, ".inst 0xd65f0bff"),
            (0xd420_0020, Flow::Other, ".inst 0xd4200020"),
            // nop, paciasp, bti c, add x0, x0, #1
            (0xd503_201f, Flow::Next, ".inst 0xd503201f"),
            (0xd503_233f, Flow::Next, ".inst 0xd503233f"),
            (0xd503_245f, Flow::Next, ".inst 0xd503245f"),
            (0x9100_0400, Flow::Next, ".inst 0x91000400"),
        ] {
            let instruction = instruction(word);
            assert_eq!(instruction.flow(), flow, "{word:#x}");
            assert_eq!(instruction.text(), text, "{word:#x}");
        }
    }

    #[test]
    fn stack_reservations_are_decoded() {
        for (word, effect) in [
            // stp x29, x30, [sp, #-96]!
            (0xa9ba_7bfd, Some(Effect::Lowers(96))),
            // str x30, [sp, #-16]!
            (0xf81f_0ffe, Some(Effect::Lowers(16))),
            // sub sp, sp, #0x40; sub sp, sp, #1, lsl #12; sub x9, sp, #0x50
            (0xd101_03ff, Some(Effect::Lowers(64))),
            (0xd140_07ff, Some(Effect::Lowers(4096))),
            (0xd101_43e9, Some(Effect::Lowers(80))),
            // and sp, x9, #0xffffffffffffffc0
            (0x927a_e53f, Some(Effect::Aligns(64))),
            // sub x9, sp, x8
            (0xcb28_63e9, Some(Effect::Varies)),
            // stp x20, x19, [sp, #16]; ldp x29, x30, [sp], #96; add sp, sp, #64; mov sp, x29
            (0xa901_4ff4, None),
            (0xa8c6_7bfd, None),
            (0x9101_03ff, None),
            (0x9100_03bf, None),
        ] {
            assert_eq!(instruction(word).effect(), effect, "{word:#x}");
        }
    }

    #[test]
    fn loads_and_stores_are_distinguished() {
        for (word, loads, stores) in [
            // ldr x0, [x1]; ldrb w0, [x1, #3]; ldrsw x0, [x1]; ldp x0, x1, [x2]; ldar w0, [x1]; ldr x0, label
            (0xf940_0020, 1, 0),
            (0x3940_0c20, 1, 0),
            (0xb980_0020, 1, 0),
            (0xa940_0440, 1, 0),
            (0x88df_fc20, 1, 0),
            (0x5800_0040, 1, 0),
            // str w0, [x1]; stp x0, x1, [x2]; stlr w0, [x1]
            (0xb900_0020, 0, 1),
            (0xa900_0440, 0, 1),
            (0x889f_fc20, 0, 1),
            // ldadd w0, w1, [x2]
            (0xb820_0041, 1, 1),
            // ldr x0, [sp, #8]; prfm pldl1keep, [x0]; add x0, x0, #1
            (0xf940_07e0, 0, 0),
            (0xf980_0000, 0, 0),
            (0x9100_0400, 0, 0),
            // str x30, [x18], #8; ldr x30, [x18, #-8]!
            (0xf800_865e, 0, 0),
            (0xf85f_8e5e, 0, 0),
            // str x30, [x18]
            (0xf900_025e, 0, 1),
        ] {
            let memory = instruction(word).memory();
            assert_eq!((memory.loads, memory.stores), (loads, stores), "{word:#x}");
        }
    }
}
