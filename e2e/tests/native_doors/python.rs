//! The worked example in Python, run as it is against a real node.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sekisho_e2e::{Member, permitted, skipped};

use crate::{AIR, city};

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../client-sdk/python-example")
}

/// Runs something to its end; says how it failed.
fn run(command: &mut Command) -> Result<Output, String> {
    let output = command.output().map_err(|fault| format!("{command:?}: {fault}"))?;
    match output.status.success() {
        true => Ok(output),
        false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// A folder with a Python that has what the example needs, made once and kept beside what the
/// compiler makes.
fn environment() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-example");
    let (python, done) = (folder.join("bin/python"), folder.join("done"));
    let wanted = std::fs::read_to_string(example().join("requirements.txt"))
        .map_err(|fault| fault.to_string())?;
    if std::fs::read_to_string(&done).is_ok_and(|made| made == wanted) {
        return Ok(folder);
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    let requirements = example().join("requirements.txt");
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(requirements))?;
    std::fs::write(done, wanted).map_err(|fault| fault.to_string())?;
    Ok(folder)
}

/// The schema is compiled each time: it may have changed.
fn compiled(folder: &Path) -> Result<PathBuf, String> {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/schema");
    let out = folder.join("schema");
    std::fs::create_dir_all(&out).map_err(|fault| fault.to_string())?;
    run(Command::new(folder.join("bin/python"))
        .args(["-m", "grpc_tools.protoc"])
        .arg(format!("-I{}", schema.display()))
        .arg(format!("--python_out={}", out.display()))
        .arg(format!("--grpc_python_out={}", out.display()))
        .arg("sekisho.proto"))?;
    Ok(out)
}

#[tokio::test]
async fn the_worked_python_example_publishes_and_reads_over_grpc() {
    let folder = match tokio::task::spawn_blocking(environment).await.unwrap() {
        Ok(made) => made,
        Err(why) => {
            skipped(format!("no Python with grpcio to be had: {why}"));
            return;
        }
    };
    let python = folder.join("bin/python");
    let schema = tokio::task::spawn_blocking(move || compiled(&folder)).await.unwrap().unwrap();
    let (city, web) = city().await;
    let device = ["--topics", "fujisawa/truck/17/#", "--read", "fujisawa/truck/17/#"];
    let member = Member::enrol(&city, "service", &device).await;
    city.run(&["describe", AIR, "--class", "open", "--yes"]).await.succeeded();
    permitted(&city, "service@fujisawa", "subscribe", AIR).await;
    let mut lines = String::new();
    for value in ["12.5", "13.25"] {
        let mut script = Command::new(&python);
        script.env("PYTHONPATH", &schema).arg(example().join("session.py"));
        script.arg(member.dir()).arg(web.to_string()).args([AIR, "pm2_5", value]);
        let output = tokio::task::spawn_blocking(move || run(&mut script)).await.unwrap().unwrap();
        lines = String::from_utf8(output.stdout).unwrap();
    }
    assert!(lines.starts_with("welcome, service@fujisawa\npublished at offset 1\n"), "{lines}");
    assert!(lines.ends_with("offset 0: pm2_5 [12.5]\noffset 1: pm2_5 [13.25]\n"), "{lines}");
    // What it signed is taken by the SDK too.
    let kept = member.run(&["history", AIR]).await.done();
    assert!(kept.contains("pm2_5=12.5") && kept.contains("pm2_5=13.25"), "{kept}");
}
