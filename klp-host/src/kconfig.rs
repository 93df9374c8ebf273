// SPDX-License-Identifier: GPL-2.0-only

//! Parses, compares and writes kernel configurations.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// The configuration for makefiles, which Kconfig generates in a build folder.
pub(crate) const AUTO_CONF: &str = "include/config/auto.conf";

/// A configuration, or a fragment of one: values by option, without the `CONFIG_` prefix.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Config {
    values: BTreeMap<String, String>,
}

/// The value of an option that is disabled or not listed.
const OFF: &str = "n";

impl Config {
    /// Reads the configuration of a kernel's build folder.
    ///
    /// # Errors
    ///
    /// The file cannot be read, for example because the kernel is not configured.
    pub fn of_build(dir: &Path) -> Result<Self> {
        Self::read(&dir.join(AUTO_CONF))
    }

    /// Reads a configuration file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read the kernel configuration {}", path.display()))?;
        Ok(Self::parse(&text))
    }

    /// Parses `CONFIG_A=value` and `# CONFIG_A is not set` lines; others are comments.
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

    /// Returns an option's value: `y`, `m`, `n`, a number or a quoted string.
    pub fn get(&self, name: &str) -> &str {
        self.values.get(name).map_or(OFF, String::as_str)
    }

    /// Returns the value of a string option, without the quotes.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).strip_prefix('"')?.strip_suffix('"')
    }

    /// Lists the options of this fragment that have other values in the complete configuration.
    pub(crate) fn overridden_in(&self, whole: &Self) -> Vec<String> {
        self.values
            .iter()
            .filter(|(name, value)| whole.get(name) != *value)
            .map(|(name, value)| format!("CONFIG_{name}={value} (it became {})", whole.get(name)))
            .collect()
    }

    /// Returns the options that differ from `other` and for which `is_included` holds.
    pub(crate) fn unlike(&self, other: &Self, is_included: impl Fn(&str) -> bool) -> Self {
        let differences = self.differences(other).into_iter();
        let values = differences
            .filter(|(name, ..)| is_included(name))
            .map(|(name, value, _)| (name.to_owned(), value.to_owned()));
        Self {
            values: values.collect(),
        }
    }

    /// Merges two configurations; `more` takes precedence.
    pub(crate) fn with(&self, more: &Self) -> Self {
        let values = self.values.iter().chain(&more.values);
        Self {
            values: values
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        }
    }

    /// Sets these options in the text of [`AUTO_CONF`].
    pub(crate) fn set_in_auto_conf(&self, text: &str) -> String {
        let add = |name: &str, value: &str| format!("CONFIG_{name}={value}\n");
        self.set_in(text, "CONFIG_", add)
    }

    /// Sets these options in the text of `autoconf.h`.
    pub(crate) fn set_in_autoconf_h(&self, text: &str) -> String {
        self.set_in(text, "#define CONFIG_", |name, value| match value {
            "y" => format!("#define CONFIG_{name} 1\n"),
            "m" => format!("#define CONFIG_{name}_MODULE 1\n"),
            _ => format!("#define CONFIG_{name} {value}\n"),
        })
    }

    /// Sets these options in the text of `rustc_cfg`.
    pub(crate) fn set_in_rustc_cfg(&self, text: &str) -> String {
        self.set_in(text, "--cfg=CONFIG_", |name, value| match value {
            "y" | "m" => format!("--cfg=CONFIG_{name}\n--cfg=CONFIG_{name}=\"{value}\"\n"),
            _ if value.starts_with('"') => format!("--cfg=CONFIG_{name}={value}\n"),
            _ => format!("--cfg=CONFIG_{name}=\"{value}\"\n"),
        })
    }

    fn set_in(&self, text: &str, start: &str, add: impl Fn(&str, &str) -> String) -> String {
        let is_ours = |line: &&str| {
            let name = line.strip_prefix(start).unwrap_or_default();
            let name = name.split(['=', ' ']).next().unwrap_or_default();
            let plain = name.strip_suffix("_MODULE").unwrap_or(name);
            self.values.contains_key(name) || self.values.contains_key(plain)
        };
        let kept = text.lines().filter(|line| !is_ours(line));
        let mut text: String = kept.map(|line| format!("{line}\n")).collect();
        let enabled = self.values.iter().filter(|(_, value)| *value != OFF);
        text.extend(enabled.map(|(name, value)| add(name, value)));
        text
    }

    /// Lists the options that differ, with both values.
    pub(crate) fn differences<'a>(&'a self, other: &'a Self) -> Vec<(&'a str, &'a str, &'a str)> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_line_formats_are_parsed() {
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
    fn overridden_options_are_listed() {
        let fragment =
            Config::parse("CONFIG_A=y\nCONFIG_B=y\n# CONFIG_C is not set\n# CONFIG_D is not set\n");
        let whole = Config::parse("CONFIG_A=y\nCONFIG_C=y\n");
        assert_eq!(
            fragment.overridden_in(&whole),
            ["CONFIG_B=y (it became n)", "CONFIG_C=n (it became y)"]
        );
    }
}
