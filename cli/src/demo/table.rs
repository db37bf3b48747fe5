//! The live table: one line for each truck, drawn in place.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use super::dashboard::Reading;
use crate::output;

/// Trucks shown; the others are counted in the last line.
const ROWS_MAX: usize = 20;
/// Lines of the screen that are no truck's: title, headings, the others, the cursor's.
const FRAME_ROWS: usize = 4;

/// Draws on a terminal; on anything else it stays silent.
#[derive(Debug)]
pub(super) struct Table {
    on: bool,
    drawn: usize,
}

impl Table {
    pub(super) fn new(wanted: bool) -> Self {
        Self { on: wanted && io::stdout().is_terminal(), drawn: 0 }
    }

    /// Draws the readings over the ones before.
    pub(super) fn draw(&mut self, readings: &[Reading], passed: Duration) {
        if !self.on {
            return;
        }
        // A line that wraps, or one too many, would leave what is above it standing.
        let (columns, rows) = output::terminal_size();
        let mut lines = lines(readings, passed, rows.saturating_sub(FRAME_ROWS));
        for line in &mut lines {
            *line = line.chars().take(columns).collect();
        }
        let mut screen = String::new();
        if self.drawn > 0 {
            screen.push_str(&format!("\x1b[{}A", self.drawn));
        }
        for line in &lines {
            screen.push_str(&format!("\x1b[2K{line}\n"));
        }
        self.drawn = lines.len();
        // A terminal that is gone shows nothing.
        drop(io::stdout().write_all(screen.as_bytes()));
    }
}

fn lines(readings: &[Reading], passed: Duration, room: usize) -> Vec<String> {
    let rows_max = room.clamp(1, ROWS_MAX);
    let mut lines = vec![
        format!(
            "Santander's dashboard, {} s; every line was verified and opened there",
            passed.as_secs()
        ),
        format!(
            "{:<21} {:>9} {:>10} {:>7} {:>6} {:>9}",
            "TRUCK", "LATITUDE", "LONGITUDE", "PM2.5", "TEMP", "LATENCY"
        ),
    ];
    let mut sorted: Vec<&Reading> = readings.iter().collect();
    sorted.sort_by_key(|reading| (reading.publisher.len(), reading.publisher.clone()));
    for reading in sorted.iter().take(rows_max) {
        lines.push(format!(
            "{:<21} {:>9.5} {:>10.5} {:>7.1} {:>6.1} {:>6.0} ms ✓",
            reading.publisher,
            reading.latitude,
            reading.longitude,
            reading.pm2_5,
            reading.temperature,
            reading.latency_ms
        ));
    }
    if sorted.len() > rows_max {
        lines.push(format!("… and {} more", sorted.len() - rows_max));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_fits_a_narrow_terminal_and_a_large_fleet() {
        let reading = |number: usize| Reading {
            publisher: format!("truck-{number}@fujisawa"),
            latitude: 35.339,
            longitude: 139.49,
            pm2_5: 14.2,
            temperature: 17.5,
            latency_ms: 1234.5,
        };
        let readings: Vec<Reading> = (1..=1000).map(reading).collect();
        let lines = lines(&readings, Duration::from_secs(3), 100);
        assert!(lines.iter().all(|line| line.chars().count() <= 80));
        assert_eq!(lines.len(), ROWS_MAX + 3);
        assert!(lines[2].starts_with("truck-1@fujisawa"));
        assert_eq!(super::lines(&readings, Duration::from_secs(3), 5).len(), 5 + 3);
    }
}
