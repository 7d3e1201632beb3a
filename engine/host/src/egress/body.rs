//! Bodies that are counted and limited while they pass.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyDataStream;
use wasmtime_wasi_http::{Error, WasiBody};

use super::SendError;
use super::outbound::Exchange;

/// A body of a `wasi:http` request on its way out.
pub(crate) struct LimitedBody {
    pub(super) body: BodyDataStream<WasiBody>,
    pub(super) exchange: Arc<Exchange>,
    pub(super) left_bytes: u64,
}

/// Why a request's body ends early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// It is too large.
    #[error("the request's body is too large")]
    TooLarge,
    /// The component did not finish it.
    #[error("the request's body broke off")]
    Broken,
}

impl futures::Stream for LimitedBody {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_next(context));
        Poll::Ready(frame.map(|frame| {
            let bytes = frame.map_err(|_: Error| BodyError::Broken)?;
            let size = bytes.len() as u64;
            self.left_bytes = self
                .left_bytes
                .checked_sub(size)
                .ok_or(BodyError::TooLarge)?;
            self.exchange.add_request_bytes(size);
            Ok(bytes)
        }))
    }
}

/// Counts what has come of a response, up to the limit.
#[derive(Debug)]
pub(crate) struct ResponseMeter {
    pub(super) exchange: Arc<Exchange>,
    pub(super) max_bytes: u64,
    pub(super) bytes: u64,
}

impl ResponseMeter {
    /// Takes a piece of the response's body.
    ///
    /// # Errors
    /// [`SendError::TooLarge`] when the body is larger than it may be.
    pub(crate) fn take(&mut self, piece: &Bytes) -> Result<(), SendError> {
        self.bytes += piece.len() as u64;
        if self.bytes > self.max_bytes {
            return Err(self.exchange.failed(SendError::TooLarge(self.max_bytes)));
        }
        self.exchange.add_response_bytes(piece.len() as u64);
        Ok(())
    }

    /// The body is whole.
    pub(crate) fn done(&self) {
        self.exchange.done();
    }

    /// The body broke off.
    pub(crate) fn broken(&self, error: SendError) -> SendError {
        self.exchange.failed(error)
    }
}
