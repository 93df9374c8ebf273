// SPDX-License-Identifier: GPL-2.0-only

//! Takes patches out of those that are installed.

use super::Context;
use super::versions::Versions;
use crate::outcome::Outcome;

/// Uninstalls a patch for one release; false if it is not installed.
///
/// # Errors
///
/// When it cannot be removed.
pub fn remove(context: &mut Context, release: &str, name: &str) -> Outcome<bool> {
    let removed = context.store.uninstall(release, name)?;
    if removed {
        context.trials().release(release, name)?;
        context
            .progress
            .say(&format!("{name}: uninstalled for kernel {release}"));
    }
    Ok(removed)
}

/// Uninstalls the versions that stayed for when a newer one does not work: it does.
///
/// # Errors
///
/// When the patches cannot be read, or one cannot be uninstalled.
pub fn drop_older_versions(context: &mut Context) -> Outcome {
    let release = context.kernel.release()?;
    let installed = context.store.installed(&release)?;
    let versions = Versions::of_installed(&installed);
    for (place, newer) in installed.iter().enumerate() {
        let patch = context.kernel.patch(&newer.name)?;
        if patch.is_none_or(|it| it.state() != "applied") {
            continue;
        }
        let all = versions.all(&newer.name);
        for older in &installed[..place] {
            if all.contains(&older.name) && context.kernel.patch(&older.name)?.is_none() {
                remove(context, &release, &older.name)?;
            }
        }
    }
    Ok(())
}
