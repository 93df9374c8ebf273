// SPDX-License-Identifier: GPL-2.0-only

//! Locks, reference counts and atomics of the kernel's structures.
//!
//! They are member types of [views](crate::view). Their C types and sizes are compared with the kernel's type
//! information.
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
//!     /// This patch drops each reference that it takes.
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
//! Each method returns a [`Guard`], which releases the lock when it is dropped. C's rules apply: do not sleep
//! under a spinlock, keep the kernel's lock order, and drop guards that disable interrupts in reverse order. Do not
//! take a lock before C has initialised it: a function that runs earlier gets no view with locks.
//!
//! A static lock of the kernel is [declared by its name](macro@crate::symbols):
//!
//! ```
//! # use klp::prelude::*;
//! # use klp::sync::Mutex;
//! #[klp::symbols(object = "vmlinux")]
//! unsafe extern "C" {
//!     safe static event_mutex: Mutex;
//! }
//!
//! fn with_lock_held() {
//!     let _guard = event_mutex.lock();
//! }
//! # fn main() {}
//! ```
//!
//! A mutex of the patch is a static [`StaticMutex`]. [`guard()`] makes a guard from two functions, such as
//! `lock_sock()` and `release_sock()`.
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
//! Such a member is read as a number. With `#[write(unsafe)]` the accessor returns the atomic itself, and the author
//! claims that no change breaks what C relies on: for a reference count, that the patch drops only its own references.
//!
//! [`Atomic`] is the `kernel` crate's type. It follows the kernel's memory model, which differs from that of
//! `core::sync::atomic`. Use it also for data of the patch that several CPUs share:
//!
//! ```
//! use klp::sync::{Atomic, Relaxed};
//!
//! static CALLS: Atomic<u32> = Atomic::new(0);
//!
//! fn count() -> u32 {
//!     CALLS.fetch_add(1, Relaxed)
//! }
//! # count();
//! ```

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
