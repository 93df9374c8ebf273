// SPDX-License-Identifier: GPL-2.0-only

//! Compares the configuration of a build folder with the kernel's, and refuses differences that may change data
//! layouts.

use anyhow::{Result, bail};

use crate::arch::Arch;
use crate::kconfig::Config;

/// Prefixes of options that depend on the compiler, linker and other tools, and do not change data
/// layouts.
const TOOL_PREFIXES: &[&str] = &[
    "AS_",
    "BINDGEN_",
    "CC_",
    "CLANG_",
    "FTRACE_MCOUNT_USE_",
    "GCC_",
    "HAS_LTO_",
    "HAVE_CFI_",
    "LD_",
    "LLD_",
    "OPENSSL_",
    "PAHOLE_",
    "RUSTC_",
    "UBSAN_",
];

/// More such options, by name.
const TOOL_OPTIONS: &[&str] = &[
    "HAVE_KMSAN_COMPILER",
    // Whether Rust can be enabled, not whether it is.
    "RUST_IS_AVAILABLE",
    "TOOLCHAIN_NEEDS_EXPLICIT_ZICSR",
    "TOOLS_SUPPORT_RELR",
];

/// The environment variable with more options that may differ, separated by commas.
const ALLOW_VARIABLE: &str = "KLP_ALLOW_CONFIG";

/// Refuses a configuration that differs from the kernel's in options that do not depend on the tools: modules
/// could be built with other data layouts than the kernel.
pub(super) fn check_same_layout(kernels: &Config, ours: &Config) -> Result<()> {
    let allowed = std::env::var(ALLOW_VARIABLE).unwrap_or_default();
    let allowed: Vec<_> = allowed.split(',').collect();
    let unexpected = unexpected(kernels, ours, &allowed);
    if unexpected.is_empty() {
        return Ok(());
    }
    bail!(
        "with this machine's tools, the configuration differs from the kernel's in options that may \
         change data layouts:\n    {}\nIf none of them does, set {ALLOW_VARIABLE} to their names, \
         separated by commas",
        unexpected.join("\n    ")
    )
}

/// Returns the kernel's options that have another value in `ours`, without those that depend on the tools.
pub(super) fn own_options(kernels: &Config, ours: &Config) -> Config {
    kernels.unlike(ours, |name| !depends_on_tools(name))
}

/// Whether an option depends on the build tools.
fn depends_on_tools(name: &str) -> bool {
    let of_arches = Arch::ALL.iter().map(|arch| arch.facts().config.of_tools);
    let mut starts = TOOL_PREFIXES.iter().chain(of_arches.flatten());
    starts.any(|start| name.starts_with(start)) || TOOL_OPTIONS.contains(&name)
}

fn unexpected(kernels: &Config, ours: &Config, allowed: &[&str]) -> Vec<String> {
    kernels
        .differences(ours)
        .into_iter()
        .filter(|(name, _, _)| !depends_on_tools(name) && !allowed.contains(name))
        .map(|(name, theirs, ours)| format!("{name}: the kernel's {theirs}, here {ours}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_options_are_written_like_kconfig_does() {
        let kernels = Config::parse(
            "CONFIG_CC_IS_GCC=y\nCONFIG_LAZY=y\nCONFIG_DRIVER=m\nCONFIG_LIMIT=42\n\
             CONFIG_NAME=\"x\"\nCONFIG_SAME=y\nCONFIG_OTHER=y\n# CONFIG_OFF is not set\n",
        );
        let ours = Config::parse("CONFIG_SAME=y\nCONFIG_OTHER=m\nCONFIG_OFF=y\n");
        let own = own_options(&kernels, &ours);
        let make = "CONFIG_SAME=y\nCONFIG_OTHER=m\nCONFIG_OFF=y\n";
        assert_eq!(
            own.set_in_auto_conf(make),
            "CONFIG_SAME=y\nCONFIG_DRIVER=m\nCONFIG_LAZY=y\nCONFIG_LIMIT=42\nCONFIG_NAME=\"x\"\n\
             CONFIG_OTHER=y\n"
        );
        let c = "#define CONFIG_OFF 1\n#define CONFIG_OTHER_MODULE 1\n#define CONFIG_SAME 1\n";
        assert_eq!(
            own.set_in_autoconf_h(c),
            "#define CONFIG_SAME 1\n#define CONFIG_DRIVER_MODULE 1\n#define CONFIG_LAZY 1\n\
             #define CONFIG_LIMIT 42\n#define CONFIG_NAME \"x\"\n#define CONFIG_OTHER 1\n"
        );
        let rust = "--cfg=CONFIG_OFF\n--cfg=CONFIG_OFF=\"y\"\n--cfg=CONFIG_SAME\n";
        assert_eq!(
            own.set_in_rustc_cfg(rust),
            "--cfg=CONFIG_SAME\n--cfg=CONFIG_DRIVER\n--cfg=CONFIG_DRIVER=\"m\"\n--cfg=CONFIG_LAZY\n\
             --cfg=CONFIG_LAZY=\"y\"\n--cfg=CONFIG_LIMIT=\"42\"\n--cfg=CONFIG_NAME=\"x\"\n\
             --cfg=CONFIG_OTHER\n--cfg=CONFIG_OTHER=\"y\"\n"
        );
        assert!(unexpected(&kernels, &ours.with(&own), &[]).is_empty());
    }

    #[test]
    fn tool_options_may_differ_and_others_may_not() {
        let kernels = Config::parse("CONFIG_CC_IS_GCC=y\nCONFIG_LOCKDEP=y\nCONFIG_SAME=y\n");
        let ours = Config::parse("CONFIG_CC_IS_CLANG=y\n# CONFIG_NEW is not set\nCONFIG_SAME=y\n");
        assert_eq!(
            unexpected(&kernels, &ours, &[]),
            ["LOCKDEP: the kernel's y, here n"]
        );
        assert!(unexpected(&kernels, &ours, &["LOCKDEP"]).is_empty());
    }
}
