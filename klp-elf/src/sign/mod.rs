// SPDX-License-Identifier: GPL-2.0-only

//! Signs modules, and verifies signatures.
//!
//! A signed module consists of the module, a CMS signature, a header with its length
//! (`struct module_signature`), and a mark at the end. `openssl` makes and checks the signature.

mod error;
mod openssl;

use crate::module::SIGNED;

pub use crate::module::is_signed;
pub use error::Error;
pub use openssl::{Signer, is_signed_by, subject};

/// Hash functions that kernels sign modules with, as openssl calls them; the usual one first.
pub const HASHES: [&str; 3] = ["sha256", "sha384", "sha512"];

/// The size of `struct module_signature`.
const HEADER: usize = 12;

/// The `id_type` of a CMS (PKCS#7) signature. The kernel accepts no other.
const CMS: u8 = 2;

/// The parts of a module's file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Parts<'data> {
    /// The signed module.
    pub module: &'data [u8],
    /// The CMS signature in DER, if it is signed.
    pub signature: Option<&'data [u8]>,
}

/// Signs a module. An existing signature is replaced.
///
/// # Errors
///
/// When the existing signature is damaged, or openssl cannot sign.
pub fn sign(data: &[u8], signer: Signer<'_>) -> Result<Vec<u8>, Error> {
    let module = split(data)?.module;
    let signature = openssl::sign(module, signer)?;
    // The key may not belong to the certificate.
    if !is_signed_by(module, &signature, signer.certificate)? {
        return Err(Error::OtherKey(signer.certificate.to_owned()));
    }
    join(module, &signature).ok_or(Error::TooLong)
}

/// Splits a module's file into module and signature.
///
/// # Errors
///
/// When the signature is damaged.
pub fn split(data: &[u8]) -> Result<Parts<'_>, Error> {
    let Some(rest) = data.strip_suffix(SIGNED) else {
        return Ok(Parts {
            module: data,
            signature: None,
        });
    };
    let (rest, header) = rest
        .split_last_chunk::<HEADER>()
        .ok_or(Error::Damaged("its signature has no header"))?;
    let [_, _, id_type, signer_len, key_id_len, _, _, _, len @ ..] = *header;
    if id_type != CMS {
        return Err(Error::Damaged(
            "its signature is of a kind that the kernel does not know",
        ));
    }
    if signer_len != 0 || key_id_len != 0 {
        return Err(Error::Damaged("its signature's header is damaged"));
    }
    let len = usize::try_from(u32::from_be_bytes(len)).unwrap_or(usize::MAX);
    let middle = rest
        .len()
        .checked_sub(len)
        .filter(|&middle| middle > 0 && len > 0)
        .ok_or(Error::Damaged("its signature has a wrong length"))?;
    let (module, signature) = rest.split_at(middle);
    Ok(Parts {
        module,
        signature: Some(signature),
    })
}

/// Appends a CMS signature to a module. `None` if the signature is too long for the format.
fn join(module: &[u8], signature: &[u8]) -> Option<Vec<u8>> {
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
    fn signed_modules_split_again() {
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
        // Another `id_type`, a signer in the old format, and a length past the end of the file.
        for at in [2, 3, 4, 8, 9, 10] {
            let mut damaged = signed.clone();
            damaged[header + at] = 0x7f;
            assert!(split(&damaged).is_err(), "{at}");
        }
        let whole = join(b"", b"signature").expect("short enough");
        assert!(split(&whole).is_err(), "nothing is signed");
    }
}
