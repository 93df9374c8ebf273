// SPDX-License-Identifier: GPL-2.0-only

//! Finds out whether the kernel loads unsigned modules: signature enforcement and lockdown.

use std::fs;

use super::{Kernel, read};

impl Kernel {
    /// Why this kernel loads signed modules only; `None` if it loads unsigned ones.
    pub fn requires_signatures(&self) -> Option<&'static str> {
        let enforce = self.path("sys/module/module/parameters/sig_enforce");
        if read(&enforce)
            .ok()
            .flatten()
            .is_some_and(|text| text == "Y")
        {
            return Some("it enforces module signatures (module.sig_enforce)");
        }
        match self.lockdown().as_deref() {
            Some("integrity") => Some("it is locked down (lockdown=integrity)"),
            Some("confidentiality") => Some("it is locked down (lockdown=confidentiality)"),
            _ => None,
        }
    }

    /// The lockdown level: the word in brackets.
    fn lockdown(&self) -> Option<String> {
        let text = fs::read_to_string(self.path("sys/kernel/security/lockdown")).ok()?;
        let (_, rest) = text.split_once('[')?;
        let (level, _) = rest.split_once(']')?;
        Some(level.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(files: &[(&str, &str)]) -> Option<&'static str> {
        let dir = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("not the root")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        Kernel::at(dir.path()).requires_signatures()
    }

    #[test]
    fn either_setting_requires_signatures() {
        let lockdown = "sys/kernel/security/lockdown";
        let enforce = "sys/module/module/parameters/sig_enforce";
        assert_eq!(kernel(&[]), None);
        assert_eq!(
            kernel(&[
                (lockdown, "[none] integrity confidentiality\n"),
                (enforce, "N\n")
            ]),
            None
        );
        assert!(kernel(&[(lockdown, "none [integrity] confidentiality\n")]).is_some());
        assert!(kernel(&[(lockdown, "none integrity [confidentiality]\n")]).is_some());
        assert!(kernel(&[(enforce, "Y\n")]).is_some());
    }
}
