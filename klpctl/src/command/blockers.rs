// SPDX-License-Identifier: GPL-2.0-only

//! `blockers` and `signal`: lists and wakes blockers.

use serde_json::json;

use super::{Answer, Context};
use crate::cli::BlockersArgs;
use crate::kernel::patches::Patch;
use crate::kernel::tasks::wake;
use crate::outcome::Outcome;
use crate::output::{self, tasks};

/// The patch in transition, or the named one.
fn in_transition(context: &Context, args: &BlockersArgs) -> Outcome<Option<Patch>> {
    let name = args.patch.as_deref();
    let name = name
        .map(|name| context.name_in_transition(name))
        .transpose()?;
    let patch = context.named(name.as_deref())?;
    Ok(patch.filter(|patch| patch.transition))
}

fn no_transition() -> Answer {
    Answer::new(
        "no transition is running\n",
        json!({ "status": "success", "patch": null, "blockers": [] }),
    )
}

pub fn list(context: &Context, args: &BlockersArgs) -> Outcome<Answer> {
    let Some(patch) = in_transition(context, args)? else {
        return Ok(no_transition());
    };
    let blockers = context.kernel.blockers(&patch);
    let age = context.kernel.transition_age(&patch.name);
    let since = age.map_or_else(String::new, |age| format!(" for {} s", age.as_secs()));
    let text = format!(
        "{}: {}{since}, held up by {}\n{}",
        patch.name,
        patch.state(),
        tasks(blockers.len()),
        output::blockers(&blockers)
    );
    Ok(Answer::new(
        text,
        json!({
            "status": "success",
            "patch": patch.name,
            "seconds": age.map(|age| age.as_secs()),
            "blockers": blockers,
        }),
    ))
}

pub fn signal(context: &mut Context, args: &BlockersArgs) -> Outcome<Answer> {
    let _lock = context.lock_to_change()?;
    let Some(patch) = in_transition(context, args)? else {
        return Ok(no_transition());
    };
    let blockers = context.kernel.blockers(&patch);
    if context.dry_run {
        let text = format!(
            "these tasks would be woken:\n{}",
            output::blockers(&blockers)
        );
        return Ok(Answer::new(
            text,
            json!({ "status": "success", "blockers": blockers, "dry_run": true }),
        ));
    }
    let woken = wake(&context.kernel, &blockers);
    let processes = if woken == 1 {
        "1 process".to_owned()
    } else {
        format!("{woken} processes")
    };
    context
        .progress
        .say(&format!("{}: woke {processes}", patch.name));
    Ok(Answer::new(
        "",
        json!({ "status": "success", "patch": patch.name, "woken": woken }),
    ))
}
