// SPDX-License-Identifier: GPL-2.0-only

//! Mutates files at random, more often in headers and tables.

use std::ops::Range;

/// Pseudorandom numbers, reproducible by the number of the case (xorshift).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(case: u64) -> Self {
        // Mix the seed, so that successive cases differ.
        let mut random = Self(case.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        random.next();
        random.next();
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// Numbers at which readers go wrong.
const ODD: [u64; 12] = [
    0,
    1,
    2,
    0x7f,
    0xff,
    0xffff,
    0xff20,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_fff8,
];

/// Bytes that do not belong into names.
const NAMES: [u8; 10] = [b'\n', b'\r', 0x1b, b'"', b'*', b'`', b'.', 0, 0x9b, 0xff];

/// The file, with a few changes.
pub(crate) fn changed(data: &[u8], random: &mut Random) -> Vec<u8> {
    let mut data = data.to_vec();
    let hot = hot(&data);
    for _ in 0..=random.below(8) {
        if data.is_empty() {
            break;
        }
        let at = place(&data, &hot, random);
        change(&mut data, at, random);
    }
    data
}

fn place(data: &[u8], hot: &[Range<usize>], random: &mut Random) -> usize {
    let everywhere = 0..data.len();
    let range = match random.below(4) {
        0 => &everywhere,
        _ => hot
            .get(random.below(hot.len().max(1)))
            .unwrap_or(&everywhere),
    };
    let length = range.len().max(1);
    (range.start + random.below(length)).min(data.len() - 1)
}

fn change(data: &mut Vec<u8>, at: usize, random: &mut Random) {
    match random.below(16) {
        0 => data.truncate(at),
        1 => {
            let other = random.below(data.len());
            let length = random.below(64).min(data.len() - at.max(other));
            data.copy_within(other..other + length, at);
        }
        2..=3 => data[at] ^= 1 << random.below(8),
        4..=5 => data[at] = random.next() as u8,
        6 => data[at] = NAMES[random.below(NAMES.len())],
        kind => {
            // Most fields are words, and stand at multiples of their size.
            let size = [2, 4, 8][kind % 3];
            let at = at - at % size;
            let value = match random.below(3) {
                0 => random.below(data.len() + 1) as u64,
                1 => random.next(),
                _ => ODD[random.below(ODD.len())],
            };
            let bytes = value.to_le_bytes();
            let length = size.min(data.len() - at);
            data[at..at + length].copy_from_slice(&bytes[..length]);
        }
    }
}

/// The parts of an ELF file that say where others are: headers, symbols, relocations of what is
/// loaded, types.
fn hot(data: &[u8]) -> Vec<Range<usize>> {
    use object::LittleEndian as Little;
    use object::elf::FileHeader64;
    use object::read::elf::{FileHeader as _, SectionHeader as _};
    let mut ranges = Vec::new();
    ranges.push(0..data.len().min(64));
    let Ok(header) = FileHeader64::<Little>::parse(data) else {
        return ranges;
    };
    let Ok(table) = header.sections(Little, data) else {
        return ranges;
    };
    let start = header.e_shoff(Little) as usize;
    ranges.push(start..start + table.len() * 64);
    for (_, section) in table.enumerate() {
        let name = table.section_name(Little, section).unwrap_or_default();
        let wanted = [
            ".symtab",
            ".strtab",
            ".rodata",
            ".shstrtab",
            ".modinfo",
            ".BTF",
            ".BTF.base",
            ".data",
            ".text",
        ]
        .iter()
        .any(|it| it.as_bytes() == name)
            || name.starts_with(b".klp.")
            || name.starts_with(b".init.")
            || (name.starts_with(b".rela") && !name.starts_with(b".rela.debug"));
        let offset = section.sh_offset(Little) as usize;
        let end = offset + section.sh_size(Little) as usize;
        if wanted && offset < end && end <= data.len() {
            ranges.push(offset..end);
        }
    }
    ranges
}
