// SPDX-License-Identifier: GPL-2.0-only

//! Opens and reads untrusted files: regular files, of a limited size.
//!
//! Files are not mapped: a writer could end this process by truncating a mapped file, and change bytes after they were
//! checked.

use crate::Error;
use crate::compressed::Format;
use crate::limits::{Limit, MODULE_MAX};
use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Reads a module's file, which may be compressed.
///
/// # Errors
///
/// When it cannot be read or decompressed, is not a regular file, or is larger than [`MODULE_MAX`].
pub fn read_module(path: &Path) -> Result<Vec<u8>, Error> {
    let (file, size) = open(path, MODULE_MAX)?;
    match format(&file, path)? {
        Some(format) => format.unpack(file, size, path),
        None => rest(file, size, path, MODULE_MAX),
    }
}

/// Whether a module's file is compressed.
///
/// # Errors
///
/// When it cannot be read, or is not a regular file.
pub fn is_compressed(path: &Path) -> Result<bool, Error> {
    let (file, _) = open(path, MODULE_MAX)?;
    Ok(format(&file, path)?.is_some())
}

/// The compression format of a file, if it is compressed.
fn format(file: &File, path: &Path) -> Result<Option<Format>, Error> {
    let mut start = [0; 8];
    let got = read_start(file, &mut start).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(Format::of(&start[..got]))
}

/// Reads up to `buffer.len()` bytes from the start of a file, without moving its position.
pub(crate) fn read_start(file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match file.read_at(&mut buffer[got..], got as u64) {
            Ok(0) => break,
            Ok(count) => got += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

/// Opens a module's file.
///
/// # Errors
///
/// When it cannot be opened, is not a regular file, or is larger than [`MODULE_MAX`].
pub fn open_module(path: &Path) -> Result<File, Error> {
    open(path, MODULE_MAX).map(|(file, _)| file)
}

/// Opens a regular file of at most `limit` bytes, and returns its size. A file of `/proc` may have
/// contents although its size is 0.
pub(crate) fn open(path: &Path, limit: u64) -> Result<(File, u64), Error> {
    let failed = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let check = |metadata: &fs::Metadata| match metadata.is_file() {
        true => Ok(metadata.len()),
        false => Err(Error::NotAFile {
            path: path.to_owned(),
            what: kind(metadata.file_type()),
        }),
    };
    // Opening a device may have side effects.
    check(&fs::metadata(path).map_err(failed)?)?;
    let mut options = OpenOptions::new();
    // A file that became a FIFO must not block.
    options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = options.read(true).open(path).map_err(failed)?;
    let size = check(&file.metadata().map_err(failed)?)?;
    match size > limit {
        true => Err(too_large(path, limit)),
        false => Ok((file, size)),
    }
}

/// Reads a regular file of at most `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let (file, size) = open(path, limit)?;
    rest(file, size, path, limit)
}

/// Reads the rest of an open file.
pub(crate) fn rest(file: File, size: u64, path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let mut data = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    // It may grow while it is read.
    let read = file.take(limit.saturating_add(1)).read_to_end(&mut data);
    read.map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    match data.len() as u64 > limit {
        true => Err(too_large(path, limit)),
        false => Ok(data),
    }
}

fn too_large(path: &Path, limit: u64) -> Error {
    Error::TooLarge {
        path: path.to_owned(),
        what: "it",
        limit: Limit::Bytes(limit),
    }
}

fn kind(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}
