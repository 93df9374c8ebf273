// SPDX-License-Identifier: GPL-2.0-only

//! `info`.

use std::fmt::Write as _;

use klp_elf::check::{Against, check};
use serde_json::json;

use super::load::kept;
use super::{Answer, Context, module_name};
use crate::cli::Info;
use crate::outcome::{Failure, Outcome, Status};
use crate::patch_file::PatchFile;

pub fn run(context: &Context, args: &Info) -> Outcome<Answer> {
    let file = open(context, args)?;
    let report = check(&file.module, &Against::nothing())
        .map_err(|error| Failure::new(Status::Refused, error.to_string()))?;
    let info = &file.info;
    let mut text = String::new();
    let mut line = |key: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let _ = writeln!(text, "{key:12} {value}");
        }
    };
    line("name", Some(&info.name));
    line("series", info.series.as_deref());
    line("version", info.version.as_deref());
    line("description", info.description.as_deref());
    line("fixes", Some(&info.fixes.join(", ")));
    line("url", info.url.as_deref());
    line("kernel", info.release());
    line("cumulative", info.cumulative.then_some("yes"));
    line("needs", Some(&info.depends.join(", ")));
    line("signed", Some(if info.signed { "yes" } else { "no" }));
    for it in &report.replaced {
        let position = if it.sympos > 0 {
            format!(",{}", it.sympos)
        } else {
            String::new()
        };
        line(
            "replaces",
            Some(&format!(
                "{}{position} of {}",
                it.function.escaped(),
                it.object.escaped()
            )),
        );
    }
    if report.more_replaced > 0 {
        line("replaces", Some(&format!("{} more", report.more_replaced)));
    }
    let replaces: Vec<_> = report
        .replaced
        .iter()
        .map(|it| {
            json!({
                "object": it.object.escaped().to_string(),
                "function": it.function.escaped().to_string(),
                "position": it.sympos,
            })
        })
        .collect();
    let json = json!({ "status": "success", "info": info, "replaces": replaces });
    Ok(Answer::new(text, json))
}

/// A file, or the copy of a patch that was loaded.
fn open(context: &Context, args: &Info) -> Outcome<PatchFile> {
    let name = args.patch.to_str().map(module_name);
    match name {
        Some(name) if !args.patch.exists() && !name.contains(['/', '.']) => kept(context, &name),
        _ => PatchFile::open(&args.patch),
    }
}
