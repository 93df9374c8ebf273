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
    message = "`{Self}` cannot be given to `original`",
    label = "it is not known how this goes back to C",
    note = "implement `klp::abi::ToOriginal` for types of your own"
)]
pub trait ToOriginal: CAbi {
    /// Converts to what the C function takes.
    fn to_original(self) -> Self::C;
}

/// A type that can be the result of `original`: the reverse of [`IntoC`](super::IntoC).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the result of `original`",
    label = "it is not known how this comes from C",
    note = "a pointer that the C function returns may be `NULL`: write `Option<Pin<KBox<T>>>`, `Option<NonNull<T>>`, or a `Result` of these",
    note = "implement `klp::abi::FromOriginal` for types of your own"
)]
pub trait FromOriginal: CAbi {
    /// Converts what the C function returned.
    ///
    /// # Safety
    ///
    /// `c` is the result of a C function whose result means what `Self` stands for. What it gives
    /// away is given to nobody else.
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

/// References to wrappers, and `Option`s of them. C changes what is behind them as it likes: they
/// are `Opaque`.
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

/// The C function takes the structure over.
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

/// The same, of a structure that C has made.
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

/// The C function gives the structure away. It may have pointers into it.
impl<T: Whole> FromOriginal for Option<Pin<KBox<T>>> {
    #[inline(always)]
    unsafe fn from_original(c: *mut T) -> Self {
        // SAFETY: not `NULL`, and the caller vouches that it was given away, from where `kfree()`
        // takes it back.
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

/// What `Ok` of a result of `original` may hold: the reverse of [`Value`].
#[diagnostic::on_unimplemented(
    message = "`Result<{Self}>` cannot be the result of `original`",
    label = "C may return `NULL` here",
    note = "write `Result<Option<Pin<KBox<T>>>>`, `Result<Option<NonNull<T>>>` or `Result<*mut T>`"
)]
pub trait FromValue: Value {
    /// The value, or the errno.
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
        // SAFETY: as the caller vouches.
        unsafe { T::from_value(c) }
    }
}

/// The same, as an errno.
const MAX_ERRNO: i64 = super::MAX_ERRNO as i64;

/// The errno that `c` is, if it is one.
#[inline(always)]
fn errno(c: i64) -> Option<Error> {
    let is_errno = (-MAX_ERRNO..0).contains(&c);
    // CAST: it fits, as the range says.
    // SAFETY: it is in the range.
    is_errno.then(|| unsafe { platform::error(c as i32) })
}

/// Values that are integers in C: value, conversion of what is no errno.
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
    // As such a size goes to C: see `Value`.
    usize: |c| usize::try_from(c).map_err(|_| Error::from_errno(EOVERFLOW as i32));
    bool: |c| Ok(c != 0);
}

/// Values that are pointers in C, which `IS_ERR()` tells from an errno.
macro_rules! pointer_values {
    ($($type:ty $(where T: $bound:path)?;)*) => {$(
        impl<T $(: $bound)?> FromValue for $type {
            #[inline(always)]
            unsafe fn from_value(c: Self::C) -> Result<Self, Error> {
                // CAST: an address near the end is a small negative number.
                match errno(c.addr() as i64) {
                    Some(error) => Err(error),
                    // SAFETY: as the caller vouches.
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

    /// A result that C returns and the replacement hands on is the same in C.
    fn goes_through<T>(c: T::C, expected: T)
    where
        T: FromOriginal + IntoC + Debug + PartialEq,
        T::C: Copy + Debug + PartialEq,
    {
        // SAFETY: integers, or pointers that nobody follows.
        let result = unsafe { T::from_original(c) };
        assert_eq!(result, expected);
        assert_eq!(result.into_c(), c);
    }

    #[test]
    fn results_come_back_as_they_were() {
        goes_through(-1_i32, -1);
        goes_through(0, Ok::<(), Error>(()));
        goes_through(-22, Err::<(), _>(einval()));
        goes_through(7, Ok::<i32, Error>(7));
        goes_through(-22, Err::<i32, _>(einval()));
        goes_through(1, Ok::<bool, Error>(true));
        goes_through(-22_isize, Err::<usize, _>(einval()));
        goes_through(isize::MAX, Ok::<usize, Error>(isize::MAX as usize));
        goes_through(-22_i64, Err::<i64, _>(einval()));
        goes_through(true, true);
        goes_through((), ());
    }

    /// Not every negative number is an errno.
    #[test]
    fn negative_values_beyond_all_errnos_are_values() {
        goes_through(-4095, Err::<i32, _>(Error::from_errno(-4095)));
        goes_through(-4096, Ok::<i32, Error>(-4096));
        goes_through(i64::MIN, Ok::<i64, Error>(i64::MIN));
        // SAFETY: an integer.
        let size = unsafe { <Result<usize, Error>>::from_original(-4096) };
        assert_eq!(size.map_err(Error::to_errno), Err(-75));
    }

    #[test]
    fn pointers_carry_errnos() {
        let at = |address: usize| ptr::without_provenance_mut::<u8>(address);
        goes_through(at(16), Ok::<_, Error>(at(16)));
        goes_through(at(0), Ok::<Option<NonNull<u8>>, Error>(None));
        goes_through(at(usize::MAX - 21), Err::<*mut u8, _>(einval()));
        goes_through(at(usize::MAX - 21), Err::<Option<NonNull<u8>>, _>(einval()));
        goes_through(at(usize::MAX - 4095), Ok::<_, Error>(at(usize::MAX - 4095)));
        goes_through(at(0), None::<NonNull<u8>>);
    }

    struct Pair(u32, u32);

    // SAFETY: nothing asks the kernel here.
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
        // SAFETY: it is from a box that was given away, and is taken once.
        let back = unsafe { <Result<Option<Pin<KBox<Pair>>>, Error>>::from_original(c) };
        assert!(matches!(
            back.as_ref().map(Option::as_deref),
            Ok(Some(Pair(1, 2)))
        ));
        assert!(None::<KBox<Pair>>.to_original().is_null());
        // SAFETY: `NULL` is no box.
        assert!(unsafe { Option::<Pin<KBox<Pair>>>::from_original(ptr::null_mut()) }.is_none());
    }

    #[test]
    fn arguments_go_back_as_they_came() {
        let call = Call::new();
        let mut pair = Pair(1, 2);
        let c = &raw mut pair;
        // SAFETY: the structure is there.
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
