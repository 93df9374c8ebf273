// SPDX-License-Identifier: GPL-2.0-only

//! A small Debian system for a guest's [disk](super::disk), made of Debian packages.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::apt::mirror;
use crate::cache::{Cache, Key, inherit_locks};
use crate::host::consent::check_online;
use crate::host::process;
use crate::host::progress::Step;
use crate::tools::needs::Needs;
use crate::tools::packages;

/// The packages that make it.
const PACKAGES: [&str; 2] = ["e2fsprogs", "mmdebstrap"];

/// Debian's release.
const SUITE: &str = "trixie";

/// Additional packages.
const INCLUDED: &str = "ansible-core,apt,apt-utils,kmod,openssl,python3-apt,systemd-sysv";

/// The size of the file system. Most of it is a hole.
const SIZE: &str = "2G";

/// The file with it, in a folder of the cache.
const FILE: &str = "system.ext4";

/// mmdebstrap's, in the way of packages that start something. It is removed when the system is complete, which is after the
/// file system was made of it.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// The packages that making one takes.
pub fn needs() -> Needs {
    Needs::of(&PACKAGES)
}

/// An image of the system, made first if needed. Copy it before use.
///
/// # Errors
///
/// It cannot be made.
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
        &format!("making a small system of Debian {SUITE}"),
        "a minute or two",
    );
    let log = dir.join("log");
    let image = dir.join(FILE);
    let image = image
        .to_str()
        .context("the path of the cache is not UTF-8")?;
    // The file system is made where the owners of files are right: inside of mmdebstrap's namespace, if it
    // uses one.
    let hooks = [
        // There are no logins, and the clock is the host's.
        "systemctl --root=\"$1\" mask systemd-timesyncd.service console-getty.service getty@.service \
         serial-getty@.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer"
            .to_owned(),
        "echo klp >\"$1/etc/hostname\"; echo '/dev/vda / ext4 defaults 0 0' >\"$1/etc/fstab\""
            .to_owned(),
        // A bind mount of itself has no submounts.
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
    process::run(&mut command).with_context(|| format!("{} has more", log.display()))?;
    let mut command = process::command("debugfs");
    process::output(command.args(["-w", "-R", &format!("rm {POLICY}"), image]))?;
    step.done();
    Ok(())
}
