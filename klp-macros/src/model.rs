// SPDX-License-Identifier: GPL-2.0-only

//! The patch as the kernel sees it: objects, each with its functions. Holds only what is right.

use proc_macro2::Ident;
use syn::LitStr;

/// What is true of the patch as a whole.
pub(crate) struct Info {
    pub(crate) name: String,
    pub(crate) description: LitStr,
    pub(crate) license: LitStr,
    pub(crate) authors: Vec<LitStr>,
    pub(crate) replace: bool,
}

/// One function that is replaced.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Function {
    /// The kernel's function.
    pub(crate) name: String,
    /// Which of several of that name, counted from 1; 0 when there is only one.
    pub(crate) sympos: u32,
    /// The author's function.
    pub(crate) replacement: Ident,
}

/// A part of the kernel whose functions are replaced.
#[derive(Debug, PartialEq)]
pub(crate) struct Object {
    /// A module's name; none for the kernel itself.
    pub(crate) module: Option<String>,
    pub(crate) functions: Vec<Function>,
}

pub(crate) struct Patch {
    pub(crate) info: Info,
    pub(crate) objects: Vec<Object>,
}

/// How the kernel itself is called as an object.
pub(crate) const VMLINUX: &str = "vmlinux";

/// Groups the functions by object, in the order in which the objects first appear.
pub(crate) fn objects(functions: impl IntoIterator<Item = (String, Function)>) -> Vec<Object> {
    let mut objects: Vec<Object> = Vec::new();
    for (object, function) in functions {
        let module = Some(object).filter(|object| object != VMLINUX);
        match objects.iter_mut().find(|known| known.module == module) {
            Some(known) => known.functions.push(function),
            None => objects.push(Object {
                module,
                functions: vec![function],
            }),
        }
    }
    objects
}

#[cfg(test)]
mod tests {
    use super::*;
    use proc_macro2::Span;

    fn function(name: &str) -> Function {
        Function {
            name: name.to_owned(),
            sympos: 0,
            replacement: Ident::new(name, Span::call_site()),
        }
    }

    #[test]
    fn functions_are_grouped_by_object_in_the_authors_order() {
        let found = objects([
            ("ext4".to_owned(), function("a")),
            ("vmlinux".to_owned(), function("b")),
            ("xfs".to_owned(), function("c")),
            ("ext4".to_owned(), function("d")),
            ("vmlinux".to_owned(), function("e")),
        ]);
        let expected = [
            (Some("ext4"), ["a", "d"].as_slice()),
            (None, &["b", "e"]),
            (Some("xfs"), &["c"]),
        ];
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(module, names)| Object {
                module: module.map(str::to_owned),
                functions: names.iter().copied().map(function).collect(),
            })
            .collect();
        assert_eq!(found, expected);
    }
}
