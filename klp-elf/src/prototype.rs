// SPDX-License-Identifier: GPL-2.0-only

//! C prototypes and the types in them.

use crate::text::Identifier;
use std::fmt;

/// The arguments and result of a function.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Prototype {
    /// The function's name.
    pub name: Identifier,
    /// Its parameters, without the dots of a variadic one.
    pub parameters: Vec<Parameter>,
    /// Its result.
    pub result: Type,
    /// Whether it ends in `...`.
    pub variadic: bool,
    /// The number of names that are not C identifiers. They are omitted, because names of the untrusted type
    /// information are written into code and messages.
    pub left_out: usize,
}

/// A parameter of a function.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parameter {
    /// Its name, if the prototype has it.
    pub name: Option<Identifier>,
    /// Its type.
    pub ty: Type,
}

/// A C type.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Type {
    /// Its C spelling without a name, such as `struct seq_file *` or `int (*)(void *)`.
    pub c: String,
    /// The offset in `c` at which a declaration has the name.
    pub name_at: usize,
    /// The C name without typedefs and qualifiers: `unsigned long` for `size_t`. Empty if it has none,
    /// such as a pointer.
    pub base: String,
    /// Its size in bytes; 0 for types without one, such as `void` and functions.
    pub size: u64,
    /// Its alignment in bytes; lower than C's if the C type has an alignment attribute.
    pub align: u64,
    /// Its kind.
    pub kind: Kind,
    /// Which structure it is, or points to.
    pub identity: Identity,
}

/// The structure of a type, or of its pointer's target. Files of a kernel may use one name for several.
///
/// It is not part of the type: all identities compare equal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Identity {
    /// Its position, if it is a structure.
    pub(crate) place: Option<Place>,
    /// See [`Structure::content`](crate::Structure::content).
    pub(crate) content: Option<u64>,
}

/// The position of a type in type information.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Place {
    /// The number of the type information, unique in this process.
    pub(crate) types: u32,
    /// The type's number.
    pub(crate) id: u32,
}

impl Identity {
    /// The structure's [content](crate::Structure::content). `None` for other types, for structures
    /// that are only declared, and if it was not computed.
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

/// The kind of a type, without typedefs and qualifiers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Kind {
    /// `void`.
    Void,
    /// `bool`.
    Bool,
    /// An integer, `char` included.
    Integer {
        /// Whether it can be negative.
        signed: bool,
    },
    /// An enumeration.
    Enum {
        /// Whether it can be negative.
        signed: bool,
    },
    /// A pointer.
    Pointer {
        /// The target.
        to: Pointee,
        /// Whether the target is `const`.
        constant: bool,
    },
    /// An array.
    Array {
        /// The type of each element.
        element: Box<Type>,
        /// The number of elements; 0 for a flexible array.
        length: u64,
    },
    /// A structure or union.
    Aggregate {
        /// Its tag and the typedefs on the way, outermost first; empty for one without a name.
        names: Vec<Identifier>,
    },
    /// A floating-point number, or a type that no function can take or return.
    Other,
}

/// The target of a pointer.
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

/// Prints the prototype on one line, in C.
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
