// SPDX-License-Identifier: GPL-2.0-only

//! Checks whether a function can be replaced by one in Rust.

use crate::kernel::{Function, Object, VMLINUX};
use crate::noreturn::never_returns;
use crate::prototype::{Kind, Prototype};
use crate::text::Identifier;
use crate::{Error, Structure, rust};
use std::collections::BTreeMap;

/// Structures by their tags.
pub(super) type Views = BTreeMap<Identifier, Structure>;

/// Checks that the kernel can replace the function, and returns the `sympos` that the attribute needs.
pub(super) fn position(
    object: &str,
    function: &Function,
    sympos: Option<u32>,
) -> Result<Option<u32>, Error> {
    let Some(matches) = &function.matches else {
        return Ok(sympos);
    };
    if !matches.iter().any(|found| found.code) {
        return Err(Error::NoFunction {
            object: object.into(),
            name: function.name.clone(),
            others: function.others.to_string(),
        });
    }
    let refused = |reason| Error::NotReplaceable {
        function: function.name.clone(),
        reason,
    };
    let found = match (sympos, matches.as_slice()) {
        (None | Some(0), [only]) => only,
        (None | Some(0), several) => {
            return Err(refused(format!(
                "`{object}` has {0} symbols of that name; say which one with `sympos`, 1 to {0} \
                 in the order of /proc/kallsyms",
                several.len()
            )));
        }
        (Some(wanted), _) => matches
            .iter()
            .find(|found| found.sympos == wanted)
            .ok_or_else(|| {
                let count = matches.len();
                refused(format!(
                    "`{object}` has {count} of that name, and no number {wanted}"
                ))
            })?,
    };
    if !found.code {
        return Err(refused("that symbol is data".to_owned()));
    }
    if found.init {
        return Err(refused(match object {
            VMLINUX => "it is `__init`, and gone once the kernel has booted".to_owned(),
            _ => "it is `__init`, and gone once the module has started".to_owned(),
        }));
    }
    if found.traceable == Some(false) {
        return Err(refused(
            "the kernel cannot trace it (it is `notrace`, `inline`, assembly, or Rust)".to_owned(),
        ));
    }
    Ok((matches.len() > 1).then_some(found.sympos))
}

/// Checks that Rust can express a prototype, and finds the structures that it passes by value.
pub(super) fn check(object: &Object<'_>, prototype: &Prototype) -> Result<Views, String> {
    if prototype.variadic {
        let reason =
            "it takes a variable number of arguments (`...`), and functions in Rust do not";
        return Err(reason.to_owned());
    }
    if never_returns(&prototype.name) {
        return Err("it never returns, and its callers have no code behind the call".to_owned());
    }
    let mut views = Views::new();
    let arguments = prototype
        .parameters
        .iter()
        .zip(1..)
        .map(|(parameter, number)| {
            let name = parameter.name.as_ref().map(ToString::to_string);
            let name = name.unwrap_or_else(|| format!("arg{number}"));
            let place = format!("its argument `{}`", parameter.ty.declare(&name));
            (place, &parameter.ty, rust::argument(&parameter.ty))
        });
    let result = &prototype.result;
    let result = (
        format!("its result `{result}`"),
        result,
        rust::result(result),
    );
    for (place, ty, said) in arguments.chain([result]) {
        if let Kind::Aggregate { names } = &ty.kind {
            let is_new = |tag: &&Identifier| {
                let known = views.get(*tag);
                known.is_none_or(|structure: &Structure| structure.size != ty.size)
            };
            if let Some(tag) = names.last().filter(is_new) {
                views.insert(tag.clone(), by_value(object, tag, ty.size, &place)?);
            }
        }
        said.ok_or_else(|| format!("{place} has a type that Rust has no equal of"))?;
    }
    Ok(views)
}

/// The structure of that tag and size, if Rust passes it as C does.
fn by_value(object: &Object<'_>, tag: &str, size: u64, place: &str) -> Result<Structure, String> {
    if size == 0 {
        return Err(format!("{place} is a structure of no size"));
    }
    let structures = object.structures(tag).into_iter();
    let mut structures = structures.filter(|structure| structure.size == size);
    let structure = structures.next().ok_or_else(|| {
        format!("{place} is a structure passed by value, and its members are unknown")
    })?;
    match structure.passes_like_integers() {
        true => Ok(structure),
        false => Err(format!(
            "{place} is passed by value, and is packed or holds floating-point numbers"
        )),
    }
}
