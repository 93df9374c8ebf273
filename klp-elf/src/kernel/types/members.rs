// SPDX-License-Identifier: GPL-2.0-only

//! Structures and unions, and where their members are.

use super::btf::{self, Aggregate, Raw};
use super::reader::{Reader, deeper};
use super::{Reason, Types};
use crate::prototype::Type;
use crate::structure::{Bits, Member, Structure};
use crate::text::Identifier;

impl Reader<'_> {
    /// The structure that `raw` is, or is a typedef of.
    pub(super) fn structure(&self, raw: Raw<'_>) -> Result<Option<Structure>, Reason> {
        let mut names = Vec::new();
        let raw = match raw {
            Raw::Typedef { name, ty } => {
                names.extend(self.name(name)?);
                let peeled = self.peel(ty)?;
                names.extend(peeled.typedefs);
                peeled.raw
            }
            raw => raw,
        };
        let (Raw::Struct(aggregate) | Raw::Union(aggregate)) = &raw else {
            return Ok(None);
        };
        names.extend(self.name(aggregate.name)?);
        let mut members = Vec::new();
        let is_union = matches!(raw, Raw::Union(_));
        let place = Inner {
            start: 0,
            shared: is_union && aggregate.members().nth(1).is_some(),
        };
        self.members(aggregate, place, 0, &mut members)?;
        Ok(Some(Structure {
            union: is_union,
            size: aggregate.size.into(),
            align: self.align_of(aggregate, 0)?,
            names,
            members,
            left_out: self.left_out(),
        }))
    }

    /// Adds the members of `aggregate`.
    fn members(
        &self,
        aggregate: &Aggregate<'_>,
        place: Inner,
        depth: u32,
        members: &mut Vec<Member>,
    ) -> Result<(), Reason> {
        for member in aggregate.members() {
            let bit = place.start + u64::from(member.bit);
            if self.has_name(member.name) {
                if let Some(name) = self.name(member.name)? {
                    members.push(self.member(name, bit, member, place.shared)?);
                }
                continue;
            }
            let raw = self.peel(member.ty)?.raw;
            if let Raw::Struct(inner) | Raw::Union(inner) = &raw {
                let is_union = matches!(raw, Raw::Union(_));
                let place = Inner {
                    start: bit,
                    shared: place.shared || is_union && inner.members().nth(1).is_some(),
                };
                self.members(inner, place, deeper(depth)?, members)?;
            }
        }
        Ok(())
    }

    fn member(
        &self,
        name: Identifier,
        bit: u64,
        raw: btf::Member,
        shared: bool,
    ) -> Result<Member, Reason> {
        let ty = self.ty(raw.ty, 0)?;
        // CAST: less than 8.
        let first = (bit % 8) as u8;
        let bits = match raw.bits {
            0 => None,
            count => Some(Bits { first, count }),
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
    /// The structure that a type is, or points to. `None` for types of other BTF.
    pub(crate) fn structure_of(&self, ty: &Type) -> Option<Structure> {
        let place = ty
            .identity
            .place
            .filter(|place| place.types == self.number)?;
        let raw = self.btf.get(place.id)?;
        self.reader().structure(raw).ok().flatten()
    }
}

/// The position of an unnamed inner structure.
#[derive(Clone, Copy)]
struct Inner {
    /// Its first bit.
    start: u64,
    /// Whether it shares its bytes with others.
    shared: bool,
}
