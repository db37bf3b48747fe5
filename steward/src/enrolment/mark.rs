//! Notes beside an invitation that name one key and a time.

use std::path::Path;

use sekisho_proto::{PrincipalId, Timestamp, limits::TEXT_BYTES_MAX};

use super::EnrolmentError;
use crate::private_file;

/// A note, bytes: 64 digits, a time and two keys, rounded up.
const MARK_BYTES_MAX: usize = 256;

/// A key that came with an invitation's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimant {
    /// The key's fingerprint; people compare its [`short`](PrincipalId::short) form.
    pub id: PrincipalId,
    /// Since when it waits, or when it was approved.
    pub since: Timestamp,
}

impl Claimant {
    pub(super) fn print(&self) -> String {
        format!("key = \"{}\"\nsince = \"{}\"\n", self.id, self.since)
    }
}

/// Reads a note; `None` where there is none.
pub(super) fn read(path: &Path) -> Result<Option<Claimant>, EnrolmentError> {
    let Some(contents) = private_file::read(path, MARK_BYTES_MAX)? else { return Ok(None) };
    let fault = |key, wanted| EnrolmentError::Text { path: path.to_owned(), key, wanted };
    let text = str::from_utf8(&contents).map_err(|_not_text| fault("file", "text"))?;
    let table: toml::Table = text.parse().map_err(|_syntax| fault("file", "TOML"))?;
    let value = |key| table.get(key).and_then(toml::Value::as_str);
    let id = value("key").and_then(|text| text.parse().ok());
    let since = value("since").and_then(|text| text.parse().ok());
    let id = id.ok_or_else(|| fault("key", "64 hexadecimal digits"))?;
    let since = since.ok_or_else(|| fault("since", "a time"))?;
    Ok(Some(Claimant { id, since }))
}

/// A note, bytes: a reason, each character of which may be escaped as six, and a time.
const WITHDRAWAL_BYTES_MAX: usize = 6 * TEXT_BYTES_MAX + 256;

/// That an invitation was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Withdrawal {
    pub(super) reason: String,
    pub(super) since: Timestamp,
}

impl Withdrawal {
    pub(super) fn print(&self) -> String {
        let reason = toml::Value::String(self.reason.clone());
        format!("reason = {reason}\nsince = \"{}\"\n", self.since)
    }
}

/// Reads whether an invitation was taken back.
pub(super) fn read_withdrawal(path: &Path) -> Result<Option<Withdrawal>, EnrolmentError> {
    let Some(contents) = private_file::read(path, WITHDRAWAL_BYTES_MAX)? else { return Ok(None) };
    let fault = |key, wanted| EnrolmentError::Text { path: path.to_owned(), key, wanted };
    let text = str::from_utf8(&contents).map_err(|_not_text| fault("file", "text"))?;
    let table: toml::Table = text.parse().map_err(|_syntax| fault("file", "TOML"))?;
    let value = |key| table.get(key).and_then(toml::Value::as_str);
    let reason = value("reason").ok_or_else(|| fault("reason", "text"))?.to_owned();
    let since = value("since").and_then(|text| text.parse().ok());
    let since = since.ok_or_else(|| fault("since", "a time"))?;
    Ok(Some(Withdrawal { reason, since }))
}
