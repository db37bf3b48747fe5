//! Logs that leave the house: exported as static files, proven entry by entry, and verified offline
//! from nothing but the fingerprint of a root, here and in another language.

#[cfg(test)]
mod exported;
#[cfg(test)]
mod proven;
#[cfg(test)]
mod town;
