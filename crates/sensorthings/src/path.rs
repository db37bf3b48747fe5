//! Paths of entities (18-088 §9.2): sets, identifiers, what leads on from them, and properties.

use data_encoding::HEXUPPER_PERMISSIVE;

use crate::entity::{Kind, Nav};
use crate::fault::Fault;
use crate::limits::SEGMENTS_MAX;
use crate::scan::Scanner;

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) steps: Vec<Step>,
    pub(crate) end: End,
    /// As it is written in links.
    pub(crate) written: String,
}

/// One step: a set or one of it, or what an entity leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) nav: Nav,
    pub(crate) id: Option<String>,
}

/// What is wanted of what the steps lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Whole,
    /// Links only.
    References,
    /// A property, and whether it alone, as text.
    Property(Vec<String>, bool),
}

impl Path {
    /// Reads a path below `/v1.1`, still percent-encoded; `None` for the version itself.
    pub(crate) fn parse(path: &str) -> Result<Option<Self>, Fault> {
        let mut steps: Vec<Step> = Vec::new();
        let mut end = End::Whole;
        let mut written = String::new();
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        if segments.len() > SEGMENTS_MAX {
            return Err(Fault::too_much("path", SEGMENTS_MAX, "begin nearer to what you want"));
        }
        for segment in segments {
            let text = decoded(segment)?;
            let is_one = steps.last().is_none_or(|step| !step.nav.is_many || step.id.is_some());
            match &mut end {
                End::Property(_, true) | End::References => {
                    return Err(Fault::nowhere("its end", text));
                }
                End::Property(_, is_value) if text == "$value" => *is_value = true,
                End::Property(names, _) => names.push(text),
                End::Whole if text == "$ref" && !steps.is_empty() => end = End::References,
                End::Whole => match (steps.last(), is_one) {
                    (Some(last), false) => {
                        let wanted = format!("{}('ID')", last.nav.name());
                        let found = format!("{}/{text}", last.nav.name());
                        return Err(Fault::nowhere(wanted, found));
                    }
                    (last, _) => {
                        let kind = last.map(|step| step.nav.kind);
                        match Step::parse(&text, kind)? {
                            Some(step) => {
                                written.push('/');
                                written.push_str(&text);
                                steps.push(step);
                            }
                            None => end = End::Property(vec![property(&text, kind)?], false),
                        }
                    }
                },
            }
        }
        if steps.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self { steps, end, written }))
    }

    /// Of what kind that is to which the steps lead, and whether it is a collection.
    pub(crate) fn target(&self) -> Option<(Kind, bool)> {
        let last = self.steps.last()?;
        Some((last.nav.kind, last.nav.is_many && last.id.is_none()))
    }
}

fn property(text: &str, kind: Option<Kind>) -> Result<String, Fault> {
    let Some(kind) = kind else {
        let sets: Vec<_> = Kind::ALL.iter().map(|kind| kind.set()).collect();
        return Err(Fault::nowhere(format!("one of {}", sets.join(", ")), text));
    };
    let property = kind.property(text).map(str::to_owned);
    property.ok_or_else(|| Fault::nowhere(kind.names(), text))
}

impl Step {
    /// `None` where the segment names nothing that leads on.
    fn parse(text: &str, from: Option<Kind>) -> Result<Option<Self>, Fault> {
        let name = text.split_once('(').map_or(text, |(name, _)| name);
        let nav = match from {
            Some(kind) => kind.nav(name),
            None => Kind::of_set(name).map(|kind| Nav { kind, is_many: true }),
        };
        let Some(nav) = nav else { return Ok(None) };
        let Some((_, rest)) = text.split_once('(') else { return Ok(Some(Self { nav, id: None })) };
        let wanted = || Fault::malformed("path", format!("{name}('ID')"), text);
        if !nav.is_many {
            return Err(Fault::malformed("path", format!("{name}, of which there is one"), text));
        }
        let mut scanner = Scanner::new(rest);
        let id = match scanner.quoted()? {
            Some(id) => id,
            // No identifier here is a number, and a number is none that there is.
            None => scanner.run(|next| next.is_ascii_digit() || next == '-').to_owned(),
        };
        if id.is_empty() || scanner.rest() != ")" {
            return Err(wanted());
        }
        Ok(Some(Self { nav, id: Some(id) }))
    }
}

/// Percent-decodes a part of a query, where forms write a space as `+`.
pub(crate) fn decoded_query(text: &str) -> Result<String, Fault> {
    decoded(&text.replace('+', " "))
}

/// Percent-decodes a part of a URL.
pub(crate) fn decoded(text: &str) -> Result<String, Fault> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let code = after.split_at_checked(2);
        let code =
            code.and_then(|(code, after)| Some((HEXUPPER_PERMISSIVE.decode(code).ok()?, after)));
        let Some((code, after)) = code else {
            return Err(Fault::malformed("URL", "two hexadecimal digits after each %", text));
        };
        bytes.extend(code);
        rest = after;
    }
    String::from_utf8(bytes)
        .map_err(|fault| Fault::malformed("URL", "UTF-8", fault.utf8_error().to_string()))
}

/// Percent-encodes what a link holds.
pub(crate) fn encoded(text: &str) -> String {
    let mut link = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:@/'(),;=$*".contains(&byte) {
            link.push(char::from(byte));
        } else {
            link.push('%');
            link.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
        }
    }
    link
}
