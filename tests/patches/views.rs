// SPDX-License-Identifier: GPL-2.0-only

//! Reads and writes members of every kind.

use klp::{prelude::*, rcu};

#[kernel_struct("klp_view", object = "klp_view_target")]
struct View {
    // Not in C's order.
    count: u32,
    #[counted_by(count, unsafe)]
    #[write(unsafe)]
    items: [u32],
    #[path("head.kind")]
    #[write(unsafe)]
    kind: u8,
    #[path("head.deep.state")]
    state: u16,
    #[write(unsafe)]
    ready: bool,
    #[write(unsafe)]
    level: u8,
    #[write(unsafe)]
    delta: i16,
    whole: u64,
    #[write(unsafe)]
    high: u32,
    #[write(unsafe)]
    slots: [u16; 4],
    name: [u8; 8],
    #[write(unsafe)]
    on: bool,
    mode: u32,
    #[follow(unsafe)]
    #[write(unsafe)]
    next: Option<&View>,
    #[follow(unsafe)]
    owner: &Part,
    #[follow(unsafe)]
    failed: Result<&Part>,
    #[follow(unsafe)]
    label: Option<&CStr>,
    #[follow(unsafe)]
    private: Option<&Boxed>,
    #[follow(rcu, unsafe)]
    peer: Option<&View>,
    part: Part,
}

#[kernel_struct("klp_view_part", object = "klp_view_target")]
struct Part {
    id: u32,
    sum: u64,
}

#[kernel_struct("klp_view_box", object = "klp_view_target")]
struct Boxed {
    #[write(unsafe)]
    cookie: u64,
    #[container_of(unsafe)]
    part: Part,
}

#[kernel_struct("klp_view_wire", object = "klp_view_target")]
struct Wire {
    tag: u8,
    #[write(unsafe)]
    value: u32,
}

#[klp::symbols(object = "klp_view_target")]
unsafe extern "C" {
    safe fn klp_view_touch(view: &View);
}

#[livepatch(object = "klp_view_target", replaces = "klp_view_step",
            description = "Test patch", license = "GPL")]
fn step(view: &View, part: &Part, wire: &Wire) -> Result {
    values(view);
    pointers(view);
    casts(part, wire);
    twice(view);
    accesses(view);
    write(view, wire)
}

#[inline(never)]
fn values(view: &View) {
    pr_info!("path {} {}\n", view.kind(), view.state());
    pr_info!("bits {} {} {}\n", view.ready(), view.level(), view.delta());
    pr_info!("union {:#x} {}\n", view.whole(), view.high());
    let sum: u32 = view.slots().iter().map(u32::from).sum();
    let outside = view.slots().get(4).is_none();
    pr_info!("array {} {} {}\n", view.slots().len(), sum, outside);
    let length = view.name().iter().position(|letter| letter == 0);
    pr_info!("name {:?} {:?}\n", length, view.name().get(0));
    pr_info!("bool {} enum {}\n", view.on(), view.mode());
    let items: u32 = view.items().into_iter().sum();
    pr_info!("flexible {} {}\n", view.items().len(), items);
    pr_info!("inner {} {}\n", view.part().id(), view.part().sum());
}

#[inline(never)]
fn pointers(view: &View) {
    let next = view.next().map(|next| next.slots().get(1));
    let last = view.next().is_some_and(|next| next.next().is_none());
    pr_info!("next {:?} {}\n", next, last);
    pr_info!("owner {}\n", view.owner().id());
    let failed = view.failed().map(Part::id).map_err(|error| error.to_errno());
    pr_info!("failed {:?}\n", failed);
    pr_info!("label {:?}\n", view.label().map(CStr::to_bytes));
    pr_info!("private {:x?}\n", view.private().map(Boxed::cookie));
    let guard = rcu::read_lock();
    let peer = view.peer(&guard).map(|peer| peer.slots().get(3));
    let none = view.next().is_some_and(|next| next.peer(&guard).is_none());
    pr_info!("peer {:?} {}\n", peer, none);
}

#[inline(never)]
fn casts(part: &Part, wire: &Wire) {
    let boxed = Boxed::from_part(part);
    pr_info!("container {:x} {}\n", boxed.cookie(), boxed.part().id());
    // Other views of the part see what is written through the container.
    boxed.set_cookie(boxed.cookie() + 1);
    pr_info!("stored {:x}\n", Boxed::from_part(part).cookie());
    pr_info!("packed {} {:x}\n", wire.tag(), wire.value());
}

/// Reads a member twice. C changes it in between.
#[inline(never)]
fn twice(view: &View) {
    let before = view.part().sum();
    klp_view_touch(view);
    pr_info!("between {}\n", view.part().sum() - before);
}

#[inline(never)]
fn write(view: &View, wire: &Wire) -> Result {
    view.set_kind(view.kind() + 1);
    view.set_ready(false);
    view.set_level(2);
    view.set_delta(view.delta() - 1);
    view.set_high(77);
    view.set_slots(1, 1111)?;
    let outside = view.set_slots(4, 1).map_err(|error| error.to_errno());
    pr_info!("outside {:?}\n", outside);
    view.set_items(2, 333)?;
    view.set_on(false);
    view.set_next(None);
    wire.set_value(wire.value() ^ 0xff);
    Ok(())
}

/// xtask counts the memory accesses of the functions below in the module: one for each accessor.
fn accesses(view: &View) {
    let numbers = (one_load(view), two_loads(view), unused_load(view));
    pr_info!("loads {:?} {}\n", numbers, one_bit(view));
    one_store(view, view.kind());
    pr_info!("chain {:?}\n", two_hops(view));
}

#[inline(never)]
fn one_load(view: &View) -> u32 {
    view.count()
}

#[inline(never)]
fn two_loads(view: &View) -> u32 {
    view.count() ^ view.count()
}

/// An unused value is still read.
#[inline(never)]
fn unused_load(view: &View) -> u32 {
    view.count();
    7
}

#[inline(never)]
fn one_bit(view: &View) -> bool {
    view.ready()
}

#[inline(never)]
fn one_store(view: &View, kind: u8) {
    view.set_kind(kind);
}

#[inline(never)]
fn two_hops(view: &View) -> u64 {
    view.owner().sum()
}
