// SPDX-License-Identifier: GPL-2.0-only

//! Spells types in C.

use super::Reason;
use super::btf::{Raw, Signature};
use super::reader::{Reader, deeper};

/// Replaces a name that is not valid in code.
const UNNAMED: &str = "...";

/// The C spelling of a type, before and after a declared name.
#[derive(Default)]
pub(super) struct Written {
    pub(super) before: String,
    after: String,
}

/// The qualifiers of one type.
#[derive(Default)]
struct Qualifiers {
    /// `const` and the like.
    words: Vec<&'static str>,
    /// `__user` and the like, which follow the type's name.
    tags: Vec<&'static str>,
}

impl Reader<'_> {
    /// The C name of a type without typedefs.
    pub(super) fn base(&self, raw: &Raw<'_>) -> Result<String, Reason> {
        let (keyword, at) = match raw {
            Raw::Void => return Ok("void".to_owned()),
            Raw::Int { name, .. } | Raw::Float { name, .. } => {
                let words = self.words(*name)?;
                return Ok(integer(words.as_deref().unwrap_or(UNNAMED)).to_owned());
            }
            Raw::Struct(it) => ("struct", it.name),
            Raw::Union(it) => ("union", it.name),
            Raw::Forward { name, union: true } => ("union", *name),
            Raw::Forward { name, .. } => ("struct", *name),
            Raw::Enum { name, .. } => ("enum", *name),
            _ => return Ok(String::new()),
        };
        Ok(match self.name(at)? {
            None => format!("{keyword} {{...}}"),
            Some(name) => format!("{keyword} {name}"),
        })
    }

    /// Spells a type.
    pub(super) fn write(&self, mut id: u32, depth: u32) -> Result<Written, Reason> {
        let mut written = Written::default();
        let mut qualifiers = Qualifiers::default();
        let mut depth = depth;
        loop {
            depth = deeper(depth)?;
            let raw = self.raw(id)?;
            id = match raw {
                Raw::Pointer(to) => {
                    written.pointer(&qualifiers);
                    qualifiers = Qualifiers::default();
                    to
                }
                Raw::Const(of) => qualifiers.add("const", of),
                Raw::Volatile(of) => qualifiers.add("volatile", of),
                Raw::Restrict(of) => qualifiers.add("restrict", of),
                Raw::Tag { name, ty } => {
                    qualifiers.tag(self.name(name)?.as_deref());
                    ty
                }
                Raw::Array { element, length } => {
                    written.behind(&format!("[{length}]"));
                    element
                }
                Raw::Prototype(function) => {
                    written.behind(&self.write_parameters(&function, depth)?);
                    function.result
                }
                Raw::Typedef { name, .. } => {
                    let name = self.name(name)?;
                    written.finish(&qualifiers, name.as_deref().unwrap_or(UNNAMED));
                    return Ok(written);
                }
                other => {
                    written.finish(&qualifiers, &self.base(&other)?);
                    return Ok(written);
                }
            };
        }
    }

    fn write_parameters(&self, function: &Signature<'_>, depth: u32) -> Result<String, Reason> {
        let mut parameters = Vec::new();
        for parameter in function.parameters() {
            parameters.push(match parameter.is_dots() {
                true => "...".to_owned(),
                false => self.write(parameter.ty, depth)?.whole(),
            });
        }
        if parameters.is_empty() {
            parameters.push("void".to_owned());
        }
        Ok(format!("({})", parameters.join(", ")))
    }
}

impl Written {
    pub(super) fn whole(self) -> String {
        self.before + &self.after
    }

    /// Makes it a pointer with these qualifiers.
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

    /// Appends an array's or a function's brackets.
    fn behind(&mut self, brackets: &str) {
        if self.before.starts_with('*') {
            self.before.insert(0, '(');
            self.after.push(')');
        }
        self.after.push_str(brackets);
    }

    /// Prepends the name of the type.
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
    /// Adds a qualifier and returns the qualified type.
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

/// The usual spelling of an integer's name; compilers write `long int` for `long`.
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
