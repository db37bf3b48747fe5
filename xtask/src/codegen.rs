//! Turns the wire schema into Rust once, so that nobody who builds the project needs a protobuf
//! compiler and every change of the wire shows in review.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use prost_build::{Config, Module};

/// The schema and what is generated from it, both below the workspace root.
const SCHEMA: &str = "proto/schema/sekisho.proto";
const GENERATED: &str = "proto/src/wire/generated.rs";

/// Writes the generated file.
///
/// # Errors
///
/// The schema does not compile, or the file cannot be written.
pub(crate) fn run() -> Result<()> {
    let path = workspace_root().join(GENERATED);
    fs::write(&path, generate()?).with_context(|| format!("write {}", path.display()))
}

fn generate() -> Result<String> {
    let schema = workspace_root().join(SCHEMA);
    let include = schema.parent().context("the schema has no folder")?.to_path_buf();
    let files = protox::compile([&schema], [&include])
        .with_context(|| format!("compile {}", schema.display()))?;
    let requests = files
        .file
        .into_iter()
        .map(|file| (Module::from_protobuf_package_name(file.package()), file))
        .collect();
    let modules = Config::new()
        .bytes(["."])
        .generate(requests)
        .with_context(|| format!("generate code for {SCHEMA}"))?;
    ensure!(modules.len() == 1, "{SCHEMA}: wanted one package, found {}", modules.len());
    let code: String = modules.into_values().collect();
    Ok(format!(
        "// Generated from {SCHEMA} by `cargo run -p xtask -- codegen`; not edited.\n{code}"
    ))
}

fn workspace_root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[cfg(test)]
mod tests;
