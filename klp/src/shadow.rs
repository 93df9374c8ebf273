// SPDX-License-Identifier: GPL-2.0-only

//! Shadow variables attach data to a structure of the kernel, like one more field.
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
//! references to the data borrow from the parent, so none is left. [`Shadow::free_all`] detaches the data of
//! all parents when no function of the patch runs any more. The values are dropped when the patch's module is unloaded,
//! because callbacks may use them until then.
//!
//! The data's destructor is `Drop`. It runs in the task that frees the parent or unloads the module, without a
//! lock of the livepatch core.
//!
//! Replace the function that frees the parent too. Otherwise the variable stays, and the next structure at that
//! address finds it.
//!
//! # Several patches
//!
//! Patches that declare the same id share the data. Each variable stores a fingerprint of its types: a patch that uses
//! the id with other types gets `EEXIST` and one line in the log. Patches in C never find these variables: klp's ids
//! have a mark in their upper half.

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

/// A structure that shadow variables can be attached to: a wrapper of the kernel crate, or a
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
/// The address of a reference is that of a structure of the kernel, or of a value that is not empty:
/// no two live ones have the same.
#[diagnostic::on_unimplemented(
    message = "nothing can be attached to `{Self}`",
    label = "no structure of the kernel",
    note = "declare a view of the kernel's structure with `#[kernel_struct(\"name_in_c\")]`, or name a wrapper of the kernel crate such as `Task`"
)]
pub unsafe trait Parent {
    /// The structure's name in C.
    const NAME: &'static str;
}

// SAFETY: it stands for a structure of the kernel.
unsafe impl<T: KernelStruct> Parent for T {
    const NAME: &'static str = <T as KernelStruct>::NAME;
}

macro_rules! parents {
    ($($wrapper:ident = $name:literal)*) => {$(
        // SAFETY: it is the C structure.
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
/// It is declared in a patch's mod, `#[shadow(id = 1)] static NAME: Shadow<P, T>;`. See the
/// [module](mod@self).
pub struct Shadow<P, T> {
    declaration: Declaration,
    /// For the log.
    name: &'static str,
    /// Of both types.
    fingerprint: u64,
    /// Puts a variable that leaves the table on the declaration's list.
    collect: Destructor,
    /// Data of another type has been reported in the log.
    reported: Atomic<bool>,
    types: PhantomData<fn(&P) -> T>,
}

/// C's type for destructors: parent and data.
type Destructor = unsafe extern "C" fn(*mut c_void, *mut c_void);

/// Drops a list of detached values, given the first one.
type DropDetached = unsafe fn(*mut c_void);

/// The data in the kernel's table: a mark, the fingerprint of the types, and a pointer to the value.
///
/// The kernel builds and destroys data under a spinlock with interrupts off. So the value is allocated
/// separately, and no code of the author runs there.
#[repr(C)]
struct ShadowHeader {
    magic: u64,
    fingerprint: u64,
    kept: *mut c_void,
}

/// A value, with a link for the list of detached ones.
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

/// Begins each [`ShadowHeader`]: "klp data" and the number of this layout.
const MAGIC: u64 = u64::from_be_bytes(*b"klpdata\x01");

/// The upper half of the ids of klp's shadow variables.
const MARK: usize = 0x4b4c_5052_0000_0000;
/// The upper half of the ids under which the numbers of users are kept.
const USERS_MARK: usize = 0x4b4c_5055_0000_0000;
/// The parent of the numbers of users: the address of nothing.
const USERS_PARENT: *mut c_void = ptr::without_provenance_mut(1);

impl<P, T> Shadow<P, T> {
    /// # Safety
    ///
    /// The patch has no other one of this id, and `collect` calls the function of that name. The
    /// patch's module holds [`Declared`] with this id. The fingerprint is that of
    /// [`Typed`](crate::persistent::Typed), which is there only when both types are fit.
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

    /// What [`Declared`] counts.
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
        let kept = self.find(parent)?;
        // SAFETY: what is in the table is alive. It leaves it by `take()`, which has the parent for
        // itself, or by `free_all()`, after which it lives until the module of a patch that could hold
        // this is unloaded.
        Ok(kept.map(|kept| unsafe { &(*kept.as_ptr()).value }))
    }

    /// Returns the data that is attached to `parent`, made by `init` if there is none.
    ///
    /// `init` runs in the caller's context, without locks, so it may do what the caller may. If it fails nothing is
    /// attached. If another CPU attaches data at the same time, one value stays and the other is dropped.
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
            // Attached meanwhile. It cannot have gone again while there is a reference to its
            // parent, unless it was another patch's, of another type.
            None => self.get(parent)?.ok_or(errno::EEXIST),
        }
    }

    /// Attaches data to `parent`, which has none.
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
    /// `EEXIST`: it has some already. `ENOMEM`.
    #[inline]
    pub fn alloc<'a>(&self, parent: &'a P, value: T, flags: Flags) -> Result<&'a T> {
        self.attach(parent, value, flags)?.ok_or(errno::EEXIST)
    }

    /// Detaches and drops the data of `parent`, if it has any.
    ///
    /// `&mut` proves that nobody else uses the parent or its data: this is for the function that frees the parent, which
    /// owns it as a `Pin<KBox<P>>`. Data of another type is left alone.
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
        let Some(kept) = self.find(parent)? else {
            return Ok(None);
        };
        // SAFETY: an address and an id, no destructor. The kernel looks under its lock.
        unsafe { bindings::klp_shadow_free(Self::address(parent), self.key(), None) };
        // SAFETY: it has left the table, and as the parent is ours alone, nobody has a reference
        // into it. `attach()` made it of a box.
        let kept = unsafe { KBox::from_raw(kept.as_ptr()) };
        Ok(Some(KBox::into_inner(kept).value))
    }

    /// Detaches the data of all parents. The values are dropped when the patch's module is unloaded.
    ///
    /// Does nothing and returns `false` while another patch may use the data: one that declares this id, is
    /// loaded, and has not called this when it was reverted. The last one detaches it.
    ///
    /// If a module is unloaded while the patch stays enabled, the patch still counts as a user, because it uses the data again
    /// when the module is loaded.
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
        // SAFETY: `collect` is a destructor for what is kept under this id.
        unsafe { bindings::klp_shadow_free_all(self.key(), Some(self.collect)) };
        true
    }

    /// # Safety
    ///
    /// `first` is null or the first [`ShadowNode`] of a list that `collect()` made, and nobody refers to the
    /// values on it.
    #[inline]
    unsafe fn drop_detached(first: *mut c_void) {
        let mut next: *mut ShadowNode<T> = first.cast();
        while !next.is_null() {
            // SAFETY: what is on the list has left the table, where `attach()` put it, made of a
            // box; the caller vouches for the rest.
            let kept = unsafe { KBox::from_raw(next) };
            next = kept.next;
        }
    }

    /// Called by the kernel, under its lock, for each variable that `free_all` takes out.
    ///
    /// # Safety
    ///
    /// `data` is what `klp_shadow_free_all()` passes on for this variable's id.
    #[doc(hidden)]
    #[inline]
    pub unsafe fn collect(&self, data: *mut c_void) {
        // SAFETY: under klp's mark only klp keeps data.
        let data = unsafe { &*data.cast::<ShadowHeader>() };
        if data.magic != MAGIC || data.fingerprint != self.fingerprint {
            // Nobody knows any more how to drop it.
            return;
        }
        let kept: *mut ShadowNode<T> = data.kept.cast();
        let detached = &self.declaration.detached;
        // SAFETY: it has left the table, so nobody else writes to it. `next` is not part of the value, to
        // which a callback may still refer.
        unsafe { (&raw mut (*kept).next).write(detached.load(Relaxed).cast()) };
        detached.store(kept.cast(), Release);
    }

    /// Attaches a value, unless there is one.
    #[inline]
    fn attach<'a>(&self, parent: &'a P, value: T, flags: Flags) -> Result<Option<&'a T>> {
        let next = ptr::null_mut();
        let kept = KBox::into_raw(KBox::new(ShadowNode { next, value }, flags)?);
        let mut construction = CtorArgs {
            data: ShadowHeader {
                magic: MAGIC,
                fingerprint: self.fingerprint,
                kept: kept.cast(),
            },
            attached: false,
        };
        // SAFETY: `construct` takes what is passed to it here, and fills memory of that size.
        let data = unsafe {
            bindings::klp_shadow_get_or_alloc(
                Self::address(parent),
                self.key(),
                size_of::<ShadowHeader>(),
                platform::gfp(flags),
                Some(construct),
                (&raw mut construction).cast(),
            )
        };
        if construction.attached {
            // SAFETY: it was put into the table a moment ago; the rest as in `get()`.
            return Ok(Some(unsafe { &(*kept).value }));
        }
        // SAFETY: the kernel did not take it.
        drop(unsafe { KBox::from_raw(kept) });
        if data.is_null() {
            return Err(errno::ENOMEM);
        }
        Ok(None)
    }

    /// Looks the variable up.
    #[inline]
    fn find(&self, parent: &P) -> Result<Option<NonNull<ShadowNode<T>>>> {
        // Another patch's may go at any time, but its memory stays while readers are there.
        let _guard = platform::rcu_read_lock();
        // SAFETY: an address and an id.
        let data = unsafe { bindings::klp_shadow_get(Self::address(parent), self.key()) };
        // SAFETY: under klp's mark only klp keeps data, complete before it is in the table.
        let Some(data) = (unsafe { data.cast::<ShadowHeader>().as_ref() }) else {
            return Ok(None);
        };
        if data.magic != MAGIC || data.fingerprint != self.fingerprint {
            return Err(self.type_mismatch());
        }
        Ok(NonNull::new(data.kept.cast()))
    }

    /// Logs, once, that there is data of another type.
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

/// Fills the data. The kernel calls it under a spinlock, and only when the data is attached.
#[inline]
unsafe extern "C" fn construct(
    _parent: *mut c_void,
    data: *mut c_void,
    construction: *mut c_void,
) -> c_int {
    // SAFETY: `attach()` passed it, and waits.
    let construction = unsafe { &mut *construction.cast::<CtorArgs>() };
    // SAFETY: fresh memory of that size.
    unsafe {
        data.cast::<ShadowHeader>()
            .write(ptr::read(&raw const construction.data))
    };
    construction.attached = true;
    0
}

/// How many patches may be using the data under this id.
#[inline]
fn users(id: u32) -> Option<&'static Atomic<usize>> {
    // SAFETY: an address and an id.
    let users = unsafe { bindings::klp_shadow_get(USERS_PARENT, USERS_MARK | id as usize) };
    // SAFETY: under that mark only `Declaration` keeps something: such a number, which stays.
    unsafe { users.cast::<Atomic<usize>>().as_ref() }
}

/// That a patch declares an id.
#[doc(hidden)]
pub struct Declaration {
    id: u32,
    /// Whether the patch counts as a user.
    counted: Atomic<bool>,
    /// The first of the values that `free_all()` detached.
    detached: Atomic<*mut c_void>,
    drop_detached: DropDetached,
}

impl Declaration {
    /// Counts the patch.
    #[inline]
    fn count(&self) -> Result {
        // SAFETY: without a constructor the kernel fills it with zeroes, which is a number.
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
        // SAFETY: as in `users()`.
        let users = unsafe { users.cast::<Atomic<usize>>().as_ref() };
        users.ok_or(errno::ENOMEM)?.fetch_add(1, Full);
        self.counted.store(true, Release);
        Ok(())
    }

    /// Stops counting the patch.
    #[inline]
    fn release(&self) {
        if !self.counted.xchg(false, Full) {
            return;
        }
        if let Some(users) = users(self.id) {
            users.fetch_sub(1, Full);
        }
    }

    /// Whether other patches count as users.
    #[inline]
    fn has_other_users(&self) -> bool {
        let own = usize::from(self.counted.load(Acquire));
        users(self.id).is_some_and(|users| users.load(Acquire) > own)
    }

    /// Drops the detached values.
    ///
    /// # Safety
    ///
    /// No code of the module runs any more, but its exit.
    #[inline]
    unsafe fn drop_values(&self) {
        let first = self.detached.xchg(ptr::null_mut(), Acquire);
        // SAFETY: only `collect()` puts something there. References to the values were handed out to
        // code of this module, and the caller vouches that none of it runs; another module that
        // declares the id is refused the detaching.
        unsafe { (self.drop_detached)(first) };
    }
}

/// The shadow variables that this module declares, counted while it is loaded and may use them. The
/// module's exit drops it.
#[doc(hidden)]
pub struct Declared(&'static [&'static Declaration]);

impl Declared {
    /// Counts them.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    #[inline]
    pub fn new(declarations: &'static [&'static Declaration]) -> Result<Self> {
        // What has been counted when one fails is taken back by the drop.
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
            // SAFETY: this is dropped by the module's exit, or by its init when the patch was refused
            // and none of its functions has run.
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

    // SAFETY: nothing asks the kernel here.
    unsafe impl KernelStruct for Session {
        const NAME: &'static str = "session";
    }

    /// Counts how many of it are alive.
    struct Alive(Arc<AtomicUsize>);

    // SAFETY: nothing is unloaded here.
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

    /// What the macro makes, one for each test, because the table is common to all.
    macro_rules! shadow {
        ($name:ident: $data:ty = $id:literal) => {
            static $name: Shadow<Session, $data> = {
                unsafe extern "C" fn collect(_: *mut c_void, data: *mut c_void) {
                    // SAFETY: the table passes what is kept under the id.
                    unsafe { $name.collect(data) }
                }
                const FINGERPRINT: u64 = <Shadow<Session, $data> as Typed>::FINGERPRINT;
                // SAFETY: no other test uses the id for these types.
                unsafe { Shadow::new($id, stringify!($name), FINGERPRINT, collect) }
            };
        };
    }

    const EEXIST: Error = errno::EEXIST;

    /// The proof as `post_unpatch` gets it when a patch of vmlinux is reverted.
    fn proof<R>(with: impl FnOnce(&Unpatched) -> R) -> R {
        proof_of(ptr::null_mut(), with)
    }

    /// The proof as `post_unpatch` gets it when the module goes, and the patch stays enabled.
    fn proof_of_going<R>(with: impl FnOnce(&Unpatched) -> R) -> R {
        let mut module = bindings::module {
            state: bindings::module_state_MODULE_STATE_GOING,
        };
        proof_of(&raw mut module, with)
    }

    fn proof_of<R>(module: *mut bindings::module, with: impl FnOnce(&Unpatched) -> R) -> R {
        // SAFETY: all fields are pointers or `bool`s, for which zero is a value.
        let mut object = unsafe { core::mem::zeroed::<bindings::klp_object>() };
        object.mod_ = module;
        let object = core::cell::UnsafeCell::new(object);
        // SAFETY: transparent, and the tests run nothing that is patched.
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
    fn there_is_one_for_each_parent() {
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
            // Another CPU was faster.
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

    /// Attaches data of one patch to some sessions; answers how many are alive.
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
        assert!(!proof(|unpatched| USES.free_all(unpatched)), "asked again");
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
        // The other one is loaded still.
        assert!(proof(|unpatched| USES.free_all(unpatched)));
        drop((first, second));
        assert_eq!(count.load(Ordering::Relaxed), 0);
        // Neither was counted off twice.
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
        // The module is back.
        let sessions = [Session(0), Session(1)];
        let count = attach_some(&USES, &sessions);
        assert!(!proof(|unpatched| SAME.free_all(unpatched)));
        assert!(matches!(USES.get(&sessions[1]), Ok(Some(_))));
        drop(second);
        assert_eq!(count.load(Ordering::Relaxed), 2);
        // Alone, it may clear up what the module leaves behind.
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
