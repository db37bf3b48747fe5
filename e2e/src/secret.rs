//! What must be in no output: seeds and tokens in every form in which one might slip out.

use std::fs;
use std::path::{Path, PathBuf};

use data_encoding::{
    BASE32_NOPAD, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE, HEXUPPER,
};
use sekisho::JoinToken;

/// Bytes of a secret that are looked for written as numbers: those of `Debug` for arrays.
const NUMBERS: usize = 6;

/// Secrets, each with where it was found.
#[derive(Debug, Default)]
pub struct Secrets {
    known: Vec<(String, Vec<u8>)>,
}

impl Secrets {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Every seed of key files and epochs, and every invitation's secret, below a folder.
    pub fn gather(&mut self, folder: &Path) {
        for path in files(folder) {
            let Ok(text) = fs::read_to_string(&path) else { continue };
            for line in text.lines() {
                let digits = ["signing-seed: ", "kem-seed: ", "seed: ", "secret = \""]
                    .iter()
                    .find_map(|name| line.strip_prefix(name));
                let Some(digits) = digits.map(|digits| digits.trim_end_matches('"')) else {
                    continue;
                };
                if let Ok(bytes) = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()) {
                    self.add(path.display().to_string(), bytes);
                }
            }
        }
    }

    /// A token: its text, and the secret in it.
    pub fn token(&mut self, text: &str) {
        let token = JoinToken::parse(text).expect("a token");
        self.add("the token's secret".to_owned(), token.secret.expose().to_vec());
        let text = text.trim();
        for (what, text) in [("text", text.to_owned()), ("capitals", text.to_ascii_uppercase())] {
            self.add(format!("the token's {what}"), text.into_bytes());
        }
    }

    fn add(&mut self, whose: String, bytes: Vec<u8>) {
        if !bytes.is_empty() && !self.known.iter().any(|(_whose, known)| *known == bytes) {
            self.known.push((whose, bytes));
        }
    }

    /// How many are known.
    #[must_use]
    pub fn count(&self) -> usize {
        self.known.len()
    }

    /// Fails the test where any of them is in there in any form.
    pub fn absent_from(&self, what: &str, searched: impl AsRef<[u8]>) {
        let searched = searched.as_ref();
        for (whose, bytes) in &self.known {
            for (form, wanted) in forms(bytes) {
                assert!(
                    !contains(searched, &wanted),
                    "{what}: wanted nothing secret, found {whose} as {form}"
                );
            }
        }
    }
}

fn forms(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let numbers = |join: &str| {
        let few: Vec<String> = bytes.iter().take(NUMBERS).map(u8::to_string).collect();
        few.join(join).into_bytes()
    };
    let base32 = BASE32_NOPAD.encode(bytes);
    vec![
        ("bytes", bytes.to_vec()),
        ("hexadecimal digits", HEXLOWER.encode(bytes).into_bytes()),
        ("hexadecimal capitals", HEXUPPER.encode(bytes).into_bytes()),
        ("base 64", BASE64_NOPAD.encode(bytes).into_bytes()),
        ("base 64 for addresses", BASE64URL_NOPAD.encode(bytes).into_bytes()),
        ("base 32 in small letters", base32.to_ascii_lowercase().into_bytes()),
        ("base 32", base32.into_bytes()),
        ("numbers", numbers(", ")),
        ("numbers without blanks", numbers(",")),
    ]
}

fn contains(searched: &[u8], wanted: &[u8]) -> bool {
    let Some(first) = wanted.first() else { return false };
    let mut from = 0;
    while let Some(rest) = searched.get(from..) {
        let Some(place) = rest.iter().position(|byte| byte == first) else { return false };
        if rest.get(place..).is_some_and(|rest| rest.starts_with(wanted)) {
            return true;
        }
        from += place + 1;
    }
    false
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

/// What other users of the machine see of a process: its command line, and what it was started with.
#[must_use]
pub fn command_lines(process: u32) -> Vec<u8> {
    let read = |file: &str| fs::read(format!("/proc/{process}/{file}")).unwrap_or_default();
    let line = read("cmdline");
    assert!(!line.is_empty(), "process {process}: wanted a command line, found none");
    [line, read("environ")].concat()
}
