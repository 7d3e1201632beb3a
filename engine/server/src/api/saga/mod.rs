//! Sagas.

mod batch;
mod calls;
mod diagram;
mod events;
mod follow;
mod list;
mod logs;
mod order;
mod show;
mod start;

pub(crate) use self::batch::*;
pub(crate) use self::calls::*;
pub(crate) use self::diagram::*;
pub(crate) use self::events::*;
pub(crate) use self::list::*;
pub(crate) use self::logs::*;
pub(crate) use self::order::*;
pub(crate) use self::show::*;
pub(crate) use self::start::*;

use wasaga_core::SagaId;

use super::problem::Refused;
use crate::wire::Code;

fn unknown(id: SagaId) -> Refused {
    Refused::new(Code::UnknownSaga, format!("There is no saga {id}."))
}
