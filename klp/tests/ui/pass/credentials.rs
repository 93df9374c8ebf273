// SPDX-License-Identifier: GPL-2.0-only

//! Capabilities over a namespace, and credentials.

#![forbid(unsafe_code)]
#![deny(warnings)]
use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    use klp::cred::{CredentialExt as _, UserNamespace};
    use klp::prelude::*;
    use klp::{ns_capable, Capability};

    #[livepatch(object = "vmlinux", replaces = "c")]
    fn namespace(namespace: &UserNamespace, opener: Option<&Credential>) -> Result {
        let is_opener = opener.is_some_and(|opener| opener.uid() == klp::cred::current_euid());
        if !is_opener && !ns_capable(namespace, Capability::NET_ADMIN) {
            return Err(EPERM);
        }
        original(namespace, opener)
    }
}

fn main() {}
