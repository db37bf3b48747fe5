//! Names of organisations, principals and cursors.

use std::{fmt, str::FromStr, sync::Arc};

use crate::{
    ParseError,
    limits::{LOCAL_NAME_BYTES_MAX, ORG_NAME_BYTES_MAX},
    text::text_name,
};

/// The name of an organisation: a DNS label in lower case, `[a-z0-9-]{1,63}` without an outer `-`.
#[derive(Clone)]
pub struct OrgName {
    text: Arc<str>,
}

impl OrgName {
    /// Parses an organisation's name.
    ///
    /// # Errors
    ///
    /// It is not `[a-z0-9-]{1,63}`, or begins or ends with `-`.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if !is_org_name(text) {
            let wanted = "[a-z0-9-]{1,63} without an outer -";
            return Err(ParseError::text("organisation", wanted, text));
        }
        Ok(Self { text: text.into() })
    }
}

text_name!(OrgName);

/// The name of a principal, such as `truck-17@fujisawa`: `[a-z0-9][a-z0-9._-]{0,63}`, `@` and the
/// organisation that vouches for it.
#[derive(Clone)]
pub struct PrincipalName {
    text: Arc<str>,
    organisation: OrgName,
}

impl PrincipalName {
    /// Parses `name@organisation`.
    ///
    /// # Errors
    ///
    /// Either part is not a name, or there is no `@`.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let Some((name, organisation)) = text.split_once('@') else {
            return Err(ParseError::text("principal", "name@organisation", text));
        };
        Self::new(name, &OrgName::parse(organisation)?)
    }

    /// A principal of an organisation.
    ///
    /// # Errors
    ///
    /// The name is not `[a-z0-9][a-z0-9._-]{0,63}`.
    pub fn new(name: &str, organisation: &OrgName) -> Result<Self, ParseError> {
        if !is_local_name(name) {
            let wanted = "[a-z0-9][a-z0-9._-]{0,63} before the @";
            return Err(ParseError::text("principal", wanted, name));
        }
        let text = format!("{name}@{organisation}").into();
        Ok(Self { text, organisation: organisation.clone() })
    }

    /// The part before the `@`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text.split_once('@').map_or("", |(name, _organisation)| name)
    }

    /// The organisation that vouches for the principal.
    #[must_use]
    pub fn organisation(&self) -> &OrgName {
        &self.organisation
    }
}

text_name!(PrincipalName);

/// The name under which a node keeps a subscriber's position: `[a-z0-9][a-z0-9._-]{0,63}`, unique
/// among the cursors of one principal.
#[derive(Clone)]
pub struct CursorName {
    text: Arc<str>,
}

impl CursorName {
    /// Parses a cursor's name.
    ///
    /// # Errors
    ///
    /// It is not `[a-z0-9][a-z0-9._-]{0,63}`.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if !is_local_name(text) {
            return Err(ParseError::text("cursor", "[a-z0-9][a-z0-9._-]{0,63}", text));
        }
        Ok(Self { text: text.into() })
    }
}

text_name!(CursorName);

/// The name of a role, such as `role/family@fujisawa`: `role/`, `[a-z0-9][a-z0-9._-]{0,63}`, `@` and
/// the organisation whose topics it is for.
#[derive(Clone)]
pub struct RoleName {
    text: Arc<str>,
    organisation: OrgName,
}

impl RoleName {
    /// Parses `role/name@organisation`.
    ///
    /// # Errors
    ///
    /// It does not begin with `role/`, either part is not a name, or there is no `@`.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let parts = text.strip_prefix(ROLE_PREFIX).and_then(|name| name.split_once('@'));
        let Some((name, organisation)) = parts else {
            return Err(ParseError::text("role", "role/name@organisation", text));
        };
        Self::new(name, &OrgName::parse(organisation)?)
    }

    /// A role of an organisation.
    ///
    /// # Errors
    ///
    /// The name is not `[a-z0-9][a-z0-9._-]{0,63}`.
    pub fn new(name: &str, organisation: &OrgName) -> Result<Self, ParseError> {
        if !is_local_name(name) {
            let wanted = "[a-z0-9][a-z0-9._-]{0,63} before the @";
            return Err(ParseError::text("role", wanted, name));
        }
        let text = format!("{ROLE_PREFIX}{name}@{organisation}").into();
        Ok(Self { text, organisation: organisation.clone() })
    }

    /// The part between `role/` and the `@`.
    #[must_use]
    pub fn name(&self) -> &str {
        let name = self.text.strip_prefix(ROLE_PREFIX).and_then(|name| name.split_once('@'));
        name.map_or("", |(name, _organisation)| name)
    }

    /// The organisation whose topics it is for.
    #[must_use]
    pub fn organisation(&self) -> &OrgName {
        &self.organisation
    }
}

text_name!(RoleName);

/// What the text of every role begins with; no principal's name has a slash.
const ROLE_PREFIX: &str = "role/";

/// Who a grant or deny speaks of: `truck-17@fujisawa`, everybody of an organisation as
/// `*@fujisawa`, or everybody who has a role as `role/family@fujisawa`. Exhaustive: a decision
/// about rights must know every kind.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Grantee {
    /// One principal.
    Principal(PrincipalName),
    /// Every principal of the organisation.
    Organisation(OrgName),
    /// Every principal that has the role.
    Role(RoleName),
}

impl Grantee {
    /// Parses `name@organisation`, `*@organisation` or `role/name@organisation`.
    ///
    /// # Errors
    ///
    /// A part is not a name, or there is no `@`.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.starts_with(ROLE_PREFIX) {
            return RoleName::parse(text).map(Self::Role);
        }
        match text.strip_prefix("*@") {
            Some(organisation) => OrgName::parse(organisation).map(Self::Organisation),
            None => PrincipalName::parse(text).map(Self::Principal),
        }
    }

    /// Whether the principal is meant by its name or its organisation. Who has a role is for the
    /// policy to say: here nobody has.
    #[must_use]
    pub fn covers(&self, principal: &PrincipalName) -> bool {
        match self {
            Self::Principal(name) => name == principal,
            Self::Organisation(organisation) => organisation == principal.organisation(),
            Self::Role(_) => false,
        }
    }

    /// The organisation, or that of the principal or role.
    #[must_use]
    pub fn organisation(&self) -> &OrgName {
        match self {
            Self::Principal(name) => name.organisation(),
            Self::Organisation(organisation) => organisation,
            Self::Role(name) => name.organisation(),
        }
    }
}

impl FromStr for Grantee {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<&str> for Grantee {
    type Error = ParseError;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        Self::parse(text)
    }
}

impl From<PrincipalName> for Grantee {
    fn from(name: PrincipalName) -> Self {
        Self::Principal(name)
    }
}

impl From<RoleName> for Grantee {
    fn from(name: RoleName) -> Self {
        Self::Role(name)
    }
}

impl From<OrgName> for Grantee {
    fn from(organisation: OrgName) -> Self {
        Self::Organisation(organisation)
    }
}

impl fmt::Display for Grantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Principal(name) => fmt::Display::fmt(name, f),
            Self::Organisation(organisation) => f.pad(&format!("*@{organisation}")),
            Self::Role(name) => fmt::Display::fmt(name, f),
        }
    }
}

impl fmt::Debug for Grantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Grantee({:?})", self.to_string())
    }
}

fn is_org_name(text: &str) -> bool {
    (1..=ORG_NAME_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn is_local_name(text: &str) -> bool {
    let word = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
    text.len() <= LOCAL_NAME_BYTES_MAX
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests;
