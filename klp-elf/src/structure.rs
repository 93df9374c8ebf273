// SPDX-License-Identifier: GPL-2.0-only

//! Structures and unions.

use crate::prototype::{Identity, Kind, Type};
use crate::text::Identifier;

/// A structure or union with its members.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Structure {
    /// Its tag and the typedefs it was found through, outermost first.
    pub names: Vec<Identifier>,
    /// Whether it is a union.
    pub union: bool,
    /// Its size in bytes.
    pub size: u64,
    /// Its alignment in bytes; lower than C's if the C type has an alignment attribute.
    pub align: u64,
    /// Its members in C's order. Those of unnamed inner structures and unions are listed here, as
    /// C does.
    pub members: Vec<Member>,
    /// The number of names in it that are not C identifiers. These are left out, and so are members of
    /// such a name.
    pub left_out: usize,
}

/// A member of a structure or union.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Member {
    /// Its name.
    pub name: Identifier,
    /// Its offset in bytes; of a bit-field, that of the byte with its first bit.
    pub offset: u64,
    /// The offset and width of a bit-field.
    pub bits: Option<Bits>,
    /// Its size in bytes; of a bit-field, that of the bytes it touches.
    pub size: u64,
    /// Its type.
    pub ty: Type,
    /// Whether it shares its bytes with others, as the members of a union do.
    pub shared: bool,
}

/// Why a path does not name a member.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum NoMember {
    /// This structure has no member of that name.
    Missing {
        /// The structure.
        structure: Box<Structure>,
        /// The name.
        name: String,
    },
    /// The path continues after a member that is not a structure.
    NoStructure(Box<Member>),
}

/// The place of a bit-field in its bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bits {
    /// Its first bit, counted from the lowest one of its first byte.
    pub first: u8,
    /// The number of bits.
    pub count: u8,
}

impl Structure {
    /// The member of that name.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// The structure as the only member of itself. `None` without a name.
    pub fn as_member(&self) -> Option<Member> {
        let name = self.names.last()?.clone();
        let c = name.to_string();
        Some(Member {
            offset: 0,
            bits: None,
            size: self.size,
            ty: Type {
                name_at: c.len(),
                c,
                base: name.to_string(),
                size: self.size,
                align: self.align,
                kind: Kind::Aggregate {
                    names: self.names.clone(),
                },
                identity: self.identity(),
            },
            name,
            shared: false,
        })
    }

    /// Distinguishes it from other structures of its name.
    pub(crate) fn identity(&self) -> Identity {
        Identity {
            place: None,
            content: Some(self.content()),
        }
    }

    /// Its name in C: its tag, or the typedef of one without.
    pub fn name(&self) -> &str {
        self.names.last().map_or("", Identifier::as_str)
    }

    /// A hash of its size and members, which distinguishes structures of one name.
    pub fn content(&self) -> u64 {
        let mut hash = Fnv::default();
        hash.number(u64::from(self.union));
        hash.number(self.size);
        for member in &self.members {
            hash.text(&member.name);
            hash.number(member.offset);
            if let Some(Bits { first, count }) = member.bits {
                hash.number(u64::from(first) << 8 | u64::from(count));
            }
            hash.number(member.size);
            hash.text(&member.ty.c);
        }
        hash.0
    }

    /// Whether C functions pass and return it by value like integers of its size.
    pub fn passes_like_integers(&self) -> bool {
        let aligned =
            |member: &Member| member.bits.is_some() || member.offset % member.ty.align.max(1) == 0;
        self.members
            .iter()
            .all(|member| aligned(member) && !holds_other(&member.ty))
    }
}

/// FNV-1a, which is the same in every build.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn number(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes(text.as_bytes());
    }
}

/// Whether it has anything but integers and pointers. Inner structures are not searched: kernels do not
/// use floating-point numbers.
fn holds_other(ty: &Type) -> bool {
    match &ty.kind {
        Kind::Other => true,
        Kind::Array { element, .. } => holds_other(element),
        _ => false,
    }
}
