// SPDX-License-Identifier: GPL-2.0-only

//! Unloading the core, where it is a module: no patch may need it, and no site and no memory may be left.

use crate::context::Core;
use crate::memory::Vec;
use crate::platform::Platform;

/// The number of sites that are detached at a time.
const BATCH: usize = 32;

impl<P: Platform> Core<'_, P> {
    /// Returns whether there is no patch, neither enabled nor registered. With `report`, logs each.
    pub fn is_unused(&self, report: bool) -> bool {
        let all = || {
            self.state
                .patches
                .iter()
                .chain(self.state.registered.iter())
        };
        if report {
            for patch in all() {
                self.platform.error(format_args!(
                    "klp_core is in use by patch '{}': disable that first",
                    patch.name
                ));
            }
        }
        all().next().is_none()
    }

    /// Detaches a batch of sites that no patch redirects. Returns whether no attached site is left.
    pub fn detach_rest(&mut self) -> bool {
        self.unregister_unused(BATCH);
        self.state.site_ops.is_empty()
    }

    /// Frees the memory that is kept for later patches. Called without patches and sites.
    pub fn free_memory(&mut self) {
        self.state
            .redirects
            .free(&self.published.redirects, self.platform, &self.lock);
        self.state.site_ops.free();
        self.state.patches = Vec::new();
        self.state.registered = Vec::new();
    }
}
