// SPDX-License-Identifier: GPL-2.0-only

//! Structures created in C are pinned, because C may have pointers into them.

use klp::prelude::*;

#[kernel_struct("session", object = "sessions")]
struct Session {
    user: usize,
}

#[livepatch(description = "A fix", license = "GPL")]
mod fix {
    use super::*;

    #[livepatch(object = "sessions", replaces = "session_swap")]
    fn session_swap(mut first: Pin<KBox<Session>>, mut second: Pin<KBox<Session>>) {
        core::mem::swap(&mut *first, &mut *second);
    }

    #[livepatch(object = "sessions", replaces = "session_take")]
    fn session_take(mut session: Pin<KBox<Session>>) {
        let session: &mut Session = Pin::get_mut(session.as_mut());
        let _ = session;
    }

    #[livepatch(object = "sessions", replaces = "session_get")]
    fn session_get() -> Result<Option<KBox<Session>>> {
        original()
    }
}

fn main() {}
