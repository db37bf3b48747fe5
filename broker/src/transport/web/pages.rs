//! The pages for people: what `npm run build` made of `console/`, within the program. A program for
//! trying things out reads them from the folder instead, as they are at that moment.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, REFERRER_POLICY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use data_encoding::HEXLOWER;
use rust_embed::{EmbeddedFile, RustEmbed};

use super::{Door, problem};
use crate::config::{MapTiles, WebOrigin};

/// The pages.
#[derive(Debug, RustEmbed)]
#[folder = "../console/dist"]
#[allow_missing = true]
struct Built;

/// Where the pages are, and the file of each.
const PAGES: [(&str, &str); 2] = [("/", "index.html"), ("/console", "console.html")];
/// What begins so is for programs, and answered as to programs.
const FOR_PROGRAMS: [&str; 6] = ["/v1", "/v1.0", "/v1.1", "/mqtt", "/sekisho.v1.", "/grpc."];
/// Files below it have a hash of their content in their names.
const HASHED: &str = "assets/";
/// A year, as long as anything may be kept (RFC 9111).
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Kept, but asked about each time.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");
/// So many bytes of a file's hash are its tag.
const TAG_BYTES: usize = 16;

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
    <title>Sekisho</title><h1>The pages are not built in</h1>\
    <p>This node runs, but its program was made without the pages for people. Where its sources \
    are, with Node.js 20 or newer:</p><pre>npm ci\nnpm run build\ncargo build --release</pre>\
    <p>Programs are served as ever: see <a href=\"/v1/openapi.json\">/v1/openapi.json</a>.</p>\n";
const NOT_HERE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
    <title>Not found</title><h1>There is no such page</h1>\
    <p>There is the <a href=\"/\">dashboard</a>, and the <a href=\"/console\">console</a> for those \
    who run this node.</p>\n";

/// What every page is told not to do.
#[derive(Debug)]
pub(crate) struct Rules(HeaderValue);

impl Rules {
    /// Nothing from elsewhere but sessions, pictures of the operator's own map, and what a provider
    /// answers to whoever signed in at it.
    pub(super) fn new(tiles: Option<&MapTiles>, providers: &[WebOrigin]) -> Self {
        let map = tiles.map(|tiles| format!(" {}", tiles.source())).unwrap_or_default();
        let listed = |all, provider: &WebOrigin| format!("{all} {provider}");
        let sign_in = providers.iter().fold(String::new(), listed);
        let rules = format!(
            "default-src 'self'; connect-src 'self' ws: wss:{sign_in}; img-src 'self' data: blob:{map}; \
             style-src 'self'; script-src 'self'; worker-src 'self'; object-src 'none'; \
             frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        );
        let strictest = HeaderValue::from_static("default-src 'none'");
        Self(HeaderValue::try_from(rules).unwrap_or(strictest))
    }
}

/// Whether this program has its pages.
#[must_use]
pub fn are_built() -> bool {
    PAGES.iter().all(|(_path, file)| Built::get(file).is_some())
}

/// The answer where no route is: a page, or that there is none.
pub(super) async fn answer(
    State(door): State<Arc<Door>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let path = uri.path();
    let is_for_program = FOR_PROGRAMS.iter().any(|prefix| path.starts_with(prefix));
    let file = if is_for_program { None } else { file_of(path) };
    let found = file.and_then(|file| Some((file, Built::get(file)?)));
    let is_asked = method == Method::GET || method == Method::HEAD;
    let mut response = match found {
        Some((file, found)) if is_asked => give(file, &found, &headers),
        Some(_) => {
            let allow = [(ALLOW, HeaderValue::from_static("GET, HEAD"))];
            return (allow, problem::otherwise(method).await).into_response();
        }
        None if is_asked && !is_for_program && is_person(path, &headers) => {
            let text = if path_is_page(path) { NOT_BUILT } else { NOT_HERE };
            html(StatusCode::NOT_FOUND, text)
        }
        None => return problem::nowhere(&uri).into_response(),
    };
    restrain(response.headers_mut(), &door.rules);
    if method == Method::HEAD { response.map(|_body| Body::empty()) } else { response }
}

fn path_is_page(path: &str) -> bool {
    PAGES.iter().any(|(page, _file)| *page == path)
}

/// Whoever asks for a page where one should be, or says that it reads pages.
fn is_person(path: &str, headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    path_is_page(path) || accept.is_some_and(|accept| accept.contains("text/html"))
}

/// The file of a path. Nothing is decoded: no file has a name that would need it, and none of a
/// part that begins with a dot.
fn file_of(path: &str) -> Option<&str> {
    if let Some((_page, file)) = PAGES.iter().find(|(page, _file)| *page == path) {
        return Some(file);
    }
    let file = path.strip_prefix('/')?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_part =
        |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(is_plain);
    file.split('/').all(is_part).then_some(file)
}

fn give(name: &str, file: &EmbeddedFile, headers: &HeaderMap) -> Response {
    let hash = file.metadata.sha256_hash();
    let tag = format!("\"{}\"", HEXLOWER.encode(hash.get(..TAG_BYTES).unwrap_or(&hash)));
    let caching = if name.starts_with(HASHED) { FOR_EVER } else { ASK_AGAIN };
    let Ok(shown) = HeaderValue::try_from(&tag) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let known = [(ETAG, shown), (CACHE_CONTROL, caching)];
    if has(headers, &tag) {
        return (StatusCode::NOT_MODIFIED, known).into_response();
    }
    let described = [
        (CONTENT_TYPE, HeaderValue::from_static(media_type(name))),
        (CONTENT_LENGTH, HeaderValue::from(file.data.len())),
    ];
    (known, described, file.data.clone().into_owned()).into_response()
}

/// Whether the browser has the file with this tag (RFC 9110 §13.1.2).
fn has(headers: &HeaderMap, tag: &str) -> bool {
    let named = headers.get_all(IF_NONE_MATCH).iter().filter_map(|names| names.to_str().ok());
    let mut named = named.flat_map(|names| names.split(',')).map(str::trim);
    named.any(|name| name == "*" || name.strip_prefix("W/").unwrap_or(name) == tag)
}

fn html(status: StatusCode, text: &'static str) -> Response {
    let described = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_LENGTH, HeaderValue::from(text.len())),
        (CACHE_CONTROL, ASK_AGAIN),
    ];
    (status, described, text).into_response()
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_name, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

/// A page runs what came with it and nothing else, within no other page, and tells nobody where it was.
fn restrain(headers: &mut HeaderMap, Rules(rules): &Rules) {
    let same = HeaderValue::from_static("same-origin");
    let [opener, resource] = ["cross-origin-opener-policy", "cross-origin-resource-policy"];
    headers.insert(CONTENT_SECURITY_POLICY, rules.clone());
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(HeaderName::from_static(opener), same.clone());
    headers.insert(HeaderName::from_static(resource), same);
}

#[cfg(test)]
mod tests;
