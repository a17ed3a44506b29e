//! COPY between the server and this program, as bytes. What the bytes mean is `copy_rows`' matter.

use std::pin::{Pin, pin};

use bytes::Bytes;
use futures_util::future::try_join;
use futures_util::{SinkExt, StreamExt};
use tokio_postgres::{CopyInSink, Statement};

use super::session::Session;
use super::{Error, Result};

const READING: &str = "reading rows";
const WRITING: &str = "loading rows";
/// Bytes in one message to the server: it takes at most 1 GiB at once, and a row may be as large (PostgreSQL 18, pqcomm.c).
const MESSAGE_BYTES: usize = 1 << 20;

/// Runs `COPY ... TO STDOUT` and gives its bytes to `sink`, piece by piece; where a piece ends means nothing.
/// Returns the number of rows that the server says it sent.
///
/// The sink runs on the calling task. While it runs, nothing is read from this connection.
///
/// # Errors
///
/// The sink's error, at once: the session is then of no more use, except to be dropped. [`Error::Server`],
/// [`Error::Lost`], and [`Error::Snapshot`] where row-level security would hide rows.
pub async fn copy_out<E: From<Error>>(
    session: &Session,
    sql: &str,
    sink: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<u64, E> {
    copy_out_then(session, sql, sink, async {}).await.map(|(count, ())| count)
}

/// As [`copy_out`], with a statement on the same session that is sent right behind the COPY and costs no round trip of its own:
/// `then` sends it when it is first polled.
pub async fn copy_out_then<E: From<Error>, T>(
    session: &Session,
    sql: &str,
    sink: impl FnMut(&[u8]) -> Result<(), E>,
    then: impl Future<Output = T>,
) -> Result<(u64, T), E> {
    let statement = session.prepare_copy(READING, sql).await?;
    // In this order: the COPY is sent first.
    try_join(run_copy(session, sql, &statement, sink), async { Ok(then.await) }).await
}

async fn run_copy<E: From<Error>>(
    session: &Session,
    sql: &str,
    statement: &Statement,
    mut sink: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<u64, E> {
    let protocol = |cause: &str| Error::Protocol {
        what: READING.to_owned(),
        cause: cause.to_owned(),
        statement: Some(sql.to_owned()),
    };
    let mut rows = session
        .link
        .tap
        .begin()
        .ok_or_else(|| protocol("an earlier COPY on this connection has not come to its end"))?;
    let rest = match session.link.client.copy_out(statement).await {
        Ok(rest) => rest,
        Err(error) => {
            rows.refused();
            return Err(session.failure(READING, Some(sql), error).await.into());
        }
    };
    while let Some(mut input) = rows.take().await.map_err(|error| session.lost(READING, &error))? {
        let delivered = input.deliver(&mut sink);
        rows.give_back(input);
        delivered?;
    }
    // Nothing but the end of the rows, or the error that ended them, reaches the driver.
    match pin!(rest).next().await {
        None => {}
        Some(Ok(_)) => return Err(protocol("rows went past the tap").into()),
        Some(Err(error)) => return Err(session.failure(READING, Some(sql), error).await.into()),
    }
    match rows.finish().await {
        Some(count) => Ok(count),
        None => Err(protocol("the COPY ended without its row count").into()),
    }
}

/// A running `COPY ... FROM STDIN`. Dropped unfinished it is rolled back: the server is told that the COPY failed.
pub struct CopyIn<'a> {
    session: &'a Session,
    sql: String,
    sink: Pin<Box<CopyInSink<Bytes>>>,
    /// Errors seen on this connection before.
    errors: u64,
}

impl<'a> CopyIn<'a> {
    /// Starts the COPY.
    ///
    /// # Errors
    ///
    /// [`Error::Server`] if the server refuses it, [`Error::Lost`].
    pub async fn start(session: &'a Session, sql: &str) -> Result<Self> {
        let statement = session.prepare_copy(WRITING, sql).await?;
        let errors = session.link.tap.begin_copy_in();
        match session.link.client.copy_in(&statement).await {
            Ok(sink) => Ok(Self { session, sql: sql.to_owned(), sink: Box::pin(sink), errors }),
            Err(error) => Err(session.failure(WRITING, Some(sql), error).await),
        }
    }

    /// Sends bytes of the stream; where a piece ends means nothing. Waits while the server is behind.
    ///
    /// # Errors
    ///
    /// The server's error as soon as it has arrived, with the line in `context`.
    pub async fn send(&mut self, bytes: Vec<u8>) -> Result<()> {
        let mut bytes = Bytes::from(bytes);
        while !bytes.is_empty() {
            self.send_message(bytes.split_to(bytes.len().min(MESSAGE_BYTES))).await?;
        }
        Ok(())
    }

    async fn send_message(&mut self, bytes: Bytes) -> Result<()> {
        if self.session.link.tap.errors() != self.errors {
            return Err(self.end().await.err().unwrap_or_else(|| Error::Protocol {
                what: WRITING.to_owned(),
                cause: "the server sent an error that belongs to no statement".to_owned(),
                statement: None,
            }));
        }
        match self.sink.as_mut().send(bytes).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.session.failure(WRITING, Some(&self.sql), error).await),
        }
    }

    /// Ends the stream and waits until the server has taken it. The number of rows loaded.
    ///
    /// # Errors
    ///
    /// The server's, with the line in `context`.
    pub async fn finish(mut self) -> Result<u64> {
        self.end().await
    }

    async fn end(&mut self) -> Result<u64> {
        match self.sink.as_mut().finish().await {
            Ok(rows) => Ok(rows),
            Err(error) => Err(self.session.failure(WRITING, Some(&self.sql), error).await),
        }
    }
}
