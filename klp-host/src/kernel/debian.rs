// SPDX-License-Identifier: GPL-2.0-only

//! Debian's kernel packages: which release to take, and getting its parts.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use super::apt::{self, Archive, Deb, OTHERWISE, Package, Suite};
use super::image;
use super::line::Line;
use crate::cache::{Cache, Entry, Key, inherit_locks};
use crate::host::consent::{check_online, is_offline};
use crate::host::files::write_atomic;
use crate::host::needs::Needs;
use crate::host::packages;
use crate::host::process;
use crate::host::progress::{Step, say};

/// A release of Debian's kernel, whose packages are all there in one version.
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

    /// The name of its cache entries, before the kind of kernel is said.
    pub(super) fn label(&self, line: &Line) -> String {
        format!("{}-{}", line.name, self.version)
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

    fn headers(&self) -> String {
        format!("linux-headers-{}", self.name)
    }

    /// The packages that can hold the image. Debian moved it during the series.
    fn images(name: &str) -> [String; 2] {
        ["linux-binary-", "linux-image-"].map(|start| format!("{start}{name}"))
    }

    /// Whether it is like those that are chosen here: it becomes names of files, and arguments.
    fn is_valid(&self, line: &Line) -> bool {
        line.suites.contains(&self.suite.as_str())
            && apt::is_version(&self.version)
            && apt::is_name(&self.name)
            && line.has(&self.name)
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

/// The release that this machine uses: what it already has, or else (or when asked to look
/// again) the newest of the line.
fn release(archive: &Archive<'_>, line: &Line, update: bool) -> Result<Release> {
    let cache = archive.cache();
    let record = record(cache, line);
    if let Some(release) = recorded(&record, line).filter(|_| !update) {
        return Ok(release);
    }
    let _lock = cache.lock("debian-release")?;
    if let Some(release) = recorded(&record, line).filter(|_| !update) {
        return Ok(release);
    }
    let release = look_up(archive, line)?;
    write_atomic(&record, &serde_json::to_string_pretty(&release)?)?;
    Ok(release)
}

/// Does something with the release that this machine uses. When it is gone from the archive, with
/// the current one.
pub(super) fn with_release<T>(
    archive: &Archive<'_>,
    line: &Line,
    update: bool,
    action: impl Fn(&Release) -> Result<T>,
) -> Result<T> {
    let used = release(archive, line, update)?;
    match action(&used) {
        Err(err) if !process::is_interrupted() && err.is::<Gone>() => {
            let newer = release(archive, line, true)?;
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
pub(super) fn recorded_release(cache: &Cache, line: &Line) -> Option<Release> {
    recorded(&record(cache, line), line)
}

fn record(cache: &Cache, line: &Line) -> PathBuf {
    cache.root().join(format!("debian-{}.json", line.series))
}

/// The packages that it takes to fetch a kernel's packages, where this machine has no kernel yet.
/// Without apt there are none: [`Suite::open`] says what to do then.
pub(super) fn needs(cache: &Cache, line: &Line) -> Needs {
    if is_offline()
        || recorded_release(cache, line).is_some()
        || packages::find("apt-get").is_none()
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

/// What is on record. A record that is damaged counts as none: it is made anew.
fn recorded(path: &Path, line: &Line) -> Option<Release> {
    let release: Release = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
    release.is_valid(line).then_some(release)
}

fn look_up(archive: &Archive<'_>, line: &Line) -> Result<Release> {
    let Line { series, suites, .. } = line;
    check_online(&format!("the cache has no kernel {series} of Debian's"))?;
    let step = Step::start(
        &format!("looking for Debian's kernel {series}"),
        "a few seconds",
    );
    archive.prepare()?;
    let mut failed = None;
    for name in *suites {
        let suite = match archive.suite(name, &step) {
            Ok(suite) => suite,
            Err(err) => {
                process::check_interrupted()?;
                // A mirror may lack one suite and have the next.
                say(&format!(
                    "Debian's suite {name} cannot be read; its log: {}",
                    archive.log().display()
                ));
                failed.get_or_insert(err);
                continue;
            }
        };
        if let Some(release) = choose(line, name, &offered(&suite, line)?, is_newer) {
            step.done();
            return Ok(release);
        }
    }
    if let Some(err) = failed {
        return Err(err);
    }
    bail!(
        "Debian's suites {} no longer have all of kernel {series} (source, headers and image \
         in one version): get its source elsewhere, {OTHERWISE}",
        suites.join(", ")
    )
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

/// The newest version with source, headers and an image of the plain amd64 kernel.
fn choose(
    line: &Line,
    suite: &str,
    offered: &[Package],
    is_newer: impl Fn(&str, &str) -> bool,
) -> Option<Release> {
    let has = |name: &str, version: &str| {
        offered
            .iter()
            .any(|package| package.name == name && package.version == version)
    };
    let releases = offered.iter().filter_map(|package| {
        let name = package.name.strip_prefix("linux-headers-")?;
        let version = &package.version;
        if !line.has(name) || !has(&format!("linux-source-{}", line.series), version) {
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
    });
    releases.reduce(|best, next| {
        if is_newer(&next.version, &best.version) {
            next
        } else {
            best
        }
    })
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
            // Old packages have it under boot, new ones beside the modules.
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
    let dir = entry.get_or_create(|dir| image::write_types(image, &dir.join("vmlinux")))?;
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

/// What was made of it, if it was fetched before.
pub(super) fn debug_info_if_there(cache: &Cache, line: &Line) -> Option<PathBuf> {
    let release = recorded_release(cache, line)?;
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

/// What was made of it, if it was fetched before.
pub(super) fn modules_if_there(cache: &Cache, line: &Line) -> Option<PathBuf> {
    let entry = modules_entry(cache, &recorded_release(cache, line)?);
    entry.is_ready().then(|| entry.dir().to_owned())
}

fn modules_entry(cache: &Cache, release: &Release) -> Entry {
    let name = format!("modules-{}_{}", release.name, release.version);
    cache.entry("unpacked", &name, &Key::new().with("recipe", "1"))
}

/// Gets the source tree.
pub(super) fn source(archive: &Archive<'_>, release: &Release) -> Result<PathBuf> {
    packages::ensure(&["tar", "xz-utils"])?;
    unpacked(
        archive,
        release,
        &release.source(),
        "half a minute",
        &|deb, to| {
            // The package holds one archive.
            let script = format!(
                "set -o pipefail; dpkg-deb --fsys-tarfile \"$1\" \
             | tar -xO ./usr/src/{}.tar.xz \
             | xz -dc | tar -x --strip-components=1 -C \"$2\"",
                release.source()
            );
            let mut command = process::command("bash");
            command.args(["-c", &script, "bash"]).arg(deb).arg(to);
            inherit_locks(&mut command);
            process::run(&mut command)
        },
    )
}

/// Fills a folder from a package file.
type Unpack<'a> = &'a (dyn Fn(&Path, &Path) -> Result<()> + Sync);

/// Where that folder is.
fn unpacked_entry(cache: &Cache, release: &Release, package: &str) -> Entry {
    let name = format!("{package}_{}", release.version);
    cache.entry("unpacked", &name, &Key::new().with("recipe", "2"))
}

/// Gives a folder with what is wanted of a package, downloading it first.
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
        // Its file goes: once unpacked it has no more use.
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
    // Not an archive that has moved on, but one that is wrong.
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
    use super::super::line::{DEBIAN_12, STOCK};
    use super::*;

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

    /// Good enough for the versions below.
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
        let release = choose(&STOCK, "forky", &offered, newer).unwrap();
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
        let release = choose(&STOCK, "sid", &offered, newer).unwrap();
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
        let release = choose(&DEBIAN_12, "bookworm", &offered, newer).unwrap();
        assert_eq!(release.name, "6.1.0-47-amd64");
        assert_eq!(release.source(), "linux-source-6.1");
        assert_eq!(release.label(&DEBIAN_12), "debian-12-6.1.170-3");
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
        assert_eq!(choose(&STOCK, "sid", &offered, newer), None);
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
        assert_eq!(recorded(&path, &STOCK), None);
        fs::write(&path, "{").unwrap();
        assert_eq!(recorded(&path, &STOCK), None);
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
            recorded(&path, &STOCK)
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
