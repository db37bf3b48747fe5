//! The Dockerfile: pinned bases, nobody runs as root, and the program has its pages.

use crate::report::Finding;

/// How the pages come to where the program is built.
const PAGES: &str = "COPY --from=pages /build/console/dist console/dist";
/// How the program is built.
const PROGRAM: &str = "cargo build";

/// Everything wrong with the Dockerfile `text`.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut user = "root";
    for (index, line) in text.lines().enumerate() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some("FROM"), Some(image)) => {
                user = "root";
                let tag = image.rsplit('/').next().and_then(|name| name.split_once(':'));
                if tag.is_none_or(|(_, tag)| tag == "latest") {
                    let message = format!("{image} changes by itself: name a tag");
                    findings.push(Finding::at(path, index + 1, message));
                }
            }
            (Some("USER"), Some(name)) => user = name.split(':').next().unwrap_or(name),
            _ => {}
        }
    }
    if ["root", "0"].contains(&user) {
        findings.push(Finding::new(path, "the last stage runs as root: give it a USER"));
    }
    let [pages, program] = [PAGES, PROGRAM].map(|words| text.find(words));
    if program.is_some() && pages.is_none_or(|pages| program < Some(pages)) {
        let message =
            format!("{PROGRAM} without its pages: {PAGES} before it, from a stage of npm");
        findings.push(Finding::new(path, message));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_image_of_an_ordinary_user_passes() {
        let text = "FROM docker.io/library/rust:1.95 AS build\nFROM debian:12\nUSER 65532:65532\n";
        assert_eq!(check("Dockerfile", text), []);
    }

    #[test]
    fn a_floating_base_and_a_root_user_are_found() {
        let text = "FROM rust AS build\nUSER build\nFROM debian:latest\nRUN true\n";
        let found: Vec<_> = check("Dockerfile", text).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(check("Dockerfile", "FROM a:1\nUSER 0:0\n").len(), 1);
    }

    #[test]
    fn a_program_without_its_pages_is_found() {
        let with = format!("FROM a:1\nUSER 1:1\n{PAGES}\nRUN {PROGRAM}\n");
        assert_eq!(check("Dockerfile", &with), []);
        let late = format!("FROM a:1\nUSER 1:1\nRUN {PROGRAM}\n{PAGES}\n");
        let without = format!("FROM a:1\nUSER 1:1\nRUN {PROGRAM}\n");
        assert!([late, without].iter().all(|text| check("Dockerfile", text).len() == 1));
    }
}
