// SPDX-License-Identifier: GPL-2.0-only

//! Metadata of Debian's kernels without a build or compilers: type information and exported symbols
//! from packages, and the symbols, for which the kernel is booted once.

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

/// The file with the reason why the kernel could not be booted.
const FAILED: &str = "klp-not-asked";

/// The time until a failed boot is tried again: the machine may support it then.
const RETRY: Duration = Duration::from_secs(3600);

impl KernelMetadata {
    /// Returns the metadata of Debian's kernel, fetched first if needed. Modules are only included if they are
    /// in the cache: [`modules::of_stock`] fetches them.
    pub fn of_stock(cache: &Cache, kernel: DebianKernel) -> Result<Self> {
        let archive = Archive::new(cache);
        debian_release::with_release(&archive, kernel, false, |release| {
            let files = debian_packages::stock_files(&archive, release)?;
            let symbols = symbols(cache, kernel, release, &files)?;
            let file = |name: &str| symbols.as_ref().map(|dir| dir.join(name));
            Ok(Self {
                kallsyms: file(KALLSYMS),
                traceable: file(TRACEABLE),
                sites: file(SITES),
                vmlinux: Some(files.vmlinux),
                symvers: Some(files.symvers),
                modules: modules::of_stock_if_there(cache, kernel),
            })
        })
    }
}

/// Returns the release of a Debian kernel that this machine has recorded, as `uname -r` prints it.
pub fn release_if_known(cache: &Cache, kernel: DebianKernel) -> Option<String> {
    debian_release::recorded_release(cache, kernel).map(|release| release.name)
}

/// Returns the packages that [`KernelMetadata::of_stock`] needs.
pub fn needs(cache: &Cache, kernel: DebianKernel) -> Needs {
    let is_complete = debian_release::recorded_release(cache, kernel)
        .is_some_and(|release| entry(cache, kernel, &release).is_ready());
    if is_complete {
        return Needs::default();
    }
    debian_release::needs(cache, kernel).and(vm::needs().all_optional())
}

/// Returns the folder with the kernel's symbols, for which the kernel is booted first if needed. A failed boot
/// is only a note: without symbols, patches are checked less.
pub(super) fn symbols(
    cache: &Cache,
    kernel: DebianKernel,
    release: &Release,
    files: &StockFiles,
) -> Result<Option<PathBuf>> {
    symbols_in(&entry(cache, kernel, release), &vm::needs(), &files.image)
}

fn entry(cache: &Cache, kernel: DebianKernel, release: &Release) -> Entry {
    let key = Key::new()
        .with("release", &release.name)
        .with("script", introspect::SCRIPT);
    cache.entry("facts", &release.label(kernel), &key)
}

fn symbols_in(entry: &Entry, needs: &Needs, image: &Path) -> Result<Option<PathBuf>> {
    if entry.is_ready() {
        return Ok(Some(entry.dir().to_owned()));
    }
    let failed = entry.dir().join(FAILED);
    let note = |why: &str, what_to_do: &str| {
        say(&format!(
            "note: the symbols of this kernel are unknown, so patches are not checked against them: \
             {why}{what_to_do}"
        ));
        Ok(None)
    };
    // Not recorded as a failure: after installing them there is no wait.
    if let Err(missing) = needs.check() {
        return note(&missing.to_string(), "");
    }
    let again = format!(" (remove {} to try again)", failed.display());
    let first_line = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    if let Some(why) = recent_failure(&failed) {
        return note(&first_line(&why), &again);
    }
    let read = entry.get_or_resume(|dir| {
        say("booting the kernel once to read its symbols (about ten seconds)");
        ignore_not_found(fs::remove_file(&failed), &failed)?;
        introspect::introspect(image)?.write(dir)
    });
    match read {
        Ok(dir) => Ok(Some(dir)),
        Err(error) => {
            process::check_interrupted()?;
            let why = format!("{error:#}");
            write_atomic(&failed, &why)?;
            note(&first_line(&why), &again)
        }
    }
}

/// Returns the reason of a failure within [`RETRY`].
fn recent_failure(failed: &Path) -> Option<String> {
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
    fn a_failed_boot_is_a_note_and_not_retried_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path()).unwrap();
        let entry = cache.entry("facts", "stock-7.2.0", &Key::new());
        let read = || symbols_in(&entry, &Needs::default(), &dir.path().join("image")).unwrap();
        assert_eq!(read(), None);
        let failed = entry.dir().join(FAILED);
        let why = fs::read_to_string(&failed).unwrap();
        assert!(why.contains("cannot read the kernel image"), "{why}");
        fs::write(&failed, "remembered").unwrap();
        assert_eq!(read(), None);
        assert_eq!(fs::read_to_string(&failed).unwrap(), "remembered");
        assert!(!entry.is_ready());
    }

    #[test]
    fn missing_packages_are_a_note_and_not_recorded() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path()).unwrap();
        let entry = cache.entry("facts", "stock-7.2.0", &Key::new());
        let needs = Needs::of(&["klp-no-such-package"]);
        let image = dir.path().join("image");
        assert_eq!(symbols_in(&entry, &needs, &image).unwrap(), None);
        assert!(!entry.dir().exists());
    }

    #[test]
    fn metadata_needs_no_compilers_and_later_no_packages() {
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
        assert!(needs(&cache, STOCK).required.is_empty(), "it is recorded");
        assert!(
            !needs(&cache, STOCK).optional.is_empty(),
            "its symbols are missing"
        );
        let entry = entry(&cache, STOCK, &release);
        entry.get_or_resume(|_| Ok(())).unwrap();
        assert_eq!(needs(&cache, STOCK), Needs::default());
    }

    #[test]
    fn complete_symbols_need_no_packages() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path()).unwrap();
        let entry = cache.entry("facts", "stock-7.2.0", &Key::new());
        let made = entry.get_or_resume(|_| Ok(())).unwrap();
        let needs = Needs::of(&["klp-no-such-package"]);
        let symbols = symbols_in(&entry, &needs, Path::new("/none")).unwrap();
        assert_eq!(symbols, Some(made));
    }
}
