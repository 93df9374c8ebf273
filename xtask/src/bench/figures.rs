// SPDX-License-Identifier: GPL-2.0-only

//! Results of the benchmarks, and their JSON file.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use klp_host::host::files::write_atomic;
use klp_host::kernel::Core;
use serde::{Deserialize, Serialize};

/// One measured value.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Figure {
    /// The measurement, with its number of functions or tasks.
    pub name: String,
    /// `ns`, `instructions`, `percent`, `bytes`, `kB`, `cycles`.
    pub unit: String,
    /// The median of several samples.
    pub value: f64,
    /// The worst of several samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst: Option<f64>,
}

impl Figure {
    pub fn new(name: impl Into<String>, unit: &str, value: f64) -> Self {
        Self {
            name: name.into(),
            unit: unit.to_owned(),
            value,
            worst: None,
        }
    }

    /// Parses a line `@figure NAME UNIT VALUE [WORST]` of a guest's script.
    pub fn parse(line: &str) -> Option<Self> {
        let words: Vec<_> = line.strip_prefix("@figure ")?.split(' ').collect();
        let (name, unit, value, worst) = match *words.as_slice() {
            [name, unit, value] => (name, unit, value, None),
            [name, unit, value, worst] => (name, unit, value, Some(number(worst)?)),
            _ => return None,
        };
        Some(Self {
            worst,
            ..Self::new(name, unit, number(value)?)
        })
    }

    /// Formats the value for people.
    pub fn readable(&self) -> String {
        let worst = self
            .worst
            .map(|worst| format!(" (worst {})", readable(worst, &self.unit)));
        readable(self.value, &self.unit) + &worst.unwrap_or_default()
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.readable())
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// Formats a value for people.
pub fn readable(value: f64, unit: &str) -> String {
    match unit {
        "ns" => time(value),
        "percent" => format!("{value:.3} %"),
        unit if value == 1.0 => format!("1 {}", unit.trim_end_matches('s')),
        unit => format!("{} {unit}", grouped(value)),
    }
}

/// Formats nanoseconds in seconds, milliseconds or microseconds.
fn time(ns: f64) -> String {
    match ns.abs() {
        size if size >= 1e9 => format!("{} s", short(ns / 1e9)),
        size if size >= 1e6 => format!("{} ms", short(ns / 1e6)),
        _ => format!("{} µs", short(ns / 1e3)),
    }
}

/// Formats three significant digits, or all digits before the decimal point.
pub fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => grouped(value.round()),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Formats `12,345`, with one decimal for small fractions.
pub fn grouped(value: f64) -> String {
    if value.abs() < 100.0 && value.fract() != 0.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 {
        text.insert(0, '-');
    }
    text
}

/// The figures of several kernels.
#[derive(Debug, Deserialize, Serialize)]
pub struct Figures {
    /// Whether this is a complete run.
    pub whole: bool,
    pub kernels: Vec<Column>,
}

/// The figures of one kernel: a column of the tables.
#[derive(Debug, Deserialize, Serialize)]
pub struct Column {
    /// The name of its livepatch core.
    pub core: String,
    /// What `uname -r` prints in it.
    pub release: String,
    pub figures: Vec<Figure>,
}

impl Column {
    pub fn figure(&self, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name)
    }

    pub fn value(&self, name: &str) -> Option<f64> {
        self.figure(name).map(|figure| figure.value)
    }
}

impl Figures {
    /// Reads what [`Figures::write`] wrote.
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| {
            format!(
                "{} was not written by cargo xtask bench: pass the file that it names at its end",
                path.display()
            )
        })
    }

    /// Writes the figures as JSON.
    pub fn write(&self, path: &Path) -> Result<()> {
        if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        }
        write_atomic(path, &self.json()?)
    }

    /// The figures as JSON.
    pub fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The column of the kernel with this core.
    pub fn column(&self, core: Core) -> Option<&Column> {
        self.kernels
            .iter()
            .find(|kernel| kernel.core == core.name())
    }

    /// The names of all measurements, in order of appearance.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for figure in self.kernels.iter().flat_map(|kernel| &kernel.figures) {
            if !names.contains(&figure.name.as_str()) {
                names.push(&figure.name);
            }
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(line: &str) -> Figure {
        Figure::parse(line).expect(line)
    }

    #[test]
    fn figures_are_parsed() {
        let settled = figure("@figure call-settled instructions 72.00");
        assert_eq!(settled.to_string(), "call-settled: 72 instructions");
        let latency = figure("@figure patching-idle-10 ns 8000000 15500000");
        assert_eq!(
            latency.to_string(),
            "patching-idle-10: 8.00 ms (worst 15.5 ms)"
        );
        for line in [
            "",
            "@figure a ns",
            "@figure a ns x",
            "@figure a ns inf",
            "@figure a ns 1 x",
            "@figure a ns 1 2 3",
            "figure a ns 1",
        ] {
            assert_eq!(Figure::parse(line), None, "{line:?}");
        }
    }

    #[test]
    fn values_are_readable() {
        for (value, unit, text) in [
            (207_900_537_225.0, "ns", "208 s"),
            (1_228_000_000.0, "ns", "1.23 s"),
            (73_711_842.0, "ns", "73.7 ms"),
            (3500.0, "ns", "3.50 µs"),
            (3_105_896.0, "instructions", "3,105,896 instructions"),
            (1.0, "instructions", "1 instruction"),
            (1.5, "instructions", "1.5 instructions"),
            (2701.0, "bytes", "2,701 bytes"),
            (-1234.0, "kB", "-1,234 kB"),
            (0.02, "percent", "0.020 %"),
        ] {
            assert_eq!(readable(value, unit), text);
        }
    }

    #[test]
    fn json_can_be_read_back() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("new/bench.json");
        let figures = Figures {
            whole: true,
            kernels: vec![Column {
                core: "c".into(),
                release: "7.2.12".into(),
                figures: vec![figure("@figure a ns 5"), figure("@figure b ns 5 6")],
            }],
        };
        figures.write(&path).expect("written");
        let again = Figures::read(&path).expect("read");
        assert!(again.whole);
        assert_eq!(again.kernels[0].figures, figures.kernels[0].figures);
        assert_eq!(again.column(Core::C).and_then(|c| c.value("b")), Some(5.0));
        assert!(again.column(Core::Rust).is_none());
    }

    #[test]
    fn other_json_is_rejected() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("other.json");
        fs::write(&path, "{\"kernels\": 1}").expect("written");
        let err = Figures::read(&path).expect_err("no figures");
        assert!(
            err.to_string()
                .contains("was not written by cargo xtask bench"),
            "{err:#}"
        );
        let err = Figures::read(&dir.path().join("none")).expect_err("no file");
        assert!(err.to_string().contains("cannot read"), "{err:#}");
    }
}
