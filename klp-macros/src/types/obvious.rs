// SPDX-License-Identifier: GPL-2.0-only

//! Type mismatches that are obvious from the spelling.
//!
//! The macro reports them itself: the message is shorter, and editors, which do not evaluate constants,
//! show it.

use klp_elf::{Kind, Type as CType};
use syn::Type;

/// A type that is known by its spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plain {
    Void,
    Bool,
    Integer { signed: bool, size: u64 },
    Pointer,
}

/// Whether the author's type cannot be the C type.
pub(super) fn differs(ty: &Type, c: &CType) -> bool {
    let Some(plain) = plain(ty) else {
        return false;
    };
    match &c.kind {
        Kind::Void => plain != Plain::Void,
        Kind::Bool => plain != Plain::Bool,
        Kind::Integer { signed } => {
            plain
                != Plain::Integer {
                    signed: *signed,
                    size: c.size,
                }
        }
        // The C compiler chooses the sign.
        Kind::Enum { .. } => !matches!(plain, Plain::Integer { size, .. } if size == c.size),
        Kind::Pointer { .. } => plain != Plain::Pointer,
        Kind::Aggregate { .. } => true,
        Kind::Array { .. } | Kind::Other => false,
    }
}

/// Whether the author's type is a pointer.
pub(super) fn is_pointer(ty: &Type) -> bool {
    plain(ty) == Some(Plain::Pointer)
}

/// Whether the type is primitive.
pub(super) fn is_primitive(ty: &Type) -> bool {
    plain(ty).is_some()
}

/// The type that the spelling shows; `None` for names that may stand for any type.
fn plain(ty: &Type) -> Option<Plain> {
    match ty {
        Type::Ptr(_) | Type::Reference(_) => Some(Plain::Pointer),
        Type::Tuple(tuple) if tuple.elems.is_empty() => Some(Plain::Void),
        Type::Paren(inner) => plain(&inner.elem),
        Type::Path(path) if path.qself.is_none() => primitive(&path.path.get_ident()?.to_string()),
        _ => None,
    }
}

/// The primitive type of that name.
fn primitive(name: &str) -> Option<Plain> {
    let size = |size| match size {
        "8" => Some(1),
        "16" => Some(2),
        "32" => Some(4),
        "64" | "size" => Some(8),
        _ => None,
    };
    if name == "bool" {
        return Some(Plain::Bool);
    }
    let (signed, rest) = match name.split_at_checked(1)? {
        ("i", rest) => (true, rest),
        ("u", rest) => (false, rest),
        _ => return None,
    };
    size(rest).map(|size| Plain::Integer { signed, size })
}

#[cfg(test)]
mod tests {
    use super::*;
    use klp_elf::Pointee;
    use quote::quote;

    fn c(kind: Kind, size: u64) -> CType {
        CType {
            c: String::new(),
            name_at: 0,
            base: String::new(),
            size,
            align: size,
            kind,
            identity: klp_elf::Identity::default(),
        }
    }

    fn differ(ty: proc_macro2::TokenStream, c: &CType) -> bool {
        differs(&syn::parse2(ty).expect("a type"), c)
    }

    #[test]
    fn integers_differ_by_size_and_sign() {
        let int = c(Kind::Integer { signed: true }, 4);
        assert!(!differ(quote!(i32), &int));
        for ty in [
            quote!(u32),
            quote!(i64),
            quote!(bool),
            quote!(*mut u8),
            quote!(()),
        ] {
            assert!(differ(ty.clone(), &int), "{ty}");
        }
        let long = c(Kind::Integer { signed: true }, 8);
        assert!(!differ(quote!(isize), &long));
        assert!(!differ(quote!(i64), &long));
        let kind = c(Kind::Enum { signed: false }, 4);
        assert!(!differ(quote!(i32), &kind));
        assert!(differ(quote!(u8), &kind));
    }

    #[test]
    fn pointers_and_values_are_distinguished() {
        let to = Pointee::Void;
        let pointer = c(
            Kind::Pointer {
                to,
                constant: false,
            },
            8,
        );
        for ty in [quote!(*mut c_void), quote!(&SeqFile), quote!((*const u8))] {
            assert!(!differ(ty.clone(), &pointer), "{ty}");
        }
        assert!(differ(quote!(usize), &pointer));
        assert!(differ(
            quote!(*mut u8),
            &c(Kind::Aggregate { names: vec![] }, 8)
        ));
        assert!(differ(quote!(u64), &c(Kind::Void, 0)));
    }

    #[test]
    fn other_names_may_stand_for_any_type() {
        let int = c(Kind::Integer { signed: true }, 4);
        for ty in [
            quote!(Result),
            quote!(c_long),
            quote!(Option<&T>),
            quote!(self::u8),
            quote!(u128),
        ] {
            assert!(!differ(ty.clone(), &int), "{ty}");
        }
    }
}
