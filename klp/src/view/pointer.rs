// SPDX-License-Identifier: GPL-2.0-only

//! The traits of pointers that accessors dereference, with `#[follow(unsafe)]`.

use super::access::{load, store};
use crate::layout::KernelStruct;
use crate::platform::wrappers::{
    Credential, Device, File, LocalFile, Mm, PidNamespace, SeqFile, Task,
};
use crate::platform::Error;
use core::ffi::{c_char, CStr};
use core::ptr::{self, NonNull};

/// `MAX_ERRNO` of the kernel's `linux/err.h`.
const MAX_ERRNO: usize = 4095;

/// A type that a followed member can point to: a view, a wrapper of the kernel such as `Task`, or `CStr`.
///
/// # Safety
///
/// A valid C pointer to the structure can be used as a reference to `Self` as long as the structure lives.
#[diagnostic::on_unimplemented(
    message = "a pointer to `{Self}` cannot be followed",
    label = "not a kernel structure",
    note = "declare a view of the structure with `#[kernel_struct(\"name_in_c\")]`; other pointers are raw, such as `*mut u8`"
)]
pub unsafe trait Followed {
    /// The target of the C pointer.
    #[doc(hidden)]
    type C;

    /// Converts the pointer to a reference.
    ///
    /// # Safety
    ///
    /// `pointer` is to such a structure, which lives for `'a`.
    #[doc(hidden)]
    unsafe fn follow<'a>(pointer: NonNull<Self::C>) -> &'a Self;

    /// Returns the C pointer.
    #[doc(hidden)]
    fn pointer(&self) -> *mut Self::C;
}

// SAFETY: a view assumes nothing about the structure's contents.
unsafe impl<V: KernelStruct> Followed for V {
    type C = V;

    #[inline(always)]
    unsafe fn follow<'a>(pointer: NonNull<V>) -> &'a V {
        // SAFETY: guaranteed by the caller.
        unsafe { pointer.as_ref() }
    }

    #[inline(always)]
    fn pointer(&self) -> *mut V {
        ptr::from_ref(self).cast_mut()
    }
}

macro_rules! wrappers {
    ($($wrapper:ident)*) => {$(
        // SAFETY: transparent over `Opaque` of the C structure.
        unsafe impl Followed for $wrapper {
            type C = Self;

            #[inline(always)]
            unsafe fn follow<'a>(pointer: NonNull<Self>) -> &'a Self {
                // SAFETY: guaranteed by the caller.
                unsafe { pointer.as_ref() }
            }

            #[inline(always)]
            fn pointer(&self) -> *mut Self {
                ptr::from_ref(self).cast_mut()
            }
        }
    )*};
}

wrappers! { Credential Device File LocalFile Mm PidNamespace SeqFile Task }

// SAFETY: a NUL-terminated string. That it does not change meanwhile is part of the author's claim.
unsafe impl Followed for CStr {
    type C = c_char;

    #[inline(always)]
    unsafe fn follow<'a>(pointer: NonNull<c_char>) -> &'a Self {
        // SAFETY: guaranteed by the caller.
        unsafe { CStr::from_ptr(pointer.as_ptr()) }
    }

    #[inline(always)]
    fn pointer(&self) -> *mut c_char {
        self.as_ptr().cast_mut().cast()
    }
}

/// The type of a member whose C pointer is followed: `&T`, `Option<&T>`, `Result<&T>`, `Result<Option<&T>>`.
///
/// # Safety
///
/// [`from_pointer`](Self::from_pointer) does not dereference `NULL` or an `ERR_PTR()`, unless the type excludes them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a pointer that can be followed",
    label = "not a pointer type of views",
    note = "write `&T`, `Option<&T>` where it may be `NULL`, `Result<&T>` where it may be `ERR_PTR()`, or `Result<Option<&T>>`"
)]
pub unsafe trait Pointer: Sized {
    /// The target of the C pointer.
    #[doc(hidden)]
    type C;

    /// Converts the C pointer.
    ///
    /// # Safety
    ///
    /// `pointer` is `NULL` or an `ERR_PTR()` only if the type allows that, and its target lives as long as `Self`.
    #[doc(hidden)]
    unsafe fn from_pointer(pointer: *mut Self::C) -> Self;

    /// Returns the C pointer.
    #[doc(hidden)]
    fn into_pointer(self) -> *mut Self::C;
}

// SAFETY: the type excludes `NULL` and `ERR_PTR()`.
unsafe impl<T: Followed + ?Sized> Pointer for &T {
    type C = T::C;

    #[inline(always)]
    unsafe fn from_pointer(pointer: *mut T::C) -> Self {
        // SAFETY: the caller guarantees that it is valid and not `NULL`.
        unsafe { T::follow(NonNull::new_unchecked(pointer)) }
    }

    #[inline(always)]
    fn into_pointer(self) -> *mut T::C {
        self.pointer()
    }
}

// SAFETY: `NULL` becomes `None`.
unsafe impl<T: Followed + ?Sized> Pointer for Option<&T> {
    type C = T::C;

    #[inline(always)]
    unsafe fn from_pointer(pointer: *mut T::C) -> Self {
        // SAFETY: the caller guarantees that a pointer other than `NULL` is valid.
        NonNull::new(pointer).map(|pointer| unsafe { T::follow(pointer) })
    }

    #[inline(always)]
    fn into_pointer(self) -> *mut T::C {
        self.map_or(ptr::null_mut(), Followed::pointer)
    }
}

// SAFETY: an `ERR_PTR()` becomes `Err`; the inner type handles `NULL`.
unsafe impl<P: Pointer> Pointer for Result<P, Error> {
    type C = P::C;

    #[inline(always)]
    unsafe fn from_pointer(pointer: *mut P::C) -> Self {
        let below_zero = pointer.addr().wrapping_neg();
        if (1..=MAX_ERRNO).contains(&below_zero) {
            // CAST: at most 4095.
            return Err(Error::from_errno(-(below_zero as i32)));
        }
        // SAFETY: the caller guarantees that a pointer other than an `ERR_PTR()` is valid.
        Ok(unsafe { P::from_pointer(pointer) })
    }

    #[inline(always)]
    fn into_pointer(self) -> *mut P::C {
        match self {
            Ok(pointer) => pointer.into_pointer(),
            // CAST: sign-extends, as `ERR_PTR()` does.
            Err(error) => ptr::without_provenance_mut(error.to_errno() as isize as usize),
        }
    }
}

/// Reads a pointer, once, and converts it.
///
/// # Safety
///
/// There is such a member at `place`, and its pointer is as [`Pointer::from_pointer`] requires.
#[inline(always)]
pub unsafe fn follow<P: Pointer>(place: *const u8) -> P {
    // SAFETY: any bytes are an address, and the caller guarantees the rest.
    unsafe { P::from_pointer(load(place)) }
}

/// Writes a pointer, once.
///
/// # Safety
///
/// There is such a member at `place`, which is writable.
#[inline(always)]
pub unsafe fn point<P: Pointer>(place: *mut u8, pointer: P) {
    // SAFETY: the caller guarantees that the member exists.
    unsafe { store(place, pointer.into_pointer()) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errno::EINVAL;

    fn read<P: Pointer>(pointer: *mut P::C) -> P {
        // SAFETY: the tests pass pointers that the type allows, to static strings.
        unsafe { follow((&raw const pointer).cast()) }
    }

    #[test]
    fn null_and_error_pointers_are_converted() {
        let text = c"text";
        let pointer = text.pointer();
        let null = ptr::null_mut();
        let error = ptr::without_provenance_mut(-22_isize as usize);
        assert_eq!(read::<&CStr>(pointer), text);
        assert_eq!(read::<Option<&CStr>>(pointer), Some(text));
        assert_eq!(read::<Option<&CStr>>(null), None);
        assert_eq!(read::<Result<&CStr, Error>>(pointer), Ok(text));
        assert_eq!(read::<Result<&CStr, Error>>(error), Err(EINVAL));
        assert_eq!(read::<Result<Option<&CStr>, Error>>(null), Ok(None));
        assert_eq!(read::<Result<Option<&CStr>, Error>>(error), Err(EINVAL));
        assert_eq!(
            read::<Result<Option<&CStr>, Error>>(pointer),
            Ok(Some(text))
        );
    }

    #[test]
    fn the_smallest_errno_is_4095() {
        let last = ptr::without_provenance_mut(-4095_isize as usize);
        let read = read::<Result<Option<&CStr>, Error>>(last);
        assert_eq!(read, Err(Error::from_errno(-4095)));
    }

    #[test]
    fn writes_are_read_back() {
        let mut place: *mut c_char = ptr::null_mut();
        let mut back = |pointer: Result<Option<&'static CStr>, Error>| {
            let place = (&raw mut place).cast();
            // SAFETY: `place` is a pointer, and this type allows `NULL` and `ERR_PTR()`.
            unsafe {
                point(place, pointer);
                follow::<Result<Option<&CStr>, Error>>(place)
            }
        };
        for pointer in [Ok(Some(c"text")), Ok(None), Err(EINVAL)] {
            assert_eq!(back(pointer), pointer);
        }
    }
}
