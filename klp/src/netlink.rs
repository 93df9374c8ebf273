// SPDX-License-Identifier: GPL-2.0-only

//! [`Attribute`], an attribute of a netlink message.
//!
//! ```
//! use klp::netlink::Attribute;
//! use klp::prelude::*;
//!
//! #[livepatch(object = "vmlinux", replaces = "some_parse", description = "A fix", license = "GPL")]
//! fn some_parse(attribute: &Attribute) -> Result {
//!     if attribute.payload().u32_be(0).is_none_or(|number| number > 23) {
//!         return Err(ERANGE);
//!     }
//!     original(attribute)
//! }
//! # fn main() {}
//! ```

use crate::bytes::Bytes;
use crate::view::access::load;
use crate::view::opaque;

/// The size of `struct nlattr`, the header.
const HEADER: usize = 4;

opaque! {
    /// C's `struct nlattr` with its payload. The kernel validates its length before it passes the attribute on.
    Attribute = "nlattr", HEADER, true;
}

impl Attribute {
    /// Returns the payload, with the length from the header.
    ///
    /// ```
    /// use klp::netlink::Attribute;
    ///
    /// fn port(attribute: &Attribute) -> Option<u16> {
    ///     attribute.payload().u16_be(0)
    /// }
    /// ```
    #[inline]
    pub fn payload(&self) -> Bytes<'_> {
        let start = self.as_ptr();
        // SAFETY: the header begins with the length.
        let length: u16 = unsafe { load(start) };
        let length = usize::from(length).saturating_sub(HEADER);
        // SAFETY: the kernel has validated that the attribute is as long as its header says.
        unsafe { Bytes::new(start.wrapping_add(HEADER).cast(), length) }
    }
}

#[cfg(test)]
mod tests {
    use super::Attribute;

    #[test]
    fn the_payload_follows_the_header() {
        let payload = |length: u16| {
            let [low, high] = length.to_le_bytes();
            let mut bytes = [low, high, 1, 0, 0, 0, 0, 7, 9];
            // SAFETY: the length is at most that of the bytes.
            let attribute = unsafe { &*bytes.as_mut_ptr().cast::<Attribute>() };
            let payload = attribute.payload();
            (payload.len(), payload.u32_be(0))
        };
        assert_eq!(payload(9), (5, Some(7)));
        assert_eq!(payload(7), (3, None));
        assert_eq!(payload(2), (0, None), "shorter than the header");
    }
}
