// SPDX-License-Identifier: GPL-2.0-only

//! Opens the kernel that the patch is compiled for, once for all attributes of a crate.

use crate::errors::{types as errors, Errors};
use klp_elf::{Error, Kernel, Object, Sources};
use proc_macro2::Span;
use quote::ToTokens;
use std::cell::OnceCell;
use std::mem::ManuallyDrop;
use syn::LitStr;

thread_local! {
    // One rustc runs all attributes of a crate on one thread. The compiler ends soon after, so the kernel is
    // never dropped.
    static KERNEL: OnceCell<ManuallyDrop<Result<Option<Kernel>, String>>> =
        const { OnceCell::new() };
}

/// Passes the kernel's information to `f`; returns `None` if the build has none.
///
/// # Errors
///
/// The files cannot be read.
fn with<T>(f: impl FnOnce(&Kernel) -> T) -> Result<Option<T>, String> {
    KERNEL.with(
        |kernel| match &**kernel.get_or_init(|| ManuallyDrop::new(open())) {
            Ok(kernel) => Ok(kernel.as_ref().map(f)),
            Err(error) => Err(error.clone()),
        },
    )
}

/// The result of looking something up in an object.
pub(super) enum Lookup<T> {
    /// The object is known.
    Found(T),
    /// The object is unknown.
    NoObject,
    /// The build has no type information.
    NoKernel,
    /// The information cannot be read, which has been reported.
    Unreadable,
}

/// Passes the information about an object to `f`. A failure to read it is an error at `object`.
pub(super) fn look_up<T>(
    name: &str,
    object: &impl ToTokens,
    errors: &mut Errors,
    f: impl FnOnce(&Kernel, &Object<'_>, &mut Errors) -> T,
) -> Lookup<T> {
    let result = with(|kernel| match kernel.object(name) {
        Ok(Some(found)) => Lookup::Found(f(kernel, &found, errors)),
        Ok(None) => Lookup::NoObject,
        Err(error) => {
            let text = format!("cannot read the information about `{name}`: {error}");
            errors.add(object, text);
            Lookup::Unreadable
        }
    });
    match result {
        Ok(lookup) => lookup.unwrap_or(Lookup::NoKernel),
        Err(text) => {
            errors.add_once(Span::call_site(), text);
            Lookup::Unreadable
        }
    }
}

/// As [`look_up`]; an unknown object is an error, unless the author writes `unsafe`.
pub(super) fn look_up_known<T>(
    object: &LitStr,
    is_vouched: bool,
    errors: &mut Errors,
    f: impl FnOnce(&Kernel, &Object<'_>, &mut Errors) -> T,
) -> Option<T> {
    let name = object.value();
    match look_up(&name, object, errors, f) {
        Lookup::Found(found) => Some(found),
        Lookup::NoObject => {
            if !is_vouched {
                errors.add_once(object.span(), errors::unknown_object(&name));
            }
            None
        }
        Lookup::NoKernel | Lookup::Unreadable => None,
    }
}

#[cfg(not(test))]
fn sources() -> Option<Sources> {
    Sources::from_env()
}

#[cfg(test)]
thread_local! {
    static SOURCES: std::cell::RefCell<Option<Sources>> = const { std::cell::RefCell::new(None) };
}

/// Calls `f` with the kernel of these files, on a thread that has opened none before.
#[cfg(test)]
pub(crate) fn with_sources<T>(sources: Sources, f: impl FnOnce() -> T) -> T {
    SOURCES.set(Some(sources));
    f()
}

/// Other tests have no kernel, whatever the environment says.
#[cfg(test)]
fn sources() -> Option<Sources> {
    SOURCES.with_borrow(Clone::clone)
}

fn open() -> Result<Option<Kernel>, String> {
    let Some(sources) = sources() else {
        return Ok(None);
    };
    match Kernel::open(sources) {
        Ok(kernel) => Ok(Some(kernel)),
        Err(error @ Error::NoModules { .. }) => Err(error.to_string()),
        Err(error) => Err(format!(
            "cannot read the kernel's type information: {error}; set KLP_VMLINUX to another \
             file, or unset it"
        )),
    }
}
