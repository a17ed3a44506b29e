//! A tap in the byte stream between the server and the driver, for the rows of COPYs that are sent together.
//!
//! The driver hands out one allocation and one channel message per row. The tap sits below it, follows the frames of the
//! protocol (one byte of tag, four of length), and while a COPY runs gives the payload of CopyData frames to the reader
//! of the COPY, straight from the read buffer. CopyOutResponse and CopyDone, which the driver does not expect among the answers
//! to a simple query, end here. Every other frame reaches the driver unchanged and in order, so authentication, errors and notices
//! stay where they are.
//!
//! The driver waits for the server's answer before it sends the rows of a COPY FROM STDIN. The tap can put them right behind the
//! statement: the server reads message after message, and passes over rows that no COPY wants any more because one before has
//! failed. CopyInResponse, which the driver does not expect then either, ends here.
//!
//! The stream is read by one side at a time: by the reader of the COPY from the end of CopyOutResponse until a frame
//! that ends the COPY, by the driver otherwise. Each side wakes the other when the next frame is not its own.
//!
//! Frames: <https://www.postgresql.org/docs/current/protocol-message-formats.html>.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsStream};

use super::copy::MESSAGE_BYTES;
use super::transport::Transport;

/// Large enough that reading costs few system calls, small enough to stay in the processor's cache.
const BUFFER: usize = 128 * 1024;
/// No message of PostgreSQL is longer: its buffers end at 1 GiB.
const LONGEST_FRAME: usize = 1 << 30;
/// A command tag has a handful of words.
const LONGEST_TAG: usize = 1024;

const COMMAND_COMPLETE: u8 = b'C';
const COPY_IN_RESPONSE: u8 = b'G';
const COPY_DATA: u8 = b'd';
const COPY_DONE: u8 = b'c';
const COPY_OUT_RESPONSE: u8 = b'H';
const ERROR_RESPONSE: u8 = b'E';
const READY_FOR_QUERY: u8 = b'Z';

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No COPY TO STDOUT.
    Idle,
    /// The next CopyOutResponse or CopyInResponse starts the first of ours.
    Armed,
    /// CopyData frames belong to the reader.
    Data,
    /// The rows of one COPY are over, or go to the server; the command tag, and the next COPY or ReadyForQuery, are still to come.
    Tail,
    /// The reader went away before the end. What is left goes to the driver, which drops it.
    Abandoned,
}

/// The start of a COPY FROM STDIN. When the server refuses one, the driver sends a CopyFail and a second Sync all the
/// same. The server answers the Sync with a ReadyForQuery that the driver would take for an answer to its next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CopyInStart {
    No,
    /// The statement is on its way: CopyInResponse or an error will come.
    Sent,
    /// An error came; the ReadyForQuery that belongs to it will follow.
    Refused,
    /// It did; the next one is the surplus one.
    Surplus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Driver,
    Reader,
    /// Nobody wants it.
    Neither,
}

/// Rows that follow a statement to the server.
struct Following {
    rows: Vec<u8>,
    /// So many of their bytes have been sent.
    sent: usize,
    /// Whether the driver has begun to send the statement.
    is_stated: bool,
}

/// Bytes read from the server, and how they are cut into frames.
pub(super) struct Input {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// Bytes of the current frame that have not been given away yet, and who gets them.
    left: usize,
    owner: Side,
}

impl Input {
    fn new() -> Self {
        Self { buffer: vec![0; BUFFER].into_boxed_slice(), start: 0, end: 0, left: 0, owner: Side::Driver }
    }

    fn available(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Tag and length (without the tag) of the frame that begins here, if its header is there.
    fn header(&self) -> io::Result<Option<(u8, usize)>> {
        let Some(&[tag, a, b, c, d]) = self.available().first_chunk::<5>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if !(4..=LONGEST_FRAME).contains(&length) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the server sent a message of {length} bytes: this is not PostgreSQL's protocol"),
            ));
        }
        Ok(Some((tag, length)))
    }

    /// Skips the header of a CopyData frame: what follows belongs to the reader.
    fn enter_copy_data(&mut self, length: usize) {
        self.start += 5;
        self.left = length - 4;
        self.owner = Side::Reader;
    }

    /// Leaves a whole frame to nobody.
    fn drop_frame(&mut self, length: usize) {
        self.left = length + 1;
        self.owner = Side::Neither;
    }

    /// Gives the reader's bytes that are here to `sink`, up to the first frame that is not CopyData.
    pub(super) fn deliver<E>(&mut self, mut sink: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        loop {
            if self.left == 0 {
                match self.header() {
                    Ok(Some((COPY_DATA, length))) => self.enter_copy_data(length),
                    // Anything else, damage included, is for the side that looks at it next.
                    _ => return Ok(()),
                }
            }
            let bytes = self.available();
            let Some(piece) = bytes.get(..self.left.min(bytes.len())) else {
                return Ok(());
            };
            let length = piece.len();
            if length > 0 {
                sink(piece)?;
            }
            self.start += length;
            self.left -= length;
            if self.left > 0 {
                return Ok(());
            }
        }
    }

    /// Reads once from the stream. Ready(0) is its end.
    fn fill(&mut self, stream: &mut Transport, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let mut free = ReadBuf::new(self.buffer.get_mut(self.end..).unwrap_or_default());
        ready!(Pin::new(stream).poll_read(context, &mut free))?;
        let read = free.filled().len();
        self.end += read;
        Poll::Ready(Ok(read))
    }
}

struct Shared {
    stream: Transport,
    /// None while the reader of a COPY works on it.
    input: Option<Input>,
    phase: Phase,
    copy_in: CopyInStart,
    /// How many COPYs have begun since the reader claimed their rows.
    begun: usize,
    /// From the command tags of those that have ended.
    rows: Vec<u64>,
    /// ErrorResponse frames seen so far.
    errors: u64,
    following: Option<Following>,
    driver: Option<Waker>,
    reader: Option<Waker>,
}

impl Shared {
    /// Who gets the bytes at the front; None if more must be read to know.
    fn front(&mut self) -> io::Result<Option<Side>> {
        let Some(input) = &mut self.input else {
            return Ok(Some(Side::Reader));
        };
        // The header of an abandoned row is gone, so the driver must not see the rest.
        let is_unwanted =
            input.owner == Side::Neither || (self.phase == Phase::Abandoned && input.owner == Side::Reader);
        if is_unwanted {
            let length = input.left.min(input.available().len());
            input.start += length;
            input.left -= length;
            if input.left > 0 {
                return Ok(None);
            }
            input.owner = Side::Driver;
        }
        if input.left > 0 {
            return Ok(Some(input.owner));
        }
        let Some((tag, length)) = input.header()? else {
            return Ok(None);
        };
        match (tag, self.phase) {
            (COPY_DATA, Phase::Data) => {
                input.enter_copy_data(length);
                return Ok(Some(Side::Reader));
            }
            (COPY_OUT_RESPONSE, Phase::Armed | Phase::Tail) => {
                self.phase = Phase::Data;
                self.begun += 1;
                input.drop_frame(length);
                return self.front();
            }
            (COPY_IN_RESPONSE, Phase::Armed | Phase::Tail) => {
                self.phase = Phase::Tail;
                input.drop_frame(length);
                return self.front();
            }
            (COPY_DONE, Phase::Data) => {
                self.phase = Phase::Tail;
                wake(&mut self.reader);
                input.drop_frame(length);
                return self.front();
            }
            (ERROR_RESPONSE | READY_FOR_QUERY, Phase::Data) => {
                self.phase = Phase::Tail;
                wake(&mut self.reader);
            }
            (COMMAND_COMPLETE, Phase::Tail) if length <= LONGEST_TAG => {
                let Some(body) = input.available().get(5..length + 1) else {
                    return Ok(None);
                };
                self.rows.extend(rows_of_tag(body));
            }
            _ => {}
        }
        match (tag, self.copy_in) {
            (COPY_IN_RESPONSE, CopyInStart::Sent) => self.copy_in = CopyInStart::No,
            (ERROR_RESPONSE, CopyInStart::Sent) => self.copy_in = CopyInStart::Refused,
            (READY_FOR_QUERY, CopyInStart::Refused) => self.copy_in = CopyInStart::Surplus,
            (READY_FOR_QUERY, CopyInStart::Surplus) => {
                if input.available().len() <= length {
                    return Ok(None);
                }
                input.start += length + 1;
                self.copy_in = CopyInStart::No;
                return self.front();
            }
            _ => {}
        }
        if tag == ERROR_RESPONSE {
            self.errors += 1;
        }
        if tag == READY_FOR_QUERY && self.phase == Phase::Tail {
            self.phase = Phase::Idle;
            wake(&mut self.reader);
        }
        input.left = length + 1;
        input.owner = Side::Driver;
        Ok(Some(Side::Driver))
    }

    fn poll_driver(&mut self, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        loop {
            let front = self.front()?;
            let filled = out.filled().len() > before;
            if out.remaining() == 0 || (filled && front.is_none()) {
                return Poll::Ready(Ok(()));
            }
            let readers = front == Some(Side::Reader) || (front.is_none() && self.phase == Phase::Data);
            let Some(input) = self.input.as_mut().filter(|_| !readers) else {
                wake(&mut self.reader);
                if filled {
                    return Poll::Ready(Ok(()));
                }
                self.driver = Some(context.waker().clone());
                return Poll::Pending;
            };
            let bytes = input.available();
            let length = input.left.min(bytes.len()).min(out.remaining());
            if length > 0 {
                out.put_slice(&bytes[..length]);
                input.start += length;
                input.left -= length;
            } else if filled || ready!(input.fill(&mut self.stream, context))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// The driver writes: a statement that rows follow, or what comes behind them.
    fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.following.as_ref().is_some_and(|following| following.sent > 0) {
            ready!(self.poll_follow(context))?;
        }
        if let Some(following) = &mut self.following {
            following.is_stated = true;
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    /// Sends the rows that follow a statement, if there are any.
    fn poll_follow(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(following) = self.following.as_mut().filter(|following| following.is_stated) {
            let Some(left @ [_, ..]) = following.rows.get(following.sent..) else {
                self.following = None;
                break;
            };
            match ready!(Pin::new(&mut self.stream).poll_write(context, left))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => following.sent += written,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Lends the input to the reader when it holds bytes of the COPY of this number, from 1. None: its rows are over.
    fn poll_reader(&mut self, copy: usize, context: &mut Context<'_>) -> Poll<io::Result<Option<Input>>> {
        loop {
            // Until the rows begin, the driver reads.
            if self.begun < copy && matches!(self.phase, Phase::Armed | Phase::Tail) {
                return self.leave_to_driver(context);
            }
            if self.begun != copy || self.phase != Phase::Data {
                wake(&mut self.driver);
                return Poll::Ready(Ok(None));
            }
            let front = self.front()?;
            if self.phase != Phase::Data {
                continue;
            }
            match front {
                Some(Side::Reader) => {
                    let here = self.input.as_ref().is_some_and(|input| !input.available().is_empty());
                    if here {
                        return Poll::Ready(Ok(self.input.take()));
                    }
                }
                Some(Side::Driver | Side::Neither) => return self.leave_to_driver(context),
                None => {}
            }
            let Some(input) = &mut self.input else {
                return Poll::Ready(Err(io::Error::other("the reader of a COPY failed before")));
            };
            if ready!(input.fill(&mut self.stream, context))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    fn leave_to_driver<T>(&mut self, context: &mut Context<'_>) -> Poll<T> {
        self.reader = Some(context.waker().clone());
        wake(&mut self.driver);
        Poll::Pending
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

fn add_frame(bytes: &mut Vec<u8>, tag: u8, body: &[u8]) {
    bytes.push(tag);
    bytes.extend((body.len() as u32 + 4).to_be_bytes());
    bytes.extend(body);
}

/// The number in `COPY 42\0`.
fn rows_of_tag(body: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(body.strip_suffix(b"\0")?).ok()?;
    text.strip_prefix("COPY ")?.parse().ok()
}

/// The end of the tap that the session keeps.
#[derive(Clone)]
pub(super) struct Tap(Arc<Mutex<Shared>>);

/// The end of the tap that the driver reads and writes.
pub(super) struct Tapped(Arc<Mutex<Shared>>);

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tap {
    /// Puts a tap on a stream on which nothing but the TLS negotiation has happened.
    pub(super) fn new(stream: Transport) -> (Self, Tapped) {
        let shared = Arc::new(Mutex::new(Shared {
            stream,
            input: Some(Input::new()),
            phase: Phase::Idle,
            copy_in: CopyInStart::No,
            begun: 0,
            rows: Vec::new(),
            errors: 0,
            following: None,
            driver: None,
            reader: None,
        }));
        (Self(Arc::clone(&shared)), Tapped(shared))
    }

    /// ErrorResponse messages that the server has sent so far.
    pub(super) fn errors(&self) -> u64 {
        lock(&self.0).errors
    }

    /// Says that a COPY FROM STDIN is sent next. The number of errors so far.
    pub(super) fn begin_copy_in(&self) -> u64 {
        let mut shared = lock(&self.0);
        shared.copy_in = CopyInStart::Sent;
        shared.errors
    }

    /// The statement that was to begin a COPY is over. If it never did, nobody waits for its rows any more.
    pub(super) fn answered(&self) {
        let mut shared = lock(&self.0);
        if shared.phase == Phase::Armed {
            shared.phase = Phase::Idle;
            wake(&mut shared.reader);
        }
        // The server has refused the statement: nobody waits for them.
        shared.following.take_if(|following| following.sent == 0);
    }

    /// Whether rows of a COPY may still be under way.
    pub(super) fn is_copying(&self) -> bool {
        matches!(lock(&self.0).phase, Phase::Armed | Phase::Data | Phase::Abandoned)
    }

    /// Claims the answers to COPYs FROM STDIN that are sent next, in one statement, and the rows of each behind it. None if earlier
    /// ones are not over.
    pub(super) fn begin_with_rows<'a>(&self, copies: impl Iterator<Item = &'a [u8]>) -> Option<CopyTap<'_>> {
        let begun = self.begin()?;
        let mut rows = Vec::new();
        for copy in copies {
            for piece in copy.chunks(MESSAGE_BYTES) {
                add_frame(&mut rows, COPY_DATA, piece);
            }
            add_frame(&mut rows, COPY_DONE, &[]);
        }
        lock(&self.0).following = Some(Following { rows, sent: 0, is_stated: false });
        Some(begun)
    }

    /// Claims the rows of the COPYs TO STDOUT that are sent next, together. None if earlier ones are not over.
    pub(super) fn begin(&self) -> Option<CopyTap<'_>> {
        let mut shared = lock(&self.0);
        if shared.phase != Phase::Idle || shared.following.is_some() {
            return None;
        }
        shared.phase = Phase::Armed;
        shared.begun = 0;
        shared.rows.clear();
        Some(CopyTap { shared: &self.0, copy: 1 })
    }
}

/// The rows of COPYs TO STDOUT that were sent together. Dropped early, it leaves them to the driver.
pub(super) struct CopyTap<'a> {
    shared: &'a Mutex<Shared>,
    /// The one that is read, from 1.
    copy: usize,
}

impl CopyTap<'_> {
    /// Waits for more rows; None when those of this COPY are over, or the server refused it. What is taken must be given back.
    pub(super) async fn take(&mut self) -> io::Result<Option<Input>> {
        std::future::poll_fn(|context| lock(self.shared).poll_reader(self.copy, context)).await
    }

    /// Gives back what [`CopyTap::take`] lent.
    pub(super) fn give_back(&mut self, input: Input) {
        lock(self.shared).input = Some(input);
    }

    /// What is taken from now on are the rows of the next COPY.
    pub(super) fn next(&mut self) {
        self.copy += 1;
    }

    /// The number of rows of each COPY that has ended, from its command tag.
    pub(super) fn ended(&self) -> Vec<u64> {
        lock(self.shared).rows.clone()
    }

    /// Waits until the server is ready for the next statement. What [`CopyTap::ended`] says then.
    pub(super) async fn finish(self) -> Vec<u64> {
        std::future::poll_fn(|context| {
            let mut shared = lock(self.shared);
            if shared.phase != Phase::Tail {
                return Poll::Ready(std::mem::take(&mut shared.rows));
            }
            shared.reader = Some(context.waker().clone());
            wake(&mut shared.driver);
            Poll::Pending
        })
        .await
    }
}

impl Drop for CopyTap<'_> {
    fn drop(&mut self) {
        let mut shared = lock(self.shared);
        shared.phase = match shared.phase {
            Phase::Armed | Phase::Data | Phase::Abandoned => Phase::Abandoned,
            Phase::Idle | Phase::Tail => Phase::Idle,
        };
        wake(&mut shared.driver);
    }
}

impl AsyncRead for Tapped {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        lock(&self.0).poll_driver(context, buffer)
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        lock(&self.0).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut shared = lock(&self.0);
        // The driver has written all of its statement before it flushes.
        ready!(shared.poll_follow(context))?;
        Pin::new(&mut shared.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut lock(&self.0).stream).poll_shutdown(context)
    }
}

impl TlsStream for Tapped {
    fn channel_binding(&self) -> ChannelBinding {
        lock(&self.0).stream.channel_binding()
    }
}

impl Drop for Tapped {
    fn drop(&mut self) {
        // The driver is gone: nobody will end the wait of `take` or of `finish`.
        let mut shared = lock(&self.0);
        if matches!(shared.phase, Phase::Armed | Phase::Tail) {
            shared.phase = Phase::Idle;
        }
        wake(&mut shared.reader);
    }
}

#[cfg(test)]
#[path = "tap_tests.rs"]
mod tests;
