// SPDX-License-Identifier: GPL-2.0-only

//! Generates calls of original functions.
//!
//! A call enters the function behind its patch site: at the livepatch symbol plus an offset. Rust cannot
//! express that, but the assembler can: `.set` defines a symbol from both, and the compiler's call of
//! that symbol is direct. If the offset is unknown at build time, the symbol is that of code that
//! branches on a byte, which is set when the object is patched; klp has that code for each architecture.

use super::c_types::{c_type, in_trait};
use super::names::{c_string, module_name, unlinked_text};
use crate::model::{Function, Object, Original, Patch};
use crate::parse;
use crate::types::{arguments, ends, result};
use klp_elf::livepatch::SymbolName;
use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned, ToTokens};
use syn::Type;

/// The assembler symbols of one function.
struct Names {
    /// The livepatch symbol.
    symbol: String,
    /// The symbol that the replacement calls.
    call: String,
    /// The function's start.
    entry: String,
    /// The byte that selects one of two entry lengths.
    byte: String,
}

impl Names {
    fn new(object: &Object, function: &Function) -> Self {
        // The parts have been checked.
        let symbol = SymbolName::new(object.name(), &function.name, function.sympos);
        let symbol = symbol.map(|symbol| symbol.to_string()).unwrap_or_default();
        let name = |what: &str| {
            let Function { name, sympos, .. } = function;
            format!("__klp_{what}.{}.{name}.{sympos}", object.name())
        };
        Self {
            symbol,
            call: name("original"),
            entry: name("entry"),
            byte: name("longer"),
        }
    }

    /// The assembler's lines.
    fn lines(&self, original: &Original) -> Vec<String> {
        let Self {
            symbol,
            call,
            entry,
            ..
        } = self;
        let mut lines = vec![
            format!(".weak \"{symbol}\""),
            format!(".set \"{entry}\", \"{symbol}\""),
        ];
        let length = original.entry;
        lines.extend(length.map(|length| format!(".set \"{call}\", \"{symbol}\" + {length}")));
        lines
    }

    /// The arguments for klp's branching code, if the offset is unknown.
    fn choice(&self, original: &Original) -> Option<TokenStream> {
        let Self {
            symbol, call, byte, ..
        } = self;
        let is_known = original.entry.is_some();
        (!is_known).then(|| quote_spanned!(Span::mixed_site()=> #call #symbol #byte;))
    }
}

/// The C declaration of the kernel's function, inside the replacement.
pub(super) fn declaration(
    object: &Object,
    function: &Function,
    author: &parse::Function,
) -> TokenStream {
    let Names { call, .. } = Names::new(object, function);
    let types: Vec<&Type> = arguments(&author.signature).collect();
    let names = (0..types.len()).map(argument);
    let c_types: Vec<_> = types.iter().map(|ty| c_type(ty)).collect();
    let c_result = c_type(&result(&author.signature));
    quote_spanned! {Span::mixed_site()=>
        ::klp::__private::in_kernel! {
            #[allow(improper_ctypes)]
            unsafe extern "C" {
                #[link_name = #call]
                fn __klp_original(#(#names: #c_types),*) -> #c_result;
            }
        }
        ::klp::__private::on_host! {
            #[allow(improper_ctypes_definitions)]
            unsafe extern "C" fn __klp_original(#(_: #c_types),*) -> #c_result {
                ::klp::symbols::only_in_a_kernel()
            }
        }
    }
}

fn argument(index: usize) -> Ident {
    format_ident!("argument_{index}", span = Span::mixed_site())
}

/// The author's body, in which `original` is a closure that calls the kernel's function. It borrows
/// the call (`__klp_call`), so it can neither be stored nor be sent to another task.
pub(super) fn body(original: &Original, author: &parse::Function) -> TokenStream {
    let word = &original.word;
    let types: Vec<&Type> = arguments(&author.signature).collect();
    let names: Vec<_> = (0..types.len()).map(argument).collect();
    let converted = names.iter().zip(&types).map(|(name, ty)| {
        let (_, last) = ends(ty);
        let to_original = in_trait(ty, &quote!(ToOriginal), &quote!(to_original));
        quote_spanned!(last=> #to_original(#name))
    });
    let result = result(&author.signature);
    let (_, last) = ends(&result);
    let from_original = in_trait(&result, &quote!(FromOriginal), &quote!(from_original));
    let converted = quote_spanned! {Span::mixed_site()=> __klp_original(#(#converted),*) };
    let called = quote_spanned!(last=> #from_original(#converted));
    let body = author.body.to_token_stream();
    let content = quote_spanned! {Span::mixed_site()=>
        #[allow(unused_variables)]
        let #word = |#(#names: #types),*| -> #result {
            let _: &::klp::abi::Call = __klp_call;
            // SAFETY: this is the replaced function, and the author's signature has its types. Its
            // entry was checked when its object was patched, before this replacement could run.
            unsafe { #called }
        };
        #body
    };
    let mut braces = Group::new(Delimiter::Brace, content);
    braces.set_span(author.body.span());
    braces.to_token_stream()
}

/// Definitions for the assembler and the checks, in the mod with the tables.
pub(super) fn tables(patch: &Patch) -> TokenStream {
    let originals = || {
        patch.objects.iter().flat_map(|object| {
            let of_object = object.originals();
            of_object.map(|(function, original)| (Names::new(object, function), original))
        })
    };
    let lines: Vec<_> = originals()
        .flat_map(|(names, original)| names.lines(original))
        .collect();
    if lines.is_empty() {
        return TokenStream::new();
    }
    let choices = originals().filter_map(|(names, original)| names.choice(original));
    let text = unlinked_text();
    let tables = patch.objects.iter().enumerate().map(table);
    quote_spanned! {Span::mixed_site()=>
        ::klp::__private::livepatch_originals! { #text #(#lines)*; #(#choices)* }
        #(#tables)*
    }
}

/// The originals of one object, if it has any.
fn table((index, object): (usize, &Object)) -> TokenStream {
    let mut entries = object
        .originals()
        .map(|(function, original)| entry(object, function, original))
        .peekable();
    if entries.peek().is_none() {
        return TokenStream::new();
    }
    let table = table_name(index);
    let name = module_name(object);
    quote_spanned! {Span::mixed_site()=>
        static #table: ::klp::original::Originals = ::klp::original::Originals {
            object: #name,
            functions: &[#(#entries),*],
        };
    }
}

pub(super) fn table_name(index: usize) -> Ident {
    format_ident!("ORIGINALS_{index}", span = Span::mixed_site())
}

fn entry(object: &Object, function: &Function, original: &Original) -> TokenStream {
    let names = Names::new(object, function);
    let name = c_string(&function.name);
    let sympos = Literal::u32_unsuffixed(function.sympos);
    let address = in_assembler(&names.entry);
    let entry = match original.entry {
        Some(length) => {
            let length = Literal::u64_unsuffixed(length);
            quote_spanned!(Span::mixed_site()=> Known(#length))
        }
        None => {
            let byte = in_assembler(&names.byte);
            quote_spanned!(Span::mixed_site()=> Found(#byte.cast_mut()))
        }
    };
    quote_spanned! {Span::mixed_site()=>
        // SAFETY: the assembler symbols are made from this function's names.
        unsafe {
            ::klp::original::Original::new(
                #name,
                #sympos,
                #address,
                ::klp::original::Entry::#entry,
            )
        }
    }
}

/// The address of an assembler symbol.
fn in_assembler(name: &str) -> TokenStream {
    quote_spanned! {Span::mixed_site()=>
        {
            ::klp::__private::in_kernel! {
                unsafe extern "C" {
                    #[link_name = #name]
                    static PLACE: u8;
                }
            }
            ::klp::__private::on_host! {
                static PLACE: u8 = 0;
            }
            &raw const PLACE
        }
    }
}

/// The check in the module's init that refuses the patch if a call of an original would skip another patch.
pub(super) fn admit(patch: &Patch) -> TokenStream {
    let tables: Vec<_> = with_originals(patch).map(table_name).collect();
    if tables.is_empty() {
        return TokenStream::new();
    }
    let name = &patch.info.name;
    quote_spanned! {Span::mixed_site()=>
        ::klp::original::admit(&PATCH, #name, &[#(&#tables),*])?;
    }
}

fn with_originals(patch: &Patch) -> impl Iterator<Item = usize> + '_ {
    let objects = patch.objects.iter().enumerate();
    objects
        .filter(|(_, object)| object.originals().next().is_some())
        .map(|(index, _)| index)
}

/// The check of the object's originals in its `pre_patch`.
pub(super) fn check(patch: &Patch, index: usize) -> TokenStream {
    let table = table_name(index);
    let name = &patch.info.name;
    quote_spanned!(Span::mixed_site()=> ::klp::original::check(&PATCH, #name, &#table))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(entry: Option<u64>) -> String {
        let word = Ident::new("original", Span::call_site());
        let function = Function {
            name: "show".to_owned(),
            sympos: 2,
            replacement: word.clone(),
            path: [word.clone(), word.clone()],
            prototype: None,
            calls: std::collections::BTreeSet::new(),
            original: None,
            unsafety: None,
            immediate: None,
        };
        let object = Object {
            module: None,
            functions: Vec::new(),
            callbacks: crate::model::Callbacks::default(),
        };
        let original = Original { word, entry };
        let lines = Names::new(&object, &function).lines(&original);
        lines.join("\n")
    }

    #[test]
    fn a_known_entry_length_gives_a_symbol_with_offset() {
        let expected = ".weak \".klp.sym.vmlinux.show,2\"\n\
            .set \"__klp_entry.vmlinux.show.2\", \".klp.sym.vmlinux.show,2\"\n\
            .set \"__klp_original.vmlinux.show.2\", \".klp.sym.vmlinux.show,2\" + 9";
        assert_eq!(lines(Some(9)), expected);
        assert!(!lines(None).contains("__klp_original"));
    }
}
