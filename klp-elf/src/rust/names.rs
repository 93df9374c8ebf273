// SPDX-License-Identifier: GPL-2.0-only

//! Rust names for C ones.

use crate::prototype::{Identity, Prototype};
use heck::{ToSnakeCase as _, ToUpperCamelCase as _};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Names that a patch has from `klp::prelude` or from Rust itself, and reads as such.
#[rustfmt::skip]
const TAKEN: &[&str] = &[
    "Arc", "AsMut", "AsRef", "Box", "CStr", "Call", "Clone", "Copy", "Credential", "Default",
    "Deref", "DerefMut", "Device", "Drop", "Err", "Error", "Eq", "Extend", "File", "Fn", "FnMut",
    "FnOnce", "From", "InOut", "InPlaceInit", "InPlaceModule", "InPlaceWrite", "Init", "Into",
    "IntoIterator", "Iterator", "KBox", "KVBox", "KVVec", "KVec", "KernelStruct",
    "LocalFile", "LocalModule", "Mm", "Module", "NonNull", "None", "Object", "Ok", "Opaque",
    "Option", "Ord", "PartialEq", "PartialOrd", "Persistent", "Pin", "PinInit", "PidNamespace", "Result", "Returned", "Self",
    "Send", "SeqFile", "Shadow", "Sized", "Some", "State", "Str", "String", "Sync", "SyscallArgs",
    "Task", "ThisModule", "ToOwned", "ToString", "TryFrom", "TryInto", "Unpatched", "Unpin",
    "VBox", "VVec", "Vec", "Zeroable", "Zeroed",
];

/// Rust's keywords that may be names when they are written raw.
#[rustfmt::skip]
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
];

/// Keywords that may not even be raw names.
const NEVER: &[&str] = &["Self", "crate", "original", "self", "super"];

/// The Rust names given to C structures.
#[derive(Clone, Debug, Default)]
pub struct Names {
    given: BTreeMap<String, Vec<Given>>,
    free: Free,
    /// Tags that say too little.
    vague: HashSet<String>,
}

/// A name and the structure that it was given to.
#[derive(Clone, Debug)]
struct Given {
    /// Its content among others of its tag. `None` if unknown.
    content: Option<u64>,
    name: String,
}

/// Names that nothing has yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Free {
    used: HashSet<String>,
    /// The last number behind each name.
    numbers: HashMap<String, u32>,
}

impl Free {
    /// The name, with a number behind it when something has it already.
    pub(crate) fn take(&mut self, name: String) -> String {
        self.take_as(name, "_")
    }

    /// The same, with that before the number.
    fn take_as(&mut self, name: String, before: &str) -> String {
        if self.used.insert(name.clone()) {
            return name;
        }
        let plain = name.strip_prefix("r#").unwrap_or(&name).to_owned();
        let last = self.numbers.entry(plain.clone()).or_insert(1);
        loop {
            *last += 1;
            let numbered = format!("{plain}{before}{last}");
            if self.used.insert(numbered.clone()) {
                return numbered;
            }
        }
    }
}

impl Names {
    /// The name for a structure of that tag, always the same one. `identity` distinguishes structures
    /// of one tag.
    pub(crate) fn give(&mut self, tag: &str, identity: Identity) -> String {
        let content = identity.content();
        let given = self.given.get(tag).map(Vec::as_slice).unwrap_or_default();
        let same = |given: &&Given| {
            content.is_none() || given.content.is_none() || given.content == content
        };
        if let Some(given) = given.iter().find(same) {
            return given.name.clone();
        }
        let name = self.free(tag);
        self.given.entry(tag.to_owned()).or_default().push(Given {
            content,
            name: name.clone(),
        });
        name
    }

    /// Gives no name to structures of that tag, because they cannot be told apart.
    pub(crate) fn avoid(&mut self, tag: &str) {
        self.vague.insert(tag.to_owned());
    }

    /// Whether the tag is ambiguous.
    pub(crate) fn is_vague(&self, tag: &str) -> bool {
        self.vague.contains(tag)
    }

    /// A name for that tag that was free.
    fn free(&mut self, tag: &str) -> String {
        let mut camel = tag.to_upper_camel_case();
        if !camel.starts_with(|first: char| first.is_ascii_alphabetic()) {
            camel.insert_str(0, "Struct");
        }
        if TAKEN.contains(&camel.as_str()) || self.free.used.contains(&camel) {
            camel.push_str("Struct");
        }
        while TAKEN.contains(&camel.as_str()) {
            camel.push_str("Struct");
        }
        self.free.take_as(camel, "")
    }

    /// The tags and the names given to them, in the order of the tags.
    pub fn given(&self) -> impl Iterator<Item = (&str, &str)> {
        let given = self.given.iter();
        given.flat_map(|(tag, all)| all.iter().map(|one| (tag.as_str(), one.name.as_str())))
    }
}

/// The names of a function's arguments, each another one.
pub fn argument_names(prototype: &Prototype) -> Vec<String> {
    let names = prototype.parameters.iter().zip(1..);
    unique(names.map(|(parameter, number)| {
        let name = parameter.name.as_deref().and_then(argument_name);
        name.unwrap_or_else(|| format!("arg{number}"))
    }))
}

/// Makes names differ by a number behind the second one.
pub(crate) fn unique(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut free = Free::default();
    names.map(|name| free.take(name)).collect()
}

/// The Rust name for an argument, `None` when C's can be none in Rust.
fn argument_name(name: &str) -> Option<String> {
    identifier(&snake(name))
}

/// A C name in Rust, `None` if it is not valid there.
pub(crate) fn identifier(name: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts || !name.chars().all(allowed) || name.chars().all(|c| c == '_') {
        return None;
    }
    Some(match name {
        never if NEVER.contains(&never) => format!("{name}_"),
        keyword if KEYWORDS.contains(&keyword) => format!("r#{name}"),
        _ => name.to_owned(),
    })
}

/// The name of a replacement.
pub(crate) fn function_name(replaces: &str) -> String {
    let plain: String = replaces
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    snake(&format!("livepatch_{plain}"))
}

/// A name as Rust expects functions and variables to have them. Most C names are so already.
pub(crate) fn snake(name: &str) -> String {
    let rest = name.trim_start_matches('_');
    let is_snake = !rest.contains("__") && !rest.contains(|c: char| c.is_ascii_uppercase());
    if is_snake {
        return name.to_owned();
    }
    let underscores = &name[..name.len() - rest.len()];
    let snake = match rest.contains(|c: char| c.is_ascii_uppercase()) {
        true => rest.to_snake_case(),
        false => {
            let words = rest.split('_').filter(|word| !word.is_empty());
            words.collect::<Vec<_>>().join("_")
        }
    };
    match snake.starts_with(|c: char| c.is_ascii_digit()) && underscores.is_empty() {
        true => format!("_{snake}"),
        false => format!("{underscores}{snake}"),
    }
}
