//! Rights, for those who write statements themselves.

use sekisho::clock;
use sekisho_proto::StatementBody;
use sekisho_proto::statement::Grant;

/// Gives actions such as `subscribe,history` on topics of the organisation that the filter begins
/// with, from now on, without an end or a condition.
#[must_use]
pub fn grant(grantee: &str, actions: &str, filter: &str) -> StatementBody {
    let now = clock::now();
    let organisation = filter.split('/').next().unwrap_or_default();
    StatementBody::Grant(Grant {
        organisation: organisation.parse().expect("an organisation's name"),
        grantee: grantee.parse().expect("a grantee"),
        actions: actions.parse().expect("actions"),
        filter: filter.parse().expect("a filter"),
        purpose: String::new(),
        issued: now,
        from: now,
        until: None,
        history_from: None,
        onward: false,
        rate_per_s: None,
    })
}
