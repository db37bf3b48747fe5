//! What the steward judges ID tokens by. Nobody else does, so it is taken from its source.

use id_token::check;
use sekisho_steward::openid::{OpenIdError, OpenIdProvider, OpenIdSubject};

#[path = "../steward/src/openid/id_token.rs"]
mod id_token;
#[path = "id_token_checks.rs"]
pub(crate) mod id_token_checks;
