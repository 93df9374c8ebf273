// SPDX-License-Identifier: GPL-2.0-only

::core::compile_error! {
    "missing `license`: add `license = \"GPL\"`"
}
::core::compile_error! {
    "`object` takes a module's name, not a file's: write `object = \"ext4\"`"
}
::core::compile_error! {
    "`impl Trait` stands for no single C type: write the concrete type"
}
#[allow(dead_code)]
pub fn show(_value: impl Copy) {}
