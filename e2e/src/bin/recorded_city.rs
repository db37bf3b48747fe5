//! Records a city's folder for the tests of upgrades: `recorded_city ARCHIVE`, with
//! `SEKISHO_PROGRAM` naming the command whose folder it is to be.

use std::path::PathBuf;
use std::process::ExitCode;

use sekisho_e2e::RecordedCity;

#[tokio::main]
async fn main() -> ExitCode {
    let Some(archive) = std::env::args_os().nth(1) else { return ExitCode::FAILURE };
    RecordedCity::record(&PathBuf::from(archive)).await;
    ExitCode::SUCCESS
}
