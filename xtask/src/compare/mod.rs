// SPDX-License-Identifier: GPL-2.0-only

//! Compares both livepatch cores: runs the same script with the same modules on each, and checks the
//! differences against a list of expected ones.

mod diff;
mod expected;
mod transcript;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use klp_host::kernel::Kernel;
use klp_host::vm::{Spec, Warnings};

use crate::case::{Case, Tally};
use crate::checkout;
use crate::guest_output::{self, Output};
use crate::parallel;
use crate::report;

use expected::{Expected, SCRIPT};
use transcript::Transcript;

/// The folder with the modules, the script, and the expected differences.
const FOLDER: &str = "tests/compare";

/// The folder in the guest.
const GUEST: &str = "/klp/compare";

/// The time limit of all cases on one core, on a slow and busy machine.
const TIMEOUT: Duration = Duration::from_secs(1800);

/// Runs the script on both kernels and reports each unexpected difference. With `keep`, both
/// transcripts are kept in that folder.
pub fn run(c: &Kernel, rust: &Kernel, keep: Option<&Path>) -> Result<Tally> {
    let folder = checkout::top().join(FOLDER);
    let mut expected = Expected::read(&folder.join("expected.diff"))?;
    let mut tally = Tally::default();
    let mut count = |case: Case| {
        report::add(&case);
        tally.count(&case);
    };

    // The builds run one after the other, the machines in parallel: these mostly wait.
    let specs = [spec(c, &folder)?, spec(rust, &folder)?];
    let recorded = parallel::map_at_once(&specs, record);
    let mut transcripts = Vec::new();
    let mut outputs = Vec::new();
    for (kernel, recorded) in [c, rust].into_iter().zip(recorded) {
        let core = kernel.core.name();
        let (text, failure, output) = recorded?;
        outputs.push(output);
        if let Some(keep) = keep {
            write_transcript(&keep.join(format!("{core}.txt")), &text)?;
        }
        if let Some(why) = failure {
            count(Case::failed(SCRIPT, &format!("the script on {core}"), why));
        }
        transcripts.push(Transcript::parse(&text));
    }
    let [of_c, of_rust] = transcripts.as_slice() else {
        bail!("there are not two transcripts");
    };
    transcript::compare(of_c, of_rust, &mut expected)
        .into_iter()
        .for_each(&mut count);
    count(exports(c, rust)?);
    expected.unseen().into_iter().for_each(count);
    if tally.failed == 0 {
        outputs.into_iter().for_each(Output::keep);
    }
    Ok(tally)
}

/// Builds the modules for a kernel. Returns the machine that runs the script with them.
fn spec(kernel: &Kernel, folder: &Path) -> Result<Spec> {
    let mut modules = checkout::build_all(kernel)?.modules;
    modules.extend(checkout::build(kernel, folder)?.modules);

    let script = Path::new(GUEST).join("guest.sh");
    let mut copy = vec![(folder.join("guest.sh"), script.clone())];
    for path in modules {
        let name = path.file_name().context("a module without a name")?;
        let guest = Path::new(GUEST).join("modules").join(name);
        copy.push((path, guest));
    }
    Ok(Spec {
        copy,
        timeout: TIMEOUT,
        // One case makes the kernel warn, which the transcript shows.
        accepted: Warnings::All,
        ..kernel.spec(format!("bash {}", script.display()))
    })
}

/// Runs the script. Returns its output, the failure of the machine, if any, and the output to keep.
fn record(spec: &Spec) -> Result<(String, Option<String>, Output)> {
    let mut text = String::new();
    let (report, output) = guest_output::run_or_reuse(spec, |line| {
        text.push_str(line);
        text.push('\n');
    })?;
    if let Some(problem) = report.problem() {
        eprintln!("{problem}");
    }
    let failure = report.outcome.failure();
    let failure = failure.or_else(|| {
        let ended = text.lines().any(|line| line == "@end");
        (!ended).then(|| "the script stopped before its end".to_owned())
    });
    Ok((text, failure, output))
}

fn write_transcript(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Additional exports of klp-core (`docs/differences.md`).
const EXTRAS: [&str; 3] = [
    "klp_disable_patch EXPORT_SYMBOL_GPL",
    "klp_register_patch EXPORT_SYMBOL_GPL",
    "klp_unregister_patch EXPORT_SYMBOL_GPL",
];

/// Compares what the cores export: names and kinds of exports.
fn exports(c: &Kernel, rust: &Kernel) -> Result<Case> {
    let name = "exported symbols".to_owned();
    let [of_c, of_rust] = [c, rust].map(|kernel| {
        let path = kernel.build.dir.join("Module.symvers");
        let text = fs::read_to_string(&path);
        text.with_context(|| format!("cannot read {}", path.display()))
            .map(|text| exported(&text))
    });
    let (of_c, mut of_rust) = (of_c?, of_rust?);
    of_rust.retain(|symbol| !EXTRAS.contains(&symbol.as_str()));
    let failure = (of_c != of_rust || of_c.is_empty()).then(|| {
        let list = |title: &str, lines: &[String]| format!("{title}:\n{}", lines.join("\n"));
        [list("c", &of_c), list("rust", &of_rust)].join("\n")
    });
    Ok(Case {
        script: SCRIPT.to_owned(),
        name,
        failure,
    })
}

/// The core's symbols in a `Module.symvers`, whose columns are checksum, name, module, kind and namespace.
fn exported(symvers: &str) -> Vec<String> {
    let mut symbols: Vec<_> = symvers
        .lines()
        .filter_map(|line| {
            let mut columns = line.split('\t').skip(1);
            let (name, module) = (columns.next()?, columns.next()?);
            let rest: Vec<_> = columns.collect();
            let is_core = name.starts_with("klp_") && module == "vmlinux";
            is_core.then(|| format!("{name} {}", rest.join(" ")).trim().to_owned())
        })
        .collect();
    symbols.sort();
    symbols
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_of_the_core_are_found() {
        let symvers = "0x0\tklp_get_state\tvmlinux\tEXPORT_SYMBOL_GPL\t\n\
                       0x0\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n\
                       0x0\tklp_else\tsome/module\tEXPORT_SYMBOL\t\n\
                       0x0\tklp_enable_patch\tvmlinux\tEXPORT_SYMBOL_GPL\t\n";
        assert_eq!(
            exported(symvers),
            [
                "klp_enable_patch EXPORT_SYMBOL_GPL",
                "klp_get_state EXPORT_SYMBOL_GPL"
            ]
        );
    }
}
