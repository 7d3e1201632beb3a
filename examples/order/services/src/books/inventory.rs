//! Stock by product.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::Refusal;
use super::command::Id;

/// What is on the shelves and what is set aside for orders.
#[derive(Debug)]
pub(crate) struct Inventory {
    products: BTreeMap<Id, Shelf>,
}

#[derive(Debug)]
struct Shelf {
    stock: u64,
    reserved: u64,
}

/// One product's line in the books: `available + reserved == stock`, always.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StockLine {
    pub(crate) product_id: Id,
    /// What the books were opened with.
    pub(crate) stock: u64,
    pub(crate) available: u64,
    pub(crate) reserved: u64,
}

impl Inventory {
    /// Full shelves.
    pub(crate) fn open(stock: impl IntoIterator<Item = (Id, u64)>) -> Self {
        let products = stock
            .into_iter()
            .map(|(product, stock)| (product, Shelf { stock, reserved: 0 }))
            .collect();
        Self { products }
    }

    /// Sets `quantity` of `product` aside.
    ///
    /// # Errors
    ///
    /// The product is not known, or not enough of it is available.
    pub(crate) fn reserve(&mut self, product: &Id, quantity: NonZeroU32) -> Result<(), Refusal> {
        let shelf = self
            .products
            .get_mut(product)
            .ok_or_else(|| Refusal::UnknownProduct {
                product_id: product.clone(),
            })?;
        let available = shelf.stock - shelf.reserved;
        let quantity = u64::from(quantity.get());
        if quantity > available {
            return Err(Refusal::OutOfStock {
                product_id: product.clone(),
                quantity,
                available,
            });
        }
        shelf.reserved += quantity;
        Ok(())
    }

    /// Puts back what an earlier [`reserve`](Self::reserve) set aside.
    pub(crate) fn release(&mut self, product: &Id, quantity: NonZeroU32) {
        if let Some(shelf) = self.products.get_mut(product) {
            shelf.reserved -= u64::from(quantity.get());
        }
    }

    /// Every product, by id.
    pub(crate) fn lines(&self) -> Vec<StockLine> {
        self.products
            .iter()
            .map(|(product, shelf)| StockLine {
                product_id: product.clone(),
                stock: shelf.stock,
                available: shelf.stock - shelf.reserved,
                reserved: shelf.reserved,
            })
            .collect()
    }
}
