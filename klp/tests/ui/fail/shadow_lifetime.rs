// SPDX-License-Identifier: GPL-2.0-only

//! A reference to shadow data that would outlive what it is attached to.

use klp::prelude::*;

#[repr(C)]
struct Session {
    user: usize,
}

// SAFETY: nothing asks the kernel here.
unsafe impl klp::layout::KernelStruct for Session {
    const NAME: &'static str = "session";
}

#[livepatch(description = "A fix", license = "GPL")]
mod fix {
    use super::*;

    #[shadow(id = 1)]
    static USES: Shadow<Session, u32>;

    #[livepatch(object = "sessions", replaces = "session_free")]
    fn session_free(session: *mut Session) -> Result<i32> {
        // SAFETY: none.
        let session = unsafe { &mut *session };
        let uses = USES.get(session)?;
        USES.free(session);
        Ok(uses.map_or(0, |uses| *uses as i32))
    }

    #[livepatch(object = "sessions", replaces = "session_use")]
    fn session_use(session: &Session) -> Result {
        USES.free(session);
        Ok(())
    }

    #[pre_unpatch]
    fn too_early(object: &klp::Object) {
        USES.free_all(object);
    }
}

fn main() {}
