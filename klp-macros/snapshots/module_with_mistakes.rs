// SPDX-License-Identifier: GPL-2.0-only

::core::compile_error! {
    "a replacement must be directly in the mod: move this function up into the mod that carries the patch's `#[livepatch]`"
}
::core::compile_error! {
    "a live patch must have a GPL-compatible license, and \"MIT\" is not one that the kernel accepts: write one that it accepts: \"GPL\", \"GPL v2\", \"GPL and additional rights\", \"Dual BSD/GPL\", \"Dual MIT/GPL\", \"Dual MPL/GPL\""
}
::core::compile_error! {
    "a replacement has to return, or the patch could never be removed: write the type that the kernel's function returns"
}
::core::compile_error! {
    "a replacement needs a body: write what runs instead of the kernel's function, `{ ... }`"
}
mod fixes {
    #[allow(dead_code)]
    fn show() -> ! {
        loop {}
    }
    mod inner {
        pub(super) fn deep() {}
    }
    fn other() {}
}
