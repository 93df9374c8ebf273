// SPDX-License-Identifier: GPL-2.0-only

//! Reads BTF, the kernel's type information (`Documentation/bpf/btf.rst`).
//!
//! Types and names are read in place. A type takes four more bytes, and eight once types are searched by
//! name.

use crate::kernel::index::Index;
use crate::limits::{BTF_STRINGS_MAX, BTF_TYPES_MAX, NAME_MAX};
use std::cell::OnceCell;
use std::ops::Range;
use std::rc::Rc;

const MAGIC: u16 = 0xeb9f;
/// The length of the known header; a longer one has more fields.
const HEADER: usize = 24;
/// The head of each type: name, info, size or type.
const TYPE: usize = 12;

/// Why BTF cannot be read, or lacks a type.
pub(crate) type Reason = String;

/// One section of types.
pub(crate) struct Btf {
    data: Vec<u8>,
    types: Range<usize>,
    strings: Range<usize>,
    /// The offset of each type.
    offsets: Vec<u32>,
    /// The section whose type numbers and string offsets this one continues.
    base: Option<Rc<Btf>>,
    index: OnceCell<Index>,
}

/// The offset of a name.
#[derive(Clone, Copy)]
pub(super) struct NameAt(u32);

/// A type, which refers to others by ID.
#[derive(Clone, Copy)]
pub(super) enum Raw<'a> {
    Void,
    Int {
        name: NameAt,
        size: u32,
        signed: bool,
        boolean: bool,
    },
    Pointer(u32),
    Array {
        element: u32,
        length: u32,
    },
    Struct(Aggregate<'a>),
    Union(Aggregate<'a>),
    Enum {
        name: NameAt,
        size: u32,
        signed: bool,
    },
    Forward {
        name: NameAt,
        union: bool,
    },
    Typedef {
        name: NameAt,
        ty: u32,
    },
    Volatile(u32),
    Const(u32),
    Restrict(u32),
    Function {
        name: NameAt,
        ty: u32,
    },
    Prototype(Signature<'a>),
    Float {
        name: NameAt,
        size: u32,
    },
    Tag {
        name: NameAt,
        ty: u32,
    },
    Other,
}

/// A structure or union.
#[derive(Clone, Copy)]
pub(super) struct Aggregate<'a> {
    pub(super) name: NameAt,
    pub(super) size: u32,
    bits: bool,
    members: &'a [u8],
}

/// A member of one.
#[derive(Clone, Copy)]
pub(super) struct Member {
    pub(super) name: NameAt,
    pub(super) ty: u32,
    /// The first bit.
    pub(super) bit: u32,
    /// The width of a bit-field; 0 for another member.
    pub(super) bits: u8,
}

/// A function's type.
#[derive(Clone, Copy)]
pub(super) struct Signature<'a> {
    pub(super) result: u32,
    parameters: &'a [u8],
}

/// A parameter of one.
#[derive(Clone, Copy)]
pub(super) struct Parameter {
    pub(super) name: NameAt,
    pub(super) ty: u32,
}

impl Btf {
    /// Reads a section, without parsing its types.
    pub(crate) fn parse(data: Vec<u8>, base: Option<Rc<Self>>) -> Result<Self, Reason> {
        let (types, strings) = parts(&data)?;
        let mut btf = Self {
            data,
            types,
            strings,
            offsets: Vec::new(),
            base,
            index: OnceCell::new(),
        };
        btf.offsets = btf.walk()?;
        Ok(btf)
    }

    /// Finds the start of each type.
    fn walk(&self) -> Result<Vec<u32>, Reason> {
        let types = self.bytes(&self.types);
        let names = self.first_name().saturating_add(self.strings.len() as u64);
        let mut offsets = Vec::new();
        let mut at = 0;
        while at < types.len() {
            let head = types.get(at..at + TYPE).ok_or_else(cut)?;
            let kind = kind(word(head, 1));
            let length = rest(kind, vlen(word(head, 1)))
                .ok_or_else(|| format!("it has a type of kind {kind}, which is not known"))?;
            if u64::from(word(head, 0)) >= names.max(1) {
                return Err("the name of a type is outside of its strings".to_owned());
            }
            if offsets.len() >= BTF_TYPES_MAX as usize {
                return Err(format!("it has more than {BTF_TYPES_MAX} types"));
            }
            offsets.push(u32::try_from(at).map_err(|_| "it is too large".to_owned())?);
            at += TYPE + length;
        }
        match at == types.len() {
            true => Ok(offsets),
            false => Err(cut()),
        }
    }

    fn bytes(&self, range: &Range<usize>) -> &[u8] {
        self.data.get(range.clone()).unwrap_or_default()
    }

    /// The first offset of this section's strings.
    fn first_name(&self) -> u64 {
        self.base
            .as_ref()
            .map_or(0, |base| base.strings.len() as u64)
    }

    /// The IDs of this section's types.
    pub(super) fn own(&self) -> Range<u32> {
        let first = self.base.as_ref().map_or(1, |base| base.own().end);
        // CAST: not more than `BTF_TYPES_MAX`, and the same for the base.
        first..first + self.offsets.len() as u32
    }

    /// The section whose IDs this one continues.
    pub(super) fn base(&self) -> Option<&Self> {
        self.base.as_deref()
    }

    /// The type of that ID.
    pub(super) fn get(&self, id: u32) -> Option<Raw<'_>> {
        if id == 0 {
            return Some(Raw::Void);
        }
        let own = self.own();
        match id.checked_sub(own.start) {
            None => self.base.as_ref()?.get(id),
            Some(number) => {
                let offset = *self.offsets.get(number as usize)? as usize;
                raw(self.bytes(&self.types).get(offset..)?)
            }
        }
    }

    /// A name, truncated to `NAME_MAX + 1` bytes; empty if there is none.
    pub(super) fn name(&self, at: NameAt) -> &[u8] {
        match u64::from(at.0).checked_sub(self.first_name()) {
            None => self.base.as_ref().map_or(&[], |base| base.name(at)),
            Some(offset) => {
                let strings = self.bytes(&self.strings);
                crate::elf::string(strings, offset, NAME_MAX).unwrap_or_default()
            }
        }
    }

    /// The IDs of this section's types of a name, in ascending order.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = u32> {
        let found = self
            .index
            .get_or_init(|| self.index())
            .find(name.as_bytes());
        let name = name.to_owned();
        found.filter(move |id| {
            let at = self.get(*id).and_then(|raw| raw.name());
            at.is_some_and(|at| self.name(at) == name.as_bytes())
        })
    }

    fn index(&self) -> Index {
        let names = self.own().filter_map(|id| {
            let name = self.name(self.get(id)?.name()?);
            (!name.is_empty()).then_some((id, name))
        });
        Index::new(names)
    }
}

impl Raw<'_> {
    /// Its name, if its kind has one.
    pub(super) fn name(&self) -> Option<NameAt> {
        match self {
            Self::Int { name, .. }
            | Self::Enum { name, .. }
            | Self::Forward { name, .. }
            | Self::Typedef { name, .. }
            | Self::Function { name, .. }
            | Self::Float { name, .. }
            | Self::Tag { name, .. } => Some(*name),
            Self::Struct(it) | Self::Union(it) => Some(it.name),
            _ => None,
        }
    }
}

impl Aggregate<'_> {
    pub(super) fn members(&self) -> impl Iterator<Item = Member> {
        let bits = self.bits;
        self.members.chunks_exact(12).map(move |member| {
            let place = word(member, 2);
            Member {
                name: NameAt(word(member, 0)),
                ty: word(member, 1),
                bit: if bits { place & 0x00ff_ffff } else { place },
                bits: if bits { (place >> 24) as u8 } else { 0 },
            }
        })
    }
}

impl Signature<'_> {
    pub(super) fn parameters(
        &self,
    ) -> impl DoubleEndedIterator<Item = Parameter> + ExactSizeIterator {
        self.parameters.chunks_exact(8).map(|parameter| Parameter {
            name: NameAt(word(parameter, 0)),
            ty: word(parameter, 1),
        })
    }
}

impl Parameter {
    /// Whether it is the dots of a variadic function.
    pub(super) fn is_dots(&self) -> bool {
        self.name.0 == 0 && self.ty == 0
    }
}

/// Parses the type at the beginning of these bytes.
fn raw(bytes: &[u8]) -> Option<Raw<'_>> {
    let (head, rest_of_all) = bytes.split_at_checked(TYPE)?;
    let (name, info, third) = (NameAt(word(head, 0)), word(head, 1), word(head, 2));
    let flag = info >> 31 != 0;
    let rest = rest_of_all.get(..rest(kind(info), vlen(info))?)?;
    let aggregate = Aggregate {
        name,
        size: third,
        bits: flag,
        members: rest,
    };
    Some(match kind(info) {
        1 => {
            let encoding = word(rest, 0) >> 24 & 0xf;
            Raw::Int {
                name,
                size: third,
                signed: encoding & 1 != 0,
                boolean: encoding & 4 != 0,
            }
        }
        2 => Raw::Pointer(third),
        3 => Raw::Array {
            element: word(rest, 0),
            length: word(rest, 2),
        },
        4 => Raw::Struct(aggregate),
        5 => Raw::Union(aggregate),
        6 | 19 => Raw::Enum {
            name,
            size: third,
            signed: flag,
        },
        7 => Raw::Forward { name, union: flag },
        8 => Raw::Typedef { name, ty: third },
        9 => Raw::Volatile(third),
        10 => Raw::Const(third),
        11 => Raw::Restrict(third),
        12 => Raw::Function { name, ty: third },
        13 => Raw::Prototype(Signature {
            result: third,
            parameters: rest,
        }),
        16 => Raw::Float { name, size: third },
        18 => Raw::Tag { name, ty: third },
        _ => Raw::Other,
    })
}

fn kind(info: u32) -> u32 {
    info >> 24 & 0x1f
}

fn vlen(info: u32) -> usize {
    (info & 0xffff) as usize
}

/// The length after a type's head. `None` for an unknown kind.
fn rest(kind: u32, parts: usize) -> Option<usize> {
    Some(match kind {
        2 | 7..=12 | 16 | 18 => 0,
        1 | 14 | 17 => 4,
        3 => 12,
        4 | 5 | 15 | 19 => 12 * parts,
        6 | 13 => 8 * parts,
        _ => return None,
    })
}

/// The word of that index; 0 past the end.
fn word(bytes: &[u8], number: usize) -> u32 {
    let bytes = bytes.get(number * 4..).and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn cut() -> Reason {
    "it is truncated".to_owned()
}

/// Finds the types and the strings by the header.
fn parts(data: &[u8]) -> Result<(Range<usize>, Range<usize>), Reason> {
    let header = data.get(..HEADER).ok_or_else(cut)?;
    if header[..2] != MAGIC.to_le_bytes() {
        return Err("it does not begin as BTF of a little-endian machine does".to_owned());
    }
    let (version, flags) = (header[2], header[3]);
    if version != 1 || flags != 0 {
        return Err(format!(
            "it is of version {version} with flags {flags:#x}, which is not known"
        ));
    }
    // The header's length comes first.
    let field = |number: usize| word(header, number) as usize;
    let part = |offset: usize, length: usize| {
        let start = field(1).checked_add(field(offset))?;
        let end = start.checked_add(field(length))?;
        data.get(start..end).map(|_| start..end)
    };
    let types = part(2, 3).ok_or_else(cut)?;
    let strings = part(4, 5).ok_or_else(cut)?;
    if data[strings.clone()].last().is_some_and(|&byte| byte != 0) {
        return Err("its strings do not end".to_owned());
    }
    if strings.len() > BTF_STRINGS_MAX {
        return Err(format!(
            "its strings have more than {BTF_STRINGS_MAX} bytes"
        ));
    }
    Ok((types, strings))
}
