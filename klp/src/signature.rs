// SPDX-License-Identifier: GPL-2.0-only

//! Compile-time comparison of a replacement's C types with the kernel's prototype.
//!
//! `#[livepatch]` reads the prototype from the kernel's type information, but only the compiler can resolve
//! the types that the author names. So the macro generates constants that compare the expected types with the
//! resolved ones: a patch that differs does not compile.

use crate::platform::bindings;
use crate::platform::wrappers::{
    Credential, Device, File, LocalFile, Mm, PidNamespace, SeqFile, Task,
};
use core::ffi::c_void;
use core::marker::PhantomData;
use core::ptr::NonNull;

/// The kind of a C type, as far as the calling convention is concerned.
#[derive(Clone, Copy)]
pub enum Shape {
    /// No value.
    Void,
    /// `bool`.
    Bool,
    /// An integer, or an enumeration.
    Integer {
        /// Whether it is signed.
        signed: bool,
    },
    /// A pointer to anything.
    Pointer,
    /// A structure or union that is passed by value.
    Aggregate,
}

/// What an argument's type claims beyond its C type.
#[derive(Clone, Copy)]
pub enum Claim {
    /// Nothing.
    Nothing,
    /// The type of the object that a `void *` points to.
    Object,
    /// That the function is a `proc_handler`.
    Handler,
    /// That the function is a `proc_handler` of integers.
    Ints,
    /// That the target of the pointer is such an integer, which may be read and written.
    Place {
        /// Whether the integer is signed.
        signed: bool,
        /// Its size in bytes.
        size: usize,
    },
}

/// What is known about a pointer that a replacement returns, which C dereferences.
#[derive(Clone, Copy)]
pub enum Given {
    /// Nothing.
    Anything,
    /// It is valid: it came from C, or it passes ownership of its memory.
    Sound,
}

/// Marks a claim of the author. The call is unsafe, so that the lint `unsafe_code` finds it.
///
/// # Safety
///
/// The author's claim about the patch or the function, which is not checked, holds.
pub const unsafe fn vouched() {}

/// The target of a pointer type of the author's.
#[derive(Clone, Copy)]
pub enum Target {
    /// `void`, which is compatible with any target.
    Any,
    /// The kernel's structure of this name.
    Named(&'static str),
    /// The structure of this name and content hash; 0 if the latter is unknown.
    View(&'static str, u64),
    /// An integer, a `bool` or a pointer of this size.
    Scalar(Shape, usize),
    /// A type about which only its spelling in the source is known.
    Unknown,
}

/// A type that C can pass to or return from a function. `Target` is sealed, so only the types in this
/// module and views of structures implement it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a C type",
    label = "C cannot pass this to a function",
    note = "an integer, `bool`, a raw pointer, and a structure with `#[kernel_struct(...)]` are C types"
)]
pub trait CType {
    /// The kind of type in C.
    const SHAPE: Shape;
    /// The target of a pointer; a structure itself; otherwise `()`.
    type Target: sealed::TargetOf<Self>;
}

mod sealed {
    /// The target of a C type. It is sealed: an implementation for another type could make any two types compatible.
    #[diagnostic::on_unimplemented(
        message = "`{C}` cannot be made a C type",
        label = "the set of C types is fixed",
        note = "implement `klp::abi::CAbi` over one of them, such as `u32`"
    )]
    #[allow(unreachable_pub)] // Sealed: public in a private module.
    pub trait TargetOf<C: ?Sized> {}

    /// A C type that guarantees nothing about the target of a pointer, so not a reference.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` is not a plain C type",
        label = "not an integer, `bool`, raw pointer or view of known size"
    )]
    pub trait Raw: super::CType {}
}
pub(crate) use sealed::{Raw, TargetOf};

/// A type with a known name in C, which is compared if it is the target of a pointer.
#[doc(hidden)]
pub trait Pointee {
    /// The type in C.
    const TARGET: Target;
}

/// Looks up the C name of a type, which may not implement [`Pointee`].
///
/// `Probe::<T>::TARGET` is that of [`Otherwise`] unless `T` is a [`Pointee`]: an inherent constant takes
/// precedence over that of a trait.
pub struct Probe<T>(PhantomData<T>);

impl<T: Pointee> Probe<T> {
    /// The type in C.
    pub const TARGET: Target = T::TARGET;
}

/// The constant of types without [`Pointee`].
pub trait Otherwise {
    /// An unknown type.
    const TARGET: Target = Target::Unknown;
}

impl<T> Otherwise for Probe<T> {}

macro_rules! integers {
    ($($signed:literal: $($type:ty)*;)*) => {$($(
        impl CType for $type {
            const SHAPE: Shape = Shape::Integer { signed: $signed };
            type Target = ();
        }

        impl TargetOf<$type> for () {}
        impl Raw for $type {}

        impl Pointee for $type {
            const TARGET: Target = Target::Scalar(<$type>::SHAPE, size_of::<$type>());
        }
    )*)*};
}

integers! {
    false: u8 u16 u32 u64 usize;
    true: i8 i16 i32 i64 isize;
}

impl TargetOf<bool> for () {}
impl Raw for bool {}

impl CType for bool {
    const SHAPE: Shape = Shape::Bool;
    type Target = ();
}

impl Pointee for bool {
    const TARGET: Target = Target::Scalar(Shape::Bool, 1);
}

impl TargetOf<()> for () {}
impl Raw for () {}

impl CType for () {
    const SHAPE: Shape = Shape::Void;
    type Target = ();
}

impl<T> TargetOf<*const T> for T {}
impl<T> Raw for *const T {}

impl<T> CType for *const T {
    const SHAPE: Shape = Shape::Pointer;
    type Target = T;
}

impl<T> TargetOf<*mut T> for T {}
impl<T> Raw for *mut T {}

impl<T> CType for *mut T {
    const SHAPE: Shape = Shape::Pointer;
    type Target = T;
}

// Types in declarations of kernel functions: `None` is `NULL`, a reference is a structure's address.

impl<T> TargetOf<&T> for T {}

impl<T> CType for &T {
    const SHAPE: Shape = Shape::Pointer;
    type Target = T;
}

impl<T> TargetOf<&mut T> for T {}

impl<T> CType for &mut T {
    const SHAPE: Shape = Shape::Pointer;
    type Target = T;
}

impl<T> TargetOf<NonNull<T>> for T {}

impl<T> CType for NonNull<T> {
    const SHAPE: Shape = Shape::Pointer;
    type Target = T;
}

impl<T> TargetOf<Option<&T>> for T {}

impl<T> CType for Option<&T> {
    const SHAPE: Shape = Shape::Pointer;
    type Target = T;
}

impl<T> TargetOf<Option<&mut T>> for T {}

impl<T> CType for Option<&mut T> {
    const SHAPE: Shape = Shape::Pointer;
    type Target = T;
}

impl<T> TargetOf<Option<NonNull<T>>> for T {}

impl<T> CType for Option<NonNull<T>> {
    const SHAPE: Shape = Shape::Pointer;
    type Target = T;
}

impl<T> Pointee for *const T {
    const TARGET: Target = Target::Scalar(Shape::Pointer, size_of::<Self>());
}

impl<T> Pointee for *mut T {
    const TARGET: Target = Target::Scalar(Shape::Pointer, size_of::<Self>());
}

impl Pointee for c_void {
    const TARGET: Target = Target::Any;
}

macro_rules! structures {
    ($($name:ident)*) => {$(
        impl Pointee for bindings::$name {
            const TARGET: Target = Target::Named(stringify!($name));
        }
    )*};
}

structures! { cred device file mm_struct pid_namespace seq_file task_struct }

macro_rules! wrappers {
    ($($wrapper:ty => $name:literal;)*) => {$(
        impl Pointee for $wrapper {
            const TARGET: Target = Target::Named($name);
        }
    )*};
}

wrappers! {
    Credential => "cred";
    Device => "device";
    File => "file";
    LocalFile => "file";
    Mm => "mm_struct";
    PidNamespace => "pid_namespace";
    SeqFile => "seq_file";
    Task => "task_struct";
}

/// The C type that the kernel's prototype has for an argument or the result.
pub enum Expected {
    /// No result.
    Void,
    /// `bool`.
    Bool,
    /// An integer.
    Integer {
        /// Whether it is signed.
        signed: bool,
        /// Its size in bytes.
        size: usize,
    },
    /// An enumeration, whose signedness the compiler chooses.
    Enum {
        /// Its size in bytes.
        size: usize,
    },
    /// A pointer to `void`, to a function, or to a type that cannot be compared.
    Pointer,
    /// A pointer to a structure or union.
    PointerTo(Structure),
    /// A pointer to an integer, `bool` or pointer of this size.
    PointerToScalar {
        /// The size in bytes.
        size: usize,
    },
    /// A structure or union by value.
    Aggregate {
        /// The structure or union.
        structure: Structure,
        /// Its size in bytes.
        size: usize,
    },
}

/// A structure or union of the kernel's prototype.
pub struct Structure {
    /// Its tag and the names of its `typedef`s.
    pub names: &'static [&'static str],
    /// A hash that distinguishes it from others of that name; 0 if unknown.
    pub content: u64,
}

/// The result of a comparison of the author's type with the kernel's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The types match.
    Fits,
    /// The kinds differ, for example an integer and a pointer.
    Kind,
    /// The sizes differ.
    Size,
    /// One type is signed, and the other is not.
    Sign,
    /// The targets of pointers, or the structures, differ.
    Target,
    /// The structures have the same name, but not the same content.
    Content,
}

/// Compares a type with the kernel's. `target` is the target of the pointer, or the structure itself,
/// and `written` its spelling in the source.
pub const fn compare<T: CType>(target: Target, written: &str, expected: &Expected) -> Verdict {
    compare_shape(T::SHAPE, size_of::<T>(), target, written, expected)
}

/// Compares a type of this shape and size with the kernel's, as [`compare`] does.
pub const fn compare_shape(
    shape: Shape,
    size: usize,
    target: Target,
    written: &str,
    expected: &Expected,
) -> Verdict {
    match (expected, shape) {
        (Expected::Void, Shape::Void) => same_size(size, 0),
        (Expected::Bool, Shape::Bool) => same_size(size, 1),
        (Expected::Integer { size: wanted, .. }, Shape::Integer { .. }) if size != *wanted => {
            Verdict::Size
        }
        (Expected::Integer { signed: wanted, .. }, Shape::Integer { signed }) => {
            if signed == *wanted {
                Verdict::Fits
            } else {
                Verdict::Sign
            }
        }
        (Expected::Enum { size: wanted }, Shape::Integer { .. }) => same_size(size, *wanted),
        (_, Shape::Pointer) if size != size_of::<usize>() => Verdict::Size,
        (Expected::Pointer, Shape::Pointer) => Verdict::Fits,
        (Expected::PointerTo(structure), Shape::Pointer) => {
            same_structure(target, written, structure)
        }
        (Expected::PointerToScalar { size: wanted }, Shape::Pointer) => match target {
            Target::Scalar(_, size) => same_size(size, *wanted),
            // An unknown type may be an alias of a scalar, or an array of it.
            Target::Unknown | Target::Any => Verdict::Fits,
            Target::Named(_) | Target::View(..) => Verdict::Target,
        },
        (
            Expected::Aggregate {
                structure,
                size: wanted,
            },
            Shape::Aggregate,
        ) => match same_structure(target, written, structure) {
            Verdict::Fits => same_size(size, *wanted),
            other => other,
        },
        _ => Verdict::Kind,
    }
}

const fn same_size(size: usize, wanted: usize) -> Verdict {
    if size == wanted {
        Verdict::Fits
    } else {
        Verdict::Size
    }
}

const fn same_structure(target: Target, written: &str, structure: &Structure) -> Verdict {
    let (name, content) = match target {
        Target::Any => return Verdict::Fits,
        Target::Named(name) => (name, 0),
        Target::View(name, content) => (name, content),
        Target::Unknown => (written, 0),
        Target::Scalar(..) => return Verdict::Target,
    };
    let names = structure.names;
    let mut index = 0;
    while index < names.len() {
        if same_text(name, names[index]) {
            return same_content(content, structure.content);
        }
        index += 1;
    }
    Verdict::Target
}

const fn same_content(content: u64, wanted: u64) -> Verdict {
    if content == wanted || content == 0 || wanted == 0 {
        Verdict::Fits
    } else {
        Verdict::Content
    }
}

/// Returns whether two strings are equal, in a `const` context.
pub(crate) const fn same_text(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut index = 0;
    while index < one.len() && index < other.len() {
        if one[index] != other[index] {
            return false;
        }
        index += 1;
    }
    one.len() == other.len()
}

#[cfg(test)]
mod tests {
    use super::{Expected, Otherwise as _, Probe, Shape, Structure, Target, Verdict};
    use crate::layout::KernelStruct;
    use crate::platform::bindings;
    use crate::sockptr::SockPtr;
    use core::ffi::c_void;

    struct Own;

    fn compare<T: super::CType>(expected: Expected) -> Verdict {
        super::compare::<T>(Target::Unknown, "", &expected)
    }

    #[test]
    fn integers_are_compared_by_size_and_sign() {
        let int = || Expected::Integer {
            signed: true,
            size: 4,
        };
        assert_eq!(compare::<i32>(int()), Verdict::Fits);
        assert_eq!(compare::<u32>(int()), Verdict::Sign);
        assert_eq!(compare::<i64>(int()), Verdict::Size);
        assert_eq!(compare::<u64>(int()), Verdict::Size);
        assert_eq!(compare::<bool>(int()), Verdict::Kind);
        assert_eq!(compare::<()>(int()), Verdict::Kind);
        assert_eq!(compare::<*mut i32>(int()), Verdict::Kind);
    }

    /// A view by value that has another shape than a structure.
    macro_rules! forged {
        ($name:ident, $shape:ident) => {
            #[allow(dead_code)]
            struct $name([u64; 8]);

            // SAFETY: there is no kernel in this test.
            unsafe impl KernelStruct for $name {
                const NAME: &'static str = "forged";
            }

            impl super::CType for $name {
                const SHAPE: Shape = Shape::$shape;
                type Target = Self;
            }
        };
    }

    forged!(Nothing, Void);
    forged!(Truth, Bool);
    forged!(Address, Pointer);

    #[test]
    fn a_sockptr_is_a_structure_by_value() {
        let is = |name: &'static [&'static str], size| {
            let structure = Structure {
                names: name,
                content: 7,
            };
            let target = Probe::<SockPtr<'_>>::TARGET;
            super::compare::<SockPtr<'_>>(target, "", &Expected::Aggregate { structure, size })
        };
        assert_eq!(is(&["sockptr_t"], 16), Verdict::Fits);
        assert_eq!(is(&["sockptr_t"], 24), Verdict::Size);
        assert_eq!(is(&["iov_iter"], 16), Verdict::Target);
    }

    #[test]
    fn sizes_are_compared_for_every_shape() {
        assert_eq!(compare::<()>(Expected::Void), Verdict::Fits);
        assert_eq!(compare::<Nothing>(Expected::Void), Verdict::Size);
        assert_eq!(compare::<bool>(Expected::Bool), Verdict::Fits);
        assert_eq!(compare::<Truth>(Expected::Bool), Verdict::Size);
        assert_eq!(compare::<*mut u8>(Expected::Pointer), Verdict::Fits);
        assert_eq!(compare::<Address>(Expected::Pointer), Verdict::Size);
        const NAMED: Expected = Expected::PointerTo(Structure {
            names: &[""],
            content: 0,
        });
        assert_eq!(compare::<*mut u8>(NAMED), Verdict::Fits);
        assert_eq!(compare::<Address>(NAMED), Verdict::Size);
    }

    #[test]
    fn an_enumeration_may_have_either_sign() {
        assert_eq!(compare::<i32>(Expected::Enum { size: 4 }), Verdict::Fits);
        assert_eq!(compare::<u32>(Expected::Enum { size: 4 }), Verdict::Fits);
        assert_eq!(compare::<u8>(Expected::Enum { size: 4 }), Verdict::Size);
    }

    fn pointer<T>(target: Target, written: &str) -> Verdict {
        const SEQ_FILE: Expected = Expected::PointerTo(Structure {
            names: &["seq_file"],
            content: 0,
        });
        super::compare::<*mut T>(target, written, &SEQ_FILE)
    }

    #[test]
    fn pointer_targets_are_compared_by_name() {
        let seq_file = Probe::<bindings::seq_file>::TARGET;
        assert_eq!(
            pointer::<bindings::seq_file>(seq_file, "Alias"),
            Verdict::Fits
        );
        let file = Probe::<bindings::file>::TARGET;
        assert_eq!(pointer::<bindings::file>(file, "seq_file"), Verdict::Target);
        assert_eq!(
            pointer::<c_void>(Probe::<c_void>::TARGET, ""),
            Verdict::Fits
        );
        assert_eq!(pointer::<u8>(Probe::<u8>::TARGET, ""), Verdict::Target);
    }

    #[test]
    fn structures_of_one_name_are_compared_by_content() {
        let is = |target, content| {
            let structure = Structure {
                names: &["slot_t", "slot"],
                content,
            };
            super::compare::<*mut u8>(target, "slot", &Expected::PointerTo(structure))
        };
        assert_eq!(is(Target::View("slot", 1), 1), Verdict::Fits);
        assert_eq!(is(Target::View("slot", 1), 2), Verdict::Content);
        assert_eq!(is(Target::View("slit", 1), 1), Verdict::Target);
        // If one hash is unknown, only the names are compared.
        assert_eq!(is(Target::View("slot", 0), 2), Verdict::Fits);
        assert_eq!(is(Target::View("slot_t", 1), 0), Verdict::Fits);
        assert_eq!(is(Target::Named("slot"), 2), Verdict::Fits);
    }

    #[test]
    fn unknown_types_are_compared_by_spelling() {
        let own = Probe::<Own>::TARGET;
        assert_eq!(pointer::<Own>(own, "seq_file"), Verdict::Fits);
        assert_eq!(pointer::<Own>(own, "seq_fil"), Verdict::Target);
        assert_eq!(pointer::<Own>(own, "seq_file2"), Verdict::Target);
        assert_eq!(pointer::<Own>(own, ""), Verdict::Target);
    }

    #[test]
    fn pointers_to_scalars_are_compared_by_size() {
        let int = Expected::PointerToScalar { size: 4 };
        let is = |target| super::compare::<*mut u32>(target, "", &int);
        assert_eq!(is(Probe::<u32>::TARGET), Verdict::Fits);
        assert_eq!(is(Probe::<u64>::TARGET), Verdict::Size);
        assert_eq!(is(Probe::<c_void>::TARGET), Verdict::Fits);
        assert_eq!(is(Probe::<bindings::file>::TARGET), Verdict::Target);
    }
}
