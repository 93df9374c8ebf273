// SPDX-License-Identifier: GPL-2.0-only

//! C prototypes and the types in them.

use crate::text::Identifier;
use std::fmt;

/// What a function takes and gives.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Prototype {
    /// The function's name.
    pub name: Identifier,
    /// Its parameters, without the dots of a variadic one.
    pub parameters: Vec<Parameter>,
    /// Its result.
    pub result: Type,
    /// Does it end in `...`?
    pub variadic: bool,
    /// How many names in it are no C identifiers. They are left out: the type information comes
    /// from a file, and ends in code and messages.
    pub left_out: usize,
}

/// A parameter of a function.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parameter {
    /// Its name, if the prototype tells.
    pub name: Option<Identifier>,
    /// Its type.
    pub ty: Type,
}

/// A C type.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Type {
    /// As C writes it without a name, such as `struct seq_file *` or `int (*)(void *)`.
    pub c: String,
    /// Where in `c` a declaration has the name.
    pub name_at: usize,
    /// The C name under all typedefs and qualifiers: `unsigned long` for `size_t`. Empty where it
    /// has none, as pointers have none.
    pub base: String,
    /// Its size in bytes; 0 for what has none, such as `void` and functions.
    pub size: u64,
    /// Its alignment in bytes; less than C's where C was told more than the members need.
    pub align: u64,
    /// What it is.
    pub kind: Kind,
    /// Which structure it is, or points to.
    pub identity: Identity,
}

/// Which structure a type is, or points to. Files of a kernel may use one name for several.
///
/// It is no part of what a type says: all identities are equal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Identity {
    /// Where it stands, if it is a structure.
    pub(crate) place: Option<Place>,
    /// See [`Structure::content`](crate::Structure::content).
    pub(crate) content: Option<u64>,
}

/// Where type information has a type.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Place {
    /// Which type information: each that is read has another number.
    pub(crate) types: u32,
    /// The type's number.
    pub(crate) id: u32,
}

impl Identity {
    /// Whose content it is.
    pub(crate) fn of(structure: &crate::Structure) -> Self {
        Self {
            place: None,
            content: Some(structure.content()),
        }
    }

    /// The structure's [content](crate::Structure::content). `None` for other types, for structures
    /// that are only declared, and where nobody has looked.
    pub fn content(self) -> Option<u64> {
        self.content
    }
}

impl PartialEq for Identity {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Identity {}

/// What a type is, under all typedefs and qualifiers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Kind {
    /// `void`.
    Void,
    /// `bool`.
    Bool,
    /// An integer, `char` included.
    Integer {
        /// Can it be negative?
        signed: bool,
    },
    /// An enumeration.
    Enum {
        /// Can it be negative?
        signed: bool,
    },
    /// A pointer.
    Pointer {
        /// To what.
        to: Pointee,
        /// Is what it points to `const`?
        constant: bool,
    },
    /// An array.
    Array {
        /// The type of each element.
        element: Box<Type>,
        /// How many there are; 0 for a flexible array.
        length: u64,
    },
    /// A structure or union.
    Aggregate {
        /// Its tag and the typedefs on the way, outermost first; empty for one without a name.
        names: Vec<Identifier>,
    },
    /// A floating-point number, or what no function can take or give.
    Other,
}

/// What a pointer points to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Pointee {
    /// `void`.
    Void,
    /// A function.
    Function,
    /// A structure or union: its tag and the typedefs on the way, outermost first. Empty for one
    /// without a name.
    Named(Vec<Identifier>),
    /// `char`.
    Char,
    /// Anything else.
    Other(Box<Type>),
}

impl Type {
    /// The declaration of `name` with this type, such as `int (*name)(void *)`.
    pub fn declare(&self, name: &str) -> String {
        let (before, after) = self
            .c
            .split_at_checked(self.name_at)
            .unwrap_or((&self.c, ""));
        let space = match before.chars().next_back() {
            Some('*' | '(' | ' ') | None => "",
            Some(_) => " ",
        };
        format!("{before}{space}{name}{after}")
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.c)
    }
}

/// Shows the prototype on one line, as C writes it.
impl fmt::Display for Prototype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parameters: Vec<String> = self
            .parameters
            .iter()
            .map(|parameter| match &parameter.name {
                Some(name) => parameter.ty.declare(name),
                None => parameter.ty.c.clone(),
            })
            .collect();
        if self.variadic {
            parameters.push("...".to_owned());
        }
        if parameters.is_empty() {
            parameters.push("void".to_owned());
        }
        let call = format!("{}({})", self.name, parameters.join(", "));
        f.write_str(&self.result.declare(&call))
    }
}
