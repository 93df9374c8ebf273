// SPDX-License-Identifier: GPL-2.0-only

//! Names and texts that several parts of the generated code use.

use crate::model::Object;
use crate::names;
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::quote;
use std::ffi::CString;

/// The log message of an unlinked module, with the kernel's prefix for errors.
pub(super) fn unlinked_text() -> String {
    // Only letters, digits and underscores: nothing is special to the assembler or `printk`.
    let name = names::from_build(|variable| std::env::var(variable).ok());
    let name = name.as_deref().unwrap_or("a live patch");
    format!(
        "__klp_unlinked_text: .asciz \"\\0013klp: {name}: not linked, so it cannot find what it \
         uses of the kernel: run `cargo klp link` on the module's file, then load it again\\n\""
    )
}

pub(super) fn marker_name() -> Ident {
    // Without hygiene, so that each attribute resolves the names that another one generates.
    Ident::new(
        "one_livepatch_per_module__put_several_functions_into_a_mod_with_the_attribute",
        Span::call_site(),
    )
}

/// The object's name in `struct klp_object`: `None` for `vmlinux`.
pub(super) fn module_name(object: &Object) -> TokenStream {
    match &object.module {
        None => quote!(::core::option::Option::None),
        Some(name) => {
            let name = c_string(name);
            quote!(::core::option::Option::Some(#name))
        }
    }
}

pub(super) fn c_string(text: &str) -> Literal {
    // Checked names contain no NUL.
    let bytes: Vec<u8> = text.bytes().take_while(|byte| *byte != 0).collect();
    Literal::c_string(&CString::new(bytes).unwrap_or_default())
}
