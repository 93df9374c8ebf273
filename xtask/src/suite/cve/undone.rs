// SPDX-License-Identifier: GPL-2.0-only

//! Writes the sources of kernel modules with published fixes removed.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::edit::{Edit, edit, undo};
use crate::files::write_changed;

/// A module, and the edits that undo its fixes.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) name: &'static str,
    /// The folder of its sources in the kernel's source tree.
    folder: &'static str,
    /// The names of its C files, without `.c`.
    parts: &'static [&'static str],
    edits: &'static [Edit],
}

const NET_ADMIN: &str = "!capable(CAP_NET_ADMIN)";
const NET_RAW: &str = "!capable(CAP_NET_RAW)";
const SYS_ADMIN: &str = "!capable(CAP_SYS_ADMIN)";

/// All modules that are built without fixes.
pub(super) const MODULES: [Module; 10] = [
    Module {
        name: "msr",
        folder: "arch/x86/kernel",
        parts: &["msr"],
        edits: &[edit("msr", "msr_open", "!capable(CAP_SYS_RAWIO)", "false")],
    },
    Module {
        name: "nfnetlink_cthelper",
        folder: "net/netfilter",
        parts: &["nfnetlink_cthelper"],
        edits: &[
            edit(
                "nfnetlink_cthelper",
                "nfnl_cthelper_new",
                NET_ADMIN,
                "false",
            ),
            edit(
                "nfnetlink_cthelper",
                "nfnl_cthelper_get",
                NET_ADMIN,
                "false",
            ),
            edit(
                "nfnetlink_cthelper",
                "nfnl_cthelper_del",
                NET_ADMIN,
                "false",
            ),
        ],
    },
    Module {
        name: "nfnetlink_osf",
        folder: "net/netfilter",
        parts: &["nfnetlink_osf"],
        edits: &[
            edit("nfnetlink_osf", "nfnl_osf_add_callback", NET_ADMIN, "false"),
            edit(
                "nfnetlink_osf",
                "nfnl_osf_remove_callback",
                NET_ADMIN,
                "false",
            ),
        ],
    },
    Module {
        name: "ieee802154_socket",
        folder: "net/ieee802154",
        parts: &["socket"],
        edits: &[edit("socket", "ieee802154_create", NET_RAW, "false")],
    },
    Module {
        name: "nfc",
        folder: "net/nfc",
        parts: &[
            "core",
            "netlink",
            "af_nfc",
            "rawsock",
            "llcp_core",
            "llcp_commands",
            "llcp_sock",
        ],
        edits: &[
            edit("llcp_sock", "llcp_sock_create", NET_RAW, "false"),
            edit(
                "rawsock",
                "rawsock_create",
                "!ns_capable(net->user_ns, CAP_NET_RAW)",
                "false",
            ),
        ],
    },
    Module {
        name: "rbd",
        folder: "drivers/block",
        parts: &["rbd"],
        edits: &[
            edit("rbd", "do_rbd_add", SYS_ADMIN, "false"),
            edit("rbd", "do_rbd_remove", SYS_ADMIN, "false"),
        ],
    },
    Module {
        name: "scsi_transport_iscsi",
        folder: "drivers/scsi",
        parts: &["scsi_transport_iscsi"],
        edits: &[
            edit(
                "scsi_transport_iscsi",
                "show_transport_handle",
                SYS_ADMIN,
                "false",
            ),
            edit(
                "scsi_transport_iscsi",
                "iscsi_if_recv_msg",
                "!netlink_capable(skb, CAP_SYS_ADMIN)",
                "false",
            ),
        ],
    },
    Module {
        name: "tls",
        folder: "net/tls",
        parts: &[
            "tls_main",
            "tls_sw",
            "tls_proc",
            "trace",
            "tls_strp",
            "tls_device",
            "tls_device_fallback",
        ],
        edits: &[
            edit("tls_main", "do_tls_getsockopt", "\tlock_sock(sk);", ""),
            edit("tls_main", "do_tls_getsockopt", "\trelease_sock(sk);", ""),
        ],
    },
    Module {
        name: "nfnetlink_queue",
        folder: "net/netfilter",
        parts: &["nfnetlink_queue"],
        edits: &[
            edit(
                "nfnetlink_queue",
                "nfqnl_mangle",
                "data_len < min_len",
                "false",
            ),
            // A later check that would also catch it.
            edit(
                "nfnetlink_queue",
                "nfqnl_mangle",
                "!nfqnl_validate_write(data, data_len, e)",
                "false",
            ),
        ],
    },
    Module {
        name: "nf_tables",
        folder: "net/netfilter",
        parts: &[
            "nf_tables_core",
            "nf_tables_api",
            "nft_chain_filter",
            "nf_tables_trace",
            "nft_immediate",
            "nft_cmp",
            "nft_range",
            "nft_bitwise",
            "nft_byteorder",
            "nft_payload",
            "nft_lookup",
            "nft_dynset",
            "nft_meta",
            "nft_rt",
            "nft_exthdr",
            "nft_last",
            "nft_counter",
            "nft_objref",
            "nft_inner",
            "nft_chain_route",
            "nf_tables_offload",
            "nft_set_hash",
            "nft_set_bitmap",
            "nft_set_rbtree",
            "nft_set_pipapo",
            "nft_set_pipapo_avx2",
            "nft_ct_fast",
        ],
        edits: &[
            edit(
                "nf_tables_api",
                "nft_parse_register",
                "return -ERANGE;",
                "*preg = reg - NFT_REG_SIZE / NFT_REG32_SIZE;",
            ),
            // Later checks that would also catch it.
            edit(
                "nf_tables_api",
                "nft_parse_register_load",
                "next_register > NFT_REG32_NUM",
                "false",
            ),
            edit(
                "nf_tables_api",
                "nft_parse_register_load",
                "invalid_reg < next_register",
                "invalid_reg < min(next_register, NFT_REG32_NUM)",
            ),
        ],
    },
];

/// Writes the sources of all modules, without the fixes, into this folder, for Kbuild.
pub(super) fn write_sources(kernel: &Path, dir: &Path) -> Result<()> {
    let mut kbuild = String::new();
    for module in &MODULES {
        module
            .write_sources(&kernel.join(module.folder), &dir.join(module.name))
            .with_context(|| format!("cannot undo the fixes of {}", module.name))?;
        kbuild.push_str(&format!("obj-m += {}/\n", module.name));
    }
    write_changed(&dir.join("Kbuild"), kbuild.as_bytes())
}

impl Module {
    fn write_sources(&self, from: &Path, to: &Path) -> Result<()> {
        fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
        let entries =
            fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?;
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_part = self.parts.iter().any(|part| name == format!("{part}.c"));
            if is_part || name.ends_with(".h") {
                let text = fs::read_to_string(&path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                let here = |edit: &&Edit| name == format!("{}.c", edit.part);
                let text = undo(&text, self.edits.iter().filter(here))
                    .with_context(|| format!("in {name}"))?;
                write_changed(&to.join(&*name), text.as_bytes())?;
            }
        }
        write_changed(&to.join("Kbuild"), self.kbuild(from).as_bytes())
    }

    /// The Kbuild file. The sources include headers of their folder, also by relative paths, and without the
    /// fix they have unused variables.
    fn kbuild(&self, from: &Path) -> String {
        let name = self.name;
        let mut text = format!(
            "ccflags-y := -w -I$(src) -I{}\nobj-m := {name}.o\n",
            from.display()
        );
        if self.parts != [name] {
            let objects: Vec<_> = self.parts.iter().map(|part| format!("{part}.o")).collect();
            text.push_str(&format!("{name}-y := {}\n", objects.join(" ")));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_of_one_part_needs_no_list() {
        let kbuild = |module: &Module| {
            let text = module.kbuild(Path::new("/linux"));
            let rest = text.strip_prefix("ccflags-y := -w -I$(src) -I/linux\n");
            rest.unwrap_or_else(|| panic!("{text}")).to_owned()
        };
        assert_eq!(kbuild(&MODULES[0]), "obj-m := msr.o\n");
        let ieee = MODULES.iter().find(|module| module.parts == ["socket"]);
        assert_eq!(
            kbuild(ieee.unwrap()),
            "obj-m := ieee802154_socket.o\nieee802154_socket-y := socket.o\n"
        );
    }
}
