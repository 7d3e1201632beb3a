//! Charges for an order, in variants that differ on purpose: a test makes them of one component by changing the last
//! character of [`VARIANT`], and so knows exactly what is different.

use std::hint::black_box;

use sha2::{Digest, Sha256};
use wasaga_sdk::prelude::*;

/// Says with its last character which variant this is:
///
/// | | |
/// |---|---|
/// | `A` | the one that others are compared with |
/// | `B` | the same in other bytes |
/// | `C` | charges one more |
/// | `D` | sends a request more before it charges, and does without its answer |
/// | `E` | computes longer |
/// | `F` | leaves another result |
/// | `G` | patches the context in another way |
/// | `H` | asks another path |
/// | `I` | does not charge at all |
/// | `J` | fails where the others do not |
static VARIANT: &str = "wasaga-test-variant:A";

#[derive(Deserialize)]
struct Order {
    order_id: String,
    user_id: String,
    amount: f64,
}

#[derive(Serialize, Deserialize)]
struct Charged {
    payment_id: String,
    computed: String,
}

struct Charge;

impl Action for Charge {
    type Input = Order;
    type Result = Charged;

    fn act(call: Call<Order>) -> Result<Completed<Charged>, StepError> {
        let Order {
            order_id,
            user_id,
            amount,
        } = &call.input;
        if variant() == 'J' {
            return Err(StepError::permanent(
                "not-today",
                "this variant charges nobody",
            ));
        }
        if variant() == 'D' {
            // Whatever comes of it.
            let _ = http::get(service("/balances")?).send();
        }
        let amount = if variant() == 'C' {
            amount + 1.0
        } else {
            *amount
        };
        let path = if variant() == 'H' {
            "/charges"
        } else {
            "/payments"
        };
        let payment_id = if variant() == 'I' {
            "none".to_owned()
        } else {
            let paid: Value = http::post(service(path)?)
                .json(&json!({ "order_id": order_id, "user_id": user_id, "amount": amount }))
                .send()?
                .error_for_status()?
                .json()?;
            paid["payment_id"].as_str().unwrap_or_default().to_owned()
        };
        let mut computed = compute(if variant() == 'E' { 2_000 } else { 20 });
        if variant() == 'F' {
            computed.insert(0, '!');
        }
        let status = if variant() == 'G' { "charged" } else { "paid" };
        let patch = json!({ "payment_id": payment_id, "status": status });
        Ok(Completed::new(Charged {
            payment_id,
            computed,
        })
        .patch(patch))
    }

    fn compensate(call: Call<Order>, _: Option<Charged>) -> Result<(), StepError> {
        http::post(service("/payments/refund")?)
            .json(&json!({ "order_id": call.input.order_id }))
            .send()?
            .error_for_status()?;
        Ok(())
    }
}

/// Which variant this is. Not known when it is compiled: the text stays where it can be changed.
fn variant() -> char {
    black_box(VARIANT).chars().next_back().unwrap_or('A')
}

/// The same, however long it takes: the last rounds alone count.
fn compute(rounds: u32) -> String {
    let mut hash = Sha256::digest("wasaga");
    for _ in 0..rounds {
        hash = Sha256::digest(black_box("wasaga"));
    }
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn service(path: &str) -> Result<String, StepError> {
    Ok(config::require("services_url")? + path)
}

wasaga_sdk::export!(Charge);
