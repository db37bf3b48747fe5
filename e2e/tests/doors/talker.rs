//! A client that makes requests as scripts and dashboards do, over one connection or many.

use bytes::Bytes;
use data_encoding::BASE64;
use h2::RecvStream;
use http::{Method, Request, Response, StatusCode};
use sekisho_e2e::{City, Member, within};
use serde_json::Value as Json;

use crate::talk::http2;
use crate::tls::Shown;

/// Somebody who makes requests to a city's node.
#[derive(Debug, Clone)]
pub(crate) struct Talker {
    node: std::net::SocketAddr,
    member: Option<Member>,
    authorization: Option<String>,
}

/// What was answered.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) media_type: String,
    pub(crate) body: Bytes,
}

impl Talker {
    /// Somebody who says nothing of who they are.
    pub(crate) fn nobody(city: &City) -> Self {
        Self { node: city.door("web"), member: None, authorization: None }
    }

    /// Whoever shows a certificate with the key of a member.
    pub(crate) fn with_key(city: &City, member: &Member) -> Self {
        Self { member: Some(member.clone()), ..Self::nobody(city) }
    }

    /// The same with an `Authorization` header.
    pub(crate) fn saying(mut self, authorization: impl Into<String>) -> Self {
        self.authorization = Some(authorization.into());
        self
    }

    /// Enrols somebody without a key of its own.
    pub(crate) async fn attested(city: &City, name: &str, options: &[&str]) -> Self {
        let file = city.place(format!("{name}.password"));
        let path = file.to_str().unwrap();
        let enrol = ["enrol", name, "--attested", "--yes", "--password-file", path];
        city.run(&[&enrol[..], options].concat()).await.succeeded();
        let password = std::fs::read_to_string(&file).unwrap();
        let user = format!("{name}@{}:{}", city.name(), password.trim());
        Self::nobody(city).saying(format!("Basic {}", BASE64.encode(user.as_bytes())))
    }

    /// What it says of who it is.
    pub(crate) fn authorization(&self) -> &str {
        self.authorization.as_deref().unwrap()
    }

    pub(crate) async fn get(&self, target: &str) -> Reply {
        self.ask(Method::GET, target, &[], b"").await
    }

    pub(crate) async fn post(&self, target: &str, media_type: &str, body: &[u8]) -> Reply {
        self.ask(Method::POST, target, &[("content-type", media_type)], body).await
    }

    /// Makes a request and reads its whole answer.
    pub(crate) async fn ask(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let response = Box::pin(self.begin(method, target, headers, body)).await;
        let status = response.status();
        let media_type = response.headers().get("content-type");
        let media_type =
            media_type.map(|text| text.to_str().unwrap().to_owned()).unwrap_or_default();
        let mut stream = response.into_body();
        let mut body = Vec::new();
        while let Some(chunk) = within("an answer", stream.data()).await {
            let chunk = chunk.unwrap();
            stream.flow_control().release_capacity(chunk.len()).unwrap();
            body.extend_from_slice(&chunk);
        }
        Reply { status, media_type, body: body.into() }
    }

    /// Makes a request; its answer may have no end.
    pub(crate) async fn begin(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response<RecvStream> {
        let shown = match &self.member {
            Some(member) => Shown::Box(member.identity().signing().clone()),
            None => Shown::Nothing,
        };
        let (mut client, _certificate) = Box::pin(http2(self.node, shown)).await;
        let mut request = Request::builder().method(method);
        request = request.uri(format!("https://{}{target}", self.node));
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        let is_empty = body.is_empty();
        let (response, mut send) = client.send_request(request, is_empty).unwrap();
        if !is_empty {
            // A node that has answered already does not read it.
            drop(send.send_data(Bytes::copy_from_slice(body), true));
        }
        within("a response", response).await.unwrap()
    }
}

impl Reply {
    /// The document, where the request was fulfilled.
    pub(crate) fn done(&self) -> Json {
        assert_eq!(self.status, 200, "{self:?}");
        serde_json::from_slice(&self.body).unwrap()
    }

    /// What is said, where the request was refused with this status.
    pub(crate) fn refused(&self, status: u16) -> Json {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.media_type, "application/problem+json", "{self:?}");
        let problem: Json = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem.get("status").and_then(Json::as_u64), Some(u64::from(status)));
        problem
    }
}
