// SPDX-License-Identifier: GPL-2.0-only

//! Generates the statics that the kernel reads, and the `module!` that turns the crate into a module.

use super::names::{c_string, marker_name, module_name};
use super::{callbacks, originals};
use crate::errors;
use crate::model::{Function, Info, Object, Patch};
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::LitStr;

/// The statics that the kernel reads, and the module that registers them.
pub(super) fn tables(patch: &Patch) -> TokenStream {
    let functions = patch.objects.iter().enumerate().map(function_table);
    let originals = originals::tables(patch);
    let callbacks = callbacks::functions(patch);
    let objects = patch
        .objects
        .iter()
        .enumerate()
        .map(|(index, one)| object(patch, index, one));
    let states = (!patch.states.is_empty())
        .then(|| quote_spanned!(Span::mixed_site()=> .with_states(&super::__LIVEPATCH_STATES)));
    let lifecycle = lifecycle(patch);
    let immediate = patch.info.immediate.as_ref();
    let immediate = immediate.map(|_| quote_spanned!(Span::mixed_site()=> .immediate()));
    let module = module(patch);
    let modinfo = modinfo(&patch.info);
    let object_count = patch.objects.len() + 1;
    let replace = patch.info.replace;
    let unsafety = patch
        .info
        .unsafety
        .as_ref()
        .map(|_| quote_spanned!(Span::mixed_site()=> unsafe));
    // The author's mod refers to it where the states are.
    let visibility = (!patch.states.is_empty()).then(|| quote!(pub(super)));
    quote_spanned! {Span::mixed_site()=>
        #[doc(hidden)]
        pub(crate) mod __livepatch {
            #(#functions)*

            #lifecycle

            #originals

            #callbacks

            static OBJECTS: ::klp::table::Table<::klp::table::Object, #object_count> =
                ::klp::table::Table::new([
                    #(#objects,)*
                    ::klp::table::Object::END,
                ]);

            #visibility static PATCH: ::klp::table::Patch = ::klp::table::Patch::new(&OBJECTS, #replace)#states #immediate;

            ::klp::__private::livepatch_modinfo!(#unsafety);
            #modinfo

            #module
        }
    }
}

/// The kernel's module type, which is created on loading and dropped on unloading.
fn module(patch: &Patch) -> TokenStream {
    let shadows = patch.shadows.iter().map(|shadow| &shadow.name);
    let count = patch.shadows.len();
    let (field, declare, value) = if patch.shadows.is_empty() {
        (quote!(;), TokenStream::new(), TokenStream::new())
    } else {
        (
            quote_spanned!(Span::mixed_site()=> { _declared: ::klp::shadow::Declared }),
            quote_spanned! {Span::mixed_site()=>
                static DECLARATIONS: [&::klp::shadow::Declaration; #count] =
                    [#(super::#shadows.declaration()),*];
                let declared = ::klp::shadow::Declared::new(&DECLARATIONS)?;
            },
            quote_spanned!(Span::mixed_site()=> { _declared: declared }),
        )
    };
    let admit = originals::admit(patch);
    let (hand_over, drop) = if patch.info.register.is_some() {
        (quote!(register), Some(unregister()))
    } else {
        (quote!(enable), None)
    };
    quote_spanned! {Span::mixed_site()=>
        pub(crate) struct Module #field

        #drop

        impl ::klp::__private::Module for Module {
            fn init(
                _: &'static ::klp::__private::ThisModule,
            ) -> ::klp::__private::Result<Self> {
                static ONCE: ::klp::table::Once = ::klp::table::Once::new();
                ONCE.begin()?;
                ::klp::symbols::linked()?;
                #admit
                #declare
                // SAFETY: `ONCE` lets one call come here, and the first is the kernel's, from the
                // init of the module that holds the tables: no code of it runs before.
                unsafe { PATCH.#hand_over() }?;
                ::core::result::Result::Ok(Module #value)
            }
        }
    }
}

/// Unregisters a registered patch when its module is unloaded.
fn unregister() -> TokenStream {
    quote_spanned! {Span::mixed_site()=>
        impl ::core::ops::Drop for Module {
            fn drop(&mut self) {
                // SAFETY: the kernel drops the module's only value in its exit, and an enabled patch
                // holds the module.
                unsafe { PATCH.unregister() };
            }
        }
    }
}

/// The modinfo entries for which `module!` has no fields.
fn modinfo(info: &Info) -> TokenStream {
    let one = |key, value: &LitStr| (key, value.value());
    let version = info.version.iter().map(|version| one("version", version));
    let fixes = info.fixes.iter().map(|fix| one("fixes", fix));
    let url = info.url.iter().map(|url| one("url", url));
    // Only this shows tools that the patch is cumulative.
    let replace = info.replace.then(|| ("klp_replace", "Y".to_owned()));
    let entries = version.chain(fixes).chain(url).chain(replace);
    entries
        .map(|(key, value)| {
            let text = format!("{key}={value}\0");
            let length = Literal::usize_unsuffixed(text.len());
            let text = Literal::byte_string(text.as_bytes());
            quote!(::klp::__private::livepatch_modinfo!(#length #text);)
        })
        .collect()
}

/// Checks that the kernel's livepatch core supports `register` and `immediate`; errors are at the key.
fn lifecycle(patch: &Patch) -> TokenStream {
    let functions = patch
        .objects
        .iter()
        .flat_map(|object| object.functions.iter());
    let words = functions.filter_map(|function| function.immediate.as_ref());
    let words = words
        .chain(&patch.info.immediate)
        .chain(&patch.info.register);
    words
        .map(|word| {
            let text = errors::NEEDS_KLP_CORE;
            let span = Span::mixed_site().located_at(word.span());
            quote_spanned!(span=> const _: () = ::core::assert!(::klp::table::HAS_LIFECYCLE, #text);)
        })
        .collect()
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
    let [above, replacement] = &function.path;
    // rustc reports errors in the signature at this span.
    let replacement = quote_spanned!(replacement.span()=> #above::#replacement);
    let sympos = Literal::u32_unsuffixed(function.sympos);
    let immediate = function.immediate.as_ref();
    let immediate = immediate.map(|_| quote_spanned!(Span::mixed_site()=> .immediate()));
    quote_spanned! {Span::mixed_site()=>
        // SAFETY: the author's signature is that of the replaced function.
        unsafe { ::klp::table::Func::new(#name, #replacement as *const (), #sympos) }#immediate
    }
}

fn object(patch: &Patch, index: usize, object: &Object) -> TokenStream {
    let callbacks = callbacks::entry(patch, index, object);
    let table = table_name(index);
    let module = module_name(object);
    quote_spanned!(Span::mixed_site()=> ::klp::table::Object::new(#module, &#table)#callbacks)
}

/// The call of `module!`, which must be at the crate's root.
pub(super) fn module_macro(patch: &Patch, module: &TokenStream) -> TokenStream {
    let info = &patch.info;
    let (name, description, license) = (&info.name, &info.description, &info.license);
    let authors = &info.authors;
    let authors = (!authors.is_empty()).then(|| quote!(authors: [#(#authors),*],));
    let marker = marker(&patch.objects);
    quote_spanned! {Span::mixed_site()=>
        #marker

        ::klp::__private::module! {
            type: #module,
            name: #name,
            #authors
            description: #description,
            license: #license,
        }
    }
}

/// A mod at the crate's root. A second patch defines it again, which rustc reports. Declared symbols
/// read the patch's objects, replacements and called functions from it.
fn marker(objects: &[Object]) -> TokenStream {
    let name = marker_name();
    let replacements = objects.iter().flat_map(|object| {
        let functions = object.functions.iter();
        functions.map(|function| replacement(object, function))
    });
    let objects = objects.iter().map(Object::name);
    quote_spanned! {Span::mixed_site()=>
        #[doc(hidden)]
        mod #name {
            pub(crate) const OBJECTS: ::klp::symbols::Objects =
                ::klp::symbols::Objects(&[#(#objects),*]);
            pub(crate) const REPLACEMENTS: &[::klp::symbols::Replacement] = &[#(#replacements),*];
            // Often unused.
            const _: ::klp::symbols::Objects = OBJECTS;
            const _: &[::klp::symbols::Replacement] = REPLACEMENTS;
        }
    }
}

fn replacement(object: &Object, function: &Function) -> TokenStream {
    let object = object.name();
    let Function { name, calls, .. } = function;
    let sympos = Literal::u32_unsuffixed(function.sympos);
    quote_spanned! {Span::mixed_site()=>
        ::klp::symbols::Replacement {
            object: #object,
            name: #name,
            sympos: #sympos,
            calls: &[#(#calls),*],
        }
    }
}
