// SPDX-License-Identifier: GPL-2.0-only

//! Redirecting calls to patches: attaching the handler to patch sites, and publishing redirects.
//!
//! New redirects are published before the handler is attached to their sites, and the handler is detached before
//! the memory of retired redirects is used again.

use crate::context::Core;
use crate::errno::{Errno, Result, EINVAL};
use crate::memory::Vec;
use crate::model::{Func, Patch, Patches};
use crate::platform::Platform;
use crate::redirect::Redirect;
use crate::site_ops::SiteOps;
use crate::snapshot::Locked;
use crate::sort;
use crate::types::{Site, Target};
use core::ops::Range;

/// A failure to redirect an object of a patch.
struct Failure {
    /// The object's index in the patch.
    object: usize,
    errno: Errno,
}

/// A site that ftrace refused.
#[derive(Clone, Copy)]
struct RefusedSite {
    site: Site,
    errno: Errno,
}

impl<P: Platform> Func<P> {
    /// The target of calls.
    pub(crate) fn target(&self) -> Target {
        if self.nop {
            Target::Original
        } else {
            Target::from_c(self.new.start)
        }
    }
}

impl<P: Platform> Patches<P> {
    /// The functions of these objects that are not patched yet, with their objects.
    fn unpatched(
        &self,
        handle: P::Patch,
        objects: Range<usize>,
    ) -> impl Iterator<Item = (usize, &Func<P>)> {
        let all = self.get(handle).map_or(&[][..], |patch| &patch.objects[..]);
        all.iter()
            .enumerate()
            .filter(move |(index, object)| {
                objects.contains(index) && object.is_loaded() && !object.patched
            })
            .flat_map(|(index, object)| object.funcs.iter().map(move |func| (index, func)))
    }

    /// All redirects, from the bottom up. Those of the patch `in_transition` are in transition, except immediate
    /// ones.
    fn redirects(
        patches: &[Patch<P>],
        in_transition: Option<P::Patch>,
    ) -> impl Iterator<Item = Redirect> + '_ {
        patches.iter().flat_map(move |patch| {
            let is_in_transition = in_transition == Some(patch.handle);
            let funcs = patch.objects.iter().flat_map(|object| object.funcs.iter());
            funcs.filter(|func| func.patched).filter_map(move |func| {
                Some(Redirect {
                    site: func.site?,
                    target: func.target(),
                    in_transition: is_in_transition && !func.immediate,
                })
            })
        })
    }
}

impl<P: Platform> Core<'_, P> {
    /// Redirects the functions of all loaded objects.
    pub(crate) fn patch_objects(&mut self, handle: P::Patch) -> Result {
        let count = self
            .state
            .get(handle)
            .map_or(0, |patch| patch.objects.len());
        // Objects from `first` on whose callbacks have run are patched in one change.
        let mut first = 0;
        for index in 0..count {
            let Some(object) = self.state.object_mut(handle, index) else {
                continue;
            };
            if !object.is_loaded() {
                continue;
            }
            if !self.platform.has_pre_patch(object.handle) {
                continue;
            }
            // The callback may rely on the objects before it being patched.
            self.patch_range(handle, first..index)?;
            first = index;
            let Some(object) = self.state.object_mut(handle, index) else {
                continue;
            };
            if let Err(error) = object.pre_patch(self.platform) {
                self.platform.warn(format_args!(
                    "pre-patch callback failed for object '{}'",
                    object.shown()
                ));
                return Err(error);
            }
        }
        self.patch_range(handle, first..count)
    }

    fn patch_range(&mut self, handle: P::Patch, objects: Range<usize>) -> Result {
        let result = self.redirect_objects(handle, objects.clone());
        let reached = match &result {
            Ok(()) => objects,
            Err(failure) => objects.start..failure.object.saturating_add(1).min(objects.end),
        };
        for index in reached {
            if let Some(object) = self.state.object_mut(handle, index) {
                object.owes_post_unpatch |= object.is_loaded();
            }
        }
        result.map_err(|failure| {
            let object = self
                .state
                .get(handle)
                .and_then(|patch| patch.objects.get(failure.object));
            if let Some(object) = object {
                self.platform
                    .warn(format_args!("failed to patch object '{}'", object.shown()));
            }
            failure.errno
        })
    }

    /// Redirects the functions of a module that is being loaded.
    ///
    /// # Errors
    ///
    /// Those of attaching to the sites; `EINVAL` when a function cannot be traced; `ENOMEM`.
    pub(crate) fn redirect_module(&mut self, handle: P::Patch, object: usize) -> Result {
        let end = object.saturating_add(1);
        self.redirect_objects(handle, object..end)
            .map_err(|failure| failure.errno)
    }

    fn redirect_objects(
        &mut self,
        handle: P::Patch,
        objects: Range<usize>,
    ) -> core::result::Result<(), Failure> {
        let first = objects.start;
        let anywhere = |errno| Failure {
            object: first,
            errno,
        };
        self.find_sites(handle, objects.clone())?;
        let count = self.state.patches.iter().map(Patch::count).sum();
        self.state
            .redirects
            .reserve(count, &self.published.redirects, self.platform, &self.lock)
            .map_err(anywhere)?;
        let mut sites = self.new_sites(handle, objects.clone()).map_err(anywhere)?;
        self.set_patched(handle, objects.clone(), true);
        let in_transition = self
            .state
            .transition
            .as_ref()
            .map(|transition| transition.patch);
        self.publish(in_transition);
        let Err(refused) = self.attach(&mut sites) else {
            return Ok(());
        };
        self.set_patched(handle, objects.clone(), false);
        self.publish(in_transition);
        // The handler is not attached to any new site.
        self.state.redirects.forget_vanished();
        Err(self.report_failed_site(handle, objects, refused))
    }

    /// Adds `sites` to the shared ops, all or none. On failure returns the refused site.
    fn attach(&mut self, sites: &mut [Site]) -> core::result::Result<(), RefusedSite> {
        let Some(&last) = sites.last() else {
            return Ok(());
        };
        let entries = &mut self.state.site_ops;
        entries
            .attach(self.platform, sites, &self.lock)
            .map_err(|errno| {
                let refused = RefusedSite { site: last, errno };
                bisect_failure(entries, self.platform, &self.lock, sites, refused)
            })?;
        // Checked after attaching: later direct-call users are notified of these ops.
        let refused = sites.iter().find_map(|&site| {
            let shared = self.platform.has_direct_call(site);
            let result = shared.then(|| entries.share(self.platform, site, &self.lock));
            let errno = result?.err()?;
            Some(RefusedSite { site, errno })
        });
        let Some(refused) = refused else {
            return Ok(());
        };
        let is_gone = |site: Site| site == refused.site || entries.has(site);
        let common = sort::partition_in_place(sites, |&site| is_gone(site));
        if let Some(common) = sites.get(..common).filter(|common| !common.is_empty()) {
            entries.detach(self.platform, common, &self.lock);
        }
        Err(refused)
    }

    /// Finds the patch sites of the functions of these objects.
    fn find_sites(
        &mut self,
        handle: P::Patch,
        objects: Range<usize>,
    ) -> core::result::Result<(), Failure> {
        for index in objects {
            let Some(object) = self.state.object_mut(handle, index) else {
                continue;
            };
            if !object.is_loaded() || object.patched {
                continue;
            }
            for func in object.funcs.iter_mut() {
                func.site = self.platform.site(func.old);
                if func.site.is_none() {
                    self.platform.error(format_args!(
                        "failed to find location for function '{}'",
                        func.name
                    ));
                    return Err(Failure {
                        object: index,
                        errno: EINVAL,
                    });
                }
            }
        }
        Ok(())
    }

    /// The sites to attach the handler to, sorted.
    fn new_sites(&self, handle: P::Patch, objects: Range<usize>) -> Result<Vec<Site>> {
        let mut sites = Vec::new();
        let all = self.state.unpatched(handle, objects);
        for site in all.filter_map(|(_, func)| func.site) {
            // A site that still has a dedicated ops is attached already.
            if !self
                .state
                .redirects
                .contains(&self.published.redirects, site)
                && !self.state.site_ops.has(site)
            {
                sites.push(site)?;
            }
        }
        // The patch may name one function twice.
        sort::sort_by_key(&mut sites, |&site| site);
        sites.dedup();
        Ok(sites)
    }

    fn set_patched(&mut self, handle: P::Patch, objects: Range<usize>, patched: bool) {
        for index in objects {
            let Some(object) = self.state.object_mut(handle, index) else {
                continue;
            };
            if !object.is_loaded() || object.patched == patched {
                continue;
            }
            object.set_patched(self.platform, patched);
            for func in object.funcs.iter_mut() {
                func.set_patched(self.platform, patched);
            }
        }
    }

    /// Logs which function ftrace refused.
    fn report_failed_site(
        &self,
        handle: P::Patch,
        objects: Range<usize>,
        refused: RefusedSite,
    ) -> Failure {
        let RefusedSite { site, errno } = refused;
        let found = self
            .state
            .unpatched(handle, objects.clone())
            .find(|(_, func)| func.site == Some(site));
        if let Some((_, func)) = found {
            self.platform.error(format_args!(
                "failed to register ftrace handler for function '{}' ({errno})",
                func.name
            ));
        }
        Failure {
            object: found.map_or(objects.start, |(object, _)| object),
            errno,
        }
    }

    /// Publishes the current redirects, and waits until no handler uses the old ones. Notes sites that no longer have
    /// a redirect, which [`Core::detach_vanished`] detaches.
    pub(crate) fn publish(&mut self, in_transition: Option<P::Patch>) {
        let redirects = Patches::redirects(&self.state.patches, in_transition);
        let change = self
            .state
            .redirects
            .publish(&self.published.redirects, redirects);
        self.state
            .redirects
            .note_vanished(&self.published.redirects, &change);
        self.state
            .redirects
            .finish(change, self.platform, &self.lock);
    }
}

impl<P: Platform> Patch<P> {
    /// The number of functions that the patch may redirect.
    fn count(&self) -> usize {
        self.objects.iter().map(|object| object.funcs.len()).sum()
    }
}

/// Finds which of `sites` ftrace refused. `refused` is the result if it accepts all but the last.
fn bisect_failure<P: Platform>(
    entries: &mut SiteOps<P>,
    platform: &P,
    lock: &Locked<'_>,
    sites: &[Site],
    mut refused: RefusedSite,
) -> RefusedSite {
    // The change was refused as a whole: the shortest prefix that is refused ends with the refused site.
    let (mut good, mut bad) = (0, sites.len());
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        let part = sites.get(..middle).unwrap_or_default();
        match entries.attach(platform, part, lock) {
            Ok(()) => {
                entries.detach(platform, part, lock);
                good = middle;
            }
            Err(errno) => {
                if let Some(&site) = part.last() {
                    refused = RefusedSite { site, errno };
                }
                bad = middle;
            }
        }
    }
    refused
}
