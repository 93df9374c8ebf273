// SPDX-License-Identifier: GPL-2.0-only

//! Finds the object of a source file, vmlinux or a module, from the makefiles and the configuration.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The maximum number of composite objects between a file and its module.
const STEPS: u32 = 6;

/// A configured source tree.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    pub(super) source: PathBuf,
    config: HashMap<String, char>,
}

/// The object of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Place {
    Vmlinux,
    /// A module, by the name that `lsmod` shows.
    Module(String),
    /// None: this option is off.
    NotBuilt(String),
    /// It could not be derived from the makefiles.
    Unknown,
}

impl Tree {
    /// The tree in this folder, with this configuration.
    pub(super) fn of(source: &Path, config: &Path) -> Option<Self> {
        let config = fs::read_to_string(config).ok()?;
        Some(Self {
            source: source.to_owned(),
            config: config.lines().filter_map(option).collect(),
        })
    }

    /// The text of a file in the tree.
    pub(super) fn file(&self, path: &str) -> Option<String> {
        let plain = Path::new(path)
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)));
        let bytes = plain.then(|| fs::read(self.source.join(path)).ok())??;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The object of a C file.
    pub(super) fn place(&self, path: &str) -> Place {
        let Some(stem) = path.strip_suffix(".c") else {
            return Place::Unknown;
        };
        match self.search(stem) {
            Place::Unknown => self.included(path).unwrap_or(Place::Unknown),
            place => place,
        }
    }

    /// Searches the makefiles of the file's folder and of those above it.
    fn search(&self, stem: &str) -> Place {
        for (at, _) in stem.rmatch_indices('/') {
            let (dir, object) = (&stem[..at], format!("{}.o", &stem[at + 1..]));
            let makefile = ["Kbuild", "Makefile"]
                .into_iter()
                .find_map(|name| self.file(&format!("{dir}/{name}")));
            let Some(makefile) = makefile else {
                continue;
            };
            match self.in_makefile(&assignments(&makefile), &object, STEPS) {
                Place::Unknown => {}
                place => return place,
            }
        }
        Place::Unknown
    }

    fn in_makefile(&self, lines: &[(String, Vec<String>)], object: &str, steps: u32) -> Place {
        let Some(steps) = steps.checked_sub(1) else {
            return Place::Unknown;
        };
        let mut off = Place::Unknown;
        let naming = lines
            .iter()
            .filter(|(_, words)| words.iter().any(|word| word == object));
        for (variable, _) in naming {
            let Some((target, condition)) = variable.rsplit_once('-') else {
                continue;
            };
            let option = condition
                .strip_prefix("$(CONFIG_")
                .and_then(|option| option.strip_suffix(')'));
            let value = match (condition, option) {
                ("y" | "objs" | "m", _) => condition.chars().next(),
                (_, Some(option)) => self.config.get(option).copied(),
                _ => continue,
            };
            let place = match (target, value) {
                (_, None) => Place::NotBuilt(format!("CONFIG_{}", option.unwrap_or_default())),
                ("obj" | "lib", Some('m')) => Place::Module(module(object)),
                ("obj" | "lib", Some(_)) => Place::Vmlinux,
                // It is part of a composite object.
                (target, Some(_)) if target != "obj" => {
                    self.in_makefile(lines, &format!("{target}.o"), steps)
                }
                _ => Place::Unknown,
            };
            match place {
                Place::Unknown => {}
                Place::NotBuilt(_) => off = place,
                place => return place,
            }
        }
        off
    }

    /// The object of the file that includes this one, as in kernel/sched.
    fn included(&self, path: &str) -> Option<Place> {
        let (dir, name) = path.rsplit_once('/')?;
        let line = format!("#include \"{name}\"");
        let files = fs::read_dir(self.source.join(dir)).ok()?;
        let mut names: Vec<String> = files
            .flatten()
            .filter_map(|file| file.file_name().into_string().ok())
            .filter(|file| file.ends_with(".c") && file != name)
            .collect();
        names.sort();
        names.iter().find_map(|file| {
            let path = format!("{dir}/{file}");
            let text = self.file(&path)?;
            let includes = text.lines().any(|other| other.trim_end() == line);
            let place = includes.then(|| self.search(path.strip_suffix(".c").unwrap_or(&path)));
            place.filter(|place| *place != Place::Unknown)
        })
    }
}

/// Parses `CONFIG_X=y`.
fn option(line: &str) -> Option<(String, char)> {
    let (name, value) = line.strip_prefix("CONFIG_")?.split_once('=')?;
    Some((name.to_owned(), value.chars().next()?))
}

/// The module name of an object.
fn module(object: &str) -> String {
    let name = object.rsplit('/').next().unwrap_or(object);
    name.trim_end_matches(".o").replace('-', "_")
}

/// The variables and words in lines such as `obj-y += a.o b.o`.
fn assignments(makefile: &str) -> Vec<(String, Vec<String>)> {
    let text = makefile.replace("\\\n", " ");
    let lines = text.lines().filter_map(|line| {
        let line = line.split('#').next().unwrap_or_default();
        let (variable, words) = line.split_once('=')?;
        let variable = variable.trim_end_matches([':', '+', '?', ' ', '\t']).trim();
        let words = words.split_whitespace().map(str::to_owned).collect();
        Some((variable.to_owned(), words))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> (tempfile::TempDir, Tree) {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("kernel/fork.c", ""),
            (
                "kernel/Makefile",
                "obj-y = fork.o \\\n\tsys.o\nobj-$(CONFIG_OFF) += off.o\n",
            ),
            ("kernel/sched/Makefile", "obj-y += all.o\n"),
            ("kernel/sched/all.c", "#include \"fair.c\"\n"),
            ("kernel/sched/fair.c", ""),
            ("fs/Makefile", "obj-$(CONFIG_ON) += on.o\n"),
            (
                "net/far/Makefile",
                "obj-$(CONFIG_FAR) := far-away.o\nfar-away-y := core.o # all\n\
                 far-away-$(CONFIG_ON) += sub/extra.o\nfar-away-objs += more.o\n\
                 far-away-$(CONFIG_OFF) += off.o\n",
            ),
            (
                ".config",
                "CONFIG_ON=y\nCONFIG_FAR=m\n# CONFIG_OFF is not set\n",
            ),
        ] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let tree = Tree::of(dir.path(), &dir.path().join(".config")).unwrap();
        (dir, tree)
    }

    #[test]
    fn objects_are_found_in_makefiles() {
        let (_dir, tree) = tree();
        let far = || Place::Module("far_away".to_owned());
        let off = || Place::NotBuilt("CONFIG_OFF".to_owned());
        for (path, place) in [
            ("kernel/fork.c", Place::Vmlinux),
            ("kernel/sys.c", Place::Vmlinux),
            ("kernel/off.c", off()),
            ("kernel/sched/fair.c", Place::Vmlinux),
            ("fs/on.c", Place::Vmlinux),
            ("net/far/core.c", far()),
            ("net/far/more.c", far()),
            ("net/far/sub/extra.c", far()),
            ("net/far/off.c", off()),
            ("net/far/other.c", Place::Unknown),
            ("nowhere/a.c", Place::Unknown),
            ("../../etc/passwd.c", Place::Unknown),
        ] {
            assert_eq!(tree.place(path), place, "{path}");
        }
        assert_eq!(tree.file("../etc/passwd"), None);
    }
}
