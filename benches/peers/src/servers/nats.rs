//! nats-server with JetStream, as it comes but for TLS and where it keeps its files.

use std::{fs, path::Path, process::Stdio};

use anyhow::Result;

use super::{Certificate, Running, command, free, listening, said};
use crate::job::Address;

pub(super) async fn start(folder: &Path, tls: &Certificate) -> Result<Running> {
    let (socket, path) = (free()?, folder.join("nats.conf"));
    let settings = format!(
        "listen: \"{socket}\"\ntls {{ cert_file: {:?}, key_file: {:?} }}\njetstream {{ store_dir: {:?} }}\n",
        tls.certificate.display().to_string(),
        tls.key.display().to_string(),
        folder.join("jetstream").display().to_string(),
    );
    fs::write(&path, settings)?;
    let mut start = command("nats-server")?;
    let child = start.arg("-c").arg(&path).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    listening(socket).await?;
    let address = Address::of(&child, socket, &tls.certificate);
    let version = said(command("nats-server")?.arg("--version"))?;
    Ok(Running { children: vec![child], address, mqtt: None, version })
}
