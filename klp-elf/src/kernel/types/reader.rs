// SPDX-License-Identifier: GPL-2.0-only

//! Reads a type with all it refers to.
//!
//! What a file says is not trusted: a type may refer to itself, or to so many others that reading
//! them all would never end. So each question has a budget of steps.

use super::{Reason, Types};
use crate::prototype::{Identity, Kind, Parameter, Place, Pointee, Prototype, Type};
use btf_rs::{BtfType, Type as Raw};
use std::cell::Cell;

/// How many types one question may look at.
const STEPS: u32 = 100_000;

/// How deep types may be nested in each other.
const DEPTH: u32 = 64;

/// The size of a pointer.
const POINTER: u64 = 8;

/// The largest alignment of an integer.
const LARGEST: u64 = 16;

/// Answers one question.
pub(super) struct Reader<'a> {
    pub(super) types: &'a Types,
    steps: Cell<u32>,
}

/// A type under its typedefs and qualifiers.
pub(super) struct Peeled {
    /// Its number.
    pub(super) id: u32,
    pub(super) raw: Raw,
    /// The typedefs, outermost first.
    pub(super) typedefs: Vec<String>,
    /// Was there a `const`?
    constant: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(types: &'a Types) -> Self {
        Self {
            types,
            steps: Cell::new(STEPS),
        }
    }

    pub(super) fn raw(&self, id: u32) -> Result<Raw, Reason> {
        let left = self.steps.get().checked_sub(1);
        self.steps
            .set(left.ok_or("its types refer to too many others")?);
        let raw = self.types.btf.resolve_type_by_id(id);
        raw.map_err(|_| format!("it refers to type {id}, which it does not have"))
    }

    pub(super) fn id(raw: &dyn BtfType) -> Result<u32, Reason> {
        raw.get_type_id()
            .ok_or_else(|| "a type refers to nothing".to_owned())
    }

    pub(super) fn prototype(
        &self,
        name: &str,
        function: &dyn BtfType,
    ) -> Result<Prototype, Reason> {
        let Raw::FuncProto(raw) = self.raw(Self::id(function)?)? else {
            return Err(format!("its function `{name}` has no prototype"));
        };
        let variadic = raw.parameters.last().is_some_and(|last| last.is_variadic());
        let named = raw.parameters.len() - usize::from(variadic);
        let mut parameters = Vec::with_capacity(named);
        for parameter in &raw.parameters[..named] {
            parameters.push(Parameter {
                name: self.types.name(parameter),
                ty: self.ty(Self::id(parameter)?, 0)?,
            });
        }
        Ok(Prototype {
            name: name.to_owned(),
            parameters,
            result: self.ty(raw.return_type_id(), 0)?,
            variadic,
        })
    }

    pub(super) fn ty(&self, id: u32, depth: u32) -> Result<Type, Reason> {
        let peeled = self.peel(id)?;
        let written = self.write(id, depth)?;
        let name_at = written.before.len();
        Ok(Type {
            c: written.whole(),
            name_at,
            base: self.base(&peeled.raw),
            size: self.size(&peeled.raw, depth)?,
            align: self.align(&peeled.raw, depth)?,
            identity: self.identity(&peeled)?,
            kind: self.kind(peeled, depth)?,
        })
    }

    /// Which structure it is or points to.
    fn identity(&self, peeled: &Peeled) -> Result<Identity, Reason> {
        let inner = match &peeled.raw {
            Raw::Ptr(pointer) => &self.peel(Self::id(pointer)?)?,
            _ => peeled,
        };
        let is_structure = matches!(inner.raw, Raw::Struct(_) | Raw::Union(_));
        let place = Place {
            types: self.types.number,
            id: inner.id,
        };
        Ok(Identity {
            place: is_structure.then_some(place),
            content: None,
        })
    }

    /// Takes off typedefs and qualifiers.
    pub(super) fn peel(&self, id: u32) -> Result<Peeled, Reason> {
        let mut typedefs = Vec::new();
        let mut constant = false;
        let mut id = id;
        let mut raw = self.raw(id)?;
        loop {
            let next = match &raw {
                Raw::Typedef(typedef) => {
                    typedefs.extend(self.types.name(typedef));
                    Self::id(typedef)?
                }
                Raw::Const(qualifier) => {
                    constant = true;
                    Self::id(qualifier)?
                }
                Raw::Volatile(qualifier) | Raw::Restrict(qualifier) => Self::id(qualifier)?,
                Raw::TypeTag(tag) => Self::id(tag)?,
                _ => break,
            };
            id = next;
            raw = self.raw(next)?;
        }
        Ok(Peeled {
            id,
            raw,
            typedefs,
            constant,
        })
    }

    fn kind(&self, peeled: Peeled, depth: u32) -> Result<Kind, Reason> {
        Ok(match &peeled.raw {
            Raw::Void => Kind::Void,
            Raw::Int(int) if int.is_bool() => Kind::Bool,
            Raw::Int(int) => Kind::Integer {
                signed: int.is_signed(),
            },
            Raw::Enum(list) => Kind::Enum {
                signed: list.is_signed(),
            },
            Raw::Enum64(list) => Kind::Enum {
                signed: list.is_signed(),
            },
            Raw::Ptr(pointer) => self.pointer(Self::id(pointer)?, depth)?,
            Raw::Array(array) => Kind::Array {
                element: Box::new(self.ty(Self::id(array)?, deeper(depth)?)?),
                length: array.len() as u64,
            },
            Raw::Struct(_) | Raw::Union(_) | Raw::Fwd(_) => Kind::Aggregate {
                names: self.names(peeled),
            },
            _ => Kind::Other,
        })
    }

    fn pointer(&self, id: u32, depth: u32) -> Result<Kind, Reason> {
        let peeled = self.peel(id)?;
        let constant = peeled.constant;
        let to = match &peeled.raw {
            Raw::Void => Pointee::Void,
            Raw::FuncProto(_) => Pointee::Function,
            Raw::Int(_) if self.base(&peeled.raw) == "char" => Pointee::Char,
            Raw::Struct(_) | Raw::Union(_) | Raw::Fwd(_) => Pointee::Named(self.names(peeled)),
            _ => Pointee::Other(Box::new(self.ty(id, deeper(depth)?)?)),
        };
        Ok(Kind::Pointer { to, constant })
    }

    /// The typedefs and the tag.
    fn names(&self, peeled: Peeled) -> Vec<String> {
        let tag = peeled
            .raw
            .as_btf_type()
            .and_then(|raw| self.types.name(raw));
        peeled.typedefs.into_iter().chain(tag).collect()
    }

    fn size(&self, raw: &Raw, depth: u32) -> Result<u64, Reason> {
        Ok(match raw {
            Raw::Int(int) => int.size() as u64,
            Raw::Enum(list) => list.size() as u64,
            Raw::Enum64(list) => list.size() as u64,
            Raw::Float(float) => float.size() as u64,
            Raw::Struct(aggregate) | Raw::Union(aggregate) => aggregate.size() as u64,
            Raw::Ptr(_) => POINTER,
            Raw::Array(array) => {
                let element = self.peel(Self::id(array)?)?;
                self.size(&element.raw, deeper(depth)?)?
                    .checked_mul(array.len() as u64)
                    .ok_or("it has an array larger than the memory")?
            }
            _ => 0,
        })
    }

    fn align(&self, raw: &Raw, depth: u32) -> Result<u64, Reason> {
        Ok(match raw {
            Raw::Struct(aggregate) | Raw::Union(aggregate) => self.align_of(aggregate, depth)?,
            Raw::Array(array) => {
                let element = self.peel(Self::id(array)?)?;
                self.align(&element.raw, deeper(depth)?)?
            }
            other => self.size(other, depth)?.clamp(1, LARGEST),
        })
    }

    /// The alignment that the members ask for, unless one is where it cannot be then: that
    /// structure is packed.
    pub(super) fn align_of(&self, aggregate: &btf_rs::Struct, depth: u32) -> Result<u64, Reason> {
        let depth = deeper(depth)?;
        let mut align = 1;
        for member in &aggregate.members {
            let raw = self.peel(Self::id(member)?)?.raw;
            let own = self.align(&raw, depth)?;
            let is_bits = matches!(member.bitfield_size(), Some(1..));
            if !is_bits && u64::from(member.bit_offset()) % (own * 8) != 0 {
                return Ok(1);
            }
            align = align.max(own);
        }
        match aggregate.size() as u64 % align {
            0 => Ok(align),
            _ => Ok(1),
        }
    }
}

/// One level deeper, unless that is too deep.
pub(super) fn deeper(depth: u32) -> Result<u32, Reason> {
    if depth >= DEPTH {
        return Err("its types are nested too deep".to_owned());
    }
    Ok(depth + 1)
}
