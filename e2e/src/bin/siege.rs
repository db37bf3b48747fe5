//! Measures what local clients notice of a false peer, and prints a table: `siege [SECONDS
//! [SAMPLES-PER-SECOND]]`. The programs `sekisho` and `false_peer` are looked for beside it.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use sekisho_e2e::siege::{Measured, measure};

/// Of each misdeed, and as long without it.
const SECONDS: u64 = 20;
const SAMPLES_PER_S: u32 = 100;

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().map_or(Ok(SECONDS), |text| text.parse());
    let per_s = arguments.next().map_or(Ok(SAMPLES_PER_S), |text| text.parse());
    let (Ok(seconds), Ok(per_s), Ok(own)) = (seconds, per_s, std::env::current_exe()) else {
        drop(writeln!(std::io::stderr(), "siege: wanted [SECONDS [SAMPLES-PER-SECOND]]"));
        return ExitCode::FAILURE;
    };
    say("| misdeed | calm p50 | p99 | besieged p50 | p99 | max | p99 × | it said |");
    say("|---|---|---|---|---|---|---|---|");
    let false_peer = own.with_file_name("false_peer");
    measure(&false_peer, Duration::from_secs(seconds), per_s, |measured| say(&row(measured))).await;
    ExitCode::SUCCESS
}

fn row(measured: &Measured) -> String {
    let Measured { misdeed, calm, besieged, said } = measured;
    let times = besieged.p99.as_secs_f64() / calm.p99.as_secs_f64();
    format!(
        "| {} | {:.1?} | {:.1?} | {:.1?} | {:.1?} | {:.1?} | {times:.2} | {said} |",
        misdeed.name(),
        calm.p50,
        calm.p99,
        besieged.p50,
        besieged.p99,
        besieged.max
    )
}

fn say(line: &str) {
    drop(writeln!(std::io::stdout(), "{line}"));
}
