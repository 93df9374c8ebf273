// SPDX-License-Identifier: GPL-2.0-only

//! The kernel that the patch is compiled for: opened once for all attributes of a crate.

use crate::errors::Errors;
use klp_elf::{Kernel, Object, Sources};
use proc_macro2::Span;
use quote::ToTokens;
use std::cell::OnceCell;
use std::mem::ManuallyDrop;

thread_local! {
    // One rustc runs all attributes of a crate on one thread. The compiler ends soon after: taking
    // apart what was read would cost as much as reading it.
    static KERNEL: OnceCell<ManuallyDrop<Result<Option<Kernel>, String>>> =
        const { OnceCell::new() };
}

/// Lets `ask` have what is known of the kernel; nothing when the build names no type information.
///
/// # Errors
///
/// What the build names cannot be read, in words for the author.
fn with<T>(ask: impl FnOnce(&Kernel) -> T) -> Result<Option<T>, String> {
    KERNEL.with(
        |kernel| match &**kernel.get_or_init(|| ManuallyDrop::new(open())) {
            Ok(kernel) => Ok(kernel.as_ref().map(ask)),
            Err(error) => Err(error.clone()),
        },
    )
}

/// What looking into an object gave.
pub(super) enum Looked<T> {
    /// The answer.
    Answer(T),
    /// Nothing is known of such an object.
    NoObject,
    /// The build names no type information: there is no kernel at hand.
    NoKernel,
    /// What is known cannot be read; that is an error already.
    Unreadable,
}

/// Lets `ask` have what is known of an object. What cannot be read is an error at `object`.
pub(super) fn look<T>(
    name: &str,
    object: &impl ToTokens,
    errors: &mut Errors,
    ask: impl FnOnce(&Kernel, &Object<'_>, &mut Errors) -> T,
) -> Looked<T> {
    let looked = with(|kernel| match kernel.object(name) {
        Ok(Some(found)) => Looked::Answer(ask(kernel, &found, errors)),
        Ok(None) => Looked::NoObject,
        Err(error) => {
            let text = format!("cannot read what is known about `{name}`: {error}");
            errors.add(object, text);
            Looked::Unreadable
        }
    });
    match looked {
        Ok(looked) => looked.unwrap_or(Looked::NoKernel),
        Err(text) => {
            errors.add_once(Span::call_site(), text);
            Looked::Unreadable
        }
    }
}

/// The same. Where nothing is known of the object, `unknown` is noted.
pub(super) fn ask<T>(
    name: &str,
    object: &impl ToTokens,
    unknown: impl FnOnce() -> String,
    errors: &mut Errors,
    ask: impl FnOnce(&Kernel, &Object<'_>, &mut Errors) -> T,
) -> Option<T> {
    match look(name, object, errors, ask) {
        Looked::Answer(answer) => Some(answer),
        Looked::NoObject => {
            errors.note_once(unknown());
            None
        }
        Looked::NoKernel | Looked::Unreadable => None,
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

/// Does it with the kernel of these files, on a thread that has opened none before.
#[cfg(test)]
pub(crate) fn with_sources<T>(sources: Sources, ask: impl FnOnce() -> T) -> T {
    SOURCES.set(Some(sources));
    ask()
}

/// Tests of other things have no kernel, whatever the environment says.
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
        Err(error) => Err(format!(
            "cannot read the kernel's type information: {error}; give another file in \
             KLP_VMLINUX, or none"
        )),
    }
}
