// SPDX-License-Identifier: GPL-2.0-only

//! The kernel that the patch is compiled for: opened once for all attributes of a crate.

use klp_elf::{Kernel, Sources};
use std::cell::OnceCell;
use std::mem::ManuallyDrop;

thread_local! {
    // One rustc runs all attributes of a crate on one thread. The compiler ends soon after: taking
    // apart what was read would cost as much as reading it.
    static KERNEL: OnceCell<ManuallyDrop<Result<Option<Kernel>, String>>> =
        const { OnceCell::new() };
}

/// Lets `ask` have what is known of the kernel; nothing when the build names no type information.
///
/// # Errors
///
/// What the build names cannot be read, in words for the author.
pub(super) fn with<T>(ask: impl FnOnce(&Kernel) -> T) -> Result<Option<T>, String> {
    KERNEL.with(
        |kernel| match &**kernel.get_or_init(|| ManuallyDrop::new(open())) {
            Ok(kernel) => Ok(kernel.as_ref().map(ask)),
            Err(error) => Err(error.clone()),
        },
    )
}

fn open() -> Result<Option<Kernel>, String> {
    let Some(sources) = Sources::from_env() else {
        return Ok(None);
    };
    match Kernel::open(sources) {
        Ok(kernel) => Ok(Some(kernel)),
        Err(error) => Err(format!(
            "cannot read the kernel's type information: {error}; give another file in \
             KLP_VMLINUX, or none"
        )),
    }
}
