//! The text of an invitation's file. Buffers that hold the secret are wiped.

use std::path::Path;

use data_encoding::HEXLOWER;
use sekisho::JoinSecret;
use sekisho_proto::{Filter, Office, PrincipalName, Timestamp, TokenId, limits::TOPIC_BYTES_MAX};
use zeroize::{Zeroize as _, Zeroizing};

use super::{Approval, EnrolmentError, FILTERS_MAX, Invitation};
use crate::{
    openid::{OpenIdProvider, OpenIdSubject},
    private_file,
};

/// An invitation, bytes: its filters, each character of which may be escaped as six, and a few
/// short lines.
const INVITATION_BYTES_MAX: usize = 2 * FILTERS_MAX * (6 * TOPIC_BYTES_MAX + 4) + 8 * 1024;

const SECRET_BYTES: usize = 32;

const MATCHING: &str = "matching";
const BY_HAND: &str = "by-hand";
const KEY: &str = "key ";
const OPENID: &str = "openid";
const ADMINISTRATOR: &str = "administrator";

pub(super) fn print(invitation: &Invitation) -> Zeroizing<String> {
    let list = |filters: &[Filter]| {
        let texts = filters.iter().map(|filter| toml::Value::String(filter.to_string()));
        toml::Value::Array(texts.collect()).to_string()
    };
    let approval = match &invitation.approval {
        Approval::Matching => MATCHING.to_owned(),
        Approval::ByHand => BY_HAND.to_owned(),
        Approval::Key(fingerprint) => format!("{KEY}{fingerprint}"),
        Approval::OpenId(_) => OPENID.to_owned(),
    };
    let head = format!(
        "# Made by `sekisho enrol`. Whoever reads the secret can join under this name.\n\
         token = \"{}\"\nname = \"{}\"\nkind = \"{}\"\npublish = {}\nread = {}\n\
         approval = \"{}\"\n{}replace = {}\n{}created = \"{}\"\nexpires = \"{}\"\nsecret = \"",
        invitation.token,
        invitation.name,
        invitation.kind,
        list(&invitation.publish),
        list(&invitation.read),
        approval,
        subject(&invitation.approval),
        invitation.replace,
        office(invitation),
        invitation.created,
        invitation.expires,
    );
    // Room for all of it, so that no copy of the secret stays behind.
    let room = head.len().saturating_add(HEXLOWER.encode_len(SECRET_BYTES)).saturating_add(2);
    let mut text = Zeroizing::new(String::with_capacity(room));
    text.push_str(&head);
    HEXLOWER.encode_append(invitation.secret.expose(), &mut text);
    text.push_str("\"\n");
    text
}

/// The lines about whom a provider has to know.
fn subject(approval: &Approval) -> String {
    let Approval::OpenId(OpenIdSubject { provider, subject }) = approval else {
        return String::new();
    };
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    format!(
        "openid_issuer = {}\nopenid_client = {}\nopenid_subject = {}\n",
        quoted(&provider.issuer),
        quoted(&provider.client_id),
        quoted(subject)
    )
}

/// The lines about what it may do beside its filters, and about who asked for that.
fn office(invitation: &Invitation) -> String {
    let office = match invitation.office {
        Office::None => String::new(),
        Office::Administrator => format!("office = \"{ADMINISTRATOR}\"\n"),
    };
    match &invitation.invited_by {
        Some(by) => format!("{office}invited_by = \"{by}\"\n"),
        None => office,
    }
}

/// Reads an invitation; `None` where there is none.
pub(super) fn read(path: &Path) -> Result<Option<Invitation>, EnrolmentError> {
    let Some(contents) = private_file::read(path, INVITATION_BYTES_MAX)? else { return Ok(None) };
    let fault = |key, wanted| EnrolmentError::Text { path: path.to_owned(), key, wanted };
    let text = str::from_utf8(&contents).map_err(|_not_text| fault("file", "text"))?;
    let table: toml::Table = text.parse().map_err(|_syntax| fault("file", "TOML"))?;
    let mut keys = Keys { path, table };
    let invitation = Invitation {
        token: keys.parsed("token", "32 hexadecimal digits")?,
        name: keys.parsed("name", "a name such as truck-17@fujisawa")?,
        kind: keys.parsed("kind", "device, person, app or bridge")?,
        publish: keys.filters("publish")?,
        read: keys.filters("read")?,
        approval: keys.approval()?,
        replace: keys.replace()?,
        office: keys.office()?,
        invited_by: keys.invited_by()?,
        created: keys.parsed::<Timestamp>("created", "a time")?,
        expires: keys.parsed::<Timestamp>("expires", "a time")?,
        secret: keys.secret()?,
    };
    let named = path.file_stem().and_then(|stem| stem.to_str()?.parse::<TokenId>().ok());
    if named != Some(invitation.token) {
        return Err(fault("token", "that of the file's name"));
    }
    Ok(Some(invitation))
}

struct Keys<'a> {
    path: &'a Path,
    table: toml::Table,
}

impl Keys<'_> {
    fn parsed<T: std::str::FromStr>(
        &mut self,
        key: &'static str,
        wanted: &'static str,
    ) -> Result<T, EnrolmentError> {
        let value = self.table.get(key).and_then(toml::Value::as_str);
        value.and_then(|text| text.parse().ok()).ok_or_else(|| self.fault(key, wanted))
    }

    fn filters(&self, key: &'static str) -> Result<Vec<Filter>, EnrolmentError> {
        let wanted = "a list of filters";
        let found = self.table.get(key).and_then(toml::Value::as_array);
        let found = found.ok_or_else(|| self.fault(key, wanted))?;
        let filter = |value: &toml::Value| value.as_str().and_then(|text| text.parse().ok());
        let filters: Option<Vec<Filter>> = found.iter().map(filter).collect();
        filters.ok_or_else(|| self.fault(key, wanted))
    }

    fn approval(&self) -> Result<Approval, EnrolmentError> {
        let approval = match self.table.get("approval").and_then(toml::Value::as_str) {
            Some(MATCHING) => Some(Approval::Matching),
            Some(BY_HAND) => Some(Approval::ByHand),
            Some(OPENID) => return self.subject().map(Approval::OpenId),
            Some(other) => {
                let key = other.strip_prefix(KEY).and_then(|text| text.parse().ok());
                key.map(Approval::Key)
            }
            None => None,
        };
        approval.ok_or_else(|| {
            self.fault("approval", "matching, by-hand, openid or a key's fingerprint")
        })
    }

    fn subject(&self) -> Result<OpenIdSubject, EnrolmentError> {
        let text = |key| {
            let found = self.table.get(key).and_then(toml::Value::as_str);
            found.map(str::to_owned).ok_or_else(|| self.fault(key, "text"))
        };
        let (issuer, client_id) = (text("openid_issuer")?, text("openid_client")?);
        let provider = OpenIdProvider { issuer, client_id };
        Ok(OpenIdSubject { provider, subject: text("openid_subject")? })
    }

    /// Invitations of an earlier program do not say it.
    fn replace(&self) -> Result<bool, EnrolmentError> {
        match self.table.get("replace") {
            Some(toml::Value::Boolean(replace)) => Ok(*replace),
            Some(_other) => Err(self.fault("replace", "true or false")),
            None => Ok(false),
        }
    }

    fn office(&self) -> Result<Office, EnrolmentError> {
        match self.table.get("office").map(toml::Value::as_str) {
            None => Ok(Office::None),
            Some(Some(ADMINISTRATOR)) => Ok(Office::Administrator),
            Some(_other) => Err(self.fault("office", ADMINISTRATOR)),
        }
    }

    fn invited_by(&self) -> Result<Option<PrincipalName>, EnrolmentError> {
        let Some(found) = self.table.get("invited_by") else { return Ok(None) };
        let name = found.as_str().and_then(|text| text.parse().ok());
        name.map(Some).ok_or_else(|| self.fault("invited_by", "a name such as sato@fujisawa"))
    }

    fn secret(&mut self) -> Result<JoinSecret, EnrolmentError> {
        let (key, wanted) = ("secret", "64 hexadecimal digits");
        let Some(toml::Value::String(digits)) = self.table.remove(key) else {
            return Err(self.fault(key, wanted));
        };
        let digits = Zeroizing::new(digits);
        let mut bytes = [0; SECRET_BYTES];
        let fits = digits.len() == HEXLOWER.encode_len(SECRET_BYTES)
            && HEXLOWER.decode_mut(digits.as_bytes(), &mut bytes).is_ok();
        let secret = JoinSecret::new(bytes);
        bytes.zeroize();
        if fits { Ok(secret) } else { Err(self.fault(key, wanted)) }
    }

    fn fault(&self, key: &'static str, wanted: &'static str) -> EnrolmentError {
        EnrolmentError::Text { path: self.path.to_owned(), key, wanted }
    }
}
