// SPDX-License-Identifier: GPL-2.0-only

//! Builds a small Debian system for a guest's [disk](super::disk).

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::apt::mirror;
use crate::cache::{Cache, Key, inherit_locks};
use crate::host::consent::check_online;
use crate::host::process;
use crate::host::progress::Step;
use crate::tools::needs::Needs;
use crate::tools::packages;

/// The host packages for building it.
const PACKAGES: [&str; 2] = ["e2fsprogs", "mmdebstrap"];

/// The Debian release.
const SUITE: &str = "trixie";

/// Additional packages in the system.
const INCLUDED: &str = "ansible-core,apt,apt-utils,kmod,openssl,python3-apt,systemd-sysv";

/// The size of the file system, whose image is sparse.
const SIZE: &str = "2G";

/// The image's file name in the cache entry.
const FILE: &str = "system.ext4";

/// The file with which mmdebstrap prevents packages from starting services. It removes the file only after the hook
/// that creates the file system.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Returns the host packages for building a system.
pub fn needs() -> Needs {
    Needs::of(&PACKAGES)
}

/// Returns an image of the system, built first if needed. Copy it before use.
///
/// # Errors
///
/// It cannot be built.
pub fn image(cache: &Cache) -> Result<PathBuf> {
    let key = Key::new()
        .with("recipe", "2")
        .with("included", INCLUDED)
        .with("size", SIZE);
    let dir = cache.entry("system", SUITE, &key).get_or_create(make)?;
    Ok(dir.join(FILE))
}

fn make(dir: &Path) -> Result<()> {
    check_online(&format!("the cache has no system of Debian {SUITE}"))?;
    packages::ensure(&PACKAGES)?;
    let mirror = mirror::choose()?;
    let step = Step::start(
        &format!("building a small system of Debian {SUITE}"),
        "a minute or two",
    );
    let log = dir.join("log");
    let image = dir.join(FILE);
    let image = image
        .to_str()
        .context("the path of the cache is not UTF-8")?;
    // The file system is created by a hook, because in mmdebstrap's user namespace (if it uses one) files have
    // the correct owners.
    let hooks = [
        // The guest needs no logins and no timers, and has the host's clock.
        "systemctl --root=\"$1\" mask systemd-timesyncd.service console-getty.service getty@.service \
         serial-getty@.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer"
            .to_owned(),
        "echo klp >\"$1/etc/hostname\"; echo '/dev/vda / ext4 defaults 0 0' >\"$1/etc/fstab\""
            .to_owned(),
        // The bind mount is not recursive, so it excludes submounts.
        format!(
            "unshare --mount sh -c 'mount --bind \"$1\" \"$1\" && mke2fs -q -t ext4 -d \"$1\" \"$2\" {SIZE}' \
             sh \"$1\" '{image}'"
        ),
    ];
    let mut command = process::command("mmdebstrap");
    command
        .args(["--variant=essential", &format!("--include={INCLUDED}")])
        .args(hooks.map(|hook| format!("--customize-hook={hook}")))
        .arg(format!("--logfile={}", log.display()))
        .args(["--quiet", SUITE, "/dev/null", &mirror]);
    inherit_locks(&mut command);
    process::run(&mut command)
        .with_context(|| format!("cannot build the system, see {}", log.display()))?;
    let mut command = process::command("debugfs");
    process::output(command.args(["-w", "-R", &format!("rm {POLICY}"), image]))?;
    step.done();
    Ok(())
}
