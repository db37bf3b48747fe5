//! Mosquitto and rumqttd.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::Result;

use super::{Certificate, Running, command, free, listening, run, said};
use crate::job::Address;

/// Who may connect.
const USERS: usize = 16;
const PASSWORD: &str = "load-load-load";

/// Mosquitto, told to lose nothing for want of a queue and to send at once; otherwise as it comes.
pub(super) async fn mosquitto(folder: &Path, tls: &Certificate) -> Result<Running> {
    let (socket, path) = (free()?, |name: &str| folder.join(name));
    let users = users(folder)?;
    let lines: String = users.iter().map(|(name, _file)| format!("{name}:{PASSWORD}\n")).collect();
    fs::write(path("passwords"), lines)?;
    run(command("mosquitto_passwd")?.arg("-U").arg(path("passwords")))?;
    let settings = format!(
        "listener {} 127.0.0.1\ncertfile {}\nkeyfile {}\npassword_file {}\nallow_anonymous false\n\
         max_queued_messages 0\nmax_queued_bytes 0\nset_tcp_nodelay true\nuser root\nlog_type error\n",
        socket.port(),
        tls.certificate.display(),
        tls.key.display(),
        path("passwords").display(),
    );
    fs::write(path("mosquitto.conf"), settings)?;
    let mut start = command("mosquitto")?;
    start.arg("-c").arg(path("mosquitto.conf")).stdout(Stdio::null()).stderr(Stdio::null());
    let child = start.spawn()?;
    listening(socket).await?;
    let address = Address { users, ..Address::of(&child, socket, &tls.certificate) };
    let version = said(command("mosquitto")?.arg("-h"))?;
    Ok(Running { children: vec![child], address, mqtt: None, version })
}

/// rumqttd with its own settings of 0.20 but for TLS; it asks nobody for a password.
pub(super) async fn rumqttd(folder: &Path, tls: &Certificate) -> Result<Running> {
    let (socket, path) = (free()?, folder.join("rumqttd.toml"));
    let settings = format!(
        r#"id = 0

[router]
id = 0
max_connections = 10010
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10

[v4.1]
name = "v4-1"
listen = "{socket}"
next_connection_delay_ms = 1

[v4.1.tls]
certpath = {:?}
keypath = {:?}

[v4.1.connections]
connection_timeout_ms = 60000
max_payload_size = 20480
max_inflight_count = 100
dynamic_filters = true
"#,
        tls.certificate.display().to_string(),
        tls.key.display().to_string(),
    );
    fs::write(&path, settings)?;
    let mut start = command("rumqttd")?;
    start.arg("--config").arg(&path).arg("--quiet").stdout(Stdio::null()).stderr(Stdio::null());
    let child = start.spawn()?;
    listening(socket).await?;
    let users = users(folder)?;
    let address = Address { users, ..Address::of(&child, socket, &tls.certificate) };
    let version = said(command("rumqttd")?.arg("--version"))?;
    Ok(Running { children: vec![child], address, mqtt: None, version })
}

/// Names, and the file with the one password that they all have.
fn users(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let file = folder.join("password");
    fs::write(&file, PASSWORD)?;
    Ok((0..USERS).map(|number| (format!("load-{number}"), file.clone())).collect())
}
