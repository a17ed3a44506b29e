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
pub(super) const MESSAGE_BYTES: usize = 1 << 20;

/// What COPYs that were sent together have come to.
#[derive(Debug)]
pub struct CopiedTogether {
    /// How many rows each of them sent, as the server says.
    pub rows: Vec<u64>,
    /// The first column of each row that the other statements have for an answer, as text.
    pub answers: Vec<Option<String>>,
}

/// Runs COPYs TO STDOUT in one round trip: `first`, then the COPYs, then a question. `sink` is told the number of the COPY, from 0,
/// whose bytes it gets, piece by piece; where a piece ends means nothing. A COPY that has no bytes is passed over.
///
/// What is sent is a simple query: see [`Session::refuse_several`] for text that is not our own. The sink runs on the calling
/// task. While it runs, nothing is read from this connection.
///
/// # Errors
///
/// The sink's error, at once: the session is then of no more use, except to be dropped. [`Error::Server`],
/// [`Error::Lost`], and [`Error::Snapshot`] where row-level security would hide rows. With the number of the COPY that was not
/// complete.
pub async fn copy_out_together<E: From<Error>>(
    session: &Session,
    first: &str,
    copies: &[String],
    question: &str,
    mut sink: impl FnMut(usize, &[u8]) -> Result<(), E>,
) -> Result<CopiedTogether, (usize, E)> {
    let protocol = |cause: &str| Error::Protocol {
        what: READING.to_owned(),
        cause: cause.to_owned(),
        statement: Some(copies.join("; ")),
    };
    let last = copies.len().saturating_sub(1);
    let statements = [first].into_iter().chain(copies.iter().map(String::as_str)).chain([question]);
    let text = statements.filter(|statement| !statement.is_empty()).collect::<Vec<_>>().join("; ");
    let text = session.in_encoding(text).await.map_err(|error| (0, error.into()))?;
    let Some(mut rows) = session.link.tap.begin() else {
        return Err((0, protocol("an earlier COPY on this connection has not come to its end").into()));
    };
    let reading = async {
        for at in 0..copies.len() {
            while let Some(mut input) =
                rows.take().await.map_err(|error| (at, session.lost(READING, &error).into()))?
            {
                let delivered = input.deliver(|bytes| sink(at, bytes));
                rows.give_back(input);
                delivered.map_err(|error| (at, error))?;
            }
            rows.next();
        }
        Ok::<_, (usize, E)>(())
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
        Err(error) => {
            let at = rows.ended().len().min(last);
            return Err((
                at,
                session.failure(READING, copies.get(at).map(String::as_str), error).await.into(),
            ));
        }
    };
    let answers = answers
        .iter()
        .filter_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => Some(row.get(0).map(str::to_owned)),
            _ => None,
        })
        .collect();
    let rows = rows.finish().await;
    if rows.len() != copies.len() {
        return Err((rows.len().min(last), protocol("a COPY ended without its row count").into()));
    }
    Ok(CopiedTogether { rows, answers })
}

/// Runs COPYs FROM STDIN in one round trip: `first`, then each statement, with its rows sent behind it all. How many rows the server
/// has taken from each. The rows are in memory twice.
///
/// What is sent is a simple query, as with [`copy_out_together`].
///
/// # Errors
///
/// [`Error::Server`] and [`Error::Lost`], with the number of the COPY that was not complete.
pub async fn copy_in_together(
    session: &Session,
    first: &str,
    copies: &[(String, Vec<u8>)],
) -> Result<Vec<u64>, (usize, Error)> {
    let protocol = |cause: &str| Error::Protocol {
        what: WRITING.to_owned(),
        cause: cause.to_owned(),
        statement: copies.first().map(|(statement, _)| statement.clone()),
    };
    let last = copies.len().saturating_sub(1);
    let statements = [first].into_iter().chain(copies.iter().map(|(statement, _)| statement.as_str()));
    let text = statements.filter(|statement| !statement.is_empty()).collect::<Vec<_>>().join("; ");
    let text = session.in_encoding(text).await.map_err(|error| (0, error))?;
    let Some(answers) = session.link.tap.begin_with_rows(copies.iter().map(|(_, rows)| rows.as_slice()))
    else {
        return Err((0, protocol("an earlier COPY on this connection has not come to its end")));
    };
    let answered = session.link.client.batch_execute(&text).await;
    session.link.tap.answered();
    if let Err(error) = answered {
        let at = answers.ended().len().min(last);
        let statement = copies.get(at).map(|(statement, _)| statement.as_str());
        return Err((at, session.failure(WRITING, statement, error).await));
    }
    let taken = answers.finish().await;
    if taken.len() != copies.len() {
        return Err((taken.len().min(last), protocol("a COPY ended without its row count")));
    }
    Ok(taken)
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
