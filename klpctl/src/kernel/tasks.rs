// SPDX-License-Identifier: GPL-2.0-only

//! Finds and wakes the blockers of a transition.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;

use super::Kernel;
use super::patches::Patch;

/// The number of stack frames that are kept, from the innermost.
const FRAMES_MAX: usize = 16;

/// A task that has not switched.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Blocker {
    /// The process ID.
    pub pid: i32,
    /// The task ID.
    pub tid: i32,
    pub name: String,
    /// It is a kernel thread, which takes no signals.
    pub kernel_thread: bool,
    /// The innermost function of the patch on its stack.
    pub function: Option<String>,
    /// The reason that klp-core reports in debugfs.
    pub why: Option<String>,
    /// Its kernel stack, innermost first.
    pub stack: Vec<String>,
}

impl Kernel {
    /// The blockers of the transition of this patch.
    pub fn blockers(&self, patch: &Patch) -> Vec<Blocker> {
        let reasons = self.reasons(&patch.name);
        let blocker = |(pid, task): (i32, PathBuf)| {
            let tid = id(&task)?;
            let name = text(&task, "comm").unwrap_or_default();
            let stack = stack(&text(&task, "stack").unwrap_or_default());
            let function = stack.iter().find(|function| patch.replaces(function));
            Some(Blocker {
                pid,
                tid,
                kernel_thread: is_kernel_thread(&task),
                function: function.cloned(),
                why: reasons.get(&tid).map(|line| reason(line, &name)),
                name,
                stack,
            })
        };
        self.not_switched(patch).filter_map(blocker).collect()
    }

    /// How many tasks have not switched yet.
    pub fn blocker_count(&self, patch: &Patch) -> usize {
        self.not_switched(patch).count()
    }

    /// The procfs folders of the tasks that have not switched yet, with their process IDs.
    fn not_switched(&self, patch: &Patch) -> impl Iterator<Item = (i32, PathBuf)> {
        let other = if patch.enabled { "0" } else { "1" };
        let mut tasks = self.tasks();
        // -1 (KLP_TRANSITION_IDLE): it takes part in no transition.
        tasks.retain(|(_, task)| text(task, "patch_state").as_deref() == Some(other));
        tasks.into_iter()
    }

    /// The procfs folders of all tasks, with their process IDs.
    fn tasks(&self) -> Vec<(i32, PathBuf)> {
        let mut tasks = Vec::new();
        for process in id_folders(&self.path("proc")) {
            let Some(pid) = id(&process) else {
                continue;
            };
            tasks.extend(
                id_folders(&process.join("task"))
                    .into_iter()
                    .map(|task| (pid, task)),
            );
        }
        tasks
    }

    /// klp-core's lines about the blockers of a patch, by task ID.
    fn reasons(&self, patch: &str) -> HashMap<i32, String> {
        let path = self
            .path("sys/kernel/debug/livepatch")
            .join(patch)
            .join("blockers");
        let lines = fs::read_to_string(path).unwrap_or_default();
        let tid = |line: &str| Some((line.split(' ').next()?.parse().ok()?, line.to_owned()));
        lines.lines().filter_map(tid).collect()
    }
}

/// Wakes tasks from interruptible sleeps by stopping and continuing their processes: a task switches on its way back to
/// user space. Skips kernel threads and stopped processes. Returns the number of processes.
///
/// Programs can notice this: system calls that are never restarted return EINTR, and a parent that waits for
/// stopped children is notified.
pub fn wake(kernel: &Kernel, blockers: &[Blocker]) -> usize {
    let mut woken = Vec::new();
    for blocker in blockers.iter().filter(|blocker| !blocker.kernel_thread) {
        if woken.contains(&blocker.pid) || is_stopped(kernel, blocker.pid) {
            continue;
        }
        let Some(pid) = Pid::from_raw(blocker.pid) else {
            continue;
        };
        // Not this process, which could not continue itself, nor init, which ignores SIGSTOP.
        if pid == rustix::process::getpid() || pid.is_init() {
            continue;
        }
        if kill_process(pid, Signal::STOP).is_ok() {
            // It may have exited in between.
            let _ = kill_process(pid, Signal::CONT);
            woken.push(blocker.pid);
        }
    }
    woken.len()
}

fn is_stopped(kernel: &Kernel, pid: i32) -> bool {
    let stat = text(&kernel.path("proc").join(pid.to_string()), "stat").unwrap_or_default();
    matches!(stat_fields(&stat).next(), Some("T" | "t"))
}

/// Whether the task has the flag PF_KTHREAD.
fn is_kernel_thread(task: &Path) -> bool {
    // include/linux/sched.h
    const PF_KTHREAD: u64 = 0x0020_0000;
    let stat = text(task, "stat").unwrap_or_default();
    let flags = stat_fields(&stat)
        .nth(6)
        .and_then(|flags| flags.parse::<u64>().ok());
    flags.is_some_and(|flags| flags & PF_KTHREAD != 0)
}

/// The fields of `stat` from the state on. The name before it may contain any character.
fn stat_fields(stat: &str) -> impl Iterator<Item = &str> {
    let (_, rest) = stat.rsplit_once(')').unwrap_or_default();
    rest.split_whitespace()
}

/// The functions on a stack, from lines such as `[<0>] msleep+0x2d/0x40`.
fn stack(text: &str) -> Vec<String> {
    let frame = |line: &str| {
        let place = line.split_whitespace().nth(1)?;
        let (function, _) = place.split_once('+')?;
        Some(function.to_owned())
    };
    text.lines().filter_map(frame).take(FRAMES_MAX).collect()
}

/// The reason in a line of klp-core: `sleeping in function f` in `12 name sleeping in function f`.
fn reason(line: &str, name: &str) -> String {
    let (_, rest) = line.split_once(' ').unwrap_or_default();
    rest.strip_prefix(name).unwrap_or(rest).trim().to_owned()
}

/// The folders in `path` that are named by an ID.
fn id_folders(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else {
        return Vec::new();
    };
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    paths.filter(|path| id(path).is_some()).collect()
}

fn id(path: &Path) -> Option<i32> {
    path.file_name()?.to_str()?.parse().ok()
}

fn text(task: &Path, file: &str) -> Option<String> {
    let bytes = fs::read(task.join(file)).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::patches::{Function, Object};
    use super::*;

    fn task(root: &Path, pid: i32, tid: i32, files: &[(&str, &str)]) {
        let dir = root.join(format!("proc/{pid}/task/{tid}"));
        fs::create_dir_all(&dir).expect("a folder");
        for (name, text) in files {
            fs::write(dir.join(name), text).expect("a file");
        }
    }

    fn patch(enabled: bool) -> Patch {
        Patch {
            name: "fix".to_owned(),
            enabled,
            transition: true,
            replace: None,
            stack_order: None,
            version: None,
            objects: vec![Object {
                name: "vmlinux".to_owned(),
                patched: Some(true),
                functions: vec![Function {
                    name: "read_it".to_owned(),
                    position: 1,
                }],
            }],
        }
    }

    #[test]
    fn blockers_are_found() {
        let dir = tempfile::tempdir().expect("a folder");
        let root = dir.path();
        let stack = "[<0>] msleep+0x2d/0x40\n[<0>] read_it+0x10/0x20\n[<0>] entry+0x1/0x2\n";
        let user = "12 (a) b) S 1 12 12 0 -1 4194304 0 0\n";
        let thread = "13 (worker) S 2 0 0 0 -1 2129984 0 0\n";
        task(
            root,
            12,
            12,
            &[
                ("patch_state", "0\n"),
                ("comm", "a) b\n"),
                ("stack", stack),
                ("stat", user),
            ],
        );
        task(root, 12, 14, &[("patch_state", "1\n"), ("comm", "a) b\n")]);
        task(
            root,
            13,
            13,
            &[
                ("patch_state", "0\n"),
                ("comm", "worker\n"),
                ("stat", thread),
            ],
        );
        task(root, 15, 15, &[("patch_state", "-1\n"), ("comm", "idle\n")]);
        let debug = root.join("sys/kernel/debug/livepatch/fix");
        fs::create_dir_all(&debug).expect("a folder");
        fs::write(
            debug.join("blockers"),
            "12 a) b sleeping in function read_it\n",
        )
        .expect("a file");
        let kernel = Kernel::at(root);
        let mut blockers = kernel.blockers(&patch(true));
        blockers.sort_by_key(|blocker| blocker.tid);
        assert_eq!(blockers.len(), 2);
        assert_eq!(kernel.blocker_count(&patch(true)), 2);
        assert_eq!(blockers[0].function.as_deref(), Some("read_it"));
        assert_eq!(
            blockers[0].why.as_deref(),
            Some("sleeping in function read_it")
        );
        assert_eq!(blockers[0].stack, ["msleep", "read_it", "entry"]);
        assert!(!blockers[0].kernel_thread);
        assert!(blockers[1].kernel_thread);
        let reverting = kernel.blockers(&patch(false));
        assert_eq!(reverting.iter().map(|it| it.tid).collect::<Vec<_>>(), [14]);
    }
}
