// SPDX-License-Identifier: GPL-2.0-only

//! Compatibility of system states: changes besides code that patches declare, so that a later
//! patch can take them over.

use crate::model::Patches;
use crate::platform::Platform;

/// Is the new patch compatible with the states that enabled patches declare?
///
/// A state that both declare must have at least the same version in the new patch. A patch
/// that replaces all others must declare all of their states.
pub(crate) fn are_compatible<P: Platform>(
    platform: &P,
    patches: &Patches<P>,
    new: P::Patch,
    replace: bool,
) -> bool {
    let mut compatible = true;
    for patch in patches.patches.iter() {
        platform.states(patch.handle, |id, version| {
            compatible &= match version_of(platform, new, id) {
                Some(ours) => ours >= version,
                None => !replace,
            };
        });
    }
    compatible
}

/// The version of the state `id` that a patch declares.
fn version_of<P: Platform>(platform: &P, patch: P::Patch, id: usize) -> Option<u32> {
    let mut found = None;
    platform.states(patch, |other, version| {
        if other == id && found.is_none() {
            found = Some(version);
        }
    });
    found
}
