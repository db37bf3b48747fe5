//! Whole federations, run many times.

#[cfg(test)]
mod seeds;
