//! Other encodings of the same message, and damaged ones: protobuf taken apart field by field.

/// One field at the top level of a message.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) number: u64,
    wire_type: u64,
    value: u64,
    pub(crate) payload: Vec<u8>,
}

pub(crate) fn fields_of(mut bytes: &[u8]) -> Vec<Field> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = take_varint(&mut bytes);
        let mut field =
            Field { number: key >> 3, wire_type: key & 7, value: 0, payload: Vec::new() };
        match field.wire_type {
            0 => field.value = take_varint(&mut bytes),
            1 => field.payload = take(&mut bytes, 8),
            2 => {
                let length = usize::try_from(take_varint(&mut bytes)).unwrap();
                field.payload = take(&mut bytes, length);
            }
            other => panic!("wire type {other}"),
        }
        fields.push(field);
    }
    fields
}

pub(crate) fn encode(fields: &[Field]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in fields {
        put_varint(&mut bytes, field.number << 3 | field.wire_type, 0);
        put_value(&mut bytes, field, 0);
    }
    bytes
}

/// Encodings that a lenient decoder takes for the same message, or for one with something added:
/// each must be refused, whatever the message. Each with a name.
pub(crate) fn other_encodings(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let fields = fields_of(bytes);
    let mut others = Vec::new();
    let unknown = [
        ("varint", vec![0xf8, 0x07, 0x01]),
        ("bytes", vec![0xfa, 0x07, 0x01, 0x00]),
        ("fixed64", vec![0xf9, 0x07, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("group", vec![0xfb, 0x07, 0xfc, 0x07]),
    ];
    for (kind, field) in unknown {
        others.push((format!("unknown {kind} behind"), [bytes, &field].concat()));
        others.push((format!("unknown {kind} before"), [&field, bytes].concat()));
    }
    for (index, field) in fields.iter().enumerate() {
        others.push((format!("padded key of {}", field.number), padded(&fields, index, true)));
        if field.wire_type != 1 {
            others
                .push((format!("padded value of {}", field.number), padded(&fields, index, false)));
        }
        let repeated = fields.iter().filter(|other| other.number == field.number).count() > 1;
        if let Some(next) = fields.get(index + 1)
            && next.number != field.number
        {
            let mut swapped = fields.clone();
            swapped.swap(index, index + 1);
            others.push((format!("{} behind {}", field.number, next.number), encode(&swapped)));
            if !repeated {
                let mut twice = fields.clone();
                twice.push(field.clone());
                others.push((format!("{} again at the end", field.number), encode(&twice)));
            }
        }
    }
    others
}

/// The message with one of its fields replaced.
pub(crate) fn with_payload(fields: &[Field], index: usize, payload: Vec<u8>) -> Vec<u8> {
    let mut fields = fields.to_vec();
    fields[index].payload = payload;
    encode(&fields)
}

/// The message with a field's key or value as a number that is longer than it needs to be.
fn padded(fields: &[Field], index: usize, key: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, field) in fields.iter().enumerate() {
        let padding = usize::from(number == index);
        put_varint(&mut bytes, field.number << 3 | field.wire_type, if key { padding } else { 0 });
        put_value(&mut bytes, field, if key { 0 } else { padding });
    }
    bytes
}

fn put_value(bytes: &mut Vec<u8>, field: &Field, padding: usize) {
    match field.wire_type {
        0 => put_varint(bytes, field.value, padding),
        2 => put_varint(bytes, field.payload.len() as u64, padding),
        _ => {}
    }
    bytes.extend(&field.payload);
}

fn put_varint(bytes: &mut Vec<u8>, mut value: u64, padding: usize) {
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
    for _ in 0..padding {
        if let Some(last) = bytes.last_mut() {
            *last |= 0x80;
        }
        bytes.push(0);
    }
}

fn take_varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return value;
        }
    }
    panic!("a varint of more than ten bytes");
}

fn take(bytes: &mut &[u8], count: usize) -> Vec<u8> {
    let (taken, rest) = bytes.split_at(count);
    *bytes = rest;
    taken.to_vec()
}
