//! Decisions against those of Cedar, an engine that somebody else wrote, on random worlds and
//! requests. `PROPTEST_CASES` says how many worlds; each is asked [`REQUESTS`] times.

#[cfg(test)]
mod translation;
#[cfg(test)]
mod world;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sekisho_proto::Action;

    use crate::{
        translation::Referee,
        world::{PRINCIPALS, TOPICS, World, at, id_of, some_plan, topic},
    };

    /// Requests to each world.
    const REQUESTS: usize = 80;

    /// Somebody, something to do, a topic, and when.
    fn some_request() -> impl Strategy<Value = (usize, usize, usize, i64)> {
        (0..PRINCIPALS.len(), 0..Action::ALL.len(), 0..TOPICS.len(), 200..400_i64)
    }

    proptest! {
        #[test]
        fn cedar_agrees_with_every_decision(
            plan in some_plan(),
            requests in proptest::collection::vec(some_request(), REQUESTS),
        ) {
            let world = World::of(&plan);
            let referee = Referee::new(&world);
            for (who, action, on, now) in requests {
                let (who, action) = (PRINCIPALS[who], Action::ALL[action]);
                let (on, id) = (topic(TOPICS[on]), id_of(who));
                let wanted = referee.allows(who, action, &on, now);
                let found = world.policy.permit(action, id, &on, at(now));
                prop_assert_eq!(found.is_ok(), wanted, "{} {} {} {}: {:?}", who, action, on, now, found);
                if action == Action::Publish {
                    let found = world.policy.permit_publish(id, &on, at(now));
                    prop_assert_eq!(found.is_ok(), wanted, "{} {} {}: {:?}", who, on, now, found);
                }
            }
        }
    }
}
