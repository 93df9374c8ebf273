// SPDX-License-Identifier: GPL-2.0-only

//! The keys of all attributes: one row for each, for parsing, error messages and documentation.
//!
//! `cargo xtask docs` compiles this file too, and writes the tables of the guides from it. So it has no
//! dependencies.

/// The position of an attribute, which decides the keys that it takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// `#[livepatch]` on a function that is a whole patch.
    Function,
    /// `#[livepatch]` on a mod that is a whole patch.
    Mod,
    /// `#[livepatch]` on a function inside such a mod.
    Inside,
    /// A callback inside such a mod, such as `#[pre_patch]`.
    Callback,
    /// A shadow variable inside such a mod.
    Shadow,
    /// A system state inside such a mod.
    State,
    /// A block of declarations of kernel functions and data.
    Symbols,
    /// A view of a kernel structure.
    Structure,
}

/// What a key describes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyScope {
    Patch,
    /// The object of a function, a callback, declarations or a structure.
    Object,
    Function,
    /// Which of several structures of one name.
    View,
    /// A shadow variable or a state.
    Variable,
    State,
    /// A function or a patch: what the author vouches for.
    Claim,
    /// A function or a patch: how tasks switch to it.
    Consistency,
}

impl Place {
    pub(crate) fn takes(self, scope: KeyScope) -> bool {
        use KeyScope::{Claim, Consistency, Function, Object, Patch, State, Variable, View};
        match self {
            Place::Function => matches!(scope, Patch | Object | Function | Claim | Consistency),
            Place::Mod => matches!(scope, Patch | Claim | Consistency),
            Place::Inside => matches!(scope, Object | Function | Claim | Consistency),
            Place::Callback => scope == Object,
            Place::Symbols => matches!(scope, Object | Claim),
            Place::Structure => matches!(scope, Object | View),
            Place::Shadow => scope == Variable,
            Place::State => matches!(scope, Variable | State),
        }
    }

    pub(crate) fn requires(self, key: &KeyInfo) -> bool {
        // The default of a callback is the patch's only object, and of a structure vmlinux.
        let has_default = matches!(self, Place::Callback | Place::Structure);
        key.required && self.takes(key.scope) && !has_default
    }
}

/// A key.
pub(crate) struct KeyInfo {
    pub(crate) name: &'static str,
    pub(crate) scope: KeyScope,
    pub(crate) required: bool,
    /// How it is written, for error messages.
    pub(crate) example: &'static str,
    /// What it does, for the tables.
    #[allow(dead_code)] // Only for the tables.
    pub(crate) meaning: &'static str,
}

const fn key(
    name: &'static str,
    scope: KeyScope,
    required: bool,
    example: &'static str,
    meaning: &'static str,
) -> KeyInfo {
    KeyInfo {
        name,
        scope,
        required,
        example,
        meaning,
    }
}

/// All keys. Of two with one name, the place selects one.
#[rustfmt::skip] // Keep the columns of the table.
pub(crate) const KEYS: [KeyInfo; 18] = [
    key("object", KeyScope::Object, true, "object = \"vmlinux\"",
        "`vmlinux`, or a module's name as `lsmod` shows it. The module need not be loaded"),
    key("replaces", KeyScope::Function, true, "replaces = \"the_kernel_function\"",
        "the C function's name in `/proc/kallsyms`"),
    key("sympos", KeyScope::Function, false, "sympos = 1",
        "position among the object's symbols of that name, in the order of `/proc/kallsyms`, from 1. Default 0: there is only one"),
    key("inlined_into", KeyScope::Function, false, "inlined_into = [\"the_caller\"]",
        "callers whose inlined copies may keep the old code"),
    key("description", KeyScope::Patch, true, "description = \"What it fixes\"",
        "one line, for `modinfo`"),
    key("license", KeyScope::Patch, true, "license = \"GPL\"",
        "`GPL`, `GPL v2`, `GPL and additional rights`, `Dual BSD/GPL`, `Dual MIT/GPL` or `Dual MPL/GPL`"),
    key("authors", KeyScope::Patch, false, "authors = [\"Jane Doe <jane@example.org>\"]",
        "for `modinfo`"),
    key("name", KeyScope::Patch, false, "name = \"my_patch\"",
        "the module's name. Default: its name in the build"),
    key("version", KeyScope::Patch, false, "version = \"1.0\"",
        "the patch's version, for `modinfo` and `/sys/module/NAME/version`"),
    key("fixes", KeyScope::Patch, false, "fixes = [\"CVE-2024-1234\"]",
        "identifiers of what it fixes, for `modinfo` and `klpctl fixes`"),
    key("url", KeyScope::Patch, false, "url = \"https://example.org/fixes/1\"",
        "where to read about it, for `modinfo`"),
    key("replace", KeyScope::Patch, false, "replace",
        "cumulative: replaces all patches that are enabled"),
    key("register", KeyScope::Patch, false, "register",
        "loading only registers the patch; sysfs enables and disables it. Needs klp-core"),
    key("immediate", KeyScope::Consistency, false, "immediate",
        "all tasks switch at once, without a consistency check. Needs klp-core"),
    key("unsafe", KeyScope::Claim, false, "unsafe",
        "the author vouches for what cannot be checked"),
    key("of", KeyScope::View, false, "of = \"a_function\"",
        "of several structures of one name, the one that this function takes or returns"),
    key("id", KeyScope::Variable, true, "id = 1",
        "the variable's number: patches with the same id share the data"),
    key("version", KeyScope::State, true, "version = 1",
        "the state's version: the kernel refuses a patch with a lower one than an enabled patch has"),
];

/// An example of the key, for error messages.
pub(crate) fn example(name: impl ToString) -> String {
    let name = name.to_string();
    let examples: Vec<_> = KEYS
        .iter()
        .filter(|key| key.name == name)
        .map(|key| key.example)
        .collect();
    match examples.is_empty() {
        false => examples.join("` or `"),
        true => format!("{name} = value"),
    }
}
