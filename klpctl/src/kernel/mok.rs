// SPDX-License-Identifier: GPL-2.0-only

//! Reads the enrolled machine owner keys (MOK), as shim passes them on. Keys built into the kernel cannot be read.

use std::fs;

use super::Kernel;

/// The files with the list, and the length of their headers.
const PLACES: [(&str, usize); 2] = [
    ("sys/firmware/efi/mok-variables/MokListRT", 0),
    (
        "sys/firmware/efi/efivars/MokListRT-605dab50-e046-4300-abb6-3dd810dd8b23",
        // The attributes of the EFI variable.
        4,
    ),
];

/// EFI_CERT_X509_GUID, in memory order.
const X509: [u8; 16] = [
    0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72,
];

/// The size of an EFI_SIGNATURE_LIST's fields: type GUID, and the sizes of the list, its header, and each signature.
const HEAD: usize = 28;

/// The size of the owner GUID in front of each signature.
const OWNER: usize = 16;

impl Kernel {
    /// The certificates of the enrolled keys, in DER; none if the machine was not booted by shim.
    pub fn owner_certificates(&self) -> Vec<Vec<u8>> {
        for (path, skipped) in PLACES {
            if let Ok(data) = fs::read(self.path(path)) {
                return certificates(data.get(skipped..).unwrap_or_default());
            }
        }
        Vec::new()
    }
}

/// The certificates in a sequence of EFI_SIGNATURE_LISTs, up to the first malformed one.
fn certificates(mut data: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let Some((list, rest)) = first_list(data) {
        data = rest;
        let word = |at: usize| word(list, at);
        let (Some(header), Some(size)) = (word(20), word(24)) else {
            break;
        };
        let signatures = list.get(HEAD.saturating_add(header)..).unwrap_or_default();
        if list.starts_with(&X509) && size > OWNER {
            found.extend(
                signatures
                    .chunks_exact(size)
                    .map(|signature| signature[OWNER..].to_vec()),
            );
        }
    }
    found
}

fn first_list(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let size = word(data, 16).filter(|&size| size >= HEAD)?;
    data.split_at_checked(size)
}

fn word(data: &[u8], at: usize) -> Option<usize> {
    let bytes = data.get(at..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*bytes)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(kind: [u8; 16], signatures: &[&[u8]]) -> Vec<u8> {
        let size = OWNER + signatures[0].len();
        let all = HEAD + size * signatures.len();
        let mut list = kind.to_vec();
        for word in [all, 0, size] {
            list.extend(u32::try_from(word).expect("small").to_le_bytes());
        }
        for signature in signatures {
            list.extend([0x11; OWNER]);
            list.extend(*signature);
        }
        list
    }

    #[test]
    fn certificates_are_found_among_others() {
        let data = [
            list([7; 16], &[b"a hash"]),
            list(X509, &[b"first!", b"second"]),
            list(X509, &[b"third"]),
        ]
        .concat();
        assert_eq!(certificates(&data), [&b"first!"[..], b"second", b"third"]);
        for end in 0..data.len() {
            // A truncated list yields fewer certificates, never wrong ones.
            assert!(certificates(&data[..end]).len() < 3);
        }
    }

    #[test]
    fn either_file_is_read() {
        let dir = tempfile::tempdir().expect("a folder");
        let kernel = Kernel::at(dir.path());
        assert!(kernel.owner_certificates().is_empty());
        let data = list(X509, &[b"one"]);
        let write = |path: &str, data: &[u8]| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("not the root")).expect("a folder");
            fs::write(path, data).expect("a file");
        };
        write(PLACES[1].0, &[&[7, 0, 0, 0], &data[..]].concat());
        assert_eq!(kernel.owner_certificates(), [b"one"]);
        write(PLACES[0].0, &list(X509, &[b"two"]));
        assert_eq!(kernel.owner_certificates(), [b"two"]);
    }
}
