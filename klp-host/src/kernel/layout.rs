// SPDX-License-Identifier: GPL-2.0-only

//! Kernel configurations: parsing, checking that all requested options were accepted,
//! and comparing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::arch::Arch;

/// A configuration, or a fragment of one: values by option, without the `CONFIG_`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Config {
    values: BTreeMap<String, String>,
}

/// What an option that is off counts as, said or not.
const OFF: &str = "n";

impl Config {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read the kernel configuration {}", path.display()))?;
        Ok(Self::parse(&text))
    }

    /// Reads `CONFIG_A=value` and `# CONFIG_A is not set` lines; others are comments.
    pub(crate) fn parse(text: &str) -> Self {
        let values = text.lines().filter_map(|line| {
            let line = line.trim();
            if let Some(rest) = line.strip_prefix("CONFIG_") {
                let (name, value) = rest.split_once('=')?;
                return Some((name.to_owned(), value.to_owned()));
            }
            let name = line
                .strip_prefix("# CONFIG_")?
                .strip_suffix(" is not set")?;
            Some((name.to_owned(), OFF.to_owned()))
        });
        Self {
            values: values.collect(),
        }
    }

    /// The value of an option: `y`, `m`, `n`, a number, a text in quotes.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.values.get(name).map_or(OFF, String::as_str)
    }

    /// The value of a text option.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).strip_prefix('"')?.strip_suffix('"')
    }

    /// The options of this fragment that the complete configuration lacks.
    pub(super) fn not_taken_by(&self, whole: &Self) -> Vec<String> {
        self.values
            .iter()
            .filter(|(name, value)| whole.get(name) != *value)
            .map(|(name, value)| format!("CONFIG_{name}={value} (it became {})", whole.get(name)))
            .collect()
    }

    /// The options with another value in `other`, without those of the build tools.
    pub(super) fn unlike(&self, other: &Self) -> Self {
        let differences = self.differences(other).into_iter();
        let values = differences
            .filter(|(name, ..)| !is_of_tools(name))
            .map(|(name, value, _)| (name.to_owned(), value.to_owned()));
        Self {
            values: values.collect(),
        }
    }

    /// Both, where `more` takes precedence.
    pub(super) fn with(&self, more: &Self) -> Self {
        let values = self.values.iter().chain(&more.values);
        Self {
            values: values
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        }
    }

    /// What Kconfig has written for makefiles, with these options in it.
    pub(super) fn put_into_make(&self, text: &str) -> String {
        let add = |name: &str, value: &str| format!("CONFIG_{name}={value}\n");
        self.put_into(text, "CONFIG_", add)
    }

    /// The same for the C preprocessor.
    pub(super) fn put_into_c(&self, text: &str) -> String {
        self.put_into(text, "#define CONFIG_", |name, value| match value {
            "y" => format!("#define CONFIG_{name} 1\n"),
            "m" => format!("#define CONFIG_{name}_MODULE 1\n"),
            _ => format!("#define CONFIG_{name} {value}\n"),
        })
    }

    /// The same for rustc.
    pub(super) fn put_into_rust(&self, text: &str) -> String {
        self.put_into(text, "--cfg=CONFIG_", |name, value| match value {
            "y" | "m" => format!("--cfg=CONFIG_{name}\n--cfg=CONFIG_{name}=\"{value}\"\n"),
            _ if value.starts_with('"') => format!("--cfg=CONFIG_{name}={value}\n"),
            _ => format!("--cfg=CONFIG_{name}=\"{value}\"\n"),
        })
    }

    fn put_into(&self, text: &str, start: &str, add: impl Fn(&str, &str) -> String) -> String {
        let is_ours = |line: &&str| {
            let name = line.strip_prefix(start).unwrap_or_default();
            let name = name.split(['=', ' ']).next().unwrap_or_default();
            let plain = name.strip_suffix("_MODULE").unwrap_or(name);
            self.values.contains_key(name) || self.values.contains_key(plain)
        };
        let kept = text.lines().filter(|line| !is_ours(line));
        let mut text: String = kept.map(|line| format!("{line}\n")).collect();
        let on = self.values.iter().filter(|(_, value)| *value != OFF);
        text.extend(on.map(|(name, value)| add(name, value)));
        text
    }

    /// The options that differ, with both values.
    fn differences<'a>(&'a self, other: &'a Self) -> Vec<(&'a str, &'a str, &'a str)> {
        let mut names: Vec<_> = self.values.keys().chain(other.values.keys()).collect();
        names.sort_unstable();
        names.dedup();
        names
            .into_iter()
            .map(|name| (name.as_str(), self.get(name), other.get(name)))
            .filter(|(_, a, b)| a != b)
            .collect()
    }
}

/// Prefixes of options that follow from the compiler, linker and other tools and change no data
/// layout ...
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

/// ... and these.
const TOOL_OPTIONS: &[&str] = &[
    "HAVE_KMSAN_COMPILER",
    // Whether Rust could be turned on, not whether it is.
    "RUST_IS_AVAILABLE",
    "TOOLCHAIN_NEEDS_EXPLICIT_ZICSR",
    "TOOLS_SUPPORT_RELR",
];

/// The variable with names of options that may differ, separated by commas.
const ALLOW_VARIABLE: &str = "KLP_ALLOW_CONFIG";

/// Refuses a configuration that differs from the running kernel's in more than what building
/// with other tools brings: modules could see other data layouts than the kernel.
pub(super) fn check_same_layout(kernels: &Config, ours: &Config) -> Result<()> {
    let allowed = std::env::var(ALLOW_VARIABLE).unwrap_or_default();
    let allowed: Vec<_> = allowed.split(',').collect();
    let unexpected = unexpected(kernels, ours, &allowed);
    if unexpected.is_empty() {
        return Ok(());
    }
    bail!(
        "with the tools on this machine the kernel's configuration changes in ways that may \
         change data layouts:\n    {}\nIf none of these can, set {ALLOW_VARIABLE} to their names, \
         separated by commas",
        unexpected.join("\n    ")
    )
}

/// Whether the option follows from the build tools.
fn is_of_tools(name: &str) -> bool {
    let of_arches = Arch::ALL.iter().map(|arch| arch.facts().config.of_tools);
    let mut starts = TOOL_PREFIXES.iter().chain(of_arches.flatten());
    starts.any(|start| name.starts_with(start)) || TOOL_OPTIONS.contains(&name)
}

fn unexpected(kernels: &Config, ours: &Config, allowed: &[&str]) -> Vec<String> {
    kernels
        .differences(ours)
        .into_iter()
        .filter(|(name, _, _)| !is_of_tools(name) && !allowed.contains(name))
        .map(|(name, theirs, ours)| format!("{name}: the kernel's {theirs}, here {ours}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_all_kinds_are_read() {
        let config = Config::parse(
            "# comment\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=\"t=x\"\nCONFIG_D=42\n",
        );
        assert_eq!(config.get("A"), "y");
        assert_eq!(config.get("B"), "n");
        assert_eq!(config.text("C"), Some("t=x"));
        assert_eq!(config.text("D"), None);
        assert_eq!(config.get("NOT_THERE"), "n");
    }

    #[test]
    fn options_that_were_not_accepted_are_named() {
        let fragment =
            Config::parse("CONFIG_A=y\nCONFIG_B=y\n# CONFIG_C is not set\n# CONFIG_D is not set\n");
        let whole = Config::parse("CONFIG_A=y\nCONFIG_C=y\n");
        assert_eq!(
            fragment.not_taken_by(&whole),
            ["CONFIG_B=y (it became n)", "CONFIG_C=n (it became y)"]
        );
    }

    #[test]
    fn own_options_are_written_as_kconfig_does() {
        let kernels = Config::parse(
            "CONFIG_CC_IS_GCC=y\nCONFIG_LAZY=y\nCONFIG_DRIVER=m\nCONFIG_LIMIT=42\n\
             CONFIG_NAME=\"x\"\nCONFIG_SAME=y\nCONFIG_OTHER=y\n# CONFIG_OFF is not set\n",
        );
        let ours = Config::parse("CONFIG_SAME=y\nCONFIG_OTHER=m\nCONFIG_OFF=y\n");
        let own = kernels.unlike(&ours);
        let make = "CONFIG_SAME=y\nCONFIG_OTHER=m\nCONFIG_OFF=y\n";
        assert_eq!(
            own.put_into_make(make),
            "CONFIG_SAME=y\nCONFIG_DRIVER=m\nCONFIG_LAZY=y\nCONFIG_LIMIT=42\nCONFIG_NAME=\"x\"\n\
             CONFIG_OTHER=y\n"
        );
        let c = "#define CONFIG_OFF 1\n#define CONFIG_OTHER_MODULE 1\n#define CONFIG_SAME 1\n";
        assert_eq!(
            own.put_into_c(c),
            "#define CONFIG_SAME 1\n#define CONFIG_DRIVER_MODULE 1\n#define CONFIG_LAZY 1\n\
             #define CONFIG_LIMIT 42\n#define CONFIG_NAME \"x\"\n#define CONFIG_OTHER 1\n"
        );
        let rust = "--cfg=CONFIG_OFF\n--cfg=CONFIG_OFF=\"y\"\n--cfg=CONFIG_SAME\n";
        assert_eq!(
            own.put_into_rust(rust),
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
