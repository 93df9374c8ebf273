// SPDX-License-Identifier: GPL-2.0-only

//! Reads large files made to exhaust their readers: time and memory have to be in proportion to their
//! size.
//!
//! The files have 1 MiB, at which a reader of quadratic time already fails. `KLP_FILE_MIB=95` makes them
//! as large as `docs/limits.md` promises, which needs a release build.

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

/// The size of the files for which the limits are promised.
const SIZE: usize = 100_000_000;
const MEMORY: usize = 512_000_000;
const TIME: Duration = Duration::from_secs(10);

/// The constant part of the limit.
const MEMORY_AT_LEAST: usize = 24 << 20;
const TIME_AT_LEAST: Duration = Duration::from_secs(2);

/// The slowdown of code that is not optimized.
const DEBUG: u32 = 12;

/// Memory is counted for the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Waits for other tests to end.
fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The size of the files, in bytes.
fn size() -> usize {
    let mib = match std::env::var("KLP_FILE_MIB") {
        Ok(text) => text.parse().expect("a number in KLP_FILE_MIB"),
        Err(_) => 1,
    };
    mib << 20
}

/// Reads a file of `size` bytes, which is already in memory if `held`, and checks time and memory.
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
