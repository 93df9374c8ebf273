// SPDX-License-Identifier: GPL-2.0-only

//! Iterators over the kernel's lists.
//!
//! A list head is a member of a view. Its type names the structure of the entries, and its attribute the member that
//! links them:
//!
//! ```
//! use klp::list::{List, ListNode};
//! use klp::prelude::*;
//! use klp::sync::SpinLock;
//!
//! #[kernel_struct("session", object = "sessions")]
//! struct Session {
//!     lock: SpinLock,
//!     /// Changes only under `lock`, which the patch holds while it walks the list.
//!     #[list(node, unsafe)]
//!     files: List<OpenFile>,
//! }
//!
//! #[kernel_struct("session_file", object = "sessions")]
//! struct OpenFile {
//!     size: u64,
//!     node: ListNode,
//! }
//!
//! #[livepatch(object = "sessions", replaces = "session_size",
//!             description = "Adds up under the lock", license = "GPL")]
//! fn session_size(session: &Session) -> u64 {
//!     let _guard = session.lock().lock();
//!     session.files().iter().map(OpenFile::size).sum()
//! }
//! # fn main() {}
//! ```
//!
//! | type | head in C | type of the entries' member |
//! | --- | --- | --- |
//! | [`List`] | `struct list_head` | [`ListNode`] |
//! | [`HList`] | `struct hlist_head` | [`HListNode`] |
//! | [`HListNulls`] | `struct hlist_nulls_head` | [`HListNullsNode`] |
//!
//! `#[list(node, unsafe)]` claims that every entry is part of such a structure, that entries live as long as the
//! reference to the head, and that none is removed while the patch walks the list: usually because the patch holds the
//! lock that guards it.
//!
//! With `#[list(node, rcu, unsafe)]` the list is under RCU. The accessor takes the
//! [guard](crate::rcu::Guard), and entries live as long as that. If the kernel moves entries to
//! another list meanwhile, as with `hlist_nulls`, a walk can end in that list: check each entry, as C does.
//!
//! There are no functions that add or remove entries: the types do not show that a held lock guards this list, that the
//! entry is on no other list, or who frees it afterwards. Use a [declared](mod@crate::symbols) function of the kernel, or
//! a function of the patch [in C](macro@crate::helpers).
//!
//! A head that is a variable or an argument is a view of its own, with the path `self`:
//!
//! ```
//! # use klp::list::{List, ListNode};
//! # use klp::prelude::*;
//! # #[kernel_struct("bus_type")]
//! # struct Bus {
//! #     list: ListNode,
//! # }
//! #[kernel_struct("list_head")]
//! struct Buses {
//!     #[path("self")]
//!     #[list(list, unsafe)]
//!     all: List<Bus>,
//! }
//!
//! #[klp::symbols(object = "vmlinux")]
//! unsafe extern "C" {
//!     safe static bus_list: Buses;
//! }
//!
//! fn count() -> usize {
//!     bus_list.all().iter().count()
//! }
//! # fn main() {}
//! ```
//!
//! Each step of a walk is one load, as C's `READ_ONCE()`, ordered before dependent accesses, as with `rcu_dereference()`.

use crate::layout::KernelStruct;
use crate::platform::list_size as size;
use crate::view::{self, opaque, Place};
use core::marker::PhantomData;

opaque! {
    /// The member that links an entry of a [`List`]: the kernel's `struct list_head`.
    ListNode = "list_head", size::LIST_HEAD, false;
    /// The member that links an entry of an [`HList`]: the kernel's `struct hlist_node`.
    HListNode = "hlist_node", size::HLIST_NODE, false;
    /// The member that links an entry of an [`HListNulls`]: the kernel's `struct hlist_nulls_node`.
    HListNullsNode = "hlist_nulls_node", size::HLIST_NULLS_NODE, false;
    #[doc(hidden)]
    ListHead = "list_head", size::LIST_HEAD, false;
    #[doc(hidden)]
    HListHead = "hlist_head", size::HLIST_HEAD, false;
    #[doc(hidden)]
    HListNullsHead = "hlist_nulls_head", size::HLIST_NULLS_HEAD, false;
}

/// A type of list whose head can be a member of a view: [`List`], [`HList`], [`HListNulls`].
///
/// # Safety
///
/// `Head` and `Node` are the types of such a list in C, and begin with the link to the next entry.
/// [`is_end`](Self::is_end) returns `true` for every link that does not point to an entry.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list type of the kernel",
    label = "not a list type",
    note = "write `List<T>`, `HList<T>` or `HListNulls<T>` of `klp::list`, where `T` is the view of an entry"
)]
pub unsafe trait Linked: Copy {
    /// The view of an entry.
    type Entry: KernelStruct;
    /// The type of the head in C.
    #[doc(hidden)]
    type Head: view::Member;
    /// The type of the member that links an entry.
    #[doc(hidden)]
    type Node;

    /// Creates the list of a head.
    ///
    /// # Safety
    ///
    /// `head` is the head of such a list, whose entries are not removed during the lifetime, and have their link at
    /// `node`.
    #[doc(hidden)]
    unsafe fn of(head: *const u8, node: Place<Self::Entry, Self::Node>) -> Self;

    /// Returns whether `link` does not point to an entry of the list with this head.
    #[doc(hidden)]
    fn is_end(link: *const u8, head: *const u8) -> bool;
}

/// An iterator over the entries of a list.
///
/// ```
/// # use klp::list::{Iter, List, ListNode};
/// # use klp::prelude::*;
/// # #[kernel_struct("file_entry")]
/// # struct OpenFile {
/// #     size: u64,
/// #     node: ListNode,
/// # }
/// /// Returns the size of the next entry.
/// fn next_size(mut files: Iter<'_, List<'_, OpenFile>>) -> Option<u64> {
///     files.next().map(OpenFile::size)
/// }
/// # fn main() {}
/// ```
pub struct Iter<'a, L: Linked> {
    head: *const u8,
    /// The address of the link to the next entry.
    at: *const u8,
    /// The offset of the link in an entry.
    node: usize,
    list: PhantomData<(&'a L::Entry, L)>,
}

impl<'a, L: Linked> Iterator for Iter<'a, L>
where
    L::Entry: 'a,
{
    type Item = &'a L::Entry;

    #[inline(always)]
    fn next(&mut self) -> Option<&'a L::Entry> {
        // SAFETY: `at` is the head or the link of an entry. Either begins with the pointer to the next one.
        let next = unsafe { view::load_pointer(self.at) };
        if L::is_end(next, self.head) {
            return None;
        }
        self.at = next;
        // SAFETY: the creator of the list guarantees that its entries live, and have their links at this offset.
        Some(unsafe { view::at(next.wrapping_sub(self.node)) })
    }
}

macro_rules! lists {
    ($($(#[$meta:meta])* $list:ident: $head:ident $node:ident, |$link:ident, $first:ident| $end:expr;)*) => {$(
        $(#[$meta])*
        pub struct $list<'a, T> {
            head: *const u8,
            node: usize,
            entries: PhantomData<&'a T>,
        }

        impl<T> Clone for $list<'_, T> {
            #[inline(always)]
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<T> Copy for $list<'_, T> {}

        // SAFETY: the types and the end are those of the list in C.
        unsafe impl<T: KernelStruct> Linked for $list<'_, T> {
            type Entry = T;
            type Head = $head;
            type Node = $node;

            #[inline(always)]
            unsafe fn of(head: *const u8, node: Place<T, $node>) -> Self {
                Self {
                    head,
                    node: node.offset(),
                    entries: PhantomData,
                }
            }

            #[inline(always)]
            fn is_end($link: *const u8, $first: *const u8) -> bool {
                $end
            }
        }

        impl<'a, T: KernelStruct> $list<'a, T> {
            /// Returns an iterator over the entries.
            ///
            /// ```
            /// # use klp::list::{List, ListNode};
            /// # use klp::prelude::*;
            /// # #[kernel_struct("file_entry")]
            /// # struct OpenFile {
            /// #     size: u64,
            /// #     node: ListNode,
            /// # }
            /// fn total(files: List<'_, OpenFile>) -> u64 {
            ///     files.iter().map(OpenFile::size).sum()
            /// }
            /// # fn main() {}
            /// ```
            #[inline(always)]
            pub fn iter(&self) -> Iter<'a, Self> {
                Iter {
                    head: self.head,
                    at: self.head,
                    node: self.node,
                    list: PhantomData,
                }
            }

            /// Returns the first entry.
            #[inline(always)]
            pub fn first(&self) -> Option<&'a T> {
                self.iter().next()
            }

            /// Returns whether the list is empty.
            #[inline(always)]
            pub fn is_empty(&self) -> bool {
                self.first().is_none()
            }
        }

        impl<'a, T: KernelStruct> IntoIterator for $list<'a, T> {
            type Item = &'a T;
            type IntoIter = Iter<'a, Self>;

            #[inline(always)]
            fn into_iter(self) -> Iter<'a, Self> {
                self.iter()
            }
        }
    )*};
}

lists! {
    /// A list with a `struct list_head`, whose last entry links to the head.
    List: ListHead ListNode, |link, head| link == head;
    /// A list with a `struct hlist_head`, as in hash tables, which ends with `NULL`.
    HList: HListHead HListNode, |link, _head| link.is_null();
    /// A list with a `struct hlist_nulls_head`, which ends with an odd number in place of a pointer.
    HListNulls: HListNullsHead HListNullsNode, |link, _head| link.addr() & 1 != 0;
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;
    use core::ptr;
    use std::vec::Vec;

    /// An entry, and its view.
    #[repr(C)]
    struct Entry {
        number: u64,
        links: [Cell<*const u8>; 2],
    }

    struct View([u8; 24]);

    // SAFETY: any bytes are a value, and there is no kernel in this test.
    unsafe impl KernelStruct for View {
        const NAME: &'static str = "entry";
    }

    const LINKS: usize = core::mem::offset_of!(Entry, links);

    fn entry(number: u64) -> Entry {
        Entry {
            number,
            links: [Cell::new(ptr::null()), Cell::new(ptr::null())],
        }
    }

    fn link(entry: &Entry) -> *const u8 {
        ptr::from_ref(entry).cast::<u8>().wrapping_add(LINKS)
    }

    fn numbers<'a, L: Linked<Entry = View> + IntoIterator<Item = &'a View>>(
        head: &[*const u8; 2],
    ) -> Vec<u64> {
        // SAFETY: a list of entries that outlive this function.
        let list = unsafe { L::of(head.as_ptr().cast(), Place::new(LINKS)) };
        let number = |view: &View| u64::from(view.0[0]);
        list.into_iter().map(number).collect()
    }

    #[test]
    fn a_circular_list_ends_at_its_head() {
        let (one, two) = (entry(1), entry(2));
        let mut head = [ptr::null::<u8>(); 2];
        let at = head.as_ptr().cast::<u8>();
        head[0] = at;
        assert!(numbers::<List<'_, View>>(&head).is_empty());
        head[0] = link(&one);
        one.links[0].set(link(&two));
        two.links[0].set(at);
        assert_eq!(numbers::<List<'_, View>>(&head), [1, 2]);
        assert_eq!((one.number, two.number), (1, 2));
    }

    #[test]
    fn other_lists_end_at_null_or_an_odd_number() {
        let (one, two) = (entry(1), entry(2));
        let mut head = [ptr::null::<u8>(); 2];
        assert!(numbers::<HList<'_, View>>(&head).is_empty());
        head[0] = link(&one);
        one.links[0].set(link(&two));
        assert_eq!(numbers::<HList<'_, View>>(&head), [1, 2]);
        two.links[0].set(ptr::without_provenance(7));
        assert_eq!(numbers::<HListNulls<'_, View>>(&head), [1, 2]);
        head[0] = ptr::without_provenance(1);
        assert!(numbers::<HListNulls<'_, View>>(&head).is_empty());
    }

    #[test]
    fn first_returns_the_first_entry() {
        let one = entry(1);
        let head = [link(&one), ptr::null()];
        // SAFETY: a list of one entry that outlives it.
        let list = unsafe { HList::<View>::of(head.as_ptr().cast(), Place::new(LINKS)) };
        assert!(!list.is_empty());
        assert_eq!(list.first().map(|view| view.0[0]), Some(1));
    }
}
