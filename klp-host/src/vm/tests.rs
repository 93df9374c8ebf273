// SPDX-License-Identifier: GPL-2.0-only

//! Tests of complete runs, with a script (`fake-qemu.sh`) instead of QEMU.

use std::fs;
use std::io::BufRead as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::accel::Accel;
use super::boot::run_with;
use super::qemu::Qemu;
use super::*;
use crate::host::process;

/// Runs a "kernel" that is a bash script. Returns the report and the command's output.
pub(crate) fn boot(kernel: &str, change: impl FnOnce(&mut Spec)) -> (Report, Vec<u8>) {
    let mut output = Vec::new();
    let report = try_boot(kernel, change, &mut |bytes| {
        output.extend_from_slice(bytes);
        Ok(())
    });
    (report.expect("a report"), output)
}

fn try_boot(kernel: &str, change: impl FnOnce(&mut Spec), sink: &mut Sink<'_>) -> Result<Report> {
    try_boot_as(None, kernel, change, sink)
}

fn try_boot_as(
    user: Option<user::User>,
    kernel: &str,
    change: impl FnOnce(&mut Spec),
    sink: &mut Sink<'_>,
) -> Result<Report> {
    let dir = tempfile::tempdir().expect("a folder");
    let image = dir.path().join("image");
    fs::write(&image, kernel).expect("a kernel");
    let qemu = Qemu {
        arch: Arch::default(),
        program: Path::new(env!("CARGO_MANIFEST_DIR")).join("src/vm/fake-qemu.sh"),
        version: "0".into(),
        major: 0,
        has_sandbox: false,
        user,
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
fn the_exit_status_and_all_output_are_reported() {
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
fn large_output_is_complete() {
    let kernel = "verdict ready; seq 200000 >&${port[output]}; verdict 'exit 0'";
    let (report, output) = boot(kernel, |_| {});
    assert_eq!(report.outcome, Outcome::Exited(0));
    assert!(output.starts_with(b"1\n2\n") && output.ends_with(b"\n200000\n"));
}

/// Returns the peak memory of this process, in MiB.
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
fn excessive_output_ends_the_run() {
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
fn output_can_be_unlimited() {
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
fn excessive_console_output_ends_the_run() {
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
fn junk_on_the_verdict_channel_is_ignored() {
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
fn a_panic_is_a_failure_even_after_the_command_ended() {
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
fn the_first_of_the_most_severe_errors_is_reported() {
    let kernel =
        "verdict ready; console 'WARNING: a at b'; console 'BUG: first'; console 'BUG: second'";
    assert_eq!(failure(kernel), "the kernel broke: BUG: first");
}

#[test]
fn an_unterminated_console_line_is_checked() {
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
    let (report, _) = boot(kernel, |spec| spec.accepted = Warnings::All);
    assert_eq!(report.outcome, Outcome::Exited(3));
    let of_function = |name: &str| Warnings::In(vec![name.to_owned()]);
    let kernel =
        "verdict ready; console 'WARNING: x.c:1 at known+0x1/0x2, CPU#0'; verdict 'exit 0'";
    let (report, _) = boot(kernel, |spec| spec.accepted = of_function("known"));
    assert_eq!(report.problem(), None);
    let (report, _) = boot(kernel, |spec| spec.accepted = of_function("own"));
    assert!(report.problem().is_some(), "another function");
    let (report, _) = boot(
        "verdict ready; console 'BUG: x'; verdict 'exit 0'",
        |spec| {
            spec.accepted = Warnings::All;
        },
    );
    assert!(report.problem().is_some(), "only warnings are accepted");
}

#[test]
fn a_missing_exit_message_is_a_failure() {
    assert!(failure("verdict ready; output x").contains("before the command had ended"));
    assert!(failure("console hello").contains("before the command could start"));
    assert!(failure("verdict ready; verdict 'exit'").contains("before the command had ended"));
}

#[test]
fn qemus_errors_are_reported() {
    let what = failure("echo 'no such machine' >&2; exit 1");
    assert!(
        what.contains("no such machine") && what.contains("exit status: 1"),
        "{what}"
    );
}

#[test]
fn excessive_messages_end_the_run() {
    let what = failure("yes message >&2");
    assert!(
        what.starts_with("QEMU wrote more than 1 MiB of messages: message\n"),
        "{what}"
    );
    assert!(what.len() < 1000 && what.ends_with("\n..."), "{what}");
}

#[test]
fn as_root_qemu_is_unprivileged_and_reads_a_private_kernel() {
    let Some(user) = user::for_qemu() else {
        return;
    };
    let kernel = "verdict ready
        output \"$(id -u) $(id -g) $(id -G) $PWD\\n$(cat /proc/self/status)\\n\"
        cat /etc/shadow && output leaked
        verdict 'exit 0'";
    let private = |spec: &mut Spec| {
        let image = fs::File::open(&spec.image).expect("a kernel");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        image.set_permissions(mode).expect("a mode");
    };
    let mut output = Vec::new();
    let report = try_boot_as(Some(user), kernel, private, &mut |bytes| {
        output.extend_from_slice(bytes);
        Ok(())
    });
    assert_eq!(report.expect("a report").outcome, Outcome::Exited(0));
    let output = String::from_utf8(output).expect("text");
    let ids = format!("{} {} {} /\n", user.uid, user.gid, user.gid);
    assert!(output.starts_with(&ids), "{output}");
    for line in ["CapEff:\t0000000000000000", "NoNewPrivs:\t1"] {
        assert!(output.contains(line), "{output}");
    }
    assert!(!output.contains("leaked"));
}

#[test]
fn the_time_limit_ends_the_run() {
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
fn a_failing_sink_ends_the_run() {
    let start = Instant::now();
    let kernel = "verdict ready; output x; sleep 60";
    let result = try_boot(kernel, |_| {}, &mut |_| Err(io::Error::other("full")));
    assert!(format!("{:#}", result.expect_err("an error")).contains("full"));
    assert!(start.elapsed() < Duration::from_secs(20));
}

/// The environment variable with the user of the machine of [`a_machine_for_signals`].
const USER_VARIABLE: &str = "KLP_TEST_MACHINE";

/// The child process of the test of signals. Its machine prints its process ID and keeps running.
#[test]
#[ignore = "run by the test of signals"]
fn a_machine_for_signals() {
    let user = match std::env::var(USER_VARIABLE).as_deref() {
        Ok("own") => None,
        Ok("other") => user::for_qemu(),
        _ => return,
    };
    let kernel =
        "trap '' TERM; verdict ready; output \"$$\\n\"; for _ in {1..60}; do sleep 1; done";
    let mut stdout = io::stdout();
    let status = process::main(|| {
        try_boot_as(user, kernel, |_| {}, &mut |bytes| {
            stdout.write_all(bytes)?;
            stdout.flush()
        })?;
        Ok(std::process::ExitCode::SUCCESS)
    });
    assert_eq!(status, std::process::ExitCode::from(130));
}

#[test]
fn signals_also_end_the_machine() {
    let me = std::env::current_exe().expect("this test");
    let users: &[_] = match user::for_qemu() {
        Some(_) => &["own", "other"],
        None => &["own"],
    };
    for (signal, user) in [Signal::INT, Signal::TERM, Signal::HUP, Signal::KILL]
        .into_iter()
        .flat_map(|signal| users.iter().map(move |user| (signal, user)))
    {
        let mut run = Command::new(&me)
            .args(["vm::tests::a_machine_for_signals", "--exact", "--ignored"])
            .arg("--nocapture")
            .env(USER_VARIABLE, user)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it runs");
        let lines = io::BufReader::new(run.stdout.take().expect("its output")).lines();
        let pid = |line: io::Result<String>| line.ok()?.parse::<u32>().ok();
        let machine = lines.map(pid).find_map(|pid| pid).expect("a machine");
        assert!(is_running(machine));
        let pid = Pid::from_child(&run);
        rustix::process::kill_process(pid, signal).expect("it is there");
        run.wait().expect("it ends");
        let waits = std::iter::repeat_n(Duration::from_millis(20), 250);
        let ended = waits.map(std::thread::sleep).any(|()| !is_running(machine));
        assert!(ended, "{signal:?} left the machine of the {user} user");
    }
}

/// Whether a process exists and is not a zombie.
fn is_running(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|text| !text.contains(") Z "))
}
