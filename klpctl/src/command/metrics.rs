// SPDX-License-Identifier: GPL-2.0-only

//! `metrics`: prints the state of the machine in Prometheus' text format, for node_exporter's textfile collector.

mod table;

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::status::{State, fixes, version};
use super::{Answer, Context};
use crate::cli::Metrics;
use crate::durable;
use crate::outcome::Outcome;
use table::Metric;

pub fn run(context: &Context, args: &Metrics) -> Outcome<Answer> {
    let text = text(context)?;
    let Some(path) = &args.output else {
        return Ok(Answer::new(
            text.clone(),
            json!({ "status": "success", "metrics": text }),
        ));
    };
    if !context.dry_run {
        durable::write(path, text.as_bytes())?;
    }
    Ok(Answer::new(
        "",
        json!({ "status": "success", "output": path, "dry_run": context.dry_run }),
    ))
}

fn text(context: &Context) -> Outcome<String> {
    let state = State::new(context)?;
    let mut out = Exposition::default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    out.family(&table::COLLECTED)
        .sample([], now.map_or(0, |now| now.as_secs()));
    out.family(&table::KERNEL).sample([&*state.release], 1);
    out.family(&table::LIVEPATCH)
        .sample([], context.kernel.has_livepatch().into());
    patches(context, &state, &mut out)?;
    out.family(&table::LEFTOVER)
        .sample([], count(state.leftover.len()));
    let mut family = out.family(&table::INSTALLED);
    for (word, number) in state.installed.counts() {
        family.sample([word], count(number));
    }
    let mut family = out.family(&table::INSTALLED_PATCH);
    for (name, word) in state.installed.states() {
        family.sample([name, word], 1);
    }
    out.family(&table::BOOT_DISABLED)
        .sample([], context.kernel.forbids_patches().into());
    Ok(out.text)
}

fn patches(context: &Context, state: &State, out: &mut Exposition) -> Outcome {
    let patches = &state.patches;
    let mut family = out.family(&table::PATCH);
    for patch in patches {
        let version = version(context, patch).unwrap_or_default();
        family.sample([patch.name.as_str(), &version, patch.state()], 1);
    }
    let mut family = out.family(&table::APPLIED);
    for patch in patches {
        let applied = patch.enabled && !patch.transition;
        family.sample([&*patch.name], applied.into());
    }
    let mut family = out.family(&table::IN_TRANSITION);
    for patch in patches {
        family.sample([&*patch.name], patch.transition.into());
    }
    let mut family = out.family(&table::TASKS_LEFT);
    for patch in patches {
        let left = match patch.transition {
            true => context.kernel.blocker_count(patch),
            false => 0,
        };
        family.sample([&*patch.name], count(left));
    }
    let mut family = out.family(&table::FUNCTIONS);
    for patch in patches {
        family.sample([&*patch.name], count(patch.function_count()));
    }
    let mut family = out.family(&table::FIXES);
    for patch in patches {
        for id in fixes(context, patch)? {
            family.sample([&*patch.name, &id], 1);
        }
    }
    Ok(())
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Text in Prometheus' exposition format. All metrics are gauges.
#[derive(Default)]
struct Exposition {
    text: String,
}

/// A metric with its samples, which follow its header.
struct Family<'a> {
    text: &'a mut String,
    metric: &'static Metric,
}

impl Exposition {
    /// Writes the header of a metric.
    fn family(&mut self, metric: &'static Metric) -> Family<'_> {
        let Metric { name, help, .. } = metric;
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} gauge");
        Family {
            text: &mut self.text,
            metric,
        }
    }
}

impl Family<'_> {
    /// Writes a sample with the values of the metric's labels.
    fn sample<const N: usize>(&mut self, labels: [&str; N], value: u64) {
        let metric = self.metric;
        debug_assert_eq!(metric.labels.len(), N, "{}", metric.name);
        self.text.push_str(metric.name);
        if N > 0 {
            let labels: Vec<_> = metric
                .labels
                .iter()
                .zip(labels)
                .map(|(key, value)| format!("{key}=\"{}\"", escaped(value)))
                .collect();
            let _ = write!(self.text, "{{{}}}", labels.join(","));
        }
        let _ = writeln!(self.text, " {value}");
    }
}

/// Escapes the value of a label.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::install::tests::machine;

    #[test]
    fn samples_follow_their_metric() {
        const A: Metric = Metric {
            name: "klp_a",
            labels: &[],
            help: "What it is.",
            value: "",
        };
        const B: Metric = Metric {
            name: "klp_b",
            labels: &["x", "y"],
            help: "Another.",
            value: "",
        };
        let mut out = Exposition::default();
        out.family(&A).sample([], 1);
        let mut family = out.family(&B);
        family.sample(["a\"b\\c\nd", ""], 2);
        family.sample(["# TYPE z", "1"], 3);
        assert_eq!(
            out.text,
            "# HELP klp_a What it is.\n\
             # TYPE klp_a gauge\n\
             klp_a 1\n\
             # HELP klp_b Another.\n\
             # TYPE klp_b gauge\n\
             klp_b{x=\"a\\\"b\\\\c\\nd\",y=\"\"} 2\n\
             klp_b{x=\"# TYPE z\",y=\"1\"} 3\n"
        );
    }

    /// The guide's table is generated from `METRICS`.
    #[test]
    fn all_metrics_are_written_in_order() {
        let dir = tempfile::tempdir().expect("a folder");
        let text = text(&machine(dir.path())).expect("metrics");
        let written: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" gauge"))
            .collect();
        assert_eq!(written, table::METRICS.map(|metric| metric.name));
    }
}
