//! Three actions, `one`, `two` and `three`, that only compute: what the engine itself costs is measured with them. A
//! fourth, `ask`, waits for a reply and leaves it as its result.

use std::hint::black_box;

use sha2::{Digest, Sha256};
use wasaga_sdk::prelude::*;

/// Says which build this is with its last character. `wasaga bench` makes another build of these bytes by changing it:
/// so it has two versions that do the same and can tell their own work from the other's.
static BUILD: &str = "wasaga-bench-build:A";

/// Rounds of hashing an action does: a few microseconds of work.
const ROUNDS: u32 = 16;

/// What the saga is started with. Other fields are not looked at.
#[derive(Serialize, Deserialize)]
struct Input {
    order_id: String,
    #[serde(default)]
    amount: f64,
}

/// The step's arguments in the definition.
#[derive(Default, Deserialize)]
struct Arguments {
    /// Fail for good instead of completing.
    #[serde(default)]
    fail: bool,
}

#[derive(Serialize, Deserialize)]
struct Computed {
    digest: String,
    amount: f64,
    build: String,
}

impl Computed {
    /// Hashes the input over and over, salted so that each action computes something else.
    fn new(salt: &str, input: &Input) -> Self {
        let mut hash = Sha256::digest(json!([salt, input]).to_string());
        for _ in 1..ROUNDS {
            hash = Sha256::digest(hash);
        }
        let digest = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            digest,
            amount: input.amount,
            // Not known when this is compiled: the text stays where it can be changed.
            build: black_box(BUILD).to_owned(),
        }
    }
}

/// Computes, and patches the context at `key`.
fn act(key: &str, call: &Call<Input>) -> Result<Completed<Computed>, StepError> {
    let Arguments { fail } = call.arguments::<Option<Arguments>>()?.unwrap_or_default();
    if fail {
        return Err(StepError::permanent(
            "bench-fail",
            "the arguments asked for it",
        ));
    }
    let computed = Computed::new(key, &call.input);
    let patch = json!({ key: computed.digest });
    Ok(Completed::new(computed).patch(patch))
}

/// Computes the same again and compares. What another build has done is not this one's to undo.
fn compensate(key: &str, call: &Call<Input>, result: Option<Computed>) -> Result<(), StepError> {
    let again = Computed::new(key, &call.input);
    match result {
        Some(result) if result.build != again.build => Err(StepError::permanent(
            "other-build",
            format!("{} is to undo what {} has done", again.build, result.build),
        )),
        Some(result) if result.digest != again.digest => Err(StepError::permanent(
            "wrong-result",
            "the result is not what act computed",
        )),
        _ => Ok(()),
    }
}

macro_rules! action {
    ($name:ident, $key:literal) => {
        struct $name;

        impl Action for $name {
            type Input = Input;
            type Result = Computed;

            fn act(call: Call<Input>) -> Result<Completed<Computed>, StepError> {
                act($key, &call)
            }

            fn compensate(call: Call<Input>, result: Option<Computed>) -> Result<(), StepError> {
                compensate($key, &call, result)
            }
        }
    };
}

action!(One, "one");
action!(Two, "two");
action!(Three, "three");

struct Ask;

impl Callback for Ask {
    type Input = Value;
    type Result = Value;
    type Reply = Value;

    fn act(_: Call<Value>) -> Result<Outcome<Value>, StepError> {
        Ok(Outcome::Pending(Value::Null))
    }

    fn on_reply(
        _: Call<Value>,
        reply: Result<Value, StepError>,
    ) -> Result<Outcome<Value>, StepError> {
        Ok(reply?.into())
    }
}

wasaga_sdk::export! {
    "one" => One,
    "two" => Two,
    "three" => Three,
    "ask" => Ask: Callback,
}
