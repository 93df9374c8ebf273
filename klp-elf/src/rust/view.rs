// SPDX-License-Identifier: GPL-2.0-only

//! A C structure as a Rust one of the same layout.

use crate::prototype::{Kind, Type};
use crate::rust::names::{Names, identifier, snake, unique};
use crate::structure::{Member, Structure};
use std::fmt::Write as _;

/// A Rust structure of the layout of a C one.
pub(crate) struct View {
    fields: Vec<Field>,
    /// How many of C's names are left out.
    left_out: usize,
}

struct Field {
    name: String,
    ty: String,
    /// A value of that type.
    zero: String,
    /// What C says, where the type does not.
    comment: Vec<String>,
}

/// Members that share bytes, or one alone.
struct Run<'a> {
    start: u64,
    end: u64,
    members: Vec<&'a Member>,
    /// Are all of them bit-fields?
    bits: bool,
}

impl View {
    /// The view of a structure, with every member that can be said in Rust.
    pub(crate) fn new(structure: &Structure, names: &mut Names) -> Self {
        let mut fields = Vec::new();
        let mut end = 0;
        for run in runs(structure) {
            if run.start > end {
                // Rust leaves this gap too where the next field needs it; saying so harms nobody.
                fields.push(Field::bytes(
                    format!("_pad_{end}"),
                    end,
                    run.start,
                    1,
                    Vec::new(),
                ));
            }
            fields.push(Field::of(&run, structure.align, names));
            end = run.end;
        }
        if structure.size > end {
            let name = format!("_pad_{end}");
            fields.push(Field::bytes(name, end, structure.size, 1, Vec::new()));
        }
        let unique = unique(fields.iter().map(|field| field.name.clone()));
        for (field, name) in fields.iter_mut().zip(unique) {
            field.name = name;
        }
        Self {
            fields,
            left_out: structure.left_out,
        }
    }

    /// The declaration of a view.
    pub(crate) fn declaration(&self, tag: &str, name: &str) -> String {
        let note = left_out(self.left_out);
        let mut text = format!("{note}#[kernel_struct(\"{tag}\")]\n#[repr(C)]\n");
        // Members keep C's names, by which they are checked.
        if self
            .fields
            .iter()
            .any(|field| snake(&field.name) != field.name)
        {
            text.push_str("#[allow(non_snake_case)]\n");
        }
        let _ = writeln!(text, "struct {name} {{");
        for field in &self.fields {
            for line in &field.comment {
                let _ = writeln!(text, "    // {line}");
            }
            let _ = writeln!(text, "    {}: {},", field.name, field.ty);
        }
        text + "}\n"
    }

    /// A value of all zeroes.
    pub(crate) fn zero(&self, name: &str) -> String {
        let fields = self.fields.iter();
        let fields = fields.map(|field| format!("{}: {}", field.name, field.zero));
        format!("{name} {{ {} }}", fields.collect::<Vec<_>>().join(", "))
    }
}

impl Field {
    fn of(run: &Run<'_>, most: u64, names: &mut Names) -> Self {
        let whole = run.members.iter().find(|member| {
            member.bits.is_none()
                && member.offset == run.start
                && member.size == run.end - run.start
        });
        let said = whole.and_then(|member| {
            let align = member.ty.align.max(1);
            if align > most || member.offset % align != 0 || is_opaque(&member.ty) {
                return None;
            }
            Some((
                identifier(&member.name)?,
                names.value(&member.ty)?,
                zero(&member.ty)?,
            ))
        });
        let declared = run.members.iter().map(|member| declaration(member));
        if let Some((name, ty, zero)) = said {
            return Self {
                name,
                ty,
                zero,
                comment: declared.skip_while(|_| run.members.len() == 1).collect(),
            };
        }
        let align = run.members.iter().map(|member| member.ty.align);
        let align = align.max().unwrap_or(1).min(most);
        let name = match whole {
            Some(member) => identifier(&member.name),
            None => None,
        };
        let name = name.unwrap_or_else(|| format!("_at_{}", run.start));
        Self::bytes(name, run.start, run.end, align, declared.collect())
    }

    /// A field for the bytes from `start` to `end`, in units of at most `align` bytes.
    fn bytes(name: String, start: u64, end: u64, align: u64, comment: Vec<String>) -> Self {
        let size = end - start;
        let fits = |unit: &u64| *unit <= align && start % unit == 0 && size % unit == 0;
        let unit = [8, 4, 2].into_iter().find(fits).unwrap_or(1);
        let (ty, zero) = match size / unit {
            1 => (format!("u{}", unit * 8), "0".to_owned()),
            count => (format!("[u{}; {count}]", unit * 8), format!("[0; {count}]")),
        };
        Self {
            name,
            ty,
            zero,
            comment,
        }
    }
}

/// The members by offset, those that share bytes together. Neighbouring bit-fields are one run.
fn runs(structure: &Structure) -> Vec<Run<'_>> {
    let mut members: Vec<&Member> = structure.members.iter().collect();
    members.retain(|member| member.offset.saturating_add(member.size) <= structure.size);
    members.sort_by_key(|member| (member.offset, member.size));
    let mut runs: Vec<Run<'_>> = Vec::new();
    for member in members {
        let end = member.offset + member.size;
        match runs.last_mut() {
            Some(run) if shares(run, member) => {
                run.end = run.end.max(end);
                run.bits &= member.bits.is_some();
                run.members.push(member);
            }
            _ => runs.push(Run {
                start: member.offset,
                end,
                members: vec![member],
                bits: member.bits.is_some(),
            }),
        }
    }
    runs
}

fn shares(run: &Run<'_>, member: &Member) -> bool {
    let neighbours = run.end == member.offset && member.bits.is_some() && run.bits;
    member.offset < run.end || neighbours
}

/// A comment that says that names are left out; nothing when none are.
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

/// Is a type only bytes in a view? Structures are: their own views would need views, and so on.
fn is_opaque(ty: &Type) -> bool {
    match &ty.kind {
        Kind::Aggregate { .. } | Kind::Other | Kind::Void => true,
        Kind::Array { element, .. } => is_opaque(element),
        Kind::Integer { .. } => ty.size > 8,
        _ => false,
    }
}

/// A harmless value of a type that is not opaque.
pub(crate) fn zero(ty: &Type) -> Option<String> {
    Some(match &ty.kind {
        Kind::Bool => "false".to_owned(),
        Kind::Integer { .. } | Kind::Enum { .. } => "0".to_owned(),
        Kind::Pointer { to, constant } => null(to, *constant),
        Kind::Array { element, length } => format!("[{}; {length}]", zero(element)?),
        Kind::Void | Kind::Aggregate { .. } | Kind::Other => return None,
    })
}

fn null(to: &crate::Pointee, constant: bool) -> String {
    match constant || matches!(to, crate::Pointee::Function) {
        true => "core::ptr::null()".to_owned(),
        false => "core::ptr::null_mut()".to_owned(),
    }
}
