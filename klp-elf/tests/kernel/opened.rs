// SPDX-License-Identifier: GPL-2.0-only

//! Opens files that are not regular, and files that change while they are read.

use crate::btf::{Btf, VOID};
use crate::files::{Folder, TEXT, vmlinux};
use klp_elf::{Error, Kernel, Sources, VMLINUX, read_module};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

fn sample() -> Vec<u8> {
    let mut btf = Btf::new();
    btf.function("f", VOID, &[]);
    vmlinux(&btf, &[("f", TEXT, true)])
}

/// Paths that are not regular files, with the words of the errors.
fn no_files(folder: &Path) -> [(PathBuf, &'static str); 4] {
    let fifo = folder.join("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo runs").success());
    [
        (fifo, "it is a FIFO"),
        (PathBuf::from("/dev/zero"), "it is a device"),
        (folder.to_owned(), "it is a folder"),
        (folder.join("socket"), "it is a socket"),
    ]
}

#[test]
fn only_regular_files_are_opened() {
    let folder = Folder::new(&sample());
    let _socket = UnixListener::bind(folder.path().join("socket")).expect("a socket");
    for (path, words) in no_files(&folder.path()) {
        let own = &folder.sources;
        let other = || Some(path.clone());
        let all = [
            Sources {
                vmlinux: path.clone(),
                ..own.clone()
            },
            Sources {
                kallsyms: other(),
                ..own.clone()
            },
            Sources {
                traceable: other(),
                ..own.clone()
            },
            Sources {
                symvers: other(),
                ..own.clone()
            },
            Sources {
                sites: other(),
                ..own.clone()
            },
        ];
        let errors = all.map(|sources| Kernel::open(sources).err());
        for error in errors.into_iter().chain([read_module(&path).err()]) {
            let text = error.expect("no file").to_string();
            assert!(
                text.contains(words) && text.contains("give a regular file"),
                "{text}"
            );
            assert!(text.contains(path.to_str().expect("a name")), "{text}");
        }
    }
}

#[test]
fn files_that_are_cut_off_while_they_are_read() {
    let data = sample();
    for length in [0, 64, 4096, data.len() as u64 - 1] {
        let folder = Folder::new(&data);
        let kernel = folder.open();
        let file = std::fs::File::options()
            .write(true)
            .open(&folder.sources.vmlinux);
        file.and_then(|file| file.set_len(length)).expect("cut off");
        match kernel.object(VMLINUX) {
            Err(error @ Error::Changed { .. }) => {
                assert!(
                    error.to_string().contains("cut off while it was read"),
                    "{error}"
                );
            }
            // What was needed is still there.
            Ok(found) => assert!(found.is_some() && length > 4096),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn files_of_no_size() {
    let mut folder = Folder::new(&sample());
    let release = Path::new("/proc/sys/kernel/osrelease");
    let text = read_module(release).expect("files of /proc say that they are empty");
    assert!(!text.is_empty());
    folder.sources.kallsyms = Some(folder.add("kallsyms", b""));
    assert!(Kernel::open(folder.sources).is_err());
}
