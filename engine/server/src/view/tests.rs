use std::sync::LazyLock;

use serde_json::{Value, json};
use wasaga_core::schema::Schema;
use wasaga_core::{Definition, Name, Record, ReplyToken, SagaId};

use super::*;

fn id(n: u8) -> SagaId {
    SagaId::from_parts(1, &[n; 10])
}

/// The state of a saga with these steps after some events.
fn state(steps: &Value, started: &Value, events: &[Value]) -> State {
    let name = Name::new("order").expect("a name");
    let document = json!({ "steps": steps });
    let definition = Arc::new(Definition::parse(&name, &document).expect("a definition"));
    let records: Vec<Record> = std::iter::once(started)
        .chain(events)
        .zip(1u64..)
        .map(|(event, seq)| {
            let mut record = event.clone();
            record["seq"] = seq.into();
            record["at"] = at(seq).into();
            serde_json::from_value(record).expect("a record")
        })
        .collect();
    State::fold(id(7), definition, &records).expect("a journal")
}

fn at(seq: u64) -> String {
    format!("2026-11-21T08:00:{seq:02}.000Z")
}

fn started() -> Value {
    json!({ "type": "saga_started", "definition": "order", "version": 3, "input": { "n": 1 } })
}

/// A saga of these steps after some events.
fn saga_of(steps: &Value, events: &[Value]) -> Value {
    json(&Saga::from(&state(steps, &started(), events)))
}

/// A saga of the steps `reserve` and `pay` after some events.
fn saga(events: &[Value]) -> Value {
    let steps = json!([
        { "step": "reserve", "component": "inventory" },
        { "step": "pay", "component": "payment" },
    ]);
    saga_of(&steps, events)
}

/// A saga as clients get it, which is as the API's description says.
fn json(saga: &Saga) -> Value {
    static DESCRIPTION: LazyLock<(Schema, Value)> = LazyLock::new(|| {
        let document = serde_json::to_value(crate::api::description()).expect("JSON");
        let schema =
            json!({ "$ref": "#/components/schemas/Saga", "components": document["components"] });
        let schema = Schema::compile(&schema).expect("a JSON Schema");
        (schema, document["components"]["schemas"]["Saga"].clone())
    });
    let json = serde_json::to_value(saga).expect("JSON");
    assert_eq!(DESCRIPTION.0.check(&json), Ok(()), "{json:#}");
    for field in json.as_object().expect("an object").keys() {
        assert!(DESCRIPTION.1["properties"].get(field).is_some(), "{field}");
    }
    json
}

/// The entry of a step.
fn entry<'a>(saga: &'a Value, step: &str) -> &'a Value {
    let steps = saga["steps"].as_array().expect("steps");
    let found = steps.iter().find(|entry| entry["step"] == step);
    found.unwrap_or_else(|| panic!("no entry `{step}` in {steps:#?}"))
}

/// The steps with their statuses.
fn outline(saga: &Value) -> Vec<String> {
    let steps = saga["steps"].as_array().expect("steps");
    let line = |entry: &Value| format!("{} {}", entry["step"], entry["status"]).replace('"', "");
    steps.iter().map(line).collect()
}

fn digest() -> String {
    wasaga_core::Digest::of(b"wasm").to_string()
}

fn act_started(step: &str, attempt: u32) -> Value {
    json!({ "type": "act_started", "step": step, "attempt": attempt, "component": "inventory",
            "version": 7, "digest": digest() })
}

fn act_completed(step: &str, attempt: u32) -> Value {
    json!({ "type": "act_completed", "step": step, "attempt": attempt, "result": { "of": step },
            "metering": metering() })
}

fn act_failed(step: &str, attempt: u32, kind: &str) -> Value {
    json!({ "type": "act_failed", "step": step, "attempt": attempt, "certainty": "definite",
            "evidence": "unchanged", "metering": metering(),
            "failure": { "kind": kind, "code": "declined", "message": "no" } })
}

fn saga_failed(step: &str) -> Value {
    json!({ "type": "saga_failed",
            "error": { "step": step, "code": "declined", "message": "no", "details": null } })
}

fn metering() -> Value {
    json!({ "fuel": 10, "memory_bytes": 65536, "duration_ms": 1.5, "requests": 1 })
}

#[test]
fn steps_that_were_not_reached_are_pending() {
    let saga = saga(&[act_started("reserve", 1)]);
    assert_eq!(saga["status"], "running");
    assert_eq!(saga["progress"], json!({ "done": 0, "total": 2 }));
    assert_eq!(saga["steps"][0]["status"], "running");
    let pending = json!({
        "step": "pay", "kind": "step", "status": "pending", "attempts": 0, "component": "payment",
        "action": "pay", "version": null, "digest": null, "result": null, "error": null,
        "waiting": null, "started_at": null, "finished_at": null, "metering": null,
        "confirmation": null, "compensation": null,
    });
    assert_eq!(saga["steps"][1], pending);
}

#[test]
fn a_saga_between_attempts_says_until_when() {
    let mut failed = act_failed("reserve", 1, "retryable");
    failed["retry_at"] = "2026-11-21T08:01:00.000Z".into();
    let saga = saga(&[act_started("reserve", 1), failed]);
    assert_eq!(saga["status"], "waiting");
    let waiting =
        json!({ "for": "backoff", "step": "reserve", "until": "2026-11-21T08:01:00.000Z" });
    assert_eq!(saga["waiting"], waiting);
    assert_eq!(saga["steps"][0]["waiting"], waiting);
    assert_eq!(saga["steps"][0]["error"]["code"], "declined");
}

#[test]
fn a_saga_that_was_undone_shows_what_was_done_and_undone() {
    let mut reserved = act_completed("reserve", 1);
    reserved["context_patch"] = json!({ "total": 9 });
    let saga = saga(&[
        act_started("reserve", 1),
        reserved,
        act_started("pay", 1),
        act_failed("pay", 1, "permanent"),
        saga_failed("pay"),
        json!({ "type": "compensation_skipped", "step": "pay", "reason": "no-effect" }),
        json!({ "type": "compensation_started", "step": "reserve", "attempt": 1 }),
        json!({ "type": "compensation_completed", "step": "reserve", "attempt": 1, "metering": metering() }),
    ]);
    assert_eq!(saga["status"], "compensating");
    assert_eq!(saga["context"], json!({ "total": 9 }));
    let error = json!({ "step": "pay", "code": "declined", "message": "no", "details": null });
    assert_eq!(saga["error"], error);
    assert_eq!(saga["progress"], json!({ "done": 1, "total": 2 }));
    assert_eq!(saga["steps"][0]["result"], json!({ "of": "reserve" }));
    assert_eq!(saga["steps"][0]["status"], "compensated");
    assert_eq!(saga["steps"][0]["compensation"]["metering"], metering());
    assert_eq!(saga["steps"][1]["compensation"]["status"], "skipped");
    assert_eq!(saga["steps"][1]["compensation"]["reason"], "no-effect");
    let failure = json!({ "error": error, "others": [], "compensations": [
        { "step": "pay", "outcome": "skipped", "attempts": 0, "reason": "no-effect", "error": null },
        { "step": "reserve", "outcome": "undone", "attempts": 1, "reason": null, "error": null },
    ] });
    assert_eq!(saga["failure"], failure);
}

#[test]
fn a_saga_that_waits_for_a_reply_has_the_token_and_what_the_step_says() {
    let steps = json!([{ "step": "review", "component": "inventory" }]);
    let events = [
        act_started("review", 1),
        json!({ "type": "act_pending", "step": "review", "attempt": 1, "payload": { "amount": 9 },
                "until": at(59), "metering": metering() }),
    ];
    let saga = saga_of(&steps, &events);
    assert_eq!(saga["status"], "waiting");
    let waiting = &saga["waiting"];
    assert_eq!(
        (&waiting["for"], &waiting["step"], &waiting["deadline"]),
        (&json!("reply"), &json!("review"), &json!(at(59)))
    );
    assert_eq!(waiting["payload"], json!({ "amount": 9 }));
    let token: ReplyToken = waiting["token"]
        .as_str()
        .and_then(|token| token.parse().ok())
        .expect("a token");
    assert_eq!(token.saga, id(7));
    assert_eq!(entry(&saga, "review")["waiting"], *waiting);
}

#[test]
fn a_fallback_has_an_entry_of_its_own_once_it_is_called() {
    let steps = json!([{ "step": "reserve", "component": "inventory",
                         "fallback": { "component": "backup" } }]);
    let begun = [act_started("reserve", 1)];
    assert_eq!(outline(&saga_of(&steps, &begun)), ["reserve running"]);
    let saga = saga_of(
        &steps,
        &[
            act_started("reserve", 1),
            act_failed("reserve", 1, "permanent"),
            act_started("reserve:fallback", 1),
            act_completed("reserve:fallback", 1),
        ],
    );
    assert_eq!(
        outline(&saga),
        ["reserve failed", "reserve:fallback completed"]
    );
    assert_eq!(saga["progress"], json!({ "done": 1, "total": 1 }));
}

fn choice() -> Value {
    json!([{ "choice": [
        { "when": "input.n > 1", "steps": [{ "step": "review", "component": "review" }] },
        { "when": "input.n > 0", "steps": [{ "step": "ship", "component": "ship" }] },
    ] }])
}

#[test]
fn what_a_choice_did_not_take_is_skipped() {
    let open = saga_of(&choice(), &[]);
    assert_eq!(
        outline(&open),
        ["choice-1 pending", "review pending", "ship pending"]
    );
    let made = |branch: Value| {
        let event =
            json!({ "type": "choice_made", "step": "choice-1", "branch": branch, "evaluated": [] });
        saga_of(&choice(), &[event])
    };
    let second = made(json!(1));
    assert_eq!(
        outline(&second),
        ["choice-1 completed", "review skipped", "ship pending"]
    );
    assert_eq!(
        (
            &entry(&second, "choice-1")["kind"],
            &entry(&second, "choice-1")["branch"]
        ),
        (&json!("choice"), &json!(1))
    );
    let none = made(Value::Null);
    assert_eq!(
        outline(&none),
        ["choice-1 completed", "review skipped", "ship skipped"]
    );
    assert_eq!(entry(&none, "choice-1")["branch"], Value::Null);
}

#[test]
fn a_parallel_runs_from_its_first_step_to_the_end_of_its_last() {
    let steps = json!([{ "step": "both", "parallel": [
        [{ "step": "a", "component": "inventory" }], [{ "step": "b", "component": "inventory" }],
    ] }]);
    let outlined = |events: &[Value]| outline(&saga_of(&steps, events));
    assert_eq!(outlined(&[]), ["both pending", "a pending", "b pending"]);
    let mut events = vec![
        act_started("a", 1),
        act_started("b", 1),
        act_completed("a", 1),
    ];
    assert_eq!(
        outlined(&events),
        ["both running", "a completed", "b running"]
    );
    let mut failed = events.clone();
    failed.extend([act_failed("b", 1, "permanent"), saga_failed("b")]);
    assert_eq!(
        outlined(&failed),
        ["both failed", "a completed", "b failed"]
    );
    events.extend([
        act_completed("b", 1),
        json!({ "type": "parallel_completed", "step": "both", "results": ["a", "b"] }),
    ]);
    let saga = saga_of(&steps, &events);
    let both = entry(&saga, "both");
    assert_eq!(both["result"], json!([{ "of": "a" }, { "of": "b" }]));
    assert_eq!(
        (&both["started_at"], &both["finished_at"]),
        (&json!(at(2)), &json!(at(6)))
    );
    assert_eq!(both["branches"], 2);
}

fn each() -> Value {
    json!([{ "step": "picks", "for_each": { "$cel": "input.items" },
             "steps": [{ "step": "pick", "component": "inventory" }] }])
}

fn loop_started(count: usize) -> Value {
    json!({ "type": "loop_started", "step": "picks", "items": vec![1; count] })
}

#[test]
fn a_loop_shows_its_steps_once_before_it_starts_and_then_each_round_that_has_begun() {
    let before = saga_of(&each(), &[]);
    assert_eq!(outline(&before), ["picks pending", "pick pending"]);
    assert_eq!(entry(&before, "picks")["rounds"], Value::Null);
    let events = [
        loop_started(3),
        act_started("picks[0].pick", 1),
        act_completed("picks[0].pick", 1),
        act_started("picks[1].pick", 1),
    ];
    let saga = saga_of(&each(), &events);
    assert_eq!(
        outline(&saga),
        [
            "picks running",
            "picks[0].pick completed",
            "picks[1].pick running"
        ]
    );
    assert_eq!(
        entry(&saga, "picks")["rounds"],
        json!({ "done": 1, "total": 3 })
    );
    assert_eq!(saga["progress"], json!({ "done": 1, "total": 3 }));
    let empty = saga_of(
        &each(),
        &[
            loop_started(0),
            json!({ "type": "loop_completed", "step": "picks", "results": [] }),
        ],
    );
    assert_eq!(outline(&empty), ["picks completed"]);
    assert_eq!(entry(&empty, "picks")["result"], json!([]));
}

#[test]
fn a_long_page_is_cut_and_says_so() {
    let mut events = vec![loop_started(5)];
    for round in 0..5 {
        let step = format!("picks[{round}].pick");
        events.extend([act_started(&step, 1), act_completed(&step, 1)]);
    }
    let state = state(&each(), &started(), &events);
    let whole = json(&super::saga(&state, MAX_STEPS));
    assert_eq!(outline(&whole).len(), 6);
    assert_eq!(whole["steps_left_out"], 0);
    let cut = json(&super::saga(&state, 2));
    assert_eq!(outline(&cut), ["picks running", "picks[0].pick completed"]);
    assert_eq!(cut["steps_left_out"], 4);
    assert_eq!(
        outline(&json(&super::saga(&state, 0))),
        Vec::<String>::new()
    );
}

#[test]
fn a_sleep_says_until_when_and_a_nested_saga_which_one_it_is() {
    let steps = json!([
        { "sleep": "5s" },
        { "step": "ship", "saga": "shipping", "version": 2 },
    ]);
    let sleeping = json!({ "type": "sleep_started", "step": "sleep-1", "until": at(30) });
    let saga = saga_of(&steps, std::slice::from_ref(&sleeping));
    assert_eq!(saga["status"], "waiting");
    assert_eq!(
        saga["waiting"],
        json!({ "for": "sleep", "step": "sleep-1", "until": at(30) })
    );
    assert_eq!(entry(&saga, "sleep-1")["until"], at(30));
    assert_eq!(entry(&saga, "ship")["definition"], "shipping");
    let saga = saga_of(
        &steps,
        &[
            sleeping,
            json!({ "type": "sleep_completed", "step": "sleep-1" }),
            json!({ "type": "child_started", "step": "ship", "attempt": 1, "child": id(8),
                    "definition": "shipping", "version": 2, "input": {} }),
        ],
    );
    assert_eq!(outline(&saga), ["sleep-1 completed", "ship running"]);
    assert_eq!(
        saga["waiting"],
        json!({ "for": "saga", "step": "ship", "saga": id(8) })
    );
    let ship = entry(&saga, "ship");
    assert_eq!(
        (&ship["kind"], &ship["saga"]),
        (&json!("saga"), &json!(id(8)))
    );
    assert_eq!(ship["version"], 2);
}

#[test]
fn a_sleep_that_nobody_waits_for_any_more_is_skipped() {
    let saga = saga_of(
        &json!([{ "sleep": "5s" }]),
        &[
            json!({ "type": "sleep_started", "step": "sleep-1", "until": at(30) }),
            json!({ "type": "saga_failed", "by": "ops",
                    "error": { "step": null, "code": "cancelled", "message": "x", "details": null } }),
        ],
    );
    assert_eq!(outline(&saga), ["sleep-1 skipped"]);
    assert_eq!(saga["waiting"], Value::Null);
}

#[test]
fn a_nested_saga_names_the_one_around_it() {
    let mut first = started();
    first["parent"] = json!({ "saga": id(9), "step": "picks[1].ship", "depth": 1 });
    let steps = json!([{ "step": "a", "component": "inventory" }]);
    let saga = json(&Saga::from(&state(&steps, &first, &[])));
    assert_eq!(
        saga["parent"],
        json!({ "saga": id(9), "step": "picks[1].ship" })
    );
}

#[test]
fn a_paused_saga_says_why_and_waits_for_nothing() {
    let mut failed = act_failed("reserve", 1, "retryable");
    failed["retry_at"] = at(30).into();
    let events = [
        act_started("reserve", 1),
        failed,
        json!({ "type": "saga_paused", "cause": "operator",
                "order": { "by": "ops", "reason": "maintenance" } }),
    ];
    let paused = saga(&events);
    assert_eq!(paused["status"], "paused");
    assert_eq!(paused["waiting"], Value::Null);
    assert_eq!(
        paused["paused"],
        json!({ "cause": "operator", "step": null, "by": "ops", "reason": "maintenance", "at": at(4) })
    );
    let poisoned = saga(&[
        act_started("reserve", 1),
        json!({ "type": "act_interrupted", "step": "reserve", "attempt": 1 }),
        json!({ "type": "saga_paused", "cause": "poison", "step": "reserve" }),
    ]);
    assert_eq!(
        poisoned["paused"],
        json!({ "cause": "poison", "step": "reserve", "by": null, "reason": null, "at": at(4) })
    );
}

#[test]
fn a_saga_that_waits_for_a_commit_says_until_when() {
    let saga = saga(&[
        act_started("reserve", 1),
        act_completed("reserve", 1),
        act_started("pay", 1),
        act_completed("pay", 1),
        json!({ "type": "commit_awaited", "until": at(50) }),
    ]);
    assert_eq!(saga["status"], "waiting");
    assert_eq!(
        saga["waiting"],
        json!({ "for": "commit", "deadline": at(50) })
    );
}

#[test]
fn a_confirmation_stands_beside_the_compensation() {
    let saga = saga(&[
        act_started("reserve", 1),
        act_completed("reserve", 1),
        act_started("pay", 1),
        act_completed("pay", 1),
        json!({ "type": "saga_confirming", "steps": ["reserve"] }),
        json!({ "type": "confirmation_started", "step": "reserve", "attempt": 1 }),
    ]);
    assert_eq!(saga["status"], "confirming");
    let reserve = entry(&saga, "reserve");
    assert_eq!(reserve["confirmation"]["status"], "running");
    assert_eq!(reserve["compensation"], Value::Null);
    assert_eq!(entry(&saga, "pay")["confirmation"], Value::Null);
}

#[test]
fn a_client_reads_what_the_server_writes() {
    let mut steps = each();
    let others = json!([
        choice()[0], { "sleep": "5s" }, { "step": "child", "saga": "shipping" },
        { "parallel": [[{ "step": "last", "component": "inventory" }]] },
    ]);
    steps
        .as_array_mut()
        .expect("steps")
        .extend(others.as_array().expect("steps").clone());
    let events = [
        loop_started(1),
        act_started("picks[0].pick", 1),
        act_completed("picks[0].pick", 1),
    ];
    let json = saga_of(&steps, &events);
    let read: Saga = serde_json::from_value(json.clone()).expect("a saga");
    assert_eq!(serde_json::to_value(read).expect("JSON"), json);
}
