//! Connecting: connected means welcomed, impatience where patience does not help, and a connection
//! that survives a change of network.

use std::{sync::Arc, time::Duration};

use sekisho::{AnswerBody, Client, ConnectError, QueryError, Question, RefusalCode};

use crate::{
    node::{Node, options},
    world::{World, sample},
};

#[tokio::test]
async fn a_client_the_node_does_not_know_is_told_at_once() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    node.script().welcome = Err(RefusalCode::UnknownKey);
    let refused =
        Client::connect(node.endpoint(), Arc::clone(&world.truck), world.trust(), options()).await;
    let refused = refused.unwrap_err();
    assert!(
        matches!(&refused, ConnectError::Refused { refusal, .. }
            if refusal.code == RefusalCode::UnknownKey),
        "{refused}"
    );
}

#[tokio::test]
async fn a_node_that_drains_is_tried_again_until_it_lets_the_client_in() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    node.script().welcome = Err(RefusalCode::Draining);
    let client =
        Client::start(node.endpoint(), Arc::clone(&world.truck), world.trust(), options()).unwrap();
    node.until(|seen| seen.connections >= 2).await;
    assert!(!client.is_connected());
    node.script().welcome = Ok(());
    client.connected().await.unwrap();
    assert!(client.is_connected());
}

#[tokio::test]
async fn a_client_that_is_not_welcome_any_more_hears_so() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let client = node.client(&world.truck, &world).await;
    node.script().welcome = Err(RefusalCode::Revoked);
    node.hang_up();
    let barred = client.barred().await;
    assert!(
        matches!(&barred, ConnectError::Refused { refusal, .. }
            if refusal.code == RefusalCode::Revoked),
        "{barred}"
    );
    client.close().await;
    assert!(matches!(client.barred().await, ConnectError::Closed));
}

#[tokio::test]
async fn another_organisation_s_node_is_refused() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    node.script().organisation = "santander".parse().unwrap();
    let refused =
        Client::connect(node.endpoint(), Arc::clone(&world.truck), world.trust(), options()).await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, ConnectError::Organisation { .. }), "{refused}");
}

#[tokio::test]
async fn a_node_with_another_key_is_never_greeted() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let mut endpoint = node.endpoint();
    endpoint.node_key = World::new("fujisawa", 9000).node.public_key();
    let options = options().connect_timeout(Duration::from_millis(300));
    let refused = Client::connect(endpoint, Arc::clone(&world.truck), world.trust(), options)
        .await
        .unwrap_err();
    let ConnectError::Timeout { last: Some(last), .. } = &refused else {
        panic!("wanted a time-out with a cause, found {refused:?}");
    };
    assert!(matches!(**last, ConnectError::Handshake { .. }), "{last}");
    assert_eq!(node.seen().connections, 0);
}

#[tokio::test]
async fn a_connection_moves_to_another_socket_and_goes_on() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let client = node.client(&world.truck, &world).await;
    let publisher = client.publisher(world.topic()).start().await.unwrap();
    for number in 0..3 {
        publisher.publish(sample(number)).await.unwrap();
        publisher.flush().await.unwrap();
        client.rebind().unwrap();
    }
    publisher.publish(sample(3)).await.unwrap();
    publisher.flush().await.unwrap();
    assert_eq!(node.seen().connections, 1, "it is the same connection");
}

#[tokio::test]
async fn a_question_is_answered_and_a_refusal_is_an_error() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let client = node.client(&world.truck, &world).await;
    let AnswerBody::Json(status) = client.query(Question::Status).await.unwrap() else {
        panic!("wanted a document");
    };
    assert!(status.contains(&world.truck.id().to_string()), "{status}");
    let refused = client.query(Question::Peers).await.unwrap_err();
    assert!(
        matches!(&refused, QueryError::Refused(why) if why.code == RefusalCode::NotFound),
        "{refused}"
    );
    client.close().await;
    let closed = client.query(Question::Status).await.unwrap_err();
    assert!(matches!(closed, QueryError::Closed), "{closed}");
}

#[tokio::test]
async fn the_session_ends_when_nobody_holds_it_any_more() {
    let world = World::fujisawa();
    let node = Node::start(&world).await;
    let client = node.client(&world.truck, &world).await;
    let publisher = client.publisher(world.topic()).start().await.unwrap();
    drop(client);
    publisher.publish(sample(0)).await.unwrap();
    publisher.flush().await.unwrap();
    let mut watching = publisher.clone();
    drop(publisher);
    watching.publish(sample(1)).await.unwrap();
    watching.flush().await.unwrap();
    watching = {
        let kept = watching.clone();
        drop(watching);
        kept
    };
    drop(watching);
    let client = node.client(&world.truck, &world).await;
    client.close().await;
    assert_eq!(node.seen().connections, 2);
}
