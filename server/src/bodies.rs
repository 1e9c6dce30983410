//! Bodies that are not as usual: resized, slow, or left unsaid.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Interval, interval_at};

/// In how many pieces a slow body comes.
const PIECES: u32 = 10;

/// Cuts a body, or pads it with spaces: JSON stays JSON.
pub(crate) fn resized(bytes: &[u8], size: usize) -> Bytes {
    let mut resized = bytes[..bytes.len().min(size)].to_vec();
    resized.resize(size, b' ');
    resized.into()
}

/// A body that comes in pieces of equal size, one at each tick, the last one when the time is over.
pub(crate) struct Slow {
    bytes: Bytes,
    sent: usize,
    ticks: u32,
    timer: Interval,
    length: bool,
}

impl Slow {
    pub(crate) fn new(bytes: Bytes, time: Duration, length: bool) -> Self {
        let tick = time / PIECES;
        Self { bytes, sent: 0, ticks: 0, timer: interval_at(Instant::now() + tick, tick), length }
    }
}

impl HttpBody for Slow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        while !self.is_end_stream() {
            ready!(self.timer.poll_tick(context));
            self.ticks += 1;
            let end = self.bytes.len() * self.ticks as usize / PIECES as usize;
            let piece = self.bytes.slice(self.sent..end);
            self.sent = end;
            // A body of fewer bytes than pieces has ticks with nothing to send.
            if !piece.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.sent == self.bytes.len()
    }

    fn size_hint(&self) -> SizeHint {
        // Without an exact size the answer goes out chunked.
        if self.length {
            SizeHint::with_exact((self.bytes.len() - self.sent) as u64)
        } else {
            SizeHint::default()
        }
    }
}

/// An empty body of no known length: for a plain empty one the framework would add `Content-Length: 0`.
pub(crate) struct Unsaid;

impl HttpBody for Unsaid {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn json_is_still_json_when_it_is_padded() {
        let padded = resized(b"{\"a\":1}", 100);
        assert_eq!(padded.len(), 100);
        assert_eq!(serde_json::from_slice::<Value>(&padded).unwrap(), json!({ "a": 1 }));
        assert_eq!(resized(b"abc", 2), "ab");
        assert_eq!(resized(b"abc", 0), "");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_takes_its_time_to_the_millisecond() {
        for (length, pieces) in [(1_000, 10), (3, 3)] {
            let start = Instant::now();
            let mut body = Body::new(Slow::new(vec![0; length].into(), Duration::from_secs(5), false));
            let mut sizes = Vec::new();
            while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
                sizes.push(frame.unwrap().into_data().unwrap().len());
            }
            assert_eq!(start.elapsed(), Duration::from_secs(5));
            assert_eq!((sizes.len(), sizes.iter().sum::<usize>()), (pieces, length));
        }
    }
}
