//! Arbitrary bytes as what an OpenID provider said of somebody.
#![no_main]

#[path = "../openid.rs"]
mod openid;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| openid::id_token_checks::id_token(bytes));
