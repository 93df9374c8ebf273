// SPDX-License-Identifier: GPL-2.0-only

//! Types and prototypes from BTF, the type information that a kernel carries.

mod members;
mod reader;
mod spelling;

use crate::prototype::{Prototype, Type};
use crate::structure::Structure;
use btf_rs::{Btf, BtfSection, BtfType, Type as Raw};
use reader::Reader;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};

/// Why BTF cannot be read, or does not answer.
pub(crate) type Reason = String;

/// The types of vmlinux or of a module.
pub(crate) struct Types {
    btf: Btf,
    /// Tells it from all others that were read.
    number: u32,
}

impl Types {
    /// Reads vmlinux's BTF.
    pub(crate) fn parse(data: &[u8]) -> Result<Self, Reason> {
        check(data)?;
        let btf = Btf::from_bytes(data).map_err(|error| error.to_string())?;
        Ok(Self::new(btf))
    }

    /// Reads a module's BTF, which counts on from that of vmlinux.
    pub(crate) fn parse_split(data: &[u8], base: &Self) -> Result<Self, Reason> {
        check(data)?;
        let btf = Btf::from_split_bytes(data, &base.btf).map_err(|error| error.to_string())?;
        Ok(Self::new(btf))
    }

    fn new(btf: Btf) -> Self {
        static READ: AtomicU32 = AtomicU32::new(0);
        Self {
            btf,
            number: READ.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// The part that is this object's own.
    fn own(&self) -> &BtfSection {
        self.btf.split().unwrap_or_else(|| self.btf.base())
    }

    /// The names of this object's functions, in BTF's order, each once.
    pub(crate) fn functions(&self) -> Vec<String> {
        let (first, last) = self.own().type_id_range();
        let mut seen = HashSet::new();
        (first..=last)
            .filter_map(|id| match self.own().resolve_type_by_id(id) {
                Ok(Raw::Func(function)) => self.name(&function),
                _ => None,
            })
            .filter(|name| seen.insert(name.clone()))
            .collect()
    }

    /// The prototype of this object's function of that name.
    pub(crate) fn prototype(&self, name: &str) -> Result<Prototype, Reason> {
        let mut found: Option<Prototype> = None;
        for id in self.ids(self.own(), name) {
            let Ok(Raw::Func(function)) = self.btf.resolve_type_by_id(id) else {
                continue;
            };
            let prototype = Reader::new(self).prototype(name, &function)?;
            match &found {
                Some(other) if !same(other, &prototype) => {
                    return Err(format!(
                        "the kernel has several functions `{name}` of different types"
                    ));
                }
                _ => found = Some(prototype),
            }
        }
        found.ok_or_else(|| {
            format!(
                "the type information has no function `{name}`; \
                 it leaves out those that the compiler changed, and static ones that differ"
            )
        })
    }

    /// This object's own structures and unions of that tag, or of a typedef of that name.
    ///
    /// Different files of a kernel may use one tag for different things.
    pub(crate) fn structures(&self, name: &str) -> Vec<Structure> {
        let ids = self.ids(self.own(), name);
        let raws = |id: &u32| self.btf.resolve_type_by_id(*id).ok();
        let is_tag = |raw: &Raw| matches!(raw, Raw::Struct(_) | Raw::Union(_));
        let mut found: Vec<Raw> = ids.iter().filter_map(raws).filter(is_tag).collect();
        if found.is_empty() {
            found = ids.iter().filter_map(raws).collect();
            found.retain(|raw| matches!(raw, Raw::Typedef(_)));
        }
        let mut structures = Vec::new();
        for raw in found {
            if let Ok(Some(structure)) = Reader::new(self).structure(raw) {
                if !structures.contains(&structure) {
                    structures.push(structure);
                }
            }
        }
        structures
    }

    /// Is there a structure or union of that tag or typedef, be it only declared?
    pub(crate) fn declares(&self, name: &str) -> bool {
        let ids = self.ids_everywhere(name);
        ids.iter().any(|id| {
            let raw = self.btf.resolve_type_by_id(*id);
            matches!(
                raw,
                Ok(Raw::Struct(_) | Raw::Union(_) | Raw::Fwd(_) | Raw::Typedef(_))
            )
        })
    }

    /// All types of a name, this object's own first.
    fn ids_everywhere(&self, name: &str) -> Vec<u32> {
        let mut ids = self.ids(self.own(), name);
        if self.btf.split().is_some() {
            ids.extend(self.ids(self.btf.base(), name));
        }
        ids
    }

    fn ids(&self, section: &BtfSection, name: &str) -> Vec<u32> {
        if name.is_empty() {
            return Vec::new();
        }
        section.resolve_ids_by_name(name).unwrap_or_default()
    }

    /// The name of a type, if it has one.
    fn name(&self, raw: &dyn BtfType) -> Option<String> {
        let name = self.btf.resolve_name(raw).ok()?;
        (!name.is_empty()).then_some(name)
    }
}

/// Do two prototypes say the same, apart from the parameters' names?
fn same(a: &Prototype, b: &Prototype) -> bool {
    let types = |prototype: &Prototype| -> Vec<Type> {
        let parameters = prototype.parameters.iter();
        parameters.map(|parameter| parameter.ty.clone()).collect()
    };
    a.variadic == b.variadic && a.result == b.result && types(a) == types(b)
}

/// Checks that the parts that a BTF header announces are there.
fn check(data: &[u8]) -> Result<(), Reason> {
    const MAGIC: u16 = 0xeb9f;
    const HEADER: usize = 24;
    let cut = || "it is cut off".to_owned();
    let header = data.get(..HEADER).ok_or_else(cut)?;
    if header[..2] != MAGIC.to_le_bytes() {
        return Err("it does not begin as BTF of a little-endian machine does".to_owned());
    }
    let field = |at: usize| {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&header[at..at + 4]);
        u32::from_le_bytes(bytes) as usize
    };
    let part = |offset: usize, length: usize| {
        let start = field(4).checked_add(field(offset))?;
        data.get(start..start.checked_add(field(length))?)
    };
    let strings = part(16, 20).ok_or_else(cut)?;
    part(8, 12).ok_or_else(cut)?;
    if strings.last().is_some_and(|&byte| byte != 0) {
        return Err("its strings do not end".to_owned());
    }
    Ok(())
}
