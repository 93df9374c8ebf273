// SPDX-License-Identifier: GPL-2.0-only

//! Decompresses an x86 kernel image, to boot it through its PVH entry point without the image's decompressor.
//!
//! QEMU starts a decompressed kernel at its PVH entry point (`CONFIG_PVH`). On an emulated processor the
//! decompressor takes long: five seconds of the boot of Debian 12's kernel. It also chooses the
//! kernel's random address (KASLR), which such a boot does not have.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::{Context as _, Result};
use object::elf::{FileHeader64, NoteType, PT_NOTE};
use object::read::elf::{FileHeader as _, ProgramHeader as _};
use object::{Endianness, ReadCache};

use crate::kernel_image;

/// The owner of the note with the PVH entry point, and its type (`XEN_ELFNOTE_PHYS32_ENTRY`).
const PVH: (&[u8], NoteType) = (b"Xen", NoteType(18));

/// Returns the decompressed kernel in a memory file. `None` if it has no PVH entry point or cannot be
/// decompressed: then the image itself is booted.
pub(super) fn decompressed_kernel(image: &Path) -> Result<Option<OwnedFd>> {
    let memory = rustix::fs::memfd_create("vmlinux", rustix::fs::MemfdFlags::CLOEXEC)
        .context("cannot get memory for the kernel")?;
    let file = File::from(memory);
    let is_unpacked = kernel_image::unpack(image, file.try_clone()?).is_ok();
    Ok((is_unpacked && has_pvh_entry(&file)).then(|| file.into()))
}

fn has_pvh_entry(kernel: &File) -> bool {
    let data = ReadCache::new(kernel);
    let find = || -> object::Result<bool> {
        let header = FileHeader64::<Endianness>::parse(&data)?;
        let endian = header.endian()?;
        for segment in header.program_headers(endian, &data)? {
            if segment.p_type(endian) != PT_NOTE {
                continue;
            }
            let Some(mut notes) = segment.notes(endian, &data)? else {
                continue;
            };
            while let Some(note) = notes.next()? {
                if (note.name(), note.n_type(endian)) == PVH {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    };
    find().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use object::elf;
    use object::write::elf::{FileHeader, ProgramHeader, Writer};

    use super::*;

    /// A kernel with a note of this owner and type.
    fn kernel(owner: &[u8; 4], kind: u32) -> File {
        let mut data = Vec::new();
        let mut writer = Writer::new(Endianness::Little, true, &mut data);
        writer.reserve_file_header();
        writer.reserve_program_headers(1);
        let note: Vec<u8> = [4, 4, kind]
            .into_iter()
            .flat_map(u32::to_le_bytes)
            .chain(*owner)
            .chain([0; 4])
            .collect();
        let length = note.len() as u64;
        let offset = writer.reserve(length, 4);
        writer
            .write_file_header(&FileHeader {
                os_abi: elf::ELFOSABI_NONE,
                abi_version: 0,
                e_type: elf::ET_EXEC,
                e_machine: elf::EM_X86_64,
                e_entry: 0,
                e_flags: elf::FileFlags(0),
            })
            .unwrap();
        writer.write_align_program_headers();
        writer.write_program_header(&ProgramHeader {
            p_type: PT_NOTE,
            p_flags: elf::PF_R,
            p_offset: offset,
            p_vaddr: 0,
            p_paddr: 0,
            p_filesz: length,
            p_memsz: length,
            p_align: 4,
        });
        writer.write_align(4);
        writer.write(&note);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&data).unwrap();
        file
    }

    #[test]
    fn the_entry_point_is_a_note_of_xen() {
        assert!(has_pvh_entry(&kernel(b"Xen\0", 18)));
        assert!(!has_pvh_entry(&kernel(b"Xen\0", 17)));
        assert!(!has_pvh_entry(&kernel(b"GNU\0", 18)));
        assert!(!has_pvh_entry(&tempfile::tempfile().unwrap()), "no kernel");
    }

    #[test]
    fn what_is_no_image_is_booted_as_it_is() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "text").unwrap();
        assert!(decompressed_kernel(file.path()).unwrap().is_none());
    }
}
