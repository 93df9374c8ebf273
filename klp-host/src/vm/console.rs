// SPDX-License-Identifier: GPL-2.0-only

//! Finds kernel errors on the console.

/// The severity of a line.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Severity {
    /// A failed check; the kernel continues.
    Warning,
    /// A stall or hang.
    Stall,
    /// The kernel is broken; later output cannot be trusted.
    Fatal,
}

/// Prefixes of messages, after time stamp and caller. The same words inside a line
/// are not errors.
const PREFIXES: [(Severity, &str); 25] = [
    (Severity::Fatal, "Kernel panic - not syncing"),
    (Severity::Fatal, "Oops: "),
    (Severity::Fatal, "BUG: "),
    (Severity::Fatal, "kernel BUG at "),
    (Severity::Fatal, "general protection fault"),
    (Severity::Fatal, "PANIC: "),
    (Severity::Fatal, "traps: PANIC"),
    (Severity::Fatal, "Fixing recursive fault"),
    (Severity::Fatal, "Bad page state"),
    (Severity::Stall, "watchdog: BUG: soft lockup"),
    (Severity::Stall, "watchdog: Watchdog detected hard LOCKUP"),
    (
        Severity::Stall,
        "NMI watchdog: Watchdog detected hard LOCKUP",
    ),
    (Severity::Stall, "rcu: INFO: rcu_"),
    (Severity::Stall, "INFO: rcu_"),
    (Severity::Stall, "INFO: task "),
    (Severity::Stall, "BUG: workqueue lockup"),
    (Severity::Warning, "WARNING: "),
    (Severity::Warning, "UBSAN: "),
    (Severity::Warning, "INFO: possible "),
    (Severity::Warning, "INFO: trying to register non-static key"),
    (Severity::Warning, "unchecked MSR access error"),
    (Severity::Warning, "sysfs: cannot create duplicate filename"),
    (Severity::Warning, "kobject: tried "),
    (Severity::Warning, "kmemleak: "),
    (Severity::Warning, "ODEBUG: "),
];

/// Prefixes that harmless messages share, with substrings of which one is required.
const REQUIRED_SUBSTRINGS: [(&str, &[&str]); 5] = [
    (
        "rcu: INFO: rcu_",
        &[
            "detected stalls",
            "self-detected stall",
            "detected expedited stalls",
        ],
    ),
    (
        "INFO: rcu_",
        &[
            "detected stalls",
            "self-detected stall",
            "detected expedited stalls",
        ],
    ),
    (
        "INFO: task ",
        &["blocked for more than", "blocked in I/O wait for more than"],
    ),
    ("kobject: tried ", &["to init an initialized object"]),
    (
        "kmemleak: ",
        &[
            "new suspected memory leaks",
            // It finds no leaks from then on.
            "leak detector disabled",
        ],
    ),
];

/// Returns the severity of a console line; `None` if it is no error.
pub(super) fn judge(line: &str) -> Option<Severity> {
    let text = message(line);
    // `watchdog: CPU3: Watchdog detected hard LOCKUP on cpu 3`
    if text.starts_with("watchdog: CPU") && text.contains("Watchdog detected hard LOCKUP") {
        return Some(Severity::Stall);
    }
    // die() prints a counter: `double fault: 0000 [#1] SMP`.
    if text.contains(" 0000 [#") {
        return Some(Severity::Fatal);
    }
    PREFIXES
        .iter()
        .filter(|(_, beginning)| text.starts_with(beginning))
        .filter(|(_, beginning)| fits(text, beginning))
        .map(|(severity, beginning)| (beginning.len(), *severity))
        .max()
        .map(|(_, severity)| severity)
}

fn fits(text: &str, beginning: &str) -> bool {
    REQUIRED_SUBSTRINGS
        .iter()
        .find(|(with, _)| *with == beginning)
        .is_none_or(|(_, any)| any.iter().any(|part| text.contains(part)))
}

/// Returns the line without time stamp (`[    1.234567]`) and caller (`[    T1]`, `[   C0]`).
pub(super) fn message(line: &str) -> &str {
    let mut text = line.trim_end();
    while let Some((inside, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let number = inside.trim_start().trim_start_matches(['T', 'C']);
        if number.is_empty() || !number.chars().all(|c| c.is_ascii_digit() || c == '.') {
            break;
        }
        text = rest.trim_start();
    }
    text
}

/// The maximal size of an unfinished line in [`Lines`], in bytes.
const LONGEST: usize = 64 << 10;

/// Splits a byte stream into lines. An unfinished line is split after each 64 KiB.
#[derive(Debug, Default)]
pub struct Lines {
    pending: Vec<u8>,
}

impl Lines {
    /// Adds bytes; returns the completed lines, without line endings.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        self.pending.extend_from_slice(bytes);
        let newline = self.pending.iter().rposition(|&byte| byte == b'\n');
        let whole = newline.map_or(0, |at| at + 1);
        let rest = self.pending.split_off(whole);
        let whole = std::mem::replace(&mut self.pending, rest);
        let mut lines: Vec<_> = String::from_utf8_lossy(&whole)
            .lines()
            .map(|line| line.trim_end_matches('\r').to_owned())
            .collect();
        while self.pending.len() >= LONGEST {
            let rest = self.pending.split_off(LONGEST);
            let piece = std::mem::replace(&mut self.pending, rest);
            lines.push(String::from_utf8_lossy(&piece).into_owned());
        }
        lines
    }

    /// Returns the last, unfinished line.
    pub fn rest(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.pending);
        (!rest.is_empty()).then(|| {
            String::from_utf8_lossy(&rest)
                .trim_end_matches('\r')
                .to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_errors_are_recognised() {
        use Severity::{Fatal, Stall, Warning};
        for (severity, line) in [
            (
                Warning,
                "[   60.1] kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
            ),
            (
                Warning,
                "[   60.2] kmemleak: Kernel memory leak detector disabled",
            ),
            (Warning, "[   61.0] ODEBUG: Out of memory. ODEBUG disabled"),
            (
                Fatal,
                "[    2.573835] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100",
            ),
            (
                Fatal,
                "[   12.1] BUG: kernel NULL pointer dereference, address: 0000000000000008",
            ),
            (
                Fatal,
                "BUG: unable to handle page fault for address: ffffffffc0345000",
            ),
            (Fatal, "[   12.1] Oops: Oops: 0000 [#1] SMP NOPTI"),
            (Fatal, "[   12.1] Oops: int3: 0000 [#1] SMP PTI"),
            (
                Fatal,
                "Oops: general protection fault, probably for non-canonical address 0xdead: 0000 [#1] SMP",
            ),
            (
                Fatal,
                "[    1.0][    T1] kernel BUG at lib/list_debug.c:59!",
            ),
            (Fatal, "[    1.0] double fault: 0000 [#1] SMP"),
            (
                Fatal,
                "[    1.0][    T9] BUG: KASAN: slab-use-after-free in klp_try_switch_task+0x1/0x2",
            ),
            (
                Fatal,
                "[    1.0] BUG: sleeping function called from invalid context at kernel/locking/mutex.c:1",
            ),
            (
                Fatal,
                "[    1.0] BUG: scheduling while atomic: bash/71/0x00000002",
            ),
            (
                Stall,
                "[   44.0] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [insmod:81]",
            ),
            (
                Stall,
                "[   44.0] watchdog: Watchdog detected hard LOCKUP on cpu 1",
            ),
            (
                Stall,
                "[   44.0] watchdog: CPU1: Watchdog detected hard LOCKUP on cpu 0",
            ),
            (
                Stall,
                "[   44.0] INFO: task insmod:81 blocked for more than 120 seconds.",
            ),
            (
                Stall,
                "[   44.0] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
            ),
            (
                Stall,
                "[   44.0] rcu: INFO: rcu_sched self-detected stall on CPU",
            ),
            (
                Stall,
                "[   44.0] BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 31s!",
            ),
            (
                Warning,
                "[   44.0] WARNING: CPU: 0 PID: 71 at kernel/livepatch/core.c:1 klp_x+0x1/0x2",
            ),
            (
                Warning,
                "[   44.0] WARNING: kernel/livepatch/core.c:1 at klp_x+0x1/0x2, CPU#0: bash/71",
            ),
            (
                Warning,
                "[   44.0] WARNING: possible circular locking dependency detected",
            ),
            (
                Warning,
                "[   44.0] UBSAN: array-index-out-of-bounds in drivers/x.c:1:2",
            ),
            (
                Warning,
                "[   44.0] sysfs: cannot create duplicate filename '/kernel/livepatch/x'",
            ),
        ] {
            assert_eq!(judge(line), Some(severity), "{line}");
        }
    }

    #[test]
    fn harmless_lines_are_no_errors() {
        for line in [
            "[    0.000000] Kernel command line: console=ttyS0 panic=-1 oops=panic softlockup_panic=1",
            "[    0.1] rcu: \tRCU restricting CPUs from NR_CPUS=8192 to nr_cpu_ids=2.",
            "[    0.1] rcu: Hierarchical RCU implementation.",
            "[    0.1] NMI watchdog: Perf NMI watchdog permanently disabled",
            "[    0.1] watchdog: Delayed init of the lockup detector failed: -19",
            "[    0.1] Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on",
            "[    5.0] livepatch: enabling patch 'bug_WARNING: '",
            "[    5.0] test: the word Oops: in the middle",
            "[    5.0] INFO: task list follows",
            "[    0.8] kmemleak: Automatic memory scanning thread started",
            "[    5.0] INFO: lockdep is turned off.",
            "[    5.0] x: loading out-of-tree module taints kernel.",
            "[    5.0] % insmod BUG: .ko",
            "[    5.0] Code: 00 0000 00",
            "[BUG: not a time stamp] BUG: quoted",
            "",
        ] {
            assert_eq!(judge(line), None, "{line}");
        }
    }

    #[test]
    fn prefixes_go() {
        assert_eq!(
            message("[    1.234567][   T12] livepatch: x\r"),
            "livepatch: x"
        );
        assert_eq!(message("[    1.234567] [   C1] x"), "x");
        assert_eq!(message("no prefix"), "no prefix");
        assert_eq!(message("[text] stays"), "[text] stays");
    }

    #[test]
    fn lines_come_whole() {
        let mut lines = Lines::default();
        assert!(lines.push(b"one").is_empty());
        assert_eq!(lines.push(b" line\r\ntwo\nth"), ["one line", "two"]);
        assert_eq!(lines.push(b"ree\n\n"), ["three", ""]);
        assert_eq!(lines.rest(), None);
        lines.push(b"cut");
        assert_eq!(lines.rest().as_deref(), Some("cut"));
        assert_eq!(lines.rest(), None);
    }

    #[test]
    fn a_line_without_an_end_is_not_kept_for_ever() {
        let mut lines = Lines::default();
        let chunk = [b'x'; 1000];
        let mut total = 0;
        for _ in 0..1000 {
            let pieces = lines.push(&chunk);
            assert!(pieces.iter().all(|piece| piece.len() == LONGEST));
            total += pieces.iter().map(String::len).sum::<usize>();
            assert!(lines.pending.len() < LONGEST);
        }
        assert_eq!(total + lines.rest().map_or(0, |rest| rest.len()), 1_000_000);
        let mut long = vec![b'y'; 3 * LONGEST];
        long.extend(b"\nz");
        assert_eq!(lines.push(&long).len(), 1, "one that has ended stays whole");
    }
}
