// SPDX-License-Identifier: GPL-2.0-only

//! The attribute `#[klp::helpers]`: C functions of the patch, in its `helpers.c`.

use crate::errors::{helpers as errors, Errors};
use crate::model::Linked;
use crate::parse::foreign::{self, Block, Symbol};
use crate::{expand, names, symbols, types};
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::LitStr;

/// Expands the attribute. `name` is the module's name.
pub(crate) fn helpers(keys: TokenStream, item: TokenStream, name: Option<String>) -> TokenStream {
    let mut errors = Errors::default();
    if !keys.is_empty() {
        errors.add(&keys, errors::NO_KEYS);
    }
    let code = match foreign::block_under("#[klp::helpers]", item, &mut errors) {
        Some(block) => code(&block, name, &mut errors),
        None => TokenStream::new(),
    };
    let errors = errors.to_diagnostics();
    quote!(#errors #code)
}

fn code(block: &Block, name: Option<String>, errors: &mut Errors) -> TokenStream {
    symbols::check(block, errors);
    for symbol in &block.symbols {
        if let Some(sympos) = &symbol.sympos {
            errors.add(sympos, errors::SYMPOS);
        }
    }
    if !errors.is_empty() {
        return expand::symbols_alone(block);
    }
    // The build passes the object file of `helpers.c` as that of a module of that name.
    let object = name.map(|name| LitStr::new(&names::helpers(&name), Span::call_site()));
    let linked: Vec<_> = block
        .symbols
        .iter()
        .map(|symbol| linked(object.as_ref(), symbol, errors))
        .collect();
    match errors.is_empty() {
        true => expand::helpers(block, &linked),
        false => expand::symbols_alone(block),
    }
}

fn linked<'a>(object: Option<&LitStr>, symbol: &'a Symbol, errors: &mut Errors) -> Linked<'a> {
    let name = symbol.kernel_name();
    let found = object.map(|object| types::find_helper(object, symbol, &name, errors));
    Linked {
        symbol,
        link_name: name.clone(),
        name,
        found: found.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::Btf;
    use crate::files::{vmlinux, Folder, TEXT};
    use crate::types::with_sources;

    /// The expansion of a declaration, with a function `busy` in `helpers.c`.
    fn expanded(item: TokenStream) -> String {
        let item = item.to_string();
        let thread = std::thread::spawn(move || {
            let mut folder = Folder::new(&vmlinux(&Btf::new(), &[("show", TEXT + 0x100, true)]));
            let kallsyms = b"1 t busy\t[my_fix_helpers]\n";
            folder.sources.kallsyms = Some(folder.add("kallsyms", kallsyms));
            let item = item.parse().expect("tokens");
            with_sources(folder.sources.clone(), || {
                helpers(TokenStream::new(), item, Some("my_fix".to_owned())).to_string()
            })
        });
        thread.join().expect("no panic")
    }

    #[test]
    fn missing_helpers_are_errors() {
        let text = expanded(quote!(
            unsafe extern "C" {
                safe fn buzy(cpu: u32) -> i32;
            }
        ));
        assert!(
            text.contains("`helpers.c` has no function `buzy`"),
            "{text}"
        );
        let text = expanded(quote!(
            unsafe extern "C" {
                safe fn busy(cpu: u32) -> i32;
            }
        ));
        assert!(!text.contains("compile_error"), "{text}");
    }

    #[test]
    fn keys_and_positions_are_errors() {
        let item = quote!(
            unsafe extern "C" {
                #[sympos = 1]
                fn busy(cpu: u32) -> i32;
            }
        );
        let text = helpers(quote!(object = "vmlinux"), item, None).to_string();
        assert!(
            text.contains(errors::NO_KEYS) && text.contains(errors::SYMPOS),
            "{text}"
        );
        let text = helpers(
            quote!(),
            quote!(
                extern "C" {
                    safe fn busy();
                }
            ),
            None,
        )
        .to_string();
        assert!(text.contains("write `unsafe extern \\\"C\\\"`"), "{text}");
        let text = helpers(
            quote!(),
            quote!(
                fn busy() {}
            ),
            None,
        )
        .to_string();
        assert!(text.contains("`#[klp::helpers]` goes on a block"), "{text}");
    }
}
