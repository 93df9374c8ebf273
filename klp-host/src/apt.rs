// SPDX-License-Identifier: GPL-2.0-only

//! Downloads packages from any suite of Debian's archive, independently of the system's package sources.
//! By default, it uses the system's mirror.
//!
//! The trust anchor is `debian-archive-keyring`: apt verifies the signature of a suite's `InRelease`
//! file with its keys, and the package lists with the hashes in that file. Each run that needs the
//! lists fetches and verifies them in a private folder, so they are neither outdated nor modified.
//! [`deb`] verifies package files against the lists.

mod config;
mod deb;
pub(crate) mod mirror;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail, ensure};

use crate::arch::Arch;
use crate::cache::{Cache, DOWNLOADS, Scratch, remove_leftovers};
use crate::host::consent::check_online;
use crate::host::progress::{Step, say};
use crate::host::{files, process, programs};
use crate::tools::packages;
use config::{Dates, Host};
pub(crate) use deb::{Deb, Download, Package};
pub(crate) use mirror::OTHERWISE;

/// Debian's keys, from the package `debian-archive-keyring`.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The working folder of root's apt: its sandbox user has access neither to root's home nor to a private cache.
const SANDBOX_PARENT: &str = "/var/tmp";

/// The name prefix of apt's folders.
const PREFIX: &str = "klp-apt-";

/// The name suffix of suites with security updates.
const SECURITY: &str = "-security";

/// Debian's archive, with the suites that this run has fetched.
#[derive(Debug)]
pub(crate) struct Archive<'a> {
    cache: &'a Cache,
    origin: Mutex<Option<Arc<Origin>>>,
    suites: Mutex<BTreeMap<(Arch, String), Arc<Suite>>>,
}

/// An archive of packages, with its keys.
#[derive(Clone, Debug)]
struct Origin {
    mirror: String,
    keyring: PathBuf,
    host: Host,
}

impl Origin {
    fn debian() -> Result<Self> {
        if programs::find("apt-get").is_none() {
            bail!(
                "this system has no apt to fetch Debian's kernel with: use a Debian machine, {OTHERWISE}"
            );
        }
        packages::ensure(&["debian-archive-keyring"])?;
        Ok(Self {
            mirror: mirror::choose()?,
            keyring: PathBuf::from(KEYRING),
            host: Host::read()?,
        })
    }
}

impl Origin {
    /// Returns the archive of this suite: security updates have their own.
    fn of_suite(self: Arc<Self>, name: &str) -> Result<Arc<Self>> {
        if !name.ends_with(SECURITY) {
            return Ok(self);
        }
        Ok(Arc::new(Self {
            mirror: mirror::choose_security(&self.mirror)?,
            ..(*self).clone()
        }))
    }
}

impl<'a> Archive<'a> {
    /// Opens the archive without network access, and removes leftovers of killed runs.
    pub(crate) fn new(cache: &'a Cache) -> Self {
        remove_leftovers(&cache.root().join(DOWNLOADS), "");
        remove_leftovers(Path::new(SANDBOX_PARENT), PREFIX);
        Self {
            cache,
            origin: Mutex::new(None),
            suites: Mutex::new(BTreeMap::new()),
        }
    }

    /// Returns the cache for its packages.
    pub(crate) fn cache(&self) -> &'a Cache {
        self.cache
    }

    /// Returns the path of apt's log.
    pub(crate) fn log(&self) -> PathBuf {
        self.cache.root().join("apt.log")
    }

    /// Chooses the mirror, if it is not chosen yet.
    pub(crate) fn prepare(&self) -> Result<()> {
        self.origin().map(|_| ())
    }

    fn origin(&self) -> Result<Arc<Origin>> {
        let mut origin = self.origin.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(origin) = &*origin {
            return Ok(Arc::clone(origin));
        }
        Ok(Arc::clone(origin.insert(Arc::new(Origin::debian()?))))
    }

    /// Returns a suite for the default architecture, with lists that were fetched and verified in this run.
    pub(crate) fn suite(&self, name: &str, step: &Step) -> Result<Arc<Suite>> {
        self.suite_for(Arch::default(), name, step)
    }

    /// As [`Self::suite`], for this architecture.
    pub(crate) fn suite_for(&self, arch: Arch, name: &str, step: &Step) -> Result<Arc<Suite>> {
        check_online(&format!("packages of Debian's suite {name} are needed"))?;
        let origin = self.origin()?.of_suite(name)?;
        // Held while fetching: another thread that needs the suite waits for the lists.
        let mut suites = self.suites.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (arch, name.to_owned());
        if let Some(suite) = suites.get(&key) {
            return Ok(Arc::clone(suite));
        }
        let suite = Arc::new(Suite::fetch(
            self.cache,
            origin,
            key.clone(),
            self.log(),
            step,
        )?);
        suites.insert(key, Arc::clone(&suite));
        Ok(suite)
    }
}

/// One suite of the archive.
#[derive(Debug)]
pub(crate) struct Suite {
    arch: Arch,
    name: String,
    origin: Arc<Origin>,
    /// apt's private files, including the lists.
    dir: Scratch,
    /// The parent of download folders.
    downloads: PathBuf,
    log: PathBuf,
}

impl Suite {
    fn fetch(
        cache: &Cache,
        origin: Arc<Origin>,
        (arch, name): (Arch, String),
        log: PathBuf,
        step: &Step,
    ) -> Result<Self> {
        let downloads = match origin.host.sandbox() {
            Some(_) => PathBuf::from(SANDBOX_PARENT),
            None => cache.downloads()?,
        };
        let suite = Self {
            arch,
            name,
            dir: apt_folder(&downloads, &origin.host)?,
            origin,
            downloads,
            log,
        };
        for part in ["lists/partial", "cache/archives/partial", "parts"] {
            let path = suite.dir.path().join(part);
            fs::create_dir_all(&path)
                .with_context(|| format!("cannot create {}", path.display()))?;
        }
        suite.write("status", "")?;
        suite.update(step)?;
        suite.check_lists()?;
        Ok(suite)
    }

    /// Fetches the lists. Refuses outdated ones, unless the system's configuration allows them.
    fn update(&self, step: &Step) -> Result<()> {
        let result = self.update_with(Dates::Checked, step);
        let Err(err) = result else {
            return Ok(());
        };
        process::check_interrupted()?;
        if !is_about_dates(&err) {
            return Err(err).with_context(|| {
                format!(
                    "cannot read Debian's suite {}: check the network, {OTHERWISE}",
                    self.name
                )
            });
        }
        if self.origin.host.checks_dates {
            return Err(err).with_context(|| {
                format!(
                    "the lists of Debian's suite {} are out of date at {}: check this machine's \
                     clock, or set {} to another mirror; an archive snapshot can be used \
                     with Acquire::Check-Valid-Until \"false\"; in /etc/apt/apt.conf.d",
                    self.name,
                    self.origin.mirror,
                    mirror::VARIABLE
                )
            });
        }
        say(&format!(
            "note: the lists of Debian's suite {} at {} are out of date; this system's apt is \
             configured to accept that (Acquire::Check-Valid-Until, Acquire::Check-Date)",
            self.name, self.origin.mirror
        ));
        self.update_with(Dates::Ignored, step)
    }

    fn update_with(&self, dates: Dates, step: &Step) -> Result<()> {
        let Origin {
            mirror,
            keyring,
            host,
        } = &*self.origin;
        let sources = config::sources(mirror, &self.name, self.arch, keyring, dates);
        self.write("klp.sources", &sources)?;
        self.write(
            "apt.conf",
            &host.configuration(self.dir.path(), self.arch, dates),
        )?;
        step.run(self.apt("apt-get").args(["--quiet", "update"]), &self.log)
    }

    /// Refuses links: the lists that they point to can change after verification.
    fn check_lists(&self) -> Result<()> {
        let dir = self.dir.path().join("lists");
        let list = || format!("cannot list {}", dir.display());
        for item in fs::read_dir(&dir).with_context(list)? {
            let item = item.with_context(list)?;
            ensure!(
                !item.path().is_symlink(),
                "apt links to the package lists of {} instead of copying them: set {} to a \
                 network mirror",
                self.name,
                mirror::VARIABLE
            );
        }
        Ok(())
    }

    /// Returns the names of packages with this prefix.
    pub(crate) fn names(&self, prefix: &str) -> Result<Vec<String>> {
        let text = process::output(self.apt("apt-cache").args(["pkgnames", prefix]))?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Returns all versions of these packages, of each the newest first.
    pub(crate) fn packages(&self, names: &[String]) -> Result<Vec<Package>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let text = process::output(self.apt("apt-cache").arg("show").args(names))?;
        Ok(parse_packages(&text))
    }

    /// Returns these packages with all dependencies, in the versions that apt would install.
    pub(crate) fn with_dependencies(&self, names: &[&str]) -> Result<Vec<Package>> {
        let mut simulate = self.apt("apt-get");
        simulate
            .args([
                "--quiet",
                "--simulate",
                "--no-install-recommends",
                "install",
            ])
            .args(names);
        let wanted = parse_simulated(&process::output(&mut simulate)?);
        let names: Vec<_> = wanted.iter().map(|(name, _)| name.clone()).collect();
        let offered = self.packages(&names)?;
        let find = |(name, version): &(String, String)| {
            let matches = |it: &&Package| it.name == *name && it.version == *version;
            let found = offered.iter().find(matches).cloned();
            found.with_context(|| format!("Debian's suite {} lacks {name} {version}", self.name))
        };
        wanted.iter().map(find).collect()
    }

    /// Downloads a package into a separate folder.
    pub(crate) fn download(&self, package: &Package, step: &Step) -> Result<Download> {
        let folder = self.download_folder()?;
        self.download_into(folder, package, step)
    }

    /// Creates a private folder, which contains the one that apt writes to.
    fn download_folder(&self) -> Result<Scratch> {
        let folder = apt_folder(&self.downloads, &self.origin.host)?;
        let files = folder.path().join(deb::FILES);
        files::create_private_dir(&files)?;
        if let Some(user) = self.origin.host.sandbox() {
            process::output(process::command("chown").arg(user).arg(&files))?;
        }
        Ok(folder)
    }

    fn download_into(&self, folder: Scratch, package: &Package, step: &Step) -> Result<Download> {
        let Package { name, version, .. } = package;
        step.run(
            self.apt("apt-get")
                .args(["--quiet", "download", &format!("{name}={version}")])
                .current_dir(folder.path().join(deb::FILES)),
            &self.log,
        )?;
        Ok(Download {
            package: package.clone(),
            folder,
        })
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.dir.path().join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Returns a command for one of apt's programs, with the private configuration instead of the system's.
    fn apt(&self, program: &str) -> Command {
        let mut command = process::command(program);
        command.env("APT_CONFIG", self.dir.path().join("apt.conf"));
        command
    }
}

fn apt_folder(parent: &Path, host: &Host) -> Result<Scratch> {
    let folder = Scratch::new(parent, PREFIX)?;
    if host.sandbox().is_some() {
        // apt's sandbox user needs access to parts of it.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711))
            .with_context(|| format!("cannot set the mode of {}", folder.path().display()))?;
    }
    Ok(folder)
}

/// Whether apt refused the lists because of their dates.
fn is_about_dates(err: &anyhow::Error) -> bool {
    let text = format!("{err:#}");
    text.contains(" is expired (") || text.contains(" is not valid yet (")
}

/// Returns the names and versions in the output of `apt-get --simulate install`: `Inst NAME (VERSION ...)`.
fn parse_simulated(text: &str) -> Vec<(String, String)> {
    let install = |line: &str| {
        let (name, rest) = line.strip_prefix("Inst ")?.split_once(" (")?;
        let version = rest.split(' ').next()?;
        (is_name(name) && is_version(version)).then(|| (name.to_owned(), version.to_owned()))
    };
    text.lines().filter_map(install).collect()
}

/// Parses the stanzas of `apt-cache show`. Incomplete ones are skipped.
fn parse_packages(text: &str) -> Vec<Package> {
    text.split("\n\n")
        .filter_map(|stanza| {
            let field = |name: &str, is_valid: fn(&str) -> bool| {
                let mut lines = stanza.lines();
                let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))?;
                is_valid(value).then(|| value.to_owned())
            };
            Some(Package {
                name: field("Package", is_name)?,
                version: field("Version", is_version)?,
                architecture: field("Architecture", is_name)?,
                size: field("Size", |_| true)?.parse().ok()?,
                sha256: field("SHA256", is_sha256)?,
            })
        })
        .collect()
}

/// Whether this is a name of a package or an architecture. Such a name is safe in file names and arguments.
pub(crate) fn is_name(text: &str) -> bool {
    let is_inner =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte);
    text.bytes().all(is_inner) && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// Whether this is a version of a package.
pub(crate) fn is_version(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b".+-~:".contains(&byte);
    text.bytes().all(is_inner) && text.starts_with(|c: char| c.is_ascii_digit())
}

fn is_sha256(text: &str) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 64 && text.bytes().all(is_hex)
}
