// SPDX-License-Identifier: GPL-2.0-only

//! [`Contents`], the only field of a view, and offsets into it.

use crate::layout::{KernelStruct, Plain};
use crate::persistent::{Fingerprint, Persistent};
use core::cell::UnsafeCell;
use core::marker::{PhantomData, PhantomPinned};
use core::mem::MaybeUninit;
use core::ptr;

/// The bytes of a structure, about which nothing is assumed: the only field of a view of type `V`.
///
/// `M` are the types of the declared members: the view is `Send` and `Sync` if they are.
#[repr(C)]
pub struct Contents<V, M, const SIZE: usize> {
    bytes: UnsafeCell<MaybeUninit<[u8; SIZE]>>,
    view: PhantomData<fn() -> V>,
    members: PhantomData<M>,
    /// C may have pointers into the structure.
    pinned: PhantomData<PhantomPinned>,
}

// SAFETY: the bytes are accessed by single loads and stores, which are not data races in the kernel's memory
// model. The values that are read are of the members' types, which are `Sync`.
unsafe impl<V, M: Sync, const SIZE: usize> Sync for Contents<V, M, SIZE> {}

// SAFETY: nothing is assumed about the bytes.
unsafe impl<V, M, const SIZE: usize> Plain for Contents<V, M, SIZE> {}

// SAFETY: the bytes are a C structure, in memory that belongs to no module, and the members are `Send` and `Sync`, so
// no raw pointers. The fingerprint is that of the structure in C.
unsafe impl<V: KernelStruct + 'static, M: Send + Sync + 'static, const SIZE: usize> Persistent
    for Contents<V, M, SIZE>
{
    const FINGERPRINT: u64 = Fingerprint::of::<Self>("view")
        .text(V::NAME)
        .number(V::CONTENT)
        .finish();
}

/// Returns the address of the member at `offset`.
#[inline(always)]
pub fn place<V: KernelStruct>(view: &V, offset: usize) -> *mut u8 {
    // The contents are an `UnsafeCell`, so they may be written.
    let start: *const u8 = ptr::from_ref(view).cast();
    start.cast_mut().wrapping_add(offset)
}

/// The offset of a member of type `M` in a structure of type `V`.
pub struct Place<V, M> {
    offset: usize,
    member: PhantomData<fn(V) -> M>,
}

impl<V, M> Place<V, M> {
    /// Creates a place at `offset`.
    pub const fn new(offset: usize) -> Self {
        Self {
            offset,
            member: PhantomData,
        }
    }

    /// Returns the offset.
    #[inline(always)]
    pub const fn offset(self) -> usize {
        self.offset
    }
}

/// Returns the structure at `place`.
///
/// # Safety
///
/// `place` is a structure of type `V` that lives for `'a`.
#[inline(always)]
pub unsafe fn at<'a, V: KernelStruct>(place: *const u8) -> &'a V {
    // SAFETY: guaranteed by the caller. A view has alignment 1 and assumes nothing about its bytes.
    unsafe { &*place.cast() }
}

/// Returns the structure that has `inner` at `offset`, as C's `container_of()`.
///
/// # Safety
///
/// `inner` is part of such a structure, which lives as long.
#[inline(always)]
pub unsafe fn container<V: KernelStruct, I>(inner: &I, offset: usize) -> &V {
    let inner = ptr::from_ref(inner).expose_provenance();
    // The reference's provenance covers the inner bytes only. C passed the whole structure to the patch.
    let whole: *const V = ptr::with_exposed_provenance(inner.wrapping_sub(offset));
    // SAFETY: guaranteed by the caller.
    unsafe { &*whole }
}
