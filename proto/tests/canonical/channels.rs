//! Any message that only channels have which all subscriptions share, for property tests.

use proptest::{option, prelude::*, sample::select};
use sekisho_proto::{Frame, LoginNonce, RefusalCode, frame};

use crate::strategies::{hash, public_key, signature, text};

fn code() -> impl Strategy<Value = RefusalCode> {
    select(RefusalCode::ALL)
}

fn nonce() -> impl Strategy<Value = LoginNonce> {
    any::<[u8; 32]>().prop_map(LoginNonce::new)
}

pub(crate) fn frame() -> impl Strategy<Value = Frame> {
    prop_oneof![
        nonce().prop_map(|nonce| Frame::from(frame::Challenge { nonce })),
        (public_key(), nonce(), option::of(hash()), signature()).prop_map(
            |(public_key, nonce, certificate, signature)| {
                Frame::from(frame::Login { public_key, nonce, certificate, signature })
            }
        ),
        (public_key(), hash(), signature()).prop_map(|(public_key, certificate, signature)| {
            Frame::from(frame::Proven { public_key, certificate, signature })
        }),
        (any::<u32>(), option::of(code()), text(), text()).prop_map(
            |(subscription, code, what, why)| {
                Frame::from(frame::Ended { subscription, code, what, why })
            }
        ),
    ]
}
