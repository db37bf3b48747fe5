//! The packages of the workspace and what each of them links, as Cargo resolves it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

use super::floors::SANS_IO;

/// Folders with a workspace of their own; their files count, their dependencies do not.
const OTHER_WORKSPACES: [&str; 2] = ["fuzz", "benches/peers"];

/// The machines we build for; what Cargo would link elsewhere does not concern us.
const TARGETS: [&str; 2] = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];

/// A package of the workspace.
#[derive(Debug, Default)]
pub(super) struct Package {
    pub(super) name: String,
    /// The manifest, from the root.
    pub(super) manifest: String,
    /// What it depends on directly, development dependencies left out.
    pub(super) dependencies: BTreeSet<String>,
    /// Crates it links, however far away; only asked for where no runtime may be among them.
    pub(super) linked: BTreeSet<String>,
}

/// All packages, the root files of their targets, and what products are made of.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) packages: Vec<Package>,
    /// From the workspace root.
    pub(super) roots: Vec<String>,
    /// Every crate that a product links, with the features that it is built with.
    pub(super) linked: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// Asks Cargo.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let metadata = metadata(root, root)?;
        let mut roots = roots(root, &metadata)?;
        for folder in OTHER_WORKSPACES.map(|folder| root.join(folder)) {
            if folder.exists() {
                roots.extend(self::roots(root, &self::metadata(root, &folder)?)?);
            }
        }
        let mut packages = Vec::new();
        for found in &metadata.packages {
            let name = found.name.to_string();
            let linked = if SANS_IO.contains(&name.as_str()) {
                linked(root, &["--package", &name, "--edges", "normal,build"])?
                    .into_keys()
                    .collect()
            } else {
                BTreeSet::new()
            };
            packages.push(Package {
                manifest: below(root, found.manifest_path.as_std_path())?,
                dependencies: found
                    .dependencies
                    .iter()
                    .filter(|dependency| dependency.kind != DependencyKind::Development)
                    .map(|dependency| dependency.name.clone())
                    .collect(),
                linked,
                name,
            });
        }
        let linked = linked(root, &["--workspace", "--all-features", "--edges", "normal,build"])?;
        Ok(Self { packages, roots, linked })
    }
}

fn metadata(root: &Path, folder: &Path) -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    let command = command.current_dir(root).manifest_path(folder.join("Cargo.toml")).no_deps();
    command.exec().context("run cargo metadata")
}

fn roots(root: &Path, metadata: &Metadata) -> Result<Vec<String>> {
    let targets = metadata.packages.iter().flat_map(|package| &package.targets);
    targets.map(|target| below(root, target.src_path.as_std_path())).collect()
}

/// The crates that `cargo tree` prints, and their features: these are resolved, unlike in the lock
/// file.
fn linked(root: &Path, selection: &[&str]) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut command = Command::new(env!("CARGO"));
    command
        .current_dir(root)
        .args(["tree", "--prefix", "none", "--format", "{p}\t{f}"])
        .args(selection);
    for target in TARGETS {
        command.args(["--target", target]);
    }
    let output = command.output().context("run cargo tree")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    let printed = String::from_utf8(output.stdout)?;
    let mut linked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in printed.lines() {
        let (package, features) = line.split_once('\t').unwrap_or((line, ""));
        let Some(name) = package.split(' ').next() else { continue };
        // What was printed before is marked with (*).
        let features = features.split(' ').next().unwrap_or_default().split(',');
        let features = features.filter(|feature| !feature.is_empty()).map(str::to_owned);
        linked.entry(name.to_owned()).or_default().extend(features);
    }
    Ok(linked)
}

fn below(root: &Path, path: &Path) -> Result<String> {
    let path = path.strip_prefix(root).with_context(|| format!("{} is outside", path.display()))?;
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    Ok(parts.join("/"))
}
