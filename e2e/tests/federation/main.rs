//! Two cities under contract.

#[cfg(test)]
mod statements;
