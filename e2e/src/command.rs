//! A command that runs to its end, as in a shell.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::patience::within;
use crate::program::program;

/// What a command left behind.
#[derive(Debug, Clone)]
pub struct Said {
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub output: String,
    /// Its standard error.
    pub error: String,
}

impl Said {
    /// Fails the test where it did not succeed.
    pub fn succeeded(self) {
        drop(self.done());
    }

    /// Fails the test where it did not end with this code and said this on its standard error.
    pub fn failed(self, code: i32, words: &str) {
        assert_eq!(self.code, Some(code), "wanted exit code {code}, found {self:?}");
        assert!(self.error.contains(words), "wanted {words:?}, found {self:?}");
    }

    /// Its output, where it succeeded.
    #[must_use]
    pub fn done(self) -> String {
        assert_eq!(self.code, Some(0), "wanted success, found {self:?}");
        self.output
    }

    /// Its output as one JSON document, where it succeeded.
    #[must_use]
    pub fn json(self) -> serde_json::Value {
        let output = self.done();
        match serde_json::from_str(&output) {
            Ok(document) => document,
            Err(error) => panic!("wanted JSON, found {error} in {output:?}"),
        }
    }
}

/// Runs `sekisho` with some arguments.
pub async fn sekisho<S: AsRef<OsStr>>(arguments: &[S]) -> Said {
    sekisho_reading(arguments, "").await
}

/// Runs `sekisho` with some arguments and something on its standard input.
pub async fn sekisho_reading<S: AsRef<OsStr>>(arguments: &[S], input: &str) -> Said {
    run(program(), arguments, input).await
}

/// Runs any `sekisho` with some arguments and something on its standard input.
pub(crate) async fn run<S: AsRef<OsStr>>(program: &Path, arguments: &[S], input: &str) -> Said {
    let mut command = Command::new(program);
    command.args(arguments).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it can be started");
    let mut stdin = child.stdin.take().expect("its input was asked for");
    // Whoever does not read its input may be gone by now.
    drop(within("its input to be taken", stdin.write_all(input.as_bytes())).await);
    drop(stdin);
    // Tests run many of these at once, and hold a future of each.
    let ending = Box::pin(child.wait_with_output());
    let ran = within("a command to end", ending).await.expect("it ends");
    Said {
        code: ran.status.code(),
        output: String::from_utf8_lossy(&ran.stdout).into_owned(),
        error: String::from_utf8_lossy(&ran.stderr).into_owned(),
    }
}
