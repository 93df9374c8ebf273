// SPDX-License-Identifier: GPL-2.0-only

//! Types and prototypes from BTF, the kernel's type information.

mod btf;
mod members;
mod reader;
mod spelling;

pub(crate) use btf::{Btf, Reason};

use crate::limits::SAME_TYPE_MAX;
use crate::prototype::{Prototype, Type};
use crate::structure::Structure;
use crate::text::Identifier;
use btf::Raw;
use reader::Reader;
use std::collections::{BTreeSet, HashSet};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The types of vmlinux or of a module.
pub(crate) struct Types {
    btf: Rc<Btf>,
    /// An identifier among all BTF that was read.
    number: u32,
}

impl Types {
    /// Reads vmlinux's BTF.
    pub(crate) fn parse(data: Vec<u8>) -> Result<Self, Reason> {
        Ok(Self::new(Btf::parse(data, None)?))
    }

    /// Reads a module's BTF, whose IDs continue those of vmlinux.
    pub(crate) fn parse_split(data: Vec<u8>, base: &Self) -> Result<Self, Reason> {
        let base = Rc::clone(&base.btf);
        Ok(Self::new(Btf::parse(data, Some(base))?))
    }

    fn new(btf: Btf) -> Self {
        static READ: AtomicU32 = AtomicU32::new(0);
        Self {
            btf: Rc::new(btf),
            number: READ.fetch_add(1, Ordering::Relaxed),
        }
    }

    fn reader(&self) -> Reader<'_> {
        Reader::new(&self.btf, self.number)
    }

    /// The names of this object's functions, in BTF's order, each once.
    pub(crate) fn functions(&self) -> impl Iterator<Item = Identifier> {
        let mut seen = HashSet::new();
        self.btf
            .own()
            .filter_map(move |id| match self.btf.get(id)? {
                Raw::Function { name, .. } => {
                    let bytes = self.btf.name(name);
                    let name = Identifier::new(bytes)?;
                    seen.insert(bytes).then_some(name)
                }
                _ => None,
            })
    }

    /// The tags of this object's structures and unions, in order, each once.
    pub(crate) fn tags(&self) -> BTreeSet<Identifier> {
        let tag = |id| match self.btf.get(id)? {
            Raw::Struct(aggregate) | Raw::Union(aggregate) => {
                Identifier::new(self.btf.name(aggregate.name))
            }
            _ => None,
        };
        self.btf.own().filter_map(tag).collect()
    }

    /// The prototype of this object's function of that name.
    pub(crate) fn prototype(&self, name: &str) -> Result<Prototype, Reason> {
        let mut found: Option<Prototype> = None;
        let reader = self.reader();
        for id in self.btf.named(name) {
            let Some(Raw::Function { name: at, ty }) = self.btf.get(id) else {
                continue;
            };
            let Some(own) = Identifier::new(self.btf.name(at)) else {
                continue;
            };
            let prototype = reader.prototype(own, ty)?;
            match &found {
                Some(other) if !same(other, &prototype) => {
                    return Err(format!(
                        "the kernel has several functions `{}` of different types",
                        prototype.name
                    ));
                }
                _ => found = Some(prototype),
            }
        }
        found.ok_or_else(|| {
            format!(
                "the type information has no function `{}`; \
                 it leaves out those that the compiler changed, and static ones that differ",
                crate::text::Name::from(name)
            )
        })
    }

    /// This object's structures and unions of that tag, or of a typedef of that name.
    ///
    /// Different files of a kernel may use one tag for different structures. Their order is the same
    /// in each build of the kernel; that in BTF is not, as `pahole` reads files in parallel.
    pub(crate) fn structures(&self, name: &str) -> Vec<Structure> {
        let all: Vec<Raw<'_>> = self
            .btf
            .named(name)
            .filter_map(|id| self.btf.get(id))
            .collect();
        let is_tag = |raw: &&Raw<'_>| matches!(raw, Raw::Struct(_) | Raw::Union(_));
        let is_typedef = |raw: &&Raw<'_>| matches!(raw, Raw::Typedef { .. });
        let mut found: Vec<&Raw<'_>> = all.iter().filter(is_tag).collect();
        if found.is_empty() {
            found = all.iter().filter(is_typedef).collect();
        }
        let reader = self.reader();
        let mut structures = Vec::new();
        for raw in found.into_iter().take(SAME_TYPE_MAX) {
            if let Ok(Some(structure)) = reader.structure(*raw) {
                if !structures.contains(&structure) {
                    structures.push(structure);
                }
            }
        }
        structures.sort_by_cached_key(|structure| (structure.size, structure.content()));
        structures
    }

    /// Whether there is a structure or union of that tag or typedef, even if only declared.
    pub(crate) fn declares(&self, name: &str) -> bool {
        let is_one = |btf: &Btf| {
            btf.named(name).any(|id| {
                matches!(
                    btf.get(id),
                    Some(
                        Raw::Struct(_) | Raw::Union(_) | Raw::Forward { .. } | Raw::Typedef { .. }
                    )
                )
            })
        };
        is_one(&self.btf) || self.btf.base().is_some_and(is_one)
    }
}

/// Whether two prototypes are equal apart from the parameters' names.
fn same(a: &Prototype, b: &Prototype) -> bool {
    fn types(prototype: &Prototype) -> impl Iterator<Item = &Type> {
        prototype.parameters.iter().map(|parameter| &parameter.ty)
    }
    a.variadic == b.variadic && a.result == b.result && types(a).eq(types(b))
}
