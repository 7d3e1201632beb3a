//! The calls of a tree, and how they are made to fail.

use wasaga_core::{Call, Certainty, Evidence, Failure, Input, Report};

use super::plan::{CallKey, Delivery, Moment, Route, report};
use super::tree::{Made, Tree};

impl Tree<'_> {
    /// A call comes to its end.
    pub(super) async fn calls(&mut self, saga: usize, call: &Call) -> Result<(), String> {
        let key = CallKey::of(&self.sagas[saga].label, call);
        let report = if let Some(report) = self.detour(saga, call) {
            report
        } else if let Some(index) = self.fault(&key) {
            let fault = self.plan.faults[index].clone();
            if fault.moment == Moment::AfterEffect {
                self.make(call).await;
            }
            self.failed[index] += 1;
            self.expect(saga, call, &fault);
            fault.report()
        } else {
            self.make(call).await
        };
        let is_bound = self.is_bound(saga);
        self.made.push(Made {
            call: key,
            is_bound,
        });
        let call = call.id.clone();
        self.give(saga, Input::Returned { call, report }).await?;
        Ok(())
    }

    /// Makes a call for real, as often as the plan says. The last answer counts.
    pub(super) async fn make(&self, call: &Call) -> Report {
        let report = self.stage.call(call).await;
        match self.plan.delivery {
            Delivery::Once => report,
            Delivery::Twice => self.stage.call(call).await,
        }
    }

    /// Which fault this attempt of a call fails by.
    pub(super) fn fault(&self, key: &CallKey) -> Option<usize> {
        let faults = self.plan.faults.iter().zip(&self.failed);
        let mut open = faults.map(|(fault, failed)| fault.call == *key && *failed < fault.times);
        open.position(|is_open| is_open)
    }

    /// What is reported of a step's own work where the route goes by its fallback.
    pub(super) fn detour(&self, saga: usize, call: &Call) -> Option<Report> {
        let state = &self.sagas[saga].state;
        let fallback = state.definition.step_at(&call.id.step)?.fallback.as_ref()?;
        if self.plan.route != Route::Fallbacks || call.id.step.is_fallback() {
            return None;
        }
        let code = fallback.on.first().map_or("detour", String::as_str);
        let failure = Failure::permanent(code, "the route goes by the fallback");
        // A step that is on its way back is not one that fails.
        let is_act = CallKey::of("", call).is_act();
        is_act.then(|| report(failure, Certainty::Definite, Evidence::Unchanged))
    }
}
