//! How a token is handed over: as text, as a QR code where a terminal can show one, or in a file
//! that nobody else can read.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use sekisho::{JoinToken, Profile, clock};
use sekisho_proto::{PrincipalKind, PrincipalName};
use sekisho_steward::enrolment::Approval;
use serde_json::json;
use zeroize::Zeroizing;

use crate::command::Place;
use crate::output;
use crate::qr::Code;

const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 60 * MINUTE_S;

pub(super) fn announce(name: &PrincipalName, token: &JoinToken, place: &Place, by: &Approval) {
    let (text, expires) = (token.to_text(), token.expires.to_string());
    if place.json {
        let name = name.to_string();
        output::json(&json!({ "name": name, "token": *text, "expires": expires }));
        return;
    }
    output::line(format!("one-time token for {name}, good for {}:", ending(token)));
    output::line(&*text);
    draw(&text);
    output::line("");
    let short = name.name();
    let joining = format!("sekisho join --dir {short}, and give it the token there");
    if token.kind == PrincipalKind::Person {
        let web = Profile::load(&place.dir).ok().and_then(|profile| profile.web);
        let page = web.map_or_else(
            || "the page of the node, where it has a web listener".to_owned(),
            |web| format!("https://{web}/"),
        );
        output::line(format!(
            "in a browser:  {page} (who administers: /console), and paste it there"
        ));
        output::line(format!("or without:    {joining}"));
    } else {
        output::line(format!("on the device: {joining}"));
    }
    match by {
        Approval::ByHand => {
            let dir = place.dir.display();
            output::line(format!(
                "then here:     sekisho enrol --approve {short} --dir {dir}, and compare fingerprints"
            ));
        }
        Approval::OpenId(wanted) => {
            let issuer = &wanted.provider.issuer;
            output::line(format!("then there:    sign in at {issuer}, which both ways lead to"));
        }
        Approval::Matching | Approval::Key(_) => {}
    }
}

/// Shows the code where it can be read from the screen: the text above it says the same.
fn draw(text: &str) {
    let Some(room) = output::columns_in_colour() else { return };
    // In capitals it takes fewer modules, and is the same token.
    let capitals = Zeroizing::new(text.to_ascii_uppercase());
    let Some(code) = Code::of(&capitals) else { return };
    if code.width() > room {
        return output::aside(format!(
            "no QR code: it takes {} columns, and there are {room} here; for one, widen the terminal \
             and make another token",
            code.width()
        ));
    }
    output::line("");
    for line in code.lines() {
        output::styled(line);
    }
}

pub(super) fn announce_file(name: &PrincipalName, path: &Path, token: &JoinToken, json: bool) {
    let expires = token.expires.to_string();
    if json {
        output::json(&json!({ "name": name.to_string(), "file": path, "expires": expires }));
    } else {
        let path = path.display();
        output::line(format!("the token for {name} is in {path}, good for {}", ending(token)));
    }
}

/// When a token ends, as people say it.
fn ending(token: &JoinToken) -> String {
    let left = token.expires.saturating_since(clock::now());
    format!("{}, until {}", duration(left), output::moment(&token.expires.to_string()))
}

/// Rounded to minutes, in words.
fn duration(left: Duration) -> String {
    let minutes = left.as_secs().saturating_add(MINUTE_S / 2) / MINUTE_S;
    let (hours, minutes) = (minutes * MINUTE_S / HOUR_S, minutes % (HOUR_S / MINUTE_S));
    match (hours, minutes) {
        (0, minutes) => output::count(minutes, "minute"),
        (hours, 0) => output::count(hours, "hour"),
        (hours, minutes) => {
            let minutes = output::count(minutes, "minute");
            format!("{} and {minutes}", output::count(hours, "hour"))
        }
    }
}

/// A file that nobody else may read, and that was not there before.
pub(super) fn new_file(path: &Path) -> Result<File> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    if made.as_ref().is_err_and(|cause| cause.kind() == ErrorKind::AlreadyExists) {
        bail!(
            "{}: wanted to make a new file, found one there; nothing is overwritten",
            path.display()
        );
    }
    made.with_context(|| format!("{}: wanted to make a new file", path.display()))
}

pub(super) fn write(file: File, path: &Path, token: &JoinToken) -> Result<()> {
    write_secret(file, path, &token.to_text())
}

pub(super) fn write_secret(mut file: File, path: &Path, secret: &str) -> Result<()> {
    let written = writeln!(file, "{secret}");
    written.with_context(|| format!("{}: write", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_a_token_is_good_is_told_in_words() {
        for (seconds, words) in [
            (60, "1 minute"),
            (3_599, "1 hour"),
            (3_600, "1 hour"),
            (2_700, "45 minutes"),
            (5_400, "1 hour and 30 minutes"),
            (86_400, "24 hours"),
        ] {
            assert_eq!(duration(Duration::from_secs(seconds)), words);
        }
    }
}
