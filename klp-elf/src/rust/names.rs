// SPDX-License-Identifier: GPL-2.0-only

//! Chooses Rust names for C names.

use crate::prototype::{Identity, Prototype};
use heck::{ToSnakeCase as _, ToUpperCamelCase as _};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Names from `klp::prelude` or the Rust prelude, which a structure must not shadow.
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

/// Rust's keywords that are valid as raw identifiers.
#[rustfmt::skip]
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
];

/// Names that are not valid even as raw identifiers, and `original`.
const NEVER: &[&str] = &["Self", "crate", "original", "self", "super"];

/// The Rust names given to C structures.
#[derive(Clone, Debug, Default)]
pub struct Names {
    given: BTreeMap<String, Vec<Given>>,
    free: Free,
    /// Tags that are ambiguous.
    vague: HashSet<String>,
}

/// A name and the structure that it was given to.
#[derive(Clone, Debug)]
struct Given {
    /// Its content among others of its tag. `None` if unknown.
    content: Option<u64>,
    name: String,
}

/// A generator of unused names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Free {
    used: HashSet<String>,
    /// The last numeric suffix of each name.
    numbers: HashMap<String, u32>,
}

impl Free {
    /// Reserves the name, with a numeric suffix if it is in use.
    pub(crate) fn take(&mut self, name: String) -> String {
        self.take_as(name, "_")
    }

    /// Reserves the name, with `before` between it and the number.
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
    /// The name for a structure of that tag, the same at each call. `identity` distinguishes structures
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

    /// Gives no name to structures of that tag, because they cannot be distinguished.
    pub(crate) fn avoid(&mut self, tag: &str) {
        self.vague.insert(tag.to_owned());
    }

    /// Whether the tag is ambiguous.
    pub(crate) fn is_vague(&self, tag: &str) -> bool {
        self.vague.contains(tag)
    }

    /// Reserves an unused name for that tag.
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

    /// The tags and the names given to them, sorted by tag.
    pub fn given(&self) -> impl Iterator<Item = (&str, &str)> {
        let given = self.given.iter();
        given.flat_map(|(tag, all)| all.iter().map(|one| (tag.as_str(), one.name.as_str())))
    }
}

/// The names of a function's arguments, each unique.
pub fn argument_names(prototype: &Prototype) -> Vec<String> {
    let names = prototype.parameters.iter().zip(1..);
    unique(names.map(|(parameter, number)| {
        let name = parameter.name.as_deref().and_then(argument_name);
        name.unwrap_or_else(|| format!("arg{number}"))
    }))
}

/// Makes names unique by numeric suffixes.
pub(crate) fn unique(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut free = Free::default();
    names.map(|name| free.take(name)).collect()
}

/// The Rust name for an argument. `None` if C's is not valid in Rust.
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

/// A name in snake case. Most C names already are.
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
