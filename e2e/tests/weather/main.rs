//! Cities with real weather between them: networks that delay, lose, reorder and are cut, and
//! cables of machines of their own.

#[cfg(test)]
mod cables;
#[cfg(test)]
mod relayed;
#[cfg(test)]
mod stage;
