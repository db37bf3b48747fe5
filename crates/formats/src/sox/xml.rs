//! As much XML as SOX needs: elements and attributes. Documents that declare a type of their own, or
//! entities, or nest deeper than any of SOX, are refused.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use crate::Fault;

/// How deep elements may nest: a stanza, its publish-subscribe wrappers, a device, a transducer and
/// its properties are eight.
const DEPTH_MAX: usize = 16;

/// Attributes of one element: a transducer of SOX has fourteen.
const ATTRIBUTES_MAX: usize = 32;

/// Where an element begins or ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It begins; an empty one ends at once.
    Open(Element),
    /// The innermost one ends.
    Close,
    /// Text between the tags.
    Text(String),
}

/// A beginning.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Element {
    /// Its name without the prefix of its namespace, as written.
    pub(super) name: String,
    attributes: Vec<(String, String)>,
}

/// Walks through a document.
pub(super) struct Walk<'a> {
    reader: Reader<&'a [u8]>,
    text: &'a str,
    depth: usize,
    place: Place,
}

/// How far a walk has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the outermost element, or in it.
    Within,
    /// In an empty element that has begun and not ended.
    Empty,
    /// Behind the outermost element.
    Behind,
}

impl Element {
    /// An attribute by any of its names, upper and lower case alike: libraries of SOX differ.
    pub(super) fn attribute(&self, names: &[&str]) -> Option<&str> {
        let is_named = |written: &str| names.iter().any(|name| written.eq_ignore_ascii_case(name));
        let mut found = self.attributes.iter().filter(|(name, _)| is_named(name));
        found.next().map(|(_, value)| value.as_str())
    }

    /// Whether it has this name, upper and lower case alike.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

impl<'a> Walk<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, Fault> {
        let text =
            str::from_utf8(bytes).map_err(|_not_utf8| Fault::malformed("XML in UTF-8", bytes))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let reader = Reader::from_reader(text.as_bytes());
        Ok(Self { reader, text, depth: 0, place: Place::Within })
    }

    /// The next step; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Step>, Fault> {
        if self.place == Place::Empty {
            return self.close().map(Some);
        }
        loop {
            let event = self.reader.read_event().map_err(|fault| self.fault(&fault))?;
            match event {
                Event::Start(start) => return self.open(&start).map(Some),
                Event::Empty(start) => {
                    let step = self.open(&start)?;
                    self.place = Place::Empty;
                    return Ok(Some(step));
                }
                Event::End(_) => return self.close().map(Some),
                Event::Text(text) => {
                    let text = text.xml_content(XmlVersion::Implicit1_0).into_owned();
                    if self.depth == 0 && !text.trim_ascii().is_empty() {
                        return Err(self.refuse("one element and nothing beside it"));
                    }
                    if !text.trim_ascii().is_empty() {
                        return Ok(Some(Step::Text(text)));
                    }
                }
                Event::CData(text) => {
                    return Ok(Some(Step::Text(
                        text.xml_content(XmlVersion::Implicit1_0).into_owned(),
                    )));
                }
                Event::GeneralRef(reference) => {
                    let known = reference.resolve_char_ref().map_err(|fault| self.fault(&fault))?;
                    let name: &str = &reference;
                    let known = known.map(String::from).or_else(|| {
                        quick_xml::escape::resolve_predefined_entity(name).map(str::to_owned)
                    });
                    let refuse = || self.refuse("no entity but the five of XML");
                    return Ok(Some(Step::Text(known.ok_or_else(refuse)?)));
                }
                Event::Decl(_) | Event::Comment(_) => {}
                Event::DocType(_) => {
                    return Err(self.refuse("no document type and no entities of its own"));
                }
                Event::PI(_) => return Err(self.refuse("no processing instruction")),
                Event::Eof if self.place == Place::Behind => return Ok(None),
                Event::Eof => return Err(self.refuse("a whole document")),
            }
        }
    }

    fn open(&mut self, start: &BytesStart<'_>) -> Result<Step, Fault> {
        if self.place == Place::Behind {
            return Err(self.refuse("one element and nothing behind it"));
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.refuse(&format!("at most {DEPTH_MAX} elements within each other")));
        }
        let mut attributes: Vec<(String, String)> = Vec::new();
        // Its own search for repetitions takes the square of their number.
        for found in start.attributes().with_checks(false) {
            let found = found.map_err(|fault| self.fault(&fault.into()))?;
            if attributes.len() >= ATTRIBUTES_MAX {
                return Err(self.refuse(&format!("at most {ATTRIBUTES_MAX} attributes")));
            }
            let value = found
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|fault| self.fault(&fault))?
                .into_owned();
            let name = AsRef::<str>::as_ref(&found.key.local_name()).to_owned();
            let whole = AsRef::<str>::as_ref(&found.key).to_owned();
            if attributes.iter().any(|(known, _)| *known == whole) {
                return Err(self.refuse("each attribute once"));
            }
            let is_prefixed = whole != name;
            attributes.push((if is_prefixed { whole } else { name }, value));
        }
        let name = AsRef::<str>::as_ref(&start.local_name()).to_owned();
        Ok(Step::Open(Element { name, attributes }))
    }

    fn close(&mut self) -> Result<Step, Fault> {
        let Some(depth) = self.depth.checked_sub(1) else {
            return Err(self.refuse("an element before its end"));
        };
        self.depth = depth;
        self.place = if depth == 0 { Place::Behind } else { Place::Within };
        Ok(Step::Close)
    }

    fn fault(&self, fault: &quick_xml::Error) -> Fault {
        self.refuse(&format!("XML ({fault})"))
    }

    fn refuse(&self, wanted: &str) -> Fault {
        let at = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX);
        let rest = self.text.as_bytes().get(at.min(self.text.len())..).unwrap_or_default();
        let wanted = wanted.chars().take(200).flat_map(char::escape_debug).collect::<String>();
        Fault::malformed(format!("{wanted}, at byte {at}"), rest)
    }
}
