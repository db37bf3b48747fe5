//! The clients that most programs are written with, from their own package indexes, against the
//! real node: Eclipse Paho's of Python, and MQTT.js over TCP and over WebSocket.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use sekisho_e2e::{City, Member, Mosquitto, skipped};

const ALL: &str = "fujisawa/mqtt/#";
/// What the scripts print where everything went as the standard has it.
const WENT: &str = "3.1.1 messages\n3.1.1 retained\n3.1.1 will\n5 messages\n5 retained\n5 will\n";

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

/// Runs something to its end, and gives what it printed; says how it failed.
fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|fault| format!("{command:?}: {fault}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// A folder beside what the compiler makes in which `install` put what the file `wanted` names;
/// it is done once for each content of that file.
fn installed(
    name: &str,
    wanted: &str,
    install: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).map_err(|fault| fault.to_string())?;
    // Several tests want the same, perhaps at once and in processes of their own.
    let turn = File::create(folder.with_extension("lock")).map_err(|fault| fault.to_string())?;
    turn.lock().map_err(|fault| fault.to_string())?;
    let done = folder.join("done");
    let wanted =
        std::fs::read_to_string(scripts().join(wanted)).map_err(|fault| fault.to_string())?;
    if std::fs::read_to_string(&done).is_ok_and(|made| made == wanted) {
        return Ok(folder);
    }
    install(&folder)?;
    std::fs::write(done, wanted).map_err(|fault| fault.to_string())?;
    Ok(folder)
}

/// A Python with Paho's client.
pub(crate) fn python() -> Result<PathBuf, String> {
    let folder = installed("paho-client", "requirements.txt", |folder| {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        run(Command::new(folder.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .arg("--requirement")
            .arg(scripts().join("requirements.txt")))?;
        Ok(())
    })?;
    Ok(folder.join("bin/python"))
}

/// A folder in which Node.js finds MQTT.js.
pub(crate) fn packages() -> Result<PathBuf, String> {
    run(Command::new("node").arg("--version"))?;
    let folder = installed("mqttjs-client", "package.json", |folder| {
        let copied = std::fs::copy(scripts().join("package.json"), folder.join("package.json"));
        copied.map_err(|fault| fault.to_string())?;
        let quiet = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"];
        run(Command::new("npm").args(quiet).current_dir(folder))?;
        Ok(())
    })?;
    // A path that ends with a slash is a folder for `createRequire`.
    Ok(folder.join(""))
}

/// What a test needs from elsewhere; says so where it cannot be had.
pub(crate) async fn fetched(what: &str, fetch: fn() -> Result<PathBuf, String>) -> Option<PathBuf> {
    match tokio::task::spawn_blocking(fetch).await.unwrap() {
        Ok(made) => Some(made),
        Err(why) => {
            skipped(format!("no {what} to be had: {why}"));
            None
        }
    }
}

/// A node with its doors open, and somebody with a password for all of its topics.
struct Town {
    city: City,
    mqtt: SocketAddr,
    web: SocketAddr,
    login: PathBuf,
}

impl Town {
    async fn found() -> Self {
        let mut city = City::plan("fujisawa").await;
        let (mqtt, web) = (city.open("mqtt"), city.open("web"));
        city.start().await;
        let login = city.place("login");
        Mosquitto::enrol(&city, "meter", &[ALL], &[ALL]).await.write_login(&login);
        Self { city, mqtt, web, login }
    }

    /// The certificate that clients have to know.
    fn certificate(&self) -> PathBuf {
        self.city.dir().join("tls/certificate.pem")
    }

    async fn went(&self, mut script: Command) {
        let said = tokio::task::spawn_blocking(move || run(&mut script)).await.unwrap();
        assert_eq!(said.as_deref(), Ok(WENT));
    }
}

#[tokio::test]
async fn pahos_client_for_python_publishes_and_reads_in_both_versions() {
    let Some(python) = fetched("Python with paho-mqtt", python).await else { return };
    let town = Town::found().await;
    let mut script = Command::new(python);
    script.arg(scripts().join("paho_client.py"));
    script.args([town.mqtt.ip().to_string(), town.mqtt.port().to_string()]);
    script.args([town.certificate(), town.login.clone()]);
    town.went(script).await;
    // Those who verify see what it published, and who signed it.
    let reader = Member::reader(&town.city, "wall", ALL).await;
    let kept = reader.run(&["history", "fujisawa/mqtt/paho/5/air"]).await.done();
    assert_eq!(kept.matches("attested by node@fujisawa").count(), 3, "{kept}");
}

#[tokio::test]
async fn mqtt_js_publishes_and_reads_in_both_versions_over_tcp_and_websocket() {
    let Some(packages) = fetched("Node.js with MQTT.js", packages).await else { return };
    let town = Town::found().await;
    for url in [format!("mqtts://{}", town.mqtt), format!("wss://{}/mqtt", town.web)] {
        let mut script = Command::new("node");
        script.arg(scripts().join("mqttjs_client.cjs")).arg(url);
        script.args([town.certificate(), town.login.clone(), packages.clone()]);
        town.went(script).await;
    }
}
