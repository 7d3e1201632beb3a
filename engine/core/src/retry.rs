//! When to try again.

use std::time::Duration;

use crate::call::Direction;
use crate::id::{SagaId, idempotency_key};
use crate::path::StepPath;

/// How often and how soon a failed call is repeated.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Failed attempts after which the step has failed; at least 1.
    pub max_attempts: u32,
    /// Wait after the first failed attempt.
    pub initial_interval: Duration,
    /// Each wait is this many times the one before; at least 1.
    pub multiplier: f64,
    /// No wait is longer than this.
    pub max_interval: Duration,
    /// Share of each wait by which it is shortened or lengthened, 0 to 1, so that sagas which
    /// failed together do not come back together.
    pub jitter: f64,
}

impl RetryPolicy {
    /// Policy of an act that names none.
    #[must_use]
    pub const fn for_act() -> Self {
        Self {
            max_attempts: 3,
            initial_interval: Duration::from_millis(200),
            multiplier: 2.0,
            max_interval: Duration::from_secs(30),
            jitter: 0.2,
        }
    }

    /// Policy of a compensation that names none: an undo is worth more tries than a do.
    #[must_use]
    pub const fn for_compensate() -> Self {
        Self {
            max_attempts: 10,
            ..Self::for_act()
        }
    }

    /// How long to wait after `failures` failed attempts, or `None` when they were the last.
    ///
    /// The jitter is derived from the saga, the step and the number of failures: a state machine
    /// has no randomness, and other sagas and steps get other waits all the same.
    #[must_use]
    pub fn wait_after(
        &self,
        failures: u32,
        saga: SagaId,
        step: &StepPath,
        direction: Direction,
    ) -> Option<Duration> {
        (failures < self.max_attempts).then(|| self.interval(failures, saga, step, direction))
    }

    /// The wait after `failures` failed attempts, whether or not they were the last.
    #[must_use]
    pub fn interval(
        &self,
        failures: u32,
        saga: SagaId,
        step: &StepPath,
        direction: Direction,
    ) -> Duration {
        let exponent = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
        let longest = self.max_interval.as_secs_f64();
        let plain =
            (self.initial_interval.as_secs_f64() * self.multiplier.powi(exponent)).min(longest);
        let spread = 1.0 + self.jitter * unit_interval(saga, step, direction, failures);
        Duration::from_secs_f64((plain * spread).clamp(0.0, longest))
    }
}

/// A number from -1 to 1 that depends on nothing but its arguments.
fn unit_interval(saga: SagaId, step: &StepPath, direction: Direction, failures: u32) -> f64 {
    let key = idempotency_key(saga, step, direction, 0);
    let hash = key.as_u64_pair().1 ^ u64::from(failures).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // Two rounds of a 64-bit mix: neighbouring failure counts must not give neighbouring waits.
    let mixed = (hash ^ (hash >> 31)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    let top = u32::try_from((mixed ^ (mixed >> 32)) & 0xffff_ffff).unwrap_or(0);
    f64::from(top) / f64::from(u32::MAX) * 2.0 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Name;
    use proptest::prelude::*;

    fn step() -> StepPath {
        StepPath::root(&Name::new("pay").expect("a name"))
    }

    #[test]
    fn waits_grow_up_to_the_longest_and_then_end() {
        let policy = RetryPolicy {
            jitter: 0.0,
            max_attempts: 4,
            max_interval: Duration::from_millis(500),
            ..RetryPolicy::for_act()
        };
        let saga = SagaId::from_parts(1, &[0; 10]);
        let waits: Vec<_> = (1..=4)
            .map(|n| {
                policy
                    .wait_after(n, saga, &step(), Direction::Act)
                    .map(|d| d.as_millis())
            })
            .collect();
        assert_eq!(waits, [Some(200), Some(400), Some(500), None]);
    }

    proptest! {
        #[test]
        fn jitter_stays_within_its_share(random: [u8; 10], failures in 1u32..20) {
            let policy = RetryPolicy { max_attempts: 100, jitter: 0.2, multiplier: 1.0, ..RetryPolicy::for_act() };
            let saga = SagaId::from_parts(1, &random);
            let wait = policy.wait_after(failures, saga, &step(), Direction::Act).expect("not the last");
            prop_assert!((160..=240).contains(&wait.as_millis()), "{wait:?}");
        }
    }
}
