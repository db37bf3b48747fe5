//! Root keys that never leave a security token: named by a PKCS #11 URI (RFC 7512), signing with
//! `CKM_EDDSA` (PKCS #11 3.0 §2.3.14).
//!
//! ```text
//! pkcs11:token=fujisawa;object=root-1?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/etc/sekisho/pin
//! ```
//!
//! The PIN comes from the file `pin-source` or from a prompt, never from the URI or the command line.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use sekisho_proto::{PublicKey, Signature};
use zeroize::Zeroizing;

use crate::{ask, fault};

const SCHEME: &str = "pkcs11:";
/// Where the module is, if the URI does not say.
const MODULE: &str = "SEKISHO_PKCS11_MODULE";
/// The longest file with a PIN, bytes.
const PIN_BYTES_MAX: u64 = 1024;

/// An Ed25519 key on a token, ready to sign.
#[derive(Debug)]
pub(crate) struct TokenKey {
    name: String,
    session: Session,
    private: ObjectHandle,
    public_key: PublicKey,
}

/// The parts of a URI that are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Uri {
    token: String,
    object: String,
    module: Option<PathBuf>,
    pin_source: Option<PathBuf>,
}

/// Whether a key's name is that of a key on a token.
pub(crate) fn is_uri(name: &Path) -> bool {
    name.to_str().is_some_and(|name| name.starts_with(SCHEME))
}

impl TokenKey {
    /// Opens a session with the token and finds the key.
    pub(crate) fn open(name: &Path) -> Result<Self> {
        let name = name.to_str().context("PKCS #11 URI: wanted text")?;
        let uri = Uri::parse(name)?;
        let named = |what: &'static str| format!("{name}: {what}");
        let module = uri.module.clone().or_else(|| std::env::var_os(MODULE).map(PathBuf::from));
        let Some(module) = module else {
            return Err(fault::usage(format!(
                "{name}: wanted module-path in the URI or {MODULE}, found neither"
            )));
        };
        let pkcs11 = Pkcs11::new(&module)
            .with_context(|| format!("{}: wanted a PKCS #11 module", module.display()))?;
        match pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // By another key of the same module.
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(cause) => return Err(cause).with_context(|| named("wanted the module to start")),
        }
        let slot = slot_of(&pkcs11, &uri)?;
        let session = pkcs11.open_ro_session(slot).with_context(|| named("wanted a session"))?;
        let pin = pin(&uri)?;
        match session.login(UserType::User, Some(&AuthPin::new(pin.as_str().into()))) {
            // For another key of the same token.
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(cause) => {
                return Err(cause).with_context(|| named("wanted the token to take the PIN"));
            }
        }
        let private = find(&session, &uri, ObjectClass::PRIVATE_KEY)?;
        let public = find(&session, &uri, ObjectClass::PUBLIC_KEY)?;
        let public_key = point(&session, public).with_context(|| named("public key"))?;
        Ok(Self { name: name.to_owned(), session, private, public_key })
    }

    pub(crate) const fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// Has the token sign.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Signature> {
        let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519));
        let name = &self.name;
        let signed = self.session.sign(&mechanism, self.private, message);
        let signed = signed.with_context(|| format!("{name}: wanted a signature"))?;
        let found = signed.len();
        Signature::try_from(signed.as_slice())
            .with_context(|| format!("{name}: wanted an Ed25519 signature, found {found} bytes"))
    }
}

impl Uri {
    fn parse(name: &str) -> Result<Self> {
        let wrong = |wanted: &str| fault::usage(format!("{name}: wanted {wanted}"));
        let rest = name.strip_prefix(SCHEME).ok_or_else(|| wrong("a PKCS #11 URI"))?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut uri =
            Self { token: String::new(), object: String::new(), module: None, pin_source: None };
        for (part, is_query) in path
            .split(';')
            .map(|part| (part, false))
            .chain(query.split('&').map(|part| (part, true)))
            .filter(|(part, _is_query)| !part.is_empty())
        {
            let (key, value) = part.split_once('=').ok_or_else(|| wrong("name=value"))?;
            let value = percent_decoded(value).ok_or_else(|| wrong("percent-escapes of text"))?;
            match (key, is_query) {
                ("token", false) => uri.token = value,
                ("object", false) => uri.object = value,
                ("module-path", true) => uri.module = Some(value.into()),
                ("pin-source", true) => {
                    let path = value.strip_prefix("file:").unwrap_or(&value);
                    uri.pin_source = Some(path.into());
                }
                // It would stand in the list of processes.
                ("pin-value", true) => return Err(wrong("pin-source with a file, not pin-value")),
                // What narrows a search further and is not understood would find another key.
                _ => return Err(wrong("token, object, module-path and pin-source alone")),
            }
        }
        if uri.token.is_empty() || uri.object.is_empty() {
            return Err(wrong("token=LABEL;object=LABEL"));
        }
        Ok(uri)
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

fn slot_of(pkcs11: &Pkcs11, uri: &Uri) -> Result<Slot> {
    let wanted = &uri.token;
    let mut found = Vec::new();
    for slot in pkcs11.get_slots_with_initialized_token().context("slots of the module")? {
        let label = pkcs11.get_token_info(slot).context("a token's label")?.label().to_owned();
        if label == *wanted {
            return Ok(slot);
        }
        found.push(label);
    }
    let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
    bail!("PKCS #11: token: wanted {wanted}, found {found}")
}

fn pin(uri: &Uri) -> Result<Zeroizing<String>> {
    let Some(path) = &uri.pin_source else {
        if ask::somebody_is_there() {
            return ask::secret(&format!("PIN of {}: ", uri.token));
        }
        return Err(fault::usage(format!(
            "token {}: wanted pin-source with a file, found nobody to ask for the PIN",
            uri.token
        )));
    };
    let shown = path.display();
    let length = std::fs::metadata(path).with_context(|| format!("{shown}: read"))?.len();
    ensure!(length <= PIN_BYTES_MAX, "{shown}: wanted a PIN, found {length} bytes");
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = text.with_context(|| format!("{shown}: read"))?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn find(session: &Session, uri: &Uri, class: ObjectClass) -> Result<ObjectHandle> {
    let wanted = [Attribute::Class(class), Attribute::Label(uri.object.clone().into_bytes())];
    let found = session.find_objects(&wanted).context("objects of the token")?;
    let kind = if class == ObjectClass::PRIVATE_KEY { "private" } else { "public" };
    match found.as_slice() {
        [one] => Ok(*one),
        others => bail!(
            "token {}: wanted one {kind} key labelled {}, found {}",
            uri.token,
            uri.object,
            others.len()
        ),
    }
}

/// The key's point: 32 bytes, in a DER octet string as PKCS #11 says, or bare as some tokens do.
fn point(session: &Session, key: ObjectHandle) -> Result<PublicKey> {
    let attributes = session.get_attributes(key, &[AttributeType::EcPoint])?;
    let Some(Attribute::EcPoint(point)) = attributes.first() else {
        bail!("wanted an elliptic point, found none")
    };
    let bare = match point.as_slice() {
        [4, 32, bare @ ..] if bare.len() == 32 => bare,
        other => other,
    };
    let found = bare.len();
    PublicKey::try_from(bare)
        .with_context(|| format!("wanted an Ed25519 key of 32 bytes, found {found}"))
}

#[cfg(test)]
mod tests;
