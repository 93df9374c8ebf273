// SPDX-License-Identifier: GPL-2.0-only

//! Modules of the kernel with published fixes taken out. A fix that is one condition is undone by
//! another condition in its place; the rest of the source stays the kernel's own of today.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

use super::write_changed;

/// A module, and what to undo in it.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) name: &'static str,
    /// Where its sources are in the kernel's.
    folder: &'static str,
    /// The files in C that it consists of, without `.c`.
    parts: &'static [&'static str],
    edits: &'static [Edit],
}

/// What to undo in a function.
#[derive(Debug)]
struct Edit {
    /// The part of the module that it stands in.
    part: &'static str,
    function: &'static str,
    /// Stands there once.
    find: &'static str,
    put: &'static str,
}

const fn edit(
    part: &'static str,
    function: &'static str,
    find: &'static str,
    put: &'static str,
) -> Edit {
    Edit {
        part,
        function,
        find,
        put,
    }
}

const NET_ADMIN: &str = "!capable(CAP_NET_ADMIN)";
const NET_RAW: &str = "!capable(CAP_NET_RAW)";
const SYS_ADMIN: &str = "!capable(CAP_SYS_ADMIN)";

/// All modules that are built without fixes.
pub(super) const MODULES: [Module; 7] = [
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
                let text = self.undo(&text, &name)?;
                write_changed(&to.join(&*name), text.as_bytes())?;
            }
        }
        write_changed(&to.join("Kbuild"), self.kbuild().as_bytes())
    }

    fn kbuild(&self) -> String {
        let name = self.name;
        let mut text = format!("obj-m := {name}.o\n");
        if self.parts != [name] {
            let objects: Vec<_> = self.parts.iter().map(|part| format!("{part}.o")).collect();
            text.push_str(&format!("{name}-y := {}\n", objects.join(" ")));
        }
        text
    }

    /// The text of a file without the fixes in it.
    fn undo(&self, text: &str, file: &str) -> Result<String> {
        let here = |edit: &&Edit| file == format!("{}.c", edit.part);
        self.edits
            .iter()
            .filter(here)
            .try_fold(text.to_owned(), |text, edit| {
                edit.undo(&text)
                    .with_context(|| format!("in `{}` of {file}", edit.function))
            })
    }
}

impl Edit {
    fn undo(&self, text: &str) -> Result<String> {
        let (start, end) = body(text, self.function)?;
        let body = &text[start..end];
        let count = body.matches(self.find).count();
        ensure!(
            count == 1,
            "`{}` is there {count} times instead of once",
            self.find
        );
        let body = body.replace(self.find, self.put);
        Ok([&text[..start], &body, &text[end..]].concat())
    }
}

/// Where the definition of a function begins and ends. Its name begins no declaration, and the line
/// with the last brace has nothing else.
fn body(text: &str, function: &str) -> Result<(usize, usize)> {
    let call = format!("{function}(");
    for (start, _) in text.match_indices(&call) {
        let line = &text[text[..start].rfind('\n').map_or(0, |at| at + 1)..];
        if line.starts_with([' ', '\t', '#']) || !line_names(line, &call) {
            continue;
        }
        let rest = &text[start..];
        let Some(open) = rest.find(['{', ';']) else {
            continue;
        };
        if rest[open..].starts_with('{') {
            let end = rest.find("\n}\n").context("it does not end")?;
            return Ok((start, start + end));
        }
    }
    bail!("there is no such function")
}

/// Whether this, and no longer name, stands in the line.
fn line_names(line: &str, call: &str) -> bool {
    let before = line.split(call).next().unwrap_or_default();
    !before.ends_with(|last: char| last.is_alphanumeric() || last == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "static int f(int);\nint not_f(void)\n{\n\treturn ok(1);\n}\n\
                        static int\nf(int x)\n{\n\tif (x)\n\t\treturn ok(1);\n}\n\
                        int g(void)\n{\n\treturn f(2) + ok(1);\n}\n";

    #[test]
    fn a_fix_is_undone_in_its_function_alone() {
        let undone = edit("a", "f", "ok(1)", "2").undo(TEXT).unwrap();
        assert_eq!(undone.matches("ok(1)").count(), 2);
        assert!(undone.contains("if (x)\n\t\treturn 2;"), "{undone}");
    }

    #[test]
    fn what_is_not_there_once_is_an_error() {
        let error = |function, find| {
            let error = edit("a", function, find, "2").undo(TEXT).unwrap_err();
            error.to_string()
        };
        assert!(error("f", "no(1)").contains("0 times"));
        assert!(error("g", "(").contains("3 times"));
        assert!(error("h", "ok(1)").contains("no such function"));
    }

    #[test]
    fn a_module_of_one_part_needs_no_list() {
        assert_eq!(MODULES[0].kbuild(), "obj-m := msr.o\n");
        let ieee = MODULES.iter().find(|module| module.parts == ["socket"]);
        assert_eq!(
            ieee.unwrap().kbuild(),
            "obj-m := ieee802154_socket.o\nieee802154_socket-y := socket.o\n"
        );
    }
}
