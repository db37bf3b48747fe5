//! Room for open files: every client has a socket.

use anyhow::Result;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::plan::Plan;
use crate::exit::Exit;
use crate::fault;

/// Files of this process that are no client's.
const OTHERS: u64 = 256;

/// Raises this process's limit, which its children inherit, to what the plan needs.
///
/// # Errors
/// The system does not allow that many.
pub(super) fn make_room(plan: &Plan) -> Result<()> {
    let wanted = plan.clients() + OTHERS;
    let found = getrlimit(Resource::Nofile);
    if found.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let most = found.maximum.unwrap_or(u64::MAX);
    let raised = Rlimit { current: Some(wanted), maximum: found.maximum };
    if wanted <= most && setrlimit(Resource::Nofile, raised).is_ok() {
        return Ok(());
    }
    Err(fault::with(
        Exit::Local,
        format!(
            "open files: wanted {wanted} for {} clients, found at most {most}; \
             raise the limit with `ulimit -Hn`, or take fewer clients",
            plan.clients()
        ),
    ))
}
