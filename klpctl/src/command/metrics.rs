// SPDX-License-Identifier: GPL-2.0-only

//! `metrics`: the state of the machine in Prometheus' text format, for node_exporter's textfile collector.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::status::{State, fixes, version};
use super::{Answer, Context};
use crate::cli::Metrics;
use crate::durable;
use crate::outcome::Outcome;

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
    out.family(
        "klp_collected_timestamp_seconds",
        "When these were collected.",
    );
    out.sample(&[], now.map_or(0, |now| now.as_secs()));
    out.family("klp_kernel_info", "The kernel that runs.");
    out.sample(&[("release", &state.release)], 1);
    out.family(
        "klp_kernel_livepatch",
        "Whether the kernel has live patching.",
    );
    out.sample(&[], context.kernel.has_livepatch().into());
    patches(context, &state, &mut out)?;
    out.family(
        "klp_leftover_modules",
        "Modules of patches that are not in use and still loaded.",
    );
    out.sample(&[], count(state.leftover.len()));
    out.family(
        "klp_installed_patches",
        "Patches installed for the kernel that runs, by what has become of them.",
    );
    for (word, number) in state.installed.counts() {
        out.sample(&[("state", word)], count(number));
    }
    out.family(
        "klp_installed_patch",
        "What has become of a patch installed for the kernel that runs.",
    );
    for (name, word) in state.installed.states() {
        out.sample(&[("patch", name), ("state", word)], 1);
    }
    out.family(
        "klp_boot_disabled",
        "Whether the kernel's command line forbids to load installed patches.",
    );
    out.sample(&[], context.kernel.forbids_patches().into());
    Ok(out.text)
}

fn patches(context: &Context, state: &State, out: &mut Exposition) -> Outcome {
    let patches = &state.patches;
    out.family("klp_patch_info", "A patch that the kernel has.");
    for patch in patches {
        let version = version(context, patch).unwrap_or_default();
        let labels = [
            ("patch", patch.name.as_str()),
            ("version", &version),
            ("state", patch.state()),
        ];
        out.sample(&labels, 1);
    }
    out.family("klp_patch_applied", "Whether all tasks run the patch.");
    for patch in patches {
        let applied = patch.enabled && !patch.transition;
        out.sample(&[("patch", &patch.name)], applied.into());
    }
    out.family(
        "klp_patch_in_transition",
        "Whether the patch's transition is running.",
    );
    for patch in patches {
        out.sample(&[("patch", &patch.name)], patch.transition.into());
    }
    out.family(
        "klp_patch_tasks_left",
        "Tasks that have not switched in the patch's transition.",
    );
    for patch in patches {
        let left = match patch.transition {
            true => context.kernel.blocker_count(patch),
            false => 0,
        };
        out.sample(&[("patch", &patch.name)], count(left));
    }
    out.family("klp_patch_functions", "Functions that the patch replaces.");
    for patch in patches {
        out.sample(&[("patch", &patch.name)], count(patch.function_count()));
    }
    out.family(
        "klp_patch_fixes",
        "What the patch says that it fixes. Known of patches that klpctl has loaded.",
    );
    for patch in patches {
        for id in fixes(context, patch)? {
            out.sample(&[("patch", &patch.name), ("id", &id)], 1);
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
    /// The metric that was begun last.
    name: &'static str,
}

impl Exposition {
    /// Writes the header of a metric.
    fn family(&mut self, name: &'static str, help: &str) {
        self.name = name;
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} gauge");
    }

    /// A sample of the metric that was begun last.
    fn sample(&mut self, labels: &[(&str, &str)], value: u64) {
        self.text.push_str(self.name);
        if !labels.is_empty() {
            let labels: Vec<_> = labels
                .iter()
                .map(|(key, value)| format!("{key}=\"{}\"", escaped(value)))
                .collect();
            let _ = write!(self.text, "{{{}}}", labels.join(","));
        }
        let _ = writeln!(self.text, " {value}");
    }
}

/// The value of a label, in quotes.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_follow_their_metric() {
        let mut out = Exposition::default();
        out.family("klp_a", "What it is.");
        out.sample(&[], 1);
        out.family("klp_b", "Another.");
        out.sample(&[("x", "a\"b\\c\nd"), ("y", "")], 2);
        out.sample(&[("x", "# TYPE z")], 3);
        assert_eq!(
            out.text,
            "# HELP klp_a What it is.\n\
             # TYPE klp_a gauge\n\
             klp_a 1\n\
             # HELP klp_b Another.\n\
             # TYPE klp_b gauge\n\
             klp_b{x=\"a\\\"b\\\\c\\nd\",y=\"\"} 2\n\
             klp_b{x=\"# TYPE z\"} 3\n"
        );
    }
}
