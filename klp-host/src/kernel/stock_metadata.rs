// SPDX-License-Identifier: GPL-2.0-only

//! Information about Debian's kernel without a build: type information and
//! exported symbols from its headers package, and its symbols, for which it is
//! booted once. Needs no compilers.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Result;

use super::debian_kernel::DebianKernel;
use super::debian_packages::{self, StockFiles};
use super::debian_release::{self, Release};
use super::introspect;
use super::metadata::{KALLSYMS, KernelMetadata, SITES, TRACEABLE};
use super::modules;
use crate::apt::Archive;
use crate::cache::{Cache, Entry, Key};
use crate::host::files::{ignore_not_found, write_atomic};
use crate::host::process;
use crate::host::progress::say;
use crate::tools::needs::Needs;
use crate::vm;

/// The reason why the kernel could not be booted.
const FAILED: &str = "klp-not-asked";

/// How long a failure is remembered: a machine that cannot run it now may do so later.
const RETRY: Duration = Duration::from_secs(3600);

impl KernelMetadata {
    /// The information about Debian's kernel, fetched first if needed. Its
    /// modules are those in the cache: [`modules::of_stock`] fetches them.
    pub fn of_stock(cache: &Cache, kernel: DebianKernel) -> Result<Self> {
        let archive = Archive::new(cache);
        debian_release::with_release(&archive, kernel, false, |release| {
            let files = debian_packages::stock_files(&archive, release)?;
            let answers = answers(cache, kernel, release, &files)?;
            let answer = |name: &str| answers.as_ref().map(|dir| dir.join(name));
            Ok(Self {
                kallsyms: answer(KALLSYMS),
                traceable: answer(TRACEABLE),
                sites: answer(SITES),
                vmlinux: Some(files.vmlinux),
                symvers: Some(files.symvers),
                modules: modules::of_stock_if_there(cache, kernel),
            })
        })
    }
}

/// The release of a kernel of Debian's that this machine uses, if it has one: what `uname -r` prints in it.
pub fn release_if_known(cache: &Cache, kernel: DebianKernel) -> Option<String> {
    debian_release::recorded_release(cache, kernel).map(|release| release.name)
}

/// The packages needed for that.
pub fn needs(cache: &Cache, kernel: DebianKernel) -> Needs {
    let is_answered = debian_release::recorded_release(cache, kernel)
        .is_some_and(|release| entry(cache, kernel, &release).is_ready());
    if is_answered {
        return Needs::default();
    }
    debian_release::needs(cache, kernel).and(vm::needs().all_optional())
}

/// The folder with the kernel's symbols, for which it is booted first if needed. Without them patches
/// are checked less, so a failure to boot is only a note.
pub(super) fn answers(
    cache: &Cache,
    kernel: DebianKernel,
    release: &Release,
    files: &StockFiles,
) -> Result<Option<PathBuf>> {
    answers_of(&entry(cache, kernel, release), &vm::needs(), &files.image)
}

fn entry(cache: &Cache, kernel: DebianKernel, release: &Release) -> Entry {
    let key = Key::new()
        .with("release", &release.name)
        .with("script", introspect::SCRIPT);
    cache.entry("facts", &release.label(kernel), &key)
}

fn answers_of(entry: &Entry, needs: &Needs, image: &Path) -> Result<Option<PathBuf>> {
    if entry.is_ready() {
        return Ok(Some(entry.dir().to_owned()));
    }
    let failed = entry.dir().join(FAILED);
    let note = |why: &str, what_to_do: &str| {
        say(&format!(
            "note: this kernel cannot be asked which functions it has, so patches are not checked \
             for that: {why}{what_to_do}"
        ));
        Ok(None)
    };
    // Installing them is no reason to wait for the next try.
    if let Err(missing) = needs.check() {
        return note(&missing.to_string(), "");
    }
    let again = format!(" (remove {} to try again)", failed.display());
    let first_line = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    if let Some(why) = remembered(&failed) {
        return note(&first_line(&why), &again);
    }
    let asked = entry.get_or_resume(|dir| {
        say("asking the kernel which functions it has (once; about ten seconds)");
        ignore_not_found(fs::remove_file(&failed), &failed)?;
        introspect::introspect(image)?.write(dir)
    });
    match asked {
        Ok(dir) => Ok(Some(dir)),
        Err(error) => {
            process::check_interrupted()?;
            let why = format!("{error:#}");
            write_atomic(&failed, &why)?;
            note(&first_line(&why), &again)
        }
    }
}

/// Why it failed not long ago.
fn remembered(failed: &Path) -> Option<String> {
    let age = SystemTime::now().duration_since(fs::metadata(failed).ok()?.modified().ok()?);
    age.is_ok_and(|age| age < RETRY)
        .then(|| fs::read_to_string(failed).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::super::debian_line;
    use super::*;

    const STOCK: DebianKernel = DebianKernel::plain(&debian_line::STOCK);

    #[test]
    fn a_kernel_that_cannot_be_run_is_no_failure_and_not_tried_again_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path()).unwrap();
        let entry = cache.entry("facts", "stock-7.2.0", &Key::new());
        let ask = || answers_of(&entry, &Needs::default(), &dir.path().join("image")).unwrap();
        assert_eq!(ask(), None);
        let failed = entry.dir().join(FAILED);
        let why = fs::read_to_string(&failed).unwrap();
        assert!(why.contains("cannot read the kernel image"), "{why}");
        fs::write(&failed, "remembered").unwrap();
        assert_eq!(ask(), None);
        assert_eq!(fs::read_to_string(&failed).unwrap(), "remembered");
        assert!(!entry.is_ready());
    }

    #[test]
    fn packages_that_are_missing_are_no_failure_and_not_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path()).unwrap();
        let entry = cache.entry("facts", "stock-7.2.0", &Key::new());
        let needs = Needs::of(&["klp-no-such-package"]);
        let image = dir.path().join("image");
        assert_eq!(answers_of(&entry, &needs, &image).unwrap(), None);
        assert!(!entry.dir().exists());
    }

    #[test]
    fn knowing_a_kernel_takes_no_compilers_and_later_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path()).unwrap();
        let fetching = [
            "bash",
            "binutils",
            "debian-archive-keyring",
            "tar",
            "xz-utils",
        ];
        let mut first = needs(&cache, STOCK);
        assert!(first.required.iter().all(|it| fetching.contains(&&**it)));
        assert!(first.optional.remove("qemu-system-x86"));
        for package in &first.optional {
            let builds = ["gcc", "clang", "llvm", "make", "-dev"];
            assert!(
                !builds.iter().any(|word| package.contains(word)),
                "{package}"
            );
        }

        let release = Release {
            suite: "forky".to_owned(),
            version: "7.2.12-1".to_owned(),
            name: "7.2.12+deb14-amd64".to_owned(),
            image: "linux-binary-7.2.12+deb14-amd64".to_owned(),
        };
        let record = serde_json::to_string(&release).unwrap();
        fs::write(dir.path().join("release-stock.json"), record).unwrap();
        assert!(needs(&cache, STOCK).required.is_empty(), "it is there");
        assert!(
            !needs(&cache, STOCK).optional.is_empty(),
            "it has not been asked"
        );
        let entry = entry(&cache, STOCK, &release);
        entry.get_or_resume(|_| Ok(())).unwrap();
        assert_eq!(needs(&cache, STOCK), Needs::default());
    }

    #[test]
    fn a_kernel_that_has_answered_needs_nothing_more() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path()).unwrap();
        let entry = cache.entry("facts", "stock-7.2.0", &Key::new());
        let made = entry.get_or_resume(|_| Ok(())).unwrap();
        let needs = Needs::of(&["klp-no-such-package"]);
        let answers = answers_of(&entry, &needs, Path::new("/none")).unwrap();
        assert_eq!(answers, Some(made));
    }
}
