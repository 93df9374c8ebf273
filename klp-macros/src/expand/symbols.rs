// SPDX-License-Identifier: GPL-2.0-only

//! Generates declarations of kernel functions and data under the names of livepatch symbols.
//!
//! In a module a declaration is a weak undefined symbol, which the build accepts; `cargo klp link` turns it
//! into a livepatch symbol. Until then a byte in the section `.klp.unlinked` is 1, and the module's init
//! fails. On the host each declaration has a stand-in, so that code that uses it links.

use super::names::{marker_name, unlinked_text};
use crate::errors::symbols as errors;
use crate::keys::number;
use crate::model::Linked;
use crate::parse::foreign::{Block, Declared, Symbol};
use crate::types::{arguments, declaration, place, result, stop};
use proc_macro2::{Delimiter, Group, Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use std::cell::Cell;
use syn::{LitStr, Signature, Type};

/// The declarations, and the constants that check them.
pub(crate) fn symbols(object: &LitStr, block: &Block, symbols: &[Linked<'_>]) -> TokenStream {
    let in_kernel = symbols
        .iter()
        .map(|linked| declared(block, linked.symbol, &linked.link_name));
    let livepatch = symbols.iter().filter(|linked| !linked.found.exported);
    let names = livepatch.map(|linked| format!(".weak \"{}\"", linked.link_name));
    let text = unlinked_text();
    let on_host = symbols.iter().map(|linked| on_host(block, linked));
    let checks = symbols.iter().map(|linked| checks(object, linked));
    let object_checks = object_checks(object, symbols);
    let recursion_checks = recursion_checks(object, symbols);
    quote_spanned! {Span::mixed_site()=>
        ::klp::__private::in_kernel! {
            ::klp::__private::livepatch_symbols! { #text #(#names)* }
            #(#in_kernel)*
        }
        ::klp::__private::on_host! { #(#on_host)* }
        #(#checks)*
        #object_checks
        #recursion_checks
    }
}

/// Declarations of the patch's C functions, whose names the linker resolves within the module.
pub(crate) fn helpers(block: &Block, helpers: &[Linked<'_>]) -> TokenStream {
    let in_kernel = helpers
        .iter()
        .map(|linked| declared(block, linked.symbol, &linked.link_name));
    let on_host = helpers.iter().map(|linked| on_host(block, linked));
    let object = LitStr::new("helpers.c", Span::call_site());
    let checks = helpers.iter().map(|linked| checks(&object, linked));
    quote_spanned! {Span::mixed_site()=>
        ::klp::__private::in_kernel! { #(#in_kernel)* }
        ::klp::__private::on_host! { #(#on_host)* }
        #(#checks)*
    }
}

/// The declarations of a block with mistakes: uses of them still resolve.
pub(crate) fn symbols_alone(block: &Block) -> TokenStream {
    let possible = block
        .symbols
        .iter()
        .filter(|symbol| match &symbol.declared {
            // rustc itself reports generic declarations.
            Declared::Function(signature) => signature.generics.params.is_empty(),
            Declared::Variable { .. } => true,
        });
    let all = possible.map(|symbol| {
        let name = symbol.name().to_string();
        let declared = declared(block, symbol, &name);
        quote!(#[allow(dead_code, clashing_extern_declarations)] #declared)
    });
    quote!(#(#all)*)
}

/// One declaration, in a block of its own.
fn declared(block: &Block, symbol: &Symbol, link_name: &str) -> TokenStream {
    let outer = &block.attributes;
    let Symbol {
        attributes,
        visibility,
        safe,
        declared,
        ..
    } = symbol;
    let item = match declared {
        Declared::Function(signature) => {
            let mut signature = (**signature).clone();
            // Declarations are unsafe by default; other qualifiers have been reported.
            signature.unsafety = None;
            signature.constness = None;
            signature.asyncness = None;
            signature.abi = None;
            quote!(#visibility #safe #signature;)
        }
        Declared::Variable {
            mutability,
            name,
            ty,
        } => quote!(#visibility #safe static #mutability #name: #ty;),
    };
    let content = quote_spanned! {Span::mixed_site()=>
        #(#attributes)*
        #[link_name = #link_name]
        #item
    };
    // The author's tokens, so that the lint `unsafe_code` finds the block.
    let mut braces = Group::new(Delimiter::Brace, content);
    let opening = match &block.unsafety {
        Some(unsafety) => {
            braces.set_span(block.braces);
            let abi = &block.abi;
            quote!(#unsafety #abi)
        }
        None => quote_spanned!(Span::mixed_site()=> unsafe extern "C"),
    };
    quote_spanned! {Span::mixed_site()=>
        #(#outer)*
        #[allow(improper_ctypes)]
        #opening #braces
    }
}

/// A declaration for the host, with a stand-in.
fn on_host(block: &Block, linked: &Linked<'_>) -> TokenStream {
    let name = stand_in_name(&linked.name);
    let declared = declared(block, linked.symbol, &name);
    let stand_in = stand_in(linked.symbol, &name);
    quote!(#declared #stand_in)
}

/// A unique symbol name for the host.
fn stand_in_name(name: &str) -> String {
    thread_local! {
        // One rustc runs all attributes of a crate on one thread.
        static COUNT: Cell<usize> = const { Cell::new(0) };
    }
    let number = COUNT.replace(COUNT.get() + 1);
    format!("__klp_stand_in_{number}_{name}")
}

/// A definition for the host's linker, which is never used.
fn stand_in(symbol: &Symbol, link_name: &str) -> TokenStream {
    match &symbol.declared {
        Declared::Function(signature) => {
            let arguments = arguments(signature);
            let output = &signature.output;
            quote_spanned! {Span::mixed_site()=>
                const _: () = {
                    #[allow(improper_ctypes_definitions)]
                    #[unsafe(export_name = #link_name)]
                    extern "C" fn stand_in(#(_: #arguments),*) #output {
                        ::klp::symbols::only_in_a_kernel()
                    }
                };
            }
        }
        Declared::Variable { ty, .. } => quote_spanned! {Span::mixed_site()=>
            const _: () = {
                #[unsafe(export_name = #link_name)]
                // SAFETY: the type allows any value that C may leave there, so also zeroes.
                static mut STAND_IN: #ty = unsafe { ::core::mem::zeroed() };
            };
        },
    }
}

/// Compile-time checks of the types.
fn checks(object: &LitStr, linked: &Linked<'_>) -> TokenStream {
    match &linked.symbol.declared {
        Declared::Function(signature) => function_checks(linked, signature),
        Declared::Variable { mutability, ty, .. } => {
            variable_checks(object, linked, ty, mutability.is_some())
        }
    }
}

/// Checks that every type is a C type, and that of the prototype.
fn function_checks(linked: &Linked<'_>, signature: &Signature) -> TokenStream {
    let result = result(signature);
    let types = arguments(signature).chain([&result]).map(|ty| {
        let span = place(ty);
        quote_spanned!(span=> ::klp::symbols::is_c_type::<#ty>();)
    });
    let prototype = linked.found.prototype.as_ref();
    let contract = prototype.map(|prototype| declaration(signature, prototype));
    quote_spanned! {Span::mixed_site()=>
        const _: fn() = || { #(#types)* };
        #contract
    }
}

/// Checks that any value is valid for the variable's type, and that its size is the symbol's. A `safe`
/// variable must not reach into the next symbol, and must be an atomic if the kernel changes it.
fn variable_checks(object: &LitStr, linked: &Linked<'_>, ty: &Type, is_mut: bool) -> TokenStream {
    let span = place(ty);
    let plain = quote_spanned!(span=> ::klp::layout::plain::<#ty>(););
    // Without `mut`, all CPUs may read it at once.
    let shared = (!is_mut).then(|| quote_spanned!(span=> ::klp::symbols::is_shared::<#ty>();));
    let (name, object, found) = (&linked.name, object.value(), &linked.found);
    let is_safe = linked.symbol.safe.is_some();
    let size = found.size.and_then(|size| {
        let stop = stop(span, &errors::size(name, &object, size));
        let size = Literal::usize_unsuffixed(usize::try_from(size).ok()?);
        Some(quote_spanned!(Span::mixed_site()=> if !FACTS.fits(#size) { #stop }))
    });
    let room = found.room.filter(|_| is_safe && size.is_none());
    let room = room.and_then(|room| {
        let stop = stop(span, &errors::too_large(name, &object, room));
        let room = Literal::usize_unsuffixed(usize::try_from(room).ok()?);
        Some(quote_spanned!(Span::mixed_site()=> if FACTS.size > #room { #stop }))
    });
    let changes = found.read_only.filter(|_| is_safe).map(|read_only| {
        let (differs, text) = match read_only {
            true => (quote!(changes), errors::never_changes(name, &object)),
            false => (quote!(is_constant), errors::changes(name, &object)),
        };
        let stop = stop(span, &text);
        quote_spanned!(Span::mixed_site()=> if FACTS.#differs() { #stop })
    });
    let checks = [size, room, changes];
    let compared = checks.iter().any(Option::is_some).then(|| {
        quote_spanned! {Span::mixed_site()=>
            const _: () = {
                #[allow(unused_imports)]
                use ::klp::symbols::{NoView as _, Constant as _};
                const FACTS: ::klp::symbols::Facts = ::klp::symbols::Facts {
                    size: ::core::mem::size_of::<#ty>(),
                    is_view: ::klp::symbols::Probe::<#ty>::IS_VIEW,
                    changes: ::klp::symbols::Probe::<#ty>::CHANGES,
                };
                #(#checks)*
            };
        }
    });
    quote_spanned! {Span::mixed_site()=>
        const _: fn() = || { #plain #shared };
        #compared
    }
}

/// Checks that the patch has the object, and that it is loaded whenever a `safe` symbol can be used.
fn object_checks(object: &LitStr, symbols: &[Linked<'_>]) -> TokenStream {
    let name = object.value();
    if name == klp_elf::VMLINUX {
        return TokenStream::new();
    }
    let none = stop(object.span(), &errors::no_such_object(&name));
    let safe = symbols.iter().filter_map(|linked| {
        let safe = linked.symbol.safe.as_ref()?;
        let stop = stop(safe.span, &errors::safe_while_gone(&name));
        Some(quote_spanned! {Span::mixed_site()=>
            const _: () = if PATCH.has(#name) && !PATCH.is_only(#name) { #stop };
        })
    });
    let objects = patch_constant(&quote!(OBJECTS));
    quote_spanned! {Span::mixed_site()=>
        const _: () = {
            const PATCH: ::klp::symbols::Objects = #objects;
            const _: () = if !PATCH.has(#name) { #none };
            #(#safe)*
        };
    }
}

/// Checks that no replacement calls the function that it replaces: it would call itself.
fn recursion_checks(object: &LitStr, symbols: &[Linked<'_>]) -> TokenStream {
    let functions = symbols
        .iter()
        .filter(|linked| matches!(linked.symbol.declared, Declared::Function(_)));
    let mut checks = functions
        .map(|linked| {
            let (name, sympos) = (&linked.name, number(linked.symbol.sympos.as_ref()));
            let declared = linked.symbol.name();
            let stop = stop(declared.span(), &errors::calls_itself(name));
            let declared = declared.to_string();
            quote_spanned! {Span::mixed_site()=>
                const _: () =
                    if ::klp::symbols::calls_itself(PATCH, #object, #name, #sympos, #declared) {
                        #stop
                    };
            }
        })
        .peekable();
    if checks.peek().is_none() {
        return TokenStream::new();
    }
    let replacements = patch_constant(&quote!(REPLACEMENTS));
    quote_spanned! {Span::mixed_site()=>
        const _: () = {
            const PATCH: &[::klp::symbols::Replacement] = #replacements;
            #(#checks)*
        };
    }
}

/// A constant of the crate's patch, or that of `without_patch`.
fn patch_constant(name: &TokenStream) -> TokenStream {
    let patch = marker_name();
    quote_spanned! {Span::mixed_site()=>
        {
            // The inner import shadows the outer one, if the crate has a patch.
            use ::klp::symbols::without_patch::*;
            {
                use crate::*;
                #patch::#name
            }
        }
    }
}
