// SPDX-License-Identifier: GPL-2.0-only

//! The Debian packages that a command needs, collected at its start, so that the user is
//! asked once. Missing ones are installed if the policy or the user's answer
//! allows it.

use std::collections::BTreeSet;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::apt_get::{self, Privilege, install_command, names};
use super::packages;
use crate::cache::{Cache, Lock};
use crate::host::consent::{INSTALL, Install, Policy, policy};
use crate::host::process;
use crate::host::progress::say;

/// The packages that a command needs.
#[must_use = "`get` asks for them"]
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Needs {
    /// The command fails without these.
    pub(crate) required: BTreeSet<String>,
    /// The command does less without these.
    pub(crate) optional: BTreeSet<String>,
}

impl Needs {
    /// Requires these packages.
    pub fn of<T: AsRef<str>>(packages: &[T]) -> Self {
        Self {
            required: packages.iter().map(|it| it.as_ref().to_owned()).collect(),
            optional: BTreeSet::new(),
        }
    }

    /// Adds the needs of `other`.
    pub fn and(mut self, other: Self) -> Self {
        self.required.extend(other.required);
        self.optional.extend(other.optional);
        self
    }

    /// Makes all of them optional.
    pub fn all_optional(mut self) -> Self {
        self.optional.append(&mut self.required);
        self
    }

    /// Installs missing packages, if the user allows it. Optional packages are never asked
    /// for.
    ///
    /// # Errors
    ///
    /// Required packages are missing: the error names the command
    /// that installs them.
    pub fn get(&self) -> Result<()> {
        get_on(&Host, policy(), self)
    }

    /// Fails if a required package is missing.
    pub(crate) fn check(&self) -> Result<()> {
        packages::ensure(&self.required.iter().collect::<Vec<_>>())
    }
}

/// The machine and its user. Tests use a fake one.
trait Machine {
    fn missing(&self, packages: &BTreeSet<String>) -> BTreeSet<String>;
    fn has_apt(&self) -> bool;
    fn privilege(&self) -> Privilege;
    /// Whether sudo asks for a password.
    fn sudo_asks(&self) -> bool;
    /// Whether there is a terminal to ask the user on.
    fn is_attended(&self) -> bool;
    /// Asks a yes-or-no question.
    fn ask(&self, question: &str) -> Result<bool>;
    /// Excludes other klp processes that install packages.
    fn lock(&self) -> Result<Option<Lock>>;
    /// Installs packages.
    fn install(&self, packages: &BTreeSet<String>, privilege: Privilege) -> Result<()>;
}

fn get_on(machine: &dyn Machine, policy: &Policy, needs: &Needs) -> Result<()> {
    let required = machine.missing(&needs.required);
    let is_required = !required.is_empty();
    // Missing optional packages are reported by their users.
    if !is_required && (policy.install == Install::Ask || policy.offline) {
        return Ok(());
    }
    let all = &required | &machine.missing(&needs.optional);
    if all.is_empty() {
        return Ok(());
    }
    let installed = allow(machine, policy, &all).and_then(|()| install(machine, &all));
    match installed {
        Err(error) if !is_required && !process::is_interrupted() => {
            say(&format!("note: {error:#}"));
            Ok(())
        }
        installed => installed,
    }
}

/// Fails unless these packages can be installed and the user allows it.
fn allow(machine: &dyn Machine, policy: &Policy, missing: &BTreeSet<String>) -> Result<()> {
    if !machine.has_apt() {
        bail!("{}", apt_get::missing_without_apt(missing));
    }
    let names = names(missing);
    policy.check_online(&format!("missing packages: {names}"))?;
    let privilege = machine.privilege();
    let command = install_command(missing, privilege);
    match privilege {
        Privilege::None => bail!(
            "missing packages: {names}. Installing them needs root, and there is no sudo. Run this \
             as root, then this command again:\n    {command}"
        ),
        Privilege::Sudo if !machine.is_attended() && machine.sudo_asks() => bail!(
            "missing packages: {names}. sudo asks for a password, and there is no terminal to read it \
             from. Run this, then this command again:\n    {command}"
        ),
        Privilege::Root | Privilege::Sudo => {}
    }
    if policy.install == Install::Yes {
        return Ok(());
    }
    if !machine.is_attended() {
        bail!(
            "missing packages: {names}. Run this, or give --install (or set {INSTALL}=1) to let \
             this command do it:\n    {command}"
        );
    }
    let question = format!(
        "missing packages: {names}\nThis installs them:\n    {command}\nRun this now? [y/N] "
    );
    if !machine.ask(&question)? {
        bail!("required packages are not installed: {names}. This installs them:\n    {command}");
    }
    Ok(())
}

fn install(machine: &dyn Machine, packages: &BTreeSet<String>) -> Result<()> {
    let _lock = machine.lock()?;
    // Another process may have installed them while we waited.
    let packages = machine.missing(packages);
    if packages.is_empty() {
        return Ok(());
    }
    let privilege = machine.privilege();
    let command = install_command(&packages, privilege);
    machine
        .install(&packages, privilege)
        .map_err(|error| anyhow!("{error:#}\nTry it by hand:\n    {command}"))?;
    let left = machine.missing(&packages);
    if !left.is_empty() {
        bail!(
            "{} installed without an error, but not found: check that PATH has /usr/bin and /usr/sbin",
            names(&left)
        );
    }
    Ok(())
}

/// This machine.
struct Host;

impl Machine for Host {
    fn missing(&self, packages: &BTreeSet<String>) -> BTreeSet<String> {
        packages::missing(packages)
    }

    fn has_apt(&self) -> bool {
        apt_get::is_available()
    }

    fn privilege(&self) -> Privilege {
        Privilege::find()
    }

    fn sudo_asks(&self) -> bool {
        apt_get::sudo_asks()
    }

    fn is_attended(&self) -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    fn ask(&self, question: &str) -> Result<bool> {
        eprint!("{question}");
        std::io::stderr()
            .flush()
            .context("cannot print the question")?;
        let mut line = String::new();
        wait_for_input()?;
        std::io::stdin()
            .lock()
            .read_line(&mut line)
            .context("cannot read the answer")?;
        if !line.ends_with('\n') {
            eprintln!();
        }
        Ok(is_yes(&line))
    }

    fn lock(&self) -> Result<Option<Lock>> {
        Cache::open()?.lock("packages").map(Some)
    }

    fn install(&self, packages: &BTreeSet<String>, privilege: Privilege) -> Result<()> {
        apt_get::install(packages, privilege)
    }
}

fn is_yes(answer: &str) -> bool {
    ["y", "yes"].contains(&answer.trim().to_lowercase().as_str())
}

/// Waits for input or Ctrl-C.
fn wait_for_input() -> Result<()> {
    let stdin = std::io::stdin();
    let tick = Timespec::try_from(Duration::from_millis(100)).context("a short time")?;
    loop {
        process::check_interrupted()?;
        let mut input = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut input, Some(&tick)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(error).context("cannot wait for the answer"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A machine that lacks packages, and its user.
    struct Fake {
        missing: RefCell<BTreeSet<String>>,
        has_apt: bool,
        privilege: Privilege,
        sudo_asks: bool,
        /// The user's answer, if there is a user.
        answer: Option<bool>,
        /// Whether apt-get fails.
        fails: bool,
        asked: RefCell<Vec<String>>,
        installed: RefCell<BTreeSet<String>>,
    }

    impl Fake {
        /// A machine without these packages; root without a terminal.
        fn lacking(packages: &[&str]) -> Self {
            Self {
                missing: RefCell::new(set(packages)),
                has_apt: true,
                privilege: Privilege::Root,
                sudo_asks: false,
                answer: None,
                fails: false,
                asked: RefCell::default(),
                installed: RefCell::default(),
            }
        }

        fn get(&self, policy: &Policy, needs: &Needs) -> Result<()> {
            get_on(self, policy, needs)
        }

        fn installs(&self, policy: &Policy) {
            self.get(policy, &needs()).unwrap();
            assert_eq!(*self.installed.borrow(), set(&["bc", "flex"]));
        }

        /// Returns the error; nothing may have been installed.
        fn refuses(&self, policy: &Policy) -> String {
            let error = format!("{:#}", self.get(policy, &needs()).unwrap_err());
            assert!(self.installed.borrow().is_empty());
            error
        }
    }

    impl Machine for Fake {
        fn missing(&self, packages: &BTreeSet<String>) -> BTreeSet<String> {
            &*self.missing.borrow() & packages
        }

        fn has_apt(&self) -> bool {
            self.has_apt
        }

        fn privilege(&self) -> Privilege {
            self.privilege
        }

        fn sudo_asks(&self) -> bool {
            assert_eq!(self.privilege, Privilege::Sudo, "there is no sudo to ask");
            self.sudo_asks
        }

        fn is_attended(&self) -> bool {
            self.answer.is_some()
        }

        fn ask(&self, question: &str) -> Result<bool> {
            self.asked.borrow_mut().push(question.to_owned());
            self.answer.context("nobody is there")
        }

        fn lock(&self) -> Result<Option<Lock>> {
            Ok(None)
        }

        fn install(&self, packages: &BTreeSet<String>, privilege: Privilege) -> Result<()> {
            assert_ne!(privilege, Privilege::None);
            if self.fails {
                bail!("E: no such package");
            }
            self.installed.borrow_mut().extend(packages.iter().cloned());
            self.missing
                .borrow_mut()
                .retain(|it| !packages.contains(it));
            Ok(())
        }
    }

    fn set(packages: &[&str]) -> BTreeSet<String> {
        packages.iter().map(|&name| name.to_owned()).collect()
    }

    fn needs() -> Needs {
        Needs::of(&["bash", "bc", "flex"])
    }

    fn yes() -> Policy {
        Policy {
            install: Install::Yes,
            ..Policy::default()
        }
    }

    const AS_ROOT: &str = "apt-get update; apt-get install --yes --no-install-recommends bc flex";
    const BY_SUDO: &str =
        "sudo sh -c 'apt-get update; apt-get install --yes --no-install-recommends bc flex'";

    fn has_line(text: &str, command: &str) -> bool {
        text.lines().any(|line| line.trim() == command)
    }

    #[test]
    fn nothing_is_asked_if_no_package_is_missing() {
        let machine = Fake {
            answer: Some(false),
            has_apt: false,
            ..Fake::lacking(&["other"])
        };
        machine.get(&Policy::default(), &needs()).unwrap();
        assert!(machine.asked.borrow().is_empty());
    }

    #[test]
    fn all_packages_are_installed_after_one_question() {
        for (privilege, command) in [(Privilege::Root, AS_ROOT), (Privilege::Sudo, BY_SUDO)] {
            let machine = Fake {
                privilege,
                sudo_asks: true,
                answer: Some(true),
                ..Fake::lacking(&["bc", "flex"])
            };
            machine.installs(&Policy::default());
            let asked = machine.asked.borrow();
            assert_eq!(asked.len(), 1);
            assert!(has_line(&asked[0], command), "{}", asked[0]);
        }
    }

    #[test]
    fn declining_is_an_error_with_the_command() {
        let machine = Fake {
            answer: Some(false),
            ..Fake::lacking(&["bc", "flex"])
        };
        let error = machine.refuses(&Policy::default());
        assert!(has_line(&error, AS_ROOT), "{error}");
    }

    #[test]
    fn without_a_terminal_nothing_is_installed_unless_allowed() {
        for (privilege, command) in [(Privilege::Root, AS_ROOT), (Privilege::Sudo, BY_SUDO)] {
            let machine = Fake {
                privilege,
                ..Fake::lacking(&["bc", "flex"])
            };
            let error = machine.refuses(&Policy::default());
            assert!(has_line(&error, command), "{error}");
            assert!(
                error.contains("--install") && error.contains("KLP_INSTALL=1"),
                "{error}"
            );
            machine.installs(&yes());
            assert!(machine.asked.borrow().is_empty());
        }
    }

    #[test]
    fn without_root_there_is_no_question() {
        let without_sudo = Fake {
            privilege: Privilege::None,
            answer: Some(true),
            ..Fake::lacking(&["bc", "flex"])
        };
        let without_password = Fake {
            privilege: Privilege::Sudo,
            sudo_asks: true,
            ..Fake::lacking(&["bc", "flex"])
        };
        for policy in [Policy::default(), yes()] {
            let error = without_sudo.refuses(&policy);
            assert!(
                error.contains("no sudo") && has_line(&error, AS_ROOT),
                "{error}"
            );
            let error = without_password.refuses(&policy);
            assert!(
                error.contains("asks for a password") && has_line(&error, BY_SUDO),
                "{error}"
            );
        }
        assert!(without_sudo.asked.borrow().is_empty());
    }

    #[test]
    fn offline_and_without_apt_nothing_is_installed() {
        let offline = Policy {
            offline: true,
            online_command: "cargo klp build".to_owned(),
            ..yes()
        };
        let machine = Fake {
            answer: Some(true),
            ..Fake::lacking(&["bc", "flex"])
        };
        let error = machine.refuses(&offline);
        assert!(
            error.contains("bc flex") && has_line(&error, "cargo klp build"),
            "{error}"
        );
        let machine = Fake {
            has_apt: false,
            ..machine
        };
        let error = machine.refuses(&yes());
        assert!(error.contains("package manager"), "{error}");
        assert!(machine.asked.borrow().is_empty());
    }

    #[test]
    fn a_failed_installation_names_the_command() {
        let machine = Fake {
            fails: true,
            ..Fake::lacking(&["bc", "flex"])
        };
        let error = machine.refuses(&yes());
        assert!(
            error.contains("E: no such package") && has_line(&error, AS_ROOT),
            "{error}"
        );
    }

    #[test]
    fn optional_packages_are_never_asked_for_nor_an_error() {
        let optional = Needs::of(&["qemu"]).all_optional();
        let machine = Fake {
            answer: Some(true),
            ..Fake::lacking(&["bc", "flex", "qemu"])
        };
        machine.get(&Policy::default(), &optional).unwrap();
        assert!(machine.asked.borrow().is_empty());
        assert!(machine.installed.borrow().is_empty());
        // They are installed along with required packages.
        machine
            .get(&Policy::default(), &needs().and(optional.clone()))
            .unwrap();
        assert_eq!(*machine.installed.borrow(), set(&["bc", "flex", "qemu"]));
        let machine = Fake {
            fails: true,
            ..Fake::lacking(&["qemu"])
        };
        machine.get(&yes(), &optional).unwrap();
        let machine = Fake::lacking(&["qemu"]);
        machine.get(&yes(), &optional).unwrap();
        assert_eq!(*machine.installed.borrow(), set(&["qemu"]));
    }

    #[test]
    fn only_y_and_yes_are_consent() {
        for answer in ["y\n", "Yes\n", " y \n"] {
            assert!(is_yes(answer), "{answer}");
        }
        for answer in ["", "\n", "n\n", "no\n", "yep\n"] {
            assert!(!is_yes(answer), "{answer}");
        }
    }

    #[test]
    fn combined_needs_keep_required_packages() {
        let needs = Needs::of(&["bc"])
            .and(Needs::of(&["qemu", "bc"]).all_optional())
            .and(Needs::of(&["flex"]));
        let names = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(names(&needs.required), "bc flex");
        assert_eq!(names(&needs.optional), "bc qemu");
    }
}
