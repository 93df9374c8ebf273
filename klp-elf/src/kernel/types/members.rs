// SPDX-License-Identifier: GPL-2.0-only

//! Structures and unions, and where their members are.

use super::Reason;
use super::btf::{self, Aggregate, Raw};
use super::reader::{Reader, deeper};
use crate::structure::{Bits, Member, Structure};
use crate::text::Identifier;

impl Reader<'_> {
    /// The structure that `raw` is, or is another name for.
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
        self.members(aggregate, 0, 0, &mut members)?;
        Ok(Some(Structure {
            union: matches!(raw, Raw::Union(_)),
            size: aggregate.size.into(),
            align: self.align_of(aggregate, 0)?,
            names,
            members,
            left_out: self.left_out(),
        }))
    }

    /// Adds the members of `aggregate`, which begins at bit `start`.
    fn members(
        &self,
        aggregate: &Aggregate<'_>,
        start: u64,
        depth: u32,
        members: &mut Vec<Member>,
    ) -> Result<(), Reason> {
        for member in aggregate.members() {
            let bit = start + u64::from(member.bit);
            if self.has_name(member.name) {
                if let Some(name) = self.name(member.name)? {
                    members.push(self.member(name, bit, member)?);
                }
            } else if let Raw::Struct(inner) | Raw::Union(inner) = self.peel(member.ty)?.raw {
                self.members(&inner, bit, deeper(depth)?, members)?;
            }
        }
        Ok(())
    }

    fn member(&self, name: Identifier, bit: u64, raw: btf::Member) -> Result<Member, Reason> {
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
        })
    }
}
