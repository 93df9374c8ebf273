// SPDX-License-Identifier: GPL-2.0-only

//! Types and prototypes from BTF, the type information that a kernel carries.
//!
//! What a file says is not trusted: a type may refer to itself, or to so many others that reading
//! them all would never end. So each question has a budget of steps.

use crate::prototype::{Kind, Parameter, Pointee, Prototype, Type};
use crate::structure::{Bits, Member, Structure};
use btf_rs::{Btf, BtfSection, BtfType, Type as Raw};
use std::cell::Cell;
use std::collections::HashSet;

/// How many types one question may look at.
const STEPS: u32 = 100_000;

/// How deep types may be nested in each other.
const DEPTH: u32 = 64;

/// The size of a pointer.
const POINTER: u64 = 8;

/// The largest alignment of an integer.
const LARGEST: u64 = 16;

/// Why BTF cannot be read, or does not answer.
pub(crate) type Reason = String;

/// The types of vmlinux or of a module.
pub(crate) struct Types {
    btf: Btf,
}

impl Types {
    /// Reads vmlinux's BTF.
    pub(crate) fn parse(data: &[u8]) -> Result<Self, Reason> {
        check(data)?;
        let btf = Btf::from_bytes(data).map_err(|error| error.to_string())?;
        Ok(Self { btf })
    }

    /// Reads a module's BTF, which counts on from that of vmlinux.
    pub(crate) fn parse_split(data: &[u8], base: &Self) -> Result<Self, Reason> {
        check(data)?;
        let btf = Btf::from_split_bytes(data, &base.btf).map_err(|error| error.to_string())?;
        Ok(Self { btf })
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

/// Answers one question.
struct Reader<'a> {
    types: &'a Types,
    steps: Cell<u32>,
}

/// A type under its typedefs and qualifiers.
struct Peeled {
    raw: Raw,
    /// The typedefs, outermost first.
    typedefs: Vec<String>,
    /// Was there a `const`?
    constant: bool,
}

/// How C writes a type around a name.
#[derive(Default)]
struct Written {
    before: String,
    after: String,
}

/// The qualifiers of one type.
#[derive(Default)]
struct Qualifiers {
    /// `const` and its like.
    words: Vec<&'static str>,
    /// `__user` and its like, which stand behind the type's name.
    tags: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    fn new(types: &'a Types) -> Self {
        Self {
            types,
            steps: Cell::new(STEPS),
        }
    }

    fn raw(&self, id: u32) -> Result<Raw, Reason> {
        let left = self.steps.get().checked_sub(1);
        self.steps
            .set(left.ok_or("its types refer to too many others")?);
        let raw = self.types.btf.resolve_type_by_id(id);
        raw.map_err(|_| format!("it refers to type {id}, which it does not have"))
    }

    fn id(raw: &dyn BtfType) -> Result<u32, Reason> {
        raw.get_type_id()
            .ok_or_else(|| "a type refers to nothing".to_owned())
    }

    fn prototype(&self, name: &str, function: &dyn BtfType) -> Result<Prototype, Reason> {
        let Raw::FuncProto(raw) = self.raw(Self::id(function)?)? else {
            return Err(format!("its function `{name}` has no prototype"));
        };
        let variadic = raw.parameters.last().is_some_and(|last| last.is_variadic());
        let named = raw.parameters.len() - usize::from(variadic);
        let mut parameters = Vec::with_capacity(named);
        for parameter in &raw.parameters[..named] {
            parameters.push(Parameter {
                name: self.types.name(parameter),
                ty: self.ty(Self::id(parameter)?, 0)?,
            });
        }
        Ok(Prototype {
            name: name.to_owned(),
            parameters,
            result: self.ty(raw.return_type_id(), 0)?,
            variadic,
        })
    }

    fn ty(&self, id: u32, depth: u32) -> Result<Type, Reason> {
        let peeled = self.peel(id)?;
        let written = self.write(id, depth)?;
        let name_at = written.before.len();
        Ok(Type {
            c: written.whole(),
            name_at,
            base: self.base(&peeled.raw),
            size: self.size(&peeled.raw, depth)?,
            align: self.align(&peeled.raw, depth)?,
            kind: self.kind(peeled, depth)?,
        })
    }

    /// Takes off typedefs and qualifiers.
    fn peel(&self, id: u32) -> Result<Peeled, Reason> {
        let mut typedefs = Vec::new();
        let mut constant = false;
        let mut raw = self.raw(id)?;
        loop {
            let next = match &raw {
                Raw::Typedef(typedef) => {
                    typedefs.extend(self.types.name(typedef));
                    Self::id(typedef)?
                }
                Raw::Const(qualifier) => {
                    constant = true;
                    Self::id(qualifier)?
                }
                Raw::Volatile(qualifier) | Raw::Restrict(qualifier) => Self::id(qualifier)?,
                Raw::TypeTag(tag) => Self::id(tag)?,
                _ => break,
            };
            raw = self.raw(next)?;
        }
        Ok(Peeled {
            raw,
            typedefs,
            constant,
        })
    }

    fn kind(&self, peeled: Peeled, depth: u32) -> Result<Kind, Reason> {
        Ok(match &peeled.raw {
            Raw::Void => Kind::Void,
            Raw::Int(int) if int.is_bool() => Kind::Bool,
            Raw::Int(int) => Kind::Integer {
                signed: int.is_signed(),
            },
            Raw::Enum(list) => Kind::Enum {
                signed: list.is_signed(),
            },
            Raw::Enum64(list) => Kind::Enum {
                signed: list.is_signed(),
            },
            Raw::Ptr(pointer) => self.pointer(Self::id(pointer)?, depth)?,
            Raw::Array(array) => Kind::Array {
                element: Box::new(self.ty(Self::id(array)?, deeper(depth)?)?),
                length: array.len() as u64,
            },
            Raw::Struct(_) | Raw::Union(_) | Raw::Fwd(_) => Kind::Aggregate {
                names: self.names(peeled),
            },
            _ => Kind::Other,
        })
    }

    fn pointer(&self, id: u32, depth: u32) -> Result<Kind, Reason> {
        let peeled = self.peel(id)?;
        let constant = peeled.constant;
        let to = match &peeled.raw {
            Raw::Void => Pointee::Void,
            Raw::FuncProto(_) => Pointee::Function,
            Raw::Int(_) if self.base(&peeled.raw) == "char" => Pointee::Char,
            Raw::Struct(_) | Raw::Union(_) | Raw::Fwd(_) => Pointee::Named(self.names(peeled)),
            _ => Pointee::Other(Box::new(self.ty(id, deeper(depth)?)?)),
        };
        Ok(Kind::Pointer { to, constant })
    }

    /// The typedefs and the tag.
    fn names(&self, peeled: Peeled) -> Vec<String> {
        let tag = peeled
            .raw
            .as_btf_type()
            .and_then(|raw| self.types.name(raw));
        peeled.typedefs.into_iter().chain(tag).collect()
    }

    fn size(&self, raw: &Raw, depth: u32) -> Result<u64, Reason> {
        Ok(match raw {
            Raw::Int(int) => int.size() as u64,
            Raw::Enum(list) => list.size() as u64,
            Raw::Enum64(list) => list.size() as u64,
            Raw::Float(float) => float.size() as u64,
            Raw::Struct(aggregate) | Raw::Union(aggregate) => aggregate.size() as u64,
            Raw::Ptr(_) => POINTER,
            Raw::Array(array) => {
                let element = self.peel(Self::id(array)?)?;
                self.size(&element.raw, deeper(depth)?)?
                    .checked_mul(array.len() as u64)
                    .ok_or("it has an array larger than the memory")?
            }
            _ => 0,
        })
    }

    fn align(&self, raw: &Raw, depth: u32) -> Result<u64, Reason> {
        Ok(match raw {
            Raw::Struct(aggregate) | Raw::Union(aggregate) => self.align_of(aggregate, depth)?,
            Raw::Array(array) => {
                let element = self.peel(Self::id(array)?)?;
                self.align(&element.raw, deeper(depth)?)?
            }
            other => self.size(other, depth)?.clamp(1, LARGEST),
        })
    }

    /// The alignment that the members ask for, unless one is where it cannot be then: that
    /// structure is packed.
    fn align_of(&self, aggregate: &btf_rs::Struct, depth: u32) -> Result<u64, Reason> {
        let depth = deeper(depth)?;
        let mut align = 1;
        for member in &aggregate.members {
            let raw = self.peel(Self::id(member)?)?.raw;
            let own = self.align(&raw, depth)?;
            let is_bits = matches!(member.bitfield_size(), Some(1..));
            if !is_bits && u64::from(member.bit_offset()) % (own * 8) != 0 {
                return Ok(1);
            }
            align = align.max(own);
        }
        match aggregate.size() as u64 % align {
            0 => Ok(align),
            _ => Ok(1),
        }
    }

    /// The name of what is under all typedefs, as C writes it.
    fn base(&self, raw: &Raw) -> String {
        let Some(named) = raw.as_btf_type() else {
            return match raw {
                Raw::Void => "void".to_owned(),
                _ => String::new(),
            };
        };
        let name = self.types.name(named).unwrap_or_default();
        let keyword = match raw {
            Raw::Int(_) => return integer(&name).to_owned(),
            Raw::Struct(_) => "struct",
            Raw::Union(_) => "union",
            Raw::Fwd(forward) if forward.is_union() => "union",
            Raw::Fwd(_) => "struct",
            Raw::Enum(_) | Raw::Enum64(_) => "enum",
            _ => return name,
        };
        match name.as_str() {
            "" => format!("{keyword} {{...}}"),
            name => format!("{keyword} {name}"),
        }
    }

    /// How C writes a type around a name.
    fn write(&self, mut id: u32, depth: u32) -> Result<Written, Reason> {
        let mut written = Written::default();
        let mut qualifiers = Qualifiers::default();
        let mut depth = depth;
        loop {
            depth = deeper(depth)?;
            let raw = self.raw(id)?;
            id = match &raw {
                Raw::Ptr(next) => {
                    written.pointer(&qualifiers);
                    qualifiers = Qualifiers::default();
                    Self::id(next)?
                }
                Raw::Const(next) => qualifiers.add("const", Self::id(next)?),
                Raw::Volatile(next) => qualifiers.add("volatile", Self::id(next)?),
                Raw::Restrict(next) => qualifiers.add("restrict", Self::id(next)?),
                Raw::TypeTag(next) => {
                    qualifiers.tag(self.types.name(next).as_deref());
                    Self::id(next)?
                }
                Raw::Array(array) => {
                    written.behind(&format!("[{}]", array.len()));
                    Self::id(array)?
                }
                Raw::FuncProto(function) => {
                    written.behind(&self.write_parameters(function, depth)?);
                    function.return_type_id()
                }
                Raw::Typedef(typedef) => {
                    let name = self.types.name(typedef).unwrap_or_default();
                    written.finish(&qualifiers, &name);
                    return Ok(written);
                }
                other => {
                    written.finish(&qualifiers, &self.base(other));
                    return Ok(written);
                }
            };
        }
    }

    fn write_parameters(&self, function: &btf_rs::FuncProto, depth: u32) -> Result<String, Reason> {
        let mut parameters = Vec::new();
        for parameter in &function.parameters {
            parameters.push(if parameter.is_variadic() {
                "...".to_owned()
            } else {
                self.write(Self::id(parameter)?, depth)?.whole()
            });
        }
        if parameters.is_empty() {
            parameters.push("void".to_owned());
        }
        Ok(format!("({})", parameters.join(", ")))
    }

    /// The structure that `raw` is, or is another name for.
    fn structure(&self, raw: Raw) -> Result<Option<Structure>, Reason> {
        let mut typedefs = Vec::new();
        let raw = match raw {
            Raw::Typedef(typedef) => {
                typedefs.extend(self.types.name(&typedef));
                let peeled = self.peel(Self::id(&typedef)?)?;
                typedefs.extend(peeled.typedefs);
                peeled.raw
            }
            raw => raw,
        };
        let (Raw::Struct(aggregate) | Raw::Union(aggregate)) = &raw else {
            return Ok(None);
        };
        let mut members = Vec::new();
        self.members(aggregate, 0, 0, &mut members)?;
        Ok(Some(Structure {
            union: matches!(raw, Raw::Union(_)),
            size: aggregate.size() as u64,
            align: self.align_of(aggregate, 0)?,
            names: typedefs
                .into_iter()
                .chain(self.types.name(aggregate))
                .collect(),
            members,
        }))
    }

    /// Adds the members of `aggregate`, which begins at bit `start`.
    fn members(
        &self,
        aggregate: &btf_rs::Struct,
        start: u64,
        depth: u32,
        members: &mut Vec<Member>,
    ) -> Result<(), Reason> {
        for member in &aggregate.members {
            let bit = start + u64::from(member.bit_offset());
            let id = Self::id(member)?;
            match self.types.name(member) {
                Some(name) => members.push(self.member(name, bit, member, id)?),
                None => {
                    if let Raw::Struct(inner) | Raw::Union(inner) = self.peel(id)?.raw {
                        self.members(&inner, bit, deeper(depth)?, members)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn member(
        &self,
        name: String,
        bit: u64,
        raw: &btf_rs::Member,
        id: u32,
    ) -> Result<Member, Reason> {
        let ty = self.ty(id, 0)?;
        // CAST: less than 8, and at most 255.
        let first = (bit % 8) as u8;
        let bits = match raw.bitfield_size() {
            Some(count @ 1..) => Some(Bits {
                first,
                count: count as u8,
            }),
            _ => None,
        };
        let size = match bits {
            Some(bits) => (u64::from(bits.first) + u64::from(bits.count)).div_ceil(8),
            None => ty.size,
        };
        Ok(Member {
            name,
            offset: bit / 8,
            bits,
            size,
            ty,
        })
    }
}

impl Written {
    fn whole(self) -> String {
        self.before + &self.after
    }

    /// Makes it a pointer, itself with these qualifiers.
    fn pointer(&mut self, qualifiers: &Qualifiers) {
        let mut words: Vec<&str> = qualifiers.tags.clone();
        words.extend(&qualifiers.words);
        let mut text = words.join(" ");
        if !text.is_empty() && !self.before.is_empty() {
            text.push(' ');
        }
        self.before.insert_str(0, &text);
        self.before.insert(0, '*');
    }

    /// Adds an array's or a function's brackets.
    fn behind(&mut self, brackets: &str) {
        if self.before.starts_with('*') {
            self.before.insert(0, '(');
            self.after.push(')');
        }
        self.after.push_str(brackets);
    }

    /// Puts the name of the type before it.
    fn finish(&mut self, qualifiers: &Qualifiers, name: &str) {
        let mut words: Vec<&str> = qualifiers.words.clone();
        words.push(name);
        words.extend(&qualifiers.tags);
        let mut text = words.join(" ");
        if !self.before.is_empty() || !self.after.is_empty() {
            text.push(' ');
        }
        self.before.insert_str(0, &text);
    }
}

impl Qualifiers {
    /// Adds a word and passes on what the qualified type is.
    fn add(&mut self, word: &'static str, id: u32) -> u32 {
        if !self.words.contains(&word) {
            self.words.push(word);
        }
        id
    }

    fn tag(&mut self, name: Option<&str>) {
        match name {
            Some("user") => self.tags.push("__user"),
            Some("rcu") => self.tags.push("__rcu"),
            Some("percpu") => self.tags.push("__percpu"),
            _ => {}
        }
    }
}

/// One level deeper, unless that is too deep.
fn deeper(depth: u32) -> Result<u32, Reason> {
    if depth >= DEPTH {
        return Err("its types are nested too deep".to_owned());
    }
    Ok(depth + 1)
}

/// An integer's name as C programmers write it; compilers say `long int` for `long`.
fn integer(name: &str) -> &str {
    match name {
        "_Bool" => "bool",
        "short int" => "short",
        "short unsigned int" => "unsigned short",
        "long int" => "long",
        "long unsigned int" => "unsigned long",
        "long long int" => "long long",
        "long long unsigned int" => "unsigned long long",
        name => name,
    }
}
