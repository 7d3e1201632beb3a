//! Looks at a tree that came to its end.

use wasaga_core::state::Progress;
use wasaga_core::{Event, Evidence, Status, StepPath};

use super::plan::Plan;
use super::tree::{Saga, Tree, is_completed};

/// Checks that a tree went as its plan says and ended as it had to.
///
/// # Errors
/// What is wrong.
pub(crate) fn judge(tree: &Tree<'_>, plan: &Plan) -> Result<(), String> {
    let mut faults = plan.faults.iter().zip(&tree.failed);
    if let Some((fault, _)) = faults.find(|(_, failed)| **failed == 0) {
        return Err(format!("{} was never called", fault.call));
    }
    if let Some(commit) = plan.crash_after.filter(|commit| *commit > tree.commits) {
        let commits = tree.commits;
        return Err(format!(
            "there are {commits} commits, so no crash after {commit}"
        ));
    }
    let expected = &tree.expected;
    let status = tree.root().status();
    if status != expected.status {
        let error = &tree.root().error;
        let wanted = expected.status;
        return Err(format!(
            "it is {status} ({error:?}), and has to be {wanted}"
        ));
    }
    if tree.stops != expected.stops {
        let (stops, wanted) = (&tree.stops, &expected.stops);
        return Err(format!("it stopped at {stops:?}, and had to at {wanted:?}"));
    }
    for (label, (step, code)) in &expected.errors {
        let mut named = tree.sagas.iter().filter(|saga| saga.label == *label);
        let is_named = named.any(|saga| {
            let error = saga.state.error.as_ref();
            error.is_some_and(|error| error.step == *step && error.code == *code)
        });
        if !is_named {
            let sagas = tree.sagas.iter().filter(|saga| saga.label == *label);
            let errors: Vec<_> = sagas.map(|saga| &saga.state.error).collect();
            return Err(format!(
                "the error of `{label}` has to be `{code}` of {step:?}, and is {errors:?}"
            ));
        }
    }
    tree.sagas.iter().try_for_each(|saga| {
        nested(tree, saga)?;
        undone(saga)
    })
}

/// A nested saga stands as the step that it is.
fn nested(tree: &Tree<'_>, saga: &Saga) -> Result<(), String> {
    let Some(parent) = &saga.state.parent else {
        return Ok(());
    };
    let around = tree
        .sagas
        .iter()
        .find(|other| other.state.id == parent.saga);
    let around = around.ok_or_else(|| format!("`{}` has lost its parent", saga.label))?;
    let step = around.state.step(&parent.step);
    let stands = step.is_some_and(|step| {
        let is_own = step.child.as_ref().map(|child| child.id) == Some(saga.state.id);
        let is_undone = step.compensation.progress == Progress::Completed;
        is_own && is_completed(&step.act) && !is_undone
    });
    let wanted = if stands {
        Status::Completed
    } else {
        Status::Compensated
    };
    let status = saga.state.status();
    if status == wanted {
        Ok(())
    } else {
        let label = &saga.label;
        Err(format!("`{label}` is {status}, and has to be {wanted}"))
    }
}

/// In a saga that was undone every step is, that was done or may have been, the last one first.
fn undone(saga: &Saga) -> Result<(), String> {
    let (label, state) = (&saga.label, &saga.state);
    let place = |path: &StepPath| state.steps.iter().position(|step| step.path == *path);
    let begun: Vec<_> = saga
        .journal
        .iter()
        .filter_map(|record| match &record.event {
            Event::CompensationStarted { step, attempt: 1 } => place(step),
            _ => None,
        })
        .collect();
    if !begun.is_sorted_by(|earlier, later| earlier > later) {
        return Err(format!("`{label}` undid its steps in the order {begun:?}"));
    }
    if state.status() != Status::Compensated {
        return if begun.is_empty() {
            Ok(())
        } else {
            Err(format!("`{label}` undid steps and is {}", state.status()))
        };
    }
    let mut due = state.steps.iter().filter(|step| {
        let may_be_done = step.evidence == Evidence::Possible && step.attempts > 0;
        is_completed(&step.act) || may_be_done
    });
    match due.find(|step| step.compensation.progress != Progress::Completed) {
        Some(step) => {
            let stands = step.compensation.progress;
            Err(format!(
                "the undo of {} of `{label}` is {stands:?}",
                step.path
            ))
        }
        None => Ok(()),
    }
}
