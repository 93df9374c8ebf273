// SPDX-License-Identifier: GPL-2.0-only

//! Takes pointers to integers, buffers, `sockptr_t` and credentials.

use klp::abi::InOut;
use klp::bytes::Bytes;
use klp::cred::{current_cred, current_euid, CredentialExt as _, UserNamespace};
use klp::prelude::*;
use klp::sockptr::SockPtr;

#[livepatch(description = "Test patch", license = "GPL")]
mod arguments {
    use super::*;

    #[livepatch(object = "klp_arguments", replaces = "arguments_move")]
    fn go(position: InOut<'_, i64>, optional: Option<InOut<'_, i32>>) -> Result<i32> {
        position.write(position.read() * 2);
        let moved = original(position, optional)?;
        if let Some(optional) = optional {
            optional.write(optional.read() + 100);
        }
        Ok(moved + 1)
    }

    /// A message begins with its length.
    #[livepatch(object = "klp_arguments", replaces = "arguments_receive")]
    fn receive(#[counted_by(length, unsafe)] message: Bytes<'_>, length: usize) -> Result<i32> {
        match message.u16_be(0) {
            Some(said) if usize::from(said) <= message.len() => original(message, length),
            _ => Err(EMSGSIZE),
        }
    }

    #[livepatch(object = "klp_arguments", replaces = "arguments_option")]
    fn option(option: SockPtr<'_>, length: u32) -> Result<i32> {
        // SAFETY: callers pass the length of the option.
        let value = unsafe { option.with_len(length as usize) }.read_i32()?;
        Ok(original(option, length)? + value)
    }

    #[livepatch(object = "klp_arguments", replaces = "arguments_owner")]
    fn owner(cred: &Credential, ns: &UserNamespace) -> i32 {
        let current = current_cred!();
        let is_same = current.uid() == cred.uid() && core::ptr::eq(&*current, cred);
        let known = is_same && cred.euid() == current_euid() && cred.user_ns().is_current();
        pr_warn_ratelimited!("asked for the owner\n");
        original(cred, ns)
            + 2 * i32::from(known)
            + 4 * i32::from(ns_capable(ns, Capability::SYS_ADMIN))
    }

    /// Adds one to the value that C wrote.
    #[livepatch(object = "klp_arguments", replaces = "arguments_get_option")]
    fn get_option(option: SockPtr<'_>, length: u32) -> Result<i32> {
        let done = original(option, length)?;
        // SAFETY: callers have room for `length` bytes.
        let (data, room) = unsafe {
            (
                option.with_len(length as usize),
                option.with_room(length as usize),
            )
        };
        room.write_i32(data.read_i32()? + 1)?;
        Ok(done)
    }

    /// Returns the first one instead of the second.
    #[livepatch(object = "klp_arguments", replaces = "arguments_find")]
    fn find(index: i32) -> Returned<i32> {
        match original(index) {
            found if index == 1 && !found.is_null() => original(0),
            found => found,
        }
    }
}
