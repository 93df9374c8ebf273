// SPDX-License-Identifier: GPL-2.0-only

//! Shadow variables: data that a patch attaches to a structure of the kernel, like an additional field.
//!
//! ```
//! use klp::sync::{Atomic, Relaxed};
//! use klp::prelude::*;
//!
//! #[kernel_struct("session", object = "sessions")]
//! struct Session {
//!     user: usize,
//! }
//!
//! #[livepatch(description = "Counts the uses of a session", license = "GPL")]
//! mod fix {
//!     use super::*;
//!
//!     /// How often a session was used.
//!     #[shadow(id = 1)]
//!     static USES: Shadow<Session, Atomic<u32>>;
//!
//!     #[livepatch(object = "sessions", replaces = "session_use")]
//!     fn session_use(session: &Session) -> Result {
//!         let uses = USES.get_or_try_init(session, GFP_KERNEL, || Ok(Atomic::new(0)))?;
//!         uses.fetch_add(1, Relaxed);
//!         Ok(())
//!     }
//!
//!     /// Owns the session, as `session_free()` does.
//!     #[livepatch(object = "sessions", replaces = "session_free")]
//!     fn session_free(mut session: Pin<KBox<Session>>) {
//!         USES.free(session.as_mut());
//!     }
//!
//!     #[post_unpatch]
//!     fn clean_up(unpatched: &klp::Unpatched) {
//!         USES.free_all(unpatched);
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! # Access
//!
//! A shadow variable is identified by its parent's address and its id. A `&Parent` allows reading it, on several CPUs
//! at once, so changes go through atomics or locks. Freeing it takes exclusive access to the parent (`&mut Parent`):
//! references to the data borrow from the parent, so none remains. [`Shadow::free_all`] detaches the data of
//! all parents when no function of the patch runs any more. The values are dropped when the patch's module is unloaded,
//! because callbacks may use them until then.
//!
//! The data's destructor is `Drop`. It runs in the task that frees the parent or unloads the module, without a
//! lock of the livepatch core.
//!
//! Also replace the function that frees the parent. Otherwise the variable stays, and is found for the next structure at
//! that address.
//!
//! # Several patches
//!
//! Patches that declare the same id share the data. Each variable stores a fingerprint of its types: a patch that uses
//! the id with other types gets `EEXIST` and one line in the log. Patches in C do not find these variables, because the
//! upper half of klp's ids is a fixed mark.

use crate::callbacks::Unpatched;
use crate::errno;
use crate::layout::KernelStruct;
use crate::platform::alloc::{Flags, KBox};
use crate::platform::{self, bindings, pr_warn, wrappers, Error, Result};
use crate::sync::{Acquire, Atomic, Full, Relaxed, Release};
use core::ffi::{c_int, c_void};
use core::marker::PhantomData;
use core::pin::Pin;
use core::ptr::{self, NonNull};

/// A structure that shadow variables can be attached to: a wrapper of the `kernel` crate, or a
/// [`KernelStruct`].
///
/// ```
/// use klp::prelude::*;
///
/// #[livepatch(description = "Counts the files of a task", license = "GPL")]
/// mod fix {
///     use klp::prelude::*;
///     use klp::sync::{Atomic, Relaxed};
///
///     #[shadow(id = 1)]
///     static FILES: Shadow<Task, Atomic<u32>>;
///
///     #[livepatch(object = "vmlinux", replaces = "opened")]
///     fn opened(task: &Task) -> Result {
///         FILES.get_or_try_init(task, GFP_KERNEL, || Ok(Atomic::new(0)))?.fetch_add(1, Relaxed);
///         Ok(())
///     }
/// }
/// # fn main() {}
/// ```
///
/// # Safety
///
/// The address of a reference is that of a structure of the kernel, or of a value that is not zero-sized:
/// no two live ones have the same address.
#[diagnostic::on_unimplemented(
    message = "nothing can be attached to `{Self}`",
    label = "not a kernel structure",
    note = "declare a view of the kernel's structure with `#[kernel_struct(\"name_in_c\")]`, or name a wrapper of the kernel crate such as `Task`"
)]
pub unsafe trait Parent {
    /// The structure's name in C.
    const NAME: &'static str;
}

// SAFETY: a `KernelStruct` is a structure of the kernel.
unsafe impl<T: KernelStruct> Parent for T {
    const NAME: &'static str = <T as KernelStruct>::NAME;
}

macro_rules! parents {
    ($($wrapper:ident = $name:literal)*) => {$(
        // SAFETY: the wrapper is transparent over the C structure.
        unsafe impl Parent for wrappers::$wrapper {
            const NAME: &'static str = $name;
        }
    )*};
}

parents! {
    Credential = "cred" Device = "device" File = "file" LocalFile = "file" Mm = "mm_struct"
    PidNamespace = "pid_namespace" SeqFile = "seq_file" Task = "task_struct"
}

/// A shadow variable: data of type `T`, which is [`Persistent`](crate::Persistent), for structures of type `P`,
/// a [`Parent`].
///
/// Declare it in a patch's `mod`: `#[shadow(id = 1)] static NAME: Shadow<P, T>;`. See the [module](mod@self).
pub struct Shadow<P, T> {
    declaration: Declaration,
    /// The static's name, for the log.
    name: &'static str,
    /// The fingerprint of both types.
    fingerprint: u64,
    /// Adds a variable that leaves the table to the declaration's list.
    collect: Destructor,
    /// Data of another type has been reported in the log.
    reported: Atomic<bool>,
    types: PhantomData<fn(&P) -> T>,
}

/// C's `klp_shadow_dtor_t`: parent and data.
type Destructor = unsafe extern "C" fn(*mut c_void, *mut c_void);

/// Drops a list of detached values, starting with the given one.
type DropDetached = unsafe fn(*mut c_void);

/// The data in the kernel's table: a magic number, the fingerprint of the types, and a pointer to the value.
///
/// The kernel calls constructors and destructors under a spinlock with interrupts off. So the value is allocated
/// separately, and none of the author's code runs there.
#[repr(C)]
struct ShadowHeader {
    magic: u64,
    fingerprint: u64,
    node: *mut c_void,
}

/// A value, with a link for the list of detached values.
#[repr(C)]
struct ShadowNode<T> {
    /// The next detached value.
    next: *mut ShadowNode<T>,
    value: T,
}

/// The argument of [`construct`].
struct CtorArgs {
    data: ShadowHeader,
    attached: bool,
}

/// The magic number of a [`ShadowHeader`]: "klpdata" and the version of this layout.
const MAGIC: u64 = u64::from_be_bytes(*b"klpdata\x01");

/// The upper half of the ids of klp's shadow variables.
const MARK: usize = 0x4b4c_5052_0000_0000;
/// The upper half of the ids of the user counts, which are shadow variables too.
const USERS_MARK: usize = 0x4b4c_5055_0000_0000;
/// The parent of the user counts: an address at which there is no object.
const USERS_PARENT: *mut c_void = ptr::without_provenance_mut(1);

impl<P, T> Shadow<P, T> {
    /// Creates a shadow variable.
    ///
    /// # Safety
    ///
    /// The patch has no other shadow variable with this id, and `collect` calls the method of that name. The
    /// patch's module holds [`Declared`] with this id. The fingerprint is that of
    /// [`Typed`](crate::persistent::Typed), which is implemented only if both types are valid for it.
    #[doc(hidden)]
    #[inline]
    pub const unsafe fn new(
        id: u32,
        name: &'static str,
        fingerprint: u64,
        collect: Destructor,
    ) -> Self {
        Self {
            declaration: Declaration {
                id,
                counted: Atomic::new(false),
                detached: Atomic::new(ptr::null_mut()),
                drop_detached: Self::drop_detached,
            },
            name,
            fingerprint,
            collect,
            reported: Atomic::new(false),
            types: PhantomData,
        }
    }

    /// Returns the declaration, which [`Declared`] counts.
    #[doc(hidden)]
    #[inline]
    pub const fn declaration(&'static self) -> &'static Declaration {
        &self.declaration
    }

    /// Returns the data that is attached to `parent`.
    ///
    /// ```
    /// # use klp::prelude::*;
    /// # use klp::sync::{Atomic, Relaxed};
    /// # #[kernel_struct("session")]
    /// # struct Session;
    /// fn uses(shadow: &Shadow<Session, Atomic<u32>>, session: &Session) -> Result<u32> {
    ///     Ok(shadow.get(session)?.map_or(0, |uses| uses.load(Relaxed)))
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// `EEXIST`: another patch attached data of another type under this id.
    #[inline]
    pub fn get<'a>(&self, parent: &'a P) -> Result<Option<&'a T>> {
        let node = self.find(parent)?;
        // SAFETY: a value in the table is alive. It leaves the table by `take()`, which has exclusive access to the
        // parent, or by `free_all()`, after which it lives until the module of each patch that could hold a reference
        // is unloaded.
        Ok(node.map(|node| unsafe { &(*node.as_ptr()).value }))
    }

    /// Returns the data that is attached to `parent`. If there is none, attaches and returns the result of `init`.
    ///
    /// `init` runs in the caller's context, without additional locks. If it fails, nothing is attached. If another CPU
    /// attaches data at the same time, one value is kept and the other is dropped.
    ///
    /// ```
    /// # use klp::prelude::*;
    /// # use klp::sync::{Atomic, Relaxed};
    /// # #[kernel_struct("session")]
    /// # struct Session;
    /// fn count(shadow: &Shadow<Session, Atomic<u32>>, session: &Session) -> Result {
    ///     let uses = shadow.get_or_try_init(session, GFP_KERNEL, || Ok(Atomic::new(0)))?;
    ///     uses.fetch_add(1, Relaxed);
    ///     Ok(())
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `init`, `ENOMEM`, and `EEXIST` as for [`get`](Self::get).
    #[inline]
    pub fn get_or_try_init<'a>(
        &self,
        parent: &'a P,
        flags: Flags,
        init: impl FnOnce() -> Result<T>,
    ) -> Result<&'a T> {
        if let Some(found) = self.get(parent)? {
            return Ok(found);
        }
        match self.attach(parent, init()?, flags)? {
            Some(attached) => Ok(attached),
            // Attached by another CPU. It cannot have been detached again while there is a reference to its
            // parent, unless it belonged to another patch and had another type.
            None => self.get(parent)?.ok_or(errno::EEXIST),
        }
    }

    /// Attaches data to `parent`, which must not have any.
    ///
    /// ```
    /// # use klp::prelude::*;
    /// # use klp::sync::{Atomic, Relaxed};
    /// # #[kernel_struct("session")]
    /// # struct Session;
    /// fn created(shadow: &Shadow<Session, Atomic<u32>>, session: &Session) -> Result {
    ///     shadow.alloc(session, Atomic::new(1), GFP_KERNEL)?;
    ///     Ok(())
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// `EEXIST`: it already has data. `ENOMEM`.
    #[inline]
    pub fn alloc<'a>(&self, parent: &'a P, value: T, flags: Flags) -> Result<&'a T> {
        self.attach(parent, value, flags)?.ok_or(errno::EEXIST)
    }

    /// Detaches and drops the data of `parent`, if it has any.
    ///
    /// `&mut` guarantees that nobody else uses the parent or its data. Call this in the replacement of the function that
    /// frees the parent, which owns it as a `Pin<KBox<P>>`. Data of another type is left alone.
    ///
    /// ```
    /// # use klp::prelude::*;
    /// # use klp::sync::{Atomic, Relaxed};
    /// # #[kernel_struct("session")]
    /// # struct Session;
    /// /// A replacement of the function that frees a session.
    /// fn session_free(shadow: &Shadow<Session, u32>, mut session: Pin<KBox<Session>>) {
    ///     shadow.free(session.as_mut());
    /// }
    /// # fn main() {}
    /// ```
    #[inline]
    pub fn free(&self, parent: Pin<&mut P>) {
        drop(self.take(parent));
    }

    /// Detaches the data of `parent` and returns it.
    ///
    /// ```
    /// # use klp::prelude::*;
    /// # use klp::sync::{Atomic, Relaxed};
    /// # #[kernel_struct("session")]
    /// # struct Session;
    /// fn session_free(shadow: &Shadow<Session, u32>, mut session: Pin<KBox<Session>>) -> Result {
    ///     if let Some(uses) = shadow.take(session.as_mut())? {
    ///         pr_info!("used {uses} times\n");
    ///     }
    ///     Ok(())
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// `EEXIST` as for [`get`](Self::get).
    #[inline]
    pub fn take(&self, parent: Pin<&mut P>) -> Result<Option<T>> {
        let parent = &*parent;
        let Some(node) = self.find(parent)? else {
            return Ok(None);
        };
        // SAFETY: passes an address and an id, and no destructor. The kernel searches under its lock.
        unsafe { bindings::klp_shadow_free(Self::address(parent), self.key(), None) };
        // SAFETY: the value has left the table. Access to the parent is exclusive, so there is no other
        // reference to the value. `attach()` made the pointer from a box.
        let node = unsafe { KBox::from_raw(node.as_ptr()) };
        Ok(Some(KBox::into_inner(node).value))
    }

    /// Detaches the data of all parents. The values are dropped when the patch's module is unloaded.
    ///
    /// Does nothing and returns `false` while another patch may use the data: one that declares this id, is
    /// loaded, and has not called this when it was reverted. The last one to call it detaches the data.
    ///
    /// If a module is unloaded while the patch stays enabled, the patch still counts as a user, because it uses the data
    /// again when the module is loaded.
    ///
    /// ```
    /// # use klp::prelude::*;
    /// # use klp::sync::{Atomic, Relaxed};
    /// # #[kernel_struct("session")]
    /// # struct Session;
    /// /// A `post_unpatch`.
    /// fn clean_up(shadow: &Shadow<Session, u32>, unpatched: &klp::Unpatched) {
    ///     if !shadow.free_all(unpatched) {
    ///         pr_info!("another patch uses the data\n");
    ///     }
    /// }
    /// # fn main() {}
    /// ```
    #[inline]
    pub fn free_all(&self, unpatched: &Unpatched) -> bool {
        if unpatched.is_in_transition() {
            self.declaration.release();
        }
        if self.declaration.has_other_users() {
            return false;
        }
        // SAFETY: `collect` is a destructor for the data under this id.
        unsafe { bindings::klp_shadow_free_all(self.key(), Some(self.collect)) };
        true
    }

    /// Drops the values of a list.
    ///
    /// # Safety
    ///
    /// `first` is null or the first [`ShadowNode`] of a list that `collect()` built, and there are no references to its
    /// values.
    #[inline]
    unsafe fn drop_detached(first: *mut c_void) {
        let mut next: *mut ShadowNode<T> = first.cast();
        while !next.is_null() {
            // SAFETY: each node of the list has left the table, to which `attach()` added it as a pointer
            // from a box; the caller guarantees that nobody refers to its value.
            let node = unsafe { KBox::from_raw(next) };
            next = node.next;
        }
    }

    /// Moves a value to the declaration's list. The kernel calls it, under its lock, for each variable that `free_all`
    /// removes from the table.
    ///
    /// # Safety
    ///
    /// `data` is the data that `klp_shadow_free_all()` passes for this variable's id.
    #[doc(hidden)]
    #[inline]
    pub unsafe fn collect(&self, data: *mut c_void) {
        // SAFETY: only klp adds data with ids that have its mark.
        let data = unsafe { &*data.cast::<ShadowHeader>() };
        if data.magic != MAGIC || data.fingerprint != self.fingerprint {
            // Its type, and so its destructor, is unknown.
            return;
        }
        let node: *mut ShadowNode<T> = data.node.cast();
        let detached = &self.declaration.detached;
        // SAFETY: the node has left the table, so nobody else writes to it. `next` is not part of the value, to
        // which a callback may still hold a reference.
        unsafe { (&raw mut (*node).next).write(detached.load(Relaxed).cast()) };
        detached.store(node.cast(), Release);
    }

    /// Attaches a value. Returns `None` if `parent` already has data.
    #[inline]
    fn attach<'a>(&self, parent: &'a P, value: T, flags: Flags) -> Result<Option<&'a T>> {
        let next = ptr::null_mut();
        let node = KBox::into_raw(KBox::new(ShadowNode { next, value }, flags)?);
        let mut args = CtorArgs {
            data: ShadowHeader {
                magic: MAGIC,
                fingerprint: self.fingerprint,
                node: node.cast(),
            },
            attached: false,
        };
        // SAFETY: `construct` takes a `CtorArgs`, and initialises memory of that size.
        let data = unsafe {
            bindings::klp_shadow_get_or_alloc(
                Self::address(parent),
                self.key(),
                size_of::<ShadowHeader>(),
                platform::gfp(flags),
                Some(construct),
                (&raw mut args).cast(),
            )
        };
        if args.attached {
            // SAFETY: the node was added to the table just now; the rest as in `get()`.
            return Ok(Some(unsafe { &(*node).value }));
        }
        // SAFETY: the node was not added to the table, so this is its only pointer.
        drop(unsafe { KBox::from_raw(node) });
        if data.is_null() {
            return Err(errno::ENOMEM);
        }
        Ok(None)
    }

    /// Looks up the variable in the kernel's table.
    #[inline]
    fn find(&self, parent: &P) -> Result<Option<NonNull<ShadowNode<T>>>> {
        // Data of another patch may be freed at any time, but only after a grace period.
        let _guard = platform::rcu_read_lock();
        // SAFETY: passes an address and an id.
        let data = unsafe { bindings::klp_shadow_get(Self::address(parent), self.key()) };
        // SAFETY: only klp adds data with ids that have its mark, and initialises it before it is in the table.
        let Some(data) = (unsafe { data.cast::<ShadowHeader>().as_ref() }) else {
            return Ok(None);
        };
        if data.magic != MAGIC || data.fingerprint != self.fingerprint {
            return Err(self.type_mismatch());
        }
        Ok(NonNull::new(data.node.cast()))
    }

    /// Logs once that there is data of another type, and returns the error for it.
    #[cold]
    fn type_mismatch(&self) -> Error {
        if !self.reported.xchg(true, Relaxed) {
            pr_warn!(
                "{}: another patch keeps shadow data of another type under id {}; it is not used\n",
                self.name,
                self.declaration.id
            );
        }
        errno::EEXIST
    }

    #[inline]
    fn key(&self) -> usize {
        MARK | self.declaration.id as usize
    }

    #[inline]
    fn address(parent: &P) -> *mut c_void {
        // The kernel only compares it.
        ptr::from_ref(parent).cast_mut().cast()
    }
}

/// Initialises the data. The kernel calls it under a spinlock, and only if it attaches the data.
#[inline]
unsafe extern "C" fn construct(
    _parent: *mut c_void,
    data: *mut c_void,
    args: *mut c_void,
) -> c_int {
    // SAFETY: `attach()` passed it, and does not use it until the kernel returns.
    let args = unsafe { &mut *args.cast::<CtorArgs>() };
    // SAFETY: fresh memory of that size.
    unsafe {
        data.cast::<ShadowHeader>()
            .write(ptr::read(&raw const args.data))
    };
    args.attached = true;
    0
}

/// Returns the user count of an id: the number of patches that may use the data.
#[inline]
fn users(id: u32) -> Option<&'static Atomic<usize>> {
    // SAFETY: passes an address and an id.
    let users = unsafe { bindings::klp_shadow_get(USERS_PARENT, USERS_MARK | id as usize) };
    // SAFETY: only `Declaration` adds data with this mark: user counts, which are never freed.
    unsafe { users.cast::<Atomic<usize>>().as_ref() }
}

/// A patch's declaration of an id.
#[doc(hidden)]
pub struct Declaration {
    id: u32,
    /// Whether the patch counts as a user of the id.
    counted: Atomic<bool>,
    /// The first value of the list that `free_all()` detached.
    detached: Atomic<*mut c_void>,
    drop_detached: DropDetached,
}

impl Declaration {
    /// Counts the patch as a user.
    #[inline]
    fn count(&self) -> Result {
        // SAFETY: without a constructor the kernel zeroes the data, which is a valid count.
        let users = unsafe {
            bindings::klp_shadow_get_or_alloc(
                USERS_PARENT,
                USERS_MARK | self.id as usize,
                size_of::<Atomic<usize>>(),
                bindings::GFP_KERNEL,
                None,
                ptr::null_mut(),
            )
        };
        // SAFETY: only this adds data with this mark: user counts, which are never freed.
        let users = unsafe { users.cast::<Atomic<usize>>().as_ref() };
        users.ok_or(errno::ENOMEM)?.fetch_add(1, Full);
        self.counted.store(true, Release);
        Ok(())
    }

    /// Stops counting the patch as a user.
    #[inline]
    fn release(&self) {
        if !self.counted.xchg(false, Full) {
            return;
        }
        if let Some(users) = users(self.id) {
            users.fetch_sub(1, Full);
        }
    }

    /// Returns whether other patches count as users.
    #[inline]
    fn has_other_users(&self) -> bool {
        let own = usize::from(self.counted.load(Acquire));
        users(self.id).is_some_and(|users| users.load(Acquire) > own)
    }

    /// Drops the detached values.
    ///
    /// # Safety
    ///
    /// No code of the module runs any more except for its exit function.
    #[inline]
    unsafe fn drop_values(&self) {
        let first = self.detached.xchg(ptr::null_mut(), Acquire);
        // SAFETY: only `collect()` adds to this list. Only code of this module has references to the values, and the
        // caller guarantees that none of it runs: `free_all()` detaches nothing while another module counts as a user.
        unsafe { (self.drop_detached)(first) };
    }
}

/// The shadow variables that this module declares, counted while it is loaded and may use them. The
/// module's exit function drops it.
#[doc(hidden)]
pub struct Declared(&'static [&'static Declaration]);

impl Declared {
    /// Counts the module as a user of each id.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    #[inline]
    pub fn new(declarations: &'static [&'static Declaration]) -> Result<Self> {
        // If one fails, dropping this releases those that were counted.
        let declared = Self(declarations);
        for declaration in declarations {
            declaration.count()?;
        }
        Ok(declared)
    }
}

impl Drop for Declared {
    #[inline]
    fn drop(&mut self) {
        for declaration in self.0 {
            declaration.release();
            // SAFETY: this is dropped by the module's exit function, or by its init function if the patch was refused,
            // before any of its functions has run.
            unsafe { declaration.drop_values() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persistent::{Persistent, Typed};
    use crate::platform::alloc::GFP_KERNEL;
    use core::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::Arc;

    struct Session(#[allow(dead_code)] u32);

    // SAFETY: there is no kernel in this test.
    unsafe impl KernelStruct for Session {
        const NAME: &'static str = "session";
    }

    /// Counts its live instances.
    struct Alive(Arc<AtomicUsize>);

    // SAFETY: no code is unloaded in this test.
    unsafe impl Persistent for Alive {
        const FINGERPRINT: u64 = 1;
    }

    impl Alive {
        fn new(count: &Arc<AtomicUsize>) -> Self {
            count.fetch_add(1, Ordering::Relaxed);
            Self(count.clone())
        }
    }

    impl Drop for Alive {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Declares a shadow variable as `#[shadow]` does. Each test uses its own id, because all share one table.
    macro_rules! shadow {
        ($name:ident: $data:ty = $id:literal) => {
            static $name: Shadow<Session, $data> = {
                unsafe extern "C" fn collect(_: *mut c_void, data: *mut c_void) {
                    // SAFETY: the table passes the data of this id.
                    unsafe { $name.collect(data) }
                }
                const FINGERPRINT: u64 = <Shadow<Session, $data> as Typed>::FINGERPRINT;
                // SAFETY: no other test uses the id for these types.
                unsafe { Shadow::new($id, stringify!($name), FINGERPRINT, collect) }
            };
        };
    }

    const EEXIST: Error = errno::EEXIST;

    /// Calls `with` with the proof that `post_unpatch` gets when a patch of vmlinux is reverted.
    fn proof<R>(with: impl FnOnce(&Unpatched) -> R) -> R {
        proof_of(ptr::null_mut(), with)
    }

    /// Calls `with` with the proof that `post_unpatch` gets when a module is unloaded and the patch stays enabled.
    fn proof_of_going<R>(with: impl FnOnce(&Unpatched) -> R) -> R {
        let mut module = bindings::module {
            state: bindings::module_state_MODULE_STATE_GOING,
        };
        proof_of(&raw mut module, with)
    }

    fn proof_of<R>(module: *mut bindings::module, with: impl FnOnce(&Unpatched) -> R) -> R {
        // SAFETY: all fields are pointers or `bool`s, for which zero is a valid value.
        let mut object = unsafe { core::mem::zeroed::<bindings::klp_object>() };
        object.mod_ = module;
        let object = core::cell::UnsafeCell::new(object);
        // SAFETY: transparent, and no patched function runs in a test.
        with(unsafe { &*ptr::from_ref(&object).cast() })
    }

    #[test]
    fn data_is_found_until_it_is_freed() {
        shadow!(USES: Alive = 1);
        let count = Arc::default();
        let mut session = Session(0);
        assert!(matches!(USES.get(&session), Ok(None)));
        let new = || Ok(Alive::new(&count));
        let made = USES.get_or_try_init(&session, GFP_KERNEL, new);
        let made = made.map(ptr::from_ref).ok();
        let found = USES.get(&session).map(|found| found.map(ptr::from_ref));
        assert_eq!(found.ok(), Some(made));
        let again = USES.get_or_try_init(&session, GFP_KERNEL, || unreachable!());
        assert_eq!(again.map(ptr::from_ref).ok(), made);
        assert!(matches!(USES.get(&Session(1)), Ok(None)));
        USES.free(Pin::new(&mut session));
        assert_eq!(count.load(Ordering::Relaxed), 0);
        assert!(matches!(USES.get(&session), Ok(None)));
        USES.free(Pin::new(&mut session));
    }

    #[test]
    fn a_constructor_that_fails_attaches_nothing() {
        shadow!(USES: u32 = 2);
        let session = Session(0);
        let failed = USES.get_or_try_init(&session, GFP_KERNEL, || Err(errno::ENOSPC));
        assert_eq!(failed, Err(errno::ENOSPC));
        assert_eq!(USES.get(&session), Ok(None));
    }

    #[test]
    fn each_parent_has_at_most_one_value() {
        shadow!(USES: Alive = 3);
        let count = Arc::default();
        let mut session = Session(0);
        assert!(USES.alloc(&session, Alive::new(&count), GFP_KERNEL).is_ok());
        let second = USES.alloc(&session, Alive::new(&count), GFP_KERNEL);
        assert_eq!(second.err(), Some(EEXIST));
        assert_eq!(count.load(Ordering::Relaxed), 1);
        let taken = USES.take(Pin::new(&mut session));
        assert_eq!(count.load(Ordering::Relaxed), 1);
        assert!(matches!(taken, Ok(Some(_))));
        drop(taken);
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn the_loser_of_a_race_is_dropped() {
        shadow!(USES: Alive = 4);
        let count = Arc::default();
        let mut session = Session(0);
        let made = USES.get_or_try_init(&session, GFP_KERNEL, || {
            // Another CPU attaches a value first.
            USES.alloc(&session, Alive::new(&count), GFP_KERNEL)?;
            Ok(Alive::new(&count))
        });
        assert!(made.is_ok());
        assert_eq!(count.load(Ordering::Relaxed), 1);
        USES.free(Pin::new(&mut session));
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_type_mismatch_is_reported() {
        shadow!(USES: u32 = 5);
        shadow!(OTHER: u64 = 5);
        let mut session = Session(0);
        assert_eq!(USES.alloc(&session, 7, GFP_KERNEL), Ok(&7));
        assert_eq!(OTHER.get(&session), Err(EEXIST));
        assert_eq!(OTHER.alloc(&session, 1, GFP_KERNEL), Err(EEXIST));
        let made = OTHER.get_or_try_init(&session, GFP_KERNEL, || Ok(1));
        assert_eq!(made, Err(EEXIST));
        assert_eq!(OTHER.take(Pin::new(&mut session)), Err(EEXIST));
        OTHER.free(Pin::new(&mut session));
        assert_eq!(USES.take(Pin::new(&mut session)), Ok(Some(7)));
        assert_eq!(OTHER.get(&session), Ok(None));
    }

    /// Attaches data of one patch to some sessions. Returns the number of live values.
    fn attach_some(
        uses: &'static Shadow<Session, Alive>,
        sessions: &[Session],
    ) -> Arc<AtomicUsize> {
        let count = Arc::default();
        for session in sessions {
            assert!(uses.alloc(session, Alive::new(&count), GFP_KERNEL).is_ok());
        }
        count
    }

    #[test]
    fn all_are_freed_when_the_other_patch_is_unloaded() {
        shadow!(USES: Alive = 6);
        shadow!(SAME: Alive = 6);
        shadow!(MORE: u32 = 60);
        static FIRST: [&Declaration; 1] = [USES.declaration()];
        static SECOND: [&Declaration; 2] = [SAME.declaration(), MORE.declaration()];
        let (Ok(first), Ok(second)) = (Declared::new(&FIRST), Declared::new(&SECOND)) else {
            panic!("there is memory");
        };
        let sessions = [Session(0), Session(1), Session(2)];
        let count = attach_some(&USES, &sessions);
        assert!(!proof(|unpatched| USES.free_all(unpatched)));
        assert!(!proof(|unpatched| USES.free_all(unpatched)), "second call");
        assert_eq!(count.load(Ordering::Relaxed), 3);
        drop(second);
        assert!(proof(|unpatched| USES.free_all(unpatched)));
        assert!(matches!(USES.get(&sessions[1]), Ok(None)));
        drop(first);
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn all_are_freed_by_the_last_patch_that_is_reverted() {
        shadow!(USES: Alive = 7);
        shadow!(SAME: Alive = 7);
        static FIRST: [&Declaration; 1] = [USES.declaration()];
        static SECOND: [&Declaration; 1] = [SAME.declaration()];
        let (Ok(first), Ok(second)) = (Declared::new(&FIRST), Declared::new(&SECOND)) else {
            panic!("there is memory");
        };
        let sessions = [Session(0), Session(1)];
        let count = attach_some(&USES, &sessions);
        assert!(!proof(|unpatched| SAME.free_all(unpatched)));
        // The other patch is still loaded.
        assert!(proof(|unpatched| USES.free_all(unpatched)));
        drop((first, second));
        assert_eq!(count.load(Ordering::Relaxed), 0);
        // Neither was released twice.
        let Ok(first) = Declared::new(&FIRST) else {
            panic!("there is memory");
        };
        let Ok(second) = Declared::new(&SECOND) else {
            panic!("there is memory");
        };
        let count = attach_some(&USES, &sessions);
        assert!(!proof(|unpatched| USES.free_all(unpatched)));
        drop(second);
        assert!(proof(|unpatched| USES.free_all(unpatched)));
        drop(first);
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn reloading_a_patched_module_keeps_the_data() {
        shadow!(USES: Alive = 8);
        shadow!(SAME: Alive = 8);
        static FIRST: [&Declaration; 1] = [USES.declaration()];
        static SECOND: [&Declaration; 1] = [SAME.declaration()];
        let (Ok(first), Ok(second)) = (Declared::new(&FIRST), Declared::new(&SECOND)) else {
            panic!("there is memory");
        };
        assert!(!proof_of_going(|unpatched| USES.free_all(unpatched)));
        assert!(!proof_of_going(|unpatched| SAME.free_all(unpatched)));
        // The module is loaded again.
        let sessions = [Session(0), Session(1)];
        let count = attach_some(&USES, &sessions);
        assert!(!proof(|unpatched| SAME.free_all(unpatched)));
        assert!(matches!(USES.get(&sessions[1]), Ok(Some(_))));
        drop(second);
        assert_eq!(count.load(Ordering::Relaxed), 2);
        // The last user may free the data that the module leaves behind.
        assert!(proof_of_going(|unpatched| USES.free_all(unpatched)));
        assert!(matches!(USES.get(&sessions[1]), Ok(None)));
        drop(first);
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn data_outlives_the_callback_that_detaches_it() {
        shadow!(USES: Alive = 9);
        static DECLARED: [&Declaration; 1] = [USES.declaration()];
        let Ok(declared) = Declared::new(&DECLARED) else {
            panic!("there is memory");
        };
        let count = Arc::default();
        let session = Session(0);
        let Ok(data) = USES.alloc(&session, Alive::new(&count), GFP_KERNEL) else {
            panic!("there is memory");
        };
        proof(|unpatched| {
            assert!(USES.free_all(unpatched));
            assert_eq!(data.0.load(Ordering::Relaxed), 1);
        });
        assert_eq!(data.0.load(Ordering::Relaxed), 1);
        drop(declared);
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }
}
