//! Two cities under contract.

#[cfg(test)]
mod statements;
#[cfg(test)]
mod witnesses;
