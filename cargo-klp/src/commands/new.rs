// SPDX-License-Identifier: GPL-2.0-only

//! `cargo klp new`: a folder with a patch that works, to start from.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use klp_host::host::paths::check_for_make;

use crate::commands::from_fix;
use crate::inlined::DebugInfo;
use crate::kernel::Choice;

/// `MODULE_NAME_LEN` of the kernel without its NUL, on 64-bit.
const LONGEST: usize = 55;

/// Names of crates that a patch uses.
const TAKEN: [&str; 8] = [
    "alloc", "bindings", "core", "ffi", "kernel", "klp", "pin_init", "std",
];

#[derive(Args, Debug)]
pub(super) struct NewArgs {
    /// The patch's name, which is the module's.
    name: String,
    /// Where to make it [default: a folder of the patch's name, here].
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
    /// Begin with a fix as upstream published it: a diff, or a mail with one.
    #[arg(long, value_name = "FIX")]
    from: Option<PathBuf>,
    /// The kernel to look the fix's functions up in: one of Debian's, which is fetched (`cargo klp kernels`
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
            .with_context(|| format!("{} is no path for a folder", dir.display()))?;
        check_for_make(&dir)?;
        check_free(&dir)?;
        if let Some(fix) = &self.from {
            let begun = from_fix::begin(&self.name, fix, &self.kernel, &self.debug_info)?;
            make(&dir, &self.name, &begun.files(files(&self.name)))?;
            begun.tell(&dir);
            return Ok(());
        }
        make(&dir, &self.name, &files(&self.name))?;
        println!(
            "made {dir}: a patch of /proc/cmdline, to start from\n\
             Next: cd {dir} && cargo klp build --vm --command 'cat /proc/cmdline'",
            dir = dir.display()
        );
        Ok(())
    }
}

/// The file `NAME.rs` is a crate, and becomes a module.
fn check_name(name: &str) -> Result<()> {
    let is_fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    ensure!(
        name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_fine),
        "`{name}` is no name for a patch: it names the module, so it has to begin with a small \
         letter and go on with small letters, digits, - and _, as in `fix-foo`"
    );
    ensure!(
        name.len() <= LONGEST,
        "`{name}` has {} characters: the name of a module has at most {LONGEST}",
        name.len()
    );
    ensure!(
        !TAKEN.contains(&name.replace('-', "_").as_str()),
        "`{name}` is the name of a crate that patches use: choose another one, as `fix-{name}`"
    );
    Ok(())
}

/// Creates the folder atomically.
fn make(dir: &Path, name: &str, files: &[(String, String)]) -> Result<()> {
    check_free(dir)?;
    let parent = dir
        .parent()
        .with_context(|| format!("{} is no path for a new folder", dir.display()))?;
    let cannot = || format!("cannot make a folder in {}", parent.display());
    fs::create_dir_all(parent).with_context(cannot)?;
    let partial = tempfile::Builder::new()
        .prefix(".cargo-klp-")
        .tempdir_in(parent)
        .with_context(cannot)?;
    // The temporary folder is private; a folder in it is as new ones are.
    let inner = partial.path().join(name);
    fs::create_dir(&inner).with_context(cannot)?;
    for (file, text) in files {
        let path = inner.join(file);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    fs::rename(&inner, dir).with_context(|| format!("cannot make {}", dir.display()))
}

/// An empty folder may exist.
fn check_free(dir: &Path) -> Result<()> {
    match fs::read_dir(dir) {
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(err) => {
            let what = format!("{} is there and no folder that can be read", dir.display());
            Err(err).context(what)
        }
        Ok(mut entries) => {
            if entries.next().is_some() {
                bail!(
                    "{} is there and not empty: choose another name, or another folder by --path",
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
    fn names_that_are_no_modules_are_refused() {
        for name in ["fix-foo", "a", "fix_foo2", &"x".repeat(LONGEST)] {
            check_name(name).unwrap();
        }
        for (name, why) in [
            ("", "no name for a patch"),
            ("Fix", "no name for a patch"),
            ("2fix", "no name for a patch"),
            ("-fix", "no name for a patch"),
            ("fix.foo", "no name for a patch"),
            ("fix foo", "no name for a patch"),
            ("../fix", "no name for a patch"),
            ("für", "no name for a patch"),
            ("kernel", "crate that patches use"),
            ("pin-init", "crate that patches use"),
            (&"x".repeat(LONGEST + 1), "at most 55"),
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
        let text = make(&taken, "taken", &files("taken"))
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("not empty") && text.contains("--path"),
            "{text}"
        );
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(make(&file, "file", &files("file")).is_err());
        assert!(make(&file.join("below"), "below", &files("below")).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
        assert_eq!(fs::read_dir(&taken).unwrap().count(), 1);
    }

    #[test]
    fn an_empty_folder_is_filled_and_all_texts_are_complete() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fix-foo");
        fs::create_dir(&path).unwrap();
        make(&path, "fix-foo", &files("fix-foo")).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        for (file, text) in files("fix-foo") {
            assert_eq!(fs::read_to_string(path.join(file)).unwrap(), text);
            assert!(!text.contains('@'), "{text}");
        }
    }
}
