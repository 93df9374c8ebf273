// SPDX-License-Identifier: GPL-2.0-only

//! Decodes x86-64 instructions with `iced-x86`.

use crate::arch::effect::{Effect, Flow, Memory};
use iced_x86::{
    Decoder, DecoderIntoIter, DecoderOptions, FlowControl, Formatter as _, InstructionInfoFactory,
    Mnemonic, NasmFormatter, OpAccess, OpKind, Register,
};
use object::elf::{self, RelocationType};

/// The opcodes of a call and a jump.
const CALL: u8 = 0xe8;
const JUMP: u8 = 0xe9;

/// The length of their field. Its value is relative to the field's end.
const FIELD: i64 = 4;

/// An instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instruction(iced_x86::Instruction);

/// The instructions of a function.
pub(crate) struct Instructions<'data>(DecoderIntoIter<'data>);

impl<'data> Instructions<'data> {
    pub(crate) fn new(code: &'data [u8], start: u64) -> Self {
        let decoder = Decoder::with_ip(64, code, start, DecoderOptions::NONE);
        Self(decoder.into_iter())
    }
}

impl Iterator for Instructions<'_> {
    type Item = Instruction;

    fn next(&mut self) -> Option<Instruction> {
        self.0.next().map(Instruction)
    }
}

impl Instruction {
    pub(crate) fn start(&self) -> u64 {
        self.0.ip()
    }

    pub(crate) fn end(&self) -> u64 {
        self.0.next_ip()
    }

    pub(crate) fn flow(&self) -> Flow {
        match self.0.flow_control() {
            FlowControl::Next => Flow::Next,
            FlowControl::Call => Flow::Call,
            FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch => {
                Flow::Branch(self.0.near_branch_target())
            }
            FlowControl::IndirectBranch => Flow::IndirectBranch,
            _ => Flow::Other,
        }
    }

    pub(crate) fn effect(&self) -> Option<Effect> {
        let instruction = &self.0;
        let mnemonic = instruction.mnemonic();
        if mnemonic == Mnemonic::Push {
            return Some(Effect::Saves(8));
        }
        if instruction.op0_kind() != OpKind::Register || instruction.op0_register() != Register::RSP
        {
            return None;
        }
        let value = match instruction.op1_kind() {
            OpKind::Register | OpKind::Memory => None,
            _ => instruction.try_immediate(1).ok(),
        };
        // CAST: immediates are sign-extended.
        match (mnemonic, value) {
            (Mnemonic::Sub, Some(value)) => reserves(value as i64),
            (Mnemonic::Add, Some(value)) => reserves((value as i64).checked_neg()?),
            (Mnemonic::And, Some(value)) => Some(Effect::Aligns((value as i64).unsigned_abs())),
            (Mnemonic::Sub, None) => Some(Effect::Varies),
            (Mnemonic::Lea, None) if instruction.memory_base() == Register::RSP => {
                match instruction.memory_index() {
                    Register::None => {
                        reserves((instruction.memory_displacement64() as i64).checked_neg()?)
                    }
                    _ => Some(Effect::Varies),
                }
            }
            _ => None,
        }
    }

    pub(crate) fn memory(&self) -> Memory {
        let mut memory = Memory::default();
        for used in InstructionInfoFactory::new().info(&self.0).used_memory() {
            // A kernel is built without frame pointers, so RBP is like any other register.
            if used.base() == Register::RSP {
                continue;
            }
            memory.loads += usize::from(reads(used.access()));
            memory.stores += usize::from(writes(used.access()));
        }
        memory
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        NasmFormatter::new().format(&self.0, &mut text);
        text
    }
}

/// `None` if the instruction releases stack space.
fn reserves(bytes: i64) -> Option<Effect> {
    let bytes = u64::try_from(bytes).ok()?;
    Some(Effect::Reserves(bytes))
}

fn reads(access: OpAccess) -> bool {
    use OpAccess::{CondRead, Read, ReadCondWrite, ReadWrite};
    matches!(access, Read | CondRead | ReadWrite | ReadCondWrite)
}

fn writes(access: OpAccess) -> bool {
    use OpAccess::{CondWrite, ReadCondWrite, ReadWrite, Write};
    matches!(access, Write | CondWrite | ReadWrite | ReadCondWrite)
}

/// The offset of a call's or jump's target from its symbol.
pub(crate) fn call(kind: RelocationType, code: &[u8], offset: u64, addend: i64) -> Option<i64> {
    let is_relative = [elf::R_X86_64_PLT32, elf::R_X86_64_PC32].contains(&kind);
    let opcode = usize::try_from(offset.checked_sub(1)?).ok()?;
    let opcode = code.get(opcode);
    (is_relative && matches!(opcode, Some(&(CALL | JUMP)))).then_some(())?;
    addend.checked_add(FIELD)
}
