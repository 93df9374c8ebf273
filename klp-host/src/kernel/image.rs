// SPDX-License-Identifier: GPL-2.0-only

//! Takes the type information out of a kernel's image, for kernels whose headers package has none.
//!
//! The header of an image says where the compressed kernel is in it
//! (`Documentation/arch/x86/boot.rst`). What is unpacked is an ELF file with the section `.BTF`.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

use crate::host::process;

/// No image is larger.
const LARGEST: u64 = 256 << 20;

/// Where the header has the number of 512-byte sectors before the kernel, without the first.
const SETUP_SECTORS: usize = 0x1f1;
/// Where it has its signature.
const SIGNATURE: usize = 0x202;
/// Where it says how far behind these sectors the compressed kernel begins, and how long it is.
const PAYLOAD_OFFSET: usize = 0x248;
const PAYLOAD_LENGTH: usize = 0x24c;

/// The programs that unpack a kernel, by how it begins.
const UNPACKERS: [(&[u8], &str, &[&str]); 2] = [
    // The kernel's size follows the compressed data.
    (b"\xfd7zXZ\0", "xz", &["--single-stream", "-dc"]),
    (b"\x1f\x8b", "gzip", &["-dcq"]),
];

/// Writes the kernel's type information to `to`, an ELF file with nothing else.
///
/// # Errors
///
/// When the image is none, or has no type information.
pub(super) fn write_types(image: &Path, to: &Path) -> Result<()> {
    let dir = tempfile::tempdir_in(to.parent().unwrap_or(Path::new(".")))
        .context("cannot make a folder")?;
    let kernel = dir.path().join("vmlinux");
    unpack(image, &kernel)
        .with_context(|| format!("cannot unpack the kernel in {}", image.display()))?;
    let mut objcopy = process::command("objcopy");
    objcopy.args(["--only-section=.BTF", "--remove-section=.shstrtab"]);
    process::output(objcopy.arg(&kernel).arg(to))?;
    Ok(())
}

fn unpack(image: &Path, to: &Path) -> Result<()> {
    let length = fs::metadata(image)?.len();
    ensure!(length <= LARGEST, "it has {length} bytes");
    let data = fs::read(image)?;
    let payload = payload(&data).context("it is no kernel image for PCs")?;
    let unpacker = UNPACKERS
        .into_iter()
        .find(|(magic, ..)| payload.starts_with(magic));
    let Some((_, program, options)) = unpacker else {
        bail!("it is compressed in a way that is not known here");
    };
    let packed = to.with_extension("packed");
    fs::write(&packed, payload)?;
    let mut command = process::command(program);
    command
        .args(options)
        .stdin(File::open(&packed)?)
        .stdout(File::create(to)?);
    let status = process::Group::spawn(&mut command)?.wait()?;
    // gzip's warning of what follows the data.
    let is_warning = program == "gzip" && status.code() == Some(2);
    ensure!(status.success() || is_warning, "{program} failed: {status}");
    Ok(())
}

/// The compressed kernel in an image.
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

    /// An image with that compressed kernel.
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
        assert_eq!(payload(&whole[..whole.len() - 1]), None, "cut off");
        assert_eq!(payload(b"MZ"), None);
        assert_eq!(payload(&[0; 4096]), None, "no signature");
    }

    #[test]
    fn images_that_cannot_be_unpacked_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("vmlinuz");
        for (content, why) in [
            (image(b"LZ4!...."), "in a way that is not known"),
            (image(b"\xfd7zXZ\0damaged"), "xz failed"),
            (b"text".to_vec(), "no kernel image for PCs"),
        ] {
            fs::write(&file, content).unwrap();
            let error = write_types(&file, &dir.path().join("types")).unwrap_err();
            let text = format!("{error:#}");
            assert!(text.contains(why) && text.contains("vmlinuz"), "{text}");
        }
    }
}
