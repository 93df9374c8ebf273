// SPDX-License-Identifier: GPL-2.0-only

//! Modules as distributions compress them.

use crate::btf::{Btf, VOID};
use crate::files::{File, Folder, TEXT, vmlinux};
use crate::packed::{gzip, xz, zstd};
use klp_elf::{Error, Kernel, is_compressed, read_module};

/// A module with a function of known type.
fn module() -> (Folder, Vec<u8>) {
    let base = Btf::new();
    let mut types = base.split();
    types.function("show", VOID, &[]);
    let mut file = File::new();
    let text = file.section(".text", 0, &[0; 64]);
    file.section(".BTF", 0, &types.finish());
    file.symbol(text, "show", 0, 16);
    let mut folder = Folder::new(&vmlinux(&base, &[("f", TEXT, true)]));
    folder.sources.modules = vec![folder.path().join("modules")];
    (folder, file.finish())
}

/// Each format, by the ending of its files.
fn packed(data: &[u8]) -> [(&'static str, Vec<u8>); 3] {
    [("gz", gzip(data)), ("xz", xz(data)), ("zst", zstd(data))]
}

#[test]
fn a_compressed_module_is_found_and_read() {
    let (folder, data) = module();
    for (number, (ending, file)) in packed(&data).into_iter().enumerate() {
        let path = folder.add(&format!("modules/a/snd-m{number}.ko.{ending}"), &file);
        assert_eq!(read_module(&path).expect("readable"), data, "{ending}");
        assert!(is_compressed(&path).expect("readable"), "{ending}");
    }
    let kernel = folder.open();
    for number in 0..3 {
        let object = kernel.object(&format!("snd_m{number}")).expect("readable");
        let function = object.expect("the module").function("show");
        assert_eq!(function.matches.expect("symbols").len(), 1);
        let prototype = function.prototype.expect("its prototype").to_string();
        assert_eq!(prototype, "void show(void)");
    }
}

#[test]
fn uncompressed_files_are_read_unchanged() {
    let (folder, data) = module();
    // The name does not matter.
    let path = folder.add("modules/m.ko.xz", &data);
    assert_eq!(read_module(&path).expect("readable"), data);
    assert!(!is_compressed(&path).expect("readable"));
    assert!(folder.open().object("m").expect("readable").is_some());
}

#[test]
fn types_alone_may_be_compressed() {
    let (folder, _) = module();
    let types = Btf::new().finish();
    let mut sources = folder.sources.clone();
    std::fs::create_dir_all(&sources.modules[0]).expect("a folder");
    sources.vmlinux = folder.add("vmlinux.btf.gz", &gzip(&types));
    assert!(Kernel::open(sources).is_ok());
}

#[test]
fn damaged_files_are_errors_that_name_them() {
    let (folder, data) = module();
    for (ending, whole) in packed(&data) {
        for length in 0..whole.len() {
            let path = folder.add(&format!("modules/m.ko.{ending}"), &whole[..length]);
            // Without the magic of a format, the file is read unchanged.
            let short = length < 6 && read_module(&path).is_ok();
            match read_module(&path) {
                Err(error @ Error::Compressed { .. }) => {
                    let text = error.to_string();
                    assert!(
                        text.contains("cannot unpack `")
                            && text.contains(ending.get(..2).expect("letters")),
                        "{text}"
                    );
                }
                Ok(_) => assert!(short, "{ending}, cut off at {length} of {}", whole.len()),
                Err(error) => panic!("{error}"),
            }
        }
        // Whichever byte is wrong, it does not panic.
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x55;
            let _ = read_module(&folder.add("modules/m.ko", &changed));
        }
    }
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let (mut folder, _) = module();
    folder.sources.modules = vec![folder.path().join("none")];
    let text = Kernel::open(folder.sources.clone())
        .err()
        .expect("no folder")
        .to_string();
    assert!(
        text.contains("/none` with modules; correct KLP_MODULES"),
        "{text}"
    );
}
