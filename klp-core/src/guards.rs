// SPDX-License-Identifier: GPL-2.0-only

//! Guard ops: they call the handler at sites whose other ops change.

use crate::errno::Result;
use crate::fault::{self, Fault};
use crate::platform::{Ops, Platform};
use crate::snapshot::Locked;
use crate::types::Site;

/// The registered guards.
#[must_use = "guards stay registered until they are detached"]
#[derive(Debug)]
pub(crate) struct Guards {
    registered: usize,
}

impl Guards {
    /// Attaches one guard to `sites`: targets can change there.
    ///
    /// # Errors
    ///
    /// Those of [`Tracing::add_sites`](crate::platform::Tracing::add_sites) and
    /// [`Tracing::register`](crate::platform::Tracing::register); nothing is attached then.
    pub(crate) fn attach<P: Platform>(
        platform: &P,
        sites: &[Site],
        lock: &Locked<'_>,
    ) -> Result<Self> {
        let mut guards = Self { registered: 0 };
        guards.register(platform, sites, lock)?;
        Ok(guards)
    }

    /// Attaches both guards to `sites`: other ops can be registered and unregistered there without changing text.
    ///
    /// # Errors
    ///
    /// Those of [`Guards::attach`].
    pub(crate) fn attach_both<P: Platform>(
        platform: &P,
        sites: &[Site],
        lock: &Locked<'_>,
    ) -> Result<Self> {
        let mut guards = Self::attach(platform, sites, lock)?;
        if let Err(errno) = guards.register(platform, sites, lock) {
            guards.detach(platform, lock);
            return Err(errno);
        }
        Ok(guards)
    }

    /// Registers the next guard.
    fn register<P: Platform>(&mut self, platform: &P, sites: &[Site], lock: &Locked<'_>) -> Result {
        if fault::is_injected(Fault::NoGuards) {
            return Ok(());
        }
        let guard = Ops::Guard(self.registered);
        platform
            .add_sites(guard, sites, lock)
            .and_then(|()| platform.register(guard, lock))
            .inspect_err(|_| platform.clear_sites(guard, lock))?;
        self.registered = self.registered.saturating_add(1);
        Ok(())
    }

    /// Detaches the guards, and waits for a grace period.
    pub(crate) fn detach<P: Platform>(self, platform: &P, lock: &Locked<'_>) {
        for guard in (0..self.registered).rev() {
            // A guard that ftrace fails to unregister stays attached. Its handler does no harm.
            let _ = platform.unregister(Ops::Guard(guard), lock);
        }
        // For concurrent walkers of ftrace's list, before the guards are used again.
        platform.wait_for_cpus(lock);
        for guard in 0..self.registered {
            platform.clear_sites(Ops::Guard(guard), lock);
        }
    }
}
