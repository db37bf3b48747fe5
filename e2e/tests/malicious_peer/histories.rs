//! Control logs that are not the one that was shown before.

use sekisho_e2e::eventually;
use sekisho_e2e::false_peer::Misdeed;

use crate::coast::Coast;

#[tokio::test]
async fn a_log_that_is_older_or_another_one_is_named_and_nothing_is_taken_from_its_node() {
    let mut coast = Coast::found().await;
    // All of the log has been seen and is kept.
    eventually("everything cosigned", || async {
        let size = coast.santander.metric("sekisho_log_entries{log=\"control\"}").await;
        let name = "sekisho_log_cosigned_entries{peer=\"fujisawa\",log=\"control\"}";
        (size > 0.0 && coast.santander.metric(name).await == size).then_some(())
    })
    .await;
    coast.pack(1);
    coast.lose().await;
    let version = coast.fujisawa.metric("sekisho_policy_version").await;
    for (misdeed, showed, reason, words) in [
        (Misdeed::OldLog, "showed the log without", "rolled-back", "rolled back"),
        (Misdeed::OtherLog, "showed a log with another", "forked", "forked"),
    ] {
        let peer = coast.besiege(misdeed, 0).await;
        peer.tells(showed).await;
        coast.counts("sekisho_log_faults_total", ("reason", reason), 1.0).await;
        coast.counts("sekisho_link_hangups_total", ("reason", "log"), 1.0).await;
        coast.says(words);
        coast.goes_on(2).await;
        peer.end().await;
    }
    assert_eq!(
        coast.fujisawa.metric("sekisho_policy_version").await.to_string(),
        version.to_string()
    );
    coast.app_has(0).await;
    coast.ends_well().await;
}
