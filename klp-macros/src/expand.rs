// SPDX-License-Identifier: GPL-2.0-only

//! From a checked patch to the code of its module. Cannot fail.
//!
//! Names of ours have spans of `mixed_site`, so that they and the author's never meet. Where a
//! type of the author's stands in generated code, the tokens around it carry the type's own span:
//! what rustc says about a type that cannot cross to C then points at what the author wrote.

use crate::model::{Function, Object, Patch};
use crate::parse::{self, Item, Module};
use proc_macro2::{Group, Ident, Literal, Span, TokenStream, TokenTree};
use quote::{format_ident, quote, quote_spanned, ToTokens};
use std::ffi::CString;
use syn::spanned::Spanned;
use syn::{Attribute, FnArg, ReturnType, Type};

/// The whole of a patch of one function, at the crate's root.
pub(crate) fn function(patch: &Patch, function: &parse::Function) -> TokenStream {
    let shim = shim(function);
    let tables = tables(patch);
    let module = module_macro(patch, &quote!(__livepatch::Module));
    quote! {
        #shim
        #tables
        #module
    }
}

/// The author's mod with the tables in it, and beside it what stands at the crate's root.
pub(crate) fn module(patch: &Patch, module: &Module) -> TokenStream {
    let mut content = inner_attributes(module);
    content.extend(module.items.iter().map(|item| match item {
        Item::Replacement(_, function) => shim(function),
        Item::Other(tokens) => tokens.clone(),
    }));
    content.extend(tables(patch));
    let name = &module.name;
    let author = author_mod(module, content);
    let module = module_macro(patch, &quote!(#name::__livepatch::Module));
    quote! {
        #author
        #module
    }
}

/// What the author wrote, without our attribute: what is left of a patch with mistakes, so that
/// nothing else of the crate misses it.
pub(crate) fn function_alone(function: &parse::Function) -> TokenStream {
    // rustc would have its own word about either.
    if !function.has_body() || function.signature.variadic.is_some() {
        return TokenStream::new();
    }
    quote! {
        #[allow(dead_code)]
        #function
    }
}

/// The same for a mod.
pub(crate) fn module_alone(module: &Module) -> TokenStream {
    let mut content = inner_attributes(module);
    content.extend(module.items.iter().map(|item| match item {
        Item::Replacement(_, function) => function_alone(function),
        Item::Other(tokens) => tokens.clone(),
    }));
    author_mod(module, content)
}

fn inner_attributes(module: &Module) -> TokenStream {
    let attributes = &module.inner_attributes;
    quote!(#(#attributes)*)
}

/// The author's mod around other content.
fn author_mod(module: &Module, content: TokenStream) -> TokenStream {
    let Module {
        attributes,
        visibility,
        keyword,
        name,
        ..
    } = module;
    let mut braces = Group::new(proc_macro2::Delimiter::Brace, content);
    braces.set_span(module.braces);
    quote!(#(#attributes)* #visibility #keyword #name #braces)
}

/// The function that the kernel calls, under the author's name, with the author's function inside.
///
/// The body is inlined, and something is left to do after it: so it runs in the frame of the
/// symbol that `new_func` names, where the kernel looks for it.
fn shim(function: &parse::Function) -> TokenStream {
    let name = &function.signature.ident;
    let types: Vec<&Type> = argument_types(function).collect();
    let arguments: Vec<Ident> = types.iter().enumerate().map(argument).collect();
    let c_types = types.iter().map(|ty| c_type(ty));
    let conversions = arguments
        .iter()
        .zip(&types)
        .map(|(argument, ty)| from_c(argument, ty));
    let result = result_type(function);
    let c_result = c_type(&result);
    let (outer, inner): (Vec<&Attribute>, Vec<&Attribute>) = function
        .attributes
        .iter()
        .partition(|attribute| goes_out(attribute));
    let author = author_function(function, &inner);
    let called = quote_spanned!(Span::mixed_site()=> #name(#(#conversions),*));
    let converted = into_c(&called, &result);
    quote_spanned! {Span::mixed_site()=>
        #(#outer)*
        unsafe extern "C" fn #name(#(#arguments: #c_types),*) -> #c_result {
            #author

            let __klp_call = ::klp::abi::Call::new();
            let __klp_result = #converted;
            ::klp::abi::stay_on_stack();
            __klp_result
        }
    }
}

fn argument((index, ty): (usize, &&Type)) -> Ident {
    format_ident!("__klp_arg{index}", span = ends(ty).1)
}

/// The author's function as it was written, to be inlined.
fn author_function(function: &parse::Function, attributes: &[&Attribute]) -> TokenStream {
    let signature = &function.signature;
    let body = &function.body;
    quote_spanned! {Span::mixed_site()=>
        #(#attributes)*
        #[inline(always)]
        #signature #body
    }
}

fn argument_types(function: &parse::Function) -> impl Iterator<Item = &Type> {
    function
        .signature
        .inputs
        .iter()
        .filter_map(|argument| match argument {
            FnArg::Typed(typed) => Some(&*typed.ty),
            FnArg::Receiver(_) => None,
        })
}

fn result_type(function: &parse::Function) -> Type {
    match &function.signature.output {
        ReturnType::Type(_, ty) => (**ty).clone(),
        ReturnType::Default => syn::parse_quote_spanned!(function.signature.ident.span()=> ()),
    }
}

/// Documentation and lints are about all of the function, the frame included; any other attribute
/// was meant for the function that the author wrote.
fn goes_out(attribute: &Attribute) -> bool {
    const OUT: [&str; 7] = ["doc", "allow", "warn", "deny", "forbid", "expect", "cold"];
    OUT.iter().any(|name| attribute.path().is_ident(name))
}

fn c_type(ty: &Type) -> TokenStream {
    in_trait(ty, &quote!(CAbi), &quote!(C))
}

fn from_c(argument: &Ident, ty: &Type) -> TokenStream {
    let (_, last) = ends(ty);
    let from_c = in_trait(ty, &quote!(FromC<'_>), &quote!(from_c));
    let call = Ident::new("__klp_call", Span::mixed_site());
    let converted = quote_spanned!(last=> #from_c(#argument, &#call));
    quote_spanned! {Span::mixed_site()=>
        // SAFETY: the kernel calls this function in the place of one whose C types these are.
        unsafe { #converted }
    }
}

fn into_c(called: &TokenStream, ty: &Type) -> TokenStream {
    let (_, last) = ends(ty);
    let into_c = in_trait(ty, &quote!(IntoC), &quote!(into_c));
    quote_spanned!(last=> #into_c(#called))
}

/// `<type as ::klp::abi::trait_name>::item`, all at the type's place.
fn in_trait(ty: &Type, trait_name: &TokenStream, item: &TokenStream) -> TokenStream {
    let (first, last) = ends(ty);
    let trait_name = at(last, trait_name);
    let item = at(last, item);
    let open = quote_spanned!(first=> <);
    let rest = quote_spanned!(last=> as ::klp::abi::#trait_name>::#item);
    quote!(#open #ty #rest)
}

/// The tokens, moved to `span`.
fn at(span: Span, tokens: &TokenStream) -> TokenStream {
    let moved = |mut token: TokenTree| {
        token.set_span(span);
        token
    };
    tokens.clone().into_iter().map(moved).collect()
}

/// Where the type begins and ends. On stable, no span reaches over both.
fn ends(ty: &Type) -> (Span, Span) {
    let mut tokens = ty.to_token_stream().into_iter();
    let first = tokens
        .next()
        .map_or_else(|| ty.span(), |token| token.span());
    let last = tokens.last().map_or(first, |token| token.span());
    (first, last)
}

/// The statics that the kernel reads, and the module that registers them.
fn tables(patch: &Patch) -> TokenStream {
    let functions = patch.objects.iter().enumerate().map(function_table);
    let objects = patch.objects.iter().enumerate().map(object);
    let object_count = patch.objects.len() + 1;
    let replace = patch.info.replace;
    quote_spanned! {Span::mixed_site()=>
        #[doc(hidden)]
        pub(crate) mod __livepatch {
            #(#functions)*

            static OBJECTS: ::klp::table::Table<::klp::table::Object, #object_count> =
                ::klp::table::Table::new([
                    #(#objects,)*
                    ::klp::table::Object::END,
                ]);

            static PATCH: ::klp::table::Patch = ::klp::table::Patch::new(&OBJECTS, #replace);

            ::klp::__private::livepatch_modinfo!();

            pub(crate) struct Module;

            impl ::klp::__private::Module for Module {
                fn init(
                    _: &'static ::klp::__private::ThisModule,
                ) -> ::klp::__private::Result<Self> {
                    // SAFETY: the kernel calls this once, from the init of the module that
                    // holds the tables.
                    unsafe { PATCH.enable() }?;
                    ::core::result::Result::Ok(Module)
                }
            }
        }
    }
}

fn function_table((index, object): (usize, &Object)) -> TokenStream {
    let table = table_name(index);
    let count = object.functions.len() + 1;
    let functions = object.functions.iter().map(table_entry);
    quote_spanned! {Span::mixed_site()=>
        static #table: ::klp::table::Table<::klp::table::Func, #count> =
            ::klp::table::Table::new([
                #(#functions,)*
                ::klp::table::Func::END,
            ]);
    }
}

fn table_name(index: usize) -> Ident {
    format_ident!("FUNCS_{index}", span = Span::mixed_site())
}

fn table_entry(function: &Function) -> TokenStream {
    let name = c_string(&function.name);
    let replacement = &function.replacement;
    // What rustc has to say about its signature belongs to its name.
    let replacement = quote_spanned!(replacement.span()=> super::#replacement);
    let sympos = Literal::u32_unsuffixed(function.sympos);
    quote_spanned! {Span::mixed_site()=>
        // SAFETY: the author's signature is that of the function it replaces.
        unsafe { ::klp::table::Func::new(#name, #replacement as *const (), #sympos) }
    }
}

fn object((index, object): (usize, &Object)) -> TokenStream {
    let table = table_name(index);
    let module = match &object.module {
        None => quote!(::core::option::Option::None),
        Some(name) => {
            let name = c_string(name);
            quote!(::core::option::Option::Some(#name))
        }
    };
    quote_spanned!(Span::mixed_site()=> ::klp::table::Object::new(#module, &#table))
}

fn c_string(text: &str) -> Literal {
    // No checked name holds a NUL; what stands behind one would be cut off.
    let bytes: Vec<u8> = text.bytes().take_while(|byte| *byte != 0).collect();
    Literal::c_string(&CString::new(bytes).unwrap_or_default())
}

/// Makes the crate a kernel module. It names the crate's root, so it stands there.
fn module_macro(patch: &Patch, module: &TokenStream) -> TokenStream {
    let info = &patch.info;
    let (name, description, license) = (&info.name, &info.description, &info.license);
    let authors = &info.authors;
    let authors = (!authors.is_empty()).then(|| quote!(authors: [#(#authors),*],));
    let only_one = only_one();
    quote_spanned! {Span::mixed_site()=>
        #only_one

        ::klp::__private::module! {
            type: #module,
            name: #name,
            #authors
            description: #description,
            license: #license,
        }
    }
}

/// A second patch in the crate defines this name a second time, and rustc shows it.
fn only_one() -> TokenStream {
    quote! {
        #[doc(hidden)]
        struct one_livepatch_per_module__put_several_functions_into_a_mod_with_the_attribute;
    }
}
