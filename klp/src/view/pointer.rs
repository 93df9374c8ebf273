// SPDX-License-Identifier: GPL-2.0-only

//! Pointers that are followed.

use super::access::{load, store};
use crate::layout::KernelStruct;
use crate::platform::wrappers::{
    Credential, Device, File, LocalFile, Mm, PidNamespace, SeqFile, Task,
};
use crate::platform::Error;
use core::ffi::{c_char, CStr};
use core::ptr::{self, NonNull};

/// The largest errno that `ERR_PTR()` makes a pointer of.
const MAX_ERRNO: usize = 4095;

/// What a member of a view can point to: a view, a wrapper of the kernel such as `Task`, or `CStr`.
///
/// # Safety
///
/// A pointer in C to such a thing is a reference to it, as long as that lives.
#[diagnostic::on_unimplemented(
    message = "a pointer to `{Self}` cannot be followed",
    label = "no structure of the kernel",
    note = "declare a view of the structure with `#[kernel_struct(\"name_in_c\")]`; other pointers are raw, such as `*mut u8`"
)]
pub unsafe trait Followed {
    /// What the pointer points to in C.
    #[doc(hidden)]
    type C;

    /// Follows it.
    ///
    /// # Safety
    ///
    /// It points to such a thing, which lives as long as the reference.
    #[doc(hidden)]
    unsafe fn follow<'a>(pointer: NonNull<Self::C>) -> &'a Self;

    /// The pointer in C.
    #[doc(hidden)]
    fn pointer(&self) -> *mut Self::C;
}

// SAFETY: a view stands for such a structure, and promises nothing about its contents.
unsafe impl<V: KernelStruct> Followed for V {
    type C = V;

    #[inline(always)]
    unsafe fn follow<'a>(pointer: NonNull<V>) -> &'a V {
        // SAFETY: the caller vouches for it.
        unsafe { pointer.as_ref() }
    }

    #[inline(always)]
    fn pointer(&self) -> *mut V {
        ptr::from_ref(self).cast_mut()
    }
}

macro_rules! wrappers {
    ($($wrapper:ident)*) => {$(
        // SAFETY: transparent over the C structure, of which it promises nothing.
        unsafe impl Followed for $wrapper {
            type C = Self;

            #[inline(always)]
            unsafe fn follow<'a>(pointer: NonNull<Self>) -> &'a Self {
                // SAFETY: the caller vouches for it.
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

// SAFETY: a string that ends. That nobody changes it meanwhile is part of the author's claim.
unsafe impl Followed for CStr {
    type C = c_char;

    #[inline(always)]
    unsafe fn follow<'a>(pointer: NonNull<c_char>) -> &'a Self {
        // SAFETY: the caller vouches for it.
        unsafe { CStr::from_ptr(pointer.as_ptr()) }
    }

    #[inline(always)]
    fn pointer(&self) -> *mut c_char {
        self.as_ptr().cast_mut().cast()
    }
}

/// A pointer in C that is followed: `&T`, `Option<&T>`, `Result<&T>`, `Result<Option<&T>>`.
///
/// # Safety
///
/// [`from_pointer`](Self::from_pointer) follows no pointer that is `NULL` or an `ERR_PTR()`, unless
/// the type says that there is none.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no pointer that can be followed",
    label = "not what a pointer in C may be",
    note = "write `&T`, `Option<&T>` where it may be `NULL`, `Result<&T>` where it may be `ERR_PTR()`, or `Result<Option<&T>>`"
)]
pub unsafe trait Pointer: Sized {
    /// What it points to in C.
    #[doc(hidden)]
    type C;

    /// From the pointer.
    ///
    /// # Safety
    ///
    /// It is of the kind that the type says, and lives as long.
    #[doc(hidden)]
    unsafe fn from_pointer(pointer: *mut Self::C) -> Self;

    /// The pointer in C.
    #[doc(hidden)]
    fn into_pointer(self) -> *mut Self::C;
}

// SAFETY: the type says that it is neither.
unsafe impl<T: Followed + ?Sized> Pointer for &T {
    type C = T::C;

    #[inline(always)]
    unsafe fn from_pointer(pointer: *mut T::C) -> Self {
        // SAFETY: never `NULL`, as the caller vouches, and the rest.
        unsafe { T::follow(NonNull::new_unchecked(pointer)) }
    }

    #[inline(always)]
    fn into_pointer(self) -> *mut T::C {
        self.pointer()
    }
}

// SAFETY: `NULL` is `None`.
unsafe impl<T: Followed + ?Sized> Pointer for Option<&T> {
    type C = T::C;

    #[inline(always)]
    unsafe fn from_pointer(pointer: *mut T::C) -> Self {
        // SAFETY: the caller vouches for what is not `NULL`.
        NonNull::new(pointer).map(|pointer| unsafe { T::follow(pointer) })
    }

    #[inline(always)]
    fn into_pointer(self) -> *mut T::C {
        self.map_or(ptr::null_mut(), Followed::pointer)
    }
}

// SAFETY: an `ERR_PTR()` is `Err`, and what else there may be the inner type says.
unsafe impl<P: Pointer> Pointer for Result<P, Error> {
    type C = P::C;

    #[inline(always)]
    unsafe fn from_pointer(pointer: *mut P::C) -> Self {
        let below_zero = pointer.addr().wrapping_neg();
        if (1..=MAX_ERRNO).contains(&below_zero) {
            // CAST: at most 4095.
            return Err(Error::from_errno(-(below_zero as i32)));
        }
        // SAFETY: the caller vouches for what is no errno.
        Ok(unsafe { P::from_pointer(pointer) })
    }

    #[inline(always)]
    fn into_pointer(self) -> *mut P::C {
        match self {
            Ok(pointer) => pointer.into_pointer(),
            // CAST: `ERR_PTR()` widens it, too.
            Err(error) => ptr::without_provenance_mut(error.to_errno() as isize as usize),
        }
    }
}

/// Reads a pointer, once, and follows it.
///
/// # Safety
///
/// There is such a member. The pointer is of the kind that the type says, and lives as long.
#[inline(always)]
pub unsafe fn follow<P: Pointer>(place: *const u8) -> P {
    // SAFETY: any bytes are an address, and the caller vouches for the rest.
    unsafe { P::from_pointer(load(place)) }
}

/// Writes a pointer, once.
///
/// # Safety
///
/// There is such a member, which may be written.
#[inline(always)]
pub unsafe fn point<P: Pointer>(place: *mut u8, pointer: P) {
    // SAFETY: the caller vouches for the member.
    unsafe { store(place, pointer.into_pointer()) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errno::EINVAL;

    fn read<P: Pointer>(pointer: *mut P::C) -> P {
        // SAFETY: the tests give pointers of the right kinds, to what lives for ever.
        unsafe { follow((&raw const pointer).cast()) }
    }

    #[test]
    fn pointers_are_of_four_kinds() {
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
            // SAFETY: room for a pointer, which is of this kind.
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
