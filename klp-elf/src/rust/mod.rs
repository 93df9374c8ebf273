// SPDX-License-Identifier: GPL-2.0-only

//! Maps C types to the Rust types of a replacement's signature, by the table in the documentation of
//! `klp::abi`.

mod names;
mod view;

pub use names::Names;
pub use names::argument_names;
pub(crate) use names::{Free, function_name};
pub(crate) use view::{View, left_out, zero};

use crate::prototype::{Identity, Kind, Pointee, Type};
use crate::text::Identifier;

/// The structures that klp has wrappers for: tag, wrapper of an argument, wrapper as a pointer's target.
const WRAPPERS: &[(&str, &str, &str)] = &[
    ("cred", "Credential", "Credential"),
    ("device", "Device", "Device"),
    // A file argument may come from the caller's file table.
    ("file", "LocalFile", "File"),
    ("mm_struct", "Mm", "Mm"),
    ("pid_namespace", "PidNamespace", "PidNamespace"),
    ("seq_file", "SeqFile", "SeqFile"),
    ("task_struct", "Task", "Task"),
];

/// The embedded structures that klp has types for: the name in C, the type, and whether C has to
/// initialise it.
const EMBEDDED: &[(&str, &str, bool)] = &[
    ("atomic64_t", "klp::sync::Atomic<i64>", false),
    ("atomic_t", "klp::sync::Atomic<i32>", false),
    ("hlist_node", "klp::list::HListNode", false),
    ("hlist_nulls_node", "klp::list::HListNullsNode", false),
    ("kref", "klp::sync::Kref", false),
    ("list_head", "klp::list::ListNode", false),
    ("mutex", "klp::sync::Mutex", true),
    ("raw_spinlock_t", "klp::sync::RawSpinLock", true),
    ("refcount_t", "klp::sync::Refcount", false),
    ("rw_semaphore", "klp::sync::RwSemaphore", true),
    ("rwlock_t", "klp::sync::RwLock", true),
    ("spinlock_t", "klp::sync::SpinLock", true),
];

/// List heads, whose entries only the author knows: the name in C, and the type.
const LISTS: &[(&str, &str)] = &[("hlist_head", "HList"), ("hlist_nulls_head", "HListNulls")];

/// klp's type for an embedded structure.
pub fn embedded(names: &[Identifier]) -> Option<&'static str> {
    find_embedded(names).map(|(_, ty, _)| *ty)
}

/// klp's type for a structure that may share its bytes with others: no lock, since C has to initialise that.
pub(crate) fn embedded_anywhere(names: &[Identifier]) -> Option<&'static str> {
    let found = find_embedded(names).filter(|(_, _, initialised)| !initialised);
    found.map(|(_, ty, _)| *ty)
}

fn find_embedded(names: &[Identifier]) -> Option<&'static (&'static str, &'static str, bool)> {
    let is_one = |c: &str| names.iter().any(|name| name.as_str() == c);
    EMBEDDED.iter().find(|(c, ..)| is_one(c))
}

/// klp's type for the head of a list, without the type of its entries.
pub fn list(names: &[Identifier]) -> Option<&'static str> {
    let is_one = |c: &str| names.iter().any(|name| name.as_str() == c);
    LISTS.iter().find(|(c, _)| is_one(c)).map(|(_, ty)| *ty)
}

/// The type of an argument. `None` if no Rust type fits.
pub fn argument(ty: &Type) -> Option<String> {
    Names::default().argument(ty)
}

/// The type of an argument through which an integer is read and written. `None` if it is not a pointer to
/// an integer, or the integer is `const`.
pub fn in_out(ty: &Type) -> Option<String> {
    let Kind::Pointer {
        to: Pointee::Other(to),
        constant: false,
    } = &ty.kind
    else {
        return None;
    };
    let integer = match to.kind {
        Kind::Integer { .. } => value(to)?,
        _ => return None,
    };
    Some(format!("InOut<'_, {integer}>"))
}

/// The type of a value that is passed as in C: pointers are raw, and an errno is an integer;
/// `()` for `void`. `None` if no Rust type fits.
pub fn value(ty: &Type) -> Option<String> {
    match ty.kind {
        Kind::Void => Some("()".to_owned()),
        _ => Names::default().value(ty),
    }
}

/// The type of a result without `Result`, and with untyped pointers.
pub(crate) fn result_in_c(ty: &Type) -> Option<String> {
    match ty.kind {
        Kind::Pointer { .. } => Some("Returned<c_void>".to_owned()),
        _ => value(ty),
    }
}

/// A pointer to `c_void`.
pub(crate) fn untyped(constant: bool) -> String {
    let keyword = if constant { "*const" } else { "*mut" };
    format!("{keyword} c_void")
}

/// The type of a member of a structure. `None` if no Rust type fits.
pub fn member(ty: &Type) -> Option<String> {
    Names::default().value(ty)
}

/// The type of a result, `()` for `void`. `None` if no Rust type fits.
pub fn result(ty: &Type) -> Option<String> {
    Names::default().result(ty)
}

impl Names {
    /// The type of an argument. `None` if no Rust type fits.
    pub fn argument(&mut self, ty: &Type) -> Option<String> {
        if let Kind::Pointer {
            to: Pointee::Named(names),
            ..
        } = &ty.kind
        {
            if let Some((_, wrapper, _)) = names.last().and_then(|tag| wrapper(tag)) {
                return Some(format!("&{wrapper}"));
            }
        }
        self.value(ty)
    }

    /// The type of a result, `()` for `void`. `None` if no Rust type fits.
    pub fn result(&mut self, ty: &Type) -> Option<String> {
        let value = match &ty.kind {
            Kind::Void => return Some("()".to_owned()),
            Kind::Pointer { to, .. } => {
                return Some(format!("Returned<{}>", self.pointee(to, ty.identity)));
            }
            _ => self.value(ty)?,
        };
        // An enumeration is no errno, even if its values look like one.
        let is_integer = matches!(ty.kind, Kind::Integer { .. });
        Some(match value.as_str() {
            "i32" | "isize" | "i64" if is_integer => format!("Result<{value}>"),
            _ => value,
        })
    }

    /// The type of a value without a wrapper: an integer, pointer, array or structure.
    pub(crate) fn value(&mut self, ty: &Type) -> Option<String> {
        match &ty.kind {
            Kind::Bool => Some("bool".to_owned()),
            Kind::Integer { signed } => integer(ty, *signed),
            Kind::Enum { signed } => sized(ty.size, *signed),
            Kind::Pointer { to, constant } => Some(self.pointer(to, *constant, ty.identity)),
            Kind::Array { element, length } => {
                let element = self.value(element)?;
                Some(format!("[{element}; {length}]"))
            }
            Kind::Aggregate { names } => Some(self.structure(names.last()?, ty.identity)),
            Kind::Void | Kind::Other => None,
        }
    }

    fn pointer(&mut self, to: &Pointee, constant: bool, identity: Identity) -> String {
        let constant = constant || matches!(to, Pointee::Function);
        let keyword = if constant { "*const" } else { "*mut" };
        format!("{keyword} {}", self.pointee(to, identity))
    }

    /// The target of a pointer.
    fn pointee(&mut self, to: &Pointee, identity: Identity) -> String {
        let to = match to {
            Pointee::Void => None,
            Pointee::Char => Some("c_char".to_owned()),
            Pointee::Named(names) => names
                .last()
                .filter(|tag| !self.is_vague(tag))
                .map(|tag| self.structure(tag, identity)),
            Pointee::Other(ty) => match (&ty.kind, ty.size) {
                (Kind::Integer { signed: true }, 16) => Some("i128".to_owned()),
                (Kind::Integer { signed: false }, 16) => Some("u128".to_owned()),
                _ => self.value(ty),
            },
            Pointee::Function => None,
        };
        to.unwrap_or_else(|| "c_void".to_owned())
    }

    /// The Rust name for a structure.
    fn structure(&mut self, tag: &str, identity: Identity) -> String {
        match wrapper(tag) {
            Some((_, _, name)) => (*name).to_owned(),
            None => self.give(tag, identity),
        }
    }
}

/// The wrapper for a structure.
fn wrapper(tag: &str) -> Option<&'static (&'static str, &'static str, &'static str)> {
    WRAPPERS.iter().find(|(c, _, _)| *c == tag)
}

/// A C `long` has the size of a pointer; other integers have fixed sizes.
fn integer(ty: &Type, signed: bool) -> Option<String> {
    match ty.base.as_str() {
        "long" => Some("isize".to_owned()),
        "unsigned long" => Some("usize".to_owned()),
        _ => sized(ty.size, signed),
    }
}

fn sized(size: u64, signed: bool) -> Option<String> {
    let letter = if signed { 'i' } else { 'u' };
    matches!(size, 1 | 2 | 4 | 8).then(|| format!("{letter}{}", size * 8))
}
