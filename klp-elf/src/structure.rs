// SPDX-License-Identifier: GPL-2.0-only

//! Structures and unions.

use crate::prototype::{Kind, Type};
use crate::text::Identifier;

/// A structure or union and what is in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Structure {
    /// Its tag and the typedefs it was found through, outermost first.
    pub names: Vec<Identifier>,
    /// Is it a union?
    pub union: bool,
    /// Its size in bytes.
    pub size: u64,
    /// Its alignment in bytes; less than C's where C was told more than the members need.
    pub align: u64,
    /// Its members in C's order. Those of inner structures and unions without a name stand here as
    /// if they were its own, as C has it.
    pub members: Vec<Member>,
    /// How many names in it are no C identifiers. These are left out, and so are members of such a
    /// name.
    pub left_out: usize,
}

/// A member of a structure or union.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Member {
    /// Its name.
    pub name: Identifier,
    /// Its offset in bytes; of a bit-field, that of the byte with its first bit.
    pub offset: u64,
    /// For a bit-field: where in that byte it begins, and how many bits it has.
    pub bits: Option<Bits>,
    /// Its size in bytes; of a bit-field, that of the bytes it touches.
    pub size: u64,
    /// Its type.
    pub ty: Type,
}

/// The place of a bit-field in its bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bits {
    /// Its first bit, counted from the lowest one of its first byte.
    pub first: u8,
    /// How many it has.
    pub count: u8,
}

impl Structure {
    /// The member of that name.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// Do C functions take and give it by value as they do integers of its size?
    pub(crate) fn passes_like_integers(&self) -> bool {
        let aligned =
            |member: &Member| member.bits.is_some() || member.offset % member.ty.align.max(1) == 0;
        self.members
            .iter()
            .all(|member| aligned(member) && !holds_other(&member.ty))
    }
}

/// Is there anything but integers and pointers in it? Inner structures are taken at their word:
/// kernels do not compute with floating-point numbers.
fn holds_other(ty: &Type) -> bool {
    match &ty.kind {
        Kind::Other => true,
        Kind::Array { element, .. } => holds_other(element),
        _ => false,
    }
}
