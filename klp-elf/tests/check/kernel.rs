// SPDX-License-Identifier: GPL-2.0-only

//! The kernel that the modules are checked against.

use crate::btf::Btf;
use crate::files::{File, Folder, INIT, TEXT, vmlinux};
use klp_elf::Kernel;
use klp_elf::check::{Against, Report, check};

/// Its files, and itself.
pub(crate) struct Made {
    _folder: Folder,
    kernel: Kernel,
}

/// Its exports: version, symbol, namespace.
const EXPORTS: &str = "0x00000000\tklp_enable_patch\tvmlinux\tEXPORT_SYMBOL_GPL\t\n\
    0x12345678\tseq_puts\tvmlinux\tEXPORT_SYMBOL\t\n\
    0x00000000\tspaced\tvmlinux\tEXPORT_SYMBOL\tSPACE\n";

impl Made {
    pub(crate) fn new() -> Self {
        let mut folder = Folder::new(&vmlinux(
            &Btf::new(),
            &[
                ("show", TEXT + 0x100, true),
                ("twin", TEXT + 0x200, true),
                ("twin", TEXT + 0x300, true),
                ("hidden", TEXT + 0x400, true),
                ("quiet", TEXT + 0x500, false),
                ("starts", INIT + 0x100, true),
                ("counter", 0xffff_ffff_8300_0100, false),
            ],
        ));
        folder.add("Module.symvers", EXPORTS.as_bytes());
        folder.add("include/config/kernel.release", b"7.2.1-test\n");
        let mut module = File::new();
        let text = module.section(".text", 0, &[0; 64]);
        let data = module.section(".data", 0, &[0; 64]);
        module.symbol(text, "m_show", 0, 16);
        module.symbol(data, "m_data", 0, 8);
        folder.add("modules/m.ko", &module.finish());
        let mut exporter = File::new();
        let data = exporter.section(".data", 0, &[0; 64]);
        exporter.symbol(data, "__ksymtab_helped", 0, 8);
        folder.add("modules/helper.ko", &exporter.finish());
        folder.sources.modules = vec![folder.path().join("modules")];
        let kernel = folder.open();
        Self {
            _folder: folder,
            kernel,
        }
    }

    pub(crate) fn check(&self, module: &[u8]) -> Report {
        let against = Against::kernel(&self.kernel).expect("readable files");
        check(module, &against).expect("a readable module")
    }
}

/// The IDs of the findings.
pub(crate) fn ids(report: &Report) -> Vec<&'static str> {
    let findings = report.findings.iter();
    findings.map(|finding| finding.problem.id()).collect()
}
