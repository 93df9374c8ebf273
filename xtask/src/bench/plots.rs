// SPDX-License-Identifier: GPL-2.0-only

//! Plots of the figures, as SVG files that depend on the figures alone.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use klp_host::host::files::write_atomic;
use klp_host::kernel::Core;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::figures::{Figures, grouped};

/// Sizes in pixels: of a file, of the legend above its panels, and of the labels of axes.
const SIZE: (u32, u32) = (900, 430);
const LEGEND: i32 = 30;
const LEGEND_ENTRY: usize = 210;
const LEGEND_LINE: i32 = 24;
const MARGIN: u32 = 12;
const X_LABELS: u32 = 48;
const Y_LABELS: u32 = 66;

const FONT: &str = "sans-serif";
const TITLE_SIZE: i32 = 20;
const TEXT_SIZE: i32 = 16;

/// The C core is red, klp-core blue. The lighter colours are for the second series of a core.
const C: [RGBColor; 2] = [RGBColor(176, 40, 40), RGBColor(235, 150, 130)];
const RUST: [RGBColor; 2] = [RGBColor(30, 80, 170), RGBColor(130, 180, 235)];

/// A line: seconds over the number of functions or tasks.
#[derive(Debug)]
struct Series {
    label: String,
    colour: RGBColor,
    points: Vec<(f64, f64)>,
}

/// One pair of axes.
#[derive(Debug)]
struct Panel {
    title: &'static str,
    x_label: &'static str,
    series: Vec<Series>,
}

/// A file with panels side by side.
#[derive(Debug)]
struct Plot {
    file: &'static str,
    panels: Vec<Panel>,
}

/// Draws all plots for which there are figures into `dir`. Returns the files.
pub fn draw(figures: &Figures, dir: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let mut files = Vec::new();
    for (file, text) in svgs(figures)? {
        let path = dir.join(file);
        write_atomic(&path, &text)?;
        files.push(path);
    }
    Ok(files)
}

/// Returns the plots' file names and texts.
pub fn svgs(figures: &Figures) -> Result<Vec<(&'static str, String)>> {
    let plots = [functions(figures), latency(figures)];
    let plots = plots.into_iter().filter(|plot| !plot.panels.is_empty());
    plots
        .map(|plot| {
            let drawn = plot.svg();
            Ok((
                plot.file,
                drawn.with_context(|| format!("cannot draw {}", plot.file))?,
            ))
        })
        .collect()
}

/// Costs of patches over the number of their functions.
fn functions(figures: &Figures) -> Plot {
    let panel = |title, what: &'static str| Panel {
        title,
        x_label: "functions",
        series: cores(|core, colours| {
            let points = points(figures, core, &format!("{what}-"));
            vec![(core_name(core).to_owned(), colours[0], points)]
        }),
    };
    Plot {
        file: "functions.svg",
        panels: vec![
            panel("Enable", "enable"),
            panel("Replace", "replace"),
            panel("Disable", "disable"),
        ],
    }
    .with_points()
}

/// How long transitions take, over the number of sleeping tasks.
fn latency(figures: &Figures) -> Plot {
    let panel = |title, direction: &'static str| Panel {
        title,
        x_label: "sleeping tasks",
        series: cores(|core, colours| {
            ["load", "idle"]
                .iter()
                .zip([colours[1], colours[0]])
                .map(|(&machine, colour)| {
                    let label = match machine {
                        "load" => format!("{}, under load", core_name(core)),
                        _ => format!("{}, idle machine", core_name(core)),
                    };
                    let name = format!("{direction}-{machine}-");
                    (label, colour, points(figures, core, &name))
                })
                .collect()
        }),
    };
    Plot {
        file: "latency.svg",
        panels: vec![
            panel("Patching", "patching"),
            panel("Unpatching", "unpatching"),
        ],
    }
    .with_points()
}

fn core_name(core: Core) -> &'static str {
    match core {
        Core::Rust | Core::StockRust => "klp-core",
        _ => "C core",
    }
}

/// The lines of both cores.
fn cores(
    lines: impl Fn(Core, [RGBColor; 2]) -> Vec<(String, RGBColor, Vec<(f64, f64)>)>,
) -> Vec<Series> {
    [(Core::C, C), (Core::Rust, RUST)]
        .into_iter()
        .flat_map(|(core, colours)| lines(core, colours))
        .map(|(label, colour, points)| Series {
            label,
            colour,
            points,
        })
        .collect()
}

/// The numbers and seconds of all figures named `prefix` and a number.
fn points(figures: &Figures, core: Core, prefix: &str) -> Vec<(f64, f64)> {
    let column = figures.column(core);
    let mut points: Vec<_> = column
        .into_iter()
        .flat_map(|column| &column.figures)
        .filter_map(|figure| {
            let number: u32 = figure.name.strip_prefix(prefix)?.parse().ok()?;
            // The axes are logarithmic.
            (number > 0 && figure.value > 0.0).then(|| (f64::from(number), figure.value / 1e9))
        })
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

/// The smallest range of whole powers of ten around all values.
fn decades(values: impl Iterator<Item = f64>) -> Option<Range<f64>> {
    let logarithms: Vec<_> = values.map(f64::log10).collect();
    let low = logarithms.iter().copied().reduce(f64::min)?.floor();
    let high = logarithms.iter().copied().reduce(f64::max)?.ceil();
    Some(10f64.powf(low)..10f64.powf(high.max(low + 1.0)))
}

/// Widens a range a little, so that it includes the marks at its ends.
fn widened(range: &Range<f64>) -> Range<f64> {
    range.start * 0.999..range.end * 1.001
}

fn seconds(value: &f64) -> String {
    match *value {
        value if value >= 0.999_5 => format!("{} s", grouped(value.round())),
        value if value >= 0.000_999_5 => format!("{} ms", grouped((value * 1e3).round())),
        value => format!("{} µs", grouped((value * 1e6).round())),
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

impl Plot {
    /// Removes series and panels without points.
    fn with_points(mut self) -> Self {
        for panel in &mut self.panels {
            panel.series.retain(|series| !series.points.is_empty());
        }
        self.panels.retain(|panel| !panel.series.is_empty());
        self
    }

    fn svg(&self) -> Result<String> {
        let mut text = String::new();
        {
            let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
            area.fill(&WHITE).map_err(draw_error)?;
            let (legend, area) = area.split_vertically(LEGEND);
            self.draw_legend(&legend)?;
            let seconds = self
                .panels
                .iter()
                .flat_map(|panel| &panel.series)
                .flat_map(|series| series.points.iter().map(|point| point.1));
            // All panels share the y axis, so that they can be compared.
            let y_range = decades(seconds).context("no figures")?;
            for (panel, part) in self
                .panels
                .iter()
                .zip(area.split_evenly((1, self.panels.len())))
            {
                panel.draw(&part, y_range.clone())?;
            }
            area.present().map_err(draw_error)?;
        }
        Ok(text)
    }

    /// Draws the legend of all panels.
    fn draw_legend(&self, area: &Area<'_>) -> Result<()> {
        let mut entries: Vec<(&str, RGBColor)> = Vec::new();
        for series in self.panels.iter().flat_map(|panel| &panel.series) {
            let entry = (series.label.as_str(), series.colour);
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
        for ((label, colour), x) in entries
            .into_iter()
            .zip((Y_LABELS..SIZE.0).step_by(LEGEND_ENTRY))
        {
            let (x, y) = (i32::try_from(x)?, LEGEND / 2);
            let line = PathElement::new([(x, y), (x + LEGEND_LINE, y)], colour.stroke_width(3));
            area.draw(&line).map_err(draw_error)?;
            let place = Pos::new(HPos::Left, VPos::Center);
            let style = (FONT, TEXT_SIZE).into_text_style(area).pos(place);
            area.draw(&Text::new(label, (x + LEGEND_LINE + 6, y), style))
                .map_err(draw_error)?;
        }
        Ok(())
    }
}

impl Panel {
    fn draw(&self, area: &Area<'_>, y_range: Range<f64>) -> Result<()> {
        let numbers = self
            .series
            .iter()
            .flat_map(|series| series.points.iter().map(|point| point.0));
        let x_range = decades(numbers).context("no figures")?;
        let mut chart = ChartBuilder::on(area)
            .caption(self.title, (FONT, TITLE_SIZE))
            .margin(MARGIN)
            .margin_right(2 * MARGIN)
            .x_label_area_size(X_LABELS)
            .y_label_area_size(Y_LABELS)
            .build_cartesian_2d(widened(&x_range).log_scale(), widened(&y_range).log_scale())
            .map_err(draw_error)?;
        chart
            .configure_mesh()
            .x_desc(self.x_label)
            .x_label_formatter(&|number| grouped(number.round()))
            .y_label_formatter(&seconds)
            .label_style((FONT, TEXT_SIZE))
            .axis_desc_style((FONT, TEXT_SIZE))
            .bold_line_style(RGBColor(205, 205, 205))
            .light_line_style(RGBColor(240, 240, 240))
            .draw()
            .map_err(draw_error)?;
        for series in &self.series {
            let style = series.colour.stroke_width(2);
            let line = LineSeries::new(series.points.iter().copied(), style);
            chart.draw_series(line).map_err(draw_error)?;
            let dots = series.points.iter();
            chart
                .draw_series(dots.map(|&point| Circle::new(point, 3, series.colour.filled())))
                .map_err(draw_error)?;
        }
        Ok(())
    }
}

/// Converts an error of plotters, which borrows the text that is drawn into.
fn draw_error(err: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("{err}")
}

#[cfg(test)]
mod tests {
    use super::super::figures::{Column, Figure};
    use super::*;

    fn figures() -> Figures {
        let column = |core: &str, factor: f64| Column {
            core: core.to_owned(),
            release: "7.2.12".to_owned(),
            figures: [
                ("enable-1000", 7e7),
                ("enable-1", 4e6),
                ("enable-1000-tasks-5000", 9e9),
                ("disable-1", 0.0),
                ("patching-idle-10", 8e6),
                ("patching-idle-5000", 1e7),
                ("patching-load-10", 3e7),
            ]
            .map(|(name, value)| Figure::new(name, "ns", factor * value))
            .to_vec(),
        };
        Figures {
            whole: true,
            kernels: vec![column("c", 30.0), column("rust", 1.0)],
        }
    }

    #[test]
    fn plots_are_well_formed_and_reproducible() {
        let plots = svgs(&figures()).expect("plots");
        let names: Vec<_> = plots.iter().map(|(file, _)| *file).collect();
        assert_eq!(names, ["functions.svg", "latency.svg"]);
        for (file, text) in &plots {
            let document = roxmltree::Document::parse(text).expect(file);
            let count = |name: &str| {
                let nodes = document.descendants();
                nodes.filter(|node| node.has_tag_name(name)).count()
            };
            assert!(document.root_element().tag_name().name() == "svg");
            // Zeros and other figures are not drawn.
            assert_eq!(
                count("circle"),
                if *file == "functions.svg" { 4 } else { 6 }
            );
            for label in ["C core", "klp-core"] {
                assert!(text.contains(label), "{file}: {label}");
            }
        }
        assert_eq!(plots, svgs(&figures()).expect("plots"));
    }

    #[test]
    fn missing_measurements_are_not_drawn() {
        let mut some = figures();
        for kernel in &mut some.kernels {
            kernel.figures.retain(|figure| figure.name == "enable-1");
        }
        let dir = tempfile::tempdir().expect("a folder");
        let files = draw(&some, &dir.path().join("new")).expect("plots");
        assert_eq!(files, [dir.path().join("new/functions.svg")]);
    }

    #[test]
    fn axes_span_whole_powers_of_ten() {
        assert_eq!(decades([0.004, 0.07].into_iter()), Some(0.001..0.1));
        assert_eq!(decades([1.0].into_iter()), Some(1.0..10.0));
        assert_eq!(decades(std::iter::empty()), None);
        for (value, text) in [(100.0, "100 s"), (0.01, "10 ms"), (1e-4, "100 µs")] {
            assert_eq!(seconds(&value), text);
        }
    }
}
