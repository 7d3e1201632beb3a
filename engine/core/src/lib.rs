//! The saga state machine of Wasaga.
//!
//! A saga is the fold of its journal: [`State`] is built from [`Record`]s, [`transition`] turns an
//! [`Input`] into the next [`Event`]s, and [`effects`] says what has to be done in a state. There
//! is no IO, clock or randomness in here: time and the components' active versions come in with
//! [`Env`], jitter is derived from the saga's id. Recovery therefore is: read the journal, fold,
//! run the effects.
//!
//! | file | what it holds |
//! |---|---|
//! | `definition/` | the document a user writes, checked whole, and the tree it becomes |
//! | `event` | what the journal can say |
//! | `state/` | the fold: what a sequence of events means |
//! | `transition/` | what may happen next, one file a direction and a node kind |
//! | `effect` | what a state asks of the outside |
//! | `history` | the calls that a journal tells of |
//! | `comparison/` | what is different when such a call is run again on another version |

pub mod call;
pub mod comparison;
pub mod component;
pub mod definition;
pub mod effect;
pub mod event;
pub mod expression;
pub mod history;
pub mod id;
pub mod json;
pub mod limits;
pub mod log;
pub mod path;
pub mod recording;
pub mod retry;
pub mod schema;
pub mod state;
pub mod time;
pub mod transition;

pub use call::{
    CallId, Certainty, Completion, Direction, Ended, Evidence, Failure, FailureKind, Metering,
    Reply, ReplyToken, Report,
};
pub use comparison::{Comparison, Difference, Incomparable, comparable, compare};
pub use component::{Candidate, ComponentInfo, Policy, SecretGrant};
pub use definition::{Definition, Problem};
pub use effect::{Call, ChildOrder, Effect, Told, Want, due_at, effects};
pub use event::{CutOff, Event, FORMAT, Order, Parent, PauseCause, Pin, Record, Repin};
pub use history::{History, RecordedCall, RecordedEnd, RecordedOutcome};
pub use id::{Digest, Name, NameError, SagaId};
pub use limits::Limits;
pub use log::{LogLevel, LogLine};
pub use path::StepPath;
pub use recording::{Recording, RequestRecord};
pub use retry::RetryPolicy;
pub use state::{SagaError, State, Status, StepState, StepStatus};
pub use time::Timestamp;
pub use transition::{
    Active, Bounds, ChildEnd, Env, Input, NewSaga, StartError, Starts, TransitionError, Turn, Verb,
    World, start, transition,
};
