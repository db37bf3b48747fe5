//! Has the pages taken in again when they were built again: the compiler sees only the files that were
//! there the last time.

use std::env;
use std::fs;

/// Where the pages are built.
const PAGES: &str = "../console/dist";

fn main() {
    // A program for trying things out reads them when they are asked for, from where this folder is
    // now; one that is shipped has them in it. Sources that cannot be written to have none.
    drop(fs::create_dir_all(PAGES));
    let is_shipped = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    println!("cargo::rerun-if-changed={}", if is_shipped { PAGES } else { "build.rs" });
}
