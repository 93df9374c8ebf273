// SPDX-License-Identifier: GPL-2.0-only

//! `fixes`: checks whether applied patches fix vulnerabilities.

use std::fmt::Write as _;

use serde_json::json;

use super::status::fixes as fixed_by;
use super::{Answer, Context};
use crate::cli::Fixes;
use crate::outcome::{Outcome, Status};

pub fn run(context: &Context, args: &Fixes) -> Outcome<Answer> {
    let mut applied = Vec::new();
    let mut unknown = Vec::new();
    for patch in context.kernel.patches()? {
        if patch.state() != "applied" {
            continue;
        }
        match context.records.info(&patch.name)? {
            Some(_) => applied.push((fixed_by(context, &patch)?, patch.name)),
            None => unknown.push(patch.name),
        }
    }
    let mut text = String::new();
    let mut answers = Vec::new();
    let mut all = true;
    for id in &args.ids {
        let is_this = |fixed: &String| fixed.eq_ignore_ascii_case(id);
        let patch = applied
            .iter()
            .find(|(fixes, _)| fixes.iter().any(is_this))
            .map(|(_, name)| name);
        let _ = match patch {
            Some(patch) => writeln!(text, "{id}: fixed by {patch}"),
            None => writeln!(text, "{id}: not fixed by any applied patch"),
        };
        all &= patch.is_some();
        answers.push(json!({ "id": id, "fixed": patch.is_some(), "patch": patch }));
    }
    if !all && !unknown.is_empty() {
        let _ = writeln!(
            text,
            "not loaded by klpctl, so their fixes are unknown: {}",
            unknown.join(", ")
        );
    }
    let status = if all { Status::Success } else { Status::Failed };
    Ok(Answer {
        status,
        text,
        json: json!({ "status": if all { "fixed" } else { "not-fixed" }, "fixes": answers, "unknown": unknown }),
    })
}
