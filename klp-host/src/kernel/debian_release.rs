// SPDX-License-Identifier: GPL-2.0-only

//! Chooses the release of a Debian kernel: the recorded one, or the newest in the archive.

use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use serde::{Deserialize, Serialize};

use super::debian_kernel::DebianKernel;
use super::debian_line::Line;
use crate::apt::{self, Archive, OTHERWISE, Package, Suite};
use crate::arch::Arch;
use crate::cache::Cache;
use crate::host::consent::{check_online, is_offline};
use crate::host::files::write_atomic;
use crate::host::process;
use crate::host::programs;
use crate::host::progress::{Step, say};
use crate::tools::needs::Needs;

/// A release of a Debian kernel, with all packages in one version.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Release {
    /// The suite that has it.
    pub suite: String,
    /// The packages' version: `7.2.12-1`.
    pub version: String,
    /// The output of `uname -r`: `7.2.12+deb14-amd64`.
    pub name: String,
    /// The package with `vmlinuz`.
    pub image: String,
}

impl std::fmt::Display for Release {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.version)
    }
}

impl Release {
    pub(super) fn source(&self) -> String {
        format!("linux-source-{}", self.series())
    }

    /// `7.2` of `7.2.12+deb14-amd64`.
    fn series(&self) -> &str {
        let mut dots = self.name.match_indices('.').skip(1);
        dots.next()
            .map_or(&*self.name, |(dot, _)| &self.name[..dot])
    }

    /// Returns the name of its cache entries.
    pub(super) fn label(&self, kernel: DebianKernel) -> String {
        format!("{}-{}", kernel.family(), self.version)
    }

    /// Whether it has this package version or release name.
    fn is(&self, version: &str) -> bool {
        self.version == version || self.name == version
    }

    /// Returns the package with debug information of the kernel and its modules.
    pub(super) fn debug_info(&self) -> String {
        format!("linux-image-{}-dbg", self.name)
    }

    /// Returns the package with the modules. Older releases have them in the package of the image.
    pub(super) fn modules(&self) -> String {
        let [split, whole] = Self::images(&self.name);
        match self.image == split {
            true => format!("linux-modules-{}", self.name),
            false => whole,
        }
    }

    /// Returns the package with the headers that all PREEMPT_RT kernels share.
    pub(super) fn common_rt_headers(&self) -> String {
        let headers = self.headers();
        let end = format!("rt-{}", Arch::DEBIANS.facts().debian);
        let start = headers.strip_suffix(&end).unwrap_or(&headers);
        format!("{start}common-rt")
    }

    pub(super) fn headers(&self) -> String {
        format!("linux-headers-{}", self.name)
    }

    /// Returns the packages that can contain the image. Debian moved it during the series.
    fn images(name: &str) -> [String; 2] {
        ["linux-binary-", "linux-image-"].map(|start| format!("{start}{name}"))
    }

    /// Whether it is well-formed: its parts are used in file names and arguments.
    fn is_valid(&self, kernel: DebianKernel) -> bool {
        kernel.line.is_in(&self.suite)
            && apt::is_version(&self.version)
            && apt::is_name(&self.name)
            && kernel.line.flavour_of(&self.name) == Some(kernel.flavour)
            && kernel.version.is_none_or(|version| self.is(version))
            && Self::images(&self.name).contains(&self.image)
    }
}

/// A package of the release is not in the archive, which may have a newer release by now.
#[derive(Clone, Debug)]
pub(super) struct Gone {
    pub package: String,
}

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "cannot download {}: check the network, {OTHERWISE}",
            self.package
        )
    }
}

/// Returns the recorded release of this machine, or (if there is none, or when updating)
/// the newest of the line.
fn release(archive: &Archive<'_>, kernel: DebianKernel, update: bool) -> Result<Release> {
    let cache = archive.cache();
    let record = record(cache, kernel);
    if let Some(release) = recorded(&record, kernel).filter(|_| !update) {
        return Ok(release);
    }
    let _lock = cache.lock("debian-release")?;
    if let Some(release) = recorded(&record, kernel).filter(|_| !update) {
        return Ok(release);
    }
    let release = look_up(archive, kernel)?;
    write_atomic(&record, &serde_json::to_string_pretty(&release)?)?;
    Ok(release)
}

/// Calls `action` with the recorded release, and if the archive no longer has that, with
/// the current one.
pub(super) fn with_release<T>(
    archive: &Archive<'_>,
    kernel: DebianKernel,
    update: bool,
    action: impl Fn(&Release) -> Result<T>,
) -> Result<T> {
    let used = release(archive, kernel, update)?;
    match action(&used) {
        Err(err) if !process::is_interrupted() && err.is::<Gone>() => {
            let newer = release(archive, kernel, true)?;
            if newer == used {
                return Err(err);
            }
            say(&format!("Debian no longer has {used}; using {newer}"));
            action(&newer)
        }
        result => result,
    }
}

/// Returns the recorded release of this machine.
pub(super) fn recorded_release(cache: &Cache, kernel: DebianKernel) -> Option<Release> {
    recorded(&record(cache, kernel), kernel)
}

fn record(cache: &Cache, kernel: DebianKernel) -> PathBuf {
    cache
        .root()
        .join(format!("release-{}.json", kernel.label()))
}

/// Returns the host packages for fetching a kernel, if none is recorded yet. None without apt, which is
/// reported when fetching.
pub(super) fn needs(cache: &Cache, kernel: DebianKernel) -> Needs {
    if is_offline()
        || recorded_release(cache, kernel).is_some()
        || programs::find("apt-get").is_none()
    {
        return Needs::default();
    }
    Needs::of(&[
        "bash",
        "binutils",
        "debian-archive-keyring",
        "tar",
        "xz-utils",
    ])
}

/// Reads a record. Returns `None` for a damaged one.
fn recorded(path: &Path, kernel: DebianKernel) -> Option<Release> {
    let release: Release = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
    release.is_valid(kernel).then_some(release)
}

fn look_up(archive: &Archive<'_>, kernel: DebianKernel) -> Result<Release> {
    check_online(&format!("the cache does not have Debian's kernel {kernel}"))?;
    let step = Step::start(
        &format!("looking for Debian's kernel {kernel}"),
        "a few seconds",
    );
    archive.prepare()?;
    let mut search = Search::default();
    for group in kernel.line.suites {
        for name in *group {
            search.add_suite(archive, kernel, name, &step)?;
        }
        if let Some(release) = choose(kernel, &search.releases, is_newer) {
            step.done();
            return Ok(release);
        }
    }
    Err(search.failure(kernel, is_newer))
}

/// The releases found in the archive.
#[derive(Default)]
struct Search {
    /// All releases of the flavour.
    releases: Vec<Release>,
    /// The first suite that could not be read.
    failed: Option<anyhow::Error>,
}

impl Search {
    fn add_suite(
        &mut self,
        archive: &Archive<'_>,
        kernel: DebianKernel,
        name: &str,
        step: &Step,
    ) -> Result<()> {
        match archive.suite(name, step) {
            Ok(suite) => {
                let offered = offered(&suite, kernel.line)?;
                self.releases.extend(complete(kernel, name, &offered));
            }
            Err(error) => {
                process::check_interrupted()?;
                // A mirror may lack one suite and have the next.
                say(&format!(
                    "Debian's suite {name} cannot be read; its log: {}",
                    archive.log().display()
                ));
                self.failed.get_or_insert(error);
            }
        }
        Ok(())
    }

    /// Returns the error if no release was found.
    fn failure(self, kernel: DebianKernel, is_newer: impl Fn(&str, &str) -> bool) -> anyhow::Error {
        let Line { name, series, .. } = kernel.line;
        if let Some(error) = self.failed {
            return error;
        }
        let suites = kernel.line.suites.concat().join(", ");
        match kernel.version.filter(|_| !self.releases.is_empty()) {
            Some(version) => anyhow!(
                "Debian's suites {suites} have no {name} of version {version}: use one of {}",
                names(self.releases, is_newer)
            ),
            None => anyhow!(
                "Debian's suites {suites} no longer have all of kernel {series} (source, headers and \
                 image in one version): get its source elsewhere, {OTHERWISE}"
            ),
        }
    }
}

/// Lists versions and release names, the newest first.
fn names(mut releases: Vec<Release>, is_newer: impl Fn(&str, &str) -> bool) -> String {
    releases.sort_by(|a, b| match a.version == b.version {
        true => Ordering::Equal,
        false if is_newer(&a.version, &b.version) => Ordering::Less,
        false => Ordering::Greater,
    });
    let mut names: Vec<String> = Vec::new();
    for release in releases {
        let name = format!("{} ({})", release.version, release.name);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(", ")
}

/// Returns the source, headers and image packages of the series.
fn offered(suite: &Suite, line: &Line) -> Result<Vec<Package>> {
    let mut names = Vec::new();
    for kind in ["source", "headers", "binary", "image"] {
        names.extend(suite.names(&format!("linux-{kind}-{}", line.series))?);
    }
    names.retain(|name| !name.ends_with("-dbg"));
    suite.packages(&names)
}

/// Returns the releases of the flavour with source, headers and an image.
fn complete(kernel: DebianKernel, suite: &str, offered: &[Package]) -> Vec<Release> {
    let line = kernel.line;
    let has = |name: &str, version: &str| {
        offered
            .iter()
            .any(|package| package.name == name && package.version == version)
    };
    let release = |package: &Package| {
        let name = package.name.strip_prefix("linux-headers-")?;
        let version = &package.version;
        if line.flavour_of(name) != Some(kernel.flavour)
            || !has(&format!("linux-source-{}", line.series), version)
        {
            return None;
        }
        let image = Release::images(name)
            .into_iter()
            .find(|image| has(image, version))?;
        Some(Release {
            suite: suite.to_owned(),
            version: version.clone(),
            name: name.to_owned(),
            image,
        })
    };
    offered.iter().filter_map(release).collect()
}

/// Returns the newest release, or the one of the requested version.
fn choose(
    kernel: DebianKernel,
    releases: &[Release],
    is_newer: impl Fn(&str, &str) -> bool,
) -> Option<Release> {
    let candidates = releases
        .iter()
        .filter(|release| kernel.version.is_none_or(|version| release.is(version)));
    candidates
        .reduce(|best, next| match is_newer(&next.version, &best.version) {
            true => next,
            false => best,
        })
        .cloned()
}

/// Whether `a` is newer than `b`, by Debian's order.
fn is_newer(a: &str, b: &str) -> bool {
    process::output(process::command("dpkg").args(["--compare-versions", a, "gt", b])).is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::debian_line;
    use super::*;

    const STOCK: DebianKernel = DebianKernel::plain(&debian_line::STOCK);
    const DEBIAN_12: DebianKernel = DebianKernel::plain(&debian_line::DEBIAN_12);

    fn packages(list: &[(&str, &str)]) -> Vec<Package> {
        let package = |(name, version): &(&str, &str)| Package {
            name: (*name).to_owned(),
            version: (*version).to_owned(),
            architecture: "amd64".to_owned(),
            size: 0,
            sha256: String::new(),
        };
        list.iter().map(package).collect()
    }

    /// Sufficient for the versions below.
    fn newer(a: &str, b: &str) -> bool {
        a > b
    }

    #[test]
    fn the_newest_complete_version_is_chosen() {
        let offered = packages(&[
            ("linux-source-7.2", "7.2.12-1"),
            ("linux-source-7.2", "7.2.13-1"),
            ("linux-source-7.2", "7.2.14-1"),
            ("linux-headers-7.2.12+deb14-amd64", "7.2.12-1"),
            ("linux-binary-7.2.12+deb14-amd64", "7.2.12-1"),
            ("linux-headers-7.2.13+deb14-amd64", "7.2.13-1"),
            ("linux-binary-7.2.13+deb14-amd64", "7.2.13-1"),
            // Its image is not published yet.
            ("linux-headers-7.2.14+deb14-amd64", "7.2.14-1"),
            ("linux-binary-7.2.14+deb14-amd64", "7.2.14~rc1-1"),
        ]);
        let release = choose(STOCK, &complete(STOCK, "forky", &offered), newer).unwrap();
        assert_eq!(release.name, "7.2.13+deb14-amd64");
        assert_eq!(release.image, "linux-binary-7.2.13+deb14-amd64");
        assert_eq!(release.version, "7.2.13-1");
    }

    #[test]
    fn older_image_packages_are_used() {
        let offered = packages(&[
            ("linux-source-7.2", "7.2.6-1"),
            ("linux-headers-7.2.6+deb13-amd64", "7.2.6-1"),
            ("linux-image-7.2.6+deb13-amd64", "7.2.6-1"),
        ]);
        let release = choose(STOCK, &complete(STOCK, "sid", &offered), newer).unwrap();
        assert_eq!(release.image, "linux-image-7.2.6+deb13-amd64");
    }

    #[test]
    fn older_release_names_are_accepted() {
        let offered = packages(&[
            ("linux-source-6.1", "6.1.170-3"),
            ("linux-headers-6.1.0-47-amd64", "6.1.170-3"),
            ("linux-image-6.1.0-47-amd64", "6.1.170-3"),
            ("linux-headers-6.1.0-47-cloud-amd64", "6.1.170-3"),
            ("linux-image-6.1.0-47-cloud-amd64", "6.1.170-3"),
        ]);
        let release = choose(DEBIAN_12, &complete(DEBIAN_12, "bookworm", &offered), newer).unwrap();
        assert_eq!(release.name, "6.1.0-47-amd64");
        assert_eq!(release.source(), "linux-source-6.1");
        assert_eq!(release.label(DEBIAN_12), "debian-12-6.1.170-3");
    }

    #[test]
    fn other_flavours_and_versions_are_ignored() {
        let offered = packages(&[
            ("linux-source-7.2", "7.2.6-1"),
            ("linux-headers-7.2.6+deb13-rt-amd64", "7.2.6-1"),
            ("linux-binary-7.2.6+deb13-rt-amd64", "7.2.6-1"),
            ("linux-headers-7.2.6+deb13-amd64", "7.2.6-2"),
            ("linux-binary-7.2.6+deb13-amd64", "7.2.6-2"),
        ]);
        assert_eq!(complete(STOCK, "sid", &offered), []);
        let rt: DebianKernel = "stock/rt".parse().unwrap();
        let found = complete(rt, "sid", &offered);
        assert_eq!(found[0].name, "7.2.6+deb13-rt-amd64");
        assert_eq!(found[0].label(rt), "stock-rt-7.2.6-1");
        assert_eq!(found.len(), 1);
    }

    /// A release of Debian 13's kernel.
    fn release(suite: &str, version: &str) -> Release {
        let name = format!("{}+deb13-amd64", version.strip_suffix("-1").unwrap());
        Release {
            suite: suite.to_owned(),
            version: version.to_owned(),
            image: format!("linux-image-{name}"),
            name,
        }
    }

    #[test]
    fn the_newest_of_the_security_suite_and_the_release_is_chosen() {
        let kernel: DebianKernel = "debian-13".parse().unwrap();
        for releases in [
            [("trixie-security", "6.12.118-1"), ("trixie", "6.12.117-1")],
            [("trixie-security", "6.12.117-1"), ("trixie", "6.12.118-1")],
        ] {
            let releases = releases.map(|(suite, version)| release(suite, version));
            let chosen = choose(kernel, &releases, newer).unwrap();
            assert_eq!(chosen.version, "6.12.118-1");
            assert!(chosen.is_valid(kernel));
        }
    }

    #[test]
    fn a_requested_version_is_used_or_the_available_ones_are_listed() {
        let kernel =
            |version: &str| -> DebianKernel { format!("debian-13/{version}").parse().unwrap() };
        let search = Search {
            releases: vec![
                release("trixie-security", "6.12.107-1"),
                release("trixie-security", "6.12.118-1"),
                release("trixie", "6.12.107-1"),
            ],
            failed: None,
        };
        for version in ["6.12.107-1", "6.12.107+deb13-amd64"] {
            let chosen = choose(kernel(version), &search.releases, newer).unwrap();
            assert_eq!(chosen.version, "6.12.107-1");
            assert!(!release("trixie", "6.12.118-1").is_valid(kernel(version)));
        }
        let gone = kernel("6.12.90-1");
        assert_eq!(choose(gone, &search.releases, newer), None);
        assert_eq!(
            search.failure(gone, newer).to_string(),
            "Debian's suites trixie-security, trixie have no debian-13 of version 6.12.90-1: use one of \
             6.12.118-1 (6.12.118+deb13-amd64), 6.12.107-1 (6.12.107+deb13-amd64)"
        );
    }

    #[test]
    fn a_damaged_record_is_ignored() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record");
        assert_eq!(recorded(&path, STOCK), None);
        fs::write(&path, "{").unwrap();
        assert_eq!(recorded(&path, STOCK), None);
    }

    #[test]
    fn invalid_names_in_a_record_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record");
        let good = Release {
            suite: "forky".to_owned(),
            version: "7.2.12-1".to_owned(),
            name: "7.2.12+deb14-amd64".to_owned(),
            image: "linux-binary-7.2.12+deb14-amd64".to_owned(),
        };
        let record = |release: &Release| {
            fs::write(&path, serde_json::to_string(release).unwrap()).unwrap();
            recorded(&path, STOCK)
        };
        assert_eq!(record(&good), Some(good.clone()));
        let bad: [fn(&mut Release); 7] = [
            |release| release.suite = "../../x".to_owned(),
            |release| release.suite = "stable".to_owned(),
            |release| release.version = "7/../../x".to_owned(),
            |release| release.version = "-o=x".to_owned(),
            |release| release.name = "../x-amd64".to_owned(),
            |release| release.name = "7.2.12 x-amd64".to_owned(),
            |release| release.image = "bash".to_owned(),
        ];
        for change in bad {
            let mut release = good.clone();
            change(&mut release);
            assert_eq!(record(&release), None, "{release:?}");
        }
    }
}
