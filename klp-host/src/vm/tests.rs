// SPDX-License-Identifier: GPL-2.0-only

//! Whole runs, with a script in QEMU's place (`fake-qemu.sh`).

use std::fs;

use super::*;

/// Runs a "kernel" that is a bash script; gives the report and the command's output.
pub(crate) fn boot(kernel: &str, change: impl FnOnce(&mut Spec)) -> (Report, Vec<u8>) {
    let mut output = Vec::new();
    let report = try_boot(kernel, change, &mut |bytes| {
        output.extend_from_slice(bytes);
        Ok(())
    });
    (report.expect("a report"), output)
}

fn try_boot(kernel: &str, change: impl FnOnce(&mut Spec), sink: &mut Sink<'_>) -> Result<Report> {
    let dir = tempfile::tempdir().expect("a folder");
    let image = dir.path().join("image");
    fs::write(&image, kernel).expect("a kernel");
    let qemu = Qemu {
        program: Path::new(env!("CARGO_MANIFEST_DIR")).join("src/vm/fake-qemu.sh"),
        version: "0".into(),
        major: 0,
    };
    let mut spec = Spec::new(&image, "true");
    change(&mut spec);
    let initramfs = fs::File::open(&image).expect("the kernel").into();
    run_with(&qemu, Accel::TcgSingle, &spec, &initramfs, sink)
}

fn outcome(kernel: &str) -> Outcome {
    boot(kernel, |_| {}).0.outcome
}

fn failure(kernel: &str) -> String {
    outcome(kernel).failure().expect("a failure")
}

#[test]
fn the_status_and_all_output_come_through() {
    let (report, output) = boot(
        r"verdict ready; output 'a\r\n\x00\xffb'; verdict beat; output 'end'; verdict 'exit 7'",
        |_| {},
    );
    assert_eq!(report.outcome, Outcome::Exited(7));
    assert_eq!(output, b"a\r\n\x00\xffbend");
    assert!(report.ready.is_some());
    assert!(report.problem().is_none());
}

#[test]
fn much_output_is_not_cut() {
    let kernel = "verdict ready; seq 200000 >&${port[output]}; verdict 'exit 0'";
    let (report, output) = boot(kernel, |_| {});
    assert_eq!(report.outcome, Outcome::Exited(0));
    assert!(output.starts_with(b"1\n2\n") && output.ends_with(b"\n200000\n"));
}

/// The most memory that this process has had, in MiB.
pub(crate) fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let words = line.expect("the peak").split_whitespace();
    words
        .rev()
        .nth(1)
        .and_then(|kib| kib.parse().ok())
        .map_or(0, |kib: u64| kib >> 10)
}

#[test]
fn output_without_end_ends_the_machine() {
    let start = Instant::now();
    let (report, output) = boot("verdict ready; yes >&${port[output]}", |_| {});
    let problem = report.problem().expect("a problem");
    assert!(
        problem.starts_with("the command printed more than 64 MiB\n"),
        "{problem}"
    );
    assert!(output.len() as u64 <= OUTPUT_LIMIT && output.len() as u64 > OUTPUT_LIMIT / 2);
    assert!(start.elapsed() < Duration::from_secs(60));
    assert!(peak_memory() < 1024);
}

#[test]
fn what_is_not_kept_has_no_limit() {
    let mut size = 0;
    let mut count = |bytes: &[u8]| {
        size += bytes.len() as u64;
        Ok(())
    };
    let kernel = "verdict ready; head -c 80M /dev/zero >&${port[output]}; verdict 'exit 0'";
    let report = try_boot(kernel, |spec| spec.output_limit = None, &mut count);
    assert_eq!(report.expect("a report").outcome, Outcome::Exited(0));
    assert_eq!(size, 80 << 20);
}

#[test]
fn a_console_without_end_ends_the_machine() {
    for flood in ["yes", "tr '\\0' x </dev/zero", "tr '\\0' '\\n' </dev/zero"] {
        let start = Instant::now();
        let (report, _) = boot(&format!("{flood} >&${{port[console]}}"), |_| {});
        let problem = report.problem().expect("a problem");
        assert!(
            problem.starts_with("the kernel printed more than 8 MiB on its console\n"),
            "{problem}"
        );
        assert!(problem.len() < 1 << 16, "{flood}");
        assert!(start.elapsed() < Duration::from_secs(60), "{flood}");
    }
    let kernel = "console 'BUG: first'; yes >&${port[console]}";
    assert_eq!(
        failure(kernel),
        "the kernel broke: BUG: first; the kernel printed more than 8 MiB on its console"
    );
    assert!(peak_memory() < 1024);
}

#[test]
fn junk_where_the_verdict_comes_is_no_sign_of_life_and_not_kept() {
    let limit = Duration::from_secs(1);
    let kernel = "verdict ready; cat /dev/zero >&${port[verdict]}";
    let (report, _) = boot(kernel, |spec| spec.timeout = limit);
    assert_eq!(report.outcome, Outcome::TimedOut(limit));
    assert!(peak_memory() < 1024);
}

#[test]
fn the_command_can_neither_fake_a_verdict_nor_an_oops() {
    let kernel = r"verdict ready; output 'exit 0\nOops: 0000 [#1] SMP\nKernel panic - not syncing: x\n'; verdict 'exit 4'";
    assert_eq!(outcome(kernel), Outcome::Exited(4));
}

#[test]
fn a_panic_is_a_failure_even_after_the_command_has_ended() {
    for when in ["verdict ready", "verdict ready; verdict 'exit 0'"] {
        let kernel = format!("{when}; console '[    1.0] Kernel panic - not syncing: hung'");
        let (report, _) = boot(&kernel, |_| {});
        let problem = report.problem().expect("a problem");
        assert!(
            problem.contains("the kernel broke: Kernel panic - not syncing: hung"),
            "{problem}"
        );
        assert!(
            problem.contains("\n  [    1.0] Kernel panic"),
            "the console is shown: {problem}"
        );
    }
}

#[test]
fn the_worst_line_is_named_and_the_first_of_its_kind() {
    let kernel =
        "verdict ready; console 'WARNING: a at b'; console 'BUG: first'; console 'BUG: second'";
    assert_eq!(failure(kernel), "the kernel broke: BUG: first");
}

#[test]
fn a_line_without_an_end_counts() {
    let kernel = "verdict ready; printf 'Kernel panic - not syncing: x' >&${port[console]}";
    assert_eq!(
        failure(kernel),
        "the kernel broke: Kernel panic - not syncing: x"
    );
}

#[test]
fn warnings_fail_unless_accepted() {
    let kernel = "verdict ready; console 'WARNING: kernel/x.c:1 at y'; verdict 'exit 3'";
    assert_eq!(
        failure(kernel),
        "the kernel warned: WARNING: kernel/x.c:1 at y (the command ended with status 3)"
    );
    let (report, _) = boot(kernel, |spec| spec.allow_warnings = true);
    assert_eq!(report.outcome, Outcome::Exited(3));
    let (report, _) = boot(
        "verdict ready; console 'BUG: x'; verdict 'exit 0'",
        |spec| {
            spec.allow_warnings = true;
        },
    );
    assert!(report.problem().is_some(), "only warnings are accepted");
}

#[test]
fn a_missing_end_is_a_failure() {
    assert!(failure("verdict ready; output x").contains("before the command had ended"));
    assert!(failure("console hello").contains("before the command could start"));
    assert!(failure("verdict ready; verdict 'exit'").contains("before the command had ended"));
}

#[test]
fn what_qemu_says_when_it_fails_is_passed_on() {
    let what = failure("echo 'no such machine' >&2; exit 1");
    assert!(
        what.contains("no such machine") && what.contains("exit status: 1"),
        "{what}"
    );
}

#[test]
fn the_time_limit_ends_the_machine() {
    let start = Instant::now();
    let limit = Duration::from_millis(300);
    let (report, output) = boot("verdict ready; output early; sleep 60", |spec| {
        spec.timeout = limit;
    });
    assert_eq!(report.outcome, Outcome::TimedOut(limit));
    assert_eq!(output, b"early");
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_sink_that_fails_ends_the_machine() {
    let start = Instant::now();
    let kernel = "verdict ready; output x; sleep 60";
    let result = try_boot(kernel, |_| {}, &mut |_| Err(io::Error::other("full")));
    assert!(format!("{:#}", result.expect_err("an error")).contains("full"));
    assert!(start.elapsed() < Duration::from_secs(20));
}
