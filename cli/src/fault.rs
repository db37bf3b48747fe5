//! How a command that failed says so: one line with what was wanted, what was found and what to do
//! next; and the number that it ends with.

use std::io;

use sekisho::audit::AuditError;
use sekisho::{
    ConnectError, EnrolError, PROFILE_FILE, ProfileError, PublishError, QueryError, RefusalCode,
    SubscribeError, TokenError,
};
use sekisho_broker::config::ConfigError;
use sekisho_steward::enrolment::EnrolmentError;

use crate::exit::Exit;
use crate::output;

/// A failure that knows how the command is to end.
#[derive(Debug)]
pub(crate) struct Fault {
    exit: Exit,
    text: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Fault {}

/// The answer is no.
pub(crate) fn no(text: impl Into<String>) -> anyhow::Error {
    Fault { exit: Exit::No, text: text.into() }.into()
}

/// There is no node.
pub(crate) fn unreachable(text: impl Into<String>) -> anyhow::Error {
    Fault { exit: Exit::Unreachable, text: text.into() }.into()
}

/// The command was not used as it can be.
pub(crate) fn usage(text: impl Into<String>) -> anyhow::Error {
    Fault { exit: Exit::Usage, text: text.into() }.into()
}

/// The command is to end with this number.
pub(crate) fn with(exit: Exit, text: impl Into<String>) -> anyhow::Error {
    Fault { exit, text: text.into() }.into()
}

/// Says what went wrong on standard error.
pub(crate) fn tell(error: &anyhow::Error) {
    let hint = error.chain().find_map(hint_of).map_or_else(String::new, |hint| format!("; {hint}"));
    output::aside(format!("sekisho: {}{hint}", sentence(error)));
}

/// The failure and its causes, without those that only say again what was said.
pub(crate) fn sentence(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        let text = own_words(&text);
        if said.contains(text) {
            continue;
        }
        if !said.is_empty() {
            said.push_str(": ");
        }
        said.push_str(text);
    }
    said
}

/// What we said ourselves where the TLS library tells it in its own brackets.
fn own_words(text: &str) -> &str {
    text.split_once("Other(OtherError(").map_or(text, |(_library, own)| own.trim_end_matches(')'))
}

/// The number to end with.
pub(crate) fn exit_of(error: &anyhow::Error) -> Exit {
    error.chain().find_map(exit_of_cause).unwrap_or(Exit::Local)
}

/// What is in a box: a source that is boxed is the box to whoever asks what it is.
fn unboxed<'a>(
    cause: &'a (dyn std::error::Error + 'static),
) -> &'a (dyn std::error::Error + 'static) {
    if let Some(boxed) = cause.downcast_ref::<Box<ConnectError>>() {
        return &**boxed;
    }
    if let Some(boxed) = cause.downcast_ref::<Box<PublishError>>() {
        return &**boxed;
    }
    match cause.downcast_ref::<Box<SubscribeError>>() {
        Some(boxed) => &**boxed,
        None => cause,
    }
}

fn exit_of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<Exit> {
    let cause = unboxed(cause);
    if let Some(fault) = cause.downcast_ref::<Fault>() {
        return Some(fault.exit);
    }
    match cause.downcast_ref::<ConnectError>() {
        Some(ConnectError::Refused { .. } | ConnectError::Trust { .. }) => return Some(Exit::No),
        Some(ConnectError::Tls(_) | ConnectError::Socket(_)) => return Some(Exit::Local),
        Some(_) => return Some(Exit::Unreachable),
        None => {}
    }
    match cause.downcast_ref::<QueryError>() {
        Some(QueryError::Refused(_)) => return Some(Exit::No),
        Some(_) => return Some(Exit::Unreachable),
        None => {}
    }
    match cause.downcast_ref::<AuditError>() {
        Some(AuditError::File { .. } | AuditError::NoLog { .. }) => return Some(Exit::Local),
        Some(_) => return Some(Exit::No),
        None => {}
    }
    match cause.downcast_ref::<EnrolError>() {
        Some(EnrolError::Connect(_)) | None => {}
        Some(EnrolError::Stream(_)) => return Some(Exit::Unreachable),
        Some(_) => return Some(Exit::No),
    }
    match cause.downcast_ref::<EnrolmentError>() {
        Some(EnrolmentError::NotWaiting { .. } | EnrolmentError::Standing { .. }) => {
            return Some(Exit::No);
        }
        Some(EnrolmentError::Offer { .. }) => return Some(Exit::Usage),
        Some(_) | None => {}
    }
    if let Some(PublishError::Lost(_) | PublishError::Unprotected { .. }) = cause.downcast_ref() {
        return Some(Exit::No);
    }
    if let Some(SubscribeError::Refused(_)) = cause.downcast_ref() {
        return Some(Exit::No);
    }
    cause.downcast_ref::<TokenError>().map(|_token| Exit::Usage)
}

const ANOTHER_NODE: &str = "another node answers there: that of another folder or organisation, \
                            or one whose key was replaced (`sekisho node accept`)";
const ANOTHER_TOPIC: &str = "a topic begins with its organisation, as in fujisawa/truck/17/air; \
                             this node knows its own organisation and its peers";

/// What to do next, where that is not plain from the words.
fn hint_of(cause: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    let cause = unboxed(cause);
    match cause.downcast_ref::<ConnectError>() {
        Some(ConnectError::Refused { .. } | ConnectError::Trust { .. } | ConnectError::Closed)
        | None => {}
        Some(ConnectError::NodeKey { .. }) => return Some(ANOTHER_NODE),
        Some(ConnectError::Handshake { source, .. })
            if source.to_string().contains("node key: wanted") =>
        {
            return Some(ANOTHER_NODE);
        }
        Some(_) => return Some("is the node running, and is that its address?"),
    }
    if let Some(ProfileError::Io { path, source, .. }) = cause.downcast_ref()
        && path.ends_with(PROFILE_FILE)
        && source.kind() == io::ErrorKind::NotFound
    {
        return Some("name the folder with --dir");
    }
    if let Some(ConfigError::Read { .. }) = cause.downcast_ref() {
        return Some("name the folder that `sekisho init` made with --dir");
    }
    if let Some(PublishError::Unprotected { .. }) = cause.downcast_ref() {
        return Some("is the steward of that organisation running?");
    }
    if let Some(PublishError::Query(QueryError::Refused(refusal))) = cause.downcast_ref()
        && (refusal.code, refusal.what.as_str()) == (RefusalCode::NotFound, "epoch")
    {
        return Some(ANOTHER_TOPIC);
    }
    if let Some(EnrolError::Expired { .. } | EnrolError::Declined { .. }) = cause.downcast_ref() {
        return Some("ask the organisation for another token");
    }
    if let Some(TokenError::Encoding | TokenError::Check | TokenError::Length { .. }) =
        cause.downcast_ref()
    {
        return Some("a part of it may be missing: copy all of it again");
    }
    if let Some(SubscribeError::Refused(refusal)) = cause.downcast_ref()
        && refusal.code == RefusalCode::NotPermitted
    {
        return Some("whoever administers that organisation can grant it, as `sekisho why` tells");
    }
    if let Some(EnrolmentError::NotWaiting { .. }) = cause.downcast_ref() {
        return Some("`sekisho enrol --list` tells who waits");
    }
    match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::AddrInUse) => {
            Some("is this node running already? Otherwise change [listen] in sekisho.toml")
        }
        Some(_) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, anyhow};

    use super::*;

    #[test]
    fn a_failure_is_one_line_that_says_nothing_twice() {
        let cause = anyhow!("file a: wanted it, found none");
        let error = cause.context("file a").context("made");
        assert_eq!(sentence(&error), "made: file a: file a: wanted it, found none");
        let error = anyhow!("none").context("file a: none");
        assert_eq!(sentence(&error), "file a: none");
    }

    #[test]
    fn what_to_do_next_is_said_of_a_broken_token_and_of_a_missing_right() {
        let hint = |cause: &(dyn std::error::Error + 'static)| hint_of(cause).unwrap_or_default();
        assert!(hint(&TokenError::Check).contains("copy all of it again"));
        assert_eq!(hint(&TokenError::Prefix), "");
        let refused = |code| {
            let (what, why) = ("subscription 1".to_owned(), "no grant".to_owned());
            SubscribeError::Refused(sekisho::Refusal { code, what, why })
        };
        assert!(hint(&refused(RefusalCode::NotPermitted)).contains("can grant it"));
        assert_eq!(hint(&refused(RefusalCode::TooMany)), "");
    }

    #[test]
    fn what_to_do_next_is_said_of_a_topic_of_no_organisation_that_the_node_knows() {
        let refused = |code| {
            let (what, why) = ("epoch".to_owned(), "wanted one, found none".to_owned());
            PublishError::Query(QueryError::Refused(sekisho::Refusal { code, what, why }))
        };
        let hint = hint_of(&refused(RefusalCode::NotFound));
        assert!(hint.unwrap_or_default().contains("begins with its organisation"), "{hint:?}");
        assert_eq!(hint_of(&refused(RefusalCode::TooMany)), None);
    }

    #[test]
    fn what_the_tls_library_wraps_is_told_without_its_brackets() {
        let wrapped =
            "error 46: invalid peer certificate: Other(OtherError(node key: wanted a, found b))";
        let error = anyhow!("{wrapped}").context("node at 127.0.0.1:7443");
        assert_eq!(sentence(&error), "node at 127.0.0.1:7443: node key: wanted a, found b");
        assert_eq!(own_words("found 1 (one)"), "found 1 (one)");
    }

    #[test]
    fn the_number_comes_from_the_cause_that_knows_it() {
        let refused = Err::<(), _>(no("nobody waits")).context("enrol").unwrap_err();
        assert_eq!(exit_of(&refused), Exit::No);
        assert_eq!(exit_of(&usage("too many")), Exit::Usage);
        assert_eq!(exit_of(&anyhow!("a file is missing")), Exit::Local);
    }
}
