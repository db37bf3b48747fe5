//! A node on a file system that has no more room, or has again.

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use tokio::process::Command;

use crate::city::City;
use crate::process::Process;

impl City {
    /// As [`start`](Self::start), so that a write beyond [`limit_files`](Self::limit_files) is an
    /// error of the node's and not its end.
    pub async fn start_unkillable(&mut self) {
        let mut command = Command::new("/bin/sh");
        let script = "trap '' XFSZ; exec \"$0\" serve --dir \"$1\"";
        command.args(["-c", script]).arg(crate::program()).arg(self.dir());
        let name = format!("serve of {}", self.name());
        let node = Process::spawn(&name, command, &self.place("serve.log"));
        self.take_on(node).await;
        self.start_steward().await;
    }

    /// How large a file the node may write; `None` for no limit.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let node = i32::try_from(self.node().id()).ok().and_then(Pid::from_raw);
        let maximum = getrlimit(Resource::Fsize).maximum;
        let limited = prlimit(node, Resource::Fsize, Rlimit { current: bytes, maximum });
        limited.expect("the limits of a child can be set");
    }
}
