// SPDX-License-Identifier: GPL-2.0-only

//! The kernel's format of signed modules: the module, a CMS signature of it, a header that says how long that is
//! (`struct module_signature`), and a mark at the very end.

use klp_elf::module::SIGNED;

/// The size of `struct module_signature`.
const HEADER: usize = 12;

/// Its `id_type` when the signature is CMS (PKCS#7). The kernel takes no other.
const CMS: u8 = 2;

/// A module's file, taken apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Parts<'data> {
    /// The module: what is signed.
    pub module: &'data [u8],
    /// The CMS signature in DER, if it is signed.
    pub signature: Option<&'data [u8]>,
}

/// Does the file end like a signed module?
pub fn is_signed(data: &[u8]) -> bool {
    data.ends_with(SIGNED)
}

/// Takes a module's file apart.
///
/// # Errors
///
/// Says what is wrong with the signature.
pub fn split(data: &[u8]) -> Result<Parts<'_>, &'static str> {
    let Some(rest) = data.strip_suffix(SIGNED) else {
        return Ok(Parts {
            module: data,
            signature: None,
        });
    };
    let (rest, header) = rest
        .split_last_chunk::<HEADER>()
        .ok_or("its signature has no header")?;
    let [_, _, id_type, signer_len, key_id_len, _, _, _, len @ ..] = *header;
    if id_type != CMS {
        return Err("its signature is of a kind that the kernel does not know");
    }
    if signer_len != 0 || key_id_len != 0 {
        return Err("its signature's header is damaged");
    }
    let len = usize::try_from(u32::from_be_bytes(len)).unwrap_or(usize::MAX);
    let middle = rest
        .len()
        .checked_sub(len)
        .filter(|&middle| middle > 0 && len > 0)
        .ok_or("its signature has a wrong length")?;
    let (module, signature) = rest.split_at(middle);
    Ok(Parts {
        module,
        signature: Some(signature),
    })
}

/// Puts a module and its CMS signature together. `None` when the signature is too long for the format.
pub fn join(module: &[u8], signature: &[u8]) -> Option<Vec<u8>> {
    let len = u32::try_from(signature.len()).ok()?.to_be_bytes();
    let mut header = [0; HEADER];
    header[2] = CMS;
    header[HEADER - len.len()..].copy_from_slice(&len);
    Some([module, signature, &header, SIGNED].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_joined_is_split() {
        let signed = join(b"module", b"signature").expect("short enough");
        assert!(is_signed(&signed));
        let parts = split(&signed).expect("whole");
        assert_eq!(parts.module, b"module");
        assert_eq!(parts.signature, Some(&b"signature"[..]));
        let parts = split(b"module").expect("unsigned");
        assert_eq!((parts.module, parts.signature), (&b"module"[..], None));
    }

    #[test]
    fn damaged_signatures_are_refused() {
        assert!(split(SIGNED).is_err());
        let signed = join(b"module", b"signature").expect("short enough");
        let header = signed.len() - SIGNED.len() - HEADER;
        // Another kind, a signer in the old way, and a length beyond the file.
        for at in [2, 3, 4, 8, 9, 10] {
            let mut damaged = signed.clone();
            damaged[header + at] = 0x7f;
            assert!(split(&damaged).is_err(), "{at}");
        }
        let whole = join(b"", b"signature").expect("short enough");
        assert!(split(&whole).is_err(), "nothing is signed");
    }
}
