//! A key that was given counts only where that is in the log for everybody to see: software that
//! asks for this cannot be given keys in secret, and keys that were given in secret do not serve it.

use std::sync::Arc;

use sekisho_proto::{Hash, LogName, statement::KeyGrant};

use super::verifier::Interrupted;
use crate::{
    chain::Chain,
    clock,
    session::{Session, link::Link},
    trust::{
        TrustError,
        logs::{Source, Unchecked},
    },
};

/// Whether the control log of whoever gave the key holds the statement that gives it.
pub(super) async fn is_logged(
    session: &Session,
    link: &Link,
    id: &Hash,
    grant: &KeyGrant,
) -> Result<Result<(), Arc<TrustError>>, Interrupted> {
    let own = session.logs.own();
    let log = LogName::Control(grant.organisation.clone());
    let source = if log == own.log {
        own
    } else {
        match session.replica.peer_node_key(&grant.organisation, clock::now()) {
            Some(node_key) => Source { log, node_key },
            None => return Ok(Err(Arc::new(TrustError::UnknownLog { log }))),
        }
    };
    let timeout = session.options.query_timeout;
    match session.logs.includes(&source, id, link, timeout).await {
        Ok(()) => Ok(Ok(())),
        Err(Unchecked::Trust(cause)) => {
            tracing::warn!(statement = %id, cause = %Chain(&cause), "key not used");
            Ok(Err(Arc::new(cause)))
        }
        Err(Unchecked::Query(cause)) => Err(Interrupted::by(&cause)),
    }
}
