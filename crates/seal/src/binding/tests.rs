use proptest::prelude::*;

use super::*;

#[test]
fn a_binding_is_its_context_its_numbers_and_its_fields_with_their_lengths() {
    let bytes = Binding::new(b"context\0").number(258).field("ab").field([]).into_bytes();
    let wanted = [
        b"context\0".as_slice(),
        &[0, 0, 0, 0, 0, 0, 1, 2],
        &[0, 0, 0, 0, 0, 0, 0, 2],
        b"ab",
        &[0; 8],
    ];
    assert_eq!(bytes, wanted.concat());
}

fn fields() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let field = || proptest::collection::vec(any::<u8>(), 0..6);
    (field(), field())
}

proptest! {
    #[test]
    fn different_fields_never_make_the_same_binding(
        left in fields(),
        right in fields(),
    ) {
        let bind = |(first, second): &(Vec<u8>, Vec<u8>)| {
            Binding::new(b"context\0").field(first).field(second).into_bytes()
        };
        prop_assert_eq!(left == right, bind(&left) == bind(&right));
    }
}
