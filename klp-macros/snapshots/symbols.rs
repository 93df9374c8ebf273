// SPDX-License-Identifier: GPL-2.0-only

::klp::__private::in_kernel! {
    ::klp::__private::livepatch_symbols! {
    "__klp_unlinked_text: .asciz \"\\0013klp: klp_macros: not linked, so it cannot find what it uses of the kernel: run `cargo klp link` on the module's file, then load it again\\n\""
    ".weak \".klp.sym.ext4.show,0\"" ".weak \".klp.sym.ext4.table.0,2\"" } #[doc =
    r" Of ext4."] #[allow(improper_ctypes)] unsafe extern "C" { #[doc = r" Shows."]
    #[link_name = ".klp.sym.ext4.show,0"] pub safe fn show(m : & SeqFile, _ : * mut
    c_void) -> i32; } #[doc = r" Of ext4."] #[allow(improper_ctypes)] unsafe extern "C" {
    #[link_name = ".klp.sym.ext4.table.0,2"] static mut TABLE : [u32; 4]; }
}
::klp::__private::on_host! {
    #[doc = r" Of ext4."] #[allow(improper_ctypes)] unsafe extern "C" { #[doc =
    r" Shows."] #[link_name = "__klp_stand_in_0_show"] pub safe fn show(m : & SeqFile, _
    : * mut c_void) -> i32; } const _ : () = { #[allow(improper_ctypes_definitions)]
    #[unsafe (export_name = "__klp_stand_in_0_show")] extern "C" fn stand_in(_ : &
    SeqFile, _ : * mut c_void) -> i32 { ::klp::symbols::only_in_a_kernel() } }; #[doc =
    r" Of ext4."] #[allow(improper_ctypes)] unsafe extern "C" { #[link_name =
    "__klp_stand_in_1_table.0"] static mut TABLE : [u32; 4]; } const _ : () = { #[unsafe
    (export_name = "__klp_stand_in_1_table.0")] static mut STAND_IN : [u32; 4] = unsafe {
    ::core::mem::zeroed() }; };
}
const _: fn() = || {
    ::klp::symbols::is_c_type::<&SeqFile>();
    ::klp::symbols::is_c_type::<*mut c_void>();
    ::klp::symbols::is_c_type::<i32>();
};
const _: fn() = || {
    ::klp::layout::plain::<[u32; 4]>();
};
const _: () = {
    const PATCH: ::klp::symbols::Objects = {
        use ::klp::symbols::without_patch::*;
        {
            use crate::*;
            one_livepatch_per_module__put_several_functions_into_a_mod_with_the_attribute::OBJECTS
        }
    };
    const _: () = if !PATCH.has("ext4") {
        ::core::panic!(
            "this patch has no object `ext4`, so the kernel would never resolve these symbols for it: replace a function of `ext4` too, or give it a callback, `#[pre_patch(object = \"ext4\")]`"
        )
    };
    const _: () = if PATCH.has("ext4") && !PATCH.is_only("ext4") {
        ::core::panic!(
            "this patch also runs while `ext4` is not loaded, and then this does not exist: remove `safe`, and use it only where the module is known to be loaded; or make a separate patch for `ext4`"
        )
    };
};
const _: () = {
    const PATCH: &[::klp::symbols::Replacement] = {
        use ::klp::symbols::without_patch::*;
        {
            use crate::*;
            one_livepatch_per_module__put_several_functions_into_a_mod_with_the_attribute::REPLACEMENTS
        }
    };
    const _: () = if ::klp::symbols::calls_itself(PATCH, "ext4", "show", 0u32, "show") {
        ::core::panic!(
            "the replacement of `show` calls `show` through this declaration, and so itself without end: write `original(...)` there, which is the kernel's own, and remove this declaration if nothing else needs it"
        )
    };
};
