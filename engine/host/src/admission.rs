//! Who may run: so many calls at once, and so many of one component.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use wasaga_core::Name;

/// Components whose semaphores are kept before those that nobody uses are dropped.
const MAX_IDLE_COMPONENTS: usize = 1_024;

/// Lets calls in, first come, first served.
#[derive(Debug)]
pub(crate) struct Admission {
    all: Semaphore,
    max_calls_per_component: usize,
    per_component: Mutex<HashMap<Name, Arc<Semaphore>>>,
}

/// The right to run; given back when dropped.
#[derive(Debug)]
pub(crate) struct Admitted<'a> {
    _component: Option<OwnedSemaphorePermit>,
    _all: Option<SemaphorePermit<'a>>,
}

impl Admission {
    pub(crate) fn new(max_calls: u32, max_calls_per_component: u32) -> Self {
        Self {
            all: Semaphore::new(max_calls.max(1) as usize),
            max_calls_per_component: max_calls_per_component.max(1) as usize,
            per_component: Mutex::new(HashMap::new()),
        }
    }

    /// Waits for a place. A call waits for its component first: while it does, it takes no place
    /// that another component could have.
    pub(crate) async fn admit(&self, component: &Name) -> Admitted<'_> {
        // The semaphores are never closed, so that both are always had.
        let component = self.component(component).acquire_owned().await.ok();
        let all = self.all.acquire().await.ok();
        Admitted {
            _component: component,
            _all: all,
        }
    }

    fn component(&self, name: &Name) -> Arc<Semaphore> {
        let mut known = self
            .per_component
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(semaphore) = known.get(name) {
            return Arc::clone(semaphore);
        }
        if known.len() >= MAX_IDLE_COMPONENTS {
            known.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
        }
        let semaphore = Arc::new(Semaphore::new(self.max_calls_per_component));
        known.insert(name.clone(), Arc::clone(&semaphore));
        semaphore
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn a_component_cannot_take_every_place() {
        let admission = Admission::new(3, 2);
        let slow = Name::new("slow").expect("a name");
        let other = Name::new("other").expect("a name");
        let first = admission.admit(&slow).now_or_never().expect("a place");
        let _second = admission.admit(&slow).now_or_never().expect("a place");
        assert!(admission.admit(&slow).now_or_never().is_none());
        let _third = admission.admit(&other).now_or_never().expect("a place");
        assert!(
            admission.admit(&other).now_or_never().is_none(),
            "all places are taken"
        );
        drop(first);
        assert!(admission.admit(&other).now_or_never().is_some());
    }
}
