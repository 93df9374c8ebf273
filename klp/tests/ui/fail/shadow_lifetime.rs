// SPDX-License-Identifier: GPL-2.0-only

//! References to shadow data that outlive the parent.

use klp::prelude::*;

#[kernel_struct("session", object = "sessions")]
struct Session {
    user: usize,
}

#[livepatch(description = "A fix", license = "GPL")]
mod fix {
    use super::*;

    #[shadow(id = 1)]
    static USES: Shadow<Session, u32>;

    #[livepatch(object = "sessions", replaces = "session_free")]
    fn session_free(mut session: Pin<KBox<Session>>) -> Result<i32> {
        let uses = USES.get(&session)?;
        USES.free(session.as_mut());
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
