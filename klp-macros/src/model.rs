// SPDX-License-Identifier: GPL-2.0-only

//! The model of a valid patch: objects with their functions.

use crate::parse::foreign::Symbol;
use crate::parse::CallbackKind;
use crate::types::Found;
use klp_elf::{Prototype, VMLINUX};
use proc_macro2::Ident;
use std::collections::BTreeSet;
use syn::{LitStr, Type};

/// A symbol that the author declares, after the checks.
pub(crate) struct Linked<'a> {
    pub(crate) symbol: &'a Symbol,
    /// The kernel's name.
    pub(crate) name: String,
    /// The symbol name that the patch is linked with.
    pub(crate) link_name: String,
    pub(crate) found: Found,
}

/// Properties of the patch.
pub(crate) struct Info {
    pub(crate) name: String,
    pub(crate) description: LitStr,
    pub(crate) license: LitStr,
    pub(crate) authors: Vec<LitStr>,
    pub(crate) version: Option<LitStr>,
    /// Identifiers of the vulnerabilities that it fixes, such as CVEs.
    pub(crate) fixes: Vec<LitStr>,
    pub(crate) url: Option<LitStr>,
    pub(crate) replace: bool,
    /// The key `register`: sysfs enables and disables the patch until its module is unloaded.
    pub(crate) register: Option<Ident>,
    /// The key `immediate`: all tasks use the patch at once.
    pub(crate) immediate: Option<Ident>,
    /// The key `unsafe`: the author vouches for what is not checked in the patch.
    pub(crate) unsafety: Option<Ident>,
}

/// One function that is replaced.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Function {
    /// The kernel's function.
    pub(crate) name: String,
    /// The position among the object's symbols of that name, from 1; 0 if there is only one.
    pub(crate) sympos: u32,
    /// The author's function.
    pub(crate) replacement: Ident,
    /// `super` and its name, with the span at which rustc reports errors of its signature.
    pub(crate) path: [Ident; 2],
    /// The C prototype of the original, if known.
    pub(crate) prototype: Option<Prototype>,
    /// The functions that the replacement calls, by name.
    pub(crate) calls: BTreeSet<String>,
    /// The call of the original, if the replacement has one.
    pub(crate) original: Option<Original>,
    /// The key `unsafe`: the author vouches for what is not checked in the signature.
    pub(crate) unsafety: Option<Ident>,
    /// The key `immediate`: all tasks use the replacement at once.
    pub(crate) immediate: Option<Ident>,
}

/// A replacement's use of the original.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Original {
    /// The token `original` in the replacement.
    pub(crate) word: Ident,
    /// The length of its entry in bytes, if known.
    pub(crate) entry: Option<u64>,
}

/// A function of the author that runs before or after patching or unpatching.
#[derive(Debug, PartialEq)]
pub(crate) struct Callback {
    pub(crate) function: Ident,
    /// Whether its argument is the proof that no function of the patch runs.
    pub(crate) wants_proof: bool,
}

/// The callbacks of an object, at most one for each kind.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Callbacks([Option<Callback>; CallbackKind::ALL.len()]);

impl Callbacks {
    /// The callback of that kind, to be set.
    pub(crate) fn slot(&mut self, kind: CallbackKind) -> &mut Option<Callback> {
        &mut self.0[kind as usize]
    }

    pub(crate) fn get(&self, kind: CallbackKind) -> Option<&Callback> {
        self.0[kind as usize].as_ref()
    }
}

/// An object with replaced functions or callbacks.
#[derive(Debug, PartialEq)]
pub(crate) struct Object {
    /// The module's name; `None` for vmlinux.
    pub(crate) module: Option<String>,
    pub(crate) functions: Vec<Function>,
    pub(crate) callbacks: Callbacks,
}

impl Object {
    /// The functions whose replacements call the original.
    pub(crate) fn originals(&self) -> impl Iterator<Item = (&Function, &Original)> {
        let functions = self.functions.iter();
        functions.filter_map(|function| Some((function, function.original.as_ref()?)))
    }

    /// The name that the author wrote.
    pub(crate) fn name(&self) -> &str {
        self.module.as_deref().unwrap_or(VMLINUX)
    }
}

/// A shadow variable.
pub(crate) struct Shadow {
    pub(crate) name: Ident,
    pub(crate) id: u32,
}

/// A system state.
pub(crate) struct State {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    pub(crate) id: u32,
    pub(crate) version: u32,
}

pub(crate) struct Patch {
    pub(crate) info: Info,
    pub(crate) objects: Vec<Object>,
    pub(crate) shadows: Vec<Shadow>,
    pub(crate) states: Vec<State>,
}

impl Patch {
    /// The function that `replacement` replaces, and its object.
    pub(crate) fn replaced(&self, replacement: &Ident) -> Option<(&Object, &Function)> {
        self.objects.iter().find_map(|object| {
            let mut functions = object.functions.iter();
            let function = functions.find(|function| function.replacement == *replacement)?;
            Some((object, function))
        })
    }

    /// Whether no function of the patch runs any more once this object is unpatched. False for a module if the
    /// patch has other objects, which may stay patched.
    pub(crate) fn ends_with(&self, object: &Object) -> bool {
        object.module.is_none() || self.objects.len() == 1
    }
}

/// Groups the functions by object, in the order in which the objects first appear.
pub(crate) fn objects(functions: impl IntoIterator<Item = (String, Function)>) -> Vec<Object> {
    let mut objects: Vec<Object> = Vec::new();
    for (name, function) in functions {
        let index = object(&mut objects, &name);
        objects[index].functions.push(function);
    }
    objects
}

/// The index of the object of that name, which is added if missing.
pub(crate) fn object(objects: &mut Vec<Object>, name: &str) -> usize {
    if let Some(index) = objects.iter().position(|known| known.name() == name) {
        return index;
    }
    objects.push(Object {
        module: Some(name.to_owned()).filter(|name| name != VMLINUX),
        functions: Vec::new(),
        callbacks: Callbacks::default(),
    });
    objects.len() - 1
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
            path: ["super", name].map(|word| Ident::new(word, Span::call_site())),
            prototype: None,
            calls: BTreeSet::new(),
            original: None,
            unsafety: None,
            immediate: None,
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
                callbacks: Callbacks::default(),
            })
            .collect();
        assert_eq!(found, expected);
    }
}
