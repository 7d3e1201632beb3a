//! Charges the user for an order, and refunds them.

use wasaga_sdk::prelude::*;

#[derive(Deserialize)]
struct Order {
    order_id: String,
    user_id: String,
    amount: f64,
}

#[derive(Serialize, Deserialize)]
struct Payment {
    payment_id: String,
}

struct Charge;

impl Action for Charge {
    type Input = Order;
    type Result = Payment;

    fn act(call: Call<Order>) -> Result<Completed<Payment>, StepError> {
        let Order {
            order_id,
            user_id,
            amount,
        } = &call.input;
        let payment: Payment = http::post(service("/payments")?)
            .json(&json!({ "order_id": order_id, "user_id": user_id, "amount": amount }))
            .send()?
            .error_for_status()?
            .json()?;
        info!("charged {user_id} {amount} for {order_id}");
        let patch = json!({ "payment_id": payment.payment_id, "status": "paid" });
        Ok(Completed::new(payment).patch(patch))
    }

    /// By the order's id: a charge may have been made without anybody hearing of the payment's id.
    fn compensate(call: Call<Order>, _: Option<Payment>) -> Result<(), StepError> {
        let order_id = &call.input.order_id;
        http::post(service("/payments/refund")?)
            .json(&json!({ "order_id": order_id }))
            .send()?
            .error_for_status()?;
        info!("refunded what was charged for {order_id}");
        Ok(())
    }
}

fn service(path: &str) -> Result<String, StepError> {
    Ok(config::require("services_url")? + path)
}

wasaga_sdk::export!(Charge);
