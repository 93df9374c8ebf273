// SPDX-License-Identifier: GPL-2.0-only

//! Versions, CVE IDs and URLs in a format that tools cannot parse.

use klp::prelude::*;

#[livepatch(
    object = "vmlinux",
    replaces = "a",
    description = "A fix",
    license = "GPL",
    version = "1 beta",
    fixes = ["CVE-2024-12", "cve-2024-1234", "CVE-2024-1234, CVE-2024-1235", "CVE-2024-1", "CVE-2024-1"],
    url = "example.org"
)]
fn words() {}

#[livepatch(object = "vmlinux", replaces = "b", description = "A fix", license = "GPL", version = 1,
            fixes = "CVE-2024-1234", url)]
fn forms() {}

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    #[livepatch(object = "vmlinux", replaces = "c", version = "1", fixes = ["CVE-2024-1234"])]
    fn misplaced() {}
}

fn main() {}
