// SPDX-License-Identifier: GPL-2.0-only

//! Tests with apt, and a local archive that is signed with a generated key.

use std::os::unix::fs::MetadataExt as _;
use std::process::Stdio;

use super::*;

/// The programs that the test archive needs.
const PROGRAMS: &[&str] = &["apt-get", "dpkg-deb", "gpg", "gpgconf"];

/// A local archive with a package.
struct Fake {
    dir: tempfile::TempDir,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.stop_agent();
    }
}

const NAME: &str = "linux-fake";
const VERSION: &str = "1:7.2-1";
const SUITE: &str = "fake";

impl Fake {
    /// Returns `None` if a program is missing.
    fn new() -> Option<Self> {
        if let Some(program) = PROGRAMS.iter().find(|name| programs::find(name).is_none()) {
            eprintln!("not tested: there is no {program}");
            return None;
        }
        let fake = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        // For apt's sandbox user.
        set_mode(fake.dir.path(), 0o755).unwrap();
        fake.new_key();
        fake.add(VERSION, "genuine");
        fake.sign("");
        Some(fake)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn gnupg(&self, program: &str) -> Command {
        let mut command = process::command(program);
        command
            .env("GNUPGHOME", self.path("gnupg"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn gpg(&self, args: &[&str]) {
        let mut gpg = self.gnupg("gpg");
        gpg.args(["--batch", "--yes", "--quiet", "--passphrase", ""]);
        assert!(gpg.args(args).status().unwrap().success(), "gpg {args:?}");
    }

    /// Stops the agent that gpg leaves running.
    fn stop_agent(&self) {
        let _ = self.gnupg("gpgconf").args(["--kill", "all"]).status();
    }

    fn new_key(&self) {
        let home = self.path("gnupg");
        self.stop_agent();
        let _ = fs::remove_dir_all(&home);
        fs::create_dir(&home).unwrap();
        set_mode(&home, 0o700).unwrap();
        self.gpg(&["--quick-gen-key", "fake", "ed25519", "sign", "never"]);
    }

    fn keyring(&self) -> PathBuf {
        self.path("key.gpg")
    }

    fn file(&self, version: &str) -> PathBuf {
        self.path(&format!("pool/{NAME}_{}.deb", version.replace(':', ".")))
    }

    fn lists(&self) -> PathBuf {
        self.path(&format!("dists/{SUITE}/main/binary-amd64/Packages"))
    }

    /// Adds a package with a file.
    fn add(&self, version: &str, text: &str) {
        let root = self.path("root");
        let control = root.join("DEBIAN");
        fs::create_dir_all(&control).unwrap();
        fs::create_dir_all(self.path("pool")).unwrap();
        fs::write(root.join("file"), text).unwrap();
        let stanza = format!(
            "Package: {NAME}\nVersion: {version}\nArchitecture: amd64\nMaintainer: x\n\
             Description: x\n"
        );
        fs::write(control.join("control"), &stanza).unwrap();
        let file = self.file(version);
        let mut build = process::command("dpkg-deb");
        // Without compression, packages with contents of the same size have the same size.
        build.args(["-Znone", "-b"]).arg(&root).arg(&file);
        process::output(&mut build).unwrap();

        let data = fs::read(&file).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let mut list = fs::read_to_string(self.lists()).unwrap_or_default();
        list.push_str(&format!(
            "{stanza}Filename: pool/{}\nSize: {}\nSHA256: {}\n\n",
            name,
            data.len(),
            deb::sha256(&data)
        ));
        fs::create_dir_all(self.lists().parent().unwrap()).unwrap();
        fs::write(self.lists(), list).unwrap();
    }

    /// Signs the current lists, with additional fields in the release file.
    fn sign(&self, field: &str) {
        let lists = fs::read(self.lists()).unwrap();
        let date = process::output(process::command("date").args(["-u", "-R"])).unwrap();
        let release = format!(
            "Origin: Debian\nLabel: Debian\nSuite: {SUITE}\nCodename: {SUITE}\nDate: {date}\
             Architectures: amd64\nComponents: main\n{field}SHA256:\n {} {} \
             main/binary-amd64/Packages\n",
            deb::sha256(&lists),
            lists.len()
        );
        let [plain, signed] =
            ["Release", "InRelease"].map(|name| self.path(&format!("dists/{SUITE}/{name}")));
        fs::write(&plain, release).unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        self.gpg(&["--output", &text(&signed), "--clearsign", &text(&plain)]);
        fs::remove_file(plain).unwrap();
        if !self.keyring().exists() {
            self.gpg(&["--output", &text(&self.keyring()), "--export"]);
        }
    }

    fn origin(&self) -> Origin {
        Origin {
            mirror: format!("file:{}", self.dir.path().display()),
            keyring: self.keyring(),
            host: Host::parse(""),
        }
    }

    fn suite_of(&self, cache: &Cache, origin: Origin) -> Result<Suite> {
        let log = cache.root().join("apt.log");
        let step = Step::start("testing", "");
        let of = (Arch::default(), SUITE.to_owned());
        Suite::fetch(cache, Arc::new(origin), of, log, &step)
    }

    fn suite(&self, cache: &Cache) -> Result<Suite> {
        self.suite_of(cache, self.origin())
    }
}

fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

fn cache() -> (tempfile::TempDir, Cache) {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::at(&dir.path().join("cache")).unwrap();
    (dir, cache)
}

fn package(suite: &Suite) -> Package {
    let all = suite.packages(&[NAME.to_owned()]).unwrap();
    let wanted = all.into_iter().find(|package| package.version == VERSION);
    wanted.unwrap()
}

fn get(suite: &Suite, cache: &Cache) -> Result<Deb> {
    suite
        .download(&package(suite), &Step::start("testing", ""))?
        .verify(cache)
}

fn content(deb: &Deb) -> String {
    let dir = tempfile::tempdir().unwrap();
    let mut unpack = process::command("dpkg-deb");
    unpack.arg("-x").arg(deb.path()).arg(dir.path());
    process::output(&mut unpack).unwrap();
    fs::read_to_string(dir.path().join("file")).unwrap()
}

/// Counts the download folders.
fn downloads(cache: &Cache) -> usize {
    let items = fs::read_dir(cache.downloads().unwrap()).unwrap();
    items.count()
}

fn error<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => panic!("no error"),
        Err(err) => format!("{err:#}"),
    }
}

#[test]
fn a_package_is_downloaded_without_leftovers() {
    let Some(fake) = Fake::new() else { return };
    let (_dir, cache) = cache();
    let suite = fake.suite(&cache).unwrap();
    assert_eq!(suite.names("linux-f").unwrap(), [NAME]);
    let data = fs::read(fake.file(VERSION)).unwrap();
    let wanted = Package {
        name: NAME.to_owned(),
        version: VERSION.to_owned(),
        architecture: "amd64".to_owned(),
        size: data.len() as u64,
        sha256: deb::sha256(&data),
    };
    assert_eq!(suite.packages(&[NAME.to_owned()]).unwrap(), [wanted]);
    let deb = get(&suite, &cache).unwrap();
    assert_eq!(content(&deb), "genuine");
    let to = tempfile::tempdir().unwrap();
    deb.record(to.path()).unwrap();
    let record = fs::read_to_string(to.path().join(".klp-packages")).unwrap();
    assert_eq!(
        record,
        format!("{}  {NAME}_{VERSION}_amd64\n", deb::sha256(&data))
    );
    let dir = suite.dir.path().to_owned();
    drop((deb, suite));
    assert_eq!(downloads(&cache), 0);
    assert!(!dir.exists());
    let log = fs::read_to_string(cache.root().join("apt.log")).unwrap();
    assert!(!log.contains("unsandboxed"), "{log}");
}

/// apt does not download a file if one of the right name and size exists.
#[test]
fn a_planted_file_of_the_right_name_and_size_is_refused() {
    let Some(fake) = Fake::new() else { return };
    let (_dir, cache) = cache();
    let suite = fake.suite(&cache).unwrap();
    let package = package(&suite);
    let genuine = fs::read(fake.file(VERSION)).unwrap();
    let mut torn = genuine.clone();
    torn[genuine.len() / 2..].fill(0);
    for planted in [vec![b'x'; genuine.len()], torn] {
        let folder = suite.download_folder().unwrap();
        let file = folder.path().join(deb::FILES).join(package.file_name());
        fs::write(&file, &planted).unwrap();
        let step = Step::start("testing", "");
        let download = suite.download_into(folder, &package, &step).unwrap();
        assert_eq!(fs::read(&file).unwrap(), planted, "apt downloaded it");
        let text = error(download.verify(&cache));
        for part in [
            NAME,
            VERSION,
            &deb::sha256(&planted),
            &deb::sha256(&genuine),
            mirror::VARIABLE,
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!file.exists(), "it was removed");
    }
}

#[test]
fn other_files_of_a_package_are_ignored() {
    let Some(fake) = Fake::new() else { return };
    let (_dir, cache) = cache();
    // The download folder of older versions.
    let old = cache.downloads().unwrap().join(format!("{NAME}_{VERSION}"));
    fs::create_dir(&old).unwrap();
    let suite = fake.suite(&cache).unwrap();
    let package = package(&suite);
    let folder = suite.download_folder().unwrap();
    for dir in [&old, &folder.path().join(deb::FILES)] {
        for version in ["0", "9.9-1"] {
            fs::write(dir.join(format!("{NAME}_{version}_amd64.deb")), "planted").unwrap();
        }
    }
    fs::write(old.join(package.file_name()), "planted").unwrap();
    let step = Step::start("testing", "");
    let download = suite.download_into(folder, &package, &step).unwrap();
    assert_eq!(content(&download.verify(&cache).unwrap()), "genuine");
    assert_eq!(content(&get(&suite, &cache).unwrap()), "genuine");
}

#[test]
fn the_requested_version_is_downloaded() {
    let Some(fake) = Fake::new() else { return };
    fake.add("2:1-1", "newer");
    fake.sign("");
    let (_dir, cache) = cache();
    let suite = fake.suite(&cache).unwrap();
    assert_eq!(suite.packages(&[NAME.to_owned()]).unwrap().len(), 2);
    assert_eq!(content(&get(&suite, &cache).unwrap()), "genuine");
}

#[test]
fn a_modified_file_on_the_mirror_is_refused() {
    let Some(fake) = Fake::new() else { return };
    let (_dir, cache) = cache();
    let suite = fake.suite(&cache).unwrap();
    let size = fs::metadata(fake.file(VERSION)).unwrap().len();
    fs::write(fake.file(VERSION), vec![b'x'; size as usize]).unwrap();
    let text = error(get(&suite, &cache));
    assert!(text.contains("Hash Sum mismatch"), "{text}");
    drop(suite);
    assert_eq!(downloads(&cache), 0);
}

#[test]
fn oversized_and_irregular_files_are_refused() {
    let Some(fake) = Fake::new() else { return };
    let (_dir, cache) = cache();
    let suite = fake.suite(&cache).unwrap();
    let package = package(&suite);
    let planted = |plant: &dyn Fn(&Path)| {
        let download = Download {
            package: package.clone(),
            folder: suite.download_folder().unwrap(),
        };
        plant(&download.path());
        error(download.verify(&cache))
    };
    let genuine = fake.file(VERSION);
    let text = planted(&|path| {
        let mut data = fs::read(&genuine).unwrap();
        data.extend([0; 1000]);
        fs::write(path, data).unwrap();
    });
    assert!(text.contains("at least"), "{text}");
    let text = planted(&|path| std::os::unix::fs::symlink(&genuine, path).unwrap());
    assert!(text.contains("left no file"), "{text}");
    let text = planted(&|path| fs::create_dir(path).unwrap());
    assert!(text.contains("not a plain file"), "{text}");
    let text = planted(&|_| ());
    assert!(text.contains("left no file"), "{text}");
}

#[test]
fn modified_lists_are_refused() {
    let Some(fake) = Fake::new() else { return };
    let (_dir, cache) = cache();
    let genuine = fs::read_to_string(fake.lists()).unwrap();
    fs::write(fake.lists(), genuine.replace("Size: ", "Size: 1")).unwrap();
    error(fake.suite(&cache));
    // Truncated, with the right size.
    let mut torn = genuine.clone().into_bytes();
    let half = torn.len() / 2;
    torn[half..].fill(b'\n');
    fs::write(fake.lists(), torn).unwrap();
    error(fake.suite(&cache));
    assert_eq!(downloads(&cache), 0);
    fs::write(fake.lists(), genuine).unwrap();
    fake.suite(&cache).unwrap();
}

#[test]
fn changes_to_lists_after_verification_have_no_effect() {
    let Some(fake) = Fake::new() else { return };
    let (_dir, cache) = cache();
    let suite = fake.suite(&cache).unwrap();
    let genuine = package(&suite);
    let list = fs::read_to_string(fake.lists()).unwrap();
    fs::write(fake.lists(), list.replace(&genuine.sha256, &"0".repeat(64))).unwrap();
    assert_eq!(package(&suite), genuine);
}

#[test]
fn lists_with_another_or_no_signature_are_refused() {
    let Some(fake) = Fake::new() else { return };
    let (_dir, cache) = cache();
    let loose = "Acquire::AllowInsecureRepositories \"true\";\n\
                 Acquire::AllowWeakRepositories \"true\";\n\
                 APT::Get::AllowUnauthenticated \"true\";\n";
    let loose = Origin {
        host: Host::parse(loose),
        ..fake.origin()
    };
    fake.new_key();
    fake.sign("");
    error(fake.suite_of(&cache, loose.clone()));
    let signed = fake.path(&format!("dists/{SUITE}/InRelease"));
    let text = fs::read_to_string(&signed).unwrap();
    let body = text.split("\n\n").nth(1).unwrap();
    let body = body.split("-----BEGIN").next().unwrap();
    fs::write(fake.path(&format!("dists/{SUITE}/Release")), body).unwrap();
    fs::remove_file(signed).unwrap();
    error(fake.suite_of(&cache, loose));
}

#[test]
fn outdated_lists_are_refused_unless_the_configuration_accepts_them() {
    let Some(fake) = Fake::new() else { return };
    let (_dir, cache) = cache();
    fake.sign("Valid-Until: Thu, 01 Jan 2026 00:00:00 UTC\n");
    let text = error(fake.suite(&cache));
    for part in [
        "out of date",
        "clock",
        mirror::VARIABLE,
        "Check-Valid-Until",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let host = Host::parse("Acquire::Check-Valid-Until \"false\";");
    let origin = Origin {
        host,
        ..fake.origin()
    };
    let suite = fake.suite_of(&cache, origin.clone()).unwrap();
    assert_eq!(content(&get(&suite, &cache).unwrap()), "genuine");
    // Signatures are still checked.
    fake.new_key();
    fake.sign("Valid-Until: Thu, 01 Jan 2026 00:00:00 UTC\n");
    error(fake.suite_of(&cache, origin));
}

#[test]
fn leftovers_of_killed_runs_are_removed() {
    let Some(fake) = Fake::new() else { return };
    let (_dir, cache) = cache();
    let suite = fake.suite(&cache).unwrap();
    let killed = suite.download_folder().unwrap();
    let (left, in_use) = (killed.path().to_owned(), suite.dir.path().to_owned());
    killed.abandon();
    for dir in [&left, &in_use] {
        let earlier = std::time::SystemTime::now() - std::time::Duration::from_secs(600);
        fs::File::open(dir).unwrap().set_modified(earlier).unwrap();
    }
    Archive::new(&cache);
    assert!(!left.exists() && in_use.exists());
}

/// Leftover folders that belong to the sandbox user would not be removed.
#[test]
fn download_folders_belong_to_this_user_even_if_apt_has_a_sandbox() {
    let Some(fake) = Fake::new() else { return };
    let (_dir, cache) = cache();
    let suite = fake.suite(&cache).unwrap();
    let folder = suite.download_folder().unwrap();
    let owner = |path: &Path| fs::metadata(path).unwrap().uid();
    let we = rustix::process::geteuid().as_raw();
    assert_eq!((owner(folder.path()), owner(suite.dir.path())), (we, we));
    let is_sandboxed = suite.origin.host.sandbox().is_some();
    let files = folder.path().join(deb::FILES);
    assert_eq!(owner(&files) != we, is_sandboxed);
}

#[test]
fn the_systems_configuration_has_no_effect() {
    let Some(fake) = Fake::new() else { return };
    let (_dir, cache) = cache();
    let suite = fake.suite(&cache).unwrap();
    let dump = process::output(suite.apt("apt-config").arg("dump")).unwrap();
    for setting in [
        "APT::Get::AllowUnauthenticated \"false\";",
        "Acquire::AllowInsecureRepositories \"false\";",
        "Acquire::AllowWeakRepositories \"false\";",
        "Acquire::AllowDowngradeToInsecureRepositories \"false\";",
        "Acquire::Check-Date \"true\";",
        "Acquire::Check-Valid-Until \"true\";",
        "Dir::Etc::main \"/dev/null\";",
    ] {
        let has = dump.lines().any(|line| line.eq_ignore_ascii_case(setting));
        assert!(has, "{setting} in {dump}");
    }
    let system = process::output(process::command("apt-config").arg("dump")).unwrap();
    let hooks = |text: &str| text.matches("Invoke").count();
    assert_eq!(hooks(&dump), 0, "{}", hooks(&system));
}

#[test]
fn stanzas_are_parsed() {
    let hash = "0123456789abcdef".repeat(4);
    let stanza = |name: &str, version: &str| {
        format!(
            "Package: {name}\nSource: x\nVersion: {version}\nArchitecture: all\nSize: 5\n\
             SHA256: {hash}\nDescription: foo\n Version: 9\n"
        )
    };
    let good = [stanza("a", "1-1"), stanza("b+c.d", "1:2~bpo1")].join("\n");
    let names: Vec<_> = parse_packages(&good)
        .into_iter()
        .map(|package| (package.name, package.version, package.size))
        .collect();
    let wanted = [("a", "1-1"), ("b+c.d", "1:2~bpo1")];
    assert_eq!(
        names,
        wanted.map(|(name, version)| (name.to_owned(), version.to_owned(), 5))
    );
    for bad in [
        stanza("../a", "1"),
        stanza("-o", "1"),
        stanza("a", "1/../2"),
        stanza("a", "1").replace(&hash, "0123"),
        stanza("a", "1").replace("SHA256", "SHA1"),
        stanza("a", "1").replace("Size: 5", "Size: -5"),
        "Nonsense\n".to_owned(),
    ] {
        assert_eq!(parse_packages(&bad), [], "{bad}");
    }
}
