//! Bodies while they pass: counted, limited, recorded, with secrets put in or taken out.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use http_body_util::BodyDataStream;
use wasmtime_wasi_http::{Error, WasiBody};

use super::SendError;
use super::fill::{Filler, Scrubber};
use super::outbound::Exchange;

/// A body of a `wasi:http` request while the component writes it.
pub(super) struct Written {
    body: BodyDataStream<WasiBody>,
    exchange: Arc<Exchange>,
    left_bytes: u64,
}

/// Why a request's body ends early.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    /// It is too large.
    #[error("the request's body is too large")]
    TooLarge,
    /// The component did not finish it.
    #[error("the request's body broke off")]
    Broken,
    /// It needs a secret that is not there.
    #[error(transparent)]
    Secret(SendError),
}

impl Written {
    /// The engine takes so many bytes of it.
    pub(super) const fn new(
        body: BodyDataStream<WasiBody>,
        exchange: Arc<Exchange>,
        max_bytes: u64,
    ) -> Self {
        Self {
            body,
            exchange,
            left_bytes: max_bytes,
        }
    }
}

impl Stream for Written {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let frame = ready!(Pin::new(&mut self.body).poll_next(context));
        Poll::Ready(frame.map(|frame| {
            let piece = frame.map_err(|_: Error| BodyError::Broken)?;
            self.left_bytes = self
                .left_bytes
                .checked_sub(piece.len() as u64)
                .ok_or(BodyError::TooLarge)?;
            self.exchange.sent(&piece);
            Ok(piece)
        }))
    }
}

/// The same with values in place of placeholders.
pub(super) struct Filled {
    pub(super) written: Written,
    /// Until the body has come to its end.
    pub(super) filler: Option<Filler>,
}

impl Stream for Filled {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(mut filler) = self.filler.take() else {
                return Poll::Ready(None);
            };
            let filled = match Pin::new(&mut self.written).poll_next(context)? {
                Poll::Pending => {
                    self.filler = Some(filler);
                    return Poll::Pending;
                }
                Poll::Ready(Some(piece)) => {
                    let filled = filler.push(piece);
                    self.filler = Some(filler);
                    filled
                }
                Poll::Ready(None) => filler.finish(),
            };
            let filled = filled.map_err(BodyError::Secret)?;
            if !filled.is_empty() {
                return Poll::Ready(Some(Ok(filled)));
            }
        }
    }
}

/// A response's body on its way to the component.
#[derive(Debug)]
pub(crate) struct IncomingBody {
    exchange: Arc<Exchange>,
    source: Source,
    scrubber: Scrubber,
    /// How much of it the component may get.
    left_bytes: u64,
    ended: bool,
}

/// Where a response's body comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// From a service, which may have said how many bytes are still to come.
    Service(reqwest::Response, Option<u64>),
    /// From a recording: what was kept of it, and how it ended.
    Recording(Option<Bytes>, Result<(), SendError>),
}

impl Source {
    pub(super) fn service(response: reqwest::Response) -> Self {
        let left_bytes = response.content_length();
        Self::Service(response, left_bytes)
    }

    async fn next(&mut self, exchange: &Exchange) -> Result<Option<Bytes>, SendError> {
        match self {
            Self::Service(response, left_bytes) => {
                let piece = response.chunk().await;
                let piece = piece.map_err(|error| exchange.explained(&error))?;
                if let (Some(piece), Some(left_bytes)) = (&piece, left_bytes) {
                    *left_bytes = left_bytes.saturating_sub(piece.len() as u64);
                }
                Ok(piece)
            }
            Self::Recording(piece, end) => match piece.take() {
                Some(piece) => Ok(Some(piece)),
                None => end.clone().map(|()| None),
            },
        }
    }

    /// Whether it is known that nothing follows.
    const fn is_exhausted(&self) -> bool {
        match self {
            Self::Service(_, left_bytes) => matches!(left_bytes, Some(0)),
            Self::Recording(piece, end) => piece.is_none() && end.is_ok(),
        }
    }
}

impl IncomingBody {
    pub(super) fn new(
        exchange: Arc<Exchange>,
        source: Source,
        scrubber: Scrubber,
        max_bytes: u64,
    ) -> Self {
        let ended = source.is_exhausted();
        if ended {
            exchange.done();
        }
        Self {
            exchange,
            source,
            scrubber,
            left_bytes: max_bytes,
            ended,
        }
    }

    /// The next piece, which is not empty; `None` when the body is whole. It may be made of several
    /// that the service sends, each of which has to come `within` this time.
    ///
    /// # Errors
    /// When it broke off, took too long, or is larger than it may be.
    pub(crate) async fn next(
        &mut self,
        within: Option<Duration>,
    ) -> Result<Option<Bytes>, SendError> {
        while !self.ended {
            let came = super::within(within, self.source.next(&self.exchange)).await;
            let came = came.flatten().map_err(|error| self.broken(error))?;
            self.ended = came.is_none() || self.source.is_exhausted();
            let mut piece = self.scrubber.push(came.unwrap_or_default());
            if self.ended {
                let rest = self.scrubber.finish();
                if !rest.is_empty() {
                    piece = [piece, rest].concat().into();
                }
            }
            if !piece.is_empty() {
                return self.hand_over(piece).map(Some);
            }
        }
        self.exchange.done();
        Ok(None)
    }

    /// It broke off.
    fn broken(&self, error: SendError) -> SendError {
        self.exchange.failed(error)
    }

    fn hand_over(&mut self, piece: Bytes) -> Result<Bytes, SendError> {
        let left_bytes = self.left_bytes.checked_sub(piece.len() as u64);
        let Some(left_bytes) = left_bytes else {
            self.ended = true;
            return Err(self.broken(self.exchange.too_large()));
        };
        self.left_bytes = left_bytes;
        self.exchange.received(&piece);
        if self.ended {
            self.exchange.done();
        }
        Ok(piece)
    }
}
