//! The steward as whoever runs it sees it.

#[cfg(test)]
mod starting;
