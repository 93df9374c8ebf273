// SPDX-License-Identifier: GPL-2.0-only

//! Structures and unions, and where their members are.

use super::reader::{Reader, deeper};
use super::{Reason, Types};
use crate::prototype::Type;
use crate::structure::{Bits, Member, Structure};
use btf_rs::Type as Raw;

impl Reader<'_> {
    /// The structure that `raw` is, or is another name for.
    pub(super) fn structure(&self, raw: Raw) -> Result<Option<Structure>, Reason> {
        let mut typedefs = Vec::new();
        let raw = match raw {
            Raw::Typedef(typedef) => {
                typedefs.extend(self.types.name(&typedef));
                let peeled = self.peel(Self::id(&typedef)?)?;
                typedefs.extend(peeled.typedefs);
                peeled.raw
            }
            raw => raw,
        };
        let (Raw::Struct(aggregate) | Raw::Union(aggregate)) = &raw else {
            return Ok(None);
        };
        let mut members = Vec::new();
        let is_union = matches!(raw, Raw::Union(_));
        let shared = is_union && aggregate.members.len() > 1;
        self.members(aggregate, Inner { start: 0, shared }, 0, &mut members)?;
        Ok(Some(Structure {
            union: is_union,
            size: aggregate.size() as u64,
            align: self.align_of(aggregate, 0)?,
            names: typedefs
                .into_iter()
                .chain(self.types.name(aggregate))
                .collect(),
            members,
        }))
    }

    /// Adds the members of `aggregate`.
    fn members(
        &self,
        aggregate: &btf_rs::Struct,
        place: Inner,
        depth: u32,
        members: &mut Vec<Member>,
    ) -> Result<(), Reason> {
        for member in &aggregate.members {
            let bit = place.start + u64::from(member.bit_offset());
            let id = Self::id(member)?;
            if let Some(name) = self.types.name(member) {
                members.push(self.member(name, bit, member, id, place.shared)?);
                continue;
            }
            let raw = self.peel(id)?.raw;
            if let Raw::Struct(inner) | Raw::Union(inner) = &raw {
                let is_union = matches!(raw, Raw::Union(_));
                let place = Inner {
                    start: bit,
                    shared: place.shared || is_union && inner.members.len() > 1,
                };
                self.members(inner, place, deeper(depth)?, members)?;
            }
        }
        Ok(())
    }

    fn member(
        &self,
        name: String,
        bit: u64,
        raw: &btf_rs::Member,
        id: u32,
        shared: bool,
    ) -> Result<Member, Reason> {
        let ty = self.ty(id, 0)?;
        // CAST: less than 8, and at most 255.
        let first = (bit % 8) as u8;
        let bits = match raw.bitfield_size() {
            Some(count @ 1..) => Some(Bits {
                first,
                count: count as u8,
            }),
            _ => None,
        };
        let size = match bits {
            Some(bits) => (u64::from(bits.first) + u64::from(bits.count)).div_ceil(8),
            None => ty.size,
        };
        Ok(Member {
            name,
            offset: bit / 8,
            bits,
            size,
            ty,
            shared,
        })
    }
}

impl Types {
    /// The structure that a type is, or points to; nothing for types that were read elsewhere.
    pub(crate) fn structure_of(&self, ty: &Type) -> Option<Structure> {
        let place = ty
            .identity
            .place
            .filter(|place| place.types == self.number)?;
        let raw = self.btf.resolve_type_by_id(place.id).ok()?;
        Reader::new(self).structure(raw).ok().flatten()
    }
}

/// Where the members of an inner structure are.
#[derive(Clone, Copy)]
struct Inner {
    /// Its first bit.
    start: u64,
    /// Does it share its bytes with others?
    shared: bool,
}
