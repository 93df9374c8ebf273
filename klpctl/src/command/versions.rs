// SPDX-License-Identifier: GPL-2.0-only

//! Finds the versions of a patch. If each version has its own module name, the series is their common part:
//! `fix_foo` for `fix_foo_1_1` and `fix_foo_1_2`.

use std::collections::BTreeMap;

use anyhow::Result;

use super::Context;
use crate::outcome::{Failure, Outcome, Status};
use crate::patch_file::{Info, PatchFile};
use crate::store::Installed;

/// The series of patches, by module name. The series of a patch without a version in its name is that name.
#[derive(Debug, Default)]
pub struct Versions(BTreeMap<String, String>);

/// The series of a patch.
pub fn series(info: &Info) -> &str {
    info.series.as_ref().unwrap_or(&info.name)
}

/// Checks that no other patch with this name is installed for this kernel or was loaded by klpctl. The name is made of
/// series and version, so different pairs can give the same: `fix_1` and `2`, `fix` and `1.2`.
///
/// # Errors
///
/// [`Status::Conflict`] if there is another one.
pub fn check_name(context: &Context, release: &str, file: &PatchFile) -> Outcome {
    let name = &file.info.name;
    let installed = context.store.find(release, name)?;
    // A damaged file does not count.
    if let Some(there) = installed.and_then(|it| it.open().ok()) {
        check_same(&there.info, &file.info, "installed", "uninstall")?;
    }
    let runs = context.kernel.release().is_ok_and(|it| it == release);
    if runs
        && context.kernel.patch(name)?.is_some()
        && let Some(there) = context.records.info(name)?
    {
        check_same(&there, &file.info, "loaded", "unload")?;
    }
    Ok(())
}

fn check_same(there: &Info, here: &Info, state: &str, remedy: &str) -> Outcome {
    let is_version = there.series.is_some();
    if there.series == here.series && (!is_version || there.version == here.version) {
        return Ok(());
    }
    Err(Failure::new(
        Status::Conflict,
        format!(
            "{} is already {state} as {}, but this is {}: two patches cannot have the same name; {remedy} the other \
             one first, or build this one with another name",
            here.name,
            described(there),
            described(here)
        ),
    ))
}

fn described(info: &Info) -> String {
    let version = info.version.as_deref().unwrap_or("(none)");
    match &info.series {
        Some(series) => format!("version {version} of {series}"),
        None => format!("version {version} of a patch without a series"),
    }
}

impl Versions {
    /// The series of installed patches.
    pub fn of_installed<'a>(installed: impl IntoIterator<Item = &'a Installed>) -> Self {
        let mut versions = Self::default();
        versions.add_installed(installed);
        versions
    }

    /// Adds installed patches. A damaged file has no series but its name.
    pub fn add_installed<'a>(&mut self, installed: impl IntoIterator<Item = &'a Installed>) {
        for it in installed {
            let series = it.open().map(|file| series(&file.info).to_owned());
            let series = series.unwrap_or_else(|_| it.name.clone());
            self.0.insert(it.name.clone(), series);
        }
    }

    /// Adds loaded patches. Those not loaded by klpctl have no series but their name.
    ///
    /// # Errors
    ///
    /// A record cannot be read.
    pub fn add_loaded(
        &mut self,
        context: &Context,
        names: impl IntoIterator<Item = String>,
    ) -> Result<()> {
        for name in names {
            let info = context.records.info(&name)?;
            let known = self.0.entry(name.clone()).or_insert(name);
            if let Some(info) = info {
                series(&info).clone_into(known);
            }
        }
        Ok(())
    }

    /// Whether there is a patch of that name.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The patch of that name, or the only version of the series of that name. An unknown name is returned unchanged, for
    /// the caller to report.
    ///
    /// # Errors
    ///
    /// There are several versions.
    pub fn one(&self, name: &str) -> Outcome<String> {
        if self.has(name) {
            return Ok(name.to_owned());
        }
        match self.of_series(name).as_slice() {
            [] => Ok(name.to_owned()),
            [version] => Ok(version.clone()),
            versions => Err(Failure::new(
                Status::Failed,
                format!(
                    "there are several versions of {name}: {}; specify one of them",
                    versions.join(", ")
                ),
            )),
        }
    }

    /// All versions of the patch of that name, or of the series of that name.
    pub fn all(&self, name: &str) -> Vec<String> {
        let series = self.0.get(name).map_or(name, String::as_str);
        self.of_series(series)
    }

    fn of_series(&self, series: &str) -> Vec<String> {
        let versions = self.0.iter().filter(|(_, it)| *it == series);
        versions.map(|(name, _)| name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::install::tests::{RELEASE, applied, machine};
    use crate::store::tests::module;

    fn versions(patches: &[(&str, &str)]) -> Versions {
        let patches = patches.iter();
        Versions(
            patches
                .map(|&(name, series)| (name.to_owned(), series.to_owned()))
                .collect(),
        )
    }

    #[test]
    fn commands_take_a_series() {
        let dir = tempfile::tempdir().expect("a folder");
        let context = machine(dir.path());
        let series = "klp_replace=Y\0klp_series=fix\0";
        for name in ["fix_1_1", "fix_1_2"] {
            let file = module(name, RELEASE, series);
            context.records.keep(&file).expect("written");
        }
        applied(dir.path(), "fix_1_1");
        applied(dir.path(), "by_hand");
        assert_eq!(context.loaded_name("fix").expect("one"), "fix_1_1");
        assert_eq!(context.loaded_name("by-hand").expect("itself"), "by_hand");
        applied(dir.path(), "fix_1_2");
        context.loaded_name("fix").expect_err("which one?");
        let transition = dir.path().join("sys/kernel/livepatch/fix_1_2/transition");
        std::fs::write(transition, "1").expect("a file");
        assert_eq!(context.name_in_transition("fix").expect("one"), "fix_1_2");
        let other = context.name_in_transition("by_hand").expect("itself");
        assert_eq!(other, "by_hand");
    }

    #[test]
    fn a_series_selects_its_only_version() {
        let one = versions(&[("fix_1_2", "fix"), ("other", "other")]);
        assert_eq!(one.one("fix").expect("one"), "fix_1_2");
        assert_eq!(one.one("fix_1_2").expect("itself"), "fix_1_2");
        assert_eq!(one.one("missing").expect("as it is"), "missing");
        let two = versions(&[("fix_1_1", "fix"), ("fix_1_2", "fix")]);
        let failure = two.one("fix").expect_err("which one?");
        assert_eq!(
            failure.message,
            "there are several versions of fix: fix_1_1, fix_1_2; specify one of them"
        );
        for name in ["fix", "fix_1_1"] {
            assert_eq!(two.all(name), ["fix_1_1", "fix_1_2"]);
        }
        // A patch of exactly that name takes precedence.
        let named = versions(&[("fix", "fix"), ("fix_1_2", "fix")]);
        assert_eq!(named.one("fix").expect("itself"), "fix");
    }
}
