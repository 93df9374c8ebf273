// SPDX-License-Identifier: GPL-2.0-only

//! Several functions in several objects, and items that they share.

#![deny(warnings)]
use klp::prelude::*;

/// Two fixes.
#[livepatch(description = "Two fixes", license = "GPL", authors = [], replace)]
pub mod fixes {
    #![allow(dead_code)]
    //! Inner documentation.

    use klp::prelude::*;

    const NUMBER: [u8; 2] = [1, 2];

    struct Shared {
        number: u8,
    }

    impl Shared {
        fn get(&self) -> u8 {
            self.number
        }
    }

    fn shared(shared: Shared) -> u8 {
        shared.get()
    }

    macro_rules! shared {
        ($number:expr) => {
            shared(Shared { number: $number })
        };
    }

    mod inner {
        pub(super) fn helper() {}
    }

    #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show")]
    fn cmdline(m: &SeqFile, _v: *mut c_void) -> Result {
        inner::helper();
        seq_print!(m, "{}\n", shared!(NUMBER[0]));
        Ok(())
    }

    #[klp::livepatch(object = "ext4", replaces = "show", sympos = 1)]
    pub fn show() {}

    #[klp::prelude::livepatch(object = "ext4", replaces = "show", sympos = 2)]
    pub(crate) fn other_show() -> isize {
        -1
    }

    #[livepatch(object = "vmlinux", replaces = "show")]
    fn kernel_show() {}
}

fn main() {}
