// SPDX-License-Identifier: GPL-2.0-only

//! Large files that were made to exhaust whoever reads them: the time and the memory that they take are
//! in proportion to their size.
//!
//! The files have 1 MiB, on which a reader that takes the square of their size already
//! fails. `KLP_FILE_MIB=95` makes them as large as the promise of `docs/limits.md`, which wants a release
//! build.

#![cfg(all(feature = "code", feature = "link"))]

#[path = "../kernel/btf.rs"]
#[allow(dead_code)] // Other tests need more of it.
mod btf;
#[path = "../kernel/files.rs"]
#[allow(dead_code)] // Other tests need more of it.
mod files;
mod kernels;
#[path = "../fuzz/memory.rs"]
mod memory;
mod modules;
#[path = "../check/patch.rs"]
#[allow(dead_code)] // Other tests need more of it.
mod patch;
mod raw;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What is promised for files of this size.
const SIZE: usize = 100_000_000;
const MEMORY: usize = 512_000_000;
const TIME: Duration = Duration::from_secs(10);

/// What any file may take besides.
const MEMORY_AT_LEAST: usize = 24 << 20;
const TIME_AT_LEAST: Duration = Duration::from_secs(2);

/// Code that is not optimized takes so many times longer.
const DEBUG: u32 = 12;

/// Memory is counted for the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Waits for other tests to end.
fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How large a file should be, in bytes.
fn size() -> usize {
    let mib = match std::env::var("KLP_FILE_MIB") {
        Ok(text) => text.parse().expect("a number in KLP_FILE_MIB"),
        Err(_) => 1,
    };
    mib << 20
}

/// Reads a file of `size` bytes, which is in memory already if `held`, and looks at what that takes.
#[track_caller]
fn measure<T>(what: &str, size: usize, held: bool, read: impl FnOnce() -> T) -> T {
    let part = |whole: usize| (whole as u64 * size as u64 / SIZE as u64) as usize;
    let limit = part(MEMORY) + MEMORY_AT_LEAST;
    let time = TIME_AT_LEAST + TIME.mul_f64(size as f64 / SIZE as f64);
    let time = if cfg!(debug_assertions) {
        time * DEBUG
    } else {
        time
    };
    let own = if held { size } else { 0 };
    memory::begin(0, usize::MAX);
    let start = memory::busy();
    let result = read();
    let took = memory::busy().saturating_sub(start);
    let used = memory::end() + own;
    println!(
        "{what}: {} KiB, {} KiB used, {took:?}",
        size >> 10,
        used >> 10
    );
    assert!(took < time, "{what} takes {took:?}, more than {time:?}");
    assert!(used < limit, "{what} takes {used} bytes, more than {limit}");
    result
}
