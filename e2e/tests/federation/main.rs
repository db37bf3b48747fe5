//! Cities under contract.

#[cfg(test)]
mod contracts;
#[cfg(test)]
mod guests;
#[cfg(test)]
mod key_headers;
#[cfg(test)]
mod restored;
#[cfg(test)]
mod roaming;
#[cfg(test)]
mod statements;
#[cfg(test)]
mod transit;
#[cfg(test)]
mod transit_keys;
#[cfg(test)]
mod witnesses;
