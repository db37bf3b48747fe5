//! Arbitrary text as a letter of another organisation: an invitation, an acceptance, a contract.
#![no_main]

// The command is no library: what reads a letter is taken from its source.
#[path = "../../cli/src/armour.rs"]
mod armour;
#[path = "../../cli/src/invitation.rs"]
#[expect(dead_code, reason = "a letter is read here, and not used")]
mod invitation;
#[path = "../letter_checks.rs"]
mod letter_checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| letter_checks::letter(bytes));
