//! Mosquitto's command-line clients against a city's MQTT listener.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::{Child, Command};

use crate::city::City;
use crate::command::Said;
use crate::patience::within;

/// What a client's code is when it waited as long as it was told and no more came.
pub const TIMED_OUT: i32 = 27;

/// Somebody with a user name and a password.
#[derive(Debug, Clone)]
pub struct Mosquitto {
    address: SocketAddr,
    certificate: PathBuf,
    name: String,
    password: String,
}

impl Mosquitto {
    /// Whether Debian's `mosquitto-clients` are installed; a test says so where they are not.
    #[must_use]
    pub fn is_there() -> bool {
        let asked = std::process::Command::new("mosquitto_pub")
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        asked.is_ok()
    }

    /// Enrols somebody attested, who may publish and read these topics.
    pub async fn enrol(city: &City, name: &str, publish: &[&str], read: &[&str]) -> Self {
        let file = city.place(format!("{name}.password"));
        let path = file.to_str().expect("a path");
        let mut enrol = vec!["enrol", name, "--attested", "--password-file", path, "--yes"];
        enrol.extend(publish.iter().flat_map(|filter| ["--topics", filter]));
        enrol.extend(read.iter().flat_map(|filter| ["--read", filter]));
        city.run(&enrol).await.succeeded();
        let password = std::fs::read_to_string(&file).expect("a password");
        Self {
            address: city.door("mqtt"),
            certificate: city.dir().join("tls/certificate.pem"),
            name: format!("{name}@{}", city.name()),
            password: password.trim().to_owned(),
        }
    }

    /// Its name, with its organisation.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A file with its name and its password, a line each.
    pub fn write_login(&self, path: &Path) {
        std::fs::write(path, format!("{}\n{}\n", self.name, self.password)).expect("a file");
    }

    /// Publishes; its code is that of `mosquitto_pub`.
    pub async fn publish(&self, arguments: &[&str]) -> Said {
        self.run("mosquitto_pub", arguments).await
    }

    /// Subscribes until what the arguments say; its code is that of `mosquitto_sub`.
    pub async fn subscribe(&self, arguments: &[&str]) -> Said {
        self.run("mosquitto_sub", arguments).await
    }

    /// Starts a subscriber that goes on until it is ended.
    #[must_use]
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command("mosquitto_sub", arguments).spawn().expect("mosquitto_sub")
    }

    async fn run(&self, program: &str, arguments: &[&str]) -> Said {
        let running = self.command(program, arguments).output();
        let output = within(program, running).await.expect("it can be started");
        Said {
            code: output.status.code(),
            output: String::from_utf8_lossy(&output.stdout).into_owned(),
            error: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(["-h", &self.address.ip().to_string()]);
        command.args(["-p", &self.address.port().to_string(), "--insecure", "--cafile"]);
        command.arg(&self.certificate).args(["-u", &self.name, "-P", &self.password]);
        // Some tests say which version.
        if !arguments.contains(&"-V") {
            command.args(["-V", "mqttv5"]);
        }
        command.args(arguments).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}
