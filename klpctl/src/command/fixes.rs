// SPDX-License-Identifier: GPL-2.0-only

//! `fixes`.

use std::fmt::Write as _;

use serde_json::json;

use super::status::fixes as fixed_by;
use super::{Answer, Context};
use crate::cli::Fixes;
use crate::outcome::{Outcome, Status};

pub fn run(context: &Context, args: &Fixes) -> Outcome<Answer> {
    let mut applied = Vec::new();
    let mut silent = Vec::new();
    for patch in context.kernel.patches()? {
        if patch.state() != "applied" {
            continue;
        }
        match context.records.info(&patch.name)? {
            Some(_) => applied.push((fixed_by(context, &patch)?, patch.name)),
            None => silent.push(patch.name),
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
            None => writeln!(text, "{id}: no patch that is applied says that it fixes it"),
        };
        all &= patch.is_some();
        answers.push(json!({ "id": id, "fixed": patch.is_some(), "patch": patch }));
    }
    if !all && !silent.is_empty() {
        let _ = writeln!(
            text,
            "not loaded by klpctl, so what they fix is unknown: {}",
            silent.join(", ")
        );
    }
    let status = if all { Status::Success } else { Status::Failed };
    Ok(Answer {
        status,
        text,
        json: json!({ "status": if all { "fixed" } else { "not-fixed" }, "fixes": answers, "unknown": silent }),
    })
}
