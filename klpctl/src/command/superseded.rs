// SPDX-License-Identifier: GPL-2.0-only

//! Finds superseded patches. A cumulative patch replaces all loaded ones, so patches before it in the load order are
//! loaded only if it cannot be.

use anyhow::Result;

use super::Context;
use crate::kernel::patches::Patch;
use crate::store::Installed;

/// The patch that supersedes an installed one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct By<'a> {
    /// The name of the cumulative patch.
    pub name: &'a str,
    /// It is installed too. Otherwise it was loaded by `klpctl load`, until the next boot.
    pub installed: bool,
}

/// The patch that supersedes one installed for any release.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Superseding {
    /// The name of the cumulative patch.
    pub name: String,
    /// It is installed for that release.
    pub installed: bool,
    /// It is loaded. Otherwise it replaces the other one at the next boot.
    pub loaded: bool,
}

/// The patch that supersedes `name`, which is installed for `release`.
///
/// # Errors
///
/// The patches or their marks cannot be read.
pub fn superseding(context: &Context, release: &str, name: &str) -> Result<Option<Superseding>> {
    let installed = context.store.installed(release)?;
    let runs = context.kernel.release().is_ok_and(|it| it == release);
    let patches = match runs {
        true => context.kernel.patches()?,
        false => Vec::new(),
    };
    let held = context.trials().held(release)?;
    let order = Order::new(context, &installed, &patches)?;
    let by = order.by(name, |name| held.contains_key(name));
    Ok(by.map(|by| Superseding {
        name: by.name.to_owned(),
        installed: by.installed,
        loaded: patches.iter().any(|it| it.enabled && it.name == by.name),
    }))
}

/// The patches installed for the running kernel that `name` supersedes.
///
/// # Errors
///
/// As for [`superseding`].
pub fn superseded_by(context: &Context, name: &str) -> Result<Vec<String>> {
    let release = context.kernel.release()?;
    let installed = context.store.installed(&release)?;
    let held = context.trials().held(&release)?;
    let order = Order::new(context, &installed, &context.kernel.patches()?)?;
    let is_by_it = |it: &Installed| {
        let by = order.by(&it.name, |name| held.contains_key(name));
        by.is_some_and(|by| by.name == name)
    };
    let names = installed.into_iter().filter(is_by_it).map(|it| it.name);
    Ok(names.collect())
}

/// The installed patches of a kernel, in load order.
#[derive(Debug)]
pub struct Order {
    patches: Vec<Member>,
    /// The cumulative patch that was loaded by `klpctl load`, if any.
    by_hand: Option<String>,
}

#[derive(Debug)]
struct Member {
    name: String,
    /// Its modinfo marks it as cumulative.
    marked: bool,
    loaded: bool,
    /// It is cumulative, according to the kernel or its modinfo.
    cumulative: bool,
}

impl Member {
    /// Reads the file of an installed patch.
    fn read(installed: &Installed) -> Self {
        // Only patches made by klp have the mark; of others, the kernel shows it once they are loaded. A damaged file
        // cannot be loaded.
        let marked = installed.open().is_ok_and(|file| file.info.cumulative);
        Self {
            name: installed.name.clone(),
            marked,
            loaded: false,
            cumulative: marked,
        }
    }
}

impl Order {
    /// The order of the `installed` patches; `patches` are those in the kernel.
    ///
    /// # Errors
    ///
    /// The record of a patch cannot be read.
    pub fn new(context: &Context, installed: &[Installed], patches: &[Patch]) -> Result<Self> {
        let mut order = Self {
            patches: installed.iter().map(Member::read).collect(),
            by_hand: None,
        };
        order.update(context, patches)?;
        Ok(order)
    }

    /// Updates the order for the patches that are now in the kernel, without reading files of installed patches again.
    ///
    /// # Errors
    ///
    /// As for [`Order::new`].
    pub fn update(&mut self, context: &Context, patches: &[Patch]) -> Result<()> {
        for member in &mut self.patches {
            let mut enabled = patches.iter().filter(|it| it.enabled);
            let patch = enabled.find(|it| it.name == member.name);
            member.loaded = patch.is_some();
            member.cumulative = patch.and_then(|it| it.replace).unwrap_or(member.marked);
        }
        self.by_hand = None;
        for patch in patches.iter().filter(|it| it.enabled) {
            let is_installed = self.patches.iter().any(|it| it.name == patch.name);
            // A patch loaded by another tool does not affect what klpctl loads.
            let Some(record) = context.records.info(&patch.name)?.filter(|_| !is_installed) else {
                continue;
            };
            if patch.replace.unwrap_or(record.cumulative) {
                self.by_hand = Some(patch.name.clone());
            }
        }
        Ok(())
    }

    /// The patch that supersedes an installed one. `is_out` returns whether a patch will not be loaded. A loaded patch
    /// is not superseded.
    pub fn by(&self, name: &str, is_out: impl Fn(&str) -> bool) -> Option<By<'_>> {
        let place = self.patches.iter().position(|it| it.name == name)?;
        let (before, later) = self.patches.split_at(place + 1);
        if before.last().is_some_and(|it| it.loaded) {
            return None;
        }
        let covers = |it: &&Member| it.cumulative && (it.loaded || !is_out(&it.name));
        let installed = later.iter().rfind(covers).map(|it| By {
            name: &it.name,
            installed: true,
        });
        installed.or_else(|| {
            self.by_hand.as_deref().map(|name| By {
                name,
                installed: false,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::install::tests::{RELEASE, applied, machine};
    use crate::store::tests::module;
    use std::fs;

    const CUMULATIVE: &str = "klp_replace=Y\0";

    fn order(context: &Context) -> Order {
        let installed = context.store.installed(RELEASE).expect("readable");
        let patches = context.kernel.patches().expect("readable");
        Order::new(context, &installed, &patches).expect("readable")
    }

    #[test]
    fn the_last_cumulative_patch_supersedes() {
        let dir = tempfile::tempdir().expect("a folder");
        let context = machine(dir.path());
        for (name, more) in [("a", ""), ("b", CUMULATIVE), ("c", CUMULATIVE), ("d", "")] {
            let file = module(name, RELEASE, more);
            context.store.install(&file).expect("written");
        }
        let by = |order: &Order, name, out: &[&str]| {
            let by = order.by(name, |name| out.contains(&name));
            by.map(|by| by.name.to_owned())
        };
        let none = order(&context);
        assert_eq!(by(&none, "a", &[]).as_deref(), Some("c"));
        assert_eq!(by(&none, "a", &["c"]).as_deref(), Some("b"));
        assert_eq!(by(&none, "a", &["b", "c"]), None);
        assert_eq!(by(&none, "c", &[]), None);
        assert_eq!(by(&none, "d", &[]), None);
        // A loaded patch supersedes others, and is not superseded.
        applied(dir.path(), "b");
        let loaded = order(&context);
        assert_eq!(by(&loaded, "a", &["b", "c"]).as_deref(), Some("b"));
        assert_eq!(by(&loaded, "b", &[]), None);
        // The kernel's value overrides the modinfo.
        fs::write(dir.path().join("sys/kernel/livepatch/b/replace"), "0").expect("a file");
        assert_eq!(by(&order(&context), "a", &["c"]), None);
    }

    #[test]
    fn a_patch_loaded_by_hand_supersedes_all() {
        let dir = tempfile::tempdir().expect("a folder");
        let context = machine(dir.path());
        let file = module("a", RELEASE, "");
        context.store.install(&file).expect("written");
        applied(dir.path(), "hand");
        let foreign = order(&context);
        assert_eq!(foreign.by("a", |_| false), None, "another tool loaded it");
        let file = module("hand", RELEASE, CUMULATIVE);
        context.records.keep(&file).expect("written");
        let by = By {
            name: "hand",
            installed: false,
        };
        assert_eq!(order(&context).by("a", |_| false), Some(by));
    }
}
