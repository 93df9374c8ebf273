// SPDX-License-Identifier: GPL-2.0-only

//! The part `modules`: checks the built modules without loading them, and the build itself.

use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail, ensure};
use klp_elf::{Frame, Machine, Module, Name};
use klp_host::host::process;
use klp_host::kernel::{Core, Kernel};
use klp_host::module::Built;

use super::cases::Cases;
use super::checked;
use crate::case::Tally;
use crate::checkout;
use crate::files;

/// Prefixes of kernel symbols that every module may use, for Rust code and for code that compilers
/// insert.
const RUNTIME: [&str; 5] = [
    "core::",
    "kernel::error::",
    // Atomics of the kernel crate that are not inlined.
    "rust_helper_atomic_",
    "__stack_chk_fail",
    "__ubsan_handle_",
];

/// The kernel functions that the sample uses: the one that its author calls, and `klp_enable_patch`.
const SAMPLE_NEEDS: [&str; 2] = ["klp_enable_patch", "seq_printf"];

/// Runs all checks on the modules of one kernel.
pub(super) fn run(kernel: &Kernel, built: &Built) -> Result<Tally> {
    let mut cases = on_files(built);
    cases.check("the checker agrees with the kernel", || {
        checked::agree(&kernel.build, built)
    });
    cases.check("a second build does nothing", || rebuild_nothing(kernel));
    cases.check("a changed example is rebuilt alone", || rebuild_one(kernel));
    cases.check("C accepts a wrong type", || wrong_type_in_c(kernel));
    let sign_file = kernel.build.dir.join("scripts/sign-file");
    if kernel.core == Core::STOCK {
        cases.check("klpctl signs as the kernel's sign-file does", || {
            sign_alike(&sign_file)
        });
    }
    for (what, variable, words) in REFUSED {
        cases.check(&format!("a kernel {what} is refused"), || {
            refuse(kernel, variable, words)
        });
    }
    cases.check("paths with special characters are refused", || {
        refuse_paths(kernel)
    });
    Ok(cases.tally())
}

/// Runs the checks of module files alone, for a kernel of another architecture.
pub(super) fn run_foreign(built: &Built) -> Tally {
    on_files(built).tally()
}

/// Runs the checks of module files, which need no kernel.
fn on_files(built: &Built) -> Cases {
    let mut cases = Cases::new("modules");
    cases.check("the sample's modinfo", || sample_modinfo(built));
    cases.check("the sample uses only the symbols that it needs", || {
        sample_needs(built)
    });
    cases.check("replacements stay on the stack", || stay_on_stack(built));
    cases.check("a call of the original needs no frame", || no_frame(built));
    cases.check("each access to a member is one instruction", || {
        single_accesses(built)
    });
    cases
}

/// Runs the tests of `klpctl sign` that compare it with the kernel's sign-file.
fn sign_alike(sign_file: &Path) -> Result<()> {
    ensure!(sign_file.is_file(), "there is no {}", sign_file.display());
    let mut command = checkout::toolchain()?.cargo();
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
        .with_context(|| format!("the build produced no {name}"))?;
    files::read(path)
}

fn sample_modinfo(built: &Built) -> Result<()> {
    let data = read(built, "livepatch-sample")?;
    let modinfo = Module::parse(&data)?.modinfo()?;
    let expected = [
        ("livepatch", "Y"),
        ("license", "GPL"),
        ("description", "Livepatch sample: another /proc/cmdline"),
        ("author", "The klp authors"),
        ("name", "livepatch_sample"),
    ];
    for (key, value) in expected {
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
        "besides Rust's runtime it should use {SAMPLE_NEEDS:?}, but uses {undefined:?}"
    );
    Ok(())
}

/// Checks that replacements leave their function only by returning. After a jump elsewhere, code of the module would
/// run without the replacement on the stack, where the stack check cannot see it.
fn stay_on_stack(built: &Built) -> Result<()> {
    let mut seen = 0;
    for path in &built.modules {
        let data = files::read(path)?;
        let module = Module::parse(&data)?;
        if !module.modinfo()?.is_livepatch() {
            continue;
        }
        let replacements = module.replacements()?;
        ensure!(
            !replacements.is_empty() || is_in_c(path),
            "{} is a livepatch without a table of functions",
            path.display()
        );
        for replacement in replacements {
            let exits = module.exits(&replacement.new_func);
            ensure!(
                exits.is_empty(),
                "{}: {} does not only return: {}",
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

/// Checks that a replacement that only calls the original has no stack frame: the call and the return suffice, with the
/// stack alignment of the kernel's C code. On arm64, where calls leave the return address in a register, it saves that
/// and the frame pointer.
fn no_frame(built: &Built) -> Result<()> {
    let data = read(built, "original-rebuilt")?;
    let module = Module::parse(&data)?;
    let wraps = module
        .functions()
        .find(|function| function.to_string().ends_with("::number"))
        .context("the patch has no function `number`")?;
    let frame = module.frame(&wraps);
    let saved = if module.machine() == Machine::Arm64 {
        16
    } else {
        0
    };
    ensure!(
        frame == Frame::Bytes(saved),
        "{wraps} has a stack frame of {frame}, expected {saved} bytes"
    );
    Ok(())
}

/// Functions of the patches in `tests/patches` that access members, with the numbers of loads and stores.
const ACCESSES: [(&str, &str, RangeInclusive<usize>, usize); 8] = [
    ("views", "one_load", 1..=1, 0),
    ("views", "two_loads", 2..=2, 0),
    ("views", "unused_load", 1..=1, 0),
    ("views", "one_bit", 1..=1, 0),
    ("views", "one_store", 0..=0, 1),
    ("views", "two_hops", 2..=2, 0),
    // Only two calls.
    ("sync", "one_lock", 0..=0, 0),
    // The head, and of each entry its member and its link. One instruction may load both the head and links.
    ("sync", "one_walk", 2..=3, 0),
];

/// Checks that an accessor of a view is one load or store, and so is a step of a list: none is omitted, repeated, or
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
            "{path} should have {loads:?} loads and {stores} stores, but has {found:?}"
        );
    }
    Ok(())
}

/// Whether a module is a test patch in C, whose tables may have another form.
fn is_in_c(module: &Path) -> bool {
    let source = module.with_extension("c");
    let source = source.file_name().unwrap_or_default();
    checkout::top().join("tests/patches").join(source).is_file()
}

/// Checks that C accepts what klp refuses (`tests/types/fail/integer_for_pointer.rs`), which is why klp checks
/// types.
fn wrong_type_in_c(kernel: &Kernel) -> Result<()> {
    let built = checkout::build(kernel, &checkout::top().join("tests/types/c"))?;
    let data = read(&built, "klp_wrong_type")?;
    let modinfo = Module::parse(&data)?.modinfo()?;
    ensure!(
        modinfo
            .entries()
            .contains(&("livepatch".into(), "Y".into())),
        "the module is not a livepatch: {modinfo:?}"
    );
    Ok(())
}

/// The modification time of each module.
fn times(built: &Built) -> Result<Vec<(PathBuf, SystemTime)>> {
    let time = |path: &PathBuf| {
        let modified = fs::metadata(path).and_then(|data| data.modified());
        let modified = modified.with_context(|| format!("cannot stat {}", path.display()))?;
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
    ensure!(rebuilt.is_empty(), "{rebuilt:?} were built again");
    Ok(())
}

fn rebuild_one(kernel: &Kernel) -> Result<()> {
    const SOURCE: &str = "examples/livepatch-sample/livepatch-sample.rs";
    let path = checkout::top().join(SOURCE);
    let rebuilt = rebuilt(kernel, || touch(&path))?;
    ensure!(
        rebuilt == ["livepatch-sample.ko"],
        "a new {SOURCE} should only rebuild its module, but {rebuilt:?} were rebuilt"
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

/// Kernels that klp cannot patch: what is wrong, the make variable that makes this kernel look like one,
/// and the expected error.
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

/// Checks that the paths of the build folder and of the kernel's metadata are refused with characters special to a
/// shell.
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
        bail!("the modules were built");
    };
    let text = format!("{error:#}");
    let errors: Vec<_> = text.lines().filter(|line| line.contains("klp: ")).collect();
    ensure!(errors.len() == 1, "expected one error of klp, found {text}");
    for word in words {
        ensure!(
            errors[0].contains(word),
            "`{word}` is not in `{}`",
            errors[0]
        );
    }
    Ok(())
}
