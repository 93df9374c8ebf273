// SPDX-License-Identifier: GPL-2.0-only

//! Records a command's output as an asciicast, and renders an asciicast as an SVG whose lines appear one after the other.
//!
//! The format is [asciicast v2](https://docs.asciinema.org/manual/asciicast/v2/): a line of JSON with the size of the
//! terminal, and one for each piece of output with its time in seconds. Here each piece is a line.

use std::fmt::Write as _;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

/// The maximal pause before a line, in seconds.
const LONGEST_PAUSE: f64 = 1.5;

/// The prompt of command lines.
const PROMPT: &str = "# ";

#[derive(Debug, Deserialize, Serialize)]
struct Header {
    version: u32,
    width: usize,
    height: usize,
    title: String,
}

/// An asciicast.
#[derive(Debug)]
pub struct Recording {
    title: String,
    started: Option<Instant>,
    /// Lines, each with its time in seconds after the start.
    lines: Vec<(f64, String)>,
    /// The incomplete last line.
    rest: String,
}

impl Recording {
    /// Creates an empty recording. Its time starts with the first output.
    pub fn new(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            started: None,
            lines: Vec::new(),
            rest: String::new(),
        }
    }

    /// Adds output at the current time.
    pub fn push(&mut self, bytes: &[u8]) {
        let started = *self.started.get_or_insert_with(Instant::now);
        self.push_at(started.elapsed().as_secs_f64(), bytes);
    }

    fn push_at(&mut self, seconds: f64, bytes: &[u8]) {
        self.rest.push_str(&String::from_utf8_lossy(bytes));
        while let Some((line, rest)) = self.rest.split_once('\n') {
            let line = line.trim_end_matches('\r').to_owned();
            self.rest = rest.to_owned();
            // The demo's output starts with an empty line.
            if !(self.lines.is_empty() && line.is_empty()) {
                self.lines.push((seconds, line));
            }
        }
    }

    /// Returns the asciicast, with commands in bold and without long pauses.
    pub fn asciicast(&self) -> Result<String> {
        let columns = self.lines.iter().map(|(_, line)| line.chars().count());
        let header = Header {
            version: 2,
            width: columns.max().unwrap_or_default().max(80),
            height: self.lines.len().max(1),
            title: self.title.clone(),
        };
        let mut cast = serde_json::to_string(&header)?;
        cast.push('\n');
        let (mut shown, mut last) = (0.0, 0.0);
        for (seconds, line) in &self.lines {
            shown += (seconds - last).clamp(0.0, LONGEST_PAUSE);
            last = *seconds;
            let text = if line.starts_with(PROMPT) {
                format!("\x1b[1m{line}\x1b[0m\r\n")
            } else {
                format!("{line}\r\n")
            };
            let event = (round(shown), "o", text);
            writeln!(cast, "{}", serde_json::to_string(&event)?)?;
        }
        Ok(cast)
    }
}

/// Rounds to milliseconds.
fn round(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// Renders an asciicast of complete lines, as [`Recording::asciicast`] writes them.
pub fn svg(asciicast: &str) -> Result<String> {
    let mut lines = asciicast.lines();
    let header: Header = serde_json::from_str(lines.next().unwrap_or_default())
        .context("the first line of the asciicast is not a header")?;
    ensure!(
        header.version == 2,
        "the asciicast has version {}, and only 2 can be rendered",
        header.version
    );
    let (mut times, mut text) = (Vec::new(), String::new());
    for (number, line) in lines.enumerate() {
        let (seconds, kind, output): (f64, String, String) = serde_json::from_str(line)
            .with_context(|| format!("line {} of the asciicast is not an event", number + 2))?;
        if kind == "o" {
            times.extend(output.matches('\n').map(|_| seconds));
            text.push_str(&output.replace("\r\n", "\n"));
        }
    }
    animate(
        &anstyle_svg::Term::new().render_svg(text.trim_end()),
        &times,
    )
}

/// Makes each line of a rendered terminal appear at its time.
fn animate(svg: &str, times: &[f64]) -> Result<String> {
    // How the renderer starts each line.
    const LINE: &str = "    <tspan x=";
    const STYLE: &str = "  <style>\n";
    ensure!(
        svg.contains(STYLE),
        "the rendered terminal has no style sheet to add to"
    );
    let keyframes =
        "    @keyframes appear { from { visibility: hidden } to { visibility: visible } }\n";
    let svg = svg.replacen(STYLE, &format!("{STYLE}{keyframes}"), 1);
    let mut animated = String::with_capacity(2 * svg.len());
    let mut times = times.iter();
    for line in svg.lines() {
        if let Some(rest) = line.strip_prefix(LINE) {
            let seconds = times.next().copied().unwrap_or_default();
            writeln!(
                animated,
                "    <tspan style=\"animation: appear 1ms {seconds}s both\" x={rest}"
            )?;
        } else {
            animated.push_str(line.trim_end());
            animated.push('\n');
        }
    }
    Ok(animated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording() -> Recording {
        let mut recording = Recording::new("a test");
        recording.push_at(0.0, b"\n# una");
        recording.push_at(0.5, b"me\nLinux <7>\n\n");
        recording.push_at(60.0, b"# exit\n");
        recording
    }

    #[test]
    fn an_asciicast_has_lines_with_times_and_no_long_pause() {
        assert_eq!(
            recording().asciicast().unwrap(),
            "{\"version\":2,\"width\":80,\"height\":4,\"title\":\"a test\"}\n\
             [0.5,\"o\",\"\\u001b[1m# uname\\u001b[0m\\r\\n\"]\n\
             [0.5,\"o\",\"Linux <7>\\r\\n\"]\n\
             [0.5,\"o\",\"\\r\\n\"]\n\
             [2.0,\"o\",\"\\u001b[1m# exit\\u001b[0m\\r\\n\"]\n"
        );
    }

    #[test]
    fn lines_of_the_svg_appear_at_their_times() {
        let svg = svg(&recording().asciicast().unwrap()).unwrap();
        let document = roxmltree::Document::parse(&svg).unwrap();
        let lines: Vec<_> = document
            .descendants()
            .filter(|node| node.has_tag_name("tspan") && node.has_attribute("y"))
            .map(|node| {
                let text: String = node
                    .descendants()
                    .filter(|it| it.is_text())
                    .filter_map(|it| it.text())
                    .collect();
                let style = node.attribute("style").unwrap_or_default().to_owned();
                (text.trim().to_owned(), style)
            })
            .collect();
        let line = |text: &str, seconds: f64| {
            (
                text.to_owned(),
                format!("animation: appear 1ms {seconds}s both"),
            )
        };
        assert_eq!(
            lines,
            [
                line("# uname", 0.5),
                line("Linux <7>", 0.5),
                line("", 0.5),
                line("# exit", 2.0),
            ]
        );
    }

    #[test]
    fn other_files_are_rejected() {
        let err = svg("no").unwrap_err().to_string();
        assert_eq!(err, "the first line of the asciicast is not a header");
        let old = "{\"version\":1,\"width\":80,\"height\":4,\"title\":\"\"}";
        let err = svg(old).unwrap_err().to_string();
        assert_eq!(
            err,
            "the asciicast has version 1, and only 2 can be rendered"
        );
        let err = svg(&format!("{}\n[1]", old.replace(":1,", ":2,"))).unwrap_err();
        assert_eq!(err.to_string(), "line 2 of the asciicast is not an event");
    }
}
