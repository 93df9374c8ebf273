// SPDX-License-Identifier: GPL-2.0-only

//! Decompresses modules: `.ko.xz`, `.ko.zst` and `.ko.gz`.
//!
//! The first bytes determine the format, not the file name. A file is decompressed into memory, within limits: a
//! small file may expand to any size.

use crate::Error;
use crate::limits::{COMPRESSED_MAX, DICTIONARY_MAX, Limit, UNPACKED_MAX};
use std::fs::File;
use std::io::{self, Read, Seek as _};
use std::num::NonZeroUsize;
use std::path::Path;

/// The extensions of module files.
pub(crate) const ENDINGS: [&str; 4] = [".ko", ".ko.gz", ".ko.xz", ".ko.zst"];

/// A compression format.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Format {
    Gzip,
    Xz,
    Zstd,
}

/// The size of the read buffer.
const BUFFER: NonZeroUsize = NonZeroUsize::new(64 << 10).unwrap();

/// The size of the dictionary at xz's default level.
const DICTIONARY: usize = 8 << 20;

impl Format {
    const ALL: [Self; 3] = [Self::Gzip, Self::Xz, Self::Zstd];

    /// The format of a file by its first bytes; `None` if it is not compressed.
    pub(crate) fn of(start: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|format| start.starts_with(format.magic()))
    }

    fn magic(self) -> &'static [u8] {
        match self {
            Self::Gzip => b"\x1f\x8b\x08",
            Self::Xz => b"\xfd7zXZ\0",
            Self::Zstd => b"\x28\xb5\x2f\xfd",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        }
    }

    /// Decompresses a file of `length` bytes, from its start.
    ///
    /// # Errors
    ///
    /// When it is damaged, larger than [`COMPRESSED_MAX`], or more than [`UNPACKED_MAX`] decompressed.
    pub(crate) fn unpack(self, mut file: File, length: u64, path: &Path) -> Result<Vec<u8>, Error> {
        let too_large = |what, limit| Error::TooLarge {
            path: path.to_owned(),
            what,
            limit: Limit::Bytes(limit),
        };
        if length > COMPRESSED_MAX {
            return Err(too_large("the compressed file", COMPRESSED_MAX));
        }
        let damaged = |source| Error::Compressed {
            path: path.to_owned(),
            format: self.name(),
            source,
        };
        file.rewind().map_err(damaged)?;
        // It may grow while it is read.
        let reader = self.reader(file.take(COMPRESSED_MAX)).map_err(damaged)?;
        match read(reader).map_err(damaged)? {
            Some(data) => Ok(data),
            None => Err(too_large("what it unpacks to", UNPACKED_MAX)),
        }
    }

    fn reader(self, file: io::Take<File>) -> io::Result<Box<dyn Read>> {
        Ok(match self {
            Self::Gzip => Box::new(flate2::read::GzDecoder::new(file)),
            Self::Xz => {
                let decoder =
                    xz4rust::XzDecoder::in_heap_with_alloc_dict_size(DICTIONARY, DICTIONARY_MAX);
                Box::new(xz4rust::XzReader::new_with_buffer_size_and_decoder(
                    file, BUFFER, decoder,
                ))
            }
            Self::Zstd => {
                let file = io::BufReader::with_capacity(BUFFER.get(), file);
                let decoder = ruzstd::decoding::StreamingDecoder::new(file);
                Box::new(decoder.map_err(io::Error::other)?)
            }
        })
    }
}

/// Reads up to [`UNPACKED_MAX`] bytes. A growing vector would take twice that, and more while it is
/// reallocated.
fn read(mut reader: Box<dyn Read>) -> io::Result<Option<Vec<u8>>> {
    // CAST: less than 4 GiB.
    let most = UNPACKED_MAX as usize;
    let mut buffer = vec![0; BUFFER.get()];
    let mut data = Vec::new();
    loop {
        let part = match reader.read(&mut buffer) {
            Ok(0) => return Ok(Some(data)),
            Ok(count) => &buffer[..count],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if part.len() > most - data.len() {
            return Ok(None);
        }
        if part.len() > data.capacity() - data.len() {
            let more = data.capacity().max(16 * BUFFER.get());
            data.reserve_exact(more.min(most - data.len()));
        }
        data.extend_from_slice(part);
    }
}
