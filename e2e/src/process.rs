//! A process that runs beside the test, is heard, and ends with it whatever happens.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::patience::within;
use crate::program::program;

/// Bytes of a log that are shown when a test fails.
const SHOWN_MAX: usize = 8 * 1024;

/// One running `sekisho`.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
}

impl Process {
    /// Starts the command; what it logs is appended to the file `log`.
    pub fn start<S: AsRef<OsStr>>(name: &str, arguments: &[S], log: &Path) -> Self {
        let mut command = Command::new(program());
        command.args(arguments);
        Self::spawn(name, command, log)
    }

    /// Starts a command of the test's own making; what it logs is appended to the file `log`.
    #[must_use]
    pub fn spawn(name: &str, mut command: Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).expect("a file to log to");
        let mut child = command
            .env("SEKISHO_LOG", "info")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .expect("the command can be started");
        let stdout = child.stdout.take().expect("its output was asked for");
        let lines = BufReader::new(stdout).lines();
        Self { name: name.to_owned(), child, lines, log: log.to_owned() }
    }

    /// The next line it says.
    pub async fn line(&mut self) -> String {
        let said = within("a word", self.lines.next_line()).await.expect("its output can be read");
        match said {
            Some(line) => line,
            None => panic!("{}: wanted a word, found its end: {}", self.name, self.log()),
        }
    }

    /// Everything it says from here to its end.
    pub async fn rest(&mut self) -> String {
        let mut text = String::new();
        let reading = async {
            while let Some(line) = self.lines.next_line().await.expect("its output can be read") {
                text.push_str(&line);
                text.push('\n');
            }
        };
        within("the process to end", reading).await;
        text
    }

    /// The number the system knows it by.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id().expect("it has not been waited for")
    }

    /// Asks it to end (SIGTERM).
    pub fn terminate(&self) {
        self.send(Signal::TERM);
    }

    /// Tells it that its terminal is gone (SIGHUP).
    pub fn hang_up(&self) {
        self.send(Signal::HUP);
    }

    /// Lets it stand still (SIGSTOP) while something is done.
    pub fn at_rest<T>(&self, what: impl FnOnce() -> T) -> T {
        self.send(Signal::STOP);
        let done = what();
        self.send(Signal::CONT);
        done
    }

    /// Ends it where it stands (SIGKILL), and waits until it is gone.
    pub async fn kill(mut self) {
        self.send(Signal::KILL);
        self.wait().await;
    }

    /// As [`kill`](Self::kill); everything that it said since it was last listened to.
    pub async fn cut_off(mut self) -> String {
        self.send(Signal::KILL);
        let said = self.rest().await;
        self.wait().await;
        said
    }

    /// The most memory that it has held at a time, bytes.
    #[must_use]
    pub fn peak_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()));
        let status = status.expect("a process that runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = peak.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        kibibytes.expect("a process tells its memory in KiB") * 1024
    }

    /// The processor's time that it has used, s.
    #[must_use]
    pub fn processor_s(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id()));
        let stat = stat.expect("a process that runs");
        let (_name, rest) = stat.rsplit_once(')').expect("a name in parentheses");
        // utime and stime are fields 14 and 15; the text begins with field 3. Ticks are 1/100 s.
        let ticks = rest.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
        let ticks: Result<u32, _> = ticks.sum();
        f64::from(ticks.expect("a process tells its time in ticks")) / 100.0
    }

    /// Waits until it has ended.
    pub async fn wait(&mut self) -> ExitStatus {
        within(&format!("{} to end", self.name), self.child.wait()).await.expect("it is a child")
    }

    /// The end of what it logged.
    #[must_use]
    pub fn log(&self) -> String {
        let logged = std::fs::read_to_string(&self.log).unwrap_or_default();
        let mut start = logged.len().saturating_sub(SHOWN_MAX);
        while !logged.is_char_boundary(start) {
            start += 1;
        }
        logged.get(start..).unwrap_or_default().to_owned()
    }

    fn send(&self, signal: Signal) {
        let id = i32::try_from(self.id()).expect("a process id");
        let process = Pid::from_raw(id).expect("a process id");
        kill_process(process, signal).expect("it is a child");
    }
}

impl Drop for Process {
    /// A test that fails shows what its processes said.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let shown = format!("---- log of {}\n{}\n", self.name, self.log());
            drop(std::io::Write::write_all(&mut std::io::stderr(), shown.as_bytes()));
        }
    }
}
