// SPDX-License-Identifier: GPL-2.0-only

//! Tests the contents of `fleet/` with the real engines: playbooks with Ansible and states with Salt, on hosts that are
//! folders with a fake klpctl; alerts and the dashboard's queries with promtool. The front ends' output is parsed as in
//! the tools that call them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use klp_host::cache::Cache;
use klp_host::host::process;
use klp_host::tools::needs::Needs;
use klp_host::unpacked::PROMTOOL;
use klp_host::venv::{self, ANSIBLE, GRAFANA_TYPES, SALT};
use serde_json::{Value, json};

use crate::case::{Case, Tally};
use crate::checkout;
use crate::guest_program;
use crate::report;

/// The packages that this part needs.
pub(super) fn needs() -> Needs {
    venv::needs().and(Needs::of(&["dash"]))
}

pub(super) fn run() -> Result<Tally> {
    let cache = Cache::open()?;
    let klpctl = guest_program::klpctl()?;
    let promtool = PROMTOOL.get(&cache)?;
    let mut tally = report::add_all(&[
        case("prometheus", "the rules are good", {
            promtool_in_folder(&promtool, &["check", "rules", "klp.rules.yml"])
        }),
        case("prometheus", "the rules' unit tests pass", {
            promtool_in_folder(&promtool, &["test", "rules", "klp.rules.test.yml"])
        }),
        case("prometheus", "klpctl has the metrics", {
            let path = checkout::top().join("fleet/prometheus/klp.rules.yml");
            read(&path).and_then(|text| check_names(&text, &klpctl))
        }),
        case(
            "grafana",
            "klpctl has the metrics, and promtool takes the queries",
            check_dashboard(&promtool, &klpctl),
        ),
        case(
            "grafana",
            "Grafana's own types have all that is in the dashboard",
            check_types(&cache),
        ),
    ]);
    tally += script("compat", None, &klpctl)?;
    tally += script("salt", Some(SALT.bin(&cache)?), &klpctl)?;
    tally += script("salt-master", Some(SALT.bin(&cache)?), &klpctl)?;
    tally += script("ansible", Some(ANSIBLE.bin(&cache)?), &klpctl)?;
    Ok(tally)
}

fn case(script: &str, name: &str, result: Result<()>) -> Case {
    Case::from_result(&format!("fleet: {script}"), name, result)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Runs promtool in the folder of the rules, which name other files by relative paths.
fn promtool_in_folder(promtool: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = process::command(promtool);
    command
        .args(arguments)
        .current_dir(checkout::top().join("fleet/prometheus"));
    process::output(&mut command).map(drop)
}

/// Fails if the text names a metric that klpctl does not print.
fn check_names(text: &str, klpctl: &Path) -> Result<()> {
    let printed = process::output(process::command(klpctl).arg("metrics"))?;
    let existing: BTreeSet<_> = printed
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let named = metrics(text);
    ensure!(!named.is_empty(), "no metric is named");
    let missing: Vec<_> = named.difference(&existing).copied().collect();
    ensure!(
        missing.is_empty(),
        "klpctl has no metric {}",
        missing.join(", ")
    );
    Ok(())
}

/// The names of metrics in a text.
fn metrics(text: &str) -> BTreeSet<&str> {
    text.split(|it: char| !it.is_ascii_alphanumeric() && it != '_')
        .filter(|word| word.starts_with("klp_"))
        .collect()
}

fn check_dashboard(promtool: &Path, klpctl: &Path) -> Result<()> {
    let text = read(&checkout::top().join("fleet/grafana/klp.json"))?;
    let dashboard = serde_json::from_str(&text).context("klp.json is not JSON")?;
    check_names(&text, klpctl)?;
    let mut queries = Vec::new();
    collect_queries(&dashboard, &mut queries);
    ensure!(!queries.is_empty(), "klp.json has no queries");
    let rules: Vec<_> = queries
        .iter()
        .enumerate()
        .map(|(number, query)| {
            let query = query.replace("$job", ".*").replace("$instance", ".*");
            json!({ "record": format!("query{number}"), "expr": query })
        })
        .collect();
    // JSON is YAML.
    let rules = json!({ "groups": [{ "name": "dashboard", "rules": rules }] });
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let path = folder.path().join("dashboard.yml");
    fs::write(&path, rules.to_string())
        .with_context(|| format!("cannot write {}", path.display()))?;
    let mut command = process::command(promtool);
    process::output(command.args(["check", "rules"]).arg(&path)).map(drop)
}

/// Checks the dashboard against Grafana's published types.
fn check_types(cache: &Cache) -> Result<()> {
    let python = GRAFANA_TYPES.bin(cache)?.join(GRAFANA_TYPES.program);
    let mut command = process::command(python);
    command
        .arg(checkout::top().join("tests/fleet/grafana.py"))
        .arg(checkout::top().join("fleet/grafana/klp.json"));
    process::output(&mut command).map(drop)
}

/// Collects the Prometheus queries of panels.
fn collect_queries<'a>(value: &'a Value, queries: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            queries.extend(fields.get("expr").and_then(Value::as_str));
            fields
                .values()
                .for_each(|value| collect_queries(value, queries));
        }
        Value::Array(values) => values
            .iter()
            .for_each(|value| collect_queries(value, queries)),
        _ => {}
    }
}

/// Runs `tests/fleet/NAME.sh` with the programs of its engine, and reports its cases.
fn script(name: &str, bin: Option<PathBuf>, klpctl: &Path) -> Result<Tally> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(bin.into_iter().chain(std::env::split_paths(&path)))
        .context("the cache's path has a colon")?;
    let mut command = process::command("bash");
    command
        .arg(checkout::top().join(format!("tests/fleet/{name}.sh")))
        .env("PATH", path)
        .env("KLPCTL", klpctl);
    let cases = cases(name, &process::output(&mut command)?);
    ensure!(!cases.is_empty(), "{name}.sh reported no cases");
    Ok(report::add_all(&cases))
}

/// Parses the cases of a script: lines `ok - NAME`, `not ok - NAME: WHY`, and `# MORE` below that.
fn cases(script: &str, text: &str) -> Vec<Case> {
    let script = format!("fleet: {script}");
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines() {
        if let Some(case) = Case::parse(&script, line) {
            cases.push(case);
        } else if let (Some(more), Some(last)) = (line.strip_prefix("# "), cases.last_mut()) {
            let failure = last.failure.get_or_insert_default();
            failure.push('\n');
            failure.push_str(more);
        }
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_found_in_queries() {
        let text = "sum(klp_a{x=\"y\"}) > on (job) klp_b_c[5m] and klp:fix:hosts";
        assert_eq!(metrics(text), BTreeSet::from(["klp_a", "klp_b_c"]));
    }

    #[test]
    fn queries_are_found_anywhere() {
        let value = json!({ "a": [{ "expr": "x", "b": { "expr": "y" } }, 1] });
        let mut queries = Vec::new();
        collect_queries(&value, &mut queries);
        assert_eq!(queries, ["x", "y"]);
    }

    #[test]
    fn cases_are_parsed() {
        let cases = cases("a", "ok - x\nnot ok - y: why\n# more\nnoise\n");
        assert_eq!(cases[0].failure, None);
        assert_eq!(cases[1].name, "y");
        assert_eq!(cases[1].failure.as_deref(), Some("why\nmore"));
    }
}
