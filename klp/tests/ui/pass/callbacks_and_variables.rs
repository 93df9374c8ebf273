// SPDX-License-Identifier: GPL-2.0-only

//! Callbacks, shadow variables and states.

#![deny(warnings, missing_docs)]
#![forbid(unsafe_code)]
use klp::prelude::*;

/// Shadow data.
#[derive(Persistent)]
pub struct Usage {
    calls: klp::sync::Atomic<u32>,
    name: Option<KBox<[u8; 16]>>,
}

/// A tuple structure.
#[derive(Persistent)]
pub struct Pair(u32, Usage);

/// A unit structure.
#[derive(Persistent)]
pub struct Nothing;

#[livepatch(description = "A fix", license = "GPL", replace)]
mod fix {
    use super::*;
    use klp::sync::Relaxed;

    /// Documented.
    #[shadow(id = 1)]
    static USAGE: Shadow<Task, Usage>;

    #[allow(dead_code)]
    #[klp::shadow(id = 0xffff_ffff)]
    pub(crate) static PAIR: klp::Shadow<SeqFile, Pair>;

    #[state(id = 1, version = 1)]
    static MARK: State;

    #[klp::prelude::state(id = 4294967295, version = 0)]
    static LEVEL: klp::State<KBox<u64>>;

    #[livepatch(object = "vmlinux", replaces = "a")]
    fn a(task: &Task) -> Result<usize> {
        let new = || {
            Ok(Usage {
                calls: klp::sync::Atomic::new(0),
                name: Some(KBox::new([0; 16], GFP_KERNEL)?),
            })
        };
        let usage = USAGE.get_or_try_init(task, GFP_KERNEL, new)?;
        let level = LEVEL.get().map_or(0, |level| **level);
        Ok(usage.calls.fetch_add(1, Relaxed) as usize
            + level as usize
            + usage.name.as_deref().map_or(0, |name| name.len()))
    }

    /// Runs before the transition.
    #[pre_patch]
    fn before(object: &klp::Object) -> Result {
        if object.is_vmlinux() && object.module_state() == Some(klp::ModuleState::Live) {
            return Err(EBUSY);
        }
        if !LEVEL.inherit(object)? {
            LEVEL.set(KBox::new(1, GFP_KERNEL)?, GFP_KERNEL)?;
        }
        match MARK.previous(object) {
            Some(previous) if previous.version() > MARK.version() => Err(EINVAL),
            _ => Ok(()),
        }
    }

    #[klp::post_patch]
    fn after(_: &klp::Object) {}

    #[klp::prelude::pre_unpatch(object = "vmlinux")]
    fn again(_object: &klp::callbacks::Object) -> () {}

    #[post_unpatch]
    pub fn gone(unpatched: &klp::Unpatched) {
        USAGE.free_all(unpatched);
        LEVEL.free(unpatched);
        again(unpatched);
    }
}

fn main() {}
