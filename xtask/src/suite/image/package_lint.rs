// SPDX-License-Identifier: GPL-2.0-only

//! Checks the packages with the distributions' tools, lintian and rpmlint. A warning is a failure.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use klp_host::cache::Cache;
use klp_host::host::process;
use klp_host::tools::needs::Needs;

use super::packages::Packages;
use crate::case::{Case, Tally};
use crate::checkout;
use crate::files::with_extension;
use crate::report;

/// The name of this test, beside those of the stories.
pub(super) const NAME: &str = "lint";

/// The configuration of rpmlint.
const RPMLINT: &str = "tests/image/rpmlint.toml";

/// The prefix of the fake kernel package, which only satisfies dependencies.
const FAKE: &str = "linux-image-";

/// The Debian packages of the tools. rpmlint calls rpm.
pub(super) fn needs() -> Needs {
    Needs::of(&["lintian", "rpmlint", "rpm"])
}

pub(super) fn run(packages: &Packages) -> Result<Tally> {
    let folder = Cache::open()?.scratch()?;
    packages.write_rpms(folder.path())?;
    let case = |name: &str, result| {
        Case::from_result(
            &format!("image: {NAME}"),
            &format!("{name} finds nothing"),
            result,
        )
    };
    Ok(report::add_all(&[
        case("lintian", lintian(&packages.folder())),
        case("rpmlint", rpmlint(folder.path())),
    ]))
}

fn lintian(dir: &Path) -> Result<()> {
    let mut command = process::command("lintian");
    command.args([
        "--allow-root",
        "--no-cfg",
        "--fail-on=error,warning",
        "--tag-display-limit=0",
    ]);
    process::output(command.args(packages(dir, "deb")?)).map(drop)
}

fn rpmlint(dir: &Path) -> Result<()> {
    // rpmlint prints findings to standard output, which errors do not show.
    let mut command = process::command("sh");
    command
        .args([
            "-c",
            "exec rpmlint \"$@\" >&2",
            "sh",
            "--strict",
            "--config",
        ])
        .arg(checkout::top().join(RPMLINT));
    process::output(command.args(packages(dir, "rpm")?)).map(drop)
}

/// The packages in a folder, except the fake one.
fn packages(dir: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut paths = with_extension(dir, extension)?;
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !name.starts_with(FAKE)
    });
    ensure!(
        !paths.is_empty(),
        "there is no .{extension} in {}",
        dir.display()
    );
    Ok(paths)
}
