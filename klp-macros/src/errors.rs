// SPDX-License-Identifier: GPL-2.0-only

//! Error messages, and the context that collects them.
//!
//! A message says what is wrong and, after the colon, what to write instead. It begins in lower case
//! because rustc puts `error: ` before it.

pub(crate) mod buffers;
pub(crate) mod helpers;
pub(crate) mod impossible;
pub(crate) mod info;
pub(crate) mod structure;
pub(crate) mod symbols;
pub(crate) mod types;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, ToTokens};
use std::fmt::Display;

/// Collects mistakes, so that the author sees all of them in one build.
#[derive(Default)]
pub(crate) struct Errors {
    errors: Vec<syn::Error>,
    warnings: Vec<(Span, String)>,
}

impl Errors {
    /// Adds an error at the tokens `at`.
    pub(crate) fn add(&mut self, at: &impl ToTokens, text: impl Display) {
        self.errors.push(syn::Error::new_spanned(at, text));
    }

    /// Adds the error of a check, if any, at the tokens `at`.
    pub(crate) fn check(&mut self, at: &impl ToTokens, result: Result<(), String>) {
        if let Err(text) = result {
            self.add(at, text);
        }
    }

    /// Adds an error of the build rather than of one place, unless the text is already there.
    pub(crate) fn add_once(&mut self, at: Span, text: String) {
        if !self.errors.iter().any(|error| error.to_string() == text) {
            self.errors.push(syn::Error::new(at, text));
        }
    }

    /// Adds a warning at the last of the tokens `at`, unless the text is already there.
    pub(crate) fn warn(&mut self, at: &impl ToTokens, text: String) {
        if !self.warnings.iter().any(|(_, known)| *known == text) {
            let last = at.to_token_stream().into_iter().last();
            let span = last.map_or_else(Span::call_site, |token| token.span());
            self.warnings.push((span, text));
        }
    }

    /// Adds an error of the parser.
    pub(crate) fn add_syntax(&mut self, error: syn::Error) {
        self.errors.push(error);
    }

    pub(crate) fn len(&self) -> usize {
        self.errors.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// One `compile_error!` per mistake, in the order they were found, and the warnings.
    pub(crate) fn to_diagnostics(&self) -> TokenStream {
        self.errors
            .iter()
            .map(syn::Error::to_compile_error)
            .chain([self.to_warnings()])
            .collect()
    }

    /// One use of a deprecated constant per warning: stable Rust has no warnings from macros. The name has the
    /// author's span; with the macro's, rustc would add a label for the whole attribute.
    fn to_warnings(&self) -> TokenStream {
        let warnings = self.warnings.iter().map(|(span, text)| {
            let note = Ident::new("NOTE", *span);
            quote! {
                const _: () = {
                    #[deprecated = #text]
                    const #note: () = ();
                    #note
                };
            }
        });
        warnings.collect()
    }

    /// The texts alone, for tests.
    #[cfg(test)]
    pub(crate) fn texts(&self) -> Vec<String> {
        self.errors.iter().map(ToString::to_string).collect()
    }
}

/// Joins names as "`a`, `b`".
fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// A number of bytes in words.
fn bytes(count: u64) -> String {
    match count {
        1 => "1 byte".to_owned(),
        count => format!("{count} bytes"),
    }
}

// Syntax of the attribute.

pub(crate) const KEY_EXPECTED: &str =
    "expected a key: write `key = value`, keys separated by commas";

pub(crate) fn attribute_form(name: &str) -> String {
    format!("keys go in parentheses: write `#[{name}(key = value, ...)]`")
}

pub(crate) const SECOND_PATCH: &str =
    "a module is one patch, and this is its second `#[livepatch]`: put the functions of both into one mod, `#[livepatch(description = \"What it fixes\", license = \"GPL\")] mod fixes { use super::*; ... }`, each with `#[livepatch(object = ..., replaces = ...)]` alone";

pub(crate) const TWO_ATTRIBUTES: &str =
    "a function takes only one `#[livepatch]`: move the keys of this one into the first and remove it";

pub(crate) fn equals_expected(key: &impl Display, example: &str) -> String {
    format!("expected `=` and a value after `{key}`: write `{example}`")
}

pub(crate) fn comma_expected(key: &impl Display) -> String {
    format!("expected a comma after the value of `{key}`: separate keys by commas")
}

pub(crate) fn unknown_key<'a>(
    key: &str,
    nearest: Option<&str>,
    valid: impl IntoIterator<Item = &'a str>,
) -> String {
    let valid = quoted(valid);
    match nearest {
        Some(nearest) => {
            format!("unknown key `{key}`: write `{nearest}`; the keys here are {valid}")
        }
        None => format!("unknown key `{key}`: the keys here are {valid}"),
    }
}

pub(crate) fn key_twice(key: &str) -> String {
    format!("`{key}` is specified twice: remove one of them")
}

pub(crate) const REPLACE_FOR_REPLACES: &str =
    "`replace` is a flag for the whole patch: to name a function, write `replaces`";

pub(crate) const REGISTER_AND_REPLACE: &str =
    "a registered patch cannot replace all others, because it would do so each time it is enabled: remove `register` or `replace`";

pub(crate) const REGISTER_AND_STATES: &str =
    "a registered patch cannot have states, which are taken over only once: remove `register` or the states";

pub(crate) const IMMEDIATE_AND_REPLACE: &str =
    "an immediate patch cannot replace all others, because nothing waits until tasks have left those: put `immediate` on functions, or remove `replace`";

/// For kernels whose livepatch core lacks these keys.
pub(crate) const NEEDS_KLP_CORE: &str =
    "`register` and `immediate` need klp-core, and this kernel has another livepatch core: set CONFIG_LIVEPATCH_RUST, or load klp-core.ko and build with make KLP_CORE_MODULE=DIR";

pub(crate) fn belongs_on_mod(key: &str) -> String {
    format!("`{key}` applies to the whole patch: move it to the `#[livepatch(...)]` on the mod")
}

pub(crate) fn belongs_on_function(key: &str) -> String {
    format!("`{key}` applies to one function: move it to the `#[livepatch(...)]` on the function inside the mod")
}

pub(crate) fn missing_keys<'a>(
    keys: impl IntoIterator<Item = &'a str>,
    examples: &[&str],
) -> String {
    format!("missing {}: add `{}`", quoted(keys), examples.join(", "))
}

// Values.

pub(crate) fn string_expected(key: &str, example: &str) -> String {
    format!("`{key}` takes a string literal: write `{example}`")
}

pub(crate) fn integer_expected(key: &str, example: &str) -> String {
    format!("`{key}` takes a plain integer, counted from 1: write `{example}`")
}

pub(crate) fn list_expected(key: &str, example: &str) -> String {
    format!("`{key}` takes a list of string literals: write `{example}`")
}

pub(crate) fn flag_expected(key: &str) -> String {
    format!("`{key}` is a flag: write `{key}` alone, or leave it out")
}

pub(crate) fn empty(key: &str, example: &str) -> String {
    format!("`{key}` is empty: write for example `{example}`")
}

pub(crate) fn control_character(key: &str) -> String {
    format!("`{key}` contains a NUL, a line break or another control character: write one line of plain text, as modinfo keeps it")
}

pub(crate) fn not_ascii(key: &str) -> String {
    format!("`{key}` contains a non-ASCII character, which the kernel's `module!` does not accept: write it in ASCII")
}

pub(crate) fn license(text: &str, accepted: &[&str]) -> String {
    let accepted: Vec<_> = accepted.iter().map(|name| format!("\"{name}\"")).collect();
    let hint = if text.to_ascii_lowercase().contains("gpl") {
        "write `license = \"GPL\"`, or another of the kernel's names"
    } else {
        "write one that it accepts"
    };
    format!(
        "a live patch must have a GPL-compatible license, and {text:?} is not one that the kernel accepts: {hint}: {}",
        accepted.join(", ")
    )
}

pub(crate) const NO_MODULE_NAME: &str =
    "the build does not set the module's name: add `name = \"my_patch\"`";

// Names.

pub(crate) fn name_with_path(key: &str, base: &str) -> String {
    format!("`{key}` takes a module's name, not a file's: write `{key} = \"{base}\"`")
}

pub(crate) fn name_with_dash(key: &str, name: &str) -> String {
    format!("module names have underscores instead of dashes: write `{key} = \"{name}\"`")
}

pub(crate) fn name_with(key: &str, character: char) -> String {
    format!("`{key}` contains {character:?}, which module names cannot have: write letters, digits and underscores")
}

pub(crate) fn name_too_long(key: &str, length: usize, most: usize) -> String {
    format!("`{key}` is {length} bytes long and the kernel's module names have at most {most}: write the name that `lsmod` shows")
}

pub(crate) fn symbol_with(character: char) -> String {
    format!("`replaces` contains {character:?}, which function names cannot have: write the name as `/proc/kallsyms` shows it, without parentheses or offset")
}

pub(crate) const SYMBOL_STARTS_WITH_DIGIT: &str =
    "function names do not begin with a digit: write the name as `/proc/kallsyms` shows it";

pub(crate) const SYMBOL_IS_RUST: &str =
    "this is a Rust function of the kernel, which has no ftrace entry and cannot be replaced: replace the C function that calls it";

pub(crate) fn symbol_too_long(length: usize, most: usize) -> String {
    format!("`replaces` is {length} bytes long and the kernel's symbols have at most {most}: write the name as `/proc/kallsyms` shows it")
}

// Several replacements.

pub(crate) const NO_REPLACEMENT: &str =
    "this patch replaces nothing: mark a function inside the mod with `#[livepatch(object = \"vmlinux\", replaces = \"the_kernel_function\")]`";

pub(crate) fn replaced_twice(name: &str, object: &str, first: &str) -> String {
    format!("`{name}` of `{object}` is replaced twice, first by `{first}`: remove one, or distinguish them by `sympos` if `{object}` has several functions of that name")
}

pub(crate) fn patches_itself(name: &str) -> String {
    format!("this patch has the name of the module `{name}` that it patches, and the kernel loads only one module of a name: name the patch and its file `fix-{name}`")
}

pub(crate) fn sympos_needed(name: &str, object: &str) -> String {
    format!("`{name}` of `{object}` is replaced at several positions, and without `sympos` its name has to be unique: add the position, `sympos = 1` for the first")
}

// Position of the attribute.

pub(crate) fn not_replaceable(what: &str) -> String {
    format!("`#[livepatch]` goes on a function or an inline mod, not on {what}: move it to the function that replaces the kernel's")
}

pub(crate) const MOD_WITHOUT_BODY: &str =
    "`#[livepatch]` needs the mod's content: write `mod fixes { ... }` here instead of a separate file";
pub(crate) const MOD_INSIDE_MOD: &str =
    "a patch is one mod: remove this `#[livepatch]` and move the replacements up into the outer mod";
pub(crate) const NOT_AT_TOP: &str =
    "a replacement must be directly in the mod: move this function up into the mod that carries the patch's `#[livepatch]`";
pub(crate) const METHOD_IN_MOD: &str =
    "a method cannot be a replacement: write a free function directly in the mod";
pub(crate) const INSIDE_FUNCTION: &str =
    "a replacement cannot be inside a function: move it out of the body";
pub(crate) const CFG_ATTR: &str =
    "a replacement cannot depend on `cfg`, because the patch's tables have a fixed size: write `#[livepatch(...)]` unconditionally and test `cfg!(...)` inside the function";

// The function.

pub(crate) const NO_BODY: &str =
    "a replacement needs a body: write what runs instead of the kernel's function, `{ ... }`";
pub(crate) const GENERIC_TYPE: &str =
    "the kernel calls a replacement with one fixed signature: remove the generic parameter and write the concrete type";
pub(crate) const GENERIC_CONST: &str =
    "the kernel calls a replacement with one fixed signature: remove the generic parameter and write the concrete value";
pub(crate) const LIFETIME: &str =
    "arguments live only for the call: remove the lifetime parameter and elide it, as in `&SeqFile`";
pub(crate) const WHERE: &str =
    "the kernel calls a replacement with one fixed signature: remove the `where` clause";
pub(crate) const ASYNC: &str =
    "the kernel calls a replacement and waits for its result: remove `async`, a replacement may sleep where the kernel's function may";
pub(crate) const CONST: &str = "a replacement runs in the kernel only: remove `const`";
pub(crate) const UNSAFE: &str =
    "a replacement is a safe function: remove `unsafe` here and wrap what is unsafe inside the body in an `unsafe` block";
pub(crate) const EXTERN: &str =
    "`#[livepatch]` makes the function callable from C: remove `extern`";
pub(crate) const SELF: &str =
    "a replacement is a free function: replace `self` by a plain argument, such as `object: *mut c_void`, and move it out of the `impl`";
pub(crate) const VARIADIC: &str =
    "a replacement cannot take variable arguments: replace the function that calls it instead";
pub(crate) const NEVER: &str =
    "a replacement has to return, or the patch could never be removed: write the type that the kernel's function returns";
pub(crate) const IMPL_TRAIT: &str =
    "`impl Trait` stands for no single C type: write the concrete type";
pub(crate) const STATIC: &str =
    "a reference is valid during the call only: remove `'static`, or take a raw pointer";
pub(crate) const RETURNED_REFERENCE: &str =
    "a reference cannot be a result, because its lifetime is unknown: return a `Returned<T>`, or a raw pointer";

/// Why an attribute of that name is not allowed on a replacement.
pub(crate) fn attribute(name: &str) -> Option<&'static str> {
    Some(match name {
        "inline" => "`#[livepatch]` controls inlining, because the kernel has to find the body in one place: remove `#[inline]`",
        "no_mangle" | "export_name" => "a replacement is found by its address and needs no symbol name: remove this attribute",
        "link_section" => "a replacement must be in the module's `.text`: remove `#[link_section]`",
        "track_caller" => "the kernel's caller has no Rust location to pass: remove `#[track_caller]`",
        "naked" => "a replacement needs a stack frame, by which the stack check finds it: remove `#[naked]`",
        "target_feature" => "the kernel decides which registers its code may use: remove `#[target_feature]`",
        _ => return None,
    })
}

/// The kernel's compiler emits no code after a call of the function.
pub(crate) fn never_returns(name: &str) -> String {
    format!("`{name}` never returns, so its callers have no code to which a replacement could return: replace the functions that call it")
}

pub(crate) const CFG_ON_REPLACEMENT: &str =
    "a replacement cannot depend on `cfg`, because the patch's tables have a fixed size: test `cfg!(...)` inside the function, or put this above the `#[livepatch]` of the mod";
pub(crate) const CFG_ON_ARGUMENT: &str =
    "an argument cannot depend on `cfg`: write the signature that the kernel was built with";

pub(crate) const TWO_ORIGINALS: &str =
    "in a replacement `original` is the kernel's own function, and a replacement of this patch calls it: give this function another name";

// Other items of the mod.

pub(crate) const ONE_ROLE: &str =
    "an item can have only one of klp's attributes: remove this one, and write a separate item for it";
pub(crate) const CALLBACK_AND_REPLACEMENT: &str =
    "a callback cannot be a replacement too: remove this `#[livepatch]`, and write a separate function for it";

/// The attribute is outside of a patch.
pub(crate) fn outside(name: &str) -> String {
    format!("`#[{name}]` belongs to a patch: put this item directly into the mod that carries `#[livepatch(description = ..., license = ...)]`")
}

pub(crate) fn callback_needs_object(name: &str, objects: &[String]) -> String {
    let examples: Vec<_> = objects
        .iter()
        .map(|object| format!("`#[{name}(object = \"{object}\")]`"))
        .collect();
    match examples.is_empty() {
        true => format!(
            "this patch has no object yet: write which one, `#[{name}(object = \"vmlinux\")]`"
        ),
        false => format!(
            "this patch has several objects: write which one, {}",
            examples.join(" or ")
        ),
    }
}

pub(crate) fn callback_twice(name: &str, object: &str, first: &str) -> String {
    format!("`{object}` already has the `#[{name}]` callback `{first}`: remove one, or call both from one")
}

pub(crate) fn callback_qualifier(word: &str) -> String {
    format!("a callback is a plain safe function: remove `{word}`")
}

pub(crate) const CALLBACK_GENERIC: &str =
    "the kernel calls a callback with one fixed signature: remove the generic parameters";
pub(crate) const CALLBACK_NO_BODY: &str = "a callback needs a body: write `{ ... }`";
pub(crate) const CFG_ON_MOD_ITEM: &str =
    "this cannot depend on `cfg`, because the patch's tables have a fixed size: test `cfg!(...)` in the code that uses it";

pub(crate) fn callback_arguments(name: &str, post_unpatch: bool) -> String {
    let or = if post_unpatch {
        ", or `unpatched: &klp::Unpatched` to free what is no longer used"
    } else {
        ""
    };
    format!("`#[{name}]` takes the object: write `object: &klp::Object` as its only argument{or}")
}

pub(crate) const UNPATCHED_TOO_EARLY: &str =
    "functions of the patch may run here: `&klp::Unpatched` is for `#[post_unpatch]`, write `&klp::Object`";

pub(crate) fn unpatched_of_module(module: &str) -> String {
    format!("`{module}` may be unloaded while the rest of this patch stays in use, so nothing is unpatched for good here: write `&klp::Object`, and put what needs `&klp::Unpatched` into `#[post_unpatch(object = \"vmlinux\")]`")
}

pub(crate) const PRE_PATCH_RESULT: &str =
    "`#[pre_patch]` decides whether the patch is applied: write `-> Result`";

pub(crate) fn callback_result(name: &str) -> String {
    format!("`#[{name}]` cannot refuse the patch: remove the result")
}

pub(crate) fn variable_type(attribute: &str, example: &str) -> String {
    format!("`#[{attribute}]` declares a static of the type `{example}`")
}

pub(crate) const STATIC_MUT: &str =
    "the static is shared by all CPUs, and has interior mutability: remove `mut`";

pub(crate) fn has_value(attribute: &str) -> String {
    format!("`#[{attribute}]` generates the value: remove it, and write `;` after the type")
}

pub(crate) fn id_twice(kind: &str, id: u32, first: &str) -> String {
    format!("the {kind} `{first}` of this patch already has the id {id}: write another")
}

pub(crate) const STATE_ID_ZERO: &str =
    "the kernel's table of states ends at the id 0: write another, from 1";

// `#[derive(Persistent)]`.

pub(crate) const PERSISTENT_ENUM: &str =
    "the layout of an enum or union may differ between two patches: write a struct, with an integer for the variant";
pub(crate) const PERSISTENT_GENERIC: &str =
    "a type that two patches share must be concrete: remove the generic parameters";
pub(crate) const PERSISTENT_ABOVE_VIEW: &str =
    "`#[kernel_struct]` must expand before the derive: write `#[derive(Persistent)]` below this";
