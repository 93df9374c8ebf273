// SPDX-License-Identifier: GPL-2.0-only

//! Messages about a mismatch with the kernel. They show the C prototype, if it is known, and its Rust
//! equivalent.

use klp_elf::inlined::Caller;
use klp_elf::{quoted, rust, Function, Match, Name, Object, Prototype, Type};
use proc_macro2::Ident;
use std::fmt::Write as _;

/// The module is unknown.
pub(crate) fn unknown_object(object: &str) -> String {
    format!(
        "nothing is known about the module `{object}`, so what this patch says about it cannot \
         be checked: name the folder that holds {object}.ko (or {object}.ko.xz, ...) in KLP_MODULES; \
         or write `unsafe` in this attribute to vouch for names and types"
    )
}

/// How a patch uses a C function, which decides how it is written in Rust.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    /// A replacement has its signature.
    Replacement,
    /// It is declared with its C types.
    Declaration,
}

impl Role {
    /// The lines under a message: the C prototype, and the same in Rust.
    pub(crate) fn prototype_lines(self, prototype: &Prototype) -> String {
        let mut text = format!("\n  C prototype: {prototype}");
        if let Some(signature) = self.signature(prototype) {
            let _ = write!(text, "\n  in Rust: {signature}");
        }
        if matches!(self, Role::Replacement) && names_structures(prototype) {
            let _ = write!(
                text,
                "\n  `cargo klp stub {}` prints it with the structures that it names",
                prototype.name
            );
        }
        text
    }

    /// The signature in Rust; `None` if a type has no counterpart.
    fn signature(self, prototype: &Prototype) -> Option<String> {
        let count = prototype.parameters.len();
        let parameters = (0..count).map(|index| parameter(prototype, index));
        let mut parameters = parameters.collect::<Option<Vec<_>>>()?;
        if prototype.variadic && matches!(self, Role::Declaration) {
            parameters.push("...".to_owned());
        }
        let result = match self.result_type(&prototype.result)?.as_str() {
            "()" => String::new(),
            result => format!(" -> {result}"),
        };
        let end = match self {
            Role::Replacement => "",
            Role::Declaration => ";",
        };
        let (name, parameters) = (&prototype.name, parameters.join(", "));
        Some(format!("fn {name}({parameters}){result}{end}"))
    }

    fn result_type(self, ty: &Type) -> Option<String> {
        match self {
            Role::Replacement => rust::result(ty),
            Role::Declaration => rust::value(ty),
        }
    }

    /// What to write, if there is a Rust type for it.
    pub(super) fn suggestion(self, rust: Option<String>) -> String {
        match (rust, self) {
            (Some(rust), _) => format!("write `{rust}`"),
            (None, Role::Replacement) => {
                "no Rust type stands for that, so this function cannot be replaced".to_owned()
            }
            (None, Role::Declaration) => {
                "no Rust type stands for that, so it cannot be called".to_owned()
            }
        }
    }

    /// An argument of another type.
    pub(crate) fn argument(self, prototype: &Prototype, index: usize) -> String {
        let (argument, c) = argument_in_c(prototype, index);
        let rust = self.suggestion(rust::argument(&prototype.parameters[index].ty));
        let lines = self.prototype_lines(prototype);
        format!("{argument} is `{c}` in C: {rust}{lines}")
    }

    /// A result of another type.
    pub(crate) fn result(self, prototype: &Prototype) -> String {
        let (c, name) = (&prototype.result.c, &prototype.name);
        let lines = self.prototype_lines(prototype);
        match self.result_type(&prototype.result) {
            Some(rust) if rust == "()" => {
                format!("`{name}` has no result in C: write none{lines}")
            }
            rust => {
                let rust = self.suggestion(rust.map(|rust| format!("-> {rust}")));
                format!("the result of `{name}` is `{c}` in C: {rust}{lines}")
            }
        }
    }

    /// The object has no function of that name.
    pub(crate) fn no_function(self, object: &Object<'_>, function: &Function) -> String {
        let (name, others) = (&function.name, &function.others);
        let mut text = format!("`{}` has no function `{name}`", object.name());
        if others.data {
            text.push_str(", only data of that name: ");
            text.push_str(match self {
                Role::Replacement => "name the function that uses it",
                Role::Declaration => "declare it as `static`",
            });
        } else if let [first, ..] = others.variants.as_slice() {
            let _ = write!(
                text,
                ", only `{first}`, whose arguments the compiler may have changed: "
            );
            let _ = match self {
                Role::Replacement => write!(text, "replace the functions that call it"),
                Role::Declaration => write!(
                    text,
                    "where you know them, write `#[link_name = \"{first}\"]` above"
                ),
            };
        } else if others.similar.is_empty() {
            let replace = match self {
                Role::Replacement => ", replace these",
                Role::Declaration => "",
            };
            let _ = write!(
                text,
                ": it may have been inlined into the functions that call it{replace}; or its part \
                 of the kernel was not built",
            );
        } else {
            let _ = write!(text, ": did you mean {}?", quoted(&others.similar));
            for similar in others.similar.iter().filter_map(Name::to_str) {
                if let Some(prototype) = object.function(similar).prototype {
                    let _ = write!(text, "\n  C prototype: {prototype}");
                }
            }
            // The function may still be in C, without a symbol.
            text.push_str(
                "\n  if C has one of that name, it was inlined into the functions that call it, \
                 or its part of the kernel was not built",
            );
        }
        text
    }

    /// Fewer arguments than in C.
    pub(crate) fn arguments_missing(self, prototype: &Prototype, given: usize) -> String {
        let missing: Vec<_> = (given..prototype.parameters.len())
            .filter_map(|index| parameter(prototype, index))
            .collect();
        format!(
            "{}: add `{}`{}",
            count(prototype),
            missing.join(", "),
            self.prototype_lines(prototype)
        )
    }

    /// More arguments than in C.
    pub(crate) fn argument_too_many(self, prototype: &Prototype) -> String {
        format!(
            "{}: remove this argument{}",
            count(prototype),
            self.prototype_lines(prototype)
        )
    }
}

/// The lines under a message about a replacement.
pub(super) fn prototype_lines(prototype: &Prototype) -> String {
    Role::Replacement.prototype_lines(prototype)
}

/// Whether the signature in Rust names structures that the author has to declare.
fn names_structures(prototype: &Prototype) -> bool {
    let mut names = rust::Names::default();
    for parameter in &prototype.parameters {
        names.argument(&parameter.ty);
    }
    names.result(&prototype.result);
    names.given().count() > 0
}

/// One parameter in Rust, with its name.
fn parameter(prototype: &Prototype, index: usize) -> Option<String> {
    let name = rust::argument_names(prototype).into_iter().nth(index)?;
    let ty = &prototype.parameters.get(index)?.ty;
    let ty = match klp_elf::frees_its_argument(&prototype.name) {
        true => rust::value(ty),
        false => rust::argument(ty),
    };
    Some(format!("{name}: {}", ty?))
}

/// What to write in a replacement.
pub(super) fn suggestion(rust: Option<String>) -> String {
    Role::Replacement.suggestion(rust)
}

/// An argument as a message names it, and its C type.
pub(super) fn argument_in_c(prototype: &Prototype, index: usize) -> (String, String) {
    let parameter = &prototype.parameters[index];
    let ordinal = match &parameter.name {
        Some(name) => format!("argument {} of `{}`, `{name}`,", index + 1, prototype.name),
        None => format!("argument {} of `{}`", index + 1, prototype.name),
    };
    (ordinal, parameter.ty.c.clone())
}

/// A view of another structure of the same name.
pub(crate) fn other_structure(c: &str, prototype: &Prototype) -> String {
    format!(
        "this view is of another structure of that name than the `{c}` of `{0}`: several files \
         of the kernel use that name. Add `of = \"{0}\"` to its `#[kernel_struct]`{1}",
        prototype.name,
        prototype_lines(prototype)
    )
}

/// A `*mut` for a pointer to `const` in C.
pub(crate) fn only_read(replacement: &Ident, prototype: &Prototype, index: usize) -> String {
    let (argument, c) = argument_in_c(prototype, index);
    format!(
        "{replacement}: {argument} is `{c}` in C, which promises not to write there: write \
         `*const` to keep the promise"
    )
}

fn count(prototype: &Prototype) -> String {
    let name = &prototype.name;
    match prototype.parameters.len() {
        0 => format!("`{name}` has no arguments in C"),
        1 => format!("`{name}` has one argument in C"),
        count => format!("`{name}` has {count} arguments in C"),
    }
}

/// The C function is variadic.
pub(crate) fn variadic(prototype: &Prototype) -> String {
    format!(
        "`{}` takes variable arguments, which a replacement cannot: replace the functions that \
         call it{}",
        prototype.name,
        prototype_lines(prototype)
    )
}

fn known(prototype: Option<&Prototype>) -> String {
    prototype.map(prototype_lines).unwrap_or_default()
}

/// No prototype to compare with.
pub(crate) fn unchecked(name: &str, why: &str) -> String {
    format!(
        "the signature of `{name}` cannot be checked: {why}; take it from the C source, and \
         write `unsafe` in this `#[livepatch(..)]` to vouch for it"
    )
}

/// A type that claims more than `void *`.
pub(crate) fn claims_object(prototype: &Prototype, index: usize) -> String {
    let (argument, c) = argument_in_c(prototype, index);
    format!(
        "{argument} is `{c}` in C, which does not say what it points to: write a raw pointer; \
         or, if you know, `unsafe` in this `#[livepatch(..)]` to vouch for it{}",
        prototype_lines(prototype)
    )
}

/// The pointer's target is not an integer, is a different integer, or is read-only in C.
pub(crate) fn claims_place(prototype: &Prototype, index: usize) -> String {
    let (argument, c) = argument_in_c(prototype, index);
    let ty = &prototype.parameters[index].ty;
    let rust = suggestion(rust::in_out(ty).or_else(|| rust::argument(ty)));
    format!(
        "{argument} is `{c}` in C: {rust}{}",
        prototype_lines(prototype)
    )
}

/// A type that only arguments of handlers may have.
pub(crate) fn claims_handler(prototype: &Prototype) -> String {
    format!(
        "`{}` is not a `proc_handler`, and the types of `klp::sysctl` are only for the arguments of these{}",
        prototype.name,
        prototype_lines(prototype)
    )
}

/// A reference to memory that is being freed.
pub(crate) fn claims_alive(prototype: &Prototype) -> String {
    format!(
        "`{}` runs after the last reference to its argument is gone, and a `&T` could be made to \
         outlive the call (`ARef::from`): write a raw pointer; or `unsafe` in this \
         `#[livepatch(..)]` to vouch for it",
        prototype.name
    )
}

/// A result that may be any address, although the C callers follow it.
pub(crate) fn claims_result(prototype: &Prototype) -> String {
    let c = &prototype.result.c;
    let rust = suggestion(rust::result(&prototype.result).map(|rust| format!("-> {rust}")));
    format!(
        "the result of `{}` is `{c}` in C, and its callers follow it: {rust}, for `NULL` and \
         what `original` returns; or, if you know that callers can follow what you return, \
         `unsafe` in this `#[livepatch(..)]` to vouch for it{}",
        prototype.name,
        prototype_lines(prototype)
    )
}

/// A table whose entries may not be integers.
pub(crate) fn claims_ints(prototype: &Prototype) -> String {
    format!(
        "`IntTable` is a table of integers, and only handlers whose names begin with \
         `{INT_HANDLERS}` are known to have one: write a raw pointer; or, if you know that all \
         tables with `{}` are such, `unsafe` in this `#[livepatch(..)]` to vouch for it",
        prototype.name
    )
}

/// The prefix of handlers whose tables hold integers.
pub(crate) const INT_HANDLERS: &str = "proc_dointvec";

/// Its code is freed before a patch can be loaded.
pub(crate) fn init(name: &str, object: &str, prototype: Option<&Prototype>) -> String {
    format!(
        "`{name}` of `{object}` is an `__init` function, whose code is freed once it has run: \
         there is nothing left to patch{}",
        known(prototype)
    )
}

pub(crate) fn strange_entry(name: &str, object: &str, length: u64) -> String {
    format!(
        "the ftrace call of `{name}` of `{object}` ends {length} bytes after the function's start, \
         which is not at its entry, so `original` cannot be called: write the whole function, without \
         `original`"
    )
}

/// ftrace cannot redirect it.
pub(crate) fn not_traceable(name: &str, object: &str, prototype: Option<&Prototype>) -> String {
    format!(
        "`{name}` of `{object}` cannot be traced in this kernel, and therefore cannot be replaced \
         (it is `notrace`, in assembly, or in a part of the kernel that must not be traced): replace the \
         functions that call it{}",
        known(prototype)
    )
}

/// Several functions of that name.
pub(crate) fn ambiguous(
    name: &str,
    object: &str,
    matches: &[Match],
    prototype: Option<&Prototype>,
) -> String {
    let count = matches.len();
    format!(
        "`{object}` has {count} functions `{name}`: add `sympos` to choose one{}{}",
        functions(matches),
        known(prototype)
    )
}

/// No function at that position.
pub(crate) fn no_such_position(
    name: &str,
    object: &str,
    sympos: u32,
    matches: &[Match],
    prototype: Option<&Prototype>,
) -> String {
    if let [_] = matches {
        return format!(
            "`{object}` has one function `{name}`, and `sympos = {sympos}` is not the first: \
             leave `sympos` out{}",
            known(prototype)
        );
    }
    let count = matches.len();
    format!(
        "`{object}` has {count} functions `{name}`, and `sympos = {sympos}` is none of them{}{}",
        functions(matches),
        known(prototype)
    )
}

/// The most symbols of one name that a message lists.
const CANDIDATES: usize = 32;

/// The symbols of one name, one a line.
pub(super) fn candidates(matches: &[Match], describe: impl Fn(&Match) -> String) -> String {
    let mut text = String::new();
    for candidate in matches.iter().take(CANDIDATES) {
        let _ = write!(
            text,
            "\n  sympos = {}: {}",
            candidate.sympos,
            describe(candidate)
        );
    }
    if matches.len() > CANDIDATES {
        text.push_str("\n  ...");
    }
    text
}

fn functions(matches: &[Match]) -> String {
    candidates(matches, |candidate| {
        let note = match (candidate.code, candidate.traceable) {
            (false, _) => ", data",
            (true, Some(false)) => ", cannot be traced",
            (true, _) => "",
        };
        format!("at {:#x}{note}", candidate.address)
    })
}

/// The most callers that a message lists.
const MOST_CALLERS: usize = 20;

/// Inlined copies of the function keep the old code.
pub(crate) fn inlined(name: &str, callers: &[Caller]) -> String {
    let mut names: Vec<String> = callers
        .iter()
        .map(|caller| caller.shown().to_string())
        .collect();
    names.sort_unstable();
    names.dedup();
    let list: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let mut text = format!(
        "`{name}` was inlined into functions that this patch does not replace, and these keep \
         the old code: replace them too, or, if that does not matter, write `inlined_into = [{}]`",
        list.join(", ")
    );
    list_callers(&mut text, callers);
    text
}

/// The function exists only as inlined copies.
pub(crate) fn only_inlined(object: &str, name: &str, callers: &[Caller]) -> String {
    let mut text = format!(
        "`{object}` has no separate function `{name}`, because it was inlined into those that \
         call it: replace these"
    );
    list_callers(&mut text, callers);
    text
}

fn list_callers(text: &mut String, callers: &[Caller]) {
    for caller in callers.iter().take(MOST_CALLERS) {
        let _ = write!(text, "\n  {caller}");
    }
    if let Some(more) = callers
        .len()
        .checked_sub(MOST_CALLERS)
        .filter(|more| *more > 0)
    {
        let _ = write!(text, "\n  and {more} more");
    }
}

/// The author accepts an inlined copy that does not exist.
pub(crate) fn not_inlined_into(name: &str, caller: &str) -> String {
    format!("`{name}` was not inlined into `{caller}` in this kernel")
}
