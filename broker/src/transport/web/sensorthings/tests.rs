use axum::http::StatusCode;
use sekisho_sensorthings::Answer;

use super::{base, told_as};
use crate::transport::web::origin::{Origins, Own};

#[test]
fn links_hold_what_the_client_called_this_node() {
    assert_eq!(base("https", Some("city.example:8443")), "https://city.example:8443/v1.1");
    assert_eq!(base("https", Some("[::1]:8443")), "https://[::1]:8443/v1.1");
}

#[test]
fn links_lead_to_the_door_that_was_asked() {
    for (own, wanted) in
        [(Own::Tls, "https://localhost:8080/v1.1"), (Own::Loopback, "http://localhost:8080/v1.1")]
    {
        let origins = Origins::new(Vec::new(), own);
        assert_eq!(base(origins.scheme(), Some("localhost:8080")), wanted);
    }
}

#[test]
fn what_is_no_host_is_put_into_no_link() {
    for host in [None, Some(""), Some("a/b"), Some("a\"b"), Some("user@host")] {
        assert_eq!(base("https", host), "/v1.1", "{host:?}");
    }
}

#[test]
fn a_property_that_is_not_there_is_no_content() {
    assert_eq!(told_as(Answer::Nothing).status(), StatusCode::NO_CONTENT);
    assert_eq!(told_as(Answer::Text(String::new())).status(), StatusCode::OK);
}
