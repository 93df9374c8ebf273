// SPDX-License-Identifier: GPL-2.0-only

//! Reads a type with all types that it refers to.
//!
//! The file is untrusted: a type may refer to itself, or to so many others that reading
//! them would never end. So each query has a budget of steps. Names are written into code: one that is not a C
//! identifier is omitted.

use super::btf::{Aggregate, Btf, NameAt, Raw, Reason};
use crate::limits::{BTF_DEPTH_MAX, BTF_STEPS_MAX, DECLARATION_MAX, PARAMETERS_MAX};
use crate::prototype::{Identity, Kind, Parameter, Place, Pointee, Prototype, Type};
use crate::text::Identifier;
use std::cell::Cell;

/// The size of a pointer.
const POINTER: u64 = 8;

/// The largest alignment of an integer.
const LARGEST: u64 = 16;

/// The number of bytes of a name that count as a step.
const STEP: usize = 16;

/// Reads for one query.
pub(super) struct Reader<'a> {
    pub(super) btf: &'a Btf,
    /// An identifier of the BTF among all that was read.
    number: u32,
    steps: Cell<u32>,
    /// Names that were left out.
    left_out: Cell<usize>,
}

/// A type without its typedefs and qualifiers.
pub(super) struct Peeled<'a> {
    /// Its ID.
    pub(super) id: u32,
    pub(super) raw: Raw<'a>,
    /// The typedefs, outermost first.
    pub(super) typedefs: Vec<Identifier>,
    /// Whether one of the qualifiers was `const`.
    constant: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(btf: &'a Btf, number: u32) -> Self {
        Self {
            btf,
            number,
            steps: Cell::new(BTF_STEPS_MAX),
            left_out: Cell::new(0),
        }
    }

    fn step(&self, count: u32) -> Result<(), Reason> {
        let left = self.steps.get().checked_sub(count);
        self.steps
            .set(left.ok_or("its types refer to too many others")?);
        Ok(())
    }

    pub(super) fn raw(&self, id: u32) -> Result<Raw<'a>, Reason> {
        self.step(1)?;
        let raw = self.btf.get(id);
        raw.ok_or_else(|| format!("it refers to type {id}, which it does not have"))
    }

    pub(super) fn has_name(&self, at: NameAt) -> bool {
        !self.btf.name(at).is_empty()
    }

    /// A name. `None` if there is none that is valid in code.
    pub(super) fn name(&self, at: NameAt) -> Result<Option<Identifier>, Reason> {
        let bytes = self.btf.name(at);
        self.step_over(bytes)?;
        let name = Identifier::new(bytes);
        if name.is_none() && !bytes.is_empty() {
            self.leave_out();
        }
        Ok(name)
    }

    /// The name of a type of several words, such as `unsigned int`.
    pub(super) fn words(&self, at: NameAt) -> Result<Option<String>, Reason> {
        let bytes = self.btf.name(at);
        self.step_over(bytes)?;
        let words = bytes.split(|&byte| byte == b' ').map(Identifier::new);
        let words: Option<Vec<Identifier>> = words.collect();
        if words.is_none() {
            self.leave_out();
        }
        let text = |words: Vec<Identifier>| {
            let words: Vec<&str> = words.iter().map(Identifier::as_str).collect();
            words.join(" ")
        };
        Ok(words.map(text))
    }

    fn step_over(&self, name: &[u8]) -> Result<(), Reason> {
        // CAST: names are short.
        self.step((name.len() / STEP) as u32)
    }

    fn leave_out(&self) {
        self.left_out.set(self.left_out.get() + 1);
    }

    /// How many names were left out since the last call.
    pub(super) fn left_out(&self) -> usize {
        self.left_out.take()
    }

    pub(super) fn prototype(&self, name: Identifier, ty: u32) -> Result<Prototype, Reason> {
        let Raw::Prototype(raw) = self.raw(ty)? else {
            return Err(format!("its function `{name}` has no prototype"));
        };
        let variadic = raw
            .parameters()
            .next_back()
            .is_some_and(|last| last.is_dots());
        let named = raw.parameters().len() - usize::from(variadic);
        if named > PARAMETERS_MAX {
            return Err(format!("it has more than {PARAMETERS_MAX} of them"));
        }
        let result = self.ty(raw.result, 0)?;
        let mut length = name.len() + result.c.len();
        let mut parameters = Vec::with_capacity(named);
        for parameter in raw.parameters().take(named) {
            let (name, ty) = (self.name(parameter.name)?, self.ty(parameter.ty, 0)?);
            length += name.as_deref().map_or(0, str::len) + ty.c.len();
            if length > DECLARATION_MAX {
                return Err(too_long());
            }
            parameters.push(Parameter { name, ty });
        }
        Ok(Prototype {
            name,
            parameters,
            result,
            variadic,
            left_out: self.left_out(),
        })
    }

    pub(super) fn ty(&self, id: u32, depth: u32) -> Result<Type, Reason> {
        let peeled = self.peel(id)?;
        let written = self.write(id, depth)?;
        let name_at = written.before.len();
        let c = written.whole();
        if c.len() > DECLARATION_MAX {
            return Err(too_long());
        }
        Ok(Type {
            c,
            name_at,
            base: self.base(&peeled.raw)?,
            size: self.size(&peeled.raw, depth)?,
            align: self.align(&peeled.raw, depth)?,
            identity: self.identity(&peeled)?,
            kind: self.kind(peeled, depth)?,
        })
    }

    /// Which structure it is or points to.
    fn identity(&self, peeled: &Peeled<'a>) -> Result<Identity, Reason> {
        let inner = match peeled.raw {
            Raw::Pointer(to) => &self.peel(to)?,
            _ => peeled,
        };
        let is_structure = matches!(inner.raw, Raw::Struct(_) | Raw::Union(_));
        let place = Place {
            types: self.number,
            id: inner.id,
        };
        Ok(Identity {
            place: is_structure.then_some(place),
            content: None,
        })
    }

    /// Removes typedefs and qualifiers.
    pub(super) fn peel(&self, id: u32) -> Result<Peeled<'a>, Reason> {
        let mut typedefs = Vec::new();
        let mut constant = false;
        let mut id = id;
        let mut raw = self.raw(id)?;
        loop {
            let next = match raw {
                Raw::Typedef { name, ty } => {
                    typedefs.extend(self.name(name)?);
                    ty
                }
                Raw::Const(ty) => {
                    constant = true;
                    ty
                }
                Raw::Volatile(ty) | Raw::Restrict(ty) | Raw::Tag { ty, .. } => ty,
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

    fn kind(&self, peeled: Peeled<'_>, depth: u32) -> Result<Kind, Reason> {
        Ok(match peeled.raw {
            Raw::Void => Kind::Void,
            Raw::Int { boolean: true, .. } => Kind::Bool,
            Raw::Int { signed, .. } => Kind::Integer { signed },
            Raw::Enum { signed, .. } => Kind::Enum { signed },
            Raw::Pointer(to) => self.pointer(to, depth)?,
            Raw::Array { element, length } => Kind::Array {
                element: Box::new(self.ty(element, deeper(depth)?)?),
                length: length.into(),
            },
            Raw::Struct(_) | Raw::Union(_) | Raw::Forward { .. } => Kind::Aggregate {
                names: self.names(peeled)?,
            },
            _ => Kind::Other,
        })
    }

    fn pointer(&self, id: u32, depth: u32) -> Result<Kind, Reason> {
        let peeled = self.peel(id)?;
        let constant = peeled.constant;
        let to = match peeled.raw {
            Raw::Void => Pointee::Void,
            Raw::Prototype(_) => Pointee::Function,
            Raw::Int { .. } if self.base(&peeled.raw)? == "char" => Pointee::Char,
            Raw::Struct(_) | Raw::Union(_) | Raw::Forward { .. } => {
                Pointee::Named(self.names(peeled)?)
            }
            _ => Pointee::Other(Box::new(self.ty(id, deeper(depth)?)?)),
        };
        Ok(Kind::Pointer { to, constant })
    }

    /// The typedefs and the tag.
    fn names(&self, peeled: Peeled<'_>) -> Result<Vec<Identifier>, Reason> {
        let tag = match peeled.raw.name() {
            Some(at) => self.name(at)?,
            None => None,
        };
        Ok(peeled.typedefs.into_iter().chain(tag).collect())
    }

    fn size(&self, raw: &Raw<'_>, depth: u32) -> Result<u64, Reason> {
        Ok(match raw {
            Raw::Int { size, .. } | Raw::Enum { size, .. } | Raw::Float { size, .. } => {
                u64::from(*size)
            }
            Raw::Struct(aggregate) | Raw::Union(aggregate) => aggregate.size.into(),
            Raw::Pointer(_) => POINTER,
            Raw::Array { element, length } => {
                let element = self.peel(*element)?;
                self.size(&element.raw, deeper(depth)?)?
                    .checked_mul(u64::from(*length))
                    .ok_or("it has an array larger than the memory")?
            }
            _ => 0,
        })
    }

    fn align(&self, raw: &Raw<'_>, depth: u32) -> Result<u64, Reason> {
        Ok(match raw {
            Raw::Struct(aggregate) | Raw::Union(aggregate) => self.align_of(aggregate, depth)?,
            Raw::Array { element, .. } => {
                let element = self.peel(*element)?;
                self.align(&element.raw, deeper(depth)?)?
            }
            other => self.size(other, depth)?.clamp(1, LARGEST),
        })
    }

    /// The alignment that the members need; 1 if one is misaligned then, as in a packed structure.
    pub(super) fn align_of(&self, aggregate: &Aggregate<'_>, depth: u32) -> Result<u64, Reason> {
        let depth = deeper(depth)?;
        let mut align = 1;
        for member in aggregate.members() {
            let raw = self.peel(member.ty)?.raw;
            let own = self.align(&raw, depth)?;
            if member.bits == 0 && u64::from(member.bit) % (own * 8) != 0 {
                return Ok(1);
            }
            align = align.max(own);
        }
        match u64::from(aggregate.size) % align {
            0 => Ok(align),
            _ => Ok(1),
        }
    }
}

fn too_long() -> Reason {
    format!("its declaration in C has more than {DECLARATION_MAX} bytes")
}

/// The next nesting level, unless it is above [`BTF_DEPTH_MAX`].
pub(super) fn deeper(depth: u32) -> Result<u32, Reason> {
    if depth >= BTF_DEPTH_MAX {
        return Err("its types are nested too deep".to_owned());
    }
    Ok(depth + 1)
}
