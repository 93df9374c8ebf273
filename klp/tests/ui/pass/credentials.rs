// SPDX-License-Identifier: GPL-2.0-only

//! Capabilities in a user namespace, and credentials.

#![forbid(unsafe_code)]
#![deny(warnings)]
use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    use klp::cred::{CredentialExt as _, UserNamespace};
    use klp::prelude::*;

    #[livepatch(object = "vmlinux", replaces = "c")]
    fn namespace(namespace: &UserNamespace, opener: Option<&Credential>) -> Result {
        let is_opener = opener.is_some_and(|opener| opener.uid() == klp::cred::current_euid());
        if !is_opener && !ns_capable(namespace, Capability::NET_ADMIN) {
            return Err(EPERM);
        }
        original(namespace, opener)
    }

    #[livepatch(object = "vmlinux", replaces = "d")]
    fn opened(file: &File, namespace: &UserNamespace, mode: u16) -> Result {
        let current = klp::cred::current_cred!();
        if mode & (S_IFMT | S_IWOTH) == S_IFREG | S_IWOTH && current.uid() != current.euid() {
            pr_warn_once!("set-user-id\n");
            pr_info_ratelimited!("mode {mode}\n");
            return Err(EACCES);
        }
        if !klp::file_ns_capable(file, namespace, Capability::SYS_ADMIN) && !capable(Capability::BPF) {
            return Err(EPERM);
        }
        let _ = (PAGE_SIZE, AF_INET6);
        original(file, namespace, mode)
    }
}

fn main() {}
