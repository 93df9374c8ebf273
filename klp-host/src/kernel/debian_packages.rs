// SPDX-License-Identifier: GPL-2.0-only

//! Gets the parts of a Debian kernel out of its packages: image, headers, source, modules and debug
//! information. Unpacked parts are cached.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::debian_kernel::DebianKernel;
use super::debian_line::Flavour;
use super::debian_release::{Gone, Release, recorded_release};
use super::overlay;
use super::source::Source;
use crate::apt::{Archive, Deb};
use crate::arch::Arch;
use crate::cache::{Cache, Entry, Key, inherit_locks};
use crate::host::consent::check_online;
use crate::host::process;
use crate::host::progress::Step;
use crate::kernel_image;
use crate::tools::packages;

/// Files from the packages of a stock kernel.
#[derive(Debug)]
pub(super) struct StockFiles {
    pub image: PathBuf,
    pub config: PathBuf,
    pub symvers: PathBuf,
    /// An ELF file with BTF, possibly a symbol table, and no code.
    pub vmlinux: PathBuf,
}

/// Fetches the small packages: image and headers.
pub(super) fn stock_files(archive: &Archive<'_>, release: &Release) -> Result<StockFiles> {
    let image = unpacked(
        archive,
        release,
        &release.image,
        "a few seconds",
        &|deb, to| {
            // In `boot` of older packages, beside the modules in newer ones.
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

/// Returns a file with the type information of the image.
fn types(cache: &Cache, release: &Release, image: &Path) -> Result<PathBuf> {
    let name = format!("types-{}_{}", release.name, release.version);
    let entry = cache.entry("unpacked", &name, &Key::new().with("recipe", "1"));
    let dir = entry.get_or_create(|dir| kernel_image::write_types(image, &dir.join("vmlinux")))?;
    Ok(dir.join("vmlinux"))
}

/// Returns the result of `unpack` on the package with debug information, of more than a gigabyte.
pub(super) fn debug_info(
    archive: &Archive<'_>,
    release: &Release,
    unpack: Unpack<'_>,
) -> Result<PathBuf> {
    let usual = "some ten minutes; more than a gigabyte";
    unpacked(archive, release, &release.debug_info(), usual, unpack)
}

/// As [`debug_info`], only from the cache.
pub(super) fn cached_debug_info(cache: &Cache, kernel: DebianKernel) -> Option<PathBuf> {
    let release = recorded_release(cache, kernel)?;
    let entry = unpacked_entry(cache, &release, &release.debug_info());
    entry.is_ready().then(|| entry.dir().to_owned())
}

/// Returns the result of `unpack` on the package with the modules.
pub(super) fn modules(
    archive: &Archive<'_>,
    release: &Release,
    unpack: Unpack<'_>,
) -> Result<PathBuf> {
    let entry = modules_entry(archive.cache(), release);
    let package = release.modules();
    unpacked_into(&entry, archive, release, &package, "a few seconds", unpack)
}

/// As [`modules`], only from the cache.
pub(super) fn cached_modules(cache: &Cache, kernel: DebianKernel) -> Option<PathBuf> {
    let entry = modules_entry(cache, &recorded_release(cache, kernel)?);
    entry.is_ready().then(|| entry.dir().to_owned())
}

fn modules_entry(cache: &Cache, release: &Release) -> Entry {
    let name = format!("modules-{}_{}", release.name, release.version);
    cache.entry("unpacked", &name, &Key::new().with("recipe", "1"))
}

/// Returns the source tree, fetched first if needed.
pub(super) fn source(
    archive: &Archive<'_>,
    kernel: DebianKernel,
    release: &Release,
) -> Result<Source> {
    let package = release.source();
    packages::ensure(&["tar", "xz-utils"])?;
    // The package contains one archive.
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
        is_local: false,
    })
}

/// Whether the kernel has headers that its source package lacks.
pub(super) fn needs_own_headers(kernel: DebianKernel) -> bool {
    kernel.flavour == Flavour::Rt && kernel.line.has_rt_patch
}

/// Returns the source tree with the kernel's own headers.
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
    // The overlay links to both.
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

/// Returns the cache entry of an unpacked package.
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

/// As [`unpacked`], into this entry.
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
        Ok(())
    })
}

/// Downloads and verifies a package's file.
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
    // A mismatch is an error of the archive; another release would not help.
    let deb = download.verify(archive.cache())?;
    step.done();
    Ok(deb)
}

fn is_vmlinuz(path: &str, release: &str) -> bool {
    path == format!("./boot/vmlinuz-{release}")
        || (path.starts_with("./usr/lib/modules/") || path.starts_with("./lib/modules/"))
            && path.ends_with(&format!("/{release}/vmlinuz"))
}

/// Returns the path of the file in a package that `test` accepts.
fn member(deb: &Path, test: &dyn Fn(&str) -> bool) -> Result<String> {
    members(deb)?
        .lines()
        .find(|path| test(path))
        .map(str::to_owned)
        .with_context(|| format!("no kernel image in {}", deb.display()))
}

/// Lists the paths of all files in a package.
fn members(deb: &Path) -> Result<String> {
    let list = "set -o pipefail; dpkg-deb --fsys-tarfile \"$1\" | tar -t";
    process::output(process::command("bash").args(["-c", list, "bash"]).arg(deb))
}

/// Unpacks files of a package under new names.
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
            .with_context(|| format!("cannot unpack {member} from {}", deb.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
