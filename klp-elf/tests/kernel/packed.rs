// SPDX-License-Identifier: GPL-2.0-only

//! Compresses files as distributions do.

use flate2::{Compression, Crc, write::GzEncoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use std::io::Write as _;

pub(crate) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).expect("memory");
    encoder.finish().expect("memory")
}

pub(crate) fn zstd(data: &[u8]) -> Vec<u8> {
    compress_to_vec(data, CompressionLevel::Fastest)
}

/// An xz file with the check that kernels use (CRC32), and chunks that hold the data as it is.
pub(crate) fn xz(data: &[u8]) -> Vec<u8> {
    let header = [0, 1];
    let mut file = b"\xfd7zXZ\0".to_vec();
    file.extend(header);
    file.extend(crc(&header));
    // Its length in words less one, one filter: LZMA2 with a dictionary of 1 MiB.
    let mut block = vec![2, 0, 0x21, 1, 16, 0, 0, 0];
    block.extend(crc(&block));
    let header_length = block.len();
    for (number, chunk) in data.chunks(1 << 16).enumerate() {
        // The first one resets the dictionary.
        block.push(if number == 0 { 1 } else { 2 });
        let length = u16::try_from(chunk.len() - 1).expect("at most 64 KiB");
        block.extend(length.to_be_bytes());
        block.extend(chunk);
    }
    block.push(0);
    let unpadded = block.len() + 4;
    assert!(header_length == 12);
    block.resize(block.len().next_multiple_of(4), 0);
    block.extend(crc(data));
    file.extend(block);

    let mut index = vec![0, 1];
    index.extend(varint(unpadded));
    index.extend(varint(data.len()));
    index.resize(index.len().next_multiple_of(4), 0);
    index.extend(crc(&index));
    let words = u32::try_from(index.len() / 4 - 1).expect("a short index");
    file.extend(index);
    let mut footer = words.to_le_bytes().to_vec();
    footer.extend(header);
    file.extend(crc(&footer));
    file.extend(footer);
    file.extend(b"YZ");
    file
}

fn crc(data: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(data);
    crc.sum().to_le_bytes()
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}
