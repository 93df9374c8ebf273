// SPDX-License-Identifier: GPL-2.0-only

//! `cargo klp new`: creates a patch's folder, from a working example or an upstream fix.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use klp_elf::limits::OBJECT_MAX;
use klp_host::host::paths::check_for_make;

use crate::commands::from_fix;
use crate::inlined::DebugInfo;
use crate::kernel::Choice;

/// The names of crates that a patch can use.
const RESERVED: [&str; 8] = [
    "alloc", "bindings", "core", "ffi", "kernel", "klp", "pin_init", "std",
];

#[derive(Args, Debug)]
pub(super) struct NewArgs {
    /// Name of the patch and its module.
    name: String,
    /// Folder to create [default: NAME in the current folder].
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
    /// Write stubs for an upstream fix: a diff, or a mail with one.
    #[arg(long, value_name = "FIX")]
    from: Option<PathBuf>,
    /// Kernel in which to look up the fix's functions: one of Debian's, which is fetched (`cargo klp kernels`
    /// lists them), `running`, or a kernel's build folder.
    #[arg(
        long,
        value_name = "KERNEL",
        default_value = "stock",
        value_parser = Choice::parse,
        requires = "from"
    )]
    kernel: Choice,
    #[command(flatten)]
    debug_info: DebugInfo,
}

impl NewArgs {
    pub(super) fn run(self) -> Result<()> {
        check_name(&self.name)?;
        let dir = self.path.clone();
        let dir = dir.unwrap_or_else(|| PathBuf::from(&self.name));
        let dir = std::path::absolute(&dir)
            .with_context(|| format!("{} is not a path for a folder", dir.display()))?;
        check_for_make(&dir)?;
        check_free(&dir)?;
        if let Some(fix) = &self.from {
            let patch = from_fix::plan(&self.name, fix, &self.kernel, &self.debug_info)?;
            create(&dir, &self.name, &patch.files(files(&self.name)))?;
            patch.print_summary(&dir);
            return Ok(());
        }
        create(&dir, &self.name, &files(&self.name))?;
        println!(
            "created {dir}: an example patch of /proc/cmdline\n\
             next: cd {dir} && cargo klp build --vm --command 'cat /proc/cmdline'",
            dir = dir.display()
        );
        Ok(())
    }
}

/// Checks that the name is valid for a crate and a module: `NAME.rs` becomes both.
fn check_name(name: &str) -> Result<()> {
    let is_valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    ensure!(
        name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_valid),
        "`{name}` is not a valid patch name: begin with a lower-case letter, and use lower-case letters, digits, \
         `-` and `_`, as in `fix-foo`"
    );
    ensure!(
        name.len() <= OBJECT_MAX,
        "`{name}` has {} characters, but a module name can have at most {OBJECT_MAX}",
        name.len()
    );
    ensure!(
        !RESERVED.contains(&name.replace('-', "_").as_str()),
        "`{name}` is the name of a crate that patches use: choose another name, such as `fix-{name}`"
    );
    Ok(())
}

/// Creates the folder atomically.
fn create(dir: &Path, name: &str, files: &[(String, String)]) -> Result<()> {
    check_free(dir)?;
    let parent = dir
        .parent()
        .with_context(|| format!("{} is not a path for a new folder", dir.display()))?;
    let cannot = || format!("cannot create a folder in {}", parent.display());
    fs::create_dir_all(parent).with_context(cannot)?;
    let partial = tempfile::Builder::new()
        .prefix(".cargo-klp-")
        .tempdir_in(parent)
        .with_context(cannot)?;
    // The temporary folder is private; a folder in it has the usual permissions.
    let inner = partial.path().join(name);
    fs::create_dir(&inner).with_context(cannot)?;
    for (file, text) in files {
        let path = inner.join(file);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    fs::rename(&inner, dir).with_context(|| format!("cannot create {}", dir.display()))
}

/// Checks that the folder does not exist, or is empty.
fn check_free(dir: &Path) -> Result<()> {
    match fs::read_dir(dir) {
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(err) => {
            let what = format!("{} exists, but cannot be read as a folder", dir.display());
            Err(err).context(what)
        }
        Ok(mut entries) => {
            if entries.next().is_some() {
                bail!(
                    "{} exists and is not empty: choose another name, or another folder with --path",
                    dir.display()
                );
            }
            Ok(())
        }
    }
}

fn files(name: &str) -> [(String, String); 4] {
    let fill = |text: &str| {
        text.replace("@NAME@", name)
            .replace("@MODULE@", &name.replace('-', "_"))
    };
    [
        (
            format!("{name}.rs"),
            fill(include_str!("../../template/patch.rs")),
        ),
        (
            "Kbuild".to_owned(),
            fill(include_str!("../../template/Kbuild")),
        ),
        (
            "README.md".to_owned(),
            fill(include_str!("../../template/README.md")),
        ),
        (
            ".gitignore".to_owned(),
            fill(include_str!("../../template/gitignore")),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_names_are_refused() {
        for name in ["fix-foo", "a", "fix_foo2", &"x".repeat(OBJECT_MAX)] {
            check_name(name).unwrap();
        }
        for (name, why) in [
            ("", "not a valid patch name"),
            ("Fix", "not a valid patch name"),
            ("2fix", "not a valid patch name"),
            ("-fix", "not a valid patch name"),
            ("fix.foo", "not a valid patch name"),
            ("fix foo", "not a valid patch name"),
            ("../fix", "not a valid patch name"),
            ("für", "not a valid patch name"),
            ("kernel", "crate that patches use"),
            ("pin-init", "crate that patches use"),
            (&"x".repeat(OBJECT_MAX + 1), "at most 55"),
        ] {
            let text = check_name(name).unwrap_err().to_string();
            assert!(text.contains(why), "{name}: {text}");
        }
    }

    #[test]
    fn a_failure_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let taken = dir.path().join("taken");
        fs::create_dir(&taken).unwrap();
        fs::write(taken.join("file"), "mine").unwrap();
        let text = create(&taken, "taken", &files("taken"))
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("not empty") && text.contains("--path"),
            "{text}"
        );
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(create(&file, "file", &files("file")).is_err());
        assert!(create(&file.join("below"), "below", &files("below")).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
        assert_eq!(fs::read_dir(&taken).unwrap().count(), 1);
    }

    #[test]
    fn an_empty_folder_is_filled_from_the_templates() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fix-foo");
        fs::create_dir(&path).unwrap();
        create(&path, "fix-foo", &files("fix-foo")).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        for (file, text) in files("fix-foo") {
            assert_eq!(fs::read_to_string(path.join(file)).unwrap(), text);
            assert!(!text.contains('@'), "{text}");
        }
    }
}
