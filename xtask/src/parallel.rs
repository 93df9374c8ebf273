// SPDX-License-Identifier: GPL-2.0-only

//! Parallel maps over slices.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::ScopedJoinHandle;

use anyhow::{Result, bail};

/// Maps all items, as many at a time as the machine has processors. The results are in the items'
/// order.
pub fn map<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    map_at_most(all, usize::MAX, work)
}

/// Like [`map`], with at most `workers` items at a time.
fn map_at_most<T: Sync, R: Send>(
    all: &[T],
    workers: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let left = Mutex::new(all.iter().enumerate());
    let next = || {
        let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
        left.next()
    };
    let worker = || {
        let mut done = Vec::new();
        while let Some((index, one)) = next() {
            done.push((index, work(one)));
        }
        done
    };
    let mut done: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..processors.min(workers))
            .map(|_| scope.spawn(worker))
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| match worker.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Like [`map`], with at most `workers` items at a time and work that can fail. After a failure no item is started.
pub fn try_map<T: Sync, R: Send>(
    all: &[T],
    workers: usize,
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let failed = AtomicBool::new(false);
    let done = map_at_most(all, workers, |one| {
        (!failed.load(Ordering::Relaxed)).then(|| {
            let result = work(one);
            if result.is_err() {
                failed.store(true, Ordering::Relaxed);
            }
            result
        })
    });
    // Items that were not started have no result, but then one of the others has failed.
    done.into_iter().flatten().collect()
}

/// Like [`map`], with all items at once, for work that mostly waits and can fail. A panic is an error.
pub fn map_at_once<T: Sync, R: Send>(
    all: &[T],
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Vec<Result<R>> {
    let work = &work;
    std::thread::scope(|scope| {
        let running: Vec<_> = all
            .iter()
            .map(|one| scope.spawn(move || work(one)))
            .collect();
        running.into_iter().map(joined).collect()
    })
}

/// Runs two functions at once, the first one in this thread. A panic of the other is an error.
pub fn both<R: Send>(
    first: impl FnOnce() -> Result<R>,
    second: impl FnOnce() -> Result<R> + Send,
) -> [Result<R>; 2] {
    std::thread::scope(|scope| {
        let second = scope.spawn(second);
        [first(), joined(second)]
    })
}

fn joined<R>(thread: ScopedJoinHandle<'_, Result<R>>) -> Result<R> {
    let panicked = |_| bail!("the thread that did this panicked");
    thread.join().unwrap_or_else(panicked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn results_are_in_order() {
        let slow_first = |job: &u64| {
            std::thread::sleep(Duration::from_millis(20 - job));
            Ok(10 * job)
        };
        let jobs: Vec<_> = (0..20).collect();
        let results = try_map(&jobs, 2, slow_first).expect("results");
        assert_eq!(results, (0..20).map(|job| 10 * job).collect::<Vec<_>>());
    }

    #[test]
    fn all_items_run_at_once() {
        let meeting = std::sync::Barrier::new(20);
        let jobs: Vec<_> = (0..20).collect();
        let results = map_at_once(&jobs, |job: &u32| {
            meeting.wait();
            assert_ne!(*job, 7, "this one panics");
            Ok(10 * job)
        });
        let found: Vec<_> = results.into_iter().map(Result::ok).collect();
        let expected = |job: u32| (job != 7).then_some(10 * job);
        assert_eq!(found, (0..20).map(expected).collect::<Vec<_>>());
    }

    #[test]
    fn both_functions_run_at_once() {
        let meeting = std::sync::Barrier::new(2);
        let meet = |result| {
            meeting.wait();
            Ok(result)
        };
        let results = both(|| meet(1), || meet(2)).map(Result::ok);
        assert_eq!(results, [Some(1), Some(2)]);
        let results = both(|| meet(1), || panic!("{:?}", meet(2))).map(|it| it.is_ok());
        assert_eq!(results, [true, false]);
    }

    #[test]
    fn the_first_failure_stops_the_map() {
        let started = Mutex::new(Vec::new());
        let jobs: Vec<_> = (0..1000).collect();
        // With more workers, others may start jobs before the failure is noted.
        let err = try_map(&jobs, 1, |job: &u32| {
            started.lock().expect("lock").push(*job);
            if *job == 3 {
                bail!("job {job} failed");
            }
            Ok(())
        });
        assert_eq!(err.expect_err("failed").to_string(), "job 3 failed");
        assert_eq!(*started.lock().expect("lock"), [0, 1, 2, 3]);
    }
}
