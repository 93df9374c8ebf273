// SPDX-License-Identifier: GPL-2.0-only

//! Tests the workflow of a patch author: installs `cargo klp`, and in a folder outside of the checkout
//! creates, writes, builds and tries a patch.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Instant, SystemTime};

use anyhow::{Context as _, Result, bail, ensure};
use klp_host::host::process;
use klp_host::host::progress::say;
use klp_host::kernel::{Core, Profile};
use klp_host::tools::toolchain::Toolchain;
use serde_json::Value;

use super::cases::Cases;
use super::form::Form;
use crate::case::Tally;
use crate::checkout;
use crate::guest_program;

/// The patch's name, and the function that it replaces.
const NAME: &str = "fix-foo";
const FUNCTION: &str = "cmdline_proc_show";

/// A module of Debian's kernel that needs no device, and a function of it.
const MODULE: &str = "pktgen";
const MODULE_FUNCTION: &str = "pgctrl_show";

/// A function that other functions of its file call in every version of the kernel, so compilers inline it there.
const INLINED: &str = "path_get";

/// The placeholder in a stub, and its replacement.
const PLACEHOLDER: &str = "    // Write the fixed function here.\n";
const BODY: &str = "    seq_print!(m, \"written into a stub\\n\");\n";

/// The placeholder in a stub that calls the original.
const WRAP_PLACEHOLDER: &str = "    // Check here what the original does not check.\n";

/// The complete contents of a patch's folder.
const FILES: [&str; 6] = [
    ".gitignore",
    "Kbuild",
    "README.md",
    "fix-foo.rs",
    "rust-project.json",
    "target",
];

pub(super) fn run(form: Form) -> Result<Tally> {
    // Outside of the cases, so that its progress is shown.
    checkout::kernel(Core::STOCK, Profile::Base)?;
    let author = Author::new()?;
    let mut cases = Cases::new("author");
    cases.check("the command is installed", || author.install());
    cases.check("a new patch", || author.new_patch());
    cases.check("a stub is pasted in", || author.paste_stub());
    cases.check("built, and the kernel patched", || author.build_and_try());
    cases.check("an edit makes a new module", || author.edit());
    cases.check("a missing check is noted once", || author.note());
    cases.check("a mistake is reported at its line", || author.mistake());
    cases.check("a stub that calls the original", || author.wrap());
    cases.check("a stub that only returns a value", || author.returns());
    cases.check("a module of the kernel is patched", || author.module());
    cases.check("a patch with functions in C", || author.helpers());
    cases.check("a cumulative patch, versioned and signed", || author.sign());
    if form != Form::Short {
        cases.check("a function with inlined copies", || author.inlined());
    }
    cases.check("a failure on the patched kernel is reported", || {
        author.failures()
    });
    cases.check("another folder gives the same bytes", || {
        author.build_elsewhere()
    });
    cases.check("the folder stays clean", || author.look_around());
    cases.check("files shared by patches stay unmodified", || {
        author.look_at_shared()
    });
    Ok(cases.tally())
}

/// An author with a home folder.
pub(super) struct Author {
    toolchain: Toolchain,
    /// The author's tools and patches.
    home: tempfile::TempDir,
}

impl Author {
    /// Creates an author with an empty home folder.
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            toolchain: checkout::toolchain()?,
            home: tempfile::tempdir().context("cannot make a temporary folder")?,
        })
    }

    /// The home folder, which is removed with this.
    pub(super) fn home(&self) -> &Path {
        self.home.path()
    }

    fn tools(&self) -> PathBuf {
        self.home.path().join("tools")
    }

    fn patch(&self) -> PathBuf {
        self.home.path().join(NAME)
    }

    fn source(&self) -> PathBuf {
        self.patch().join(format!("{NAME}.rs"))
    }

    /// Installs `cargo klp`. It shares the checkout's target folder, so little is compiled again.
    pub(super) fn install(&self) -> Result<()> {
        let mut cargo = self.toolchain.cargo();
        cargo
            .args(["install", "--quiet", "--locked", "--debug", "--path"])
            .arg(checkout::top().join("cargo-klp"))
            .arg("--root")
            .arg(self.tools())
            .current_dir(checkout::top());
        process::output(&mut cargo).map(drop)
    }

    /// The command `cargo klp` in this folder.
    fn klp(&self, dir: &Path, words: &[&str]) -> Command {
        let mut cargo = self.toolchain.cargo();
        self.add_tools(&mut cargo);
        cargo.arg("klp").args(words).current_dir(dir);
        cargo
    }

    /// A command that finds the author's tools.
    pub(super) fn command(&self, program: &str, dir: &Path) -> Command {
        let mut command = process::command(program);
        self.add_tools(&mut command);
        command.current_dir(dir);
        command
    }

    /// Prepends the author's tools to the command's `PATH`.
    fn add_tools(&self, command: &mut Command) {
        let found = std::env::var_os("PATH").unwrap_or_default();
        let paths = [self.tools().join("bin"), self.toolchain.bin()]
            .into_iter()
            .chain(std::env::split_paths(&found));
        if let Ok(path) = std::env::join_paths(paths) {
            command.env("PATH", path);
        }
    }

    fn new_patch(&self) -> Result<()> {
        process::output(&mut self.klp(self.home.path(), &["new", NAME])).map(drop)
    }

    fn paste_stub(&self) -> Result<()> {
        let stub = process::output(&mut self.klp(&self.patch(), &["stub", FUNCTION]))?;
        ensure!(
            stub.contains(PLACEHOLDER),
            "the stub has no placeholder: {stub}"
        );
        self.write(&stub.replace(PLACEHOLDER, BODY))
    }

    fn write(&self, text: &str) -> Result<()> {
        let path = self.source();
        fs::write(&path, format!("//! A patch.\n\n{text}"))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Patches the stock kernel and prints its command line there. Returns the output.
    fn build_and_show(&self, more: &[&str]) -> Result<String> {
        let words = ["--command", "cat /proc/cmdline"];
        self.try_out(&[&words, more].concat())
    }

    fn try_out(&self, more: &[&str]) -> Result<String> {
        let words = ["build", "--kernel", "stock", "--vm"];
        process::output(&mut self.klp(&self.patch(), &[&words, more].concat()))
    }

    fn wrap(&self) -> Result<()> {
        let words = ["stub", "--wrap", FUNCTION];
        let stub = process::output(&mut self.klp(&self.patch(), &words))?;
        ensure!(
            stub.contains(WRAP_PLACEHOLDER),
            "the stub has no placeholder: {stub}"
        );
        self.write(&stub.replace(WRAP_PLACEHOLDER, BODY))?;
        let text = self.build_and_show(&[])?;
        ensure!(
            text.contains("\nwritten into a stub\nconsole=ttyS0"),
            "the replacement's line and the original's are not in {text}"
        );
        Ok(())
    }

    fn returns(&self) -> Result<()> {
        let words = ["stub", "--returns", "-EPERM", FUNCTION];
        let stub = process::output(&mut self.klp(&self.patch(), &words))?;
        self.write(&stub)?;
        let text = self.build_and_show(&["--expect-status", "1"])?;
        ensure!(
            text.contains("Operation not permitted") && text.contains("\npatched: fix_foo on "),
            "the function did not fail with EPERM: {text}"
        );
        Ok(())
    }

    fn build_and_try(&self) -> Result<()> {
        let text = self.build_and_show(&["--expect", "written into a stub"])?;
        for line in ["\nwritten into a stub\n", "\npatched: fix_foo on "] {
            ensure!(text.contains(line), "`{}` is not in {text}", line.trim());
        }
        ensure!(
            text.matches("console=ttyS0").count() == 1,
            "the kernel's command line is not shown exactly once: {text}"
        );
        Ok(())
    }

    /// Patches a module of Debian's kernel, which is fetched, checked against, and loaded.
    fn module(&self) -> Result<()> {
        let words = ["stub", "--wrap", "--object", MODULE, MODULE_FUNCTION];
        let stub = process::output(&mut self.klp(&self.patch(), &words))?;
        ensure!(
            stub.contains("(seq: &SeqFile, "),
            "the stub lacks the function's types: {stub}"
        );
        let body = BODY.replace("(m,", "(seq,");
        self.write(&stub.replace(WRAP_PLACEHOLDER, &body))?;
        let command = "cat /proc/net/pktgen/pgctrl; cat /root/fix-foo.rs";
        let words = ["--module", MODULE, "--file", "fix-foo.rs:/root/"];
        let expected = [
            "--expect",
            "written into a stub",
            "--expect",
            "#[livepatch(",
        ];
        let text = self.try_out(&[&["--command", command], &words[..], &expected].concat())?;
        ensure!(
            text.contains(&format!("{MODULE}: patched")) && text.contains("--- before patching: "),
            "the module is not patched: {text}"
        );
        self.write(&stub.replace("seq: &SeqFile", "seq: u32"))?;
        let Err(error) = process::output(&mut self.klp(&self.patch(), &["build"])) else {
            bail!("a patch with a type that differs from the module's was built");
        };
        let error = format!("{error:#}");
        ensure!(error.contains("is `struct seq_file *` in C"), "{error}");
        Ok(())
    }

    /// Checks that failures of the command on the patched kernel, and panics of the patch, are reported.
    fn failures(&self) -> Result<()> {
        let stub = process::output(&mut self.klp(&self.patch(), &["stub", FUNCTION]))?;
        self.write(&stub.replace(PLACEHOLDER, BODY))?;
        let fails = |words: &[&str], parts: &[&str]| {
            let words = [&["build", "--kernel", "stock", "--vm"], words].concat();
            let mut build = self.klp(&self.patch(), &words);
            let output = build.output().context("cannot run cargo klp")?;
            let output_bytes = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&output_bytes);
            ensure!(!output.status.success(), "{words:?} succeeded: {text}");
            for part in parts {
                ensure!(text.contains(part), "{part:?} is not in {text}");
            }
            Ok(())
        };
        let command = "! grep written /proc/cmdline";
        fails(
            &["--command", command, "--expect", "never printed"],
            &[
                "error: the exit status is 1, expected 0",
                "error: the command did not print \"never printed\"",
                "the command failed on the patched kernel",
            ],
        )?;
        let words = ["--command", "echo early; sleep 100", "--timeout", "3"];
        fails(
            &words,
            &["early", "error: the command did not exit within 3 s"],
        )?;
        let panics = BODY
            .replace("written", "{}")
            .replace("\\n\"", "\\n\", [1][zero()]");
        let zero = "#[inline(never)]\nfn zero() -> usize {\n    core::hint::black_box(1)\n}\n";
        self.write(&format!("{}\n{zero}", stub.replace(PLACEHOLDER, &panics)))?;
        let words = ["--command", "cat /proc/cmdline"];
        fails(
            &words,
            &["Rust code panicked at fix-foo.rs:", "index out of bounds"],
        )
    }

    fn edit(&self) -> Result<()> {
        let module = self.build()?;
        let before = modified(&module)?;
        let text = self.read()?;
        fs::write(self.source(), text.replace("into a stub", "again"))?;
        let start = Instant::now();
        ensure!(self.build()? == module, "the module's path changed");
        say(&format!(
            "author: from an edit to the module in {:.1} s",
            start.elapsed().as_secs_f32()
        ));
        ensure!(
            modified(&module)? > before,
            "the module was not built again"
        );
        Ok(())
    }

    /// Checks that a module does not depend on the patch's folder, although panics name source locations.
    fn build_elsewhere(&self) -> Result<()> {
        let folder = self.home.path().join("else/where").join(NAME);
        fs::create_dir_all(&folder).context("cannot make a folder")?;
        for name in ["Kbuild", "fix-foo.rs"] {
            let cannot = || format!("cannot copy {name}");
            fs::copy(self.patch().join(name), folder.join(name)).with_context(cannot)?;
        }
        let [here, there] = [self.patch(), folder].map(|dir| {
            let module = self.build_in(&dir)?;
            fs::read(&module).with_context(|| format!("cannot read {}", module.display()))
        });
        ensure!(here? == there?, "the modules differ");
        Ok(())
    }

    fn build(&self) -> Result<PathBuf> {
        self.build_in(&self.patch())
    }

    /// Builds the patch. Returns the module's path, which is the last line of output.
    fn build_in(&self, dir: &Path) -> Result<PathBuf> {
        let text = process::output(&mut self.klp(dir, &["build"]))?;
        let line = text.lines().last();
        line.map(PathBuf::from)
            .context("cargo klp build printed no path")
    }

    /// Checks that the example builds in another folder, and that it does not with a wrong declaration.
    fn helpers(&self) -> Result<()> {
        let folder = self.home.path().join("with-helpers");
        let example = checkout::top().join("examples/livepatch-helpers");
        fs::create_dir(&folder).context("cannot make a folder")?;
        for name in ["Kbuild", "helpers.c", "patch.rs"] {
            let cannot = || format!("cannot copy {name}");
            fs::copy(example.join(name), folder.join(name)).with_context(cannot)?;
        }
        process::output(&mut self.klp(&folder, &["build"]))?;
        let source = folder.join("patch.rs");
        let text = fs::read_to_string(&source).context("cannot read the patch")?;
        fs::write(&source, text.replace("online() -> u32", "online() -> u64"))
            .context("cannot write the patch")?;
        let output = self.klp(&folder, &["build"]).output();
        let output = output.context("cannot run cargo klp")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(
            !output.status.success() && errors.contains("`unsigned int` in C: write `-> u32`"),
            "the wrong type is not reported in: {errors}"
        );
        Ok(())
    }

    /// Checks that a cumulative patch has its version in its module's name, and that the printed module is signed
    /// and still matches the kernel.
    fn sign(&self) -> Result<()> {
        let stub = process::output(&mut self.klp(&self.patch(), &["stub", FUNCTION]))?;
        let replaces = format!("replaces = \"{FUNCTION}\"");
        let keys = format!("{replaces}, replace, version = \"1.2\"");
        self.write(&stub.replace(PLACEHOLDER, BODY).replace(&replaces, &keys))?;
        let [key, cert] = ["author.pem", "author.der"].map(|name| self.home.path().join(name));
        let request =
            "req -new -x509 -newkey rsa:2048 -nodes -days 10 -subj /CN=author -outform DER";
        let mut openssl = process::command("openssl");
        openssl.args(request.split(' ')).arg("-out").arg(&cert);
        process::output(openssl.arg("-keyout").arg(&key))?;
        let [key, cert] = [&key, &cert].map(|path| path.to_str().unwrap_or_default());
        let words = ["build", "--versioned", "--sign", key, "--cert", cert];
        let text = process::output(&mut self.klp(&self.patch(), &words))?;
        let module = text
            .lines()
            .last()
            .context("cargo klp build printed no path")?;
        ensure!(
            module.ends_with("/fix_foo_1_2.ko"),
            "expected fix_foo_1_2.ko, built {module}"
        );

        let mut verify = process::command(guest_program::klpctl()?);
        let text = process::output(verify.args(["verify", "--cert", cert, module]))?;
        ensure!(
            text.contains("signed by CN=author"),
            "klpctl verify printed: {text}"
        );
        let mut modinfo = process::command("modinfo");
        let text = process::output(modinfo.arg(module))?;
        let entries: Vec<_> = text
            .lines()
            .filter_map(|line| line.split_once(':'))
            .collect();
        for (key, value) in [
            ("name", "fix_foo_1_2"),
            ("klp_series", "fix_foo"),
            ("version", "1.2"),
            ("livepatch", "Y"),
            ("sig_hashalgo", "sha256"),
        ] {
            let found: Vec<_> = entries.iter().filter(|entry| entry.0 == key).collect();
            ensure!(
                matches!(found.as_slice(), [entry] if entry.1.trim() == value),
                "modinfo should show {key}: {value}, but shows {found:?}"
            );
        }
        let words = ["check", "--kernel", "stock", module];
        process::output(&mut self.klp(self.home.path(), &words)).map(drop)
    }

    /// Checks inlined copies, which Debian's debug information shows: they are refused with the names of their
    /// callers, and accepted if these are replaced too, or listed by the author.
    fn inlined(&self) -> Result<()> {
        let words = ["stub", "--wrap", INLINED];
        let stub = process::output(&mut self.klp(&self.patch(), &words))?;
        self.write(&stub)?;
        let debug_info = ["build", "--debug-info"];
        let output = self.klp(&self.patch(), &debug_info).output();
        let output = output.context("cannot run cargo klp")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        let callers =
            callers(&errors).with_context(|| format!("no callers are named in {errors}"))?;
        ensure!(
            !output.status.success() && callers.len() > 1,
            "the copies in {callers:?} were accepted: {errors}"
        );
        // The index is cached now, and used even without `--debug-info`.
        self.write(&accept(&stub, &callers))?;
        self.build().context("cannot build with accepted callers")?;
        let wrap = |names: &[&str]| {
            let words = [&["stub", "--wrap"], names].concat();
            process::output(&mut self.klp(&self.patch(), &words))
        };
        // The names of the others are ambiguous.
        let (replaced, others): (Vec<String>, _) =
            callers.into_iter().partition(|name| wrap(&[name]).is_ok());
        ensure!(!replaced.is_empty(), "none of {others:?} can be replaced");
        let names: Vec<_> = [INLINED]
            .into_iter()
            .chain(replaced.iter().map(String::as_str))
            .collect();
        self.write(&accept(&wrap(&names)?, &others))?;
        self.build()
            .context("cannot build with replaced callers")
            .map(drop)
    }

    fn note(&self) -> Result<()> {
        let mut build = self.klp(&self.patch(), &["build"]);
        let output = build
            .env("KLP_VMLINUX", "")
            .output()
            .context("cannot run cargo klp")?;
        let text = String::from_utf8_lossy(&output.stderr);
        let notes = text.matches("signatures are not checked").count();
        ensure!(
            output.status.success() && notes == 1,
            "expected one note, found {notes} in {text}"
        );
        Ok(())
    }

    fn mistake(&self) -> Result<()> {
        let text = self.read()?;
        let line = 1 + text
            .lines()
            .take_while(|line| !line.contains("Ok("))
            .count();
        fs::write(self.source(), text.replace("    Ok(", "    Okay("))?;
        let Err(error) = process::output(&mut self.klp(&self.patch(), &["build"])) else {
            bail!("the patch with a mistake was built");
        };
        let place = format!("{}:{line}:5", self.source().canonicalize()?.display());
        let error = format!("{error:#}");
        ensure!(error.contains(&place), "`{place}` is not in {error}");
        ensure!(
            !error.contains('\u{1b}') && !error.contains("***"),
            "colours or output of make in {error}"
        );
        Ok(())
    }

    fn read(&self) -> Result<String> {
        let path = self.source();
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    fn look_around(&self) -> Result<()> {
        let mut found: Vec<_> = fs::read_dir(self.patch())?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<Result<_>>()?;
        found.sort();
        ensure!(found == FILES, "expected {FILES:?}, found {found:?}");
        let crates = self.crates()?;
        let names: Vec<_> = crates
            .iter()
            .filter_map(|it| it["display_name"].as_str())
            .collect();
        for name in ["core", "kernel", "klp", "klp_macros", "fix_foo"] {
            ensure!(
                names.contains(&name),
                "no crate {name} for editors: {names:?}"
            );
        }
        Ok(())
    }

    /// The crates in `rust-project.json`.
    fn crates(&self) -> Result<Vec<Value>> {
        let project = fs::read(self.patch().join("rust-project.json"))?;
        let project: Value = serde_json::from_slice(&project)?;
        Ok(project["crates"].as_array().cloned().unwrap_or_default())
    }

    /// Checks that no build modified klp's cached sources and build, which all patches share.
    fn look_at_shared(&self) -> Result<()> {
        let crates = self.crates()?;
        for (name, key, depth) in [
            ("klp", "root_module", 3),
            ("klp_macros", "proc_macro_dylib_path", 2),
        ] {
            let found = crates.iter().find(|it| it["display_name"] == name);
            let path = found.and_then(|it| it[key].as_str());
            let path = path.with_context(|| format!("{name} has no {key}"))?;
            let entry = Path::new(path).ancestors().nth(depth);
            check_unchanged(entry.with_context(|| format!("{path} is not in a cache entry"))?)?;
        }
        Ok(())
    }
}

/// Adds `inlined_into` with these callers to a stub.
fn accept(stub: &str, callers: &[String]) -> String {
    let replaces = format!("replaces = \"{INLINED}\"");
    stub.replace(
        &replaces,
        &format!("{replaces}, inlined_into = {callers:?}"),
    )
}

/// The callers that an error message lists: `inlined_into = ["f", "g"]`.
fn callers(message: &str) -> Option<Vec<String>> {
    let (_, list) = message.split_once("inlined_into = [")?;
    let (list, _) = list.split_once(']')?;
    Some(
        list.split(", ")
            .map(|name| name.trim_matches('"').to_owned())
            .collect(),
    )
}

/// Checks that no file in an entry of the cache is newer than the file that marks it as complete.
fn check_unchanged(entry: &Path) -> Result<()> {
    let complete = modified(&entry.join(".ready"))?;
    for file in walkdir::WalkDir::new(entry) {
        let file = file.with_context(|| format!("cannot list {}", entry.display()))?;
        ensure!(
            !file.file_type().is_file() || modified(file.path())? <= complete,
            "{} was written after its cache entry was complete",
            file.path().display()
        );
    }
    Ok(())
}

fn modified(path: &Path) -> Result<SystemTime> {
    fs::metadata(path)
        .and_then(|data| data.modified())
        .with_context(|| format!("cannot stat {}", path.display()))
}
