// SPDX-License-Identifier: GPL-2.0-only

//! Writes views of C structures.

use crate::prototype::{Kind, Type};
use crate::rust::names::{Names, identifier, snake, unique};
use crate::rust::{embedded, embedded_anywhere, list};
use crate::structure::{Member, Structure};
use crate::text::Identifier;
use std::fmt::Write as _;

/// The members of a view.
pub(crate) struct View {
    members: Vec<Declared>,
    /// The number of C names that are left out.
    left_out: usize,
}

/// A member of a view, or the reason why it cannot be declared.
enum Declared {
    Member {
        path: String,
        name: String,
        ty: String,
        /// Whether one store can write it.
        single: bool,
        /// The type of the lock that a member of a union can be.
        lock: Option<&'static str>,
    },
    /// C's declaration, and what to write instead.
    Comment(String),
}

impl View {
    /// The view of a structure with all its members.
    pub(crate) fn whole(structure: &Structure, names: &mut Names) -> Self {
        let members = structure.members.iter();
        let members = members.map(|member| (member.name.to_string(), member));
        Self::new(members, names).leaving_out(structure.left_out)
    }

    /// Sets the number of C names that are left out.
    pub(crate) fn leaving_out(self, left_out: usize) -> Self {
        Self { left_out, ..self }
    }

    /// The view of these members, by the paths that lead to them.
    pub(crate) fn new<'a>(
        members: impl Iterator<Item = (String, &'a Member)>,
        names: &mut Names,
    ) -> Self {
        let mut members: Vec<_> = members
            .map(|(path, member)| Declared::of(path, member, names))
            .collect();
        let own = members.iter().filter_map(Declared::name).cloned();
        let mut names = unique(own.collect::<Vec<_>>().into_iter()).into_iter();
        for member in &mut members {
            if let Declared::Member { name, .. } = member {
                *name = names.next().unwrap_or_default();
            }
        }
        Self {
            members,
            left_out: 0,
        }
    }

    /// The declaration of a view, with `keys` as the attribute's arguments. Members are writable if it is
    /// `written`.
    pub(crate) fn declaration(&self, keys: &str, name: &str, written: bool) -> String {
        let note = left_out(self.left_out);
        let mut text = format!("{note}#[kernel_struct({keys})]\n");
        if self.members.is_empty() {
            let _ = writeln!(text, "struct {name};");
            return text;
        }
        let _ = writeln!(text, "struct {name} {{");
        for member in &self.members {
            let _ = match member {
                Declared::Comment(comment) => writeln!(text, "    // {comment}"),
                Declared::Member {
                    path,
                    name,
                    ty,
                    single,
                    lock,
                } => {
                    if let Some(lock) = lock {
                        let _ = writeln!(
                            text,
                            "    // In a union: while C uses it as a lock, write `#[active(unsafe)]` and `{lock}`."
                        );
                    }
                    if name.trim_start_matches("r#") != path {
                        let _ = writeln!(text, "    #[path(\"{path}\")]");
                    }
                    if written && *single {
                        text.push_str("    #[write]\n");
                    }
                    writeln!(text, "    {name}: {ty},")
                }
            };
        }
        text + "}\n"
    }
}

impl Declared {
    fn of(path: String, member: &Member, names: &mut Names) -> Self {
        let ty = match member.bits {
            Some(bits) => bit_field(member, bits.count),
            None => ty(&member.ty, member.shared, names),
        };
        match (identifier(&snake_or_plain(&member.name)), ty) {
            (Some(name), Ok(ty)) => Self::Member {
                path,
                name,
                ty,
                single: is_single(member),
                lock: lock_in_union(member),
            },
            (_, Err(why)) => Self::Comment(format!("{}: {why}", declaration(member))),
            (None, _) => Self::Comment(format!("{}: no name in Rust", declaration(member))),
        }
    }

    fn name(&self) -> Option<&String> {
        match self {
            Self::Member { name, .. } => Some(name),
            Self::Comment(_) => None,
        }
    }
}

/// The name of a member: C's, by which it is looked up, unless Rust would warn about it.
fn snake_or_plain(name: &str) -> String {
    match snake(name) {
        same if same == name => same,
        // Rust does not warn about consecutive underscores.
        _ if !name.contains(|c: char| c.is_ascii_uppercase()) => name.to_owned(),
        other => other,
    }
}

/// The type of a lock that shares its bytes with other members.
fn lock_in_union(member: &Member) -> Option<&'static str> {
    match &member.ty.kind {
        Kind::Aggregate { names } if member.shared && embedded_anywhere(names).is_none() => {
            embedded(names)
        }
        _ => None,
    }
}

/// Whether one store can write it, and nothing else.
fn is_single(member: &Member) -> bool {
    match member.ty.kind {
        Kind::Aggregate { .. } | Kind::Array { .. } => false,
        _ => member.bits.is_none() || member.size.is_power_of_two(),
    }
}

/// The type of a member, or the reason why it has none.
fn ty(ty: &Type, shared: bool, names: &mut Names) -> Result<String, String> {
    const NO_TYPE: &str = "no Rust type stands for that";
    match &ty.kind {
        Kind::Array { length: 0, element } => Err(match self::ty(element, shared, names) {
            Ok(element) => format!("`[{element}]` with `#[counted_by(its_length, unsafe)]`"),
            Err(why) => why,
        }),
        Kind::Array { element, length } => {
            Ok(format!("[{}; {length}]", self::ty(element, shared, names)?))
        }
        Kind::Aggregate { .. } if ty.size == 0 => Err("it has no size".to_owned()),
        Kind::Aggregate { names: c } => structure(ty, c, shared, names),
        Kind::Integer { .. } if ty.size > 8 => Err(NO_TYPE.to_owned()),
        _ => names.value(ty).ok_or_else(|| NO_TYPE.to_owned()),
    }
}

/// The type of an embedded structure.
fn structure(
    ty: &Type,
    c: &[Identifier],
    shared: bool,
    names: &mut Names,
) -> Result<String, String> {
    if let Some(own) = own(c, shared) {
        return Ok(own.to_owned());
    }
    if let Some(list) = list(c) {
        return Err(format!(
            "`klp::list::{list}<Entry>` with `#[list(its_node, unsafe)]`"
        ));
    }
    match c.last() {
        Some(tag) if names.is_vague(tag) => {
            Err("a view of it needs `of = \"a_function\"`".to_owned())
        }
        Some(tag) => Ok(names.give(tag, ty.identity)),
        None => Err("its members, by `#[path(\"outer.inner\")]`".to_owned()),
    }
}

/// klp's own type for an embedded structure.
fn own(names: &[Identifier], shared: bool) -> Option<&'static str> {
    match shared {
        true => embedded_anywhere(names),
        false => embedded(names),
    }
}

/// The type of a bit-field.
fn bit_field(member: &Member, count: u8) -> Result<String, String> {
    let signed = match member.ty.kind {
        _ if count == 1 => return Ok("bool".to_owned()),
        Kind::Integer { signed } | Kind::Enum { signed } => signed,
        _ => return Err("no Rust type stands for that".to_owned()),
    };
    let letter = if signed { 'i' } else { 'u' };
    let size = u64::from(count).next_power_of_two().max(8);
    Ok(format!("{letter}{size}"))
}

/// A comment with the number of omitted names; empty if there are none.
pub(crate) fn left_out(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => "// Note: one name here is no C identifier, and is left out.\n".to_owned(),
        _ => format!("// Note: {count} names here are no C identifiers, and are left out.\n"),
    }
}

/// A member as C declares it.
fn declaration(member: &Member) -> String {
    let declared = member.ty.declare(&member.name);
    match member.bits {
        Some(bits) => format!("{declared} : {}", bits.count),
        None => declared,
    }
}

/// A harmless result of a type that is not a structure.
pub(crate) fn zero(ty: &Type) -> Option<String> {
    Some(match &ty.kind {
        Kind::Bool => "false".to_owned(),
        Kind::Integer { .. } | Kind::Enum { .. } => "0".to_owned(),
        Kind::Pointer { .. } => "Returned::null()".to_owned(),
        Kind::Array { element, length } => format!("[{}; {length}]", zero(element)?),
        Kind::Void | Kind::Aggregate { .. } | Kind::Other => return None,
    })
}
