// SPDX-License-Identifier: GPL-2.0-only

//! Conversion of the arguments and the result of [`original`](mod@crate::original).

use super::{pinned, unpinned, CAbi, Value, EOVERFLOW};
use crate::layout::{KernelStruct, Whole};
use crate::platform::alloc::KBox;
use crate::platform::wrappers::{
    Credential, Device, File, LocalFile, Mm, PidNamespace, SeqFile, Task,
};
use crate::platform::{self, Error};
use core::ffi::CStr;
use core::pin::Pin;
use core::ptr::{self, NonNull};

/// A type that can be an argument of `original`: the reverse of [`FromC`](super::FromC).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be passed to `original`",
    label = "there is no conversion of this type to C",
    note = "implement `klp::abi::ToOriginal` for types of your own"
)]
pub trait ToOriginal: CAbi {
    /// Converts the argument to the C type.
    fn to_original(self) -> Self::C;
}

/// A type that can be the result of `original`: the reverse of [`IntoC`](super::IntoC).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the result of `original`",
    label = "there is no conversion of this type from C",
    note = "a pointer that the C function returns may be `NULL`: write `Option<Pin<KBox<T>>>`, `Option<NonNull<T>>`, or a `Result` of these",
    note = "implement `klp::abi::FromOriginal` for types of your own"
)]
pub trait FromOriginal: CAbi {
    /// Converts the result of the C function.
    ///
    /// # Safety
    ///
    /// `c` is the result of a C function whose result `Self` describes. If that passes ownership, it is converted once.
    unsafe fn from_original(c: Self::C) -> Self;
}

macro_rules! same_in_c {
    ($($type:ty $(where $t:ident)?;)*) => {$(
        impl$(<$t>)? ToOriginal for $type {
            #[inline(always)]
            fn to_original(self) -> Self {
                self
            }
        }

        impl$(<$t>)? FromOriginal for $type {
            #[inline(always)]
            unsafe fn from_original(c: Self) -> Self {
                c
            }
        }
    )*};
}

same_in_c! {
    u8; u16; u32; u64; usize;
    i8; i16; i32; i64; isize;
    bool;
    *const T where T;
    *mut T where T;
}

impl FromOriginal for () {
    #[inline(always)]
    unsafe fn from_original((): ()) {}
}

impl<T> ToOriginal for Option<NonNull<T>> {
    #[inline(always)]
    fn to_original(self) -> *mut T {
        self.map_or(ptr::null_mut(), NonNull::as_ptr)
    }
}

impl<T> FromOriginal for Option<NonNull<T>> {
    #[inline(always)]
    unsafe fn from_original(c: *mut T) -> Self {
        NonNull::new(c)
    }
}

/// Implements [`ToOriginal`] for references to wrappers, and `Option`s of them. C may change their targets, which are
/// `Opaque`.
macro_rules! wrappers {
    ($($wrapper:ty)*) => {$(
        impl ToOriginal for &$wrapper {
            #[inline(always)]
            fn to_original(self) -> Self::C {
                ptr::from_ref(self).cast_mut().cast()
            }
        }

        impl ToOriginal for Option<&$wrapper> {
            #[inline(always)]
            fn to_original(self) -> Self::C {
                self.map_or(ptr::null_mut(), ToOriginal::to_original)
            }
        }
    )*};
}

wrappers! { Credential Device File LocalFile Mm PidNamespace SeqFile Task }

impl<T: KernelStruct> ToOriginal for &T {
    #[inline(always)]
    fn to_original(self) -> *mut T {
        ptr::from_ref(self).cast_mut()
    }
}

impl<T: KernelStruct> ToOriginal for Option<&T> {
    #[inline(always)]
    fn to_original(self) -> *mut T {
        self.map_or(ptr::null_mut(), ToOriginal::to_original)
    }
}

/// The C function takes ownership of the structure.
impl<T: Whole> ToOriginal for KBox<T> {
    #[inline(always)]
    fn to_original(self) -> *mut T {
        KBox::into_raw(self)
    }
}

impl<T: Whole> ToOriginal for Option<KBox<T>> {
    #[inline(always)]
    fn to_original(self) -> *mut T {
        self.map_or(ptr::null_mut(), KBox::into_raw)
    }
}

/// The C function takes ownership of the structure, which C may have created.
impl<T: Whole> ToOriginal for Pin<KBox<T>> {
    #[inline(always)]
    fn to_original(self) -> *mut T {
        unpinned(self)
    }
}

impl<T: Whole> ToOriginal for Option<Pin<KBox<T>>> {
    #[inline(always)]
    fn to_original(self) -> *mut T {
        self.map_or(ptr::null_mut(), unpinned)
    }
}

/// The C function passes ownership of the structure. C may keep pointers to it.
impl<T: Whole> FromOriginal for Option<Pin<KBox<T>>> {
    #[inline(always)]
    unsafe fn from_original(c: *mut T) -> Self {
        // SAFETY: not `NULL`, and the caller guarantees that C passed ownership, and that `kfree()` frees
        // it.
        NonNull::new(c).map(|c| unsafe { pinned(c.as_ptr()) })
    }
}

impl ToOriginal for &CStr {
    #[inline(always)]
    fn to_original(self) -> Self::C {
        self.as_ptr()
    }
}

impl ToOriginal for Option<&CStr> {
    #[inline(always)]
    fn to_original(self) -> Self::C {
        self.map_or(ptr::null(), CStr::as_ptr)
    }
}

/// A type of `Ok` in a result of `original`: the reverse of [`Value`].
#[diagnostic::on_unimplemented(
    message = "`Result<{Self}>` cannot be the result of `original`",
    label = "C may return `NULL` here",
    note = "write `Result<Option<Pin<KBox<T>>>>`, `Result<Option<NonNull<T>>>` or `Result<*mut T>`"
)]
pub trait FromValue: Value {
    /// Converts the result of the C function to a value or an error.
    ///
    /// # Safety
    ///
    /// As for [`FromOriginal::from_original`].
    unsafe fn from_value(c: Self::C) -> Result<Self, Error>
    where
        Self: Sized;
}

impl<T: FromValue> FromOriginal for Result<T, Error> {
    #[inline(always)]
    unsafe fn from_original(c: T::C) -> Self {
        // SAFETY: guaranteed by the caller.
        unsafe { T::from_value(c) }
    }
}

/// `MAX_ERRNO` as a signed number.
const MAX_ERRNO: i64 = super::MAX_ERRNO as i64;

/// Returns the error if `c` is an errno.
#[inline(always)]
fn errno(c: i64) -> Option<Error> {
    let is_errno = (-MAX_ERRNO..0).contains(&c);
    // CAST: a value in the range fits.
    // SAFETY: `c` is in the range of errnos.
    is_errno.then(|| unsafe { platform::error(c as i32) })
}

/// Implements [`FromValue`] for integers in C: value, conversion of a number that is not an errno.
macro_rules! integer_values {
    ($($type:ty: |$c:ident| $convert:expr;)*) => {$(
        impl FromValue for $type {
            #[inline(always)]
            unsafe fn from_value($c: Self::C) -> Result<Self, Error> {
                // CAST: widens, or keeps the width.
                match errno($c as i64) {
                    Some(error) => Err(error),
                    None => $convert,
                }
            }
        }
    )*};
}

integer_values! {
    (): |_c| Ok(());
    i32: |c| Ok(c);
    i64: |c| Ok(c);
    isize: |c| Ok(c);
    // A negative number that is not an errno is no size: `EOVERFLOW`, as in `Value`.
    usize: |c| usize::try_from(c).map_err(|_| Error::from_errno(EOVERFLOW as i32));
    bool: |c| Ok(c != 0);
}

/// Implements [`FromValue`] for pointers in C, where an errno is an `ERR_PTR()`.
macro_rules! pointer_values {
    ($($type:ty $(where T: $bound:path)?;)*) => {$(
        impl<T $(: $bound)?> FromValue for $type {
            #[inline(always)]
            unsafe fn from_value(c: Self::C) -> Result<Self, Error> {
                // CAST: an address in the last page is a small negative number.
                match errno(c.addr() as i64) {
                    Some(error) => Err(error),
                    // SAFETY: guaranteed by the caller.
                    None => Ok(unsafe { FromOriginal::from_original(c) }),
                }
            }
        }
    )*};
}

pointer_values! {
    *const T;
    *mut T;
    Option<NonNull<T>>;
    Option<Pin<KBox<T>>> where T: Whole;
}

#[cfg(test)]
mod tests {
    use super::super::{Call, FromC, IntoC};
    use super::*;
    use crate::platform::alloc::GFP_KERNEL;
    use core::fmt::Debug;

    fn einval() -> Error {
        Error::from_errno(-22)
    }

    /// Asserts that a result that the replacement passes on is the same in C.
    fn round_trip<T>(c: T::C, expected: T)
    where
        T: FromOriginal + IntoC + Debug + PartialEq,
        T::C: Copy + Debug + PartialEq,
    {
        // SAFETY: integers, or pointers that are not dereferenced.
        let result = unsafe { T::from_original(c) };
        assert_eq!(result, expected);
        assert_eq!(result.into_c(), c);
    }

    #[test]
    fn results_round_trip_through_c() {
        round_trip(-1_i32, -1);
        round_trip(0, Ok::<(), Error>(()));
        round_trip(-22, Err::<(), _>(einval()));
        round_trip(7, Ok::<i32, Error>(7));
        round_trip(-22, Err::<i32, _>(einval()));
        round_trip(1, Ok::<bool, Error>(true));
        round_trip(-22_isize, Err::<usize, _>(einval()));
        round_trip(isize::MAX, Ok::<usize, Error>(isize::MAX as usize));
        round_trip(-22_i64, Err::<i64, _>(einval()));
        round_trip(true, true);
        round_trip((), ());
    }

    #[test]
    fn negative_values_below_the_errnos_are_values() {
        round_trip(-4095, Err::<i32, _>(Error::from_errno(-4095)));
        round_trip(-4096, Ok::<i32, Error>(-4096));
        round_trip(i64::MIN, Ok::<i64, Error>(i64::MIN));
        // SAFETY: any integer can be converted.
        let size = unsafe { <Result<usize, Error>>::from_original(-4096) };
        assert_eq!(size.map_err(Error::to_errno), Err(-75));
    }

    #[test]
    fn error_pointers_become_errnos() {
        let at = |address: usize| ptr::without_provenance_mut::<u8>(address);
        round_trip(at(16), Ok::<_, Error>(at(16)));
        round_trip(at(0), Ok::<Option<NonNull<u8>>, Error>(None));
        round_trip(at(usize::MAX - 21), Err::<*mut u8, _>(einval()));
        round_trip(at(usize::MAX - 21), Err::<Option<NonNull<u8>>, _>(einval()));
        round_trip(at(usize::MAX - 4095), Ok::<_, Error>(at(usize::MAX - 4095)));
        round_trip(at(0), None::<NonNull<u8>>);
    }

    struct Pair(u32, u32);

    // SAFETY: there is no kernel in this test, and any bytes are a value.
    unsafe impl KernelStruct for Pair {
        const NAME: &'static str = "pair";
    }

    // SAFETY: as above.
    unsafe impl Whole for Pair {}

    #[test]
    fn boxes_pass_through_the_original() {
        let Ok(boxed) = KBox::new(Pair(1, 2), GFP_KERNEL) else {
            panic!("no memory");
        };
        let c = boxed.to_original();
        // SAFETY: the pointer is from a box whose ownership was passed on, and is converted once.
        let back = unsafe { <Result<Option<Pin<KBox<Pair>>>, Error>>::from_original(c) };
        assert!(matches!(
            back.as_ref().map(Option::as_deref),
            Ok(Some(Pair(1, 2)))
        ));
        assert!(None::<KBox<Pair>>.to_original().is_null());
        // SAFETY: `NULL` becomes `None`.
        assert!(unsafe { Option::<Pin<KBox<Pair>>>::from_original(ptr::null_mut()) }.is_none());
    }

    #[test]
    fn arguments_round_trip_through_c() {
        let call = Call::new();
        let mut pair = Pair(1, 2);
        let c = &raw mut pair;
        // SAFETY: the pointer is to a live structure.
        let reference: &Pair = unsafe { FromC::from_c(c, &call) };
        assert_eq!(reference.to_original(), c);
        assert_eq!(Some(reference).to_original(), c);
        assert!(None::<&Pair>.to_original().is_null());
        assert!(None::<&SeqFile>.to_original().is_null());
        assert_eq!(c"x".to_original(), c"x".as_ptr());
        assert!(None::<&CStr>.to_original().is_null());
        assert_eq!(NonNull::new(c).to_original(), c);
    }
}
