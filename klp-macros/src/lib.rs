// SPDX-License-Identifier: GPL-2.0-only

//! The attributes [`macro@livepatch`], which turns Rust functions into a livepatch module,
//! [`macro@kernel_struct`], which declares a view of a kernel structure, and
//! [`macro@symbols`], which declares functions and data of the kernel.
//!
//! Authors use them through the crate `klp`, whose types the generated code names.
//!
//! The pipeline: `parse` reads the tokens, `keys` the keys, `check` collects every
//! mistake (with `signature`, `names` and, for a kernel, `types`) and builds the `model`, and
//! `expand` generates the code. `errors` holds every message.

// The tests' kernel files, shared with klp-elf.
#[cfg(test)]
#[allow(dead_code)]
#[rustfmt::skip] // Of an edition that sorts otherwise.
#[path = "../../klp-elf/tests/kernel/btf.rs"]
mod btf;
mod buffers;
mod check;
#[cfg(test)]
mod damaged;
mod errors;
mod expand;
#[cfg(test)]
#[allow(dead_code)]
#[rustfmt::skip] // Of an edition that sorts otherwise.
#[path = "../../klp-elf/tests/kernel/files.rs"]
mod files;
mod helpers;
mod info;
mod keys;
mod model;
mod names;
mod parse;
mod persistent;
mod signature;
mod symbols;
#[cfg(test)]
mod tests;
mod types;
#[cfg(test)]
mod unchecked;
#[cfg(test)]
mod unknown;

use errors::Errors;
use parse::{Keys, Target};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, ToTokens};
use std::sync::atomic::{AtomicBool, Ordering};

/// Turns a function, or a mod with several functions, into a livepatch module.
///
/// A **function** at the crate's root is a whole patch:
///
/// ```ignore
/// //! Shows another /proc/cmdline.
/// use klp::prelude::*;
///
/// #[livepatch(
///     object = "vmlinux",
///     replaces = "cmdline_proc_show",
///     description = "Shows another /proc/cmdline",
///     license = "GPL"
/// )]
/// fn livepatch_cmdline_proc_show(m: &SeqFile, _v: *mut c_void) -> Result {
///     seq_print!(m, "this has been live patched\n");
///     Ok(())
/// }
/// ```
///
/// An inline **mod** at the crate's root is a patch of any number of functions in any number of
/// objects. Each function in it that carries `#[livepatch(...)]` is a replacement; everything else
/// stays unchanged, and the replacements can use it:
///
/// ```ignore
/// use klp::prelude::*;
///
/// #[livepatch(description = "Two fixes", license = "GPL", replace)]
/// mod fixes {
///     use klp::prelude::*;
///
///     #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show")]
///     fn cmdline(m: &SeqFile, _v: *mut c_void) -> Result {
///         seq_print!(m, "this has been live patched\n");
///         Ok(())
///     }
///
///     #[livepatch(object = "ext4", replaces = "ext4_attr_show", sympos = 1)]
///     fn attr_show(_kobj: *mut c_void, _attr: *mut c_void, _buf: *mut u8) -> Result<isize> {
///         Ok(0)
///     }
/// }
/// ```
///
/// Beside the replacements such a mod can hold callbacks ([`macro@pre_patch`], [`macro@post_patch`],
/// [`macro@pre_unpatch`], [`macro@post_unpatch`]), shadow variables ([`macro@shadow`]) and states of the
/// system ([`macro@state`]).
///
/// A crate holds one patch, because a kernel module does.
///
/// # Keys
///
/// A function that is a whole patch takes the keys of functions and of patches.
///
/// <!-- table: keys -->
/// | key | of | meaning |
/// | --- | --- | --- |
/// | `object` | function, `symbols` (required), callback, `kernel_struct` | `vmlinux`, or a module's name as `lsmod` shows it. The module need not be loaded |
/// | `replaces` | function (required) | the C function's name in `/proc/kallsyms` |
/// | `sympos` | function | position among the object's symbols of that name, in the order of `/proc/kallsyms`, from 1. Default 0: there is only one |
/// | `inlined_into` | function | callers whose inlined copies may keep the old code |
/// | `description` | patch (required) | one line, for `modinfo` |
/// | `license` | patch (required) | `GPL`, `GPL v2`, `GPL and additional rights`, `Dual BSD/GPL`, `Dual MIT/GPL` or `Dual MPL/GPL` |
/// | `authors` | patch | for `modinfo` |
/// | `name` | patch | the module's name. Default: its name in the build |
/// | `version` | patch | the patch's version, for `modinfo` and `/sys/module/NAME/version` |
/// | `fixes` | patch | identifiers of what it fixes, for `modinfo` and `klpctl fixes` |
/// | `url` | patch | where to read about it, for `modinfo` |
/// | `replace` | patch | cumulative: replaces all patches that are enabled |
/// | `register` | patch | loading only registers the patch; sysfs enables and disables it. Needs klp-core |
/// | `immediate` | patch, function | all tasks switch at once, without a consistency check. Needs klp-core |
/// | `unsafe` | patch, function, `symbols` | the author vouches for what cannot be checked |
/// | `of` | `kernel_struct` | of several structures of one name, the one that this function takes or returns |
/// | `id` | `shadow`, `state` (required) | the variable's number: patches with the same id share the data |
/// | `version` | `state` (required) | the state's version: the kernel refuses a patch with a lower one than an enabled patch has |
/// <!-- end of table -->
///
/// # The function
///
/// A replacement is a safe, free function with one fixed signature: no generics, lifetimes, `async`, `const`,
/// `unsafe`, `extern`, `self` or variable arguments. Its arguments and its result stand for the C
/// types that the kernel's function has; `klp::abi` says which types can, and how to add more. A
/// reference among the arguments is valid during the call.
///
/// It may have documentation and lint attributes; its visibility has no effect. Only the kernel should
/// call it: its real signature is the C one. Code that two replacements share goes into a plain function.
///
/// In its body `original(...)` calls the kernel's own function, with the same types: see `klp::original`.
///
/// # Errors
///
/// Every mistake in a patch is a compiler error at the wrong tokens, with what to write instead. All
/// mistakes are reported at once. The traits in `klp::abi` report types that cannot cross to C.
///
/// Where the build has the kernel's type information (`KLP_VMLINUX`, which Kbuild sets to the
/// kernel's own `vmlinux`), the function must exist, be traceable, and be the only one of its name or
/// have a `sympos`, and the signature must be that of its C prototype. The error shows the prototype.
#[proc_macro_attribute]
pub fn livepatch(
    keys: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    let name = names::from_build(|variable| std::env::var(variable).ok());
    let item = TokenStream::from(item);
    let mut errors = Errors::default();
    let code = code(keys.into(), item.clone(), name, &mut errors);
    // Only valid patches are counted.
    if errors.is_empty() && is_second() {
        return second(item).into();
    }
    let errors = errors.to_diagnostics();
    quote!(#errors #code).into()
}

/// Declares a callback that runs before the functions of an object are replaced, and may refuse the patch. See
/// `klp::callbacks`.
///
/// For a function in a mod with `#[livepatch]`, `fn name(object: &klp::Object) -> Result`. The
/// key `object` is optional in a patch with a single object.
#[proc_macro_attribute]
pub fn pre_patch(
    _keys: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    outside("pre_patch", item)
}

/// Declares a callback that runs when all tasks use the replacements of an object. See `klp::callbacks`.
///
/// As [`macro@pre_patch`], without a result.
#[proc_macro_attribute]
pub fn post_patch(
    _keys: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    outside("post_patch", item)
}

/// Declares a callback that runs before an object is reverted. See `klp::callbacks`.
///
/// As [`macro@pre_patch`], without a result.
#[proc_macro_attribute]
pub fn pre_unpatch(
    _keys: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    outside("pre_unpatch", item)
}

/// Declares a callback that runs when no task uses the replacements of an object. See `klp::callbacks`.
///
/// As [`macro@pre_patch`], without a result, and `&klp::Unpatched` may be its argument.
#[proc_macro_attribute]
pub fn post_unpatch(
    _keys: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    outside("post_unpatch", item)
}

/// Declares a shadow variable. See `klp::shadow`.
///
/// For a static without a value in a mod with `#[livepatch]`:
/// `#[shadow(id = 1)] static NAME: Shadow<Parent, Data>;`.
#[proc_macro_attribute]
pub fn shadow(
    _keys: proc_macro::TokenStream,
    _item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    outside("shadow", proc_macro::TokenStream::new())
}

/// Declares a system state. See `klp::state`.
///
/// For a static without a value in a mod with `#[livepatch]`:
/// `#[state(id = 1, version = 1)] static NAME: State<Data>;`.
#[proc_macro_attribute]
pub fn state(
    _keys: proc_macro::TokenStream,
    _item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    outside("state", proc_macro::TokenStream::new())
}

/// Declares functions and data of the kernel that are not exported to modules. See `klp::symbols`.
///
/// For a block `unsafe extern "C" { ... }`. The key `object` names their object: `"vmlinux"`,
/// or a module of the patch.
#[proc_macro_attribute]
pub fn symbols(
    keys: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    symbols::symbols(keys.into(), item.into()).into()
}

/// Declares C functions and data of the patch, defined in its `helpers.c`, for inline functions and
/// macros of the kernel. See `klp::symbols`.
///
/// For a block `unsafe extern "C" { ... }`.
#[proc_macro_attribute]
pub fn helpers(
    keys: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    let name = names::from_build(|variable| std::env::var(variable).ok());
    helpers::helpers(keys.into(), item.into(), name).into()
}

/// Derives `klp::Persistent`, which lets values of a structure outlive the module.
#[proc_macro_derive(Persistent)]
pub fn persistent(item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    persistent::derive(item.into()).into()
}

/// Reports an attribute outside of a patch: `#[livepatch]` removes those inside before they expand.
fn outside(name: &str, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let error = syn::Error::new(Span::call_site(), errors::outside(name)).to_compile_error();
    let item = TokenStream::from(item);
    quote!(#error #item).into()
}

/// Turns a struct into a view of a kernel structure: it names the members that are used, in any order,
/// and gets an accessor for each.
///
/// ```ignore
/// use klp::prelude::*;
///
/// #[kernel_struct("seq_file")]
/// struct Sequence {
///     count: usize,
///     size: usize,
///     #[path("lock.owner.counter")]
///     owner: isize,
///     #[follow(unsafe)]
///     file: &Opened,
/// }
///
/// #[kernel_struct("file")]
/// struct Opened {
///     #[write(unsafe)]
///     f_flags: u32,
/// }
///
/// /// Only pointed to.
/// #[kernel_struct("user_namespace")]
/// struct UserNamespace;
///
/// fn full(m: &Sequence) -> bool {
///     m.count() >= m.size() || m.file().f_flags() == 0
/// }
/// ```
///
/// `klp::view` says which types and attributes members can have, and what accessors promise.
///
/// The first argument is the structure's name in C: its tag or the name of its `typedef`. The keys `object` and
/// `of` may follow it; [`macro@livepatch`] lists them.
///
/// `&View` and `Option<&View>` are then arguments of replacements, `Pin<KBox<View>>` is an argument
/// that the function takes over or gives away, and a view can be passed by value and be a result. A struct
/// without fields (`struct View;`) is a view of a structure that is only pointed to.
///
/// # What is checked
///
/// Offsets and sizes come from the kernel's type information, which a build for a kernel needs. The
/// structure and its members must exist, and each member's type must have the kind, size and sign of the
/// C type; pointers and inner structures must also be of the same structure.
#[proc_macro_attribute]
pub fn kernel_struct(
    keys: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    types::kernel_struct(keys.into(), item.into()).into()
}

/// Whether the crate already has a patch: one rustc process compiles one crate.
fn is_second() -> bool {
    static FIRST: AtomicBool = AtomicBool::new(true);
    // rust-analyzer expands the same attribute again after each edit, in one process.
    let is_editor = std::env::var_os("RUST_ANALYZER_INTERNALS_DO_NOT_USE").is_some();
    !is_editor && !FIRST.swap(false, Ordering::Relaxed)
}

/// Reports a second patch, and emits the author's code without tables, which would conflict with the first.
fn second(item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    errors.add(
        &Ident::new("livepatch", Span::call_site()),
        errors::SECOND_PATCH,
    );
    let code = match parse::target(item.clone(), &mut Errors::default()) {
        Ok(Target::Function(function)) => expand::function_alone(&function),
        Ok(Target::Module(module)) => expand::module_alone(&module),
        _ => item,
    };
    let errors = errors.to_diagnostics();
    quote!(#errors #code)
}

/// Expands the attribute, for tests. `name` is the module's name in the build.
#[cfg(test)]
fn expansion(keys: TokenStream, item: TokenStream, name: Option<String>) -> TokenStream {
    let mut errors = Errors::default();
    let code = code(keys, item, name, &mut errors);
    let errors = errors.to_diagnostics();
    quote!(#errors #code)
}

fn code(
    keys: TokenStream,
    item: TokenStream,
    name: Option<String>,
    errors: &mut Errors,
) -> TokenStream {
    // Tokens made at the call site cover the whole attribute.
    let attribute = Ident::new("livepatch", Span::call_site()).into_token_stream();
    let keys = parse::keys(attribute, keys, errors);
    match parse::target(item.clone(), errors) {
        Ok(target) => patch(keys, target, item, name, errors),
        Err(error) => {
            errors.add_syntax(error);
            // Reported: nested attributes need not report it again.
            parse::strip(item, errors::NOT_AT_TOP, &mut Errors::default())
        }
    }
}

/// The patch's code; with mistakes, only the author's.
fn patch(
    keys: Keys,
    target: Target,
    item: TokenStream,
    name: Option<String>,
    errors: &mut Errors,
) -> TokenStream {
    match target {
        Target::Function(mut function) => {
            parse::only_one(&mut function, errors);
            match check::function(&keys, &function, name, errors) {
                Some(patch) => expand::function(&patch, &function),
                None => expand::function_alone(&function),
            }
        }
        Target::Module(module) => match check::module(&keys, &module, name, errors) {
            Some(patch) => expand::module(&patch, &module),
            None => expand::module_alone(&module),
        },
        Target::ModuleFile(name) => {
            errors.add(&name, errors::MOD_WITHOUT_BODY);
            item
        }
        Target::Other(kind, token) => {
            errors.add(&token, errors::not_replaceable(kind));
            item
        }
    }
}
