// SPDX-License-Identifier: GPL-2.0-only

//! Debian's kernel packages: which release to take, and getting its parts.

use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use serde::{Deserialize, Serialize};

use super::debian_kernel::DebianKernel;
use super::debian_line::{Flavour, Line};
use super::overlay;
use super::source::Source;
use crate::apt::{self, Archive, Deb, OTHERWISE, Package, Suite};
use crate::arch::Arch;
use crate::cache::{Cache, Entry, Key, inherit_locks};
use crate::host::consent::{check_online, is_offline};
use crate::host::files::write_atomic;
use crate::host::process;
use crate::host::programs;
use crate::host::progress::{Step, say};
use crate::kernel_image;
use crate::tools::needs::Needs;
use crate::tools::packages;

/// A release of a Debian kernel, with all packages in one version.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Release {
    /// The suite that has it.
    pub suite: String,
    /// The packages' version: `7.2.12-1`.
    pub version: String,
    /// What `uname -r` says: `7.2.12+deb14-amd64`.
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
    fn source(&self) -> String {
        format!("linux-source-{}", self.series())
    }

    /// `7.2` of `7.2.12+deb14-amd64`.
    fn series(&self) -> &str {
        let mut dots = self.name.match_indices('.').skip(1);
        dots.next()
            .map_or(&*self.name, |(dot, _)| &self.name[..dot])
    }

    /// The name of its cache entries, without the kind of kernel.
    pub(super) fn label(&self, kernel: DebianKernel) -> String {
        format!("{}-{}", kernel.family(), self.version)
    }

    /// Whether it is this version.
    fn is(&self, version: &str) -> bool {
        self.version == version || self.name == version
    }

    /// The package with the debug information of all that the kernel runs.
    fn debug_info(&self) -> String {
        format!("linux-image-{}-dbg", self.name)
    }

    /// The package with the modules. Where it is that of the image, the image is older than this split.
    fn modules(&self) -> String {
        let [split, whole] = Self::images(&self.name);
        match self.image == split {
            true => format!("linux-modules-{}", self.name),
            false => whole,
        }
    }

    /// The package with the headers that all kernels with PREEMPT_RT share.
    fn common_rt_headers(&self) -> String {
        let headers = self.headers();
        let end = format!("rt-{}", Arch::DEBIANS.facts().debian);
        let start = headers.strip_suffix(&end).unwrap_or(&headers);
        format!("{start}common-rt")
    }

    fn headers(&self) -> String {
        format!("linux-headers-{}", self.name)
    }

    /// The packages that can hold the image. Debian moved it during the series.
    fn images(name: &str) -> [String; 2] {
        ["linux-binary-", "linux-image-"].map(|start| format!("{start}{name}"))
    }

    /// Whether it is well-formed: it becomes part of file names and arguments.
    fn is_valid(&self, kernel: DebianKernel) -> bool {
        kernel.line.is_in(&self.suite)
            && apt::is_version(&self.version)
            && apt::is_name(&self.name)
            && kernel.line.flavour_of(&self.name) == Some(kernel.flavour)
            && kernel.version.is_none_or(|version| self.is(version))
            && Self::images(&self.name).contains(&self.image)
    }
}

/// The archive does not give a package of this release: it may have moved on.
#[derive(Clone, Debug)]
struct Gone {
    package: String,
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

/// The release in use on this machine: the recorded one, or (if there is none, or when updating)
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

/// Calls a function with the release in use. If that is gone from the archive, with
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
            say(&format!("Debian no longer has {used}: taking {newer}"));
            action(&newer)
        }
        result => result,
    }
}

/// The release that this machine uses, if it has one.
pub(super) fn recorded_release(cache: &Cache, kernel: DebianKernel) -> Option<Release> {
    recorded(&record(cache, kernel), kernel)
}

fn record(cache: &Cache, kernel: DebianKernel) -> PathBuf {
    cache
        .root()
        .join(format!("release-{}.json", kernel.label()))
}

/// The packages for fetching a kernel's packages, if this machine has no kernel yet.
/// Without apt there are none: [`Suite::open`] reports that.
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

/// The recorded release. A damaged record counts as none.
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
    let mut seen = Seen::default();
    for group in kernel.line.suites {
        for name in *group {
            seen.look_into(archive, kernel, name, &step)?;
        }
        if let Some(release) = choose(kernel, &seen.releases, is_newer) {
            step.done();
            return Ok(release);
        }
    }
    Err(seen.failure(kernel, is_newer))
}

/// The releases found in the archive.
#[derive(Default)]
struct Seen {
    /// All releases of the flavour.
    releases: Vec<Release>,
    /// The first suite that could not be read.
    failed: Option<anyhow::Error>,
}

impl Seen {
    fn look_into(
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

    /// Why there is none.
    fn failure(self, kernel: DebianKernel, is_newer: impl Fn(&str, &str) -> bool) -> anyhow::Error {
        let Line { name, series, .. } = kernel.line;
        if let Some(error) = self.failed {
            return error;
        }
        let suites = kernel.line.suites.concat().join(", ");
        match kernel.version.filter(|_| !self.releases.is_empty()) {
            Some(version) => anyhow!(
                "Debian's suites {suites} have no {name} of version {version}: take one of {}",
                names(self.releases, is_newer)
            ),
            None => anyhow!(
                "Debian's suites {suites} no longer have all of kernel {series} (source, headers and \
                 image in one version): get its source elsewhere, {OTHERWISE}"
            ),
        }
    }
}

/// Their versions, the newest first, each with what `uname -r` prints.
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

/// All packages of the series that matter.
fn offered(suite: &Suite, line: &Line) -> Result<Vec<Package>> {
    let mut names = Vec::new();
    for kind in ["source", "headers", "binary", "image"] {
        names.extend(suite.names(&format!("linux-{kind}-{}", line.series))?);
    }
    names.retain(|name| !name.ends_with("-dbg"));
    suite.packages(&names)
}

/// The releases of the flavour with source, headers and an image.
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

/// The newest of these releases, or that of the requested version.
fn choose(
    kernel: DebianKernel,
    releases: &[Release],
    is_newer: impl Fn(&str, &str) -> bool,
) -> Option<Release> {
    let wanted = releases
        .iter()
        .filter(|release| kernel.version.is_none_or(|version| release.is(version)));
    wanted
        .reduce(|best, next| match is_newer(&next.version, &best.version) {
            true => next,
            false => best,
        })
        .cloned()
}

/// Compares versions as Debian does.
fn is_newer(a: &str, b: &str) -> bool {
    process::output(process::command("dpkg").args(["--compare-versions", a, "gt", b])).is_ok()
}

/// Files out of the packages of a stock kernel.
#[derive(Debug)]
pub(super) struct StockFiles {
    pub image: PathBuf,
    pub config: PathBuf,
    pub symvers: PathBuf,
    /// Holds the BTF, perhaps a symbol table, and no code.
    pub vmlinux: PathBuf,
}

/// Gets the small packages: image and headers.
pub(super) fn stock_files(archive: &Archive<'_>, release: &Release) -> Result<StockFiles> {
    let image = unpacked(
        archive,
        release,
        &release.image,
        "a few seconds",
        &|deb, to| {
            // Old packages have it in boot, new ones beside the modules.
            let file = member(deb, &|path| is_vmlinuz(path, &release.name))?;
            unpack_members(deb, &[(&file, "vmlinuz")], to)
        },
    )?;
    let headers = unpacked(
        archive,
        release,
        &release.headers(),
        "a few seconds",
        &|deb, to| {
            let top = format!("./usr/src/{}/", release.headers());
            let from = ["config", "Module.symvers", "vmlinux"].map(|name| {
                let dot = if name == "config" { "." } else { "" };
                (format!("{top}{dot}{name}"), name)
            });
            let there = members(deb)?;
            let from: Vec<_> = from
                .iter()
                // Old packages have no vmlinux.
                .filter(|(path, name)| *name != "vmlinux" || there.lines().any(|it| it == path))
                .map(|(path, name)| (path.as_str(), *name))
                .collect();
            unpack_members(deb, &from, to)
        },
    )?;
    let image = image.join("vmlinuz");
    let vmlinux = headers.join("vmlinux");
    Ok(StockFiles {
        vmlinux: match vmlinux.is_file() {
            true => vmlinux,
            false => types(archive.cache(), release, &image)?,
        },
        image,
        config: headers.join("config"),
        symvers: headers.join("Module.symvers"),
    })
}

/// The type information in the image.
fn types(cache: &Cache, release: &Release, image: &Path) -> Result<PathBuf> {
    let name = format!("types-{}_{}", release.name, release.version);
    let entry = cache.entry("unpacked", &name, &Key::new().with("recipe", "1"));
    let dir = entry.get_or_create(|dir| kernel_image::write_types(image, &dir.join("vmlinux")))?;
    Ok(dir.join("vmlinux"))
}

/// Gets what `unpack` makes of the package with the debug information: more than a gigabyte.
pub(super) fn debug_info(
    archive: &Archive<'_>,
    release: &Release,
    unpack: Unpack<'_>,
) -> Result<PathBuf> {
    let usual = "some ten minutes; more than a gigabyte";
    unpacked(archive, release, &release.debug_info(), usual, unpack)
}

/// The indices, if they were made before.
pub(super) fn debug_info_if_there(cache: &Cache, kernel: DebianKernel) -> Option<PathBuf> {
    let release = recorded_release(cache, kernel)?;
    let entry = unpacked_entry(cache, &release, &release.debug_info());
    entry.is_ready().then(|| entry.dir().to_owned())
}

/// Gets what `unpack` makes of the package with the modules.
pub(super) fn modules(
    archive: &Archive<'_>,
    release: &Release,
    unpack: Unpack<'_>,
) -> Result<PathBuf> {
    let entry = modules_entry(archive.cache(), release);
    let package = release.modules();
    unpacked_into(&entry, archive, release, &package, "a few seconds", unpack)
}

/// The modules, if they were fetched before.
pub(super) fn modules_if_there(cache: &Cache, kernel: DebianKernel) -> Option<PathBuf> {
    let entry = modules_entry(cache, &recorded_release(cache, kernel)?);
    entry.is_ready().then(|| entry.dir().to_owned())
}

fn modules_entry(cache: &Cache, release: &Release) -> Entry {
    let name = format!("modules-{}_{}", release.name, release.version);
    cache.entry("unpacked", &name, &Key::new().with("recipe", "1"))
}

/// Gets the source tree.
pub(super) fn source(
    archive: &Archive<'_>,
    kernel: DebianKernel,
    release: &Release,
) -> Result<Source> {
    let package = release.source();
    packages::ensure(&["tar", "xz-utils"])?;
    // The package holds one archive.
    let script = format!(
        "set -o pipefail; dpkg-deb --fsys-tarfile \"$1\" \
         | tar -xO ./usr/src/{package}.tar.xz \
         | xz -dc | tar -x --strip-components=1 -C \"$2\""
    );
    let unpack = |deb: &Path, to: &Path| run_script(&script, deb, to);
    let plain = unpacked(archive, release, &package, "half a minute", &unpack)?;
    Ok(Source {
        dir: match needs_own_headers(kernel) {
            true => with_own_headers(archive, release, &plain)?,
            false => plain,
        },
        version: release.version.clone(),
        is_users: false,
    })
}

/// Whether the kernel has headers that its source package lacks.
pub(super) fn needs_own_headers(kernel: DebianKernel) -> bool {
    kernel.flavour == Flavour::Rt && kernel.line.has_rt_patch
}

/// The source tree with the kernel's own headers.
fn with_own_headers(archive: &Archive<'_>, release: &Release, plain: &Path) -> Result<PathBuf> {
    let package = release.common_rt_headers();
    let script = format!(
        "set -o pipefail; dpkg-deb --fsys-tarfile \"$1\" \
         | tar -x --strip-components=4 -C \"$2\" \
         ./usr/src/{package}/include ./usr/src/{package}/arch/{}/include",
        Arch::DEBIANS
    );
    let unpack = |deb: &Path, to: &Path| run_script(&script, deb, to);
    let headers = unpacked(archive, release, &package, "a few seconds", &unpack)?;
    let name = format!("{}-rt_{}", release.source(), release.version);
    // It is links to both.
    let key = Key::new()
        .with("recipe", "1")
        .with("source", plain.as_os_str().as_encoded_bytes())
        .with("headers", headers.as_os_str().as_encoded_bytes());
    let entry = archive.cache().entry("unpacked", &name, &key);
    let dir = entry
        .get_or_create(|dir| overlay::create_with_headers(&dir.join("source"), plain, &headers))?;
    Ok(dir.join("source"))
}

fn run_script(script: &str, deb: &Path, to: &Path) -> Result<()> {
    let mut command = process::command("bash");
    command.args(["-c", script, "bash"]).arg(deb).arg(to);
    inherit_locks(&mut command);
    process::run(&mut command)
}

/// Fills a folder from a package file.
type Unpack<'a> = &'a (dyn Fn(&Path, &Path) -> Result<()> + Sync);

/// Where that folder is.
fn unpacked_entry(cache: &Cache, release: &Release, package: &str) -> Entry {
    let name = format!("{package}_{}", release.version);
    cache.entry("unpacked", &name, &Key::new().with("recipe", "2"))
}

/// Returns a folder with the selected files of a package, downloaded first if needed.
fn unpacked(
    archive: &Archive<'_>,
    release: &Release,
    package: &str,
    usual: &str,
    unpack: Unpack<'_>,
) -> Result<PathBuf> {
    let entry = unpacked_entry(archive.cache(), release, package);
    unpacked_into(&entry, archive, release, package, usual, unpack)
}

/// The same for an entry of another name.
fn unpacked_into(
    entry: &Entry,
    archive: &Archive<'_>,
    release: &Release,
    package: &str,
    usual: &str,
    unpack: Unpack<'_>,
) -> Result<PathBuf> {
    entry.get_or_create(|to| {
        let deb = downloaded(archive, release, package, usual)?;
        let step = Step::start(&format!("unpacking {package} {}", release.version), usual);
        unpack(deb.path(), to)?;
        deb.record(to)?;
        step.done();
        // The file is not needed after unpacking.
        Ok(())
    })
}

/// Gives the package's file, verified.
fn downloaded(archive: &Archive<'_>, release: &Release, name: &str, usual: &str) -> Result<Deb> {
    let version = &release.version;
    check_online(&format!("the cache has no {name} {version}"))?;
    let gone = || Gone {
        package: format!("{name} {version}"),
    };
    let step = Step::start(&format!("downloading {name} {version}"), usual);
    let suite = archive.suite(&release.suite, &step)?;
    let offered = suite.packages(&[name.to_owned()]).with_context(gone)?;
    let package = offered
        .iter()
        .find(|package| package.name == name && package.version == *version)
        .with_context(|| format!("Debian's suite {} has no such package", release.suite))
        .with_context(gone)?;
    let download = suite.download(package, &step).with_context(gone)?;
    // A mismatch here means a wrong archive, not an updated one.
    let deb = download.verify(archive.cache())?;
    step.done();
    Ok(deb)
}

fn is_vmlinuz(path: &str, release: &str) -> bool {
    path == format!("./boot/vmlinuz-{release}")
        || (path.starts_with("./usr/lib/modules/") || path.starts_with("./lib/modules/"))
            && path.ends_with(&format!("/{release}/vmlinuz"))
}

/// The path of the file in a package that the test accepts.
fn member(deb: &Path, test: &dyn Fn(&str) -> bool) -> Result<String> {
    members(deb)?
        .lines()
        .find(|path| test(path))
        .map(str::to_owned)
        .with_context(|| format!("no kernel image in {}", deb.display()))
}

/// The paths of all files in a package.
fn members(deb: &Path) -> Result<String> {
    let list = "set -o pipefail; dpkg-deb --fsys-tarfile \"$1\" | tar -t";
    process::output(process::command("bash").args(["-c", list, "bash"]).arg(deb))
}

/// Unpacks files of a package under other names.
fn unpack_members(deb: &Path, members: &[(&str, &str)], to: &Path) -> Result<()> {
    let script = "set -o pipefail; dpkg-deb --fsys-tarfile \"$1\" | tar -xO \"$2\" > \"$3\"";
    for (member, name) in members {
        let mut command = process::command("bash");
        command
            .args(["-c", script, "bash"])
            .arg(deb)
            .arg(member)
            .arg(to.join(name));
        process::output(&mut command)
            .with_context(|| format!("cannot take {member} out of {}", deb.display()))?;
    }
    Ok(())
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
            // Its image is not there yet.
            ("linux-headers-7.2.14+deb14-amd64", "7.2.14-1"),
            ("linux-binary-7.2.14+deb14-amd64", "7.2.14~rc1-1"),
        ]);
        let release = choose(STOCK, &complete(STOCK, "forky", &offered), newer).unwrap();
        assert_eq!(release.name, "7.2.13+deb14-amd64");
        assert_eq!(release.image, "linux-binary-7.2.13+deb14-amd64");
        assert_eq!(release.version, "7.2.13-1");
    }

    #[test]
    fn an_older_image_package_serves_too() {
        let offered = packages(&[
            ("linux-source-7.2", "7.2.6-1"),
            ("linux-headers-7.2.6+deb13-amd64", "7.2.6-1"),
            ("linux-image-7.2.6+deb13-amd64", "7.2.6-1"),
        ]);
        let release = choose(STOCK, &complete(STOCK, "sid", &offered), newer).unwrap();
        assert_eq!(release.image, "linux-image-7.2.6+deb13-amd64");
    }

    #[test]
    fn names_of_old_are_taken() {
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
    fn other_flavours_and_other_versions_do_not_count() {
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
    fn a_version_that_is_wanted_is_taken_or_the_others_are_named() {
        let kernel =
            |version: &str| -> DebianKernel { format!("debian-13/{version}").parse().unwrap() };
        let seen = Seen {
            releases: vec![
                release("trixie-security", "6.12.107-1"),
                release("trixie-security", "6.12.118-1"),
                release("trixie", "6.12.107-1"),
            ],
            failed: None,
        };
        for version in ["6.12.107-1", "6.12.107+deb13-amd64"] {
            let chosen = choose(kernel(version), &seen.releases, newer).unwrap();
            assert_eq!(chosen.version, "6.12.107-1");
            assert!(!release("trixie", "6.12.118-1").is_valid(kernel(version)));
        }
        let gone = kernel("6.12.90-1");
        assert_eq!(choose(gone, &seen.releases, newer), None);
        assert_eq!(
            seen.failure(gone, newer).to_string(),
            "Debian's suites trixie-security, trixie have no debian-13 of version 6.12.90-1: take one of \
             6.12.118-1 (6.12.118+deb13-amd64), 6.12.107-1 (6.12.107+deb13-amd64)"
        );
    }

    #[test]
    fn images_are_found_in_old_and_new_places() {
        let release = "7.2.6+deb13-amd64";
        assert!(is_vmlinuz("./boot/vmlinuz-7.2.6+deb13-amd64", release));
        assert!(is_vmlinuz(
            "./usr/lib/modules/7.2.6+deb13-amd64/vmlinuz",
            release
        ));
        assert!(!is_vmlinuz(
            "./usr/lib/modules/7.2.7+deb13-amd64/vmlinuz",
            release
        ));
    }

    #[test]
    fn a_damaged_record_counts_as_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record");
        assert_eq!(recorded(&path, STOCK), None);
        fs::write(&path, "{").unwrap();
        assert_eq!(recorded(&path, STOCK), None);
    }

    #[test]
    fn a_record_holds_nothing_but_names() {
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
