// SPDX-License-Identifier: GPL-2.0-only

//! Structures and unions, and where their members are.

use super::Reason;
use super::reader::{Reader, deeper};
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
        self.members(aggregate, 0, 0, &mut members)?;
        Ok(Some(Structure {
            union: matches!(raw, Raw::Union(_)),
            size: aggregate.size() as u64,
            align: self.align_of(aggregate, 0)?,
            names: typedefs
                .into_iter()
                .chain(self.types.name(aggregate))
                .collect(),
            members,
        }))
    }

    /// Adds the members of `aggregate`, which begins at bit `start`.
    fn members(
        &self,
        aggregate: &btf_rs::Struct,
        start: u64,
        depth: u32,
        members: &mut Vec<Member>,
    ) -> Result<(), Reason> {
        for member in &aggregate.members {
            let bit = start + u64::from(member.bit_offset());
            let id = Self::id(member)?;
            match self.types.name(member) {
                Some(name) => members.push(self.member(name, bit, member, id)?),
                None => {
                    if let Raw::Struct(inner) | Raw::Union(inner) = self.peel(id)?.raw {
                        self.members(&inner, bit, deeper(depth)?, members)?;
                    }
                }
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
        })
    }
}
