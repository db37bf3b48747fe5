//! The files of the repository, read once: everything Git tracks or would track.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// A Rust file with its syntax tree.
pub(super) struct Source {
    pub(super) path: String,
    pub(super) text: String,
    /// The tree, or where and why there is none.
    pub(super) syntax: Result<syn::File, syn::Error>,
}

/// Text files by path below the root, with `/` between folders; binary files are left out.
pub(super) struct Tree {
    texts: BTreeMap<String, String>,
    sources: Vec<Source>,
}

impl Tree {
    /// Reads what `git ls-files` lists, untracked files that are not ignored included.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .context("run git ls-files: tidy needs git and a clone")?;
        ensure!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr).trim());
        let mut texts = BTreeMap::new();
        for path in String::from_utf8(listed.stdout)?.split_terminator('\0') {
            // A deleted file is listed until the deletion is staged; a binary one is not text.
            if let Ok(text) = fs::read_to_string(root.join(path)) {
                texts.insert(path.to_owned(), text);
            }
        }
        Ok(Self::new(texts))
    }

    /// A tree of the given texts.
    pub(super) fn new(texts: BTreeMap<String, String>) -> Self {
        let sources = texts
            .iter()
            .filter(|(path, _)| path.ends_with(".rs"))
            .map(|(path, text)| Source {
                path: path.clone(),
                text: text.clone(),
                syntax: syn::parse_file(text),
            })
            .collect();
        Self { texts, sources }
    }

    /// Paths and texts, by path.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The text of one file.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Every Rust file, by path.
    pub(super) fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Every Rust file that could be parsed.
    pub(super) fn parsed(&self) -> impl Iterator<Item = (&Source, &syn::File)> {
        self.sources.iter().filter_map(|source| Some((source, source.syntax.as_ref().ok()?)))
    }

    /// The Rust file at `path`.
    pub(super) fn source(&self, path: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.path == path)
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        Self::new(files.iter().map(owned).collect())
    }
}
