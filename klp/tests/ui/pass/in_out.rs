// SPDX-License-Identifier: GPL-2.0-only

//! Pointers to integers that are read and written.

#![forbid(unsafe_code)]
#![deny(warnings)]
use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    use klp::prelude::*;

    #[livepatch(object = "vmlinux", replaces = "a")]
    fn places(position: InOut<'_, i64>, length: Option<InOut<'_, usize>>) -> Result<usize> {
        if position.read() < 0 {
            return Err(EINVAL);
        }
        let length = length.map_or(0, InOut::read);
        let copy = position;
        position.write(0);
        let result: Result<usize> = original(position, None);
        copy.write(copy.read() + 1);
        result.map(|result| result.min(length))
    }
}

fn main() {}
