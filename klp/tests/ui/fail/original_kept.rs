// SPDX-License-Identifier: GPL-2.0-only

//! Uses of the original outside of the replacement.

use klp::prelude::*;

#[livepatch(description = "A check", license = "GPL")]
mod check {
    use super::*;

    static KEPT: fn(u32) -> u32 = |number| number;

    #[livepatch(object = "ext4", replaces = "function_inside")]
    fn function_inside(number: u32) -> u32 {
        fn inside(number: u32) -> u32 {
            original(number)
        }
        inside(number)
    }

    #[livepatch(object = "ext4", replaces = "pointer")]
    fn pointer(number: u32) -> u32 {
        let mut kept: fn(u32) -> u32 = KEPT;
        kept = original;
        kept(number)
    }

    #[livepatch(object = "ext4", replaces = "reference")]
    fn reference(number: u32) -> u32 {
        let kept: &'static dyn Fn(u32) -> u32 = &original;
        kept(number)
    }

    #[livepatch(object = "ext4", replaces = "another_task")]
    fn another_task(number: u32) -> u32 {
        fn send(_: impl Send) {}
        send(original);
        number
    }

    #[pre_patch]
    fn before(_object: &klp::Object) -> Result {
        original(1);
        Ok(())
    }
}

fn main() {}
