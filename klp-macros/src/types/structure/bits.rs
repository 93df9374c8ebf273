// SPDX-License-Identifier: GPL-2.0-only

//! The position of a bit-field, for one load or one store.

use crate::errors::structure as errors;
use klp_elf::{Member, Structure};

/// The bytes that are loaded, and the position of the bits in them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BitPlace {
    /// The offset of the first byte.
    pub(super) offset: u64,
    /// How many bytes: 1, 2, 4 or 8.
    pub(super) bytes: u64,
    /// The first bit, from the lowest one.
    pub(super) first: u64,
    /// How many bits.
    pub(super) count: u64,
}

impl BitPlace {
    /// The position of the member. A written member needs bytes of its own, because adjacent bits may change
    /// at the same time.
    pub(super) fn new(
        structure: &Structure,
        member: &Member,
        written: bool,
    ) -> Result<Self, &'static str> {
        let bits = member.bits.as_ref().ok_or(errors::BITS_TOO_WIDE)?;
        let bytes = member.size.next_power_of_two();
        if bytes > 8 || bytes > structure.size {
            return Err(errors::BITS_TOO_WIDE);
        }
        if written && bytes != member.size {
            return Err(errors::WRITE_BITS);
        }
        let offset = member.offset.min(structure.size - bytes);
        Ok(Self {
            offset,
            bytes,
            first: u64::from(bits.first) + 8 * (member.offset - offset),
            count: u64::from(bits.count),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use klp_elf::{Bits, Identifier, Identity, Kind, Type};

    fn member(offset: u64, first: u8, count: u8) -> Member {
        Member {
            name: Identifier::new(b"member").expect("a name"),
            offset,
            bits: Some(Bits { first, count }),
            size: (u64::from(first) + u64::from(count)).div_ceil(8),
            ty: Type {
                c: "unsigned int".to_owned(),
                name_at: 0,
                base: "unsigned int".to_owned(),
                size: 4,
                align: 4,
                kind: Kind::Integer { signed: false },
                identity: Identity::default(),
            },
            shared: false,
        }
    }

    fn structure(size: u64) -> Structure {
        Structure {
            names: Identifier::new(b"structure").into_iter().collect(),
            left_out: 0,
            union: false,
            size,
            align: 4,
            members: Vec::new(),
        }
    }

    fn place(size: u64, member: &Member, written: bool) -> Result<(u64, u64, u64, u64), &str> {
        let place = BitPlace::new(&structure(size), member, written)?;
        Ok((place.offset, place.bytes, place.first, place.count))
    }

    #[test]
    fn a_load_has_as_few_bytes_as_possible() {
        assert_eq!(place(8, &member(4, 3, 1), true), Ok((4, 1, 3, 1)));
        assert_eq!(place(8, &member(1, 7, 2), true), Ok((1, 2, 7, 2)));
        assert_eq!(place(8, &member(0, 0, 20), false), Ok((0, 4, 0, 20)));
    }

    #[test]
    fn loads_stay_inside_the_structure() {
        assert_eq!(place(8, &member(5, 2, 20), false), Ok((4, 4, 10, 20)));
        assert_eq!(
            place(3, &member(0, 0, 20), false),
            Err(errors::BITS_TOO_WIDE)
        );
        assert_eq!(
            place(16, &member(0, 1, 64), false),
            Err(errors::BITS_TOO_WIDE)
        );
    }

    #[test]
    fn stores_do_not_write_adjacent_bytes() {
        assert_eq!(place(8, &member(0, 0, 20), true), Err(errors::WRITE_BITS));
        assert_eq!(place(8, &member(0, 0, 30), true), Ok((0, 4, 0, 30)));
    }
}
