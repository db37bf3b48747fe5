use super::*;

fn pauses(seed: u64, count: usize) -> Vec<Duration> {
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(60), seed);
    (0..count).map(|_| backoff.next_pause()).collect()
}

#[test]
fn pauses_double_up_to_the_longest_and_keep_their_upper_half() {
    for (pause, number) in pauses(1, 40).into_iter().zip(0_u32..) {
        let bound = Duration::from_millis(500)
            .saturating_mul(2_u32.saturating_pow(number))
            .min(Duration::from_secs(60));
        assert!(bound / 2 <= pause && pause <= bound, "pause {number}: {pause:?}");
    }
}

#[test]
fn nodes_with_different_seeds_do_not_come_back_together() {
    assert_ne!(pauses(1, 3), pauses(2, 3));
    assert_eq!(pauses(1, 3), pauses(1, 3));
}

#[test]
fn a_success_begins_again_with_a_short_pause() {
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(60), 1);
    for _ in 0..9 {
        backoff.next_pause();
    }
    backoff.reset();
    assert!(backoff.next_pause() <= Duration::from_millis(500));
}
