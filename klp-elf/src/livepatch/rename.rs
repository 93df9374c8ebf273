// SPDX-License-Identifier: GPL-2.0-only

//! Renames a patch's module.
//!
//! The kernel identifies modules by name, so a newer build of a patch can atomically replace an older one
//! only under another name. The name is in `struct module` and in modinfo; both have to be equal.

use std::ops::Range;

use super::error::Error;
use super::format::SERIES;
use super::names::{OBJECT_MAX, is_module_name};
use super::read::{File, offset};
use super::write;

/// The section with a module's `struct module`.
const THIS_MODULE: &[u8] = b".gnu.linkonce.this_module";

/// The range of the name in it: behind `enum module_state` and a `struct list_head`. The last of the kernel's
/// `MODULE_NAME_LEN` bytes is 0.
const NAME: Range<usize> = 24..80;
const _: () = assert!(NAME.end - NAME.start == OBJECT_MAX + 1);

/// Renames a patch's module to `name`. Its modinfo then has the old name as its [`SERIES`].
///
/// # Errors
///
/// When `data` is not a live patch, is damaged, or is signed; when `name` is not a valid module name.
pub fn rename(data: &[u8], name: &str) -> Result<Vec<u8>, Error> {
    if !is_module_name(name) {
        return Err(Error::ModuleName {
            name: name.to_owned(),
        });
    }
    let file = File::parse(data)?;
    if file.is_signed() {
        return Err(Error::Signed);
    }
    let find = |name, what| file.elf.sections.find(name).ok_or(Error::Damaged(what));
    let modinfo = find(b".modinfo", "no modinfo")?;
    let this = find(THIS_MODULE, "no `struct module`")?;
    let (entries, old) = renamed(file.elf.bytes(modinfo), name)?;
    // The section may be too short, or have no bytes in the file.
    let field = file.elf.bytes(this).get(NAME);
    let field = field.ok_or(Error::Damaged("a `struct module` without a name"))?;
    if field.split(|&byte| byte == 0).next() != Some(old) {
        return Err(Error::Damaged("two names"));
    }
    let header = file.elf.sections.get(this);
    let start = header.map_or(0, |header| header.sh_offset.get(object::LittleEndian));
    let mut field = name.as_bytes().to_vec();
    field.resize(NAME.len(), 0);
    write::replace(
        &file,
        (offset(start)? + NAME.start, &field),
        (modinfo, &entries),
    )
}

/// The entries with the new name, and the old name. Entries keep their offsets, since symbols refer to them; the
/// old name becomes zeroes, which the kernel and `modinfo` skip. The last entry may lack its final zero.
fn renamed<'data>(entries: &'data [u8], name: &str) -> Result<(Vec<u8>, &'data [u8]), Error> {
    let mut all = entries.to_vec();
    let mut start = 0;
    for entry in entries.split(|&byte| byte == 0) {
        if let Some(old) = entry.strip_prefix(b"name=") {
            if old.is_empty() {
                break;
            }
            all[start..start + entry.len()].fill(0);
            if all.last() != Some(&0) {
                all.push(0);
            }
            all.extend(format!("name={name}\0{SERIES}=").as_bytes());
            all.extend(old);
            all.push(0);
            return Ok((all, old));
        }
        start += entry.len() + 1;
    }
    Err(Error::Damaged("no name"))
}
