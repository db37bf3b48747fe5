//! The SDK and the command by every door that speaks the native protocol: what holds over QUIC holds
//! over WebSocket and gRPC, whatever happens to the node in between.
#![cfg(test)]

mod between;
mod python;
mod sessions;
mod words;

use std::net::SocketAddr;

use sekisho::{Client, Publisher, Scope, Via};
use sekisho_e2e::{City, Member};

const TRUCKS: &str = "fujisawa/truck/#";
const AIR: &str = "fujisawa/truck/17/air";

/// A city whose node has its web listener open.
async fn city() -> (City, SocketAddr) {
    let mut city = City::plan("fujisawa").await;
    let web = city.open("web");
    city.start().await;
    (city, web)
}

/// Both doors at a web listener, with their names.
fn doors(web: SocketAddr) -> [(&'static str, Via); 2] {
    let address = web.to_string();
    [("websocket", Via::WebSocket { address: address.clone() }), ("grpc", Via::Grpc { address })]
}

async fn truck(city: &City) -> Member {
    Member::device(city, "truck-17", "fujisawa/truck/17/#").await
}

async fn publisher(client: &Client) -> Publisher {
    let builder = client.publisher(AIR.parse().unwrap()).scope(Scope::Organisation);
    builder.start().await.unwrap()
}
