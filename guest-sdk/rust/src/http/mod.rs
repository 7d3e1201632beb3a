//! Calls services.
//!
//! Each request passes the allow-list that the operator granted this component, and is journaled. The engine adds an
//! `Idempotency-Key` to each request that is not a GET, HEAD or OPTIONS, the same for every attempt of the call, unless
//! the step sets its own.
//!
//! ```no_run
//! use wasaga_sdk::prelude::*;
//!
//! #[derive(Serialize)]
//! struct Charge<'a> {
//!     order_id: &'a str,
//!     amount: f64,
//! }
//!
//! #[derive(Deserialize)]
//! struct Payment {
//!     payment_id: String,
//! }
//!
//! fn charge(order_id: &str, amount: f64) -> Result<Payment, StepError> {
//!     let payment = http::post("https://pay.example/charges")
//!         .bearer_auth(config::require("pay_token")?)
//!         .json(&Charge { order_id, amount })
//!         .send()?
//!         .error_for_status()?
//!         .json()?;
//!     Ok(payment)
//! }
//! ```
//!
//! `?` makes a step's failure of what goes wrong:
//!
//! | what | kind | code |
//! |---|---|---|
//! | no connection, a timeout, a broken connection | retryable | `http-connect`, `http-timeout`, `http-transport` |
//! | a host that is not allowed, a request that is none, a body over the limit | permanent | `http-forbidden`, `http-invalid-request`, `http-too-large` |
//! | status 408, 425, 429 or 5xx | retryable | the body's `code`, else `http-503` |
//! | any other status that is not 2xx | permanent | the body's `code`, else `http-404` |
//! | a body that is not what the step reads | retryable | `http-invalid-response` |

mod error;
mod request;
mod response;

pub use error::{Error, StatusError};
pub use request::{Request, delete, get, head, patch, post, put, request};
pub use response::Response;
