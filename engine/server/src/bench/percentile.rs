//! Percentiles of measured times.

/// Times that were measured, in microseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times {
    sorted_us: Vec<u32>,
}

impl Times {
    /// Of measurements in any order, in microseconds.
    pub(crate) fn new(mut measured_us: Vec<u32>) -> Self {
        measured_us.sort_unstable();
        Self {
            sorted_us: measured_us,
        }
    }

    /// These and those of others.
    pub(crate) fn and(self, others: Self) -> Self {
        Self::new([self.sorted_us, others.sorted_us].concat())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.sorted_us.len()
    }

    /// The nearest-rank percentile in milliseconds: the shortest time that at least `percent` percent
    /// of the measurements do not exceed. `None` when there are none.
    pub(crate) fn percentile_ms(&self, percent: u32) -> Option<f64> {
        let percent = usize::try_from(percent.min(100)).ok()?;
        let rank = (self.sorted_us.len() * percent).div_ceil(100);
        let us = self.sorted_us.get(rank.max(1) - 1)?;
        Some(f64::from(*us) / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_time_that_was_measured() {
        let times = Times::new(vec![4000, 1000, 3000, 2000]);
        assert_eq!(times.percentile_ms(50), Some(2.0));
        assert_eq!(times.percentile_ms(51), Some(3.0));
        assert_eq!(times.percentile_ms(99), Some(4.0));
        assert_eq!(times.percentile_ms(100), Some(4.0));
        assert_eq!(times.percentile_ms(0), Some(1.0));
    }

    #[test]
    fn of_a_hundred_times_the_99th_is_not_the_longest() {
        let times = Times::new((1..=100).rev().map(|ms| ms * 1000).collect());
        assert_eq!(times.percentile_ms(50), Some(50.0));
        assert_eq!(times.percentile_ms(99), Some(99.0));
    }

    #[test]
    fn nothing_measured_has_no_percentile() {
        assert_eq!(Times::default().percentile_ms(50), None);
    }
}
