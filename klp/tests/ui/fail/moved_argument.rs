// SPDX-License-Identifier: GPL-2.0-only

//! Arguments that are boxes without `Pin`, from which a structure can be moved.

use klp::prelude::*;

#[kernel_struct("session", object = "sessions")]
struct Session {
    user: usize,
}

#[livepatch(object = "sessions", replaces = "session_swap",
            description = "A fix", license = "GPL")]
fn session_swap(mut first: KBox<Session>, second: Option<KBox<Session>>) {
    if let Some(mut second) = second {
        core::mem::swap(&mut *first, &mut *second);
    }
}

fn main() {}
