// SPDX-License-Identifier: GPL-2.0-only

//! Invalid shadow variables and states.

use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fix {
    use super::*;

    #[livepatch(object = "vmlinux", replaces = "a")]
    fn a(task: &Task) -> Result {
        // Declared, although with errors.
        FIRST.get(task)?;
        SECOND.get(task)?;
        NO_VERSION.get();
        Ok(())
    }

    #[shadow(id = 1)]
    static FIRST: Shadow<Task, u32>;

    #[shadow(id = 0x1)]
    static SECOND: Shadow<Task, u64>;

    #[shadow]
    static NO_ID: Shadow<Task, u32>;

    #[shadow(id = 2)]
    static mut MUTABLE: Shadow<Task, u32>;

    #[shadow(id = 3)]
    static VALUE: Shadow<Task, u32> = Shadow::new(3);

    #[shadow(id = 4)]
    static ONE_TYPE: Shadow<u32>;

    #[shadow(id = "5")]
    static TEXT: Shadow<Task, u32>;

    #[shadow(id = 6, version = 1)]
    static VERSION: Shadow<Task, u32>;

    #[state(id = 1)]
    static NO_VERSION: State<u32>;

    #[state(id = 0, version = 1)]
    static ZERO: State<u32>;

    #[state(id = 2, version = 1)]
    static STATE: State<u32>;

    #[state(id = 2, version = 2)]
    static SAME: State<u32>;

    #[state(id = 3, versoin = 2)]
    static TYPO: State<u32>;

    #[state(id = 4, version = 1)]
    static NUMBER: u32;
}

fn main() {}
