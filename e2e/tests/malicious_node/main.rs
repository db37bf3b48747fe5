//! A node that was taken over, with its own key: whatever it tries is refused or noticed by the SDK,
//! which says what it was.

#[cfg(test)]
mod haunted;
#[cfg(test)]
mod histories;
#[cfg(test)]
mod promises;
#[cfg(test)]
mod records;
#[cfg(test)]
mod secrets;
