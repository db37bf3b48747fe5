//! Arbitrary bytes as the messages of a gRPC call, however they are cut.
#![no_main]

#[path = "../grpc_checks.rs"]
mod grpc_checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| grpc_checks::grpc_messages(bytes));
