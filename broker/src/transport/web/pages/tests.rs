use super::*;

#[test]
fn a_path_is_a_page_or_a_plain_file_and_nothing_is_decoded() {
    for (path, file) in [
        ("/", "index.html"),
        ("/console", "console.html"),
        ("/assets/main-C3_x-9.js", "assets/main-C3_x-9.js"),
        ("/land/asia.json", "land/asia.json"),
    ] {
        assert_eq!(file_of(path), Some(file));
    }
    for path in [
        "",
        "*",
        "//",
        "/../Cargo.toml",
        "/assets/../index.html",
        "/assets/..%2findex.html",
        "/%2e%2e/Cargo.toml",
        "/assets%2Fmain.js",
        "/assets\\main.js",
        "/assets//main.js",
        "/assets/",
        "/.git/config",
        "/assets/.hidden",
        "/a\0b",
        "/関所",
    ] {
        assert_eq!(file_of(path), None, "{path}");
    }
}

#[test]
fn what_is_for_programs_is_never_a_page() {
    for path in ["/v1", "/v1/nowhere", "/v1.1/Nothing", "/mqtt", "/sekisho.v1.Sekisho/Query"] {
        assert!(FOR_PROGRAMS.iter().any(|prefix| path.starts_with(prefix)), "{path}");
    }
}

#[test]
fn only_the_operators_own_map_is_let_in_from_elsewhere() {
    let Rules(rules) = Rules::new(None, &[]);
    let rules = rules.to_str().unwrap();
    assert!(rules.contains("img-src 'self' data: blob:;"), "{rules}");
    assert!(!rules.contains("unsafe") && !rules.contains("http"), "{rules}");
    let tiles: MapTiles = "https://tiles.city.example:8443/{z}/{x}/{y}.png".parse().unwrap();
    let Rules(rules) = Rules::new(Some(&tiles), &[]);
    let rules = rules.to_str().unwrap();
    assert!(rules.contains("img-src 'self' data: blob: https://tiles.city.example:8443;"));
}

#[test]
fn a_page_asks_only_the_providers_that_the_operator_names() {
    let providers = ["https://login.example", "http://127.0.0.1:9"]
        .map(|text| WebOrigin::trusted(text).unwrap());
    let Rules(rules) = Rules::new(None, &providers);
    let rules = rules.to_str().unwrap();
    let wanted = "connect-src 'self' ws: wss: https://login.example http://127.0.0.1:9; img-src";
    assert!(rules.contains(wanted), "{rules}");
    assert!(
        rules.contains("script-src 'self';") && rules.contains("form-action 'none'"),
        "{rules}"
    );
}

#[test]
fn a_browser_that_has_a_file_is_not_given_it_again() {
    let headers = |names: &[&'static str]| {
        names.iter().map(|name| (IF_NONE_MATCH, HeaderValue::from_static(name))).collect()
    };
    let tag = "\"0123\"";
    for names in [["\"0123\""], ["W/\"0123\""], ["\"9\", \"0123\""], ["*"]] {
        let headers: HeaderMap = headers(&names);
        assert!(has(&headers, tag), "{names:?}");
    }
    for names in [["\"012\""], ["0123"], [""]] {
        let headers: HeaderMap = headers(&names);
        assert!(!has(&headers, tag), "{names:?}");
    }
}

#[test]
fn files_are_what_their_names_say() {
    assert_eq!(media_type("assets/worker-1.js"), "text/javascript; charset=utf-8");
    assert_eq!(media_type("land/asia.json"), "application/json");
    assert_eq!(media_type("index.html"), "text/html; charset=utf-8");
    assert_eq!(media_type("LICENSE"), "application/octet-stream");
}
