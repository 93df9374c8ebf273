// SPDX-License-Identifier: GPL-2.0-only

//! Views on the host: members of every kind, one after the other.


use core::ptr::NonNull;
use klp::prelude::*;
use klp::rcu;

/// Members that the owner writes.
#[kernel_struct("owned")]
struct Owned {
    #[write]
    byte: u8,
    #[write]
    negative: i64,
    #[write]
    flag: bool,
    #[path("inner.deep")]
    #[write]
    r#type: u16,
    #[write]
    array: [u16; 3],
    table: [[u8; 2]; 2],
    #[write]
    pointer: *mut u8,
    #[write]
    maybe: Option<NonNull<u8>>,
    inner: Inner,
    #[write]
    last: usize,
}

#[kernel_struct("inner")]
struct Inner {
    #[write(unsafe)]
    number: u32,
}

/// Members that are followed.
#[kernel_struct("links", object = "a_module")]
pub struct Links {
    #[follow(unsafe)]
    #[write(unsafe)]
    next: Option<&Links>,
    #[follow(unsafe)]
    always: &Inner,
    #[follow(unsafe)]
    failed: Result<Option<&Links>>,
    #[follow(rcu, unsafe)]
    peer: &Links,
    #[follow(unsafe)]
    task: Option<&Task>,
    #[follow(unsafe)]
    name: &CStr,
    count: i32,
    #[counted_by(count, unsafe)]
    items: [Inner],
    #[container_of(unsafe)]
    inner: Inner,
}

/// Pointers that may be `NULL`.
#[kernel_struct("table")]
struct Table {
    #[write(unsafe)]
    count: u32,
    #[counted_by(count, unsafe)]
    rows: &[Inner],
    #[follow(unsafe)]
    #[write(unsafe)]
    parent: Option<&Table>,
    #[follow(unsafe)]
    failed: Result<Option<&Inner>>,
}

/// A view without members.
#[kernel_struct("handle")]
struct Handle;

fn owned() {
    let mut owned = Owned::zeroed();
    assert_eq!(
        (owned.byte(), owned.negative(), owned.flag()),
        (0, 0, false)
    );
    owned.set_byte(255);
    owned.set_negative(-3);
    owned.set_flag(true);
    owned.set_type(7);
    owned.set_last(usize::MAX);
    let last = &raw const owned;
    owned.set_pointer(last.cast_mut().cast());
    let pointer = owned.pointer();
    owned.set_maybe(NonNull::new(pointer));
    owned.inner().set_number(9);
    assert_eq!(owned.set_array(2, 22), Ok(()));
    assert_eq!(owned.set_array(3, 33), Err(EINVAL));
    assert_eq!(
        (owned.byte(), owned.negative(), owned.flag()),
        (255, -3, true)
    );
    assert_eq!((owned.r#type(), owned.inner().number()), (7, 9));
    assert_eq!(owned.last(), usize::MAX);
    assert_eq!(owned.pointer(), last.cast_mut().cast());
    assert_eq!(owned.maybe(), NonNull::new(owned.pointer()));
    let array = owned.array();
    assert_eq!((array.len(), array.is_empty()), (3, false));
    assert_eq!(array.iter().len(), 3);
    assert!(array.iter().eq([0, 0, 22]));
    assert_eq!((array.get(2), array.get(3)), (Some(22), None));
    let rows = owned.table().iter().map(|row| row.iter().count());
    assert!(rows.eq([2, 2]));
    // The structure is aligned, because it may be passed to C.
    assert_eq!((&raw const owned).addr() % 16, 0);
    let owned = owned.into_inner();
    assert_eq!(owned.byte(), 255);
    let Ok(mut boxed) = Owned::zeroed_box(GFP_KERNEL) else {
        panic!("there is memory");
    };
    boxed.set_byte(1);
    assert_eq!(boxed.byte(), 1);
}

#[allow(dead_code)]
fn links(links: &Links, handle: &Handle) -> Result<u32> {
    let guard = rcu::read_lock();
    let peer = links.peer(&guard);
    links.set_next(peer.next());
    let failed = links.failed()?.map(|links| links.always().number());
    let items: u32 = links.items().into_iter().map(Inner::number).sum();
    let whole = Links::from_inner(links.inner());
    let named = links.name() == c"name" && links.task().is_none();
    let _ = (core::ptr::from_ref(handle), named);
    Ok(failed.unwrap_or(items) + whole.always().number())
}

/// Pointers that may be `NULL` can be zero-initialised.
fn table() {
    let (table, parent) = (Table::zeroed(), Table::zeroed());
    assert!(table.rows().is_empty() && table.parent().is_none());
    assert!(table.failed().is_ok_and(|inner| inner.is_none()));
    table.set_count(3);
    assert_eq!(table.rows().iter().map(Inner::number).count(), 0, "the pointer is `NULL`");
    table.set_parent(Some(&parent));
    parent.set_count(7);
    assert_eq!(table.parent().map(Table::count), Some(7));
}

/// A view is `Send` and `Sync` if its members are.
fn shared<T: Send + Sync>() {}

fn main() {
    owned();
    table();
    shared::<Inner>();
    shared::<Handle>();
}
