//! A peer with a contract, a node's key and no honesty: whatever it brings or asks for is refused or
//! held within bounds, counted and named, while the other city's own people go on.

#[cfg(test)]
mod coast;
#[cfg(test)]
mod floods;
#[cfg(test)]
mod histories;
#[cfg(test)]
mod interests;
#[cfg(test)]
mod order;
#[cfg(test)]
mod records;
#[cfg(test)]
mod silence;
