// SPDX-License-Identifier: GPL-2.0-only

//! `info`: shows what a patch fixes and replaces.

use std::fmt::Write as _;

use klp_elf::check::{Against, check};
use serde_json::json;

use super::load::recorded;
use super::versions::Versions;
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

/// Opens a file, or the copy of a patch that was loaded or is installed.
fn open(context: &Context, args: &Info) -> Outcome<PatchFile> {
    let name = args.patch.to_str().map(module_name);
    match name {
        Some(name) if !args.patch.exists() && !name.contains(['/', '.']) => copy(context, &name),
        _ => PatchFile::open(&args.patch),
    }
}

/// Opens the copy of the patch with the module name or series `name`.
fn copy(context: &Context, name: &str) -> Outcome<PatchFile> {
    // Without procfs there is no release, and nothing is found.
    let release = context.kernel.release().unwrap_or_default();
    let installed = context.store.installed(&release)?;
    let mut versions = Versions::of_installed(&installed);
    versions.add_loaded(context, context.records.names())?;
    let name = versions.one(name)?;
    // The loaded build takes precedence over the installed one.
    if context.records.module_path(&name).is_file() {
        return recorded(context, &name);
    }
    match installed.iter().find(|it| it.name == name) {
        Some(installed) => installed.open(),
        None => Err(Failure::new(
            Status::Failed,
            format!(
                "there is no file {name}, and no patch of that name that was loaded by klpctl or is installed for this \
                 kernel; `klpctl status` lists the patches"
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::install::tests::{RELEASE, machine};
    use crate::store::tests::module;

    #[test]
    fn a_name_selects_a_copy() {
        let dir = tempfile::tempdir().expect("a folder");
        let context = machine(dir.path());
        let patch = |name, version: &str| {
            let more = format!("klp_series=fix\0version={version}\0");
            module(name, RELEASE, &more)
        };
        let version = |name: &str| {
            let file = copy(&context, name).map_err(|failure| failure.message)?;
            Ok::<_, String>(file.info.version.unwrap_or_default())
        };
        assert!(
            version("fix")
                .expect_err("none")
                .contains("`klpctl status`")
        );
        let file = patch("fix_1_1", "1.1 installed");
        context.store.install(&file).expect("written");
        assert_eq!(version("fix").expect("one"), "1.1 installed");
        let file = patch("fix_1_1", "1.1 loaded");
        context.records.keep(&file).expect("written");
        assert_eq!(version("fix").expect("one"), "1.1 loaded");
        let file = patch("fix_1_2", "1.2");
        context.records.keep(&file).expect("written");
        assert!(
            version("fix")
                .expect_err("which one?")
                .contains("fix_1_1, fix_1_2")
        );
        assert_eq!(version("fix_1_2").expect("itself"), "1.2");
    }
}
