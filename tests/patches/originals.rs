// SPDX-License-Identifier: GPL-2.0-only

//! Calls originals with arguments and results of each kind, and modifies each.

use klp::prelude::*;

/// Passed in registers.
#[kernel_struct("originals_pair", object = "klp_originals")]
struct Pair {
    #[write]
    first: isize,
}

/// Passed on the stack.
#[kernel_struct("originals_big", object = "klp_originals")]
struct Big {
    #[write]
    values: [isize; 4],
}

/// From `kmalloc()`.
#[kernel_struct("originals_session", object = "klp_originals")]
struct Session {
    /// Any user is valid.
    #[write(unsafe)]
    user: u32,
}

#[livepatch(description = "Test patch", license = "GPL")]
mod originals {
    use super::*;

    #[livepatch(object = "klp_originals", replaces = "originals_many")]
    #[allow(clippy::too_many_arguments)]
    fn many(a: isize, b: i32, c: u8, d: isize, e: i16, f: isize, g: i32, h: isize) -> isize {
        -original(a, b, c, d, e, f, g, h)
    }

    #[livepatch(object = "klp_originals", replaces = "originals_swap")]
    fn swap(mut pair: Pair) -> Pair {
        pair.set_first(pair.first() + 10);
        original(pair)
    }

    #[livepatch(object = "klp_originals", replaces = "originals_turn")]
    fn turn(mut big: Big) -> Big {
        match big.set_values(0, 10) {
            Ok(()) => original(big),
            Err(_) => big,
        }
    }

    #[livepatch(object = "klp_originals", replaces = "originals_is_even")]
    fn is_even(number: u32) -> bool {
        original(number + 1)
    }

    #[livepatch(object = "klp_originals", replaces = "originals_size")]
    fn size(size: usize) -> Result<usize> {
        Ok(original(size)? + 1)
    }

    #[livepatch(object = "klp_originals", replaces = "originals_check")]
    fn check(number: i32) -> Result {
        original(number).or_else(|error| if error == ERANGE { original(0) } else { Err(EINVAL) })?;
        if number > 0 {
            return Err(EBUSY);
        }
        Ok(())
    }

    /// Returns a session of user 1 if the requested user does not exist.
    #[livepatch(object = "klp_originals", replaces = "originals_session_new")]
    fn session_new(user: u32) -> Result<Option<Pin<KBox<Session>>>> {
        match original(user)? {
            Some(session) => {
                let user = session.user();
                session.set_user(user + 100);
                Ok(Some(session))
            }
            None => original(1),
        }
    }

    #[livepatch(object = "klp_originals", replaces = "originals_session_free")]
    fn session_free(session: Pin<KBox<Session>>) {
        pr_info!("session of {} ends\n", session.user());
        original(session);
    }

    #[livepatch(object = "klp_originals", replaces = "originals_session_user")]
    fn session_user(session: Option<&Session>) -> u32 {
        original(session).max(original(None))
    }

    #[livepatch(object = "klp_originals", replaces = "originals_sleep")]
    fn sleep(ms: u32) -> Result<i32> {
        let slept = original(ms)?;
        Ok(slept + 1)
    }

    /// One of two functions with the same name.
    #[livepatch(object = "klp_twins", replaces = "level_show", sympos = 2)]
    fn second_level(m: &SeqFile, v: *mut c_void) -> Result<i32> {
        seq_print!(m, "not the ");
        original(m, v)
    }

    /// Runs after the checks for originals.
    #[pre_patch(object = "klp_originals")]
    fn before(object: &klp::Object) -> Result {
        pr_info!("before {}\n", object.name().to_str().unwrap_or("?"));
        Ok(())
    }
}
