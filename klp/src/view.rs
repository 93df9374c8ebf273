// SPDX-License-Identifier: GPL-2.0-only

//! Views: access to the members of kernel structures.
//!
//! [`#[kernel_struct]`](macro@crate::kernel_struct) declares a *view* of a structure: the members that
//! a patch uses, in any order. Their offsets are read from the kernel's type information.
//!
//! ```
//! use klp::prelude::*;
//!
//! #[kernel_struct("session", object = "sessions")]
//! struct Session {
//!     user: u32,
//!     /// A member of an inner structure.
//!     #[path("limits.soft")]
//!     limit: usize,
//!     /// Changed by this patch, under the lock that guards it in C.
//!     #[write(unsafe)]
//!     uses: u32,
//!     slots: [u16; 4],
//!     /// `NULL` for the first session. A session keeps a reference to its parent.
//!     #[follow(unsafe)]
//!     parent: Option<&Session>,
//! }
//!
//! #[livepatch(object = "sessions", replaces = "session_use",
//!             description = "Counts uses up to the limit", license = "GPL")]
//! fn session_use(session: &Session) -> Result {
//!     if session.uses() as usize >= session.limit() {
//!         return Err(EBUSY);
//!     }
//!     session.set_uses(session.uses() + 1);
//!     if let Some(parent) = session.parent() {
//!         pr_info!("a child of {} uses slot {:?}\n", parent.user(), session.slots().get(0));
//!     }
//!     Ok(())
//! }
//! # fn main() {}
//! ```
//!
//! # Properties
//!
//! A view is an opaque type of the structure's size. Only its accessors read and write the contents: a method of
//! each member's name, and `set_NAME` for members with `#[write]`. A `&View`
//! guarantees nothing about the contents: C and other CPUs may change them at any time. So each call of
//! an accessor is one access of the member's size, as C's `READ_ONCE()` and `WRITE_ONCE()`. Any number of views of
//! one structure may exist.
//!
//! A view has alignment 1, because type information does not record whether a structure is packed.
//!
//! # Members
//!
//! | declared type | member in C | accessor returns |
//! | --- | --- | --- |
//! | `u8` ... `i64`, `usize`, `isize` | an integer of that size and sign, or an enumeration of that size | its value |
//! | `bool` | `bool` | its value |
//! | `bool`, an integer | a bit-field: `bool` for a single bit, an integer of its sign that has room for it | its value |
//! | `*mut T`, `*const T`, `Option<NonNull<T>>` | a pointer to that | the raw pointer |
//! | `View` | an inner structure or union | `&View` |
//! | `Mutex`, `SpinLock`, `Refcount`, `Atomic<i32>` and others of [`klp::sync`](crate::sync) | a lock, a reference count, an atomic | the lock; the number, or with `#[write(unsafe)]` the atomic |
//! | `List<View>` and others of [`klp::list`](crate::list) with `#[list(node, unsafe)]` | the head of a list | the list, for iteration |
//! | a wrapper of the kernel such as `Device` | that inner structure | `&Device` |
//! | `[T; N]` | an array of these | [`Elements`] |
//! | `[T]` with `#[counted_by(len, unsafe)]` | a flexible array | [`Elements`], as many as the member `len` |
//! | `&[T]` with `#[counted_by(len, unsafe)]` | a pointer to several, or `NULL` | [`Elements`] |
//! | `&T`, `Option<&T>`, `Result<&T>`, `Result<Option<&T>>` with `#[follow(unsafe)]` | a pointer, also a `void *`: never `NULL`; maybe `NULL`; maybe `ERR_PTR()`; either | that type |
//!
//! Members of unnamed inner structures and unions are found by their names, others by
//! `#[path("inner.member")]`. Members of a union are read as they are; a lock there needs `#[active(unsafe)]`.
//!
//! <!-- table: members -->
//! | attribute | meaning |
//! | --- | --- |
//! | `#[path("a.b")]` | the member's path in C; default: the field's name |
//! | `#[write]` | `set_NAME(&mut self, ..)`, for structures made in Rust: by [`Zeroed`], or passed by value |
//! | `#[write(unsafe)]` | `set_NAME(&self, ..)`, for structures that C uses meanwhile |
//! | `#[follow(unsafe)]` | the pointer is followed; its target lives as long as the structure |
//! | `#[follow(rcu, unsafe)]` | the same under RCU: the accessor takes a [guard](crate::rcu::Guard), and the target lives as long as that |
//! | `#[container_of(unsafe)]` | `View::from_NAME(&Inner) -> &View`, from an inner structure to the whole |
//! | `#[counted_by(len, unsafe)]` | the member `len` is the number of elements of a flexible array, or behind a pointer |
//! | `#[list(node, unsafe)]` | the head of a list whose entries are linked by their member `node` ([`klp::list`](crate::list)) |
//! | `#[list(node, rcu, unsafe)]` | the same under RCU |
//! | `#[active(unsafe)]` | the member of a union that is in use; needed for a lock, and for an inner view with claims |
//! <!-- end of table -->
//!
//! # Claims
//!
//! `unsafe` marks a claim about C that type information cannot confirm. A wrong claim corrupts memory:
//!
//! - `#[write(unsafe)]`: no value that the patch writes, lengths and indices included, breaks what C relies on.
//! - `#[follow(unsafe)]`: the pointer is of that kind and type, and its target lives as long.
//! - `#[counted_by(len, unsafe)]`: there are as many elements. Those behind a pointer live as long as the
//!   structure.
//! - `#[list(node, unsafe)]`: there are such entries, and they stay in the list while the patch walks it.
//! - `#[container_of(unsafe)]`: whatever the patch passes to `from_NAME` is that member of such a
//!   structure.
//! - `#[active(unsafe)]`: C uses the union as this member whenever the patch does.
//!
//! # On the host
//!
//! Under Cargo, without a kernel, a view has its members one after the other, so that patches can be tested.
//! [`Zeroed`] creates such structures.

pub(crate) mod access;
mod contents;
mod elements;
mod member;
mod opaque;
mod pointer;
mod zeroed;

#[doc(hidden)]
pub use access::load_pointer;
#[doc(hidden)]
pub use access::{fits_bits, read_bits, write_bits, Bits, BitsOf, Unit};
pub use contents::Contents;
#[doc(hidden)]
pub use contents::{at, container, place, Place};
#[doc(hidden)]
pub use elements::{element, elements, elements_behind};
pub use elements::{Elements, Iter};
#[doc(hidden)]
pub use member::{compare, is_aligned, Otherwise, Shown};
pub use member::{Member, Writable};
pub(crate) use opaque::opaque;
#[doc(hidden)]
pub use pointer::{follow, point};
pub use pointer::{Followed, Pointer};
pub use zeroed::{Aligned, Zeroed};
