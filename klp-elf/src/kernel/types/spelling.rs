// SPDX-License-Identifier: GPL-2.0-only

//! How C writes a type.

use super::Reason;
use super::reader::{Reader, deeper};
use btf_rs::Type as Raw;

/// How C writes a type around a name.
#[derive(Default)]
pub(super) struct Written {
    pub(super) before: String,
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

impl Reader<'_> {
    /// The name of what is under all typedefs, as C writes it.
    pub(super) fn base(&self, raw: &Raw) -> String {
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
    pub(super) fn write(&self, mut id: u32, depth: u32) -> Result<Written, Reason> {
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
}

impl Written {
    pub(super) fn whole(self) -> String {
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
