//! Ships an order, and cancels the shipment.

use wasaga_sdk::prelude::*;

#[derive(Deserialize)]
struct Order {
    order_id: String,
    user_id: String,
    shipping_address: Option<String>,
    /// Asks the service to fail, to show what the saga does then.
    #[serde(default)]
    fail_shipping: bool,
}

#[derive(Serialize, Deserialize)]
struct Shipment {
    shipment_id: String,
    tracking_number: String,
}

struct Ship;

impl Action for Ship {
    type Input = Order;
    type Result = Shipment;

    fn act(call: Call<Order>) -> Result<Completed<Shipment>, StepError> {
        let Order {
            order_id,
            user_id,
            shipping_address,
            fail_shipping,
        } = &call.input;
        let shipment: Shipment = http::post(service("/shipments")?)
            .json(&json!({ "order_id": order_id, "user_id": user_id, "address": shipping_address, "fail": fail_shipping }))
            .send()?
            .error_for_status()?
            .json()?;
        info!("shipped {order_id} as {}", shipment.tracking_number);
        let patch = json!({ "tracking_number": shipment.tracking_number, "status": "shipped" });
        Ok(Completed::new(shipment).patch(patch))
    }

    /// By the order's id: a shipment may have been made without anybody hearing of its own id.
    fn compensate(call: Call<Order>, _: Option<Shipment>) -> Result<(), StepError> {
        let order_id = &call.input.order_id;
        http::post(service("/shipments/cancel")?)
            .json(&json!({ "order_id": order_id }))
            .send()?
            .error_for_status()?;
        info!("cancelled what was shipped for {order_id}");
        Ok(())
    }
}

fn service(path: &str) -> Result<String, StepError> {
    Ok(config::require("services_url")? + path)
}

wasaga_sdk::export!(Ship);
