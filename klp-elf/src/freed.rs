// SPDX-License-Identifier: GPL-2.0-only

//! Lists kernel functions that run when the last reference to their argument is dropped, for the types that the
//! kernel crate refcounts. They must not take a new reference to it.

/// Their names, sorted.
const NAMES: &[&str] = &[
    "__fput",
    "__mmdrop",
    "__put_cred",
    "__put_task_struct",
    "destroy_pid_namespace",
    "file_free",
    "free_task",
];

/// Whether a function of that name frees its argument's target, to which no reference is left.
pub fn frees_its_argument(name: &str) -> bool {
    NAMES.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::{NAMES, frees_its_argument};

    #[test]
    fn names_are_found() {
        assert!(NAMES.is_sorted());
        assert!(NAMES.iter().all(|name| frees_its_argument(name)));
        assert!(!frees_its_argument("fput"));
    }
}
