// SPDX-License-Identifier: GPL-2.0-only

//! System states: versioned changes of the system besides code, with data that an older patch passes to a newer one.
//!
//! ```
//! use klp::prelude::*;
//!
//! #[livepatch(description = "Keeps a limit", license = "GPL", replace)]
//! mod fix {
//!     use klp::sync::{Atomic, Relaxed};
//!     use klp::prelude::*;
//!
//!     #[state(id = 1, version = 2)]
//!     static LIMIT: State<Atomic<u32>>;
//!
//!     #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show")]
//!     fn cmdline(m: &SeqFile, _v: *mut c_void) -> Result {
//!         let limit = LIMIT.get().map_or(0, |limit| limit.load(Relaxed));
//!         seq_print!(m, "{limit}\n");
//!         Ok(())
//!     }
//!
//!     #[pre_patch]
//!     fn prepare(object: &klp::Object) -> Result {
//!         if let Some(older) = LIMIT.previous(object) {
//!             pr_info!("taking over version {}\n", older.version());
//!         }
//!         if !LIMIT.inherit(object)? {
//!             LIMIT.set(Atomic::new(10), GFP_KERNEL)?;
//!         }
//!         Ok(())
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! The livepatch core checks ids and versions: it refuses a patch whose version of a state is
//! lower than that of an enabled patch, and one with `replace` that lacks one of their states. Patches
//! in C share these ids and versions. The type of a state without data is `State`.
//!
//! # Lifetime of the data
//!
//! Data is [set](State::set) once, or [inherited](State::inherit) from the previous patch. It changes
//! through atomics or locks. It is reference counted:
//!
//! - An inheriting patch and the older patch each hold a reference. If the newer patch is reverted before its
//!   transition is complete, the older one keeps the data.
//! - When the transition to a newer patch with `replace` is complete, the older patch's reference is released.
//! - A patch that is reverted (after its last `post_unpatch`), or whose `pre_patch` fails, releases its
//!   reference. This holds for patches that can get [`Unpatched`]; others leak their data.
//!
//! # Patches in C
//!
//! C's `klp_state.data` points to the value, at the beginning of memory from `kmalloc()`. The type of a C patch's data
//! is unknown: [`Previous::raw`] returns the pointer. klp recognises its own tables by their last, unused entry, which
//! points to the types' fingerprints.

use crate::callbacks::{Object, Unpatched};
use crate::errno;
use crate::platform::alloc::{Flags, KBox};
use crate::platform::{bindings, pr_warn, Result};
use crate::sync::{Acquire, Atomic, Full, Relaxed};
use crate::table::Patch;
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::mem;
use core::ops::Deref;
use core::ptr::{self, NonNull};

/// A system state with data of type `T`, which is [`Persistent`](crate::Persistent).
///
/// Declare it in a patch's `mod`: `#[state(id = 1, version = 1)] static NAME: State<T>;`. See the [module](mod@self).
pub struct State<T = ()> {
    entry: &'static Entry,
    /// The static's name, for the log.
    name: &'static str,
    /// The fingerprint of the data's type.
    fingerprint: u64,
    data: PhantomData<fn() -> T>,
}

/// An entry of the patch's table: `struct klp_state`.
#[doc(hidden)]
#[repr(transparent)]
pub struct Entry(UnsafeCell<bindings::klp_state>);

// SAFETY: the id and version never change, and the data pointer is only used atomically.
unsafe impl Sync for Entry {}

/// The patch's table of states. The kernel walks it up to an entry with id 0.
#[doc(hidden)]
#[repr(C)]
pub struct States<const N: usize> {
    entries: [Entry; N],
    /// The entry with id 0. The kernel reads no other field of it.
    end: Entry,
}

/// The target of the last entry's data pointer: the patch that owns the table, and the fingerprint of each state's data.
#[doc(hidden)]
#[repr(C)]
pub struct Fingerprints<const N: usize> {
    magic: u64,
    patch: &'static Patch,
    count: usize,
    fingerprints: [u64; N],
}

/// The magic number of [`Fingerprints`]: "klpstat" and the version of this layout.
const MAGIC: u64 = u64::from_be_bytes(*b"klpstat\x01");
/// The version in the last entry of a table made by klp.
const END_VERSION: u32 = u32::from_be_bytes(*b"klpR");

/// A value and its reference count: one reference for each patch, and one for each [`Held`].
#[repr(C)]
struct Shared<T> {
    /// The first field, because patches in C use the pointer to it.
    value: T,
    holders: Atomic<usize>,
}

/// A reference to the data of a state, which keeps the data alive.
///
/// ```
/// # use klp::prelude::*;
/// # use klp::sync::{Atomic, Relaxed};
/// fn limit(state: &State<Atomic<u32>>) -> u32 {
///     let Some(limit) = state.get() else {
///         return 0;
///     };
///     limit.load(Relaxed)
/// }
/// ```
pub struct Held<T>(NonNull<Shared<T>>);

impl<T> Held<T> {
    /// Takes another reference.
    ///
    /// # Safety
    ///
    /// Another reference exists until this returns.
    #[inline]
    unsafe fn acquire(shared: NonNull<Shared<T>>) -> Self {
        // SAFETY: the caller guarantees a reference, which keeps the data alive.
        let holders = unsafe { &(*shared.as_ptr()).holders };
        holders.fetch_add(1, Relaxed);
        Self(shared)
    }

    #[inline]
    fn into_raw(this: Self) -> *mut Shared<T> {
        mem::ManuallyDrop::new(this).0.as_ptr()
    }
}

impl<T> Deref for Held<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this reference keeps the data alive.
        unsafe { &(*self.0.as_ptr()).value }
    }
}

impl<T> Drop for Held<T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: this reference keeps the data alive.
        let holders = unsafe { &(*self.0.as_ptr()).holders };
        if holders.fetch_sub(1, Full) == 1 {
            // SAFETY: this was the last reference, and `set()` made the pointer from a box.
            drop(unsafe { KBox::from_raw(self.0.as_ptr()) });
        }
    }
}

// SAFETY: a counted reference to a value that any thread may use and drop.
unsafe impl<T: Send + Sync> Send for Held<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Held<T> {}

impl<T> State<T> {
    /// Creates a state.
    ///
    /// # Safety
    ///
    /// The entry is in the table of this module's patch, with this fingerprint, and belongs to no
    /// other state. The fingerprint is that of [`Typed`](crate::persistent::Typed), which is implemented only
    /// if the type is valid for it.
    #[doc(hidden)]
    #[inline]
    pub const unsafe fn new(entry: &'static Entry, name: &'static str, fingerprint: u64) -> Self {
        Self {
            entry,
            name,
            fingerprint,
            data: PhantomData,
        }
    }

    /// Returns the state's version in this patch.
    ///
    /// ```
    /// # use klp::prelude::*;
    /// fn report(state: &State) {
    ///     pr_info!("version {}\n", state.version());
    /// }
    /// ```
    #[inline]
    pub fn version(&self) -> u32 {
        // SAFETY: the version never changes.
        unsafe { (*self.entry.0.get()).version }
    }

    /// Returns the data, if it is set.
    ///
    /// Call it in the patch's functions and callbacks. Timers, work items and threads of the patch have to end before it
    /// is reverted.
    ///
    /// ```
    /// # use klp::prelude::*;
    /// # use klp::sync::{Atomic, Relaxed};
    /// fn reader(state: &State<Atomic<u32>>) -> Result<u32> {
    ///     let readers = state.get().ok_or(ENODEV)?;
    ///     Ok(readers.fetch_add(1, Relaxed))
    /// }
    /// ```
    #[inline]
    pub fn get(&self) -> Option<Held<T>> {
        let shared = NonNull::new(self.entry.shared::<T>().load(Acquire))?;
        // SAFETY: the patch holds a reference, and releases it only when none of its functions runs.
        Some(unsafe { Held::acquire(shared) })
    }

    /// Sets the data.
    ///
    /// ```
    /// # use klp::prelude::*;
    /// # use klp::sync::{Atomic, Relaxed};
    /// fn begin(state: &State<Atomic<u32>>) -> Result {
    ///     state.set(Atomic::new(0), GFP_KERNEL)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// `EEXIST`: it is already set. `ENOMEM`.
    #[inline]
    pub fn set(&self, value: T, flags: Flags) -> Result {
        let shared = KBox::new(
            Shared {
                value,
                holders: Atomic::new(1),
            },
            flags,
        )?;
        let shared = NonNull::new(KBox::into_raw(shared)).ok_or(errno::ENOMEM)?;
        self.put(Held(shared))
    }

    /// Sets the data. `data` becomes the patch's reference.
    #[inline]
    fn put(&self, data: Held<T>) -> Result {
        let slot = self.entry.shared::<T>();
        match slot.cmpxchg(ptr::null_mut(), data.0.as_ptr(), Full) {
            Ok(_) => {
                Held::into_raw(data);
                Ok(())
            }
            Err(_) => Err(errno::EEXIST),
        }
    }

    /// Returns the state of the previous patch: the latest enabled one that declares it.
    ///
    /// Call it in a callback, which has an object. Returns `None` outside of a transition of this patch: in the callbacks
    /// of a module that is being loaded or unloaded.
    ///
    /// ```
    /// # use klp::prelude::*;
    /// # use klp::sync::{Atomic, Relaxed};
    /// fn prepare(state: &State<Atomic<u32>>, object: &klp::Object) {
    ///     if let Some(older) = state.previous(object) {
    ///         let value = older.data().map(|data| data.load(Relaxed));
    ///         pr_info!("version {} has {value:?}\n", older.version());
    ///     }
    /// }
    /// ```
    #[inline]
    pub fn previous<'a>(&self, object: &'a Object) -> Option<Previous<'a, T>> {
        if !object.is_in_transition() {
            return None;
        }
        // SAFETY: a transition runs, and the core's mutex is held.
        let state = unsafe { bindings::klp_get_prev_state(self.id()) };
        Some(Previous {
            entry: NonNull::new(state.cast())?,
            fingerprint: self.fingerprint,
            types: PhantomData,
        })
    }

    /// Shares the data of the previous patch, which keeps its reference until it is replaced. Returns whether there is
    /// data.
    ///
    /// ```
    /// # use klp::prelude::*;
    /// # use klp::sync::{Atomic, Relaxed};
    /// fn begin(state: &State<Atomic<u32>>, object: &klp::Object) -> Result {
    ///     if !state.inherit(object)? {
    ///         state.set(Atomic::new(0), GFP_KERNEL)?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// `EEXIST`: this patch already has data. `EINVAL`, with a line in the log: the data of the previous patch has another
    /// type, or that patch was not made with klp.
    #[inline]
    pub fn inherit(&self, object: &Object) -> Result<bool> {
        let Some(previous) = self.previous(object) else {
            return Ok(false);
        };
        if previous.raw().is_null() {
            return Ok(false);
        }
        let Some(data) = previous.held() else {
            pr_warn!(
                "{}: the previous patch keeps data of another type; it is not used\n",
                self.name
            );
            return Err(errno::EINVAL);
        };
        self.put(data)?;
        Ok(true)
    }

    /// Releases the data in a `post_unpatch`. Without this call it is released after the last `post_unpatch`.
    ///
    /// ```
    /// # use klp::prelude::*;
    /// fn clean_up(state: &State<u32>, unpatched: &klp::Unpatched) {
    ///     state.free(unpatched);
    /// }
    /// ```
    #[inline]
    pub fn free(&self, _unpatched: &Unpatched) {
        // SAFETY: `Unpatched` proves that no function of the patch runs.
        unsafe { self.release() };
    }

    /// Releases the data.
    ///
    /// # Safety
    ///
    /// No function of this patch runs.
    #[doc(hidden)]
    #[inline]
    pub unsafe fn release(&self) {
        // SAFETY: the entry is this patch's, and the caller guarantees that no function uses it.
        drop(unsafe { self.entry.take::<T>() });
    }

    /// Releases the previous patch's reference to its data.
    ///
    /// # Safety
    ///
    /// Called from a `post_patch` of this patch, which replaces the others.
    #[doc(hidden)]
    #[inline]
    pub unsafe fn release_previous(&self, object: &Object) {
        let Some(previous) = self.previous(object) else {
            return;
        };
        let is_done =
            |origin: Origin| origin.fingerprint == self.fingerprint && !origin.patch.is_forced();
        if previous.origin().is_some_and(is_done) {
            // SAFETY: the previous patch is replaced, and the transition was not forced, so none of its functions runs.
            // The core releases the patch, and with it the table, after this callback.
            drop(unsafe { previous.entry.as_ref().take::<T>() });
        }
    }

    #[inline]
    fn id(&self) -> usize {
        // SAFETY: the id never changes.
        unsafe { (*self.entry.0.get()).id }
    }
}

/// The state of the previous patch, from [`State::previous`].
pub struct Previous<'a, T> {
    entry: NonNull<Entry>,
    /// The fingerprint of the expected type.
    fingerprint: u64,
    types: PhantomData<&'a T>,
}

impl<'a, T> Previous<'a, T> {
    /// Returns the state's version in the previous patch.
    #[inline]
    pub fn version(&self) -> u32 {
        // SAFETY: the previous patch and its table exist while callbacks of this one run. Versions do not change,
        // in C patches neither.
        unsafe { (*self.entry.as_ref().0.get()).version }
    }

    /// Returns the previous patch's data, if that patch was made with klp and the type is the same.
    #[inline]
    pub fn data(&self) -> Option<&'a T> {
        let shared = self.shared()?;
        // SAFETY: the previous patch holds a reference, and releases it only in a callback of its own or after this
        // one.
        Some(unsafe { &(*shared.as_ptr()).value })
    }

    /// Returns the pointer to the previous patch's data, of any type.
    #[inline]
    pub fn raw(&self) -> *mut c_void {
        // SAFETY: the previous patch and its table exist while callbacks of this one run.
        let entry = unsafe { self.entry.as_ref() };
        entry.shared::<T>().load(Acquire).cast()
    }

    /// Returns a reference to the data.
    #[inline]
    fn held(&self) -> Option<Held<T>> {
        // SAFETY: the previous patch holds a reference meanwhile, as in `data()`.
        self.shared().map(|shared| unsafe { Held::acquire(shared) })
    }

    #[inline]
    fn shared(&self) -> Option<NonNull<Shared<T>>> {
        if !self.has_same_type() {
            return None;
        }
        NonNull::new(self.raw().cast())
    }

    /// Returns whether klp made the table, for data of this type.
    #[inline]
    fn has_same_type(&self) -> bool {
        self.origin()
            .is_some_and(|origin| origin.fingerprint == self.fingerprint)
    }

    #[inline]
    fn origin(&self) -> Option<Origin> {
        // SAFETY: the entry is in a patch's table.
        unsafe { origin(self.entry.as_ptr().cast()) }
    }
}

/// The patch of a state, and the fingerprint of its data, from a table that klp made.
struct Origin {
    patch: &'static Patch,
    fingerprint: u64,
}

/// Finds the end of the table and, if klp made it, the origin of `state`.
///
/// # Safety
///
/// `state` points into a patch's table, which exists as long as the result is used.
#[inline]
unsafe fn origin(state: *const bindings::klp_state) -> Option<Origin> {
    let mut distance = 0_usize;
    // SAFETY: the table ends with an id of 0, and not before `state`.
    let end = unsafe {
        let mut end = state;
        while (*end).id != 0 {
            end = end.add(1);
            distance += 1;
        }
        &*end
    };
    let table: *const Fingerprints<0> = end.data.cast();
    if end.version != END_VERSION || table.is_null() {
        return None;
    }
    // SAFETY: only klp stores that version in a last entry, with a pointer to `Fingerprints`.
    let (magic, count) = unsafe { ((*table).magic, (*table).count) };
    let index = count.checked_sub(distance).filter(|_| magic == MAGIC)?;
    if index >= count {
        return None;
    }
    // SAFETY: the magic number is that of `Fingerprints`, of which there are `count`; the patch exists as long as its
    // table.
    unsafe {
        let fingerprints = (&raw const (*table).fingerprints).cast::<u64>();
        Some(Origin {
            patch: (*table).patch,
            fingerprint: *fingerprints.add(index),
        })
    }
}

impl Entry {
    /// Creates an entry. The id must not be 0.
    #[inline]
    pub const fn new(id: usize, version: u32) -> Self {
        assert!(id != 0);
        Self(UnsafeCell::new(bindings::klp_state {
            id,
            version,
            data: ptr::null_mut(),
        }))
    }

    /// Creates the last entry of a table.
    #[inline]
    const fn end<const N: usize>(fingerprints: &'static Fingerprints<N>) -> Self {
        Self(UnsafeCell::new(bindings::klp_state {
            id: 0,
            version: END_VERSION,
            data: ptr::from_ref(fingerprints).cast_mut().cast(),
        }))
    }

    /// Returns the pointer to the data.
    #[inline]
    fn shared<T>(&self) -> &Atomic<*mut Shared<T>> {
        // SAFETY: the field lives as long as the entry, and Rust accesses it only as an atomic.
        unsafe { Atomic::from_ptr((&raw mut (*self.0.get()).data).cast()) }
    }

    /// Removes the data from the entry.
    ///
    /// # Safety
    ///
    /// The data is of type `T`, and nobody reads it from this entry any more.
    #[inline]
    unsafe fn take<T>(&self) -> Option<Held<T>> {
        let shared = self.shared::<T>().xchg(ptr::null_mut(), Full);
        NonNull::new(shared).map(Held)
    }
}

impl<const N: usize> States<N> {
    /// Creates a table of `entries`, whose data have these fingerprints.
    #[inline]
    pub const fn new(entries: [Entry; N], fingerprints: &'static Fingerprints<N>) -> Self {
        Self {
            entries,
            end: Entry::end(fingerprints),
        }
    }

    /// Returns the entry at `index`.
    #[inline]
    pub const fn entry(&'static self, index: usize) -> &'static Entry {
        &self.entries[index]
    }

    /// Returns the first entry, for C.
    #[inline]
    pub(crate) const fn first(&'static self) -> *mut bindings::klp_state {
        ptr::from_ref(self).cast_mut().cast()
    }
}

impl Patch {
    /// Adds the table of states to the patch.
    #[inline]
    #[must_use]
    pub const fn with_states<const N: usize>(self, states: &'static States<N>) -> Self {
        self.with_table_of_states(states.first())
    }
}

impl<const N: usize> Fingerprints<N> {
    /// Creates the fingerprints of the patch's table, in the order of its entries.
    #[inline]
    pub const fn new(patch: &'static Patch, fingerprints: [u64; N]) -> Self {
        Self {
            magic: MAGIC,
            patch,
            count: N,
            fingerprints,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persistent::{Persistent, Typed};
    use crate::platform::alloc::GFP_KERNEL;
    use crate::table::{Object as Entries, Table};
    use core::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::Arc;

    /// Declares a patch with three states, as the macro does.
    macro_rules! patch {
        ($name:ident: $($ty:ty),*) => {
            mod $name {
                use super::*;

                static OBJECTS: Table<Entries, 1> = Table::new([Entries::END]);
                pub(super) static PATCH: Patch = Patch::new(&OBJECTS, false).with_states(&STATES);
                static FINGERPRINTS: Fingerprints<3> =
                    Fingerprints::new(&PATCH, [$(<State<$ty> as Typed>::FINGERPRINT),*]);
                pub(super) static STATES: States<3> = States::new(
                    [Entry::new(1, 1), Entry::new(2, 5), Entry::new(7, 0)],
                    &FINGERPRINTS,
                );
            }
        };
    }

    /// Returns the second state, with data of type `T`.
    fn second<T>(states: &'static States<3>) -> State<T>
    where
        State<T>: Typed,
    {
        // SAFETY: the tests pass the type that the table has.
        unsafe { State::new(states.entry(1), "", <State<T> as Typed>::FINGERPRINT) }
    }

    /// Returns an entry as the kernel finds it.
    fn entry(states: &'static States<3>, index: usize) -> NonNull<Entry> {
        NonNull::from(states)
            .cast::<Entry>()
            .map_addr(|addr| addr.saturating_add(index * size_of::<Entry>()))
    }

    /// Returns the previous state that a later patch finds.
    fn previous<'a, T>(found: &'static States<3>, state: &State<T>) -> Previous<'a, T> {
        Previous {
            entry: entry(found, 1),
            fingerprint: state.fingerprint,
            types: PhantomData,
        }
    }

    #[test]
    fn the_kernel_finds_the_end() {
        patch!(patch: (), u32, u64);
        let mut state = patch::STATES.first().cast_const();
        let mut found = std::vec::Vec::new();
        // SAFETY: the table ends with an id of 0.
        unsafe {
            while (*state).id != 0 {
                found.push(((*state).id, (*state).version));
                state = state.add(1);
            }
        }
        assert_eq!(found, [(1, 1), (2, 5), (7, 0)]);
    }

    #[test]
    fn states_have_distinct_fingerprints() {
        patch!(patch: (), u32, u64);
        let expected = [
            <State as Typed>::FINGERPRINT,
            <State<u32> as Typed>::FINGERPRINT,
            <State<u64> as Typed>::FINGERPRINT,
        ];
        for (index, expected) in expected.into_iter().enumerate() {
            // SAFETY: an entry of the table.
            let found = unsafe { origin(entry(&patch::STATES, index).as_ptr().cast()) };
            assert!(found.is_some_and(
                |found| found.fingerprint == expected && ptr::eq(found.patch, &patch::PATCH)
            ));
        }
    }

    #[test]
    fn a_table_made_in_c_has_no_fingerprints() {
        let table = [(1, 1), (2, 1), (0, 0)].map(|(id, version)| bindings::klp_state {
            id,
            version,
            data: ptr::null_mut(),
        });
        // SAFETY: the table ends with an id of 0.
        assert!(unsafe { origin(table.as_ptr()) }.is_none());
    }

    struct Alive(Arc<AtomicUsize>);

    // SAFETY: no code is unloaded in this test.
    unsafe impl Persistent for Alive {
        const FINGERPRINT: u64 = 1;
    }

    impl Drop for Alive {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_last_holder_drops_the_data() {
        patch!(older: (), Alive, ());
        patch!(newer: (), Alive, ());
        let count = Arc::new(AtomicUsize::new(2));
        let alive = || Alive(count.clone());
        let (old, new) = (
            second::<Alive>(&older::STATES),
            second::<Alive>(&newer::STATES),
        );
        assert!(old.get().is_none());
        assert_eq!(old.set(alive(), GFP_KERNEL), Ok(()));
        assert_eq!(old.set(alive(), GFP_KERNEL), Err(errno::EEXIST));
        assert_eq!(count.load(Ordering::Relaxed), 1);

        let found = previous(&older::STATES, &new);
        assert_eq!(found.version(), 5);
        assert!(found.data().is_some());
        assert_eq!(found.held().map(|data| new.put(data)), Some(Ok(())));
        let held = new.get();
        assert!(held.is_some());
        // SAFETY: no patched function runs in this test.
        unsafe { old.release() };
        assert!(old.get().is_none());
        // SAFETY: as above.
        unsafe { new.release() };
        assert_eq!(count.load(Ordering::Relaxed), 1);
        drop(held);
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn data_of_another_type_is_only_a_raw_pointer() {
        patch!(older: (), u32, ());
        patch!(newer: (), u64, ());
        let (old, new) = (second::<u32>(&older::STATES), second::<u64>(&newer::STATES));
        assert_eq!(old.set(7, GFP_KERNEL), Ok(()));
        let found = previous(&older::STATES, &new);
        assert!(found.data().is_none() && found.held().is_none());
        // As a patch in C would read it.
        // SAFETY: the value is the first field.
        assert_eq!(unsafe { *found.raw().cast::<u32>() }, 7);
        // SAFETY: no patched function runs in this test.
        unsafe { old.release() };
        assert!(previous(&older::STATES, &new).raw().is_null());
    }
}
