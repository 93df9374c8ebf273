// SPDX-License-Identifier: GPL-2.0-only

//! Livepatch relocations: the names of their sections and symbols, as
//! `Documentation/livepatch/module-elf-format.rst` defines them.

use crate::errno::Result;
use core::ffi::CStr;

/// A symbol that a patch refers to by object, name and position: `.klp.sym.OBJECT.NAME,POSITION`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SymbolName<'a> {
    /// The module, or `vmlinux`.
    pub object: &'a [u8],
    /// The symbol's name.
    pub name: &'a [u8],
    /// The position among symbols of that name; see [`crate::symbols`].
    pub position: usize,
}

/// The length of the longest object name in a section or symbol: one less than the smallest `MODULE_NAME_LEN`.
const OBJECT_LEN: usize = 55;
/// The length of the longest symbol name: one less than `KSYM_NAME_LEN`.
const NAME_LEN: usize = 511;

impl<'a> SymbolName<'a> {
    /// Parses the name of a livepatch symbol; `None` if it is not one.
    pub fn parse(symbol: &'a CStr) -> Option<Self> {
        let rest = symbol.to_bytes().strip_prefix(b".klp.sym.")?;
        let (object, rest) = split(rest, b'.', OBJECT_LEN)?;
        // Compilers generate names with dots, but not with commas.
        let (name, position) = split(rest, b',', NAME_LEN)?;
        Some(Self {
            object,
            name,
            position: number(position)?,
        })
    }
}

/// Applies the relocations of all `sections`, or of none: when a section fails, those before it are cleared.
/// Otherwise they would prevent loading the object's module again.
///
/// # Errors
///
/// The error of the section that fails, which `apply` has cleared itself.
pub fn apply_all(
    sections: impl Iterator<Item = u32> + Clone,
    mut apply: impl FnMut(u32) -> Result,
    mut clear: impl FnMut(u32),
) -> Result {
    for (before, section) in sections.clone().enumerate() {
        if let Err(errno) = apply(section) {
            sections.take(before).for_each(&mut clear);
            return Err(errno);
        }
    }
    Ok(())
}

/// The object that a livepatch relocation section is for: `.klp.rela.OBJECT.SECTION`.
pub fn section_object(section: &CStr) -> Option<&[u8]> {
    let rest = section.to_bytes().strip_prefix(b".klp.rela.")?;
    // Like the C core's sscanf(), truncates a name that is too long.
    let rest = rest.get(..OBJECT_LEN).unwrap_or(rest);
    let end = rest.iter().position(|&byte| byte == b'.');
    let object = rest.get(..end.unwrap_or(rest.len()))?;
    (!object.is_empty()).then_some(object)
}

/// Splits `text` at the first `separator` into two parts, which must not be empty.
fn split(text: &[u8], separator: u8, longest: usize) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|&byte| byte == separator)?;
    let (before, after) = (text.get(..at)?, text.get(at + 1..)?);
    ((1..=longest).contains(&before.len()) && !after.is_empty()).then_some((before, after))
}

/// Parses the number at the start of a text like `%lu` of the kernel's `sscanf()`: ignores space before it and
/// anything behind it, and wraps on overflow.
fn number(text: &[u8]) -> Option<usize> {
    // The kernel's isspace() includes 0xa0.
    let is_space = |byte: &u8| matches!(byte, b' ' | 9..=13 | 0xa0);
    let start = text.iter().position(|byte| !is_space(byte))?;
    let digits = text.get(start..)?;
    let is_number = digits.first().is_some_and(u8::is_ascii_digit);
    is_number.then(|| {
        let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold(0usize, |number, digit| {
            let digit = usize::from(digit.wrapping_sub(b'0'));
            number.wrapping_mul(10).wrapping_add(digit)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errno::EINVAL;

    #[test]
    fn symbols() {
        let symbol = SymbolName::parse(c".klp.sym.ext4.attr_show.isra.0,2");
        let expected = SymbolName {
            object: b"ext4",
            name: b"attr_show.isra.0",
            position: 2,
        };
        assert_eq!(symbol, Some(expected));
        for (lenient, position) in [
            (c".klp.sym.ext4.attr_show, 2", 2),
            (c".klp.sym.ext4.attr_show,\t2x", 2),
            (c".klp.sym.ext4.attr_show,007,3", 7),
            (c".klp.sym.ext4.attr_show,18446744073709551617", 1),
        ] {
            let position_of = |symbol: SymbolName<'_>| symbol.position;
            let found = SymbolName::parse(lenient).map(position_of);
            assert_eq!(found, Some(position), "{lenient:?}");
        }
        for wrong in [
            c".klp.sym.ext4.attr_show,-1",
            c".klp.sym.ext4.attr_show,+1",
            c".klp.sym.ext4.attr_show, ",
            c".klp.sym.ext4.attr_show",
            c".klp.sym.ext4.attr_show,",
            c".klp.sym.ext4.attr_show,x",
            c".klp.sym.ext4.,0",
            c".klp.sym..attr_show,0",
            c".klp.sym.ext4",
            c"attr_show,0",
        ] {
            assert_eq!(SymbolName::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn names_are_no_longer_than_the_kernels() {
        let name = |len| std::ffi::CString::new(format!(".klp.sym.{},0", "m".repeat(len) + ".f"));
        assert!(SymbolName::parse(&name(55).expect("text")).is_some());
        assert!(SymbolName::parse(&name(56).expect("text")).is_none());
    }

    #[test]
    fn a_section_that_fails_clears_those_before_it() {
        let applied = std::cell::RefCell::new(std::vec::Vec::new());
        let apply = |section| {
            if section == 7 {
                return Err(EINVAL);
            }
            applied.borrow_mut().push(section);
            Ok(())
        };
        let clear = |section| applied.borrow_mut().retain(|other| *other != section);
        assert_eq!(
            apply_all([3, 5, 7, 9].into_iter(), apply, clear),
            Err(EINVAL)
        );
        assert!(applied.borrow().is_empty());
        assert_eq!(apply_all([3, 5].into_iter(), apply, clear), Ok(()));
        assert_eq!(*applied.borrow(), [3, 5]);
    }

    #[test]
    fn sections() {
        assert_eq!(
            section_object(c".klp.rela.ext4.text.attr_store"),
            Some(&b"ext4"[..])
        );
        assert_eq!(
            section_object(c".klp.rela.vmlinux..text"),
            Some(&b"vmlinux"[..])
        );
        assert_eq!(section_object(c".klp.rela.ext4"), Some(&b"ext4"[..]));
        let long = std::ffi::CString::new(format!(".klp.rela.{}", "m".repeat(60)));
        let long = long.expect("text");
        assert_eq!(section_object(&long), Some(&[b'm'; 55][..]));
        assert_eq!(section_object(c".klp.rela..text"), None);
        assert_eq!(section_object(c".rela.text"), None);
    }
}
