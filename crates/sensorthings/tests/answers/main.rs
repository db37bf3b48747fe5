//! Whole requests against a small city in memory.
#![cfg(test)]

mod city;
mod paging;
mod queries;
mod topics;
mod wide;
