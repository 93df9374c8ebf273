// SPDX-License-Identifier: GPL-2.0-only

//! What is in a view.

use crate::layout::{KernelStruct, Plain};
use crate::persistent::{Fingerprint, Persistent};
use core::cell::UnsafeCell;
use core::marker::{PhantomData, PhantomPinned};
use core::mem::MaybeUninit;
use core::ptr;

/// The bytes of a structure, of which nothing is known: the only field of a view of type `V`.
///
/// `M` are the types of the members that the view shows: it can be sent to and be shared with other
/// threads if they can.
#[repr(C)]
pub struct Contents<V, M, const SIZE: usize> {
    bytes: UnsafeCell<MaybeUninit<[u8; SIZE]>>,
    view: PhantomData<fn() -> V>,
    members: PhantomData<M>,
    /// C may have pointers into it.
    pinned: PhantomData<PhantomPinned>,
}

// SAFETY: the bytes are accessed by single loads and stores, which do not race in the kernel's memory
// model. What they give may be shared if it is shared as the members' types.
unsafe impl<V, M: Sync, const SIZE: usize> Sync for Contents<V, M, SIZE> {}

// SAFETY: nothing is known of the bytes.
unsafe impl<V, M, const SIZE: usize> Plain for Contents<V, M, SIZE> {}

// SAFETY: the bytes are C's, in memory that belongs to no module, and the members are neither pointers
// nor anything else that another thread may not have. The fingerprint is that of the structure in C.
unsafe impl<V: KernelStruct + 'static, M: Send + Sync + 'static, const SIZE: usize> Persistent
    for Contents<V, M, SIZE>
{
    const FINGERPRINT: u64 = Fingerprint::of::<Self>("view")
        .text(V::NAME)
        .number(V::CONTENT)
        .finish();
}

/// Where the member at this offset is.
#[inline(always)]
pub fn place<V: KernelStruct>(view: &V, offset: usize) -> *mut u8 {
    // Through the cell in it, it may be written, too.
    let start: *const u8 = ptr::from_ref(view).cast();
    start.cast_mut().wrapping_add(offset)
}

/// Where in a structure a member of type `M` is.
pub struct Place<V, M> {
    offset: usize,
    member: PhantomData<fn(V) -> M>,
}

impl<V, M> Place<V, M> {
    /// At this offset.
    pub const fn new(offset: usize) -> Self {
        Self {
            offset,
            member: PhantomData,
        }
    }

    /// Its offset.
    #[inline(always)]
    pub const fn offset(self) -> usize {
        // A place is its offset, and nothing that is dropped.
        self.offset
    }
}

/// The structure that is there.
///
/// # Safety
///
/// There is one, for the whole lifetime.
#[inline(always)]
pub unsafe fn at<'a, V: KernelStruct>(place: *const u8) -> &'a V {
    // SAFETY: the caller vouches for it. A view says nothing of its bytes, and has no alignment.
    unsafe { &*place.cast() }
}

/// The structure that has `inner` at this offset.
///
/// # Safety
///
/// It is part of such a structure, and lives as long.
#[inline(always)]
pub unsafe fn container<V: KernelStruct, I>(inner: &I, offset: usize) -> &V {
    let inner = ptr::from_ref(inner).expose_provenance();
    // The inner reference allows for the inner bytes only. The whole is C's, who gave it to the patch.
    let whole: *const V = ptr::with_exposed_provenance(inner.wrapping_sub(offset));
    // SAFETY: the caller vouches for it.
    unsafe { &*whole }
}
