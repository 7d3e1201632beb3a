//! Points in time and lengths of time as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in time, to the millisecond. Written as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

/// A text that is no [`Timestamp`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a point in time: expected RFC 3339, for example 2026-01-31T08:00:00Z")]
pub struct TimestampError(String);

impl Timestamp {
    /// From milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_unix_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn unix_ms(self) -> i64 {
        self.0
    }

    /// This point in time and `duration` after it; the last one there is when that is too far.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(ms))
    }

    /// How long after `earlier` this is; zero when it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What jiff cannot hold is ten thousand years away: its last moment stands for it.
        let time = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{time:.3}")
    }
}

impl From<Timestamp> for String {
    fn from(time: Timestamp) -> Self {
        time.to_string()
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        text.parse::<jiff::Timestamp>()
            .map(|time| Self(time.as_millisecond()))
            .map_err(|_| TimestampError(text.chars().take(64).collect()))
    }
}

impl TryFrom<String> for Timestamp {
    type Error = TimestampError;

    fn try_from(text: String) -> Result<Self, TimestampError> {
        text.parse()
    }
}

/// A text that is no length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a length of time: expected a number with a unit, for example \"200ms\", \"10s\", \"1h 30m\""
)]
pub struct DurationError(String);

/// Reads a length of time such as `200ms`, `10s`, `1h 30m` or `7d`.
///
/// # Errors
/// When the text is no length of time, or is negative.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let error = || DurationError(text.chars().take(64).collect());
    let mut total = Duration::ZERO;
    // A day has 24 hours here: no calendar is involved, so jiff leaves the unit to its caller.
    let rest = match text.split_once('d') {
        Some((days, rest)) if !days.is_empty() && days.bytes().all(|b| b.is_ascii_digit()) => {
            let days: u32 = days.parse().map_err(|_| error())?;
            total += Duration::from_hours(24) * days;
            rest.trim_start()
        }
        _ => text,
    };
    if !rest.is_empty() {
        let part: jiff::SignedDuration = rest.parse().map_err(|_| error())?;
        total = total
            .checked_add(Duration::try_from(part).map_err(|_| error())?)
            .ok_or_else(error)?;
    } else if text.is_empty() {
        return Err(error());
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_read_as_people_write_them() {
        let ms = |text| parse_duration(text).map(|d| d.as_millis());
        assert_eq!(ms("200ms"), Ok(200));
        assert_eq!(ms("10s"), Ok(10_000));
        assert_eq!(ms("1h 30m"), Ok(5_400_000));
        assert_eq!(ms("7d"), Ok(604_800_000));
        assert_eq!(ms("1d 2h"), Ok(93_600_000));
        for wrong in ["", "10", "ten seconds", "-5s", "d", "99999999999d"] {
            assert!(
                ms(wrong).is_err(),
                "{wrong:?} was taken for a length of time"
            );
        }
    }

    #[test]
    fn a_timestamp_reads_back_what_it_writes() {
        let time = Timestamp::from_unix_ms(1_795_219_200_123);
        assert_eq!(time.to_string(), "2026-11-21T00:00:00.123Z");
        assert_eq!(time.to_string().parse(), Ok(time));
        assert!("yesterday".parse::<Timestamp>().is_err());
    }

    #[test]
    fn time_far_away_does_not_overflow() {
        let last = Timestamp::from_unix_ms(i64::MAX);
        assert_eq!(last.after(Duration::MAX), last);
        assert!(!last.to_string().is_empty());
    }
}
