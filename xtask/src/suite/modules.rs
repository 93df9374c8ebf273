// SPDX-License-Identifier: GPL-2.0-only

//! Checks the built modules without loading them, and the build itself.

use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail, ensure};
use klp_elf::{Frame, Machine, Module, Name};
use klp_host::host::process;
use klp_host::kernel::{Core, Kernel};
use klp_host::module::Built;
use klp_host::tools::toolchain::{self, CLIPPY, PINNED};

use super::cases::Cases;
use super::checked;
use crate::case::Tally;
use crate::checkout;

/// Kernel symbols that every module may use: for Rust code, and for code that
/// compilers insert.
const RUNTIME: [&str; 5] = [
    "core::",
    "kernel::error::",
    // Of the kernel crate's atomics, where they are not inlined.
    "rust_helper_atomic_",
    "__stack_chk_fail",
    "__ubsan_handle_",
];

/// The kernel functions of the sample: the author's, and `klp_enable_patch`.
const SAMPLE_NEEDS: [&str; 2] = ["klp_enable_patch", "seq_printf"];

/// Runs them all on the modules of one kernel.
pub(super) fn run(kernel: &Kernel, built: &Built) -> Result<Tally> {
    let mut cases = on_files(built);
    cases.check("the checker agrees with the kernel", || {
        checked::agree(&kernel.build, built)
    });
    cases.check("a second build does nothing", || rebuild_nothing(kernel));
    cases.check("a changed example is rebuilt alone", || rebuild_one(kernel));
    cases.check("a wrong type in C is built all the same", || {
        wrong_type_in_c(kernel)
    });
    let sign_file = kernel.build.dir.join("scripts/sign-file");
    if kernel.core == Core::STOCK {
        cases.check("klpctl signs as the kernel's own tool does", || {
            sign_alike(&sign_file)
        });
    }
    for (what, variable, words) in REFUSED {
        cases.check(&format!("a kernel {what} is refused"), || {
            refuse(kernel, variable, words)
        });
    }
    cases.check("paths that are no plain words are refused", || {
        refuse_paths(kernel)
    });
    Ok(cases.tally())
}

/// Runs the checks of module files, for a kernel of another architecture.
pub(super) fn run_foreign(built: &Built) -> Tally {
    on_files(built).tally()
}

/// The checks of module files, which need no kernel.
fn on_files(built: &Built) -> Cases {
    let mut cases = Cases::new("modules");
    cases.check("the sample's modinfo", || sample_modinfo(built));
    cases.check("the sample asks for no more than it needs", || {
        sample_needs(built)
    });
    cases.check("replacements stay on the stack", || stay_on_stack(built));
    cases.check("a call of the original needs no frame", || no_frame(built));
    cases.check("each access to a member is one instruction", || {
        single_accesses(built)
    });
    cases
}

/// Runs the tests of `klpctl sign` with the kernel's own tool.
fn sign_alike(sign_file: &Path) -> Result<()> {
    ensure!(sign_file.is_file(), "there is no {}", sign_file.display());
    let mut command = toolchain::ensure(PINNED, &[CLIPPY])?.cargo();
    command
        .current_dir(checkout::top())
        .args(["test", "--quiet", "--locked", "--package", "klpctl"])
        .args(["--test", "sign"])
        .env("KLP_SIGN_FILE", sign_file);
    process::output(&mut command).map(drop)
}

fn read(built: &Built, name: &str) -> Result<Vec<u8>> {
    let path = built
        .module(name)
        .with_context(|| format!("the build made no {name}"))?;
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn sample_modinfo(built: &Built) -> Result<()> {
    let data = read(built, "livepatch-sample")?;
    let modinfo = Module::parse(&data)?.modinfo()?;
    let wanted = [
        ("livepatch", "Y"),
        ("license", "GPL"),
        ("description", "Livepatch sample: another /proc/cmdline"),
        ("author", "The klp authors"),
        ("name", "livepatch_sample"),
    ];
    for (key, value) in wanted {
        let found: Vec<_> = modinfo.values(key).collect();
        ensure!(
            found.len() == 1 && *found[0] == *value,
            "expected one {key}={value}, found {found:?}"
        );
    }
    Ok(())
}

fn sample_needs(built: &Built) -> Result<()> {
    let data = read(built, "livepatch-sample")?;
    let module = Module::parse(&data)?;
    let mut undefined = module.undefined();
    let is_return = |symbol: &Name| module.machine().returns_by(symbol.as_bytes());
    undefined.retain(|symbol| {
        !is_return(symbol) && !RUNTIME.iter().any(|start| symbol.starts_with(start))
    });
    undefined.sort();
    ensure!(
        undefined == SAMPLE_NEEDS,
        "besides Rust's runtime it should need {SAMPLE_NEEDS:?}, but needs {undefined:?}"
    );
    Ok(())
}

/// No replacement of any patch leaves its function but by returning: code of the module that runs
/// with the replacement off the stack would be invisible to the livepatch core.
fn stay_on_stack(built: &Built) -> Result<()> {
    let mut seen = 0;
    for path in &built.modules {
        let data = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let module = Module::parse(&data)?;
        if !module.modinfo()?.is_livepatch() {
            continue;
        }
        let replacements = module.replacements()?;
        ensure!(
            !replacements.is_empty() || is_in_c(path),
            "{} is a livepatch, but no table of functions was found in it",
            path.display()
        );
        for replacement in replacements {
            let exits = module.exits(&replacement.new_func);
            ensure!(
                exits.is_empty(),
                "{}: {} leaves itself: {}",
                path.display(),
                replacement.new_func,
                exits
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(", ")
            );
            seen += 1;
        }
    }
    ensure!(
        seen >= 16,
        "only {seen} replacements were found in all patches"
    );
    Ok(())
}

/// A replacement that calls the original, and keeps nothing, is the call and the return: the stack is aligned as the
/// kernel's C keeps it. Where calls leave the return address in a register, that and the frame pointer are kept.
fn no_frame(built: &Built) -> Result<()> {
    let data = read(built, "original-rebuilt")?;
    let module = Module::parse(&data)?;
    let wraps = module
        .functions()
        .find(|function| function.to_string().ends_with("::number"))
        .context("the patch has no function `number`")?;
    let frame = module.frame(&wraps);
    let kept = if module.machine() == Machine::Arm64 {
        16
    } else {
        0
    };
    ensure!(
        frame == Frame::Bytes(kept),
        "{wraps} takes {frame} of the stack"
    );
    Ok(())
}

/// Functions of the patches in `tests/patches` that access members, and how often.
const ACCESSES: [(&str, &str, RangeInclusive<usize>, usize); 8] = [
    ("views", "one_load", 1..=1, 0),
    ("views", "two_loads", 2..=2, 0),
    ("views", "unused_load", 1..=1, 0),
    ("views", "one_bit", 1..=1, 0),
    ("views", "one_store", 0..=0, 1),
    ("views", "two_hops", 2..=2, 0),
    // Two calls, and nothing else.
    ("sync", "one_lock", 0..=0, 0),
    // The head; of each entry, its member and its link. One instruction may load the head and links.
    ("sync", "one_walk", 2..=3, 0),
];

/// An accessor of a view is one load or store, and so is a step of a list: none is left out, repeated, or
/// split.
fn single_accesses(built: &Built) -> Result<()> {
    for (patch, name, loads, stores) in ACCESSES {
        let data = read(built, patch)?;
        let module = Module::parse(&data)?;
        let path = format!("{patch}::{name}");
        let function = module
            .functions()
            .find(|function| function.to_string() == path)
            .with_context(|| format!("the patch has no function {path}"))?;
        let found = module.accesses(&function);
        ensure!(
            loads.contains(&found.loads) && found.stores == stores,
            "{path} should have {loads:?} loads and {stores} stores, and has {found:?}"
        );
    }
    Ok(())
}

/// Whether it is a test patch in C with tables of other forms.
fn is_in_c(module: &Path) -> bool {
    let source = module.with_extension("c");
    let source = source.file_name().unwrap_or_default();
    checkout::top().join("tests/patches").join(source).is_file()
}

/// What klp refuses (`tests/types/fail/integer_for_pointer.rs`), C lets pass: that is why the types of
/// patches in Rust are checked.
fn wrong_type_in_c(kernel: &Kernel) -> Result<()> {
    let built = checkout::build(kernel, &checkout::top().join("tests/types/c"))?;
    let data = read(&built, "klp_wrong_type")?;
    let modinfo = Module::parse(&data)?.modinfo()?;
    ensure!(
        modinfo
            .entries()
            .contains(&("livepatch".into(), "Y".into())),
        "it is no livepatch: {modinfo:?}"
    );
    Ok(())
}

/// When each module was written.
fn times(built: &Built) -> Result<Vec<(PathBuf, SystemTime)>> {
    let time = |path: &PathBuf| {
        let modified = fs::metadata(path).and_then(|data| data.modified());
        let modified = modified.with_context(|| format!("cannot look at {}", path.display()))?;
        Ok((path.clone(), modified))
    };
    built.modules.iter().map(time).collect()
}

/// Builds again, and returns the rebuilt modules.
fn rebuilt(kernel: &Kernel, change: impl FnOnce() -> Result<()>) -> Result<Vec<String>> {
    let before = times(&checkout::build_all(kernel)?)?;
    change()?;
    let after = times(&checkout::build_all(kernel)?)?;
    Ok(after
        .iter()
        .filter(|module| !before.contains(module))
        .map(|(path, _)| {
            path.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into()
        })
        .collect())
}

fn rebuild_nothing(kernel: &Kernel) -> Result<()> {
    let rebuilt = rebuilt(kernel, || Ok(()))?;
    ensure!(rebuilt.is_empty(), "it built {rebuilt:?} again");
    Ok(())
}

fn rebuild_one(kernel: &Kernel) -> Result<()> {
    const SOURCE: &str = "examples/livepatch-sample/livepatch-sample.rs";
    let path = checkout::top().join(SOURCE);
    let rebuilt = rebuilt(kernel, || touch(&path))?;
    ensure!(
        rebuilt == ["livepatch-sample.ko"],
        "a new {SOURCE} should rebuild its module only, but rebuilt {rebuilt:?}"
    );
    Ok(())
}

fn touch(path: &Path) -> Result<()> {
    fs::File::options()
        .write(true)
        .open(path)
        .and_then(|file| file.set_modified(SystemTime::now()))
        .with_context(|| format!("cannot touch {}", path.display()))
}

/// Kernels that klp cannot patch: what they lack, the change that makes this kernel look like one, and
/// the expected error.
const REFUSED: [(&str, &str, &[&str]); 3] = [
    (
        "without Rust",
        "CONFIG_RUST=",
        &["built without CONFIG_RUST", "Set CONFIG_RUST=y in"],
    ),
    (
        "without livepatch",
        "CONFIG_LIVEPATCH=",
        &[
            "built without CONFIG_LIVEPATCH",
            "Set CONFIG_LIVEPATCH=y in",
        ],
    ),
    (
        "of another compiler",
        "CONFIG_RUSTC_VERSION_TEXT=\"rustc 1.86.0 (05f9846f8 2025-03-31)\"",
        &[
            "built by \"rustc 1.86.0 (05f9846f8 2025-03-31)\"",
            "rustup which --toolchain 1.86.0 rustc",
        ],
    ),
];

fn refuse(kernel: &Kernel, variable: &str, words: &[&str]) -> Result<()> {
    let output = tempfile::tempdir().context("cannot make a folder")?;
    refuse_in(kernel, output.path(), variable, words)
}

/// Paths with characters special to a shell: of the build folder and the kernel's information.
fn refuse_paths(kernel: &Kernel) -> Result<()> {
    let parent = tempfile::tempdir().context("cannot make a folder")?;
    for (folder, variable, words) in [
        ("a[b]", "W=", ["the character [", "a[b]"]),
        ("a%b", "W=", ["the character %", "a%b"]),
        (
            "plain",
            "KLP_MODULES=/x/$(id)",
            ["the character $", "KLP_MODULES"],
        ),
        (
            "plain",
            "KLP_VMLINUX=/x'y",
            ["the character '", "KLP_VMLINUX"],
        ),
    ] {
        let output = parent.path().join(folder);
        fs::create_dir_all(&output).context("cannot make a folder")?;
        refuse_in(kernel, &output, variable, &words)?;
    }
    Ok(())
}

fn refuse_in(kernel: &Kernel, output: &Path, variable: &str, words: &[&str]) -> Result<()> {
    let mut command = kernel.build.make();
    command
        .arg(format!("M={}", checkout::top().display()))
        .arg(format!("MO={}", output.display()))
        .arg(variable);
    let Err(error) = process::output(&mut command) else {
        bail!("modules were built for it");
    };
    let text = format!("{error:#}");
    let ours: Vec<_> = text.lines().filter(|line| line.contains("klp: ")).collect();
    ensure!(ours.len() == 1, "expected one error of klp's, found {text}");
    for word in words {
        ensure!(ours[0].contains(word), "`{word}` is not in `{}`", ours[0]);
    }
    Ok(())
}
