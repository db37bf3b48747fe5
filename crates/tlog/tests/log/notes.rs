//! Notes, checkpoints, signatures and keys: what is read, what is refused, what a signature covers.

use proptest::prelude::*;
use sekisho_proto::Timestamp;
use sekisho_tlog::{
    Checkpoint, NOTE_BYTES_MAX, Note, NoteError, NoteKey, NoteKeyKind, NoteSigner as _,
    SIGNATURES_MAX, SignatureLine, Signed, Signing, cosign, sign_checkpoint,
};

use crate::world::{Key, ORIGIN, Verifier, at, bent, checkpoint_of, cosigned, tree};

/// The examples of signed-note.
const EXAMPLE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const EXAMPLE: &str = "This is an example message.\n\n— example.com/foo \
    Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
const POEM: &str = "Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore \
    NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";

/// The example of tlog-cosignature.
const COSIGNED: &str = "example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa \
    Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin\
    1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

fn log_key() -> Key {
    Key::of("fujisawa's node")
}

fn a_note() -> Note {
    cosigned(&checkpoint_of(&tree(9), 9), &log_key(), &["sekisho/santander/node"])
}

fn malformed(text: &str) -> String {
    match Note::parse(text) {
        Err(error) => error.to_string(),
        Ok(note) => panic!("{note:?} is a note"),
    }
}

#[test]
fn the_specification_s_examples_are_read() {
    let key: NoteKey = EXAMPLE_KEY.parse().unwrap();
    assert_eq!((key.name(), key.kind()), ("example.com/foo", NoteKeyKind::Log));
    assert_eq!(key.to_string(), EXAMPLE_KEY);
    let note = Note::parse(EXAMPLE).unwrap();
    assert_eq!(note.text(), "This is an example message.\n");
    assert_eq!(note.verify(&key, &Verifier), Ok(Signed { time: None }));
    assert_eq!(note.to_string(), EXAMPLE);

    let poem = Note::parse(POEM).unwrap();
    assert!(poem.text().ends_with("di sole:\n\ned è subito sera.\n"));
    assert_eq!(poem.to_string(), POEM);

    let note = Note::parse(COSIGNED).unwrap();
    assert_eq!(note.to_string(), COSIGNED);
    let [log, witness] = note.signatures() else { panic!("{note:?}") };
    assert_eq!((log.signature().len(), witness.signature().len()), (64, 72));
    assert_eq!(witness.signature()[..8], 1_679_315_147_u64.to_be_bytes());
    let checkpoint = note.checkpoint().unwrap();
    assert_eq!((checkpoint.origin.as_str(), checkpoint.size), (log.name(), 20_852_163));
    assert_eq!(checkpoint.to_text(), note.text());
}

#[test]
fn a_checkpoint_is_signed_by_its_log_and_cosigned_with_the_time() {
    let checkpoint = checkpoint_of(&tree(9), 9);
    let note = sign_checkpoint(&checkpoint, &log_key()).unwrap();
    let key = log_key().log(ORIGIN);
    assert_eq!(note.checkpoint_of(&key, &Verifier), Ok(checkpoint));

    let (witness, name) = (Key::of("santander's node"), "sekisho/santander/node");
    let time = Timestamp::from_micros(1_800_000_000_999_999);
    let line = cosign(&note, name, &witness, time).unwrap();
    assert_eq!(line.to_string().parse(), Ok(line.clone()));
    let note = note.with_signature(line).unwrap();
    let signed = note.verify(&witness.cosigner(name), &Verifier).unwrap();
    assert_eq!(signed.time, Some(at(1_800_000_000)), "the time is whole seconds");
    assert_eq!(note.verify(&key, &Verifier), Ok(Signed { time: None }));
    assert_eq!(Note::parse(&note.to_string()), Ok(note));
}

/// The signed bytes, taken apart by hand, so that both ends do not share one mistake.
#[test]
fn a_cosignature_signs_what_the_specification_says() {
    let note = a_note();
    let line = &note.signatures()[1];
    let seconds = u64::from_be_bytes(line.signature()[..8].try_into().unwrap());
    let message = format!("cosignature/v1\ntime {seconds}\n{}", note.text());
    let made = Key::of("sekisho/santander/node").sign(message.as_bytes());
    assert_eq!(&line.signature()[8..], made.as_bytes());
    assert_eq!(seconds, 1_800_000_001);
}

#[test]
fn a_closure_may_sign() {
    let key = log_key();
    let sign = |message: &[u8]| key.sign(message);
    let signing = Signing { key: key.public_key(), sign: &sign };
    let checkpoint = checkpoint_of(&tree(2), 2);
    let by_closure = sign_checkpoint(&checkpoint, &signing).unwrap();
    assert_eq!(by_closure, sign_checkpoint(&checkpoint, &key).unwrap());
    assert!(format!("{signing:?}").starts_with("Signing { key: PublicKey("));
}

#[test]
fn any_altered_byte_of_a_signed_note_is_noticed() {
    let note = a_note().to_string();
    let (log, witness) = (
        log_key().log(ORIGIN),
        Key::of("sekisho/santander/node").cosigner("sekisho/santander/node"),
    );
    for at in 0..note.len() {
        for bit in 0..8 {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let Ok(text) = String::from_utf8(bytes) else { continue };
            let Ok(altered) = Note::parse(&text) else { continue };
            let both = altered
                .checkpoint_of(&log, &Verifier)
                .and_then(|_| altered.verify(&witness, &Verifier));
            assert!(both.is_err(), "{text}");
        }
    }
}

#[test]
fn signatures_of_unknown_keys_are_passed_over() {
    let stranger = "— sekisho/osaka/node AAECAwQFBgcICQ==";
    let note = format!("{}{stranger}\n{stranger}\n", a_note());
    let note = Note::parse(&note).unwrap();
    assert!(note.checkpoint_of(&log_key().log(ORIGIN), &Verifier).is_ok());
    let osaka = Key::of("osaka's node").cosigner("sekisho/osaka/node");
    assert!(matches!(note.verify(&osaka, &Verifier), Err(NoteError::Unsigned { .. })));
}

#[test]
fn a_signature_counts_only_under_its_key_s_name_id_and_type() {
    let checkpoint = checkpoint_of(&tree(9), 9);
    let note = sign_checkpoint(&checkpoint, &log_key()).unwrap();
    let unsigned =
        |key: &NoteKey| matches!(note.verify(key, &Verifier), Err(NoteError::Unsigned { .. }));
    assert!(unsigned(&log_key().log("sekisho/fujisawa/access")), "another name");
    assert!(unsigned(&Key::of("another").log(ORIGIN)), "another key");
    assert!(unsigned(&log_key().cosigner(ORIGIN)), "another type");

    let mut wrong_id = note.to_string();
    let at = wrong_id.rfind(' ').unwrap() + 1;
    wrong_id.replace_range(at..at + 4, "AAAA");
    let wrong_id = Note::parse(&wrong_id).unwrap();
    let refused = wrong_id.verify(&log_key().log(ORIGIN), &Verifier);
    assert!(matches!(refused, Err(NoteError::Unsigned { .. })), "{refused:?}");
}

#[test]
fn a_known_key_s_false_signature_refuses_the_note_though_a_true_one_is_beside_it() {
    let note = a_note();
    let true_line = note.signatures()[0].to_string();
    let other = sign_checkpoint(&checkpoint_of(&tree(9), 8), &log_key()).unwrap();
    let false_line = other.signatures()[0].to_string();
    for lines in [format!("{true_line}\n{false_line}\n"), format!("{false_line}\n{true_line}\n")] {
        let note = Note::parse(&format!("{}\n{lines}", note.text())).unwrap();
        let refused = note.verify(&log_key().log(ORIGIN), &Verifier);
        assert!(matches!(refused, Err(NoteError::Signature { .. })), "{refused:?}");
    }
}

#[test]
fn of_two_cosignatures_of_one_key_the_later_counts_and_a_new_one_replaces_the_old() {
    let (note, name) = (a_note(), "sekisho/santander/node");
    let key = Key::of(name);
    let later = cosign(&note, name, &key, at(1_900_000_000)).unwrap();
    for both in [
        format!("{note}{later}\n"),
        format!("{}\n{later}\n{}\n", note.text(), note.signatures()[1]),
    ] {
        let signed = Note::parse(&both).unwrap().verify(&key.cosigner(name), &Verifier).unwrap();
        assert_eq!(signed.time, Some(at(1_900_000_000)));
    }
    let replaced = note.with_signature(later).unwrap();
    assert_eq!(replaced.signatures().len(), 2);
    let signed = replaced.verify(&key.cosigner(name), &Verifier).unwrap();
    assert_eq!(signed.time, Some(at(1_900_000_000)));
}

#[test]
fn a_cosignature_s_time_is_signed_and_must_be_one() {
    let note = a_note();
    let key = Key::of("sekisho/santander/node").cosigner("sekisho/santander/node");
    let line = &note.signatures()[1];
    let with_time = |seconds: u64| {
        let bytes = [&line.id()[..], &seconds.to_be_bytes(), &line.signature()[8..]].concat();
        let text = data_encoding::BASE64.encode(&bytes);
        let line: SignatureLine = format!("— {} {text}", line.name()).parse().unwrap();
        note.clone().with_signature(line).unwrap().verify(&key, &Verifier)
    };
    assert!(with_time(1_800_000_001).is_ok());
    for seconds in [0, 1_800_000_000, 1_800_000_002, i64::MAX as u64, u64::MAX] {
        assert!(matches!(with_time(seconds), Err(NoteError::Signature { .. })), "{seconds}");
    }
    let (name, signer) = ("sekisho/santander/node", Key::of("x"));
    for time in [Timestamp::MIN, Timestamp::EPOCH, Timestamp::from_micros(999_999)] {
        let error = cosign(&note, name, &signer, time).unwrap_err().to_string();
        assert!(error.contains("wanted a time after 1970"), "{error}");
    }
}

#[test]
fn only_a_checkpoint_is_cosigned() {
    let note = Note::parse(EXAMPLE).unwrap();
    let refused = cosign(&note, "sekisho/santander/node", &Key::of("x"), at(1));
    assert!(matches!(refused, Err(NoteError::Checkpoint(_))), "{refused:?}");
}

#[test]
fn a_checkpoint_of_another_log_is_not_this_log_s() {
    let note = a_note();
    let other = log_key().log("sekisho/fujisawa/access");
    let error = note.checkpoint_of(&other, &Verifier).unwrap_err().to_string();
    assert_eq!(
        error,
        "checkpoint: wanted one of sekisho/fujisawa/access, found one of \"sekisho/fujisawa/control\""
    );
}

#[test]
fn a_note_has_one_form() {
    let line = "— example.com/foo Uw2QOkn8srU=";
    let good = format!("text\n\n{line}\n");
    assert!(Note::parse(&good).is_ok());
    for (bad, wanted) in [
        (String::new(), "an empty line"),
        ("text\n".to_owned(), "an empty line"),
        (format!("text\n{line}\n"), "an empty line"),
        ("text\n\n".to_owned(), "one or more lines that each end in a newline"),
        (format!("text\n\n{line}"), "one or more lines that each end in a newline"),
        (format!("text\n\n{line}\n\n"), "one or more lines that each end in a newline"),
        (format!("text\n\n{line}\nmore\n"), "— name base64"),
        (format!("text\n\n{line}\r\n"), "Base 64"),
        (format!("te\txt\n\n{line}\n"), "without control characters"),
        (format!("te\0xt\n\n{line}\n"), "without control characters"),
        (format!("text\r\n\n{line}\n"), "without control characters"),
        ("text\n\n- example.com/foo Uw2QOkn8srU=\n".to_owned(), "— name base64"),
        ("text\n\n—example.com/foo Uw2QOkn8srU=\n".to_owned(), "— name base64"),
        ("text\n\n— Uw2QOkn8srU=\n".to_owned(), "— name base64"),
        ("text\n\n—  Uw2QOkn8srU=\n".to_owned(), "no spaces, controls and +"),
        ("text\n\n— a+b Uw2QOkn8srU=\n".to_owned(), "no spaces, controls and +"),
        ("text\n\n— a\u{a0}b Uw2QOkn8srU=\n".to_owned(), "no spaces, controls and +"),
        ("text\n\n— a\u{2003}b Uw2QOkn8srU=\n".to_owned(), "no spaces, controls and +"),
        ("text\n\n— a b Uw2QOkn8srU=\n".to_owned(), "Base 64"),
        ("text\n\n— a  Uw2QOkn8srU=\n".to_owned(), "Base 64"),
        ("text\n\n— a Uw2QOkn8srU\n".to_owned(), "Base 64"),
        ("text\n\n— a Uw2QOkn8srV=\n".to_owned(), "Base 64"),
        ("text\n\n— a Uw2QOkn8srU=Uw==\n".to_owned(), "Base 64"),
        ("text\n\n— a Uw2Q_kn8srU=\n".to_owned(), "Base 64"),
        ("text\n\n— a \n".to_owned(), "more than the four bytes"),
        ("text\n\n— a Uw2QOg==\n".to_owned(), "more than the four bytes"),
    ] {
        let error = malformed(&bad);
        assert!(error.contains(wanted), "{bad:?}: {error}");
    }
}

#[test]
fn the_text_may_have_empty_lines_and_end_in_one() {
    let line = "— example.com/foo Uw2QOkn8srU=";
    for text in ["\n", "\n\n", "a\n\nb\n", "a\n\n", "— a Uw2QOkn8srU=\n"] {
        let whole = format!("{text}\n{line}\n");
        let note = Note::parse(&whole).unwrap();
        assert_eq!((note.text(), note.to_string()), (text, whole));
    }
}

#[test]
fn a_note_has_limits() {
    let line = |at: usize| format!("— example.com/{at} Uw2QOkn8srU=\n");
    let lines = |count: usize| (0..count).map(line).collect::<String>();
    let at_least = Note::parse(&format!("text\n\n{}", lines(16))).unwrap();
    assert_eq!(at_least.signatures().len(), 16);
    let full = Note::parse(&format!("text\n\n{}", lines(SIGNATURES_MAX))).unwrap();
    let many = malformed(&format!("text\n\n{}", lines(SIGNATURES_MAX + 1)));
    assert_eq!(many, "signed note: wanted 1 to 100 signatures, found 101");
    let more = full.clone().with_signature(line(SIGNATURES_MAX).trim_end().parse().unwrap());
    assert_eq!(more, Err(NoteError::Signatures { found: 101 }));
    let again = full.with_signature(line(0).trim_end().parse().unwrap()).unwrap();
    assert_eq!(again.signatures().len(), SIGNATURES_MAX);

    let rest = format!("\n\n{}", line(0));
    let longest = "a".repeat(NOTE_BYTES_MAX - rest.len()) + &rest;
    let longest_note = Note::parse(&longest).unwrap();
    assert_eq!(
        Note::parse(&format!("a{longest}")),
        Err(NoteError::Oversized { found: NOTE_BYTES_MAX + 1 })
    );
    let longer = longest_note.with_signature(line(1).trim_end().parse().unwrap());
    assert!(matches!(longer, Err(NoteError::Oversized { .. })));
    // Sixteen signatures of five kilobytes each, as signed-note wants them to be accepted.
    let large = data_encoding::BASE64.encode(&[7; 5_000]);
    let large: String = (0..16).map(|at| format!("— w{at} {large}\n")).collect();
    assert!(Note::parse(&format!("text\n\n{large}")).is_ok());
}

#[test]
fn a_checkpoint_has_one_form() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    for good in [
        format!("a\n0\n{root}\n"),
        format!("a b+c\n18446744073709551615\n{root}\n"),
        format!("a\n1\n{root}\nextension\nand another\n"),
    ] {
        assert!(Checkpoint::parse(&good).is_ok(), "{good}");
    }
    for (bad, part) in [
        (String::new(), "text"),
        (format!("a\n1\n{root}"), "text"),
        (format!("\n1\n{root}\n"), "origin"),
        (format!("a\n\n{root}\n"), "size"),
        (format!("a\n01\n{root}\n"), "size"),
        (format!("a\n00\n{root}\n"), "size"),
        (format!("a\n+1\n{root}\n"), "size"),
        (format!("a\n-1\n{root}\n"), "size"),
        (format!("a\n1 \n{root}\n"), "size"),
        (format!("a\n0x1\n{root}\n"), "size"),
        (format!("a\n١\n{root}\n"), "size"),
        (format!("a\n18446744073709551616\n{root}\n"), "size"),
        ("a\n1\n".to_owned(), "root"),
        ("a\n1\n\n".to_owned(), "root"),
        ("a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n".to_owned(), "root"),
        ("a\n1\nCsUYapGGPo4dkMgIAUqom_Xajj7h2fB2MPA3j2jxq2I=\n".to_owned(), "root"),
        ("a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n".to_owned(), "root"),
        ("a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n".to_owned(), "root"),
        (format!("a\n1\n{root}\n\n"), "extension lines"),
        (format!("a\n1\n{root}\nmore\n\nyet\n"), "extension lines"),
    ] {
        let error = Checkpoint::parse(&bad).unwrap_err().to_string();
        assert!(error.starts_with(&format!("checkpoint: {part}: wanted ")), "{bad:?}: {error}");
    }
}

#[test]
fn an_extension_line_is_signed_with_the_rest() {
    let text = format!("{}an extension\n", checkpoint_of(&tree(4), 4));
    let signature = log_key().sign(text.as_bytes());
    let bytes = [&log_key().log(ORIGIN).id()[..], signature.as_bytes()].concat();
    let line = format!("— {ORIGIN} {}", data_encoding::BASE64.encode(&bytes));
    let note = Note::parse(&format!("{text}\n{line}\n")).unwrap();
    let known = note.checkpoint_of(&log_key().log(ORIGIN), &Verifier).unwrap();
    assert_eq!(known, checkpoint_of(&tree(4), 4));
    let (name, witness) = ("sekisho/santander/node", Key::of("santander's node"));
    let line = cosign(&note, name, &witness, at(5)).unwrap();
    let note = note.with_signature(line).unwrap();
    assert!(note.verify(&witness.cosigner(name), &Verifier).is_ok());
    let without = note.to_string().replace("an extension\n", "");
    let without = Note::parse(&without).unwrap();
    assert!(without.verify(&witness.cosigner(name), &Verifier).is_err());
}

#[test]
fn an_origin_that_no_key_can_have_is_not_signed() {
    for origin in ["", "two words", "a+b", "line\nline"] {
        let root = bent(&tree(1).root());
        let checkpoint = Checkpoint { origin: origin.to_owned(), size: 1, root };
        let refused = sign_checkpoint(&checkpoint, &log_key());
        assert!(matches!(refused, Err(NoteError::Key(_))), "{refused:?}");
    }
}

#[test]
fn a_verifier_key_has_one_form() {
    let key = Key::of("a").cosigner("sekisho/fujisawa/node");
    let text = key.to_string();
    assert_eq!(text.parse(), Ok(key));
    let (rest, material) = text.rsplit_once('+').unwrap();
    let (name, id) = rest.split_once('+').unwrap();
    let of_type = |kind: u8, length: usize| {
        data_encoding::BASE64.encode(&[&[kind][..], &vec![3; length]].concat())
    };
    for bad in [
        String::new(),
        name.to_owned(),
        rest.to_owned(),
        format!(
            "{name}+{}+{material}",
            id.to_uppercase().replace(|c: char| c.is_ascii_digit(), "F")
        ),
        format!("{name}+00000000+{material}"),
        format!("{name}+{}+{material}", &id[..7]),
        format!("other+{id}+{material}"),
        format!("+{id}+{material}"),
        format!("{name}+{id}+"),
        format!("{name}+{id}+{material}AA=="),
        format!("{name}+{id}+{}", &material[..43]),
        format!("{name}+{id}+{}", of_type(1, 32)),
        format!("{name}+{id}+{}", of_type(4, 31)),
        format!("{name}+{id}+{}", of_type(6, 1312)),
        format!("{text}+"),
        format!("{text} "),
    ] {
        assert!(bad.parse::<NoteKey>().is_err(), "{bad}");
    }
    let error = of_type(6, 32);
    let error = format!("{name}+{id}+{error}").parse::<NoteKey>().unwrap_err().to_string();
    assert_eq!(
        error,
        "note key: type: wanted 0x01 (Ed25519) or 0x04 (Ed25519 cosignatures), found 0x06"
    );
}

proptest! {
    #[test]
    fn what_is_parsed_prints_as_it_was(text in "[ -~\n—]{0,80}", lines in "(— [a-z/]{1,6} [A-Za-z0-9+/]{8}\n){0,3}") {
        let whole = format!("{text}\n\n{lines}");
        if let Ok(note) = Note::parse(&whole) {
            prop_assert_eq!(note.to_string(), whole);
        }
    }
}
