// SPDX-License-Identifier: GPL-2.0-only

//! Files that are changed at random, and given to all readers: none may panic, take long, or take
//! much memory. What they print may have no control characters, and what is to be Rust must be it.
//!
//! A run takes seconds, and starts with the same files each time. For more:
//!
//! - `KLP_FUZZ_SECONDS=600` lets it run so long;
//! - `KLP_FUZZ_FILES=FILE:FOLDER` adds real modules (`.ko`) and type information to those that are
//!   made here; a `vmlinux` adds its type information. Modules that `cargo xtask module build` has
//!   built are taken without that;
//! - `KLP_FUZZ_SEED=N` begins with that case, which a failure names.

#![cfg(all(feature = "code", feature = "link"))]

#[path = "../kernel/btf.rs"]
#[allow(dead_code)] // Other tests need more of it.
mod btf;
#[path = "../kernel/files.rs"]
#[allow(dead_code)] // Other tests need more of it.
mod files;
mod memory;
mod mutate;
#[path = "../check/patch.rs"]
#[allow(dead_code)] // Other tests need more of it.
mod patch;
mod printed;
#[path = "../limits/raw.rs"]
#[allow(dead_code)] // Other tests need more of it.
mod raw;
mod readers;
mod seeds;

use mutate::Random;
use readers::Readers;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

/// How long a run takes when nothing else is said.
const SECONDS: u64 = 3;

/// The longest time that one case may take on a CPU, and how much more of it code takes that is not
/// optimized.
const LONGEST: Duration = Duration::from_secs(2);
const DEBUG: u32 = 12;

/// The most memory for one case: some times the size of the file.
const TIMES: usize = 8;
const AT_LEAST: usize = 32 << 20;

fn number(variable: &str, otherwise: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().expect("a number in the variable"),
        Err(_) => otherwise,
    }
}

#[test]
fn readers_take_any_file() {
    let seconds = Duration::from_secs(number("KLP_FUZZ_SECONDS", SECONDS));
    let first = number("KLP_FUZZ_SEED", 1);
    let seeds = seeds::all();
    let readers = Readers::new();
    let (start, mut case) = (Instant::now(), first);
    let (mut slowest, mut largest) = (Duration::ZERO, 0);
    let longest = LONGEST * if cfg!(debug_assertions) { DEBUG } else { 1 };
    while case == first || start.elapsed() < seconds {
        let mut random = Random::new(case);
        let seed = &seeds[random.below(seeds.len())];
        let data = mutate::changed(&seed.data, &mut random);
        let limit = AT_LEAST + TIMES * data.len();
        memory::begin(case, limit);
        let began = memory::busy();
        let read = catch_unwind(AssertUnwindSafe(|| readers.read(seed.kind, &data)));
        let took = memory::busy().saturating_sub(began);
        let used = memory::end();
        let printed = read.unwrap_or_else(|panic| {
            eprintln!(
                "KLP_FUZZ_SEED={case}: a change of {} panics a reader",
                seed.name
            );
            resume_unwind(panic);
        });
        if let Err(wrong) = printed.check() {
            panic!("KLP_FUZZ_SEED={case}: a change of {}: {wrong}", seed.name);
        }
        assert!(
            took < longest,
            "KLP_FUZZ_SEED={case}: a change of {} takes {took:?}",
            seed.name
        );
        slowest = slowest.max(took);
        largest = largest.max(used);
        case += 1;
    }
    println!(
        "{} cases of {} files in {:?}; the slowest took {slowest:?}, the largest {} KiB",
        case - first,
        seeds.len(),
        start.elapsed(),
        largest >> 10
    );
}
