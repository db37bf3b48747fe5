//! What must hold for any bytes that come as the messages of a gRPC call. The fuzz targets run these,
//! and so does an ordinary test over the committed corpora.

use bytes::Bytes;
use sekisho::connection::GrpcMessages;

/// As messages of a gRPC call, behind a byte that says how the others are cut: however they come, the
/// same messages are in them, in the same bytes, and the same is refused.
pub(crate) fn grpc_messages(bytes: &[u8]) {
    let Some((size, content)) = bytes.split_first() else { return };
    let (came, is_refused) = messages(content, content.len());
    assert_eq!(messages(content, usize::from(*size)), (came.clone(), is_refused));
    let mut left = content;
    for message in &came {
        let (prefix, behind) = left.split_at(5);
        assert_eq!((prefix[0], length(prefix)), (0, message.len()));
        left = behind.strip_prefix(&message[..]).unwrap();
    }
    let is_whole = left.len() >= 5 && left.len() - 5 >= length(left);
    assert!(is_refused || !is_whole, "a message is left behind");
}

fn length(prefix: &[u8]) -> usize {
    usize::try_from(u32::from_be_bytes(prefix[1..5].try_into().unwrap())).unwrap()
}

/// What is taken out of bytes that come in parts, and whether the rest is refused.
fn messages(bytes: &[u8], size: usize) -> (Vec<Bytes>, bool) {
    let (mut messages, mut came) = (GrpcMessages::default(), Vec::new());
    for part in bytes.chunks(size.max(1)) {
        messages.push(Bytes::copy_from_slice(part));
        loop {
            match messages.pop() {
                Ok(Some(message)) => came.push(message),
                Ok(None) => break,
                Err(refused) => {
                    assert!(!refused.to_string().is_empty());
                    return (came, true);
                }
            }
        }
    }
    (came, false)
}
