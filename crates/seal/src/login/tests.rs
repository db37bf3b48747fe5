use super::*;

fn keys() -> (SigningKey, SigningKey) {
    (SigningKey::from_seed(&[1; 32]), SigningKey::from_seed(&[2; 32]))
}

fn transcript() -> LoginTranscript {
    let (client, node) = keys();
    LoginTranscript {
        node_nonce: LoginNonce::new([3; 32]),
        client_nonce: LoginNonce::new([4; 32]),
        node: node.public_key(),
        client: client.public_key(),
        certificate: Some(Hash::new([5; 32])),
    }
}

#[test]
fn each_side_proves_its_key() {
    let ((client, node), transcript) = (keys(), transcript());
    assert!(transcript.is_proven_by_client(&transcript.sign_as_client(&client)));
    assert!(transcript.is_proven_by_node(&transcript.sign_as_node(&node)));
}

#[test]
fn one_sides_proof_is_not_the_others() {
    let (client, _node) = keys();
    // A principal that is its own node: the keys alone tell nothing apart.
    let same = LoginTranscript { node: client.public_key(), ..transcript() };
    assert!(!same.is_proven_by_node(&same.sign_as_client(&client)));
    assert!(!same.is_proven_by_client(&same.sign_as_node(&client)));
}

#[test]
fn a_proof_is_of_everything_in_the_transcript() {
    let ((client, node), transcript) = (keys(), transcript());
    let (by_client, by_node) = (transcript.sign_as_client(&client), transcript.sign_as_node(&node));
    let other = SigningKey::from_seed(&[9; 32]).public_key();
    let changed = [
        LoginTranscript { node_nonce: LoginNonce::new([4; 32]), ..transcript },
        LoginTranscript { client_nonce: LoginNonce::new([3; 32]), ..transcript },
        LoginTranscript { node: other, ..transcript },
        LoginTranscript { client: other, ..transcript },
        LoginTranscript { certificate: Some(Hash::new([6; 32])), ..transcript },
        LoginTranscript { certificate: None, ..transcript },
    ];
    for changed in changed {
        assert!(!changed.is_proven_by_client(&by_client), "{changed:?}");
        assert!(!changed.is_proven_by_node(&by_node), "{changed:?}");
    }
}

#[test]
fn the_signed_bytes_are_frozen() {
    let ((client, node), transcript) = (keys(), transcript());
    let signed = transcript.signed_by(Role::Client);
    assert_eq!(signed.len(), 17 + 1 + 5 * 32);
    assert_eq!(&signed[..18], b"sekisho-login-v1\0\x01");
    let made = [
        transcript.sign_as_client(&client),
        transcript.sign_as_node(&node),
        LoginTranscript { certificate: None, ..transcript }.sign_as_client(&client),
    ]
    .map(|signature| data_encoding::HEXLOWER.encode(signature.as_ref()));
    assert_eq!(made.join("\n") + "\n", include_str!("../../tests/golden/login.hex"));
}
