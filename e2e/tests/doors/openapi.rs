//! The description of the requests, held against the node by Schemathesis: whatever it makes of the
//! description, the node answers as described.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sekisho_e2e::{permitted, skipped};
use serde_json::Value as Json;

use crate::logins::city;
use crate::talker::Talker;

const SCHEMATHESIS: &str = "schemathesis==4.32.5";

/// Runs something to its end; says how it failed.
fn run(command: &mut Command) -> Result<Output, String> {
    let output = command.output().map_err(|fault| format!("{command:?}: {fault}"))?;
    match output.status.success() {
        true => Ok(output),
        false => {
            let said = [output.stdout, output.stderr].concat();
            Err(format!("{command:?}: {}", String::from_utf8_lossy(&said)))
        }
    }
}

/// Schemathesis, installed once and kept beside what the compiler makes.
fn schemathesis() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(SCHEMATHESIS.replace("==", "-"));
    let (program, done) = (folder.join("bin/schemathesis"), folder.join("done"));
    if done.exists() {
        return Ok(program);
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", SCHEMATHESIS];
    run(Command::new(folder.join("bin/python")).args(install))?;
    std::fs::write(done, SCHEMATHESIS).map_err(|fault| fault.to_string())?;
    Ok(program)
}

/// How many requests are described.
fn operations(document: &Json) -> usize {
    let is_method = |key: &&String| ["get", "post", "put", "delete"].contains(&key.as_str());
    let paths = document.get("paths").and_then(Json::as_object).into_iter().flatten();
    let methods = paths.filter_map(|(_path, item)| item.as_object());
    methods.map(|item| item.keys().filter(is_method).count()).sum()
}

#[tokio::test]
async fn the_node_answers_as_its_description_says() {
    let program = match tokio::task::spawn_blocking(schemathesis).await.unwrap() {
        Ok(program) => program,
        Err(why) => {
            skipped(format!("no Schemathesis to be had: {why}"));
            return;
        }
    };
    let city = city().await;
    let options = ["--topics", "fujisawa/#", "--read", "fujisawa/#"];
    let talker = Talker::attested(&city, "tester", &options).await;
    let grant = ["grant", "tester@fujisawa", "administer,discover", "fujisawa/#", "--yes"];
    city.run(&grant).await.succeeded();
    permitted(&city, "tester@fujisawa", "administer", "fujisawa/a").await;
    // Passwords do not belong among the arguments.
    let config = city.place("schemathesis.toml");
    let mut file = std::fs::OpenOptions::new();
    let mut file = file.write(true).create_new(true).mode(0o600).open(&config).unwrap();
    let headers = format!("headers = {{ Authorization = {:?} }}\n", talker.authorization());
    std::io::Write::write_all(&mut file, headers.as_bytes()).unwrap();
    let mut command = Command::new(program);
    command.current_dir(city.place("")).arg("--config-file").arg(config).arg("run");
    command.arg(format!("https://{}/v1/openapi.json", city.door("web")));
    command.args(["--tls-verify", "false", "--no-color", "--seed", "1", "--max-examples", "25"]);
    command.args(["--phases", "examples,coverage,fuzzing", "--continue-on-failure"]);
    // Names have rules that no schema can say; and events have no end.
    command.args(["--exclude-checks", "positive_data_acceptance"]);
    command.args(["--exclude-path", "/v1/events", "--request-timeout", "30"]);
    let checked = tokio::task::spawn_blocking(move || run(&mut command)).await.unwrap();
    let said = checked.unwrap_or_else(|why| panic!("{why}"));
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    // All but events, and the request for the description itself.
    let described = operations(&talker.get("/v1/openapi.json").await.done());
    assert!(said.contains(&format!("Tested: {}", described - 2)), "{described}: {said}");
    let status = talker.get("/v1/admin/status").await.done();
    assert_eq!(status["ready"], true);
}
