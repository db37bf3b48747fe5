//! The snippets of `docs/connect.md`, as they stand there but for names, ports and files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use sekisho_e2e::{City, Mosquitto, eventually, skipped, within};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::clients::{fetched, packages, python};

const TOLD: &str = "meter/3/energy";
const AIR: &str = "fujisawa/truck/17/air";

/// A city as the page has it, and the folder in which its snippets are run.
struct Page {
    city: City,
    text: String,
    folder: PathBuf,
}

impl Page {
    async fn opened() -> Self {
        let mut city = City::plan("fujisawa").await;
        let doors = [("8883", city.open("mqtt")), ("8443", city.open("web"))];
        city.start().await;
        let (own, others) = (["fujisawa/mqtt/meter/3/#"], ["fujisawa/mqtt/meter/#"]);
        let meter = Mosquitto::enrol(&city, "meter-3", &own, &others).await;
        let login = city.place("login");
        meter.write_login(&login);
        let login = fs::read_to_string(login).unwrap();
        let password = login.trim().rsplit('\n').next().unwrap();
        let folder = city.place("snippets");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("meter-3.password"), password).unwrap();
        let certificate = folder.join("certificate.pem");
        fs::copy(city.dir().join("tls/certificate.pem"), &certificate).unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/connect.md");
        let mut text = fs::read_to_string(path).unwrap();
        for (documented, door) in doors {
            text = text.replace(documented, &door.port().to_string());
        }
        // The certificate that a node makes for itself holds for this name.
        text = text.replace("node.fujisawa.example", "localhost");
        text = text.replace("/etc/meter/certificate.pem", certificate.to_str().unwrap());
        text = text.replace("THE-PASSWORD", password);
        Self { city, text, folder }
    }

    /// The snippet of a language that comes next after a heading.
    fn snippet(&self, heading: &str, language: &str) -> String {
        let heading = format!("\n{heading}\n");
        let (_before, after) = self.text.split_once(&heading).expect("a heading of the page");
        let (_words, after) = after.split_once(&format!("\n```{language}\n")).expect("a snippet");
        after.split_once("\n```").expect("its end").0.to_owned()
    }

    fn start(&self, command: &mut Command) -> Running {
        command.current_dir(&self.folder).env("HOME", &self.folder).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it can be started");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Running { _child: child, lines }
    }

    fn shell(&self, script: &str) -> Running {
        self.start(Command::new("sh").args(["-euc", &format!("exec {script}")]))
    }

    /// Writes a program where its snippet expects its files.
    fn program(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

/// A snippet that runs; it ends with this.
struct Running {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// The first line with all of these words.
    async fn says(&mut self, words: &[&str]) -> String {
        let saying = async {
            loop {
                let line = self.lines.next_line().await.unwrap();
                let line = line.expect("the words that are wanted before the end");
                if words.iter().all(|word| line.contains(word)) {
                    return line;
                }
            }
        };
        within("a snippet's words", saying).await
    }
}

#[tokio::test]
async fn mosquittos_options_and_commands_do_what_the_page_says() {
    if !Mosquitto::is_there() {
        return skipped("wanted Debian's mosquitto-clients, found none");
    }
    let page = Page::opened().await;
    let heading = "### mosquitto_pub, mosquitto_sub";
    let settings = page.folder.join(".config");
    fs::create_dir(&settings).unwrap();
    for program in ["mosquitto_pub", "mosquitto_sub"] {
        fs::write(settings.join(program), page.snippet(heading, "text")).unwrap();
        fs::set_permissions(settings.join(program), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let commands = page.snippet(heading, "sh");
    let (subscribe, publish) = commands.split_once(" &\n").expect("one beside the other");
    let mut subscriber = page.shell(subscribe);
    eventually("the subscription", || async {
        (page.city.metric("sekisho_subscriptions").await >= 1.0).then_some(())
    })
    .await;
    let _publisher = page.shell(publish);
    assert_eq!(subscriber.says(&[TOLD]).await, "meter/3/energy 7");
}

#[tokio::test]
async fn pahos_and_mqtt_js_snippets_read_what_they_publish() {
    let Some(python) = fetched("Python with paho-mqtt", python).await else { return };
    let Some(packages) = fetched("Node.js with MQTT.js", packages).await else { return };
    let page = Page::opened().await;
    let script = page.program("meter.py", &page.snippet("### Python: paho-mqtt", "python"));
    page.start(Command::new(python).arg("-u").arg(script)).says(&[TOLD, "b'7'"]).await;
    std::os::unix::fs::symlink(packages.join("node_modules"), page.folder.join("node_modules"))
        .unwrap();
    let script = page.program("meter.mjs", &page.snippet("### JavaScript: MQTT.js", "js"));
    page.start(Command::new("node").arg(script)).says(&[TOLD, "7"]).await;
}

#[tokio::test]
async fn curls_commands_publish_and_read() {
    if std::process::Command::new("curl").arg("--version").output().is_err() {
        return skipped("wanted curl, found none");
    }
    let page = Page::opened().await;
    page.city.run(&["describe", AIR, "--class", "open", "--yes"]).await.succeeded();
    let password = page.folder.join("logger.password");
    let enrol = ["enrol", "logger", "--attested", "--topics", AIR, "--read", "fujisawa/#", "--yes"];
    let file = ["--password-file", password.to_str().unwrap()];
    page.city.run(&[&enrol[..], &file].concat()).await.succeeded();
    let script = page.snippet("## HTTP", "sh").replace("\\\n", "");
    let commands: Vec<&str> = script.lines().filter(|line| !line.is_empty()).collect();
    let [settings, publish, events, history, things] = commands[..] else { panic!("{script}") };
    let mut made = Command::new("sh");
    let made = made.args(["-euc", settings]).current_dir(&page.folder).status().await.unwrap();
    assert!(made.success());
    let mut live = page.shell(events);
    eventually("the stream", || async {
        (page.city.metric("sekisho_subscriptions").await >= 1.0).then_some(())
    })
    .await;
    page.shell(publish).says(&[AIR, "\"offset\":0"]).await;
    live.says(&["data:", "pm2_5", "12.5"]).await;
    page.shell(history).says(&["logger@fujisawa", "12.5"]).await;
    page.shell(things).says(&["\"Datastreams\"", "pm2_5"]).await;
}
