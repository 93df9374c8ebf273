// SPDX-License-Identifier: GPL-2.0-only

//! What it takes for the core to go, where it is a module: that no patch needs it, and that it leaves no site and no
//! memory behind.

use crate::context::Core;
use crate::memory::Vec;
use crate::platform::Platform;

/// How many sites are detached at a time.
const BATCH: usize = 32;

impl<P: Platform> Core<'_, P> {
    /// Is there no patch, neither enabled nor registered? If there are, `report` logs their names.
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

    /// Detaches some of the sites that no patch redirects. Returns whether none is left.
    pub fn detach_rest(&mut self) -> bool {
        self.unregister_unused(BATCH);
        self.state.site_ops.is_empty()
    }

    /// Frees the memory that is kept for the next patch. There is none, and no site.
    pub fn free_memory(&mut self) {
        self.state
            .redirects
            .free(&self.published.redirects, self.platform, &self.lock);
        self.state.site_ops.free();
        self.state.patches = Vec::new();
        self.state.registered = Vec::new();
    }
}
