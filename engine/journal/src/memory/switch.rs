//! Which version of a component sagas take, in memory.

use wasaga_core::Name;

use crate::SWITCH_LIMIT;
use crate::cursor::{self, List};
use crate::error::JournalError;
use crate::journal::Activation;
use crate::model::{Page, PageRequest, Switch, Switched};
use crate::switch::Decision;

use super::stock::Stock;

impl Stock {
    pub(super) fn switch(&mut self, switch: &Switch) -> Activation {
        let Some(component) = self.components.get_mut(&switch.name) else {
            return Activation::NotFound;
        };
        let version = switch.version();
        if version.is_some_and(|version| component.version(version).is_none()) {
            return Activation::NotFound;
        }
        let after = match switch.decide(component.row(&switch.name)) {
            Decision::Change(after) => after,
            Decision::Answer(answer) => return answer,
        };
        component.active = after.active;
        component.candidate = after.candidate;
        component.generation = after.generation;
        component.switches.push_front(Switched {
            generation: after.generation,
            to: switch.to,
            order: switch.order.clone(),
            at: switch.at,
        });
        component.switches.truncate(SWITCH_LIMIT as usize);
        Activation::Done(after)
    }

    pub(super) fn switches(
        &self,
        name: &Name,
        page: &PageRequest,
    ) -> Result<Page<Switched>, JournalError> {
        let after: Option<u64> = cursor::after(List::Switches, page)?;
        let limit = cursor::limit(page.limit);
        let key = |item: &Switched| item.generation;
        let component = self.components.get(name);
        let rest = component
            .into_iter()
            .flat_map(|component| &component.switches)
            .filter(|item| after.is_none_or(|after| key(item) < after));
        let rest = rest.take(limit + 1).cloned().collect();
        Ok(cursor::page(List::Switches, rest, limit, key))
    }
}
