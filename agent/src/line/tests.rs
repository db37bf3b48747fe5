use proptest::prelude::*;

use super::{Framing, LineSplitter, Piece};

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Line(Vec<u8>),
    Overlong(u64),
}

fn keep(seen: &mut Vec<Seen>) -> impl FnMut(Piece<'_>) {
    |piece| {
        seen.push(match piece {
            Piece::Line(line) => Seen::Line(line.to_vec()),
            Piece::Overlong(bytes) => Seen::Overlong(bytes),
        });
    }
}

fn split(bytes_max: usize, chunks: &[&[u8]]) -> Vec<Seen> {
    let mut splitter = LineSplitter::new(Framing::Lines, bytes_max);
    let mut seen = Vec::new();
    for chunk in chunks {
        splitter.push(chunk, keep(&mut seen));
        assert!(splitter.partial.capacity() <= 4 * bytes_max + 8, "memory is bounded");
    }
    splitter.finish(keep(&mut seen));
    seen
}

fn line(text: &str) -> Seen {
    Seen::Line(text.into())
}

#[test]
fn line_ends_may_be_mixed_and_the_last_may_be_missing() {
    let seen = split(80, &[b"a\r\nb\nc\r\n\r\n\nlast"]);
    assert_eq!(seen, ["a", "b", "c", "", "", "last"].map(line));
}

#[test]
fn only_one_cr_belongs_to_a_line_end() {
    assert_eq!(split(80, &[b"a\r\r\nb\rc\n"]), ["a\r", "b\rc"].map(line));
}

#[test]
fn nul_bytes_are_bytes() {
    assert_eq!(split(80, &[b"\0a\0\n\0"]), ["\0a\0", "\0"].map(line));
}

#[test]
fn a_line_without_end_is_dropped_and_its_length_told() {
    let chunk = vec![b'x'; 1000];
    let mut chunks = vec![chunk.as_slice(); 1000];
    chunks.push(b"\ngood\n");
    assert_eq!(split(100, &chunks), [Seen::Overlong(1_000_000), line("good")]);
}

#[test]
fn a_line_of_exactly_the_limit_is_a_line_with_either_end() {
    assert_eq!(
        split(4, &[b"abcd\nabcd\r\nabcde\nabcde\r\n"]),
        [line("abcd"), line("abcd"), Seen::Overlong(5), Seen::Overlong(6)]
    );
    assert_eq!(split(4, &[b"abcd", b"\r", b"\nabcde", b"\n"]), [line("abcd"), Seen::Overlong(5)]);
}

#[test]
fn a_document_is_one_piece() {
    let mut splitter = LineSplitter::new(Framing::Document, 100);
    let mut seen = Vec::new();
    splitter.push(b"[\n1,\n", keep(&mut seen));
    splitter.push(b"2]\n", keep(&mut seen));
    assert!(seen.is_empty());
    splitter.finish(keep(&mut seen));
    assert_eq!(seen, [line("[\n1,\n2]\n")]);
}

#[test]
fn half_a_line_can_be_discarded() {
    let mut splitter = LineSplitter::new(Framing::Lines, 100);
    let mut seen = Vec::new();
    splitter.push(b"a\nhalf", keep(&mut seen));
    assert_eq!(splitter.discard(), 4);
    splitter.push(b"b\n", keep(&mut seen));
    assert_eq!(seen, ["a", "b"].map(line));
}

proptest! {
    #[test]
    fn lines_do_not_depend_on_how_bytes_arrive(
        bytes in prop::collection::vec(prop::sample::select(b"ab\r\n\0".to_vec()), 0..200),
        cuts in prop::collection::vec(1_usize..20, 1..50),
        bytes_max in 1_usize..12,
    ) {
        let mut chunks = Vec::new();
        let mut rest = bytes.as_slice();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (head, tail) = rest.split_at((*cut).min(rest.len()));
            chunks.push(head);
            rest = tail;
        }
        let lines = |seen: Vec<Seen>| -> Vec<Option<Vec<u8>>> {
            seen.into_iter()
                .map(|seen| match seen {
                    Seen::Line(line) => Some(line),
                    Seen::Overlong(_) => None,
                })
                .collect()
        };
        prop_assert_eq!(lines(split(bytes_max, &chunks)), lines(split(bytes_max, &[&bytes])));
    }
}
