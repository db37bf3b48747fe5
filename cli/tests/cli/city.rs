//! Runs the command, and a city's node and steward, in a folder of its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use tempfile::TempDir;

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// It ended so, and said this on standard error, in one line.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:#?}");
        for word in words {
            assert!(self.err.contains(word), "wanted {word:?} in {self:#?}");
        }
        let lines = self.err.lines().filter(|line| line.starts_with("sekisho: ")).count();
        assert!(lines <= 1, "{self:#?}");
    }

    /// It went well; what it printed.
    #[track_caller]
    pub(crate) fn done(&self) -> &str {
        assert_eq!(self.code, 0, "{self:#?}");
        &self.out
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_remove("SEKISHO_DIR")
        .env("SEKISHO_LOG", "error");
    command
}

/// Runs a command to its end.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Said {
    run_with(folder, arguments, "")
}

/// Runs a command to its end with something on its standard input.
pub(crate) fn run_with(folder: &Path, arguments: &[&str], input: &str) -> Said {
    let mut child = command(folder, arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Whoever does not read its input may be gone by now.
    drop(stdin.write_all(input.as_bytes()));
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A command that goes on until it is told to end, or the test is over.
pub(crate) struct Running {
    child: Child,
    out: Option<BufReader<ChildStdout>>,
}

impl Running {
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut child = command(folder, arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = child.stdout.take().map(BufReader::new);
        Self { child, out }
    }

    /// Its next line.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.as_mut().unwrap().read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "it ended: {}", self.rest());
        line
    }

    /// Nobody reads what it prints any more.
    pub(crate) fn stop_reading(&mut self) {
        self.out = None;
    }

    /// What it said on standard error, once it has ended.
    fn rest(&mut self) -> String {
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn ended(mut self) -> Said {
        let err = self.rest();
        let mut out = String::new();
        if let Some(reader) = &mut self.out {
            reader.read_to_string(&mut out).unwrap();
        }
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        Said { code, out, err }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A folder with the organisation `fujisawa` in it.
pub(crate) struct City {
    pub(crate) folder: TempDir,
}

impl City {
    pub(crate) fn found() -> Self {
        let folder = TempDir::new().unwrap();
        let listen = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let http = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let init = ["init", "fujisawa", "--listen", &listen, "--http", &http];
        run(folder.path(), &init).done();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        run(self.folder.path(), arguments)
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::start(self.folder.path(), arguments)
    }

    /// Its node and its steward, at work.
    pub(crate) fn open(&self) -> (Running, Running) {
        let mut node = self.start(&["serve", "--dir", "fujisawa"]);
        assert!(node.line().starts_with("serving on "));
        let mut steward = self.start(&["steward", "--dir", "fujisawa"]);
        assert!(steward.line().contains("at work"));
        (node, steward)
    }

    /// Lets somebody in at once; its folder has its name.
    pub(crate) fn admit(&self, name: &str, options: &[&str]) {
        let token = format!("{name}.token");
        let enrol = ["enrol", name, "--approve-matching", "--out", &token, "--dir", "fujisawa"];
        self.run(&[&enrol[..], options].concat()).done();
        self.run(&["join", &token, "--dir", name]).done();
    }
}
