//! The command as a shell sees it: what it prints, what it refuses, and how it ends.

#[cfg(test)]
mod city;
#[cfg(test)]
mod folder;
#[cfg(test)]
mod running;
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod usage;
