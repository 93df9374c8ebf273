// SPDX-License-Identifier: GPL-2.0-only

//! Makes paths in debug information relative to the kernel's source tree.

/// A header that every C file of a kernel includes: its path's prefix is the source tree.
const LANDMARK: &str = "include/linux/types.h";

/// Where the source tree and the build folder were when the kernel was built.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    tops: Vec<String>,
}

impl Tree {
    /// Adds the source tree, if the path is that of [`LANDMARK`].
    pub(super) fn learn(&mut self, path: &str) {
        if let Some(top) = path.strip_suffix(LANDMARK) {
            self.add(top);
        }
    }

    /// Adds the working directory of a compiler.
    pub(super) fn learn_build_folder(&mut self, folder: &str) {
        self.add(folder);
    }

    /// Adds a prefix. The longest comes first, because one may be inside another.
    fn add(&mut self, top: &str) {
        let top = format!("{}/", top.trim_end_matches('/'));
        if top.len() > 1 && !self.tops.contains(&top) && self.tops.len() < 16 {
            self.tops.push(top);
            self.tops.sort_by_key(|top| std::cmp::Reverse(top.len()));
        }
    }

    /// The path relative to the tree; unchanged outside of it.
    pub(super) fn relative<'a>(&self, path: &'a str) -> &'a str {
        let inside = |top: &String| path.strip_prefix(top.as_str());
        self.tops.iter().find_map(inside).unwrap_or(path)
    }
}

/// Joins the parts of a path, without `.` and `..`.
pub(super) fn join(parts: &[&str]) -> String {
    let mut absolute = false;
    let mut kept: Vec<&str> = Vec::new();
    for part in parts {
        if part.starts_with('/') {
            absolute = true;
            kept.clear();
        }
        for name in part.split('/') {
            match (name, kept.last()) {
                ("" | ".", _) => {}
                ("..", Some(last)) if *last != ".." => {
                    kept.pop();
                }
                ("..", None) if absolute => {}
                _ => kept.push(name),
            }
        }
    }
    let path = kept.join("/");
    if absolute { format!("/{path}") } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_and_cleaned() {
        assert_eq!(join(&["/build", "../src", "./a.c"]), "/src/a.c");
        assert_eq!(join(&["/build", "/src/./x", "a.c"]), "/src/x/a.c");
        assert_eq!(join(&["", "a/../b", "c.h"]), "b/c.h");
        assert_eq!(join(&["..", "../a.c"]), "../../a.c");
        assert_eq!(join(&["/", "../a.c"]), "/a.c");
    }

    #[test]
    fn the_tree_is_where_its_headers_are() {
        let mut tree = Tree::default();
        tree.learn_build_folder("/src/linux/build");
        tree.learn("/src/linux/include/linux/types.h");
        tree.learn("/src/linux/include/linux/list.h");
        assert_eq!(tree.relative("/src/linux/fs/a.c"), "fs/a.c");
        assert_eq!(tree.relative("/src/linux/build/gen.h"), "gen.h");
        assert_eq!(tree.relative("/elsewhere/a.c"), "/elsewhere/a.c");
        assert_eq!(tree.relative("fs/a.c"), "fs/a.c");
    }
}
