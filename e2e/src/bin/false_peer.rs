//! A peer that lies, as a program: `false_peer MISDEED ORGANISATION LISTEN NODE NODE-KEY VICTIM
//! OFFERED LUGGAGE COUNT`. It says on standard output when it is at work, and then what it does.

use std::io::Write as _;
use std::process::ExitCode;

use sekisho_e2e::false_peer::{Plan, act};

#[tokio::main]
async fn main() -> ExitCode {
    match Plan::parse(std::env::args().skip(1)) {
        Ok(plan) => {
            act(plan).await;
            ExitCode::SUCCESS
        }
        Err(cause) => {
            drop(writeln!(std::io::stderr(), "false_peer: {cause}"));
            ExitCode::FAILURE
        }
    }
}
