//! The Zenoh router, as it comes but for TLS.

use std::{fs, path::Path, process::Stdio};

use anyhow::Result;

use super::{Certificate, Running, command, free, listening, said};
use crate::job::Address;

pub(super) async fn start(folder: &Path, tls: &Certificate) -> Result<Running> {
    let (socket, path) = (free()?, folder.join("zenoh.json5"));
    let settings = serde_json::json!({
        "mode": "router",
        "listen": { "endpoints": [format!("tls/{socket}")] },
        "scouting": { "multicast": { "enabled": false }, "gossip": { "enabled": false } },
        "transport": { "link": { "tls": {
            "listen_certificate": tls.certificate,
            "listen_private_key": tls.key,
        } } },
    });
    fs::write(&path, settings.to_string())?;
    let mut start = command("zenohd")?;
    let child = start
        .arg("--config")
        .arg(&path)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    listening(socket).await?;
    let address = Address::of(&child, socket, &tls.certificate);
    let version = said(command("zenohd")?.arg("--version"))?;
    Ok(Running { children: vec![child], address, mqtt: None, version })
}
