// SPDX-License-Identifier: GPL-2.0-only

//! Checks that the replaced function was not inlined into functions that keep the old code.

use super::kernel::{self, Lookup};
use crate::errors::{types as errors, Errors};
use klp_elf::inlined::{Caller, Definition, Index};
use klp_elf::Object;
use syn::LitStr;

/// A replaced function, and what the patch does about its inlined copies.
pub(crate) struct Inlined<'a> {
    pub(crate) object: &'a LitStr,
    pub(crate) name: &'a LitStr,
    pub(crate) sympos: u32,
    /// Callers whose inlined copies the author accepts.
    pub(crate) accepted: &'a [LitStr],
    /// All functions of the object that the patch replaces.
    pub(crate) replaced: &'a [Named<'a>],
}

/// A function by its name and `sympos`; 0 if the author gives none.
pub(crate) struct Named<'a> {
    pub(crate) name: &'a str,
    pub(crate) sympos: u32,
}

impl Named<'_> {
    /// Its address, if the symbols contain it.
    fn address(&self, object: &Object<'_>) -> Option<u64> {
        let matches = object.function(self.name).matches?;
        super::select(&matches, self.sympos).map(|it| it.address)
    }
}

impl Inlined<'_> {
    /// Checks the function, if there is debug information.
    pub(crate) fn check(&self, errors: &mut Errors) {
        let object = self.object.value();
        match Index::from_env(&object) {
            Ok(None) => {}
            Ok(Some(index)) => match index.named(&self.name.value()) {
                Ok(definitions) => {
                    let named = |name: &str| index.named(name).unwrap_or_default();
                    self.report(definitions, named, errors);
                }
                Err(error) => errors.add(self.name, error.to_string()),
            },
            Err(error) => errors.add(self.name, error.to_string()),
        }
    }

    /// Reports callers that keep the old code. `named` returns the definitions of a function.
    fn report(
        &self,
        definitions: Vec<Definition>,
        named: impl Fn(&str) -> Vec<Definition>,
        errors: &mut Errors,
    ) {
        let name = self.object.value();
        let mut callers = Vec::new();
        let mut addresses = vec![None; self.replaced.len()];
        let mut missing = false;
        // Unknown objects were reported when the function was looked up.
        let mut ignored = Errors::default();
        let in_object = |_: &_, object: &Object<'_>, _: &mut Errors| {
            let matches = object.function(&self.name.value()).matches;
            missing = matches.is_some_and(|all| !all.iter().any(|it| it.code));
            callers = remaining(self.meant(definitions.clone(), object), object);
            let replaced = self.replaced.iter();
            addresses = replaced.map(|other| other.address(object)).collect();
        };
        let result = kernel::look_up(&name, self.object, &mut ignored, in_object);
        if !matches!(result, Lookup::Found(())) {
            callers = definitions.into_iter().flat_map(|it| it.callers).collect();
        }
        // Reported before, with its callers.
        if missing {
            return;
        }
        for accepted in self.accepted {
            if !callers.iter().any(|caller| caller.name == accepted.value()) {
                let text = errors::not_inlined_into(&self.name.value(), &accepted.value());
                // Not an error: the function may be inlined there in another kernel that the patch is for.
                errors.warn(accepted, text);
            }
        }
        let is_replaced = |caller: &Caller| {
            let same = |(other, _): &(&Named<'_>, _)| other.name == caller.name;
            let mut others = self.replaced.iter().zip(&addresses).filter(same);
            others.any(|(other, address)| is_at(caller, *address, &named(other.name)))
        };
        let known = |caller: &Caller| {
            is_replaced(caller) || self.accepted.iter().any(|name| name.value() == caller.name)
        };
        callers.retain(|caller| !known(caller));
        if !callers.is_empty() {
            errors.add(self.name, errors::inlined(&self.name.value(), &callers));
        }
    }

    /// The definitions that may be the replaced function: of several, the one at its address.
    fn meant(&self, definitions: Vec<Definition>, object: &Object<'_>) -> Vec<Definition> {
        let this = Named {
            name: &self.name.value(),
            sympos: self.sympos,
        };
        let Some(address) = this.address(object) else {
            return definitions;
        };
        let is_meant = |it: &Definition| it.entries.contains(&address);
        match definitions.iter().any(is_meant) {
            true => definitions.into_iter().filter(is_meant).collect(),
            false => definitions,
        }
    }
}

/// Whether a caller can be the function of its name at this address: files may have functions of one
/// name. Unknown addresses count as matching.
fn is_at(caller: &Caller, address: Option<u64>, definitions: &[Definition]) -> bool {
    let Some(address) = address else { return true };
    let has_it = |it: &Definition| it.entries.contains(&address);
    let mut there = definitions.iter().filter(|it| has_it(it)).peekable();
    there.peek().is_none() || there.any(|it| it.file == caller.file)
}

/// The functions into which debug information says that the function was inlined; it need not exist by itself.
pub(super) fn callers(object: &str, name: &str) -> Vec<Caller> {
    let index = Index::from_env(object).ok().flatten();
    let definitions = index.and_then(|index| index.named(name).ok());
    let definitions = definitions.unwrap_or_default().into_iter();
    definitions.flat_map(|it| it.callers).collect()
}

/// The callers that can still run.
fn remaining(definitions: Vec<Definition>, object: &Object<'_>) -> Vec<Caller> {
    let mut callers: Vec<Caller> = definitions.into_iter().flat_map(|it| it.callers).collect();
    callers.retain(|caller| !is_init(object, &caller.name));
    callers
}

/// Whether the function is `__init`, so that it never runs again.
fn is_init(object: &Object<'_>, name: &str) -> bool {
    let matches = object.function(name).matches.unwrap_or_default();
    !matches.is_empty() && matches.iter().all(|found| found.init)
}

#[cfg(test)]
mod tests {
    use super::*;
    use klp_elf::inlined::Site;
    use proc_macro2::Span;

    fn caller(name: &str, line: u32) -> Caller {
        Caller {
            name: name.to_owned(),
            file: "fs/a.c".to_owned(),
            site: Site {
                file: "fs/a.c".to_owned(),
                line,
            },
            through: Vec::new(),
        }
    }

    fn reported(replaced: &[&'static str], accepted: &[&str]) -> Vec<String> {
        let text = |text: &str| LitStr::new(text, Span::call_site());
        let accepted: Vec<LitStr> = accepted.iter().map(|name| text(name)).collect();
        let named = |name: &&'static str| Named { name, sympos: 0 };
        let replaced: Vec<_> = replaced.iter().map(named).collect();
        let inlined = Inlined {
            object: &text("vmlinux"),
            name: &text("f"),
            sympos: 0,
            accepted: &accepted,
            replaced: &replaced,
        };
        let definition = Definition {
            file: "fs/a.c".to_owned(),
            line: 1,
            entries: vec![0x10],
            callers: vec![caller("g", 3), caller("h", 5), caller("h", 9)],
        };
        let mut errors = Errors::default();
        inlined.report(vec![definition], |_| Vec::new(), &mut errors);
        errors.texts()
    }

    #[test]
    fn callers_with_inlined_copies_are_reported() {
        let texts = reported(&["f"], &[]);
        assert_eq!(texts.len(), 1, "{texts:?}");
        assert!(
            texts[0].contains("inlined_into = [\"g\", \"h\"]"),
            "{texts:?}"
        );
        assert!(texts[0].contains("`h` (fs/a.c:9)"), "{texts:?}");
    }

    #[test]
    fn names_of_callers_are_escaped() {
        let mut odd = caller("a\x1b[2J\n::error::evil", 3);
        odd.through = vec!["b\r".to_owned()];
        odd.site.file = "c\n.c".to_owned();
        let texts = [
            errors::inlined("f", &[odd.clone()]),
            errors::only_inlined("vmlinux", "f", &[odd]),
        ];
        for text in texts {
            let escaped = r"`a\u{1b}[2J\n::error::evil` (c\n.c:3, through `b\r`)";
            assert!(text.contains(escaped), "{text}");
            assert!(!text.contains(['\x1b', '\r']), "{text}");
            assert!(!text.contains("\n::error"), "{text}");
        }
    }

    #[test]
    fn replaced_or_accepted_callers_are_no_error() {
        assert!(reported(&["f", "g", "h"], &[]).is_empty());
        assert!(reported(&["f", "g"], &["h"]).is_empty());
        assert!(reported(&["f"], &["g", "h"]).is_empty());
        let one = reported(&["f", "g"], &[]);
        assert!(one[0].contains("inlined_into = [\"h\"]"), "{one:?}");
    }

    #[test]
    fn callers_of_one_name_are_told_apart_by_file() {
        let at = |file: &str, address| Definition {
            file: file.to_owned(),
            entries: vec![address],
            ..Definition::default()
        };
        let definitions = [at("fs/a.c", 0x10), at("fs/b.c", 0x20)];
        let caller = caller("g", 3);
        assert!(is_at(&caller, Some(0x10), &definitions));
        assert!(!is_at(&caller, Some(0x20), &definitions));
        // Unknown addresses match.
        assert!(is_at(&caller, None, &definitions));
        assert!(is_at(&caller, Some(0x30), &definitions));
        assert!(is_at(&caller, Some(0x10), &[]));
    }

    #[test]
    fn an_accepted_copy_that_does_not_exist_is_no_error() {
        assert!(reported(&["f"], &["g", "h", "i"]).is_empty());
    }
}
