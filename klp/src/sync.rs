// SPDX-License-Identifier: GPL-2.0-only

//! The locks, reference counts and atomics in the kernel's structures.
//!
//! They are member types of [views](crate::view). What they are in C, and how large, is compared with
//! the kernel's type information.
//!
//! ```
//! use klp::prelude::*;
//! use klp::sync::{Atomic, Full, Mutex, Refcount};
//!
//! #[kernel_struct("session", object = "sessions")]
//! struct Session {
//!     /// Guards `open`.
//!     lock: Mutex,
//!     open: bool,
//!     /// A reference that this patch takes it also drops.
//!     #[write(unsafe)]
//!     refs: Refcount,
//!     #[write(unsafe)]
//!     uses: Atomic<i32>,
//! }
//!
//! #[livepatch(object = "sessions", replaces = "session_use",
//!             description = "Checks under the lock", license = "GPL")]
//! fn session_use(session: &Session) -> Result {
//!     let _guard = session.lock().lock();
//!     if !session.open() || !session.refs().inc_not_zero() {
//!         return Err(ENOENT);
//!     }
//!     session.uses().fetch_add(1, Full);
//!     Ok(())
//! }
//! # fn main() {}
//! ```
//!
//! # Locks
//!
//! | type | in C | methods |
//! | --- | --- | --- |
//! | [`Mutex`] | `struct mutex` | `lock`, `lock_interruptible`, `lock_killable`, `try_lock` |
//! | [`SpinLock`] | `spinlock_t` | `lock`, `lock_irqsave`, `lock_irq`, `lock_bh`, `try_lock` |
//! | [`RawSpinLock`] | `raw_spinlock_t` | the same |
//! | [`RwLock`] | `rwlock_t` | `read`, `write`, each also with `_irqsave`, `_irq`, `_bh`; `try_read`, `try_write` |
//! | [`RwSemaphore`] | `struct rw_semaphore` | `read`, `write`, `try_read`, `try_write`; `read_killable`, `write_killable` |
//!
//! Each gives a [`Guard`], which releases the lock when it is dropped. The rules are those of C: nothing
//! that sleeps happens under a spinlock, locks are taken in the kernel's order, and guards that turn
//! interrupts off are dropped in reverse order. A lock that C has not initialised yet must not be
//! taken: a function that runs before that gets no view with locks.
//!
//! A lock of the kernel's that is a variable is [declared by its name](macro@crate::symbols):
//!
//! ```
//! # use klp::prelude::*;
//! # use klp::sync::Mutex;
//! #[klp::symbols(object = "vmlinux")]
//! unsafe extern "C" {
//!     safe static event_mutex: Mutex;
//! }
//!
//! fn under_it() {
//!     let _guard = event_mutex.lock();
//! }
//! # fn main() {}
//! ```
//!
//! A mutex of the patch's own is a static [`StaticMutex`].
//!
//! A pair of functions such as `lock_sock()` and `release_sock()` is a scope of [`guard()`].
//!
//! # Atomics and reference counts
//!
//! | type | in C | reads as |
//! | --- | --- | --- |
//! | [`Atomic<i32>`](Atomic) | `atomic_t` | `i32` |
//! | [`Atomic<i64>`](Atomic) | `atomic64_t`, `atomic_long_t` | `i64` |
//! | [`Refcount`] | `refcount_t` | `i32` |
//! | [`Kref`] | `struct kref` | `i32` |
//!
//! Such a member is read as a number. With `#[write(unsafe)]` the accessor gives the atomic itself,
//! which the patch can change: that no change breaks what C relies on is what the author claims. For
//! what a count guards, that means that the patch drops only references that it has.
//!
//! [`Atomic`] is the `kernel` crate's: its memory model is the kernel's, which is not that of
//! `core::sync::atomic`. It is also the type for data of the patch's own that several CPUs use.

mod atomic;
mod guard;
mod lock;
mod refcount;
mod static_mutex;

pub use crate::platform::atomic::{Acquire, Atomic, Full, Relaxed, Release};
pub use crate::platform::Refcount;
pub use atomic::AtomicExt;
pub use guard::{guard, Scope};
pub use lock::{mode, Guard, Lock, Mutex, RawSpinLock, RwLock, RwSemaphore, SpinLock};
pub use refcount::{Kref, RefcountExt};
pub use static_mutex::StaticMutex;
