//! `join`: a newcomer makes keys, proves its token, and becomes a principal.

use std::cell::Cell;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use clap::Args;
use sekisho::{
    AnswerBody, ConnectError, EnrolError, Enrolled, Fingerprint, IDENTITY_FILE, Identity,
    JoinToken, KeyFile, OsEntropy, PROFILE_FILE, PrincipalName, Profile, Question, Via,
    check_admission, clock,
};
use sekisho_proto::PrincipalKind;
use sekisho_seal::KeyKind;
use serde_json::json;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::access::Access;
use crate::command::serve::Logging;
use crate::exit::Exit;
use crate::organisation::is_there;
use crate::{ask, fault, output};

/// Use a token: make keys, prove the token, wait to be admitted.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sekisho join --dir truck-17
  sekisho join --token-file truck-17.token --dir truck-17
  sekisho enrol truck-17 --approve-matching --dir fujisawa | sekisho join - --dir truck-17
  sekisho join --prepare truck-17@fujisawa --dir truck-17

Without a token it asks for one, and does not show what is typed or pasted. Around a token there may \
be words: a letter, what `enrol` printed. A token in the command \
line itself works and is warned of: other users of the machine can see it while the command runs.

The private keys never leave DIR. Where joining was interrupted, the same command goes on with the \
keys that are there. The token is never sent: what is sent proves that it is known here, is of no \
use with another key, and goes to nobody but the node whose key the token names.")]
pub(crate) struct Join {
    /// A file with the token, or - to read it from standard input; the token itself, too, which
    /// other users of this machine can see then.
    token: Option<String>,
    /// Read the token from this file.
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    token_file: Option<PathBuf>,
    /// Make keys for this name, show their fingerprint and do no more: for
    /// `sekisho enrol --approve-matching FINGERPRINT`.
    #[arg(long, value_name = "NAME@ORG", conflicts_with_all = ["token", "token_file"])]
    prepare: Option<PrincipalName>,
    /// With --prepare: device, person, app or bridge.
    #[arg(long, default_value = "device", requires = "prepare")]
    kind: PrincipalKind,
    /// The folder to make for keys and profile.
    #[arg(long)]
    dir: PathBuf,
    /// What to tell on the side: error, warn, info, debug, trace, or a tracing filter.
    #[arg(long, default_value = "error", env = "SEKISHO_LOG", hide_env_values = true)]
    log: String,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

/// How long a newcomer waits before somebody is told what it waits for.
const PATIENCE: Duration = Duration::from_secs(3);
/// How every token begins, whatever its version.
const TOKEN: &str = "sekisho-join-";
/// Parts that a token is broken into at most: in lines of 16 characters.
const PARTS_MAX: usize = 64;

impl Join {
    pub(crate) async fn run(self) -> Result<Exit> {
        Logging::quiet(&self.log).start()?;
        let dir = &self.dir;
        let taken = is_there(&dir.join(PROFILE_FILE))?;
        ensure!(!taken, "{}: wanted a new folder, found {}", dir.display(), joined_already(dir));
        if let Some(name) = &self.prepare {
            return self.prepare(name);
        }
        let token = JoinToken::parse(&token_in(&self.read_token()?))?;
        let (name, expires) = (token.name.clone(), token.expires);
        if expires <= clock::now() {
            return Err(EnrolError::Expired { name, expires }.into());
        }
        let (identity, resumed) = keys(dir, &name, token.kind)?;
        let fingerprint = Fingerprint::of(&identity.id());
        output::aside(format!("{name}, key {fingerprint}: asking {} …", token.address));
        let profile = Profile {
            principal: name.clone(),
            root: token.root,
            node: token.address.clone(),
            node_key: token.node_key,
            web: None,
        };
        let admitted = match ask_node(&token, &identity).await {
            Ok(_enrolled) => Ok(()),
            // It may have been admitted before, and never heard of it.
            Err(cause @ EnrolError::Declined { .. }) => {
                let proof = if resumed { proof(dir, &profile, &identity).await? } else { None };
                let admitted = |proof: Vec<_>| check_admission(&token, &identity, &proof).map(drop);
                proof.map_or(Err(cause), admitted)
            }
            Err(cause) => Err(cause),
        };
        if let Err(cause) = admitted {
            output::aside(left_there(dir, &token, &cause));
            if let EnrolError::Connect(cause @ ConnectError::Handshake { .. }) = cause {
                return Err(anyhow::Error::new(cause).context(format!(
                    "{name}: the node of the token was not found at {}, and the token was shown \
                     to nobody",
                    token.address
                )));
            }
            return Err(cause.into());
        }
        profile.save(dir)?;
        if self.json {
            let (principal, id) = (name.to_string(), identity.id().to_string());
            output::json(&json!({ "principal": principal, "id": id, "dir": dir }));
        } else {
            output::line(format!("joined as {name}; keys and profile are in {}", dir.display()));
        }
        Ok(Exit::Done)
    }

    /// Keys alone, so that their fingerprint is known before there is a token.
    fn prepare(&self, name: &PrincipalName) -> Result<Exit> {
        if matches!(self.kind, PrincipalKind::Steward | PrincipalKind::Node) {
            let found = self.kind;
            return Err(fault::usage(format!(
                "--kind: wanted device, person, app or bridge, found {found}"
            )));
        }
        let (identity, _resumed) = keys(&self.dir, name, self.kind)?;
        let (id, fingerprint) = (identity.id(), Fingerprint::of(&identity.id()));
        if self.json {
            let principal = name.to_string();
            output::json(&json!({ "principal": principal, "id": id.to_string(), "dir": self.dir }));
        } else {
            output::line(format!("{name}, key {fingerprint}: keys are in {}", self.dir.display()));
            let short = name.name();
            output::aside(format!(
                "next, there: sekisho enrol {short} --approve-matching {fingerprint}"
            ));
        }
        Ok(Exit::Done)
    }

    /// A token is a secret: it comes from a file, a pipe or a prompt, and need not stand in the
    /// list of processes.
    fn read_token(&self) -> Result<Zeroizing<String>> {
        let file = |path: &Path, wanted: &str| {
            let text = std::fs::read_to_string(path);
            text.map(Zeroizing::new).with_context(|| format!("{}: wanted {wanted}", path.display()))
        };
        if let Some(path) = &self.token_file {
            return file(path, "a file with a token");
        }
        match self.token.as_deref() {
            Some("-") => std::io::read_to_string(std::io::stdin())
                .map(Zeroizing::new)
                .context("standard input"),
            Some(text) if text.to_ascii_lowercase().starts_with("sekisho-join") => {
                output::aside(
                    "warning: other users of this machine can see a token in a command line; \
                     --token-file, - or no token at all keep it to yourself",
                );
                Ok(Zeroizing::new(text.to_owned()))
            }
            Some(path) => file(Path::new(path), "a token or its file"),
            None if ask::somebody_is_there() => ask::secret("token: "),
            None => Err(fault::usage(
                "wanted a token, found none: name its file with --token-file, or - for standard \
                 input",
            )),
        }
    }
}

/// The token in what somebody was sent: a letter, what `enrol` printed, a link; also where a mail or a
/// terminal broke it into lines, as far as its check digits say that it is whole. All of it where
/// there is none or more than one, so that the refusal is about what was given.
fn token_in(text: &str) -> Zeroizing<String> {
    let is_token = |word: &str| word.to_ascii_lowercase().starts_with(TOKEN);
    let mut words = text.split(|letter: char| letter.is_whitespace() || letter == '=');
    let first = words.by_ref().find(|word| is_token(word));
    let rest: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let Some(first) = first.filter(|_first| !rest.iter().any(|word| is_token(word))) else {
        return Zeroizing::new(text.trim().to_owned());
    };
    // Quoted lines of a letter begin with this.
    let parts = rest.iter().filter(|part| **part != ">").take(PARTS_MAX);
    let mut joined = Zeroizing::new(String::with_capacity(text.len()));
    joined.push_str(first);
    for part in parts {
        if JoinToken::parse(&joined).is_ok() {
            return joined;
        }
        joined.push_str(part);
    }
    if JoinToken::parse(&joined).is_ok() { joined } else { Zeroizing::new(first.to_owned()) }
}

/// Asks to be admitted. A steward that admits whoever proves the token does so within a second or
/// two; when it takes longer, somebody has to be told.
async fn ask_node(token: &JoinToken, identity: &Arc<Identity>) -> Result<Enrolled, EnrolError> {
    let heard = Cell::new(0_u32);
    let asking = sekisho::join(token, identity, |why| {
        // First the node says that it waits, then the steward for what.
        if heard.replace(heard.get().saturating_add(1)) > 0 {
            output::aside(why);
        }
    });
    let mut joining = Box::pin(asking);
    if let Ok(joined) = timeout(PATIENCE, &mut joining).await {
        return joined;
    }
    let fingerprint = Fingerprint::of(&identity.id());
    if heard.get() == 1 {
        let name = token.name.name();
        output::aside(format!(
            "to admit it there: sekisho enrol --approve {name} --key {fingerprint}"
        ));
    }
    let until = output::moment(&token.expires.to_string());
    let _sign = output::waiting_since(format!(
        "waiting for a yes to the key {fingerprint}; the token is good until {until}"
    ));
    joining.await
}

/// What a refused newcomer has in its folder, and what can be done with it.
fn left_there(dir: &Path, token: &JoinToken, cause: &EnrolError) -> String {
    let (name, dir) = (&token.name, dir.display());
    // What is sealed to this key somebody else can open, or nobody.
    if matches!(cause, EnrolError::ForeignSecrets { .. } | EnrolError::NoSecrets { .. }) {
        return format!(
            "the keys in {dir} are of no use any more: when they are revoked, join with another token \
             and another --dir"
        );
    }
    let again =
        format!("`sekisho join --dir {dir}` goes on with them and another token for {name}");
    let is_passing =
        matches!(cause, EnrolError::Connect(_) | EnrolError::Stream(_) | EnrolError::Refused(_));
    let next = if is_passing {
        let until = output::moment(&token.expires.to_string());
        format!("the same command goes on with them until {until}; after that {again}")
    } else {
        again
    };
    format!("the keys of {name} stay in {dir}, and nothing has to be removed: {next}")
}

/// Whose a folder is that has joined.
fn joined_already(dir: &Path) -> String {
    match Profile::load(dir) {
        Ok(profile) => {
            let name = profile.principal;
            format!("that of {name}, which has joined; name another with --dir")
        }
        Err(_damaged) => "a profile in it; name another with --dir".to_owned(),
    }
}

/// The keys in the folder, or new ones, and whether they were there. They are kept before they are
/// shown: a token that was approved for them is of no use with others.
fn keys(dir: &Path, name: &PrincipalName, kind: PrincipalKind) -> Result<(Arc<Identity>, bool)> {
    let path = dir.join(IDENTITY_FILE);
    let kind = KeyKind::Principal(kind);
    if is_there(&path)? {
        let file = KeyFile::load(&path)?;
        let found = &file.name;
        let (shown, other) = (path.display(), "name another folder with --dir, and keep this one");
        ensure!(found == name, "{shown}: wanted keys of {name}, found {found}'s: {other}");
        let found = file.kind;
        ensure!(found == kind, "{shown}: wanted keys of a {kind}, found a {found}'s: {other}");
        return Ok((Arc::new(file.identity), true));
    }
    let mut folder = DirBuilder::new();
    let made = folder.recursive(true).mode(0o700).create(dir);
    made.with_context(|| format!("{}: make the folder", dir.display()))?;
    let identity = Identity::generate(Identity::KEM_SUITE_DEFAULT, &mut OsEntropy::new())?;
    KeyFile { kind, name: name.clone(), identity: identity.clone() }.create(&path)?;
    Ok((Arc::new(identity), false))
}

/// What proves who has this key, where the node lets it in.
async fn proof(
    dir: &Path,
    profile: &Profile,
    identity: &Arc<Identity>,
) -> Result<Option<Vec<Bytes>>> {
    let access = Access {
        dir: dir.to_owned(),
        profile: profile.clone(),
        identity: Arc::clone(identity),
        via: Via::Quic,
    };
    let Ok(client) = access.connect().await else { return Ok(None) };
    let answer = client.query(Question::Principal(identity.id())).await;
    client.close().await;
    match answer {
        Ok(AnswerBody::Statements(statements)) => Ok(Some(statements)),
        Ok(
            AnswerBody::Json(_)
            | AnswerBody::KeyHeader(_)
            | AnswerBody::ExpectedSequence(_)
            | AnswerBody::Checkpoint { .. }
            | AnswerBody::Inclusion { .. }
            | AnswerBody::Errand(_)
            | AnswerBody::Errands(_),
        ) => bail!(
            "{}: wanted the statements that prove who has this key, found another kind of answer",
            profile.node
        ),
        Err(_refused) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_token_is_found_in_what_somebody_was_sent() {
        for text in [
            "sekisho-join-v1.abc",
            "  sekisho-join-v1.abc\n",
            "one-time token for a@b, good for 1 hour:\nsekisho-join-v1.abc\n\non the device: sekisho \
             join --dir a, and give it the token there\n",
            "http://127.0.0.1:8080/#join=sekisho-join-v1.abc",
        ] {
            assert_eq!(*token_in(text), "sekisho-join-v1.abc", "{text}");
        }
        assert_eq!(*token_in("SEKISHO-JOIN-V1.ABC"), "SEKISHO-JOIN-V1.ABC");
        for text in ["", "nothing here", "sekisho-join-v1.a and sekisho-join-v1.b"] {
            assert_eq!(*token_in(text), text);
        }
    }

    #[test]
    fn a_token_that_was_broken_into_lines_is_whole_again_and_nothing_else_is_taken_for_it() {
        let token = JoinToken {
            name: "truck-17@fujisawa".parse().unwrap(),
            kind: PrincipalKind::Device,
            root: sekisho::Hash::new([1; 32]),
            node_key: sekisho::PublicKey::new([2; 32]),
            address: "node.fujisawa.example:7443".to_owned(),
            id: sekisho_proto::TokenId::new([3; 16]),
            secret: sekisho::JoinSecret::new([4; 32]),
            expires: "2026-11-21T08:00:00Z".parse().unwrap(),
        };
        let text = token.to_text();
        for width in [16, 40, 72] {
            let broken: Vec<&str> =
                text.as_bytes().chunks(width).map(|line| str::from_utf8(line).unwrap()).collect();
            for (between, behind) in
                [("\n", ""), ("\r\n", "\r\nGreetings,\r\nthe office"), ("\n> ", "\n> and so on")]
            {
                let letter = format!("Dear Sato,\n{}{behind}\n", broken.join(between));
                assert_eq!(*token_in(&letter), *text, "{letter}");
            }
            // What is cut off is refused for that, whatever follows.
            let cut = format!("{}\nGreetings", broken[..broken.len() - 1].join("\n"));
            JoinToken::parse(&token_in(&cut)).unwrap_err();
        }
    }
}
