//! COPY between the server and this program, as bytes. What the bytes mean is `copy_rows`' matter.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::SinkExt;
use futures_util::future::try_join;
use tokio_postgres::{CopyInSink, SimpleQueryMessage};

use super::session::Session;
use super::{Error, Result};

const READING: &str = "reading rows";
const WRITING: &str = "loading rows";
/// Bytes in one message to the server: it takes at most 1 GiB at once, and a row may be as large (PostgreSQL 18, pqcomm.c).
const MESSAGE_BYTES: usize = 1 << 20;

/// Runs `COPY ... TO STDOUT` and gives its bytes to `sink`, piece by piece; where a piece ends means nothing.
/// Returns the number of rows that the server says it sent.
///
/// The statement is sent as a simple query, in one round trip: see [`Session::refuse_several`] for text that is not our own.
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
    copy_out_and_ask(session, sql, "", sink).await.map(|(count, _)| count)
}

/// As [`copy_out`], and asks a question right behind it, which costs no round trip of its own. The answer is the first column of the
/// last row, as text.
pub async fn copy_out_and_ask<E: From<Error>>(
    session: &Session,
    sql: &str,
    question: &str,
    mut sink: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(u64, Option<String>), E> {
    let protocol = |cause: &str| Error::Protocol {
        what: READING.to_owned(),
        cause: cause.to_owned(),
        statement: Some(sql.to_owned()),
    };
    let text = session.in_encoding(format!("{sql}; {question}")).await?;
    let mut rows = session
        .link
        .tap
        .begin()
        .ok_or_else(|| protocol("an earlier COPY on this connection has not come to its end"))?;
    let reading = async {
        while let Some(mut input) = rows.take().await.map_err(|error| session.lost(READING, &error))? {
            let delivered = input.deliver(&mut sink);
            rows.give_back(input);
            delivered?;
        }
        Ok::<_, E>(())
    };
    // What the server answers beside the rows; an error there ends the rows too.
    let answering = async {
        let answers = session.link.client.simple_query(&text).await;
        session.link.tap.answered();
        Ok(answers)
    };
    let (answers, ()) = try_join(answering, reading).await?;
    let answers = match answers {
        Ok(answers) => answers,
        Err(error) => return Err(session.failure(READING, Some(sql), error).await.into()),
    };
    let answer = answers.iter().rev().find_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    match rows.finish().await {
        Some(count) => Ok((count, answer)),
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
