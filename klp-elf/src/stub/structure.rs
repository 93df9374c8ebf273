// SPDX-License-Identifier: GPL-2.0-only

//! Writes views of structures, with all members or with some.

use super::keys::{self, Origin};
use super::{Stub, find};
use crate::Error;
use crate::kernel::{Kernel, Object};
use crate::prototype::{Kind, Pointee, Type};
use crate::rust::View;
use crate::structure::{Member, NoMember, Structure};
use crate::text::Identifier;

/// The structure to write a view of, and its members.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The kernel itself, or a module.
    pub object: &'a str,
    /// The tag, or the name of a typedef.
    pub name: &'a str,
    /// A function that takes or returns it, to select one of several structures.
    pub of: Option<&'a str>,
    /// The members, as paths such as `inner.member`; if empty, all members.
    pub members: &'a [String],
}

impl Stub<'_> {
    /// The view of a structure, with those of the structures that it refers to.
    ///
    /// # Errors
    ///
    /// When the kernel has no such structure, or no such members in it.
    pub fn structure(kernel: &Kernel, wanted: &Wanted<'_>) -> Result<String, Error> {
        let object = find(kernel, wanted.object)?;
        let structure = one(&object, wanted)?;
        let mut stub = Stub::new(kernel);
        let name = stub.names.give(structure.name(), structure.identity());
        let members = members(&object, &structure, wanted)?;
        for tag in members.iter().filter_map(|(_, member)| tag(&member.ty)) {
            if tag != structure.name() && object.structures(tag).len() > 1 {
                stub.names.avoid(tag);
            }
        }
        let view = View::new(
            members.iter().map(|(path, member)| (path.clone(), member)),
            &mut stub.names,
        );
        let view = match wanted.members {
            [] => view.leaving_out(structure.left_out),
            _ => view,
        };
        let origin = Origin {
            object: wanted.object.into(),
            function: wanted.of.map(str::to_owned),
        };
        let keys = keys::keys(kernel, structure.name(), Some(&origin));
        let mut text = view.declaration(&keys, &name, false);
        stub.found(wanted.object, None);
        for (tag, other) in stub.names.given().filter(|(_, other)| *other != name) {
            let keys = keys::keys(kernel, tag, stub.origins.get(other));
            text += &format!("\n#[kernel_struct({keys})]\nstruct {other};\n");
        }
        Ok(text)
    }
}

/// The tag of the structure that a type is, points to, or has as element.
fn tag(ty: &Type) -> Option<&str> {
    match &ty.kind {
        Kind::Aggregate { names }
        | Kind::Pointer {
            to: Pointee::Named(names),
            ..
        } => names.last().map(Identifier::as_str),
        Kind::Pointer {
            to: Pointee::Other(to),
            ..
        } => tag(to),
        Kind::Array { element, .. } => tag(element),
        _ => None,
    }
}

/// The selected structure.
fn one(object: &Object<'_>, wanted: &Wanted<'_>) -> Result<Structure, Error> {
    let mut found = object.structures(wanted.name);
    if let Some(of) = wanted.of {
        let contents = object.taken_by(of).ok_or_else(|| Error::Untyped {
            function: of.into(),
            reason: "name another function that takes or returns the structure".to_owned(),
        })?;
        found.retain(|structure| contents.contains(&structure.content()));
    }
    let none = || Error::NoStructure {
        object: wanted.object.into(),
        name: wanted.name.into(),
    };
    if found.len() > 1 {
        return Err(Error::SeveralStructures {
            object: wanted.object.into(),
            name: wanted.name.into(),
            count: found.len(),
        });
    }
    found.pop().ok_or_else(none)
}

/// The selected members with their paths.
fn members(
    object: &Object<'_>,
    structure: &Structure,
    wanted: &Wanted<'_>,
) -> Result<Vec<(String, Member)>, Error> {
    let all: Vec<String> = match wanted.members {
        [] => structure
            .members
            .iter()
            .map(|member| member.name.to_string())
            .collect(),
        some => some.to_vec(),
    };
    let member = |path: String| match object.member(structure, &path) {
        Ok(member) => Ok((path, member)),
        Err(error) => Err(Error::NoMember {
            structure: structure.name().into(),
            path: path.as_str().into(),
            reason: match error {
                NoMember::Missing { name, structure } => match structure.name() {
                    "" => format!("that inner structure has no member `{name}`"),
                    of => format!("`{of}` has no member `{name}`"),
                },
                NoMember::NoStructure(member) => {
                    format!(
                        "`{}` is `{}`, which has no members of its own",
                        member.name, member.ty
                    )
                }
            },
        }),
    };
    all.into_iter().map(member).collect()
}
