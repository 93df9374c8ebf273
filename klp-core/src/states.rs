// SPDX-License-Identifier: GPL-2.0-only

//! System states: what patches say they change in the system besides its code, so that a later
//! patch can take it over or refuse to.

use crate::model::Patches;
use crate::platform::Platform;

/// Can the new patch live with what those that are enabled have changed?
///
/// It has to know each state that it declares too in at least the version that is there. A patch
/// that replaces all others has to declare all that they do.
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
