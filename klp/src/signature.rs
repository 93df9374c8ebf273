// SPDX-License-Identifier: GPL-2.0-only

//! Compares the C types of a replacement with those of the kernel's function, while the patch
//! compiles.
//!
//! `#[livepatch]` knows from the kernel's type information what C expects, and only the compiler
//! knows which types the author's words stand for. So the macro writes down the former, and a
//! constant of the patch compares both: a patch that differs does not compile.

use crate::platform::bindings;
use crate::platform::wrappers::{
    Credential, Device, File, LocalFile, Mm, PidNamespace, SeqFile, Task,
};
use core::ffi::c_void;
use core::marker::PhantomData;
use core::ptr::NonNull;

/// A C type, as far as a call is concerned.
#[derive(Clone, Copy)]
pub enum Shape {
    /// No value.
    Void,
    /// `bool`.
    Bool,
    /// An integer, or an enumeration.
    Integer {
        /// Whether it can be negative.
        signed: bool,
    },
    /// A pointer to anything.
    Pointer,
    /// A structure or union that is passed by value.
    Aggregate,
}

/// What an argument's type says that its C type does not.
#[derive(Clone, Copy)]
pub enum Claim {
    /// Nothing.
    Nothing,
    /// What is behind a `void *`.
    Object,
    /// That the function is a `proc_handler`.
    Handler,
    /// That it is one of whole numbers.
    Ints,
    /// That a pointer to such an integer may be read and written through.
    Place {
        /// Whether the integer can be negative.
        signed: bool,
        /// Its size in bytes.
        size: usize,
    },
}

/// What is known of a pointer that a replacement returns. C follows it.
#[derive(Clone, Copy)]
pub enum Given {
    /// Nothing.
    Anything,
    /// C gave it, or the memory is the caller's from then on.
    Sound,
}

/// Stands for what an author answers for, where the lint `unsafe_code` is to find it.
///
/// # Safety
///
/// What nobody checks of the patch, or of the function, is as the author says.
pub const unsafe fn vouched() {}

/// What a pointer of the author's points to.
#[derive(Clone, Copy)]
pub enum Target {
    /// `void`: it says nothing.
    Any,
    /// The kernel's structure of this name.
    Named(&'static str),
    /// The one of that content, which is 0 when that is not known.
    View(&'static str, u64),
    /// An integer, a `bool` or a pointer of this size.
    Scalar(Shape, usize),
    /// A type that nothing is known about but how the author wrote it.
    Unknown,
}

/// A type that C can pass to a function or take from it. There are no others than those here and the
/// views of structures: `Target` keeps them out.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no C type",
    label = "C cannot pass this to a function",
    note = "an integer, `bool`, a raw pointer, and a structure with `#[kernel_struct(...)]` are C types"
)]
pub trait CType {
    /// What it is to C.
    const SHAPE: Shape;
    /// What it points to; `()` when it is no pointer, and for a structure itself.
    type Target: sealed::TargetOf<Self>;
}

mod sealed {
    /// What a C type points to. Whoever could say this of a type of their own could pass anything for
    /// anything.
    #[diagnostic::on_unimplemented(
        message = "`{C}` cannot be made a C type",
        label = "klp knows all of C's types",
        note = "implement `klp::abi::CAbi` over one of them, such as `u32`"
    )]
    #[allow(unreachable_pub)] // It is public so that nobody else can name it.
    pub trait TargetOf<C: ?Sized> {}

    /// A C type that says nothing of what it points to: no reference, which would be a promise that
    /// nobody made.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` is no plain C type",
        label = "no integer, `bool`, raw pointer or whole view of a structure"
    )]
    pub trait Raw: super::CType {}
}
pub(crate) use sealed::{Raw, TargetOf};

/// A type whose name C knows. Behind a pointer its name is compared.
#[doc(hidden)]
pub trait Pointee {
    /// What C calls it.
    const TARGET: Target;
}

/// Asks a type for what only some types know.
///
/// `Probe::<T>::TARGET` is the type's own when it is a [`Pointee`], else that of [`Otherwise`]: an
/// item of a type goes before one of a trait.
pub struct Probe<T>(PhantomData<T>);

impl<T: Pointee> Probe<T> {
    /// What the type is called in C.
    pub const TARGET: Target = T::TARGET;
}

/// What is known of a type that says nothing.
pub trait Otherwise {
    /// Nothing.
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

// What a function of the kernel takes or gives: `NULL` where there may be none, and a structure's
// address.

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

/// What C expects at one place of the signature.
pub enum Expected {
    /// No result.
    Void,
    /// `bool`.
    Bool,
    /// An integer.
    Integer {
        /// Whether it can be negative.
        signed: bool,
        /// Its size in bytes.
        size: usize,
    },
    /// An enumeration, whose sign is the compiler's choice.
    Enum {
        /// Its size in bytes.
        size: usize,
    },
    /// A pointer to `void`, to a function, or to what cannot be compared.
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
        /// Which.
        structure: Structure,
        /// Its size in bytes.
        size: usize,
    },
}

/// Which structure or union C expects.
pub struct Structure {
    /// Its tag and the names of its `typedef`s.
    pub names: &'static [&'static str],
    /// Tells it from others of that name; 0 when that is not known.
    pub content: u64,
}

/// How the author's type goes with what C expects.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It does.
    Fits,
    /// One is an integer and the other a pointer, for example.
    Kind,
    /// It has another size.
    Size,
    /// One can be negative, and the other cannot.
    Sign,
    /// It points to something else, or is another structure.
    Target,
    /// It is, or points to, another structure of the right name.
    Content,
}

/// Compares a type with what C expects. `target` is what it points to, or which structure it is,
/// and `written` the name under which the author wrote that.
pub const fn compare<T: CType>(target: Target, written: &str, expected: &Expected) -> Verdict {
    compare_shape(T::SHAPE, size_of::<T>(), target, written, expected)
}

/// The same for a type of this shape and size.
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
            // Another name for a type that is known, or an array of it.
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

/// Whether both are the same.
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
    fn integers_have_a_size_and_a_sign() {
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

    /// A view by value, which says another shape of itself than that of a structure.
    macro_rules! forged {
        ($name:ident, $shape:ident) => {
            #[allow(dead_code)]
            struct $name([u64; 8]);

            // SAFETY: nothing asks the kernel here.
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
    fn every_type_has_a_size() {
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
    fn an_enumeration_takes_either_sign() {
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
        // Where one is not known, the name has to do.
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
