// SPDX-License-Identifier: GPL-2.0-only

//! `force`: ends a transition by force.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use serde_json::json;

use super::{Answer, Context};
use crate::cli::Force;
use crate::outcome::{Failure, Outcome, Status};

const WARNING: &str = "Tasks may then run a mix of old and new code, which can corrupt data, and a patch that is being \
                       disabled or replaced can never be unloaded until the next boot.";

pub fn run(context: &mut Context, args: &Force) -> Outcome<Answer> {
    // The holder of the lock may be reversing this transition.
    let _lock = context.lock_to_change()?;
    let name = context.name_in_transition(&args.patch)?;
    let patch = context.patch(&name)?;
    if !patch.transition {
        return Err(Failure::new(
            Status::Failed,
            format!("{name} is not in transition, so there is nothing to force"),
        ));
    }
    if context.dry_run {
        return Ok(Answer::new(
            format!("the transition of {name} would be ended by force. {WARNING}\n"),
            json!({ "status": "success", "patch": name, "dry_run": true }),
        ));
    }
    if !args.yes {
        confirm(&name)?;
    }
    context.kernel.force(&name)?;
    context
        .progress
        .say(&format!("{name}: the transition was ended by force"));
    Ok(Answer::new(
        "",
        json!({ "status": "success", "patch": name, "forced": true }),
    ))
}

/// Asks for confirmation, twice.
fn confirm(name: &str) -> Outcome {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(
            Status::Usage,
            format!("this ends the transition of {name} by force. {WARNING} Confirm with `--yes`"),
        ));
    }
    eprintln!("This ends the transition of {name} by force. {WARNING}");
    for question in [
        "Type the name of the patch to continue: ",
        "Type it again: ",
    ] {
        eprint!("{question}");
        let _ = std::io::stderr().flush();
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        if read.is_err() || line.trim() != name {
            return Err(Failure::new(
                Status::Failed,
                "not confirmed; nothing was changed",
            ));
        }
    }
    Ok(())
}
