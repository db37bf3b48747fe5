//! Chores of the repository that are programs: `cargo xtask tidy`, `codegen`, `deploy`,
//! `instructions`, `lint`, `pages`, `test`.

mod codegen;
mod deploy;
mod instructions;
mod pages;
mod report;
#[path = "../../e2e/src/skipped.rs"]
#[expect(dead_code, unreachable_pub, reason = "it is shared, and a part of it is for tests")]
mod skipped;
mod steps;
mod tidy;

use std::env;
use std::process::ExitCode;

use anyhow::{Result, bail};

fn main() -> Result<ExitCode> {
    let mut arguments = env::args().skip(1);
    let argument = arguments.next();
    match argument.as_deref() {
        Some("codegen") => codegen::run().map(|()| ExitCode::SUCCESS),
        Some("deploy") => report::print(&deploy::check(&root()?)?, "deploy"),
        Some("instructions") => match arguments.next().as_deref() {
            None => instructions::check(&root()?),
            Some("--record") => instructions::record(&root()?),
            Some(other) => bail!("instructions: wanted nothing or --record, found {other}"),
        },
        Some("lint") => steps::lint(&root()?),
        Some("pages") => pages::build(&root()?),
        Some("test") => steps::test(&root()?),
        Some("tidy") => report::print(&tidy::check(&root()?)?, "tidy"),
        other => bail!(
            "wanted codegen, deploy, instructions, lint, pages, test or tidy, found {}",
            other.unwrap_or("no command")
        ),
    }
}

/// The workspace root, from where every path is given.
fn root() -> Result<std::path::PathBuf> {
    let manifest = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().map(Into::into).ok_or_else(|| anyhow::anyhow!("xtask has no parent folder"))
}
