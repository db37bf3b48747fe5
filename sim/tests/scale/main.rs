//! A small federation is held to what makes a large one possible.

mod growing;
