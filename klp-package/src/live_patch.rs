// SPDX-License-Identifier: GPL-2.0-only

//! The package of a live patch, which runs `klpctl install` for its kernel.

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use klp_elf::Module;
use klp_elf::livepatch::{SERIES, is_module_name};

use crate::{File, Format, Package, Relation, Scripts, VersionReq};

/// The folder of packaged modules, with a folder for each kernel release.
const FOLDER: &str = "/usr/lib/klp";

/// The minimum version of klpctl for the scripts.
const KLPCTL: &str = "0.1";

/// A live patch to be packaged.
#[derive(Clone, Debug)]
pub struct LivePatch {
    /// The contents of the module file.
    pub module: Vec<u8>,
    /// The maintainer; the default is the patch's first author.
    pub maintainer: Option<String>,
    /// The package revision of this version, from 1.
    pub revision: u32,
    /// The package of the kernel; the default is the distribution's.
    pub kernel_package: Option<String>,
    /// The module names of patches whose packages are removed when this one is installed.
    pub supersedes: Vec<String>,
    /// The build time of the package.
    pub time: Timestamp,
}

impl LivePatch {
    /// Makes the package.
    ///
    /// A patch has one package for each kernel, which later versions upgrade. Patches that a cumulative one supersedes
    /// stay installed: package managers remove a conflicting package before they install the new one, which would leave
    /// the machine without either in between.
    ///
    /// # Errors
    ///
    /// The module is not a live patch, or lacks information for a package.
    pub fn package(&self, format: Format) -> Result<Package> {
        let info = Info::read(&self.module)?;
        let release = &info.release;
        let path = format!("{FOLDER}/{release}/{}.ko", info.name);
        let maintainer = self.maintainer.as_ref().or(info.authors.first());
        let others = self.supersedes.iter();
        Ok(Package {
            name: package_name(&info.series, release),
            machine: Some(Module::parse(&self.module)?.machine()),
            version: info.version.clone(),
            revision: self.revision,
            summary: format!("Live patch {} for Linux {release}", info.series),
            description: info.description(),
            maintainer: maintainer
                .context(
                    "the package has no maintainer: add `authors = [\"Jane Doe <jane@example.org>\"]` to the patch's \
                     `#[livepatch(..)]`, or use --maintainer",
                )?
                .clone(),
            authors: info.authors.clone(),
            homepage: info.url.clone(),
            section: "kernel",
            change: info.change(),
            time: self.time,
            files: vec![File {
                path: path.clone(),
                contents: self.module.clone(),
                mode: 0o644,
            }],
            state_dir: None,
            depends: vec![
                Relation {
                    name: "klpctl".to_owned(),
                    version: VersionReq::AtLeast(KLPCTL.to_owned()),
                },
                self.kernel(format, release),
            ],
            supersedes: others.map(|name| package_name(name, release)).collect(),
            scripts: scripts(&info, &path),
        })
    }

    /// The dependency on the kernel's package.
    fn kernel(&self, format: Format, release: &str) -> Relation {
        match (&self.kernel_package, format) {
            (Some(name), _) => Relation::any(name),
            (None, Format::Deb) => Relation::any(format!("linux-image-{release}")),
            (None, Format::Rpm) => Relation {
                name: "kernel-uname-r".to_owned(),
                version: VersionReq::Exactly(release.to_owned()),
            },
        }
    }
}

/// The module's modinfo.
#[derive(Debug)]
struct Info {
    name: String,
    /// The part of the name that all versions of the patch have in common.
    series: String,
    version: String,
    /// The kernel release.
    release: String,
    text: Option<String>,
    authors: Vec<String>,
    fixes: Vec<String>,
    url: Option<String>,
    is_cumulative: bool,
}

impl Info {
    fn read(module: &[u8]) -> Result<Self> {
        let modinfo = Module::parse(module)?.modinfo()?;
        let all = |key: &str| modinfo.values(key).map(ToString::to_string).collect();
        let first = |key: &str| modinfo.value(key).map(ToString::to_string);
        ensure!(
            modinfo.is_livepatch(),
            "this module is not a live patch: its modinfo has no `livepatch: Y`"
        );
        let vermagic = first("vermagic").unwrap_or_default();
        let release = vermagic.split(' ').next().unwrap_or_default().to_owned();
        let is_release = |c: char| c.is_ascii_alphanumeric() || "+-._~".contains(c);
        ensure!(
            release.starts_with(|c: char| c.is_ascii_digit()) && release.chars().all(is_release),
            "the module does not name the kernel that it was built for: its vermagic is {vermagic:?}"
        );
        let name = first("name").context("the module has no name in its modinfo")?;
        let series = first(SERIES).unwrap_or_else(|| name.clone());
        // They become part of scripts.
        for name in [&name, &series] {
            ensure!(is_module_name(name), "{name:?} is not a valid module name");
        }
        Ok(Self {
            version: first("version").context(
                "a package needs a version, but the patch has none: add `version = \"1.0\"` to its `#[livepatch(..)]`",
            )?,
            series,
            name,
            release,
            text: first("description"),
            authors: all("author"),
            fixes: all("fixes"),
            url: first("url"),
            is_cumulative: modinfo.is_cumulative(),
        })
    }

    fn description(&self) -> Vec<String> {
        let mut paragraphs = Vec::new();
        paragraphs.extend(self.text.clone());
        if !self.fixes.is_empty() {
            paragraphs.push(format!("It fixes {}.", self.fixes.join(", ")));
        }
        let what = match self.is_cumulative {
            true => "It contains the fixes of all earlier ones, and replaces them. ",
            false => "",
        };
        paragraphs.push(format!(
            "This is a live patch: it replaces functions of the running kernel without a reboot. {what}It is for \
             Linux {} only. klpctl loads it when it is installed, if that kernel is running, and whenever that kernel \
             boots.",
            self.release
        ));
        paragraphs
    }

    fn change(&self) -> String {
        match self.fixes.as_slice() {
            [] => self
                .text
                .clone()
                .unwrap_or_else(|| "New version.".to_owned()),
            fixes => format!("Fixes {}.", fixes.join(", ")),
        }
    }
}

/// The name of a patch's package.
fn package_name(module: &str, release: &str) -> String {
    format!("livepatch-{}-{}", name_part(module), name_part(release))
}

/// Replaces characters that are invalid in package names.
fn name_part(text: &str) -> String {
    text.to_lowercase().replace(['_', '~'], "-")
}

/// The scripts succeed for a patch that stalls: it stays installed, and is loaded at the next boot. A patch that cannot
/// be unloaded does not keep its package.
fn scripts(info: &Info, path: &str) -> Scripts {
    let Info {
        name,
        series,
        release,
        ..
    } = info;
    let runs = runs_here(release);
    let after_install = format!(
        "if {runs}; then\n    \
         klpctl install --now {path} || {{\n        \
         status=$?\n        \
         case $status in 3 | 7 | 8) ;; *) exit $status ;; esac\n    \
         }}\n\
         else\n    \
         klpctl install {path}\n\
         fi\n"
    );
    // While a version is on trial or held out, klpctl keeps the one that it replaced.
    let patch = match series == name {
        true => name.clone(),
        false => format!("--all-versions {series}"),
    };
    // A package that replaces this one has loaded, or will load, its own patch. dpkg passes `in-favour` then; apt may
    // remove this package first, without it.
    let before_remove = format!(
        "klpctl uninstall --missing-ok --kernel '{release}' {patch} || exit\n\
         if [ \"$2\" != in-favour ] && {runs}; then\n    \
         klpctl uninstall --missing-ok --now --kernel '{release}' {patch} ||\n        \
         echo '{series}: uninstalled, but may still be loaded until the next boot; see klpctl status' >&2\n\
         fi\n"
    );
    Scripts {
        after_install,
        before_remove,
        ..Scripts::default()
    }
}

/// The condition that this kernel is running and can be patched from here. A chroot for building an image often has
/// the `/sys` of its host, which may run the same kernel; a container has it read-only.
fn runs_here(release: &str) -> String {
    format!(
        "[ \"$(uname -r)\" = '{release}' ] && [ -w /sys/kernel/livepatch ] && [ / -ef /proc/1/root ]"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::{Architecture, BinaryFormat, Endianness, SectionKind, write};

    const INFO: &str = "livepatch=Y\0name=fix_foo\0version=1.2\0fixes=CVE-2024-1234\0\
        author=Jane Doe <jane@example.org>\0description=A check\0\
        vermagic=6.12.1+deb13-amd64 SMP preempt\0";

    fn patch(modinfo: &str) -> LivePatch {
        let mut file =
            write::Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
        let kind = SectionKind::ReadOnlyData;
        let section = file.add_section(Vec::new(), b".modinfo".to_vec(), kind);
        file.append_section_data(section, modinfo.as_bytes(), 1);
        LivePatch {
            module: file.write().unwrap(),
            maintainer: None,
            revision: 1,
            kernel_package: None,
            supersedes: vec!["old_fix".to_owned()],
            time: Timestamp::from_second(1_700_000_000).unwrap(),
        }
    }

    #[test]
    fn a_package_depends_on_its_kernel() {
        let package = patch(INFO).package(Format::Deb).unwrap();
        assert_eq!(package.name, "livepatch-fix-foo-6.12.1+deb13-amd64");
        assert_eq!(package.version, "1.2");
        assert_eq!(
            package.depends[1],
            Relation::any("linux-image-6.12.1+deb13-amd64")
        );
        assert_eq!(package.supersedes, ["livepatch-old-fix-6.12.1+deb13-amd64"]);
        assert_eq!(package.change, "Fixes CVE-2024-1234.");
        let package = patch(INFO).package(Format::Rpm).unwrap();
        assert_eq!(package.depends[1].name, "kernel-uname-r");
    }

    #[test]
    fn versions_with_different_module_names_share_a_package() {
        let info = INFO.replace("name=fix_foo", "name=fix_foo_1_2\0klp_series=fix_foo");
        let package = patch(&info).package(Format::Deb).unwrap();
        assert_eq!(package.name, "livepatch-fix-foo-6.12.1+deb13-amd64");
        assert!(package.files[0].path.ends_with("/fix_foo_1_2.ko"));
        // Removes the replaced version too, which klpctl keeps while this one is on trial.
        let (_, called) = ran(&package.scripts.before_remove, ":", &["remove"]);
        let lines: Vec<_> = called.lines().collect();
        assert_eq!(lines.len(), 2, "{called}");
        for line in lines {
            assert!(line.ends_with(" --all-versions fix_foo"), "{called}");
        }
    }

    #[test]
    fn invalid_names_are_refused() {
        for series in ["", "fix;reboot", "$(reboot)", "a b"] {
            let info = format!("{INFO}klp_series={series}\0");
            let error = patch(&info).package(Format::Deb).unwrap_err();
            assert!(
                error.to_string().contains("not a valid module name"),
                "{error}"
            );
        }
    }

    #[test]
    fn superseded_packages_stay_installed() {
        let info = format!("{INFO}klp_replace=Y\0");
        let patch = LivePatch {
            supersedes: Vec::new(),
            ..patch(&info)
        };
        let package = patch.package(Format::Deb).unwrap();
        let control = crate::deb::control(&package, &[]);
        for field in ["Conflicts", "Breaks", "Replaces", "Provides"] {
            assert!(!control.contains(field), "{control}");
        }
        // klpctl keeps the others as a fallback.
        let (_, called) = ran(&package.scripts.after_install, ":", &["configure"]);
        let path = "/usr/lib/klp/6.12.1+deb13-amd64/fix_foo.ko";
        assert_eq!(called, format!("install --now {path}\n"));
    }

    #[test]
    fn the_same_input_gives_the_same_bytes() {
        let dir = tempfile::tempdir().unwrap();
        for format in [Format::Deb, Format::Rpm] {
            let [one, other] = [(); 2].map(|()| {
                let package = patch(INFO).package(format).unwrap();
                std::fs::read(package.write(format, dir.path()).unwrap()).unwrap()
            });
            assert!(one == other, "{format:?}");
        }
    }

    #[test]
    fn incomplete_patches_are_refused_with_advice() {
        for (part, expected) in [
            ("version=1.2\0", "`version = \"1.0\"`"),
            ("author=Jane Doe <jane@example.org>\0", "--maintainer"),
            ("livepatch=Y\0", "not a live patch"),
            (
                "vermagic=6.12.1+deb13-amd64 SMP preempt\0",
                "does not name the kernel",
            ),
        ] {
            let without = INFO.replace(part, "");
            let error = patch(&without).package(Format::Deb).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
        let dir = tempfile::tempdir().unwrap();
        for (from, to, expected) in [
            ("version=1.2", "version=v1", "begin with a digit"),
            ("version=1.2", "version=1-2", "not a package version"),
            (
                "author=Jane Doe <jane@example.org>",
                "author=Jane",
                "not a maintainer",
            ),
        ] {
            let package = patch(&INFO.replace(from, to)).package(Format::Deb).unwrap();
            let error = package.write(Format::Deb, dir.path()).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    /// Runs a package's script with a fake klpctl on its kernel. Returns the exit status, and klpctl's arguments.
    fn ran(script: &str, klpctl: &str, arguments: &[&str]) -> (Option<i32>, String) {
        let dir = tempfile::tempdir().unwrap();
        let called = dir.path().join("called");
        // rpm runs scripts without `set -e`.
        let script = format!(
            "klpctl() {{ echo \"$*\" >> {}; {klpctl}; }}\n{}",
            called.display(),
            script.replace(&runs_here("6.12.1+deb13-amd64"), "true")
        );
        let mut sh = std::process::Command::new("sh");
        let ran = sh.args(["-c", &script, "sh"]).args(arguments).output();
        let called = std::fs::read_to_string(called).unwrap_or_default();
        (ran.unwrap().status.code(), called)
    }

    #[test]
    fn stalled_patches_do_not_fail_scripts() {
        let scripts = patch(INFO).package(Format::Rpm).unwrap().scripts;
        for (status, expected) in [(0, 0), (3, 0), (7, 0), (8, 0), (4, 4), (6, 6)] {
            let (found, _) = ran(&scripts.after_install, &format!("return {status}"), &[]);
            assert_eq!(found, Some(expected), "{status}");
        }
        let stalls = "case $* in *--now*) return 7 ;; esac";
        let (status, called) = ran(&scripts.before_remove, stalls, &["0"]);
        assert_eq!(status, Some(0));
        assert!(called.contains("--now"));
        let (status, called) = ran(&scripts.before_remove, "return 1", &["0"]);
        assert_eq!(status, Some(1), "it is still installed");
        assert!(!called.contains("--now"));
    }

    #[test]
    fn replaced_packages_do_not_unload_the_patch() {
        let scripts = patch(INFO).package(Format::Deb).unwrap().scripts;
        let (_, called) = ran(&scripts.before_remove, ":", &["remove"]);
        assert!(called.contains("--now"));
        let (status, called) = ran(&scripts.before_remove, ":", &["remove", "in-favour"]);
        assert_eq!(status, Some(0));
        assert!(!called.contains("--now"));
    }
}
