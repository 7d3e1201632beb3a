//! Branches that are chosen.

use serde_json::{Value, json};
use wasaga_core::{Event, Status};

use crate::support::Play;

fn step(name: &str) -> Value {
    json!([{"step": name, "component": "c"}])
}

fn choose(n: Value) -> Play {
    Play::with_input(
        json!({"steps": [
            {"choice": [{"when": "input.n > 10", "steps": step("large")},
                        {"when": "input.n > 5", "steps": step("middle")},
                        {"steps": step("small")}]},
            {"step": "after", "component": "c"},
        ]}),
        json!({ "n": n }),
    )
}

#[test]
fn the_first_branch_whose_condition_holds_runs_and_the_journal_says_why() {
    let mut play = choose(json!(7));
    assert_eq!(
        play.told(),
        "saga_started, choice_made choice-1, act_started middle"
    );
    let Event::ChoiceMade {
        branch, evaluated, ..
    } = &play.journal[1].event
    else {
        panic!("{:?}", play.journal[1]);
    };
    let evaluated: Vec<_> = evaluated
        .iter()
        .map(|one| (one.when.as_str(), one.value))
        .collect();
    assert_eq!(*branch, Some(1));
    assert_eq!(evaluated, [("input.n > 10", false), ("input.n > 5", true)]);
    play.completes("middle");
    assert_eq!(
        play.call().previous.as_deref(),
        Some(&json!({"by": "middle"})),
        "what the branch left last"
    );
    assert_eq!(choose(json!(11)).running(), ["large"]);
    assert_eq!(choose(json!(1)).running(), ["small"]);
}

#[test]
fn a_choice_of_which_nothing_holds_does_nothing() {
    let mut play = Play::of(json!({"steps": [
        {"step": "before", "component": "c"},
        {"step": "maybe", "choice": [{"when": "false", "steps": step("never")}]},
        {"step": "after", "component": "c"},
    ]}));
    play.completes("before");
    assert_eq!(
        play.told(),
        "act_completed before, choice_made maybe, act_started after"
    );
    assert_eq!(
        play.call().previous.as_deref(),
        Some(&json!({"by": "before"}))
    );
    play.completes("after");
    assert_eq!(play.status(), Status::Completed);
}

#[test]
fn a_condition_that_cannot_be_told_fails_the_saga_with_its_expression() {
    for (n, word) in [(json!("x"), "input.n > 10"), (json!(null), "input.n > 10")] {
        let play = choose(n);
        assert_eq!(play.status(), Status::Compensated);
        let error = play.state.error.clone().expect("an error");
        assert_eq!(error.step.as_ref().expect("a node").as_str(), "choice-1");
        assert!(error.message.contains(word), "{}", error.message);
    }
    let play = Play::of(json!({"steps": [{"choice": [{"when": "input.order", "steps": []}]}]}));
    let error = play.state.error.clone().expect("7 is not true");
    assert!(error.message.contains("input.order"), "{}", error.message);
}
