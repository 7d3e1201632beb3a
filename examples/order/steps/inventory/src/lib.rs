//! Reserves stock for an order, and releases it.

use wasaga_sdk::prelude::*;

#[derive(Deserialize)]
struct Order {
    order_id: String,
    product_id: String,
    quantity: u32,
}

#[derive(Serialize, Deserialize)]
struct Reservation {
    reservation_id: String,
}

struct Reserve;

impl Action for Reserve {
    type Input = Order;
    type Result = Reservation;

    fn act(call: Call<Order>) -> Result<Completed<Reservation>, StepError> {
        let Order {
            order_id,
            product_id,
            quantity,
        } = &call.input;
        let reservation: Reservation = http::post(service("/inventory/reservations")?)
            .json(&json!({ "order_id": order_id, "product_id": product_id, "quantity": quantity }))
            .send()?
            .error_for_status()?
            .json()?;
        info!("reserved {quantity} x {product_id} for {order_id}");
        let patch = json!({ "reservation_id": reservation.reservation_id, "status": "reserved" });
        Ok(Completed::new(reservation).patch(patch))
    }

    /// By the order's id: a reservation may have been made without anybody hearing of its own id.
    fn compensate(call: Call<Order>, _: Option<Reservation>) -> Result<(), StepError> {
        let order_id = &call.input.order_id;
        http::post(service("/inventory/reservations/release")?)
            .json(&json!({ "order_id": order_id }))
            .send()?
            .error_for_status()?;
        info!("released what was reserved for {order_id}");
        Ok(())
    }
}

fn service(path: &str) -> Result<String, StepError> {
    Ok(config::require("services_url")? + path)
}

wasaga_sdk::export!(Reserve);
