//! Adds up what `cargo test` says once per program, so that one line tells the whole.

use std::fmt;

/// Sums of the `test result:` lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    programs: u64,
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Tally {
    /// Takes one line of output into account.
    pub(super) fn count(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let counts = result.split_once(". ").map_or(result, |(_, counts)| counts);
        self.programs += 1;
        for part in counts.split("; ") {
            let Some((number, word)) = part.split_once(' ') else { continue };
            let number: u64 = number.parse().unwrap_or(0);
            match word {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { programs, passed, failed, ignored } = self;
        let result = if *failed == 0 { "ok" } else { "FAILED" };
        write!(
            f,
            "test result: {result}. {passed} passed; {failed} failed; {ignored} ignored; in \
             {programs} test programs"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_results_of_all_programs_are_added_up() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test a ... FAILED",
            "test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out",
        ] {
            tally.count(line);
        }
        let told = tally.to_string();
        assert_eq!(told, "test result: FAILED. 4 passed; 1 failed; 0 ignored; in 2 test programs");
    }
}
