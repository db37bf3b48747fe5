use super::{CursorName, Grantee, OrgName, PrincipalName, RoleName};

#[test]
fn an_organisation_is_a_dns_label() {
    let longest = "a".repeat(63);
    for name in ["fujisawa", "a", "0", "city-2", "a--b", &longest] {
        assert_eq!(OrgName::parse(name).unwrap().as_str(), name);
    }
    let too_long = "a".repeat(64);
    for name in ["", "-a", "a-", "A", "a.b", "a_b", "藤沢", "a b", "a/b", "+", "*", &too_long] {
        assert!(OrgName::parse(name).is_err(), "{name:?}");
    }
}

#[test]
fn a_principal_is_a_name_at_an_organisation() {
    let truck: PrincipalName = "truck-17@fujisawa".parse().unwrap();
    assert_eq!((truck.name(), truck.organisation().as_str()), ("truck-17", "fujisawa"));
    assert_eq!(truck.to_string(), "truck-17@fujisawa");
    let longest = format!("{}@{}", "a".repeat(64), "b".repeat(63));
    for name in ["0@a", "a.b_c-d@a", &longest] {
        assert_eq!(PrincipalName::parse(name).unwrap().as_str(), name);
    }
    let too_long = format!("{}@a", "a".repeat(65));
    for name in
        ["", "a", "@a", "a@", "a@@b", ".a@b", "-a@b", "A@b", "a b@c", "*@a", "a@B", &too_long]
    {
        assert!(PrincipalName::parse(name).is_err(), "{name:?}");
    }
}

#[test]
fn a_grantee_is_one_principal_or_all_of_an_organisation() {
    let truck: PrincipalName = "truck-17@fujisawa".parse().unwrap();
    let other: PrincipalName = "truck-18@fujisawa".parse().unwrap();
    let foreign: PrincipalName = "truck-17@santander".parse().unwrap();

    let one: Grantee = "truck-17@fujisawa".parse().unwrap();
    assert!(one.covers(&truck) && !one.covers(&other) && !one.covers(&foreign));

    let all: Grantee = "*@fujisawa".parse().unwrap();
    assert!(all.covers(&truck) && all.covers(&other) && !all.covers(&foreign));

    for (grantee, text) in [(&one, "truck-17@fujisawa"), (&all, "*@fujisawa")] {
        assert_eq!(grantee.to_string(), text);
        assert_eq!(grantee.organisation().as_str(), "fujisawa");
    }
    for text in ["", "*", "*@", "*@A", "**@a", "a*@b"] {
        assert!(Grantee::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn a_cursor_is_a_short_name() {
    assert!(CursorName::parse("dashboard-1").is_ok());
    for name in ["", "a/b", "a@b", " a"] {
        assert!(CursorName::parse(name).is_err(), "{name:?}");
    }
}

#[test]
fn an_error_shows_a_stranger_s_text_escaped_and_shortened() {
    let error = OrgName::parse("a\u{1b}[2J\nb").unwrap_err();
    let text = "organisation: wanted [a-z0-9-]{1,63} without an outer -, found \"a\\u{1b}[2J\\nb\"";
    assert_eq!(error.to_string(), text);
    let error = OrgName::parse(&"é".repeat(1000)).unwrap_err();
    assert_eq!(error.found(), format!("\"{}\"…", "é".repeat(64)));
}

#[test]
fn a_role_is_written_with_its_prefix_and_is_nobody_s_name() {
    let role: RoleName = "role/family@fujisawa".parse().unwrap();
    assert_eq!((role.name(), role.organisation().as_str()), ("family", "fujisawa"));
    assert_eq!(role.to_string(), "role/family@fujisawa");
    let grantee: Grantee = "role/family@fujisawa".parse().unwrap();
    assert_eq!(grantee, Grantee::Role(role));
    assert_eq!(grantee.to_string(), "role/family@fujisawa");
    assert!(!grantee.covers(&"family@fujisawa".parse().unwrap()));
    for text in ["role/", "role/a", "role/@a", "role/A@a", "role/a@A", "role/a/b@c", "roles/a@b"] {
        assert!(RoleName::parse(text).is_err() && Grantee::parse(text).is_err(), "{text:?}");
    }
    assert!(PrincipalName::parse("role/family@fujisawa").is_err());
}
