//! Which recorded calls can be compared.

use serde_json::json;

use super::{completed, end, get};
use crate::call::{CallId, Certainty, Direction, Ended, Failure};
use crate::comparison::{Incomparable, comparable};
use crate::effect::Call;
use crate::event::{CutOff, Pin};
use crate::history::{RecordedCall, RecordedEnd, RecordedOutcome};
use crate::id::{Digest, Name, SagaId};
use crate::path::StepPath;
use crate::recording::{Body, Message, RequestErrorKind, RequestRecord};
use crate::time::Timestamp;

fn recorded_call(end: Option<RecordedEnd>) -> RecordedCall {
    let name = |text| Name::new(text).expect("a name");
    let step = StepPath::root(&name("pay"));
    let call = Call {
        saga: SagaId::from_key("1"),
        definition: name("order"),
        id: CallId {
            direction: Direction::Act,
            step,
            attempt: 1,
        },
        attempt: 1,
        pin: Pin {
            component: name("pay"),
            version: 1,
            digest: Digest::of(b"pay"),
        },
        action: name("pay"),
        idempotency_key: uuid::Uuid::from_u128(7),
        input: json!({}).into(),
        context: json!({}).into(),
        arguments: json!(null).into(),
        previous: None,
        result: None,
        reply: None,
        timeout: std::time::Duration::from_secs(1),
        limits: crate::limits::Limits::default(),
        started_at: Timestamp::from_unix_ms(0),
    };
    RecordedCall {
        seq: 2,
        call: Box::new(call),
        end,
    }
}

#[test]
fn only_what_would_come_again_can_be_compared() {
    let failed = |code, certainty| {
        RecordedOutcome::Ended(Ended::Failed {
            failure: Failure::retryable(code, "no"),
            certainty,
        })
    };
    let done = || RecordedOutcome::Ended(completed(json!(1), None));
    let by = CutOff::Shutdown;
    let bare = |outcome| Some(end(outcome, Vec::new()));
    let uncertain = |code| bare(failed(code, Certainty::Uncertain));
    let engine = |code: &str| {
        Err(Incomparable::Engine {
            code: code.to_owned(),
        })
    };
    let summary = RequestRecord {
        exchange: None,
        ..get("http://a/")
    };
    let mut uncounted = end(done(), Vec::new());
    uncounted.metering.requests = 1;
    let answered = |status: Option<u16>, body: Option<Body>, error_kind| {
        let mut request = get("http://a/");
        let exchange = request.exchange.as_mut().expect("it is recorded");
        exchange.response = body.map(|body| Message {
            headers: Vec::new(),
            body,
        });
        let request = RequestRecord {
            status,
            error_kind,
            ..request
        };
        Some(end(done(), vec![get("http://a/"), request]))
    };
    let omitted = || Some(Body::Omitted(Digest::of(b"much")));
    let unanswered = || Err(Incomparable::ResponseOmitted { recorded_index: 1 });
    let (too_large, given_up) = (RequestErrorKind::TooLarge, RequestErrorKind::GivenUp);
    let table = [
        (None, Err(Incomparable::Running)),
        (
            bare(RecordedOutcome::Interrupted(by)),
            Err(Incomparable::Interrupted { by }),
        ),
        (
            bare(RecordedOutcome::Abandoned),
            Err(Incomparable::Abandoned),
        ),
        (uncertain("timeout"), Err(Incomparable::TimedOut)),
        (uncertain("context-too-large"), engine("context-too-large")),
        (
            uncertain("component-unavailable"),
            engine("component-unavailable"),
        ),
        (uncertain("out-of-fuel"), Ok(())),
        (uncertain("memory-limit"), Ok(())),
        (uncertain("trap"), Ok(())),
        (bare(failed("timeout", Certainty::Definite)), Ok(())),
        (Some(uncounted), Err(Incomparable::NotRecorded)),
        (
            Some(end(done(), vec![get("http://a/"), summary])),
            Err(Incomparable::NotRecorded),
        ),
        (answered(Some(200), omitted(), None), unanswered()),
        (answered(Some(200), None, None), unanswered()),
        (answered(Some(200), omitted(), Some(too_large)), Ok(())),
        (answered(Some(200), None, Some(given_up)), unanswered()),
        (
            answered(Some(200), Some(Body::Empty), Some(given_up)),
            Ok(()),
        ),
        (answered(None, None, Some(given_up)), Ok(())),
        (
            answered(None, None, Some(RequestErrorKind::Connect)),
            Ok(()),
        ),
        (Some(end(done(), vec![get("http://a/")])), Ok(())),
        (bare(done()), Ok(())),
    ];
    for (end, expected) in table {
        let call = recorded_call(end);
        assert_eq!(comparable(&call).map(|_| ()), expected, "{:?}", call.end);
    }
}

#[test]
fn a_reason_is_said_to_programs_and_to_people() {
    let reason = Incomparable::Engine {
        code: "context-too-large".to_owned(),
    };
    let json = serde_json::to_value(&reason).expect("JSON");
    assert_eq!(
        json,
        json!({"reason": "engine", "code": "context-too-large"})
    );
    assert!(reason.to_string().contains("`context-too-large`"));
}
