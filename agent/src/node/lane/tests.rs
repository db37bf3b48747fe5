use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use sekisho::PublishError;
use sekisho_proto::{Sample, Timestamp, Topic};
use tokio::sync::{Semaphore, oneshot};

use super::{Lane, NodeError, Stand};

fn sample() -> Sample {
    Sample { time: Timestamp::EPOCH, values: Vec::new() }
}

#[tokio::test]
async fn what_waits_for_a_publisher_that_cannot_be_started_is_counted_and_makes_room() {
    let topic = Topic::parse("a/b").unwrap();
    let given_up = Arc::new(AtomicU64::new(0));
    let room = Arc::new(Semaphore::new(2));
    let (answer, answered) = oneshot::channel();
    let unprotected =
        NodeError::publish(&topic, PublishError::Unprotected { topic: topic.clone() });
    let starting = async {
        let () = answered.await.unwrap();
        Err(unprotected)
    };
    let lane = Lane::start(topic, starting, Arc::clone(&given_up));
    for _ in 0..2 {
        let place = Arc::clone(&room).try_acquire_owned().unwrap();
        assert!(lane.hold((sample(), place)).is_ok());
    }
    assert!(matches!(lane.stand(), Stand::Starting) && !lane.is_given_up());
    assert_eq!((room.available_permits(), given_up.load(Ordering::Relaxed)), (0, 0));

    answer.send(()).unwrap();
    assert!(matches!(lane.settled().await, Stand::GivenUp));
    assert_eq!((room.available_permits(), given_up.load(Ordering::Relaxed)), (2, 2));
    let place = Arc::clone(&room).try_acquire_owned().unwrap();
    assert!(lane.hold((sample(), place)).is_err(), "it is for the caller to count");
    assert_eq!(room.available_permits(), 2);
    assert!(!lane.is_hopeless() && !lane.has_rested());
    assert!(lane.take_fault().is_some_and(|fault| fault.to_string().starts_with("topic a/b: ")));
    assert!(lane.take_fault().is_none(), "it is told once");
}

#[tokio::test]
async fn a_session_that_is_closed_is_not_a_topics_fault() {
    let topic = Topic::parse("a/b").unwrap();
    let closed = NodeError::publish(&topic, PublishError::Closed);
    let lane = Lane::start(topic, async { Err(closed) }, Arc::default());
    assert!(matches!(lane.settled().await, Stand::GivenUp));
    assert!(lane.is_hopeless());
}
