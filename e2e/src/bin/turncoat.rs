//! A node that was taken over, as a program: `turncoat ATTEMPT NODE-KEY NODE LISTEN SPOILS
//! GUEST…`. It says on standard output when it serves, and then each thing that it does.

use std::io::Write as _;
use std::process::ExitCode;

use sekisho_e2e::turncoat::{Plan, serve};

#[tokio::main]
async fn main() -> ExitCode {
    match Plan::parse(std::env::args().skip(1)) {
        Ok(plan) => {
            serve(plan).await;
            ExitCode::SUCCESS
        }
        Err(cause) => {
            drop(writeln!(std::io::stderr(), "turncoat: {cause}"));
            ExitCode::FAILURE
        }
    }
}
