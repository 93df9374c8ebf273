// SPDX-License-Identifier: GPL-2.0-only

//! Runs the kernel's livepatch selftests, unmodified, in a virtual machine.

mod cases;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use klp_host::host::progress::say;
use klp_host::kconfig::Config;
use klp_host::kernel::{Core, Kernel};
use klp_host::vm::{Outcome, Spec};

use crate::case::{Case, Tally};
use crate::checkout;
use crate::guest_output;
use crate::guest_program;
use crate::report;

use cases::Follower;

/// The selftests' folder in the kernel's source, and in the guest.
const SOURCE: &str = "tools/testing/selftests/livepatch";
const GUEST: &str = "/klp/selftests/livepatch";

/// A program that a script starts.
const PROGRAM: &str = "test_klp-call_getpid";

/// The script and case that disable ftrace, which the kernel refuses while a live patch is loaded. `guest.sh` removes
/// the case.
const DISABLES_FTRACE: (&str, &str) = (
    "test-ftrace.sh",
    "livepatch interaction with ftrace_enabled sysctl",
);

/// A script that skips itself without a kernel option that some architectures lack, and the option.
const NEEDS_OPTION: (&str, &str) = ("test-kprobe.sh", "KPROBES_ON_FTRACE");

/// The time limit of all scripts, on a slow and busy machine.
const TIMEOUT: Duration = Duration::from_secs(1800);

/// Runs all selftests on this kernel, in one boot, and reports each case. Cases that did not run have
/// failed.
pub fn run(kernel: &Kernel) -> Result<Tally> {
    let source = kernel.source.join(SOURCE);
    let mut planned = plans(&source)?;
    let (script, disables_ftrace) = DISABLES_FTRACE;
    if kernel.core_module.is_some()
        && let Some(cases) = planned.get_mut(script)
    {
        cases.retain(|case| case != disables_ftrace);
        say(&format!(
            "omitted, because klp-core is a live patch itself there: {script}: {disables_ftrace}"
        ));
    }
    let mut without = "";
    let (script, option) = NEEDS_OPTION;
    if Config::of_build(&kernel.build.dir)?.get(option) != "y" {
        planned.remove(script);
        without = script;
        say(&format!("omitted, without CONFIG_{option}: {script}"));
    }
    let modules = checkout::build(kernel, &source.join("test_modules"))?;
    let program = build_program(kernel, &source)?;

    let mut copy = vec![
        (source, PathBuf::from(GUEST)),
        (program, Path::new(GUEST).join(PROGRAM)),
    ];
    for path in modules.modules {
        let name = path.file_name().context("a module without a name")?;
        let guest = Path::new(GUEST).join("test_modules").join(name);
        copy.push((path, guest));
    }
    let slowness = kernel.slowness();
    let settings = format!("LIMIT={}\nWITHOUT={without}\n", 600 * slowness);
    let spec = Spec {
        copy,
        kernel_parameters: parameters(kernel),
        timeout: TIMEOUT * slowness,
        slowness,
        memory: 1024 * slowness.min(2),
        ..kernel.spec(settings + include_str!("guest.sh"))
    };

    let mut tally = Tally::default();
    let mut count = |case: &Case| {
        report::add_on(kernel.core.name(), case);
        tally.count(case);
    };
    let mut follower = Follower::new(planned);
    let (report, output) = guest_output::run_or_reuse(&spec, |line| {
        follower.line(line).iter().for_each(&mut count);
    })?;
    let failure = report.outcome.failure();
    let left = follower.finish(failure.as_deref().unwrap_or("the case did not run"));
    left.iter().for_each(&mut count);
    if let Some(failure) = failure.filter(|_| left.is_empty()) {
        // All scripts ended, but the kernel reported a problem.
        count(&Case::failed("kernel", "stays sound", failure));
    }
    if let Some(problem) = report.problem() {
        eprintln!("{problem}");
    }
    if report.outcome == Outcome::Exited(0) && tally.failed == 0 {
        output.keep();
    }
    Ok(tally)
}

/// Kernel parameters that delay signals on a slow kernel: the scripts compare the log, and expect no step to take the
/// 15 seconds after which tasks are signalled.
fn parameters(kernel: &Kernel) -> Vec<String> {
    let is_slow = kernel.core == Core::Rust && kernel.profile.slowness() > 1;
    let words = is_slow.then(|| "livepatch.signal_after_ms=600000".to_owned());
    words.into_iter().collect()
}

/// The cases of each script.
fn plans(source: &Path) -> Result<BTreeMap<String, Vec<String>>> {
    let missing = || {
        format!(
            "the kernel's livepatch selftests are not in {}",
            source.display()
        )
    };
    let mut plans = BTreeMap::new();
    for entry in fs::read_dir(source).with_context(missing)? {
        let path = entry.with_context(missing)?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with("test-") && name.ends_with(".sh") {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            plans.insert(name, cases::plan(&text));
        }
    }
    if plans.values().all(Vec::is_empty) {
        bail!("{}: the folder has no test scripts", missing());
    }
    Ok(plans)
}

/// Builds the program that a script starts, outside of the source tree.
fn build_program(kernel: &Kernel, source: &Path) -> Result<PathBuf> {
    let dir = checkout::top()
        .join("target/kselftest")
        .join(&kernel.build.release);
    let source = source.join(format!("{PROGRAM}.c"));
    guest_program::compile(kernel.build.arch, &source, &dir, &["-O2"])
}
