//! Money.

use std::fmt;
use std::iter::Sum;
use std::ops::{AddAssign, Sub, SubAssign};

use serde::{Deserialize, Serialize, Serializer};

const CENTS_PER_UNIT: i64 = 100;

/// The largest amount a request may name: far above any balance, far below what cents in an `i64`
/// or units in an `f64` can hold exactly.
const MAX_UNITS: f64 = 1e9;

/// An exact amount of money, counted in cents. In JSON it is a number of whole units: `100` or `19.99`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "f64")]
pub(crate) struct Amount {
    cents: i64,
}

impl Amount {
    /// `units` whole units.
    pub(crate) const fn units(units: u32) -> Self {
        Self {
            cents: units as i64 * CENTS_PER_UNIT,
        }
    }

    /// The number of units, as in JSON.
    pub(crate) fn as_units(self) -> f64 {
        self.cents as f64 / 100.0
    }

    /// Whether there is something to move: more than nothing.
    pub(crate) const fn is_positive(self) -> bool {
        self.cents > 0
    }
}

/// A JSON number that is no amount.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AmountError {
    /// More digits than cents have.
    #[error("an amount has at most two decimals, got {0}")]
    Fraction(f64),
    /// Too large to be meant.
    #[error("an amount lies between -{MAX_UNITS} and {MAX_UNITS}, got {0}")]
    Range(f64),
}

impl TryFrom<f64> for Amount {
    type Error = AmountError;

    fn try_from(units: f64) -> Result<Self, AmountError> {
        if !(-MAX_UNITS..=MAX_UNITS).contains(&units) {
            return Err(AmountError::Range(units));
        }
        let cents = (units * 100.0).round();
        // The nearest number of cents, written as units again, is the very number that was sent:
        // otherwise the sender meant a fraction of a cent.
        if cents / 100.0 != units {
            return Err(AmountError::Fraction(units));
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole, and within the range above"
        )]
        Ok(Self {
            cents: cents as i64,
        })
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.cents % CENTS_PER_UNIT == 0 {
            serializer.serialize_i64(self.cents / CENTS_PER_UNIT)
        } else {
            serializer.serialize_f64(self.as_units())
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.cents < 0 { "-" } else { "" };
        let cents = self.cents.unsigned_abs();
        f.pad(&format!("{sign}{}.{:02}", cents / 100, cents % 100))
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.cents += other.cents;
    }
}

impl Sub for Amount {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            cents: self.cents - other.cents,
        }
    }
}

impl SubAssign for Amount {
    fn sub_assign(&mut self, other: Self) {
        self.cents -= other.cents;
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        let mut total = Self::default();
        for amount in amounts {
            total += amount;
        }
        total
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::Amount;

    fn parse(json: &str) -> Result<Amount, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn json_numbers_come_back_as_they_were_sent() {
        for json in ["100", "19.99", "0.1", "0.01", "999999999.99", "-5"] {
            let amount = parse(json).unwrap();
            assert_eq!(serde_json::to_string(&amount).unwrap(), json);
        }
    }

    #[test]
    fn a_fraction_of_a_cent_is_refused() {
        let message = parse("0.001").unwrap_err().to_string();
        assert!(message.contains("at most two decimals"), "{message}");
    }

    #[test]
    fn an_amount_out_of_range_is_refused() {
        assert!(parse("1e10").is_err());
        assert!(parse("-1e10").is_err());
    }

    #[test]
    fn cents_add_up_exactly() {
        let dime = parse("0.1").unwrap();
        let total: Amount = std::iter::repeat_n(dime, 1000).sum();
        assert_eq!(total, Amount::units(100));
    }

    #[test]
    fn amounts_are_shown_with_two_decimals() {
        assert_eq!(format!("{:>8}", parse("-0.5").unwrap()), "   -0.50");
        assert_eq!(Amount::units(900).to_string(), "900.00");
    }
}
