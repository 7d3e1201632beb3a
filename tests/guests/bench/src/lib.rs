//! Three actions, `one`, `two` and `three`, that only compute: what the engine itself costs is measured with them. A
//! fourth, `ask`, waits for a reply and leaves it as its result.

use sha2::{Digest, Sha256};
use wasaga_sdk::prelude::*;

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

/// Computes the same again and compares.
fn compensate(key: &str, call: &Call<Input>, result: Option<Computed>) -> Result<(), StepError> {
    let again = Computed::new(key, &call.input);
    match result {
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
