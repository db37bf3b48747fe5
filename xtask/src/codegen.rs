//! Turns the wire schema into Rust once, so that nobody who builds the project needs a protobuf
//! compiler and every change of the wire shows in review.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use prost_build::{Config, Module};

/// The schema and what is generated from it, both below the workspace root.
const SCHEMA: &str = "proto/schema/sekisho.proto";
const GENERATED: &str = "proto/src/wire/generated.rs";
/// The schema as programs read it that learn it from a node.
const DESCRIPTORS: &str = "proto/src/wire/descriptors.bin";

/// Writes the generated files.
///
/// # Errors
///
/// The schema does not compile, or a file cannot be written.
pub(crate) fn run() -> Result<()> {
    let made = [(GENERATED, generate()?.into_bytes()), (DESCRIPTORS, describe()?)];
    for (file, bytes) in made {
        let path = workspace_root().join(file);
        fs::write(&path, bytes).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

fn describe() -> Result<Vec<u8>> {
    let schema = workspace_root().join(SCHEMA);
    let include = schema.parent().context("the schema has no folder")?;
    let mut compiler = protox::Compiler::new([include])?;
    compiler.include_source_info(false).open_file(&schema)?;
    Ok(compiler.encode_file_descriptor_set())
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
