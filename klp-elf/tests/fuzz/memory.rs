// SPDX-License-Identifier: GPL-2.0-only

//! Counts the memory and the time that a case takes, and ends the run when it takes too much memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// How long this thread was on a CPU: others may be busy too.
pub(crate) fn busy() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat");
    let text = text.expect("a kernel that counts time");
    let nanoseconds = text.split(' ').next().expect("a number");
    Duration::from_nanos(nanoseconds.parse().expect("a number"))
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

/// What is in use; it wraps, since what was there before a case can go while it runs.
static USED: AtomicUsize = AtomicUsize::new(0);
static START: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);
static CASE: AtomicU64 = AtomicU64::new(0);

/// From here on, a case counts.
pub(crate) fn begin(case: u64, limit: usize) {
    CASE.store(case, Relaxed);
    START.store(USED.load(Relaxed), Relaxed);
    MOST.store(0, Relaxed);
    LIMIT.store(limit, Relaxed);
}

/// The most that the case took.
pub(crate) fn end() -> usize {
    LIMIT.store(usize::MAX, Relaxed);
    MOST.load(Relaxed)
}

fn taken(size: usize) {
    let used = USED.fetch_add(size, Relaxed).wrapping_add(size);
    // Less than at the start wraps to very much.
    let grown = used.wrapping_sub(START.load(Relaxed)) as isize;
    let grown = grown.max(0) as usize;
    MOST.fetch_max(grown, Relaxed);
    if grown > LIMIT.load(Relaxed) {
        LIMIT.store(usize::MAX, Relaxed);
        // An allocator must not panic.
        let case = CASE.load(Relaxed);
        let _ = writeln!(
            std::io::stderr(),
            "KLP_FUZZ_SEED={case} takes {grown} bytes"
        );
        std::process::abort();
    }
}

// SAFETY: the system's allocator does it all; counting changes nothing of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: as promised by the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // The system moves large blocks without a copy.
        match size.checked_sub(layout.size()) {
            Some(more) => taken(more),
            None => drop(USED.fetch_sub(layout.size() - size, Relaxed)),
        }
        // SAFETY: as promised by the caller.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(memory, layout) }
    }
}
