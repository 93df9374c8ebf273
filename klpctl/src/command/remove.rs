// SPDX-License-Identifier: GPL-2.0-only

//! Uninstalls patches: one by name, or older versions of applied ones.

use super::Context;
use super::versions::Versions;
use crate::outcome::Outcome;

/// Uninstalls a patch for one release. Returns whether it was installed.
///
/// # Errors
///
/// It cannot be removed.
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

/// Uninstalls older versions of applied patches. They stayed installed as a fallback.
///
/// # Errors
///
/// The patches cannot be read, or one cannot be uninstalled.
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
