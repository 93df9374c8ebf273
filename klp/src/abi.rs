// SPDX-License-Identifier: GPL-2.0-only

//! Conversion of a replacement's arguments and results between C and Rust.
//!
//! The kernel calls a replacement with the C types of the original function. `#[livepatch]` generates that C
//! signature, and converts with the traits of this module.
//!
//! <!-- table: types -->
//! | Rust | C | as | note |
//! | --- | --- | --- | --- |
//! | `u8`, `u16`, `u32`, `u64`, `usize`, `i8`, `i16`, `i32`, `i64`, `isize`, `bool` | the same integer | argument, result | |
//! | `*const T`, `*mut T` | a pointer | argument, result | as a result it needs `unsafe` in `#[livepatch(..)]`, because C follows it |
//! | `Option<NonNull<T>>` | a pointer | argument, result | `None` is `NULL` |
//! | `NonNull<T>` | a pointer | result | never `NULL` |
//! | `&SeqFile`, `&Task`, `&LocalFile`, `&File`, `&Credential`, `&Device`, `&Mm`, `&PidNamespace` | a pointer to that C structure | argument | never `NULL` |
//! | `&T` | a pointer to the structure of the view `T` | argument | never `NULL` |
//! | `&CStr` | `const char *` | argument | never `NULL`; NUL-terminated |
//! | `Option<&SeqFile>`, `Option<&T>`, `Option<&CStr>` | the same pointers | argument | `None` is `NULL` or an `ERR_PTR()`; likewise for the other references |
//! | `InOut<'_, i64>`, `InOut<'_, u32>` | `loff_t *`, `unsigned int *`: a pointer to an integer of that size and sign | argument | never `NULL` |
//! | `Option<InOut<'_, i64>>` | the same pointer | argument | `None` is `NULL` |
//! | `SockPtr<'_>` | `sockptr_t`, by value | argument | |
//! | `&SyscallArgs` | `const struct pt_regs *` of a system call | argument | |
//! | `&IntTable`, `Buffer<'_>`, `Length<'_>`, `Position<'_>` | the arguments of a `proc_handler` | argument | |
//! | `Pin<KBox<T>>` | a pointer to a structure from `kmalloc()` | argument, result | the function takes ownership of an argument and gives up that of a result; never `NULL` |
//! | `Option<Pin<KBox<T>>>` | the same pointer | argument, result | `None` is `NULL` |
//! | `KBox<T>`, `Option<KBox<T>>` | the same pointer | result | to a structure created in Rust |
//! | `Returned<T>` | a pointer | result | what `original` returned, or `Returned::null()` |
//! | `()` | `void` | result | |
//! | `Result` | `int` | result | 0 or a negative errno |
//! | `Result<i32>` | `int` | result | the value or a negative errno |
//! | `Result<bool>` | `int` | result | 0, 1 or a negative errno |
//! | `Result<isize>`, `Result<usize>` | `long`, `ssize_t` | result | the value or a negative errno |
//! | `Result<i64>` | `long long`, `loff_t` | result | the value or a negative errno |
//! | `Result<*mut T>`, `Result<NonNull<T>>`, `Result<Returned<T>>`, `Result<Pin<KBox<T>>>` | a pointer, or an errno as `ERR_PTR()` | result | likewise for the other pointers |
//! <!-- end of table -->
//!
//! `T` is a [`KernelStruct`], or a [`Whole`] one in a box. A box from C is pinned, because C may keep pointers to the
//! structure.
//!
//! [`Bytes`](crate::bytes::Bytes) is for a pointer and a length, which are two arguments.
//!
//! The Rust signature has to match the C prototype. A C `int` that is 0 or an errno is a `Result`; a C `long` that is
//! 0 or an errno is a `Result<isize>`, because callers read 64 bits of it.
//!
//! # Strings
//!
//! The kernel's `char` is unsigned, so `c_char` of klp's prelude is `u8`, on the host too. `CStr::as_ptr()` and
//! `CStr::from_ptr()` use the `char` of user space, which is `i8` on some machines. Use the methods of `CStrExt`, which is
//! in the prelude: `text.as_char_ptr()` returns a `*const c_char`, and `CStr::from_char_ptr(pointer)` takes one.
//!
//! # Types of your own
//!
//! A newtype over an integer implements [`CAbi`] and the trait of its direction:
//!
//! ```
//! use klp::abi::{CAbi, Call, FromC, IntoC};
//!
//! /// A `umode_t`.
//! #[derive(Clone, Copy)]
//! struct Mode(u16);
//!
//! impl CAbi for Mode {
//!     type C = u16;
//! }
//!
//! impl FromC<'_> for Mode {
//!     unsafe fn from_c(c: u16, _call: &Call) -> Self {
//!         Mode(c)
//!     }
//! }
//!
//! impl IntoC for Mode {
//!     fn into_c(self) -> u16 {
//!         self.0
//!     }
//! }
//! ```

mod in_out;
mod original;
mod returned;
#[cfg(test)]
mod types;

pub use in_out::InOut;
pub use original::{FromOriginal, FromValue, ToOriginal};
pub use returned::Returned;

use crate::layout::{KernelStruct, Whole};
use crate::platform::alloc::KBox;
use crate::platform::wrappers::{
    Credential, Device, File, LocalFile, Mm, PidNamespace, SeqFile, Task,
};
use crate::platform::{bindings, Error};
use crate::signature::{Claim, Given, Raw};
use core::ffi::CStr;
use core::marker::PhantomData;
use core::pin::Pin;
use core::ptr::{self, NonNull};

/// A type that can be part of a replacement's signature.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot cross the boundary to C",
    label = "the kernel calls this function from C and cannot pass or take this type",
    note = "write an integer, `bool`, a raw pointer, `Option<NonNull<T>>`, a reference to a wrapper of the kernel such as `&SeqFile`, or as a result `()`, `Result`, `Result<usize>`",
    note = "the table in the documentation of `klp::abi` shows which C type each stands for; implement `klp::abi::CAbi` for types of your own"
)]
pub trait CAbi {
    /// The C type.
    type C: Raw;
    /// What the type claims beyond the C type.
    #[doc(hidden)]
    const CLAIM: Claim = Claim::Nothing;
    /// What is known about a result that is a pointer.
    #[doc(hidden)]
    const GIVEN: Given = Given::Anything;
}

/// A type that can be an argument of a replacement.
///
/// `'call` is the lifetime of the call, so an argument cannot be a `&'static` reference. The [module](self) has an
/// example.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a replacement",
    label = "not an argument type",
    note = "write an integer, `bool`, a raw pointer, `Option<NonNull<T>>`, or a reference to a wrapper of the kernel such as `&SeqFile`"
)]
pub trait FromC<'call>: CAbi {
    /// Converts the value that C passed.
    ///
    /// # Safety
    ///
    /// A C caller passed `c` for an argument that `Self` describes: if `Self` is a reference, `c` points to an object of
    /// that type that lives at least as long as `call`.
    unsafe fn from_c(c: Self::C, call: &'call Call) -> Self;
}

/// [`FromC`] as a trait of the C type, so that the compiler reports only the missing [`CAbi`] of a type without it.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{T}` cannot be an argument of a replacement",
    label = "not an argument type",
    note = "write an integer, `bool`, a raw pointer, `Option<NonNull<T>>`, or a reference to a wrapper of the kernel such as `&SeqFile`"
)]
pub trait Argument<'call, T> {
    /// Converts the value that C passed.
    ///
    /// # Safety
    ///
    /// As for [`FromC::from_c`].
    unsafe fn argument(self, call: &'call Call) -> T;
}

impl<'call, T: FromC<'call>> Argument<'call, T> for T::C {
    #[inline(always)]
    unsafe fn argument(self, call: &'call Call) -> T {
        // SAFETY: guaranteed by the caller.
        unsafe { T::from_c(self, call) }
    }
}

/// A type that can be the result of a replacement. The [module](self) has an example.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the result of a replacement",
    label = "not a result type",
    note = "write `()`, an integer, `bool`, a raw pointer, or a `Result` of these"
)]
pub trait IntoC: CAbi {
    /// Converts the result to the C type.
    fn into_c(self) -> Self::C;
}

/// [`IntoC`] as a trait of the C type, so that the compiler reports only the missing [`CAbi`] of a type without it.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{T}` cannot be the result of a replacement",
    label = "not a result type",
    note = "write `()`, an integer, `bool`, `Returned<T>`, or a `Result` of these"
)]
pub trait Answer<T> {
    /// Converts the result.
    fn answer(answer: T) -> Self;
}

impl<T: IntoC> Answer<T> for T::C {
    #[inline(always)]
    fn answer(answer: T) -> Self {
        answer.into_c()
    }
}

/// A call of a replacement. Its lifetime bounds those of the arguments. It is not `Send`.
pub struct Call(PhantomData<*mut ()>);

impl Call {
    /// Begins a call.
    #[doc(hidden)]
    #[allow(clippy::new_without_default)]
    #[inline(always)]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

/// Prevents tail calls before this point.
///
/// The livepatch core checks a task's stack for replacements. A replacement that ends in a tail call to a function of
/// the module is not on the stack while that function runs or sleeps, and the core would release the module. The
/// compiler cannot make a tail call before this statement, which generates no instructions.
#[doc(hidden)]
#[inline(always)]
pub fn stay_on_stack() {
    // Miri does not support inline assembly.
    #[cfg(not(miri))]
    // SAFETY: the assembly is empty.
    unsafe {
        core::arch::asm!("", options(nostack, preserves_flags));
    }
}

macro_rules! same_in_c {
    ($($type:ty)*) => {$(
        impl CAbi for $type {
            type C = Self;
        }

        impl FromC<'_> for $type {
            #[inline(always)]
            unsafe fn from_c(c: Self, _call: &Call) -> Self {
                c
            }
        }

        impl IntoC for $type {
            #[inline(always)]
            fn into_c(self) -> Self {
                self
            }
        }
    )*};
}

same_in_c! { u8 u16 u32 u64 usize i8 i16 i32 i64 isize bool }

impl<T> CAbi for *const T {
    type C = Self;
}

impl<T> FromC<'_> for *const T {
    #[inline(always)]
    unsafe fn from_c(c: Self, _call: &Call) -> Self {
        c
    }
}

impl<T> IntoC for *const T {
    #[inline(always)]
    fn into_c(self) -> Self {
        self
    }
}

impl<T> CAbi for *mut T {
    type C = Self;
}

impl<T> FromC<'_> for *mut T {
    #[inline(always)]
    unsafe fn from_c(c: Self, _call: &Call) -> Self {
        c
    }
}

impl<T> IntoC for *mut T {
    #[inline(always)]
    fn into_c(self) -> Self {
        self
    }
}

impl<T> CAbi for NonNull<T> {
    type C = *mut T;
}

impl<T> IntoC for NonNull<T> {
    #[inline(always)]
    fn into_c(self) -> *mut T {
        self.as_ptr()
    }
}

impl<T> CAbi for Option<NonNull<T>> {
    type C = *mut T;
}

impl<T> FromC<'_> for Option<NonNull<T>> {
    #[inline(always)]
    unsafe fn from_c(c: *mut T, _call: &Call) -> Self {
        NonNull::new(c)
    }
}

impl<T> IntoC for Option<NonNull<T>> {
    #[inline(always)]
    fn into_c(self) -> *mut T {
        self.map_or(ptr::null_mut(), NonNull::as_ptr)
    }
}

impl CAbi for () {
    type C = Self;
}

impl IntoC for () {
    #[inline(always)]
    fn into_c(self) {}
}

/// Returns whether a pointer is `NULL` or an `ERR_PTR()`.
#[inline(always)]
fn is_none<T>(c: *const T) -> bool {
    c.addr().wrapping_sub(1) >= usize::MAX - MAX_ERRNO
}

/// Implements the traits for references to wrappers, and `Option`s of them.
macro_rules! wrappers {
    ($($wrapper:ty => $c:ty;)*) => {$(
        impl CAbi for &$wrapper {
            type C = *mut $c;
            const CLAIM: Claim = Claim::Object;
        }

        impl<'call> FromC<'call> for &'call $wrapper {
            #[inline(always)]
            unsafe fn from_c(c: *mut $c, _call: &'call Call) -> Self {
                // SAFETY: the caller guarantees that the object exists. The wrapper is `repr(transparent)`
                // over `Opaque` of the C structure, so the pointers are interchangeable, and
                // C may access the object at the same time.
                unsafe { &*c.cast::<$wrapper>() }
            }
        }

        impl CAbi for Option<&$wrapper> {
            type C = *mut $c;
            const CLAIM: Claim = Claim::Object;
        }

        impl<'call> FromC<'call> for Option<&'call $wrapper> {
            #[inline(always)]
            unsafe fn from_c(c: *mut $c, _call: &'call Call) -> Self {
                // SAFETY: not `NULL` and not an `ERR_PTR()`; the rest as for `&$wrapper`.
                (!is_none(c)).then(|| unsafe { &*c.cast::<$wrapper>() })
            }
        }

        const _: () = assert!(size_of::<$wrapper>() == size_of::<$c>());
    )*};
}

wrappers! {
    Credential => bindings::cred;
    Device => bindings::device;
    File => bindings::file;
    LocalFile => bindings::file;
    Mm => bindings::mm_struct;
    PidNamespace => bindings::pid_namespace;
    SeqFile => bindings::seq_file;
    Task => bindings::task_struct;
}

impl<T: KernelStruct> CAbi for &T {
    type C = *mut T;
    const CLAIM: Claim = T::CLAIM;
}

impl<'call, T: KernelStruct> FromC<'call> for &'call T {
    #[inline(always)]
    unsafe fn from_c(c: *mut T, _call: &'call Call) -> Self {
        // SAFETY: the caller guarantees that the structure exists, and the trait what its contents may be.
        unsafe { &*c }
    }
}

impl<T: KernelStruct> CAbi for Option<&T> {
    type C = *mut T;
    const CLAIM: Claim = T::CLAIM;
}

impl<'call, T: KernelStruct> FromC<'call> for Option<&'call T> {
    #[inline(always)]
    unsafe fn from_c(c: *mut T, _call: &'call Call) -> Self {
        // SAFETY: not `NULL` and not an `ERR_PTR()`; the rest as for `&T`.
        (!is_none(c)).then(|| unsafe { &*c })
    }
}

/// A structure created in Rust.
impl<T: Whole> CAbi for KBox<T> {
    type C = *mut T;
    const CLAIM: Claim = Claim::Object;
    const GIVEN: Given = Given::Sound;
}

impl<T: Whole> IntoC for KBox<T> {
    #[inline(always)]
    fn into_c(self) -> *mut T {
        KBox::into_raw(self)
    }
}

/// A structure that C may have created. It is pinned, because C may keep pointers to it, and it may contain pointers to
/// itself, such as the head of an empty list.
impl<T: Whole> CAbi for Pin<KBox<T>> {
    type C = *mut T;
    const CLAIM: Claim = Claim::Object;
    const GIVEN: Given = Given::Sound;
}

/// The function owns the structure, as a C function that frees its argument does.
impl<T: Whole> FromC<'_> for Pin<KBox<T>> {
    #[inline(always)]
    unsafe fn from_c(c: *mut T, _call: &Call) -> Self {
        // SAFETY: the caller guarantees that C passed ownership of the structure, and that `kfree()`
        // frees it.
        unsafe { pinned(c) }
    }
}

impl<T: Whole> IntoC for Pin<KBox<T>> {
    #[inline(always)]
    fn into_c(self) -> *mut T {
        unpinned(self)
    }
}

/// Returns a pinned box of a structure in memory from `kmalloc()`.
///
/// # Safety
///
/// The caller owns the structure, and `kfree()` frees its memory.
#[inline(always)]
unsafe fn pinned<T>(c: *mut T) -> Pin<KBox<T>> {
    // SAFETY: guaranteed by the caller, and nothing moves out of the box.
    unsafe { Pin::new_unchecked(KBox::from_raw(c)) }
}

/// Returns the pointer of a pinned box: the reverse of [`pinned`].
#[inline(always)]
fn unpinned<T>(pinned: Pin<KBox<T>>) -> *mut T {
    // SAFETY: the pointer is passed to C, which does not move the structure.
    KBox::into_raw(unsafe { Pin::into_inner_unchecked(pinned) })
}

impl<T: Whole> CAbi for Option<KBox<T>> {
    type C = *mut T;
    const CLAIM: Claim = Claim::Object;
    const GIVEN: Given = Given::Sound;
}

impl<T: Whole> CAbi for Option<Pin<KBox<T>>> {
    type C = *mut T;
    const CLAIM: Claim = Claim::Object;
    const GIVEN: Given = Given::Sound;
}

impl<'call, T: Whole> FromC<'call> for Option<Pin<KBox<T>>> {
    #[inline(always)]
    unsafe fn from_c(c: *mut T, call: &'call Call) -> Self {
        if is_none(c) {
            return None;
        }
        // SAFETY: not `NULL` and not an `ERR_PTR()`; the caller guarantees the rest.
        Some(unsafe { FromC::from_c(c, call) })
    }
}

impl<T: Whole> IntoC for Option<KBox<T>> {
    #[inline(always)]
    fn into_c(self) -> *mut T {
        self.map_or(ptr::null_mut(), IntoC::into_c)
    }
}

impl<T: Whole> IntoC for Option<Pin<KBox<T>>> {
    #[inline(always)]
    fn into_c(self) -> *mut T {
        self.map_or(ptr::null_mut(), IntoC::into_c)
    }
}

impl CAbi for &CStr {
    type C = *const core::ffi::c_char;
    const CLAIM: Claim = Claim::Object;
}

impl<'call> FromC<'call> for &'call CStr {
    #[inline(always)]
    unsafe fn from_c(c: Self::C, _call: &'call Call) -> Self {
        // SAFETY: the caller guarantees a NUL-terminated string that lives as long as the call.
        unsafe { CStr::from_ptr(c) }
    }
}

impl CAbi for Option<&CStr> {
    type C = *const core::ffi::c_char;
    const CLAIM: Claim = Claim::Object;
}

impl<'call> FromC<'call> for Option<&'call CStr> {
    #[inline(always)]
    unsafe fn from_c(c: Self::C, call: &'call Call) -> Self {
        if is_none(c) {
            return None;
        }
        // SAFETY: not `NULL` and not an `ERR_PTR()`; the caller guarantees the rest.
        Some(unsafe { FromC::from_c(c, call) })
    }
}

/// A type of `Ok` in a [`Result`] whose values C can distinguish from an errno.
#[diagnostic::on_unimplemented(
    message = "`Result<{Self}>` cannot be the result of a replacement",
    label = "C has no way to tell this value from an errno",
    note = "write `Result`, `Result<i32>`, `Result<i64>`, `Result<isize>`, `Result<usize>`, `Result<bool>`, or a `Result` of a pointer"
)]
pub trait Value {
    /// The C type that holds either the value or an errno.
    type C: Raw;
    /// What is known about a value that is a pointer.
    #[doc(hidden)]
    const GIVEN: Given = Given::Anything;

    /// Converts the value to C.
    fn value(self) -> Self::C;

    /// Converts a negative errno to C.
    fn errno(errno: i32) -> Self::C;
}

impl<T: Value> CAbi for Result<T, Error> {
    type C = T::C;
    const GIVEN: Given = T::GIVEN;
}

impl<T: Value> IntoC for Result<T, Error> {
    #[inline(always)]
    fn into_c(self) -> T::C {
        match self {
            Ok(value) => value.value(),
            Err(error) => T::errno(error.to_errno()),
        }
    }
}

/// Implements [`Value`] for integers in C: value, C type, conversion.
macro_rules! integer_values {
    ($($type:ty as $c:ty: |$value:ident| $convert:expr;)*) => {$(
        impl Value for $type {
            type C = $c;

            #[inline(always)]
            fn value(self) -> $c {
                let $value = self;
                $convert
            }

            #[inline(always)]
            fn errno(errno: i32) -> $c {
                // CAST: widens, or keeps the width.
                errno as $c
            }
        }
    )*};
}

/// `MAX_ERRNO` of the kernel's `linux/err.h`.
const MAX_ERRNO: usize = 4095;

/// `EOVERFLOW` of the kernel's `asm-generic/errno.h`, negative.
const EOVERFLOW: isize = -75;

integer_values! {
    () as i32: |_value| 0;
    i32 as i32: |value| value;
    i64 as i64: |value| value;
    isize as isize: |value| value;
    // C would read such a large size as a negative number.
    usize as isize: |value| isize::try_from(value).unwrap_or(EOVERFLOW);
    bool as i32: |value| i32::from(value);
}

/// Implements [`Value`] for pointers in C, where an errno is an `ERR_PTR()`: an address in the last page.
macro_rules! pointer_values {
    ($($type:ty as $c:ty $(where T: $bound:path)?;)*) => {$(
        impl<T $(: $bound)?> Value for $type {
            type C = $c;
            const GIVEN: Given = <Self as CAbi>::GIVEN;

            #[inline(always)]
            fn value(self) -> $c {
                self.into_c()
            }

            #[inline(always)]
            fn errno(errno: i32) -> $c {
                ptr::without_provenance_mut::<T>(errno as isize as usize)
            }
        }
    )*};
}

pointer_values! {
    *const T as *const T;
    *mut T as *mut T;
    NonNull<T> as *mut T;
    Option<NonNull<T>> as *mut T;
    KBox<T> as *mut T where T: Whole;
    Option<KBox<T>> as *mut T where T: Whole;
    Pin<KBox<T>> as *mut T where T: Whole;
    Option<Pin<KBox<T>>> as *mut T where T: Whole;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::alloc::GFP_KERNEL;

    #[test]
    fn null_and_error_pointers_are_none() {
        let at = |address: usize| ptr::without_provenance::<u8>(address);
        for none in [0, usize::MAX, usize::MAX - 4094] {
            assert!(is_none(at(none)), "{none:#x}");
        }
        for some in [1, 4096, usize::MAX - 4095] {
            assert!(!is_none(at(some)), "{some:#x}");
        }
        let call = Call::new();
        let errno = ptr::without_provenance_mut(usize::MAX - 21);
        // SAFETY: an `ERR_PTR()` becomes `None`, not a reference.
        assert!(unsafe { Option::<&SeqFile>::from_c(errno, &call) }.is_none());
        // SAFETY: as above.
        assert!(unsafe { Option::<&CStr>::from_c(errno.cast(), &call) }.is_none());
    }

    #[test]
    fn results_become_errno_or_value() {
        let einval = || Error::from_errno(-22);
        assert_eq!(Ok::<(), Error>(()).into_c(), 0);
        assert_eq!(Err::<(), Error>(einval()).into_c(), -22);
        assert_eq!(Ok::<i32, Error>(7).into_c(), 7);
        assert_eq!(Ok::<bool, Error>(true).into_c(), 1);
        assert_eq!(Err::<isize, Error>(einval()).into_c(), -22_isize);
        assert_eq!(Ok::<usize, Error>(4096).into_c(), 4096_isize);
        assert_eq!(Err::<usize, Error>(einval()).into_c(), -22_isize);
    }

    #[test]
    fn sizes_above_isize_max_are_eoverflow() {
        assert_eq!(Ok::<usize, Error>(usize::MAX).into_c(), EOVERFLOW);
        assert_eq!(Ok::<usize, Error>(isize::MAX as usize).into_c(), isize::MAX);
    }

    #[test]
    fn pointers_carry_errnos_as_err_ptr_does() {
        let failed: *mut u8 = Err::<*mut u8, Error>(Error::from_errno(-12)).into_c();
        assert_eq!(failed.addr(), usize::MAX - 11);
        assert!(Ok::<Option<NonNull<u8>>, Error>(None).into_c().is_null());
    }

    /// Detects which traits `T` implements: an inherent method takes precedence over that of a trait.
    struct Probe<T>(PhantomData<T>);

    impl<T: FromC<'static>> Probe<T> {
        fn is_argument(&self) -> bool {
            true
        }
    }

    impl<T: IntoC> Probe<T> {
        fn is_result(&self) -> bool {
            true
        }
    }

    trait Neither {
        fn is_argument(&self) -> bool {
            false
        }

        fn is_result(&self) -> bool {
            false
        }
    }

    impl<T> Neither for Probe<T> {}

    type Result<T = ()> = core::result::Result<T, Error>;

    macro_rules! rows {
        ($([$($type:ty),+]: $($direction:ident)+, $c:literal, $note:literal;)*) => {$({
            let directions = [$(stringify!($direction)),+];
            $(
                let probe = Probe::<$type>(PhantomData);
                let name = stringify!($type);
                assert_eq!(probe.is_argument(), directions.contains(&"argument"), "{name}");
                assert_eq!(probe.is_result(), directions.contains(&"result"), "{name}");
            )+
        })*};
    }

    #[test]
    fn the_documented_types_have_these_directions() {
        use crate::sockptr::SockPtr;
        use crate::syscall::SyscallArgs;
        use crate::sysctl::{Buffer, IntTable, Length, Position};
        type T = Pair;
        types::for_each_type!(rows);
    }

    struct Pair(u32, u32);

    // SAFETY: there is no kernel in this test, and any bytes are a value.
    unsafe impl KernelStruct for Pair {
        const NAME: &'static str = "pair";
    }

    // SAFETY: as above.
    unsafe impl Whole for Pair {}

    #[test]
    fn boxes_round_trip_through_c() {
        let call = Call::new();
        let boxed = KBox::new(Pair(1, 2), GFP_KERNEL).ok();
        let c = boxed.into_c();
        // SAFETY: the pointer is from a box whose ownership was passed on.
        let pair: Option<Pin<KBox<Pair>>> = unsafe { FromC::from_c(c, &call) };
        assert!(matches!(pair.as_deref(), Some(Pair(1, 2))));
        assert!(None::<KBox<Pair>>.into_c().is_null());
        // SAFETY: a null pointer is allowed for an `Option`.
        let none: Option<Pin<KBox<Pair>>> = unsafe { FromC::from_c(ptr::null_mut(), &call) };
        assert!(none.is_none());
        let failed = Err::<KBox<Pair>, Error>(Error::from_errno(-12)).into_c();
        assert_eq!(failed.addr(), usize::MAX - 11);
    }

    #[test]
    fn null_is_none() {
        let call = Call::new();
        // SAFETY: a null pointer is allowed for an `Option`.
        let seq_file: Option<&SeqFile> = unsafe { FromC::from_c(ptr::null_mut(), &call) };
        assert!(seq_file.is_none());
        // SAFETY: as above.
        let string: Option<&CStr> = unsafe { FromC::from_c(ptr::null(), &call) };
        assert!(string.is_none());
        // SAFETY: a static string.
        let string: Option<&CStr> = unsafe { FromC::from_c(c"x".as_ptr(), &call) };
        assert_eq!(string, Some(c"x"));
    }
}
