use super::base;

#[test]
fn links_hold_what_the_client_called_this_node() {
    assert_eq!(base(Some("city.example:8443")), "https://city.example:8443/v1.1");
    assert_eq!(base(Some("[::1]:8443")), "https://[::1]:8443/v1.1");
}

#[test]
fn what_is_no_host_is_put_into_no_link() {
    for host in [None, Some(""), Some("a/b"), Some("a\"b"), Some("user@host")] {
        assert_eq!(base(host), "/v1.1", "{host:?}");
    }
}
