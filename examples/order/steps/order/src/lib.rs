//! Checks an order before anything is done for it. Only looks, so there is nothing to undo.

use wasaga_sdk::prelude::*;

#[derive(Deserialize)]
struct Order {
    order_id: String,
    user_id: String,
    product_id: String,
    quantity: i64,
    amount: f64,
}

/// What a service lists; of each item only what is looked for.
#[derive(Deserialize)]
struct List<T> {
    items: Vec<T>,
}

#[derive(Deserialize)]
struct Stock {
    product_id: String,
}

#[derive(Deserialize)]
struct Balance {
    user_id: String,
}

struct Validate;

impl Action for Validate {
    type Input = Order;
    type Result = ();

    fn act(call: Call<Order>) -> Result<Completed<()>, StepError> {
        let order = &call.input;
        if order.quantity <= 0 {
            return Err(StepError::permanent(
                "invalid-quantity",
                "an order needs at least one piece",
            ));
        }
        if order.amount <= 0.0 {
            return Err(StepError::permanent(
                "invalid-amount",
                "an order must cost something",
            ));
        }
        let services = config::require("services_url")?;
        let stock: List<Stock> = http::get(format!("{services}/inventory"))
            .send()?
            .error_for_status()?
            .json()?;
        if !stock
            .items
            .iter()
            .any(|item| item.product_id == order.product_id)
        {
            return Err(StepError::permanent(
                "unknown-product",
                format!("nobody sells {}", order.product_id),
            ));
        }
        let balances: List<Balance> = http::get(format!("{services}/balances"))
            .send()?
            .error_for_status()?
            .json()?;
        if !balances
            .items
            .iter()
            .any(|item| item.user_id == order.user_id)
        {
            return Err(StepError::permanent(
                "unknown-user",
                format!("nobody is called {}", order.user_id),
            ));
        }
        info!(
            "{} is a valid order of {} x {}",
            order.order_id, order.quantity, order.product_id
        );
        Ok(Completed::new(()).patch(json!({ "status": "validated" })))
    }
}

wasaga_sdk::export!(Validate);
