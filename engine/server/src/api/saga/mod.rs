//! Sagas.

mod cancel;
mod events;
mod list;
mod logs;
mod show;
mod start;
mod view;

pub(crate) use self::cancel::*;
pub(crate) use self::events::*;
pub(crate) use self::list::*;
pub(crate) use self::logs::*;
pub(crate) use self::show::*;
pub(crate) use self::start::*;

use wasaga_core::SagaId;

use super::problem::Refused;
use crate::wire::Code;

fn unknown(id: SagaId) -> Refused {
    Refused::new(Code::UnknownSaga, format!("There is no saga {id}."))
}
