//! A node of ours with its steward: what `init` makes, and whoever the load needs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

use super::{Running, free, listening, root, run, said, spawn};
use crate::job::Address;

const ORGANISATION: &str = "fujisawa";
/// Principals that read and that have passwords; each stands for several clients.
const READERS: usize = 10;
const USERS: usize = 16;

/// Starts it; `SEKISHO_PROGRAM` is the command where it is not the one that was built last.
pub(super) async fn start(folder: &Path) -> Result<Running> {
    let program = std::env::var_os("SEKISHO_PROGRAM")
        .map_or_else(|| root().join("target/release/sekisho"), PathBuf::from);
    ensure!(program.is_file(), "wanted {}, found nothing", program.display());
    let program = fs::canonicalize(program)?;
    let (dir, mqtt, quic) = (folder.join(ORGANISATION), free()?, free()?);
    let [listen, page] = [quic, free()?].map(|address| address.to_string());
    let mut init = command(&program);
    init.args(["init", ORGANISATION, "--listen", &listen, "--http", &page]);
    run(init.arg("--dir").arg(&dir))?;
    configure(&dir, "listen", &format!("mqtt = \"{mqtt}\""))?;
    // No limit on how much one principal may ask: the load is one's.
    configure(&dir, "limits", "requests_per_second = 10000000")?;
    let (node, line) =
        spawn(command(&program).args(["serve", "--log", "error"]).arg("--dir").arg(&dir))?;
    ensure!(line.starts_with("serving on"), "wanted a node that serves, found {line:?}");
    listening(mqtt).await?;
    let (steward, _line) =
        spawn(command(&program).args(["steward", "--log", "error"]).arg("--dir").arg(&dir))?;
    let mut address = Address::of(&node, quic, Path::new(""));
    let tree = format!("{ORGANISATION}/load/#");
    address.members.push(enrol(&program, &dir, "writer", &["--topics", &tree])?);
    for number in 0..READERS {
        let name = format!("reader-{number}");
        let rights = ["--kind", "app", "--read", &tree];
        address.members.push(enrol(&program, &dir, &name, &rights)?);
    }
    for number in 0..USERS {
        address.users.push(admit(&program, &dir, &format!("load-{number}"))?);
    }
    Ok(Running {
        children: vec![node, steward],
        address,
        mqtt: Some((mqtt, dir.join("tls/certificate.pem"))),
        version: said(command(&program).arg("--version"))?,
    })
}

/// Whoever publishes or reads with keys of their own; tells the folder with these.
fn enrol(program: &Path, dir: &Path, name: &str, rights: &[&str]) -> Result<PathBuf> {
    let folder = dir.with_file_name(name);
    let token = dir.with_file_name(format!("{name}.token"));
    let mut enrol = command(program);
    enrol.args(["enrol", name, "--approve-matching"]).args(rights);
    run(enrol.arg("--out").arg(&token).arg("--dir").arg(dir))?;
    run(command(program).arg("join").arg(&token).arg("--dir").arg(&folder))?;
    Ok(folder)
}

/// Whoever comes with a password; tells the name and the file with that.
fn admit(program: &Path, dir: &Path, name: &str) -> Result<(String, PathBuf)> {
    let file = dir.with_file_name(format!("{name}.password"));
    let all = format!("{ORGANISATION}/mqtt/#");
    let mut enrol = command(program);
    enrol.args(["enrol", name, "--attested", "--topics", &all, "--read", &all, "--yes"]);
    run(enrol.arg("--password-file").arg(&file).arg("--dir").arg(dir))?;
    Ok((format!("{name}@{ORGANISATION}"), file))
}

/// Adds a line to a section of the node's settings.
fn configure(dir: &Path, section: &str, line: &str) -> Result<()> {
    let path = dir.join("sekisho.toml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let head = format!("[{section}]\n");
    let changed = match text.split_once(&head) {
        Some((before, after)) => format!("{before}{head}{line}\n{after}"),
        None => format!("{text}\n{head}{line}\n"),
    };
    Ok(fs::write(path, changed)?)
}

fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}
