//! Who comes with a name and a password: the password is the key, so nothing is kept here to compare
//! it with. The key is derived and looked up like any other.

use sekisho_proto::{PrincipalId, PrincipalName, PublicKey, RefusalCode};
use sekisho_seal::Password;

use crate::hub::{Hub, Refusal, metrics};

/// The public key of whoever comes with this name and this password: `NAME`, of this node's
/// organisation, or `NAME@ORGANISATION`. Which of the two is wrong is not told, and cannot be
/// measured: the same is done for a name that does not exist.
///
/// # Errors
/// No principal has this name and the key that the password is for it. Whoever has the right
/// password of a principal that was revoked is told so when the session opens.
pub(crate) fn key_of_password(hub: &Hub, name: &str, password: &str) -> Result<PublicKey, Refusal> {
    find(hub, name, password).ok_or_else(|| {
        metrics::password_failed();
        let why = "wanted the name and the password of a principal, found others";
        Refusal::new(RefusalCode::UnknownKey, "name and password", why)
    })
}

fn find(hub: &Hub, name: &str, password: &str) -> Option<PublicKey> {
    let name: PrincipalName = match name.contains('@') {
        true => name.parse().ok()?,
        false => PrincipalName::new(name, hub.organisation()).ok()?,
    };
    let key = Password::parse(password).ok()?.signing_key(&name).ok()?.public_key();
    let policy = hub.authority().snapshot();
    let found = policy.principal(&PrincipalId::of(&key))?;
    (found.name == name).then_some(key)
}

#[cfg(test)]
mod tests;
