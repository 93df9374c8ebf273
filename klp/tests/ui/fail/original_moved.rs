// SPDX-License-Identifier: GPL-2.0-only

//! Use of a box after it was passed to the original.

use klp::prelude::*;

#[kernel_struct("session")]
struct Session {
    user: u32,
}

#[livepatch(object = "sessions", replaces = "session_free",
            description = "A check", license = "GPL")]
fn session_free(session: Pin<KBox<Session>>) -> u32 {
    original(session);
    session.user()
}

fn main() {}
