// SPDX-License-Identifier: GPL-2.0-only

//! Decompresses the kernel in an x86 image (`bzImage`, `vmlinuz`).
//!
//! The image's header contains the position of the compressed kernel
//! (`Documentation/arch/x86/boot.rst`), which is an ELF file with a section `.BTF`.

use std::fs::{self, File};
use std::io::{Seek as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

use crate::host::process;
use crate::tools::packages;

/// The maximum size of an image.
const MAX_SIZE: u64 = 256 << 20;

/// The offset of `setup_sects`: the number of 512-byte sectors before the kernel, without the first.
const SETUP_SECTORS: usize = 0x1f1;
/// The offset of the signature, `HdrS`.
const SIGNATURE: usize = 0x202;
/// The offsets of `payload_offset`, relative to the end of these sectors, and `payload_length`.
const PAYLOAD_OFFSET: usize = 0x248;
const PAYLOAD_LENGTH: usize = 0x24c;

/// A compression format, and the program that decompresses it.
struct Unpacker {
    /// The magic number at the start of the compressed data.
    magic: &'static [u8],
    program: &'static str,
    package: &'static str,
    options: &'static [&'static str],
    /// Whether the kernel's size, four bytes after the compressed data, must be removed first.
    is_exact: bool,
}

const UNPACKERS: [Unpacker; 4] = [
    Unpacker {
        magic: b"\xfd7zXZ\0",
        program: "xz",
        package: "xz-utils",
        options: &["--single-stream", "-dc"],
        is_exact: false,
    },
    Unpacker {
        magic: b"\x1f\x8b",
        program: "gzip",
        package: "gzip",
        options: &["-dcq"],
        is_exact: false,
    },
    Unpacker {
        magic: b"\x28\xb5\x2f\xfd",
        program: "zstd",
        package: "zstd",
        options: &["-dcq"],
        is_exact: true,
    },
    Unpacker {
        magic: b"\x02\x21\x4c\x18",
        program: "lz4",
        package: "lz4",
        options: &["-dcq"],
        is_exact: true,
    },
];

/// Writes the kernel's BTF to `to`, as an ELF file with only that section.
///
/// # Errors
///
/// The image is not valid, or has no BTF.
pub(crate) fn write_types(image: &Path, to: &Path) -> Result<()> {
    let dir = tempfile::tempdir_in(to.parent().unwrap_or(Path::new(".")))
        .context("cannot make a folder")?;
    let kernel = dir.path().join("vmlinux");
    unpack(image, File::create(&kernel)?)?;
    let mut objcopy = process::command("objcopy");
    objcopy.args(["--only-section=.BTF", "--remove-section=.shstrtab"]);
    process::output(objcopy.arg(&kernel).arg(to))?;
    Ok(())
}

/// Returns the kernel's build id in hexadecimal.
///
/// # Errors
///
/// The image is not valid, or has no build id.
pub(crate) fn build_id(image: &Path) -> Result<String> {
    let dir = tempfile::tempdir().context("cannot make a folder")?;
    let kernel = dir.path().join("vmlinux");
    unpack(image, File::create(&kernel)?)?;
    klp_elf::inlined::build_id(&kernel)?
        .with_context(|| format!("the kernel in {} has no build id", image.display()))
}

/// Writes the decompressed kernel to `to`.
///
/// # Errors
///
/// The image is not valid, or the program that decompresses it is missing.
pub(crate) fn unpack(image: &Path, to: File) -> Result<()> {
    try_unpack(image, to)
        .with_context(|| format!("cannot unpack the kernel in {}", image.display()))
}

fn try_unpack(image: &Path, to: File) -> Result<()> {
    let length = fs::metadata(image)?.len();
    ensure!(length <= MAX_SIZE, "it has {length} bytes");
    let data = fs::read(image)?;
    let mut payload = payload(&data).context("it is not a kernel image with a setup header")?;
    let unpacker = UNPACKERS
        .into_iter()
        .find(|unpacker| payload.starts_with(unpacker.magic));
    let Some(unpacker) = unpacker else {
        bail!("its compression format is not supported");
    };
    if unpacker.is_exact {
        payload = payload
            .split_last_chunk::<4>()
            .map_or(payload, |(data, _)| data);
    }
    let program = unpacker.program;
    packages::ensure(&[unpacker.package])?;
    let mut packed = tempfile::tempfile().context("cannot make a temporary file")?;
    packed.write_all(payload)?;
    packed.rewind()?;
    let mut command = process::command(program);
    command.args(unpacker.options).stdin(packed).stdout(to);
    let status = process::Group::spawn(&mut command)?.wait()?;
    // gzip warns of trailing data.
    let is_warning = program == "gzip" && status.code() == Some(2);
    ensure!(status.success() || is_warning, "{program} failed: {status}");
    Ok(())
}

/// Returns the compressed kernel in an image.
fn payload(image: &[u8]) -> Option<&[u8]> {
    let number = |at: usize| {
        let bytes = image.get(at..at.checked_add(4)?)?;
        usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
    };
    (image.get(SIGNATURE..SIGNATURE + 4)? == b"HdrS").then_some(())?;
    let setup = (usize::from(*image.get(SETUP_SECTORS)?) + 1) * 512;
    let start = setup.checked_add(number(PAYLOAD_OFFSET)?)?;
    image.get(start..start.checked_add(number(PAYLOAD_LENGTH)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns an image with this payload.
    fn image(payload: &[u8]) -> Vec<u8> {
        let mut image = vec![0; 1024];
        image[SETUP_SECTORS] = 0;
        image[SIGNATURE..SIGNATURE + 4].copy_from_slice(b"HdrS");
        image[PAYLOAD_OFFSET..PAYLOAD_OFFSET + 4].copy_from_slice(&512_u32.to_le_bytes());
        let length = u32::try_from(payload.len()).unwrap();
        image[PAYLOAD_LENGTH..PAYLOAD_LENGTH + 4].copy_from_slice(&length.to_le_bytes());
        image.extend(payload);
        image
    }

    #[test]
    fn the_compressed_kernel_is_found() {
        assert_eq!(payload(&image(b"kernel")), Some(&b"kernel"[..]));
        let whole = image(b"kernel");
        assert_eq!(payload(&whole[..whole.len() - 1]), None, "truncated");
        assert_eq!(payload(b"MZ"), None);
        assert_eq!(payload(&[0; 4096]), None, "no signature");
    }

    #[test]
    fn all_compression_formats_are_supported() {
        let dir = tempfile::tempdir().unwrap();
        let text = "a kernel ".repeat(1000);
        fs::write(dir.path().join("kernel"), &text).unwrap();
        // The commands of scripts/Makefile.lib. Two of them do not store the kernel's size.
        for (script, has_size) in [
            ("gzip -n -9 <kernel", true),
            ("xz --check=crc32 --x86 <kernel", false),
            ("lz4 -l -9 <kernel", false),
        ] {
            let mut shell = process::command("sh");
            shell.args(["-c", script]).current_dir(dir.path());
            let mut packed = shell.output().unwrap().stdout;
            if packed.is_empty() {
                eprintln!("not tested: {script}");
                continue;
            }
            if !has_size {
                packed.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
            }
            let file = dir.path().join("vmlinuz");
            fs::write(&file, image(&packed)).unwrap();
            let to = dir.path().join("unpacked");
            unpack(&file, File::create(&to).unwrap()).unwrap();
            assert_eq!(fs::read_to_string(to).unwrap(), text, "{script}");
        }
    }

    #[test]
    fn invalid_images_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("vmlinuz");
        for (content, why) in [
            (image(b"LZMA...."), "format is not supported"),
            (image(b"\xfd7zXZ\0damaged"), "xz failed"),
            (b"text".to_vec(), "not a kernel image with a setup header"),
        ] {
            fs::write(&file, content).unwrap();
            let error = write_types(&file, &dir.path().join("types")).unwrap_err();
            let text = format!("{error:#}");
            assert!(text.contains(why) && text.contains("vmlinuz"), "{text}");
        }
    }
}
