// SPDX-License-Identifier: GPL-2.0-only

//! Writes the arguments of `#[kernel_struct]`.

use crate::kernel::{Kernel, VMLINUX};
use std::fmt::Write as _;

/// The function in whose prototype a structure was found first.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) object: String,
    /// The function that takes or returns it.
    pub(super) function: Option<String>,
}

/// The structure's name, and keys that distinguish it from others of that name.
pub(super) fn keys(kernel: &Kernel, tag: &str, origin: Option<&Origin>) -> String {
    let mut keys = format!("\"{tag}\"");
    let Some(origin) = origin else {
        return keys;
    };
    let object = match is_of_module(kernel, tag, &origin.object) {
        true => origin.object.as_str(),
        false => VMLINUX,
    };
    if object != VMLINUX {
        let _ = write!(keys, ", object = \"{object}\"");
    }
    let known = kernel.object(object).ok().flatten();
    let several = known.is_some_and(|known| known.structures(tag).len() > 1);
    if let Some(function) = origin.function.as_ref().filter(|_| several) {
        let _ = write!(keys, ", of = \"{function}\"");
    }
    keys
}

/// Whether the module has its own structure of that name.
fn is_of_module(kernel: &Kernel, tag: &str, object: &str) -> bool {
    if object == VMLINUX {
        return false;
    }
    let Ok(Some(vmlinux)) = kernel.object(VMLINUX) else {
        return true;
    };
    let Ok(Some(module)) = kernel.object(object) else {
        return false;
    };
    match vmlinux.structures(tag) {
        ours if ours.is_empty() => !vmlinux.declares(tag) || !module.structures(tag).is_empty(),
        ours => ours != module.structures(tag),
    }
}
