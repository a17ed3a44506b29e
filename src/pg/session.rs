//! A session: one connection with known settings.

use std::borrow::Cow;
use std::pin::pin;
use std::sync::PoisonError;

use futures_util::TryStreamExt as _;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Row, Statement};

use super::config::ConnectConfig;
use super::open::{self, CancelHandle, Link};
use super::settings::{self, Purpose};
use super::version::Version;
use super::{Error, Result};
use crate::sql;

/// One connection to a server, with the settings of its [`Purpose`]. Dropping it ends the connection.
pub struct Session {
    pub(super) link: Link,
    client_encoding: Cow<'static, str>,
}

impl Session {
    /// Connects, logs in and sets every setting that can change a byte.
    ///
    /// `application_name` is what the server's activity view shows, unless the configuration names another one.
    ///
    /// # Errors
    ///
    /// [`Error::Connect`], [`Error::PasswordRequired`], [`Error::Auth`], [`Error::Tls`], [`Error::TooManyConnections`],
    /// [`Error::NoSuchDatabase`], [`Error::UnsupportedServer`].
    pub async fn connect(config: &ConnectConfig, purpose: Purpose, application_name: &str) -> Result<Self> {
        let link = open::open(config, application_name).await?;
        let version = link.facts.version;
        if version < Version::OLDEST {
            return Err(Error::UnsupportedServer {
                target: link.target.clone(),
                version: link.facts.version_text.clone(),
            });
        }
        if version.major() > Version::NEWEST_MAJOR {
            tracing::warn!(
                "PostgreSQL {version} is newer than this program knows: kinds of objects it does not know are left out"
            );
        }
        let sql = settings::statements(purpose, version, &link.facts.encoding);
        let client_encoding = Cow::Borrowed(statement_encoding(&link.facts.encoding));
        let session = Self { link, client_encoding };
        session.batch_as("preparing a session", &sql).await?;
        Ok(session)
    }

    /// The server's version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.link.facts.version
    }

    /// The server's version in its own words: `15.18 (Debian 15.18-0+deb12u1)`.
    #[must_use]
    pub fn version_text(&self) -> &str {
        &self.link.facts.version_text
    }

    /// The encoding of the database.
    #[must_use]
    pub fn server_encoding(&self) -> &str {
        &self.link.facts.encoding
    }

    /// The process id of the server process, as its activity view and its log show it.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.link.facts.pid
    }

    /// Where the session is: safe to print.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.link.target
    }

    /// Whether the connection has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.link.client.is_closed()
    }

    /// An error if this session or `other` has another server process in each transaction, as a pooler in transaction mode gives
    /// them: what is set in a session would be lost, or stay behind in somebody else's. Neither may be in a transaction.
    ///
    /// # Errors
    ///
    /// [`Error::Pooler`], and as [`Session::query`].
    pub async fn refuse_pooler(&self, other: &Session) -> Result<()> {
        let process = async |session: &Session| -> Result<i32> {
            let rows = session
                .ask("asking for the server process", "SELECT pg_catalog.pg_backend_pid() AS pid")
                .await?;
            rows.first().map_or(Ok(0), |row| column(row, "pid"))
        };
        let mut keeps_it = self.pid() != other.pid();
        if keeps_it {
            // While this one keeps its process, the other one gets another than it had, if it had the same.
            self.batch("BEGIN").await?;
            keeps_it = process(self).await? == self.pid() && process(other).await? == other.pid();
            self.batch("ROLLBACK").await?;
        }
        if keeps_it { Ok(()) } else { Err(Error::Pooler { target: self.target().to_owned() }) }
    }

    /// Something that can cancel this session's statement from another task.
    #[must_use]
    pub fn cancel_handle(&self) -> CancelHandle {
        self.link.cancel.clone()
    }

    /// The rows of a query. `what` says in an error what was being done: "reading the list of tables".
    ///
    /// # Errors
    ///
    /// [`Error::Server`] if the statement fails, [`Error::Lost`] if the connection does.
    pub async fn query(&self, what: &str, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        match self.link.client.query(sql, params).await {
            Ok(rows) => Ok(rows),
            Err(error) => Err(self.failure(what, Some(sql), error).await),
        }
    }

    /// The rows of a query without parameters, in one round trip.
    ///
    /// # Errors
    ///
    /// As [`Session::query`].
    pub async fn ask(&self, what: &str, sql: &str) -> Result<Vec<Row>> {
        match self.link.client.query_typed(sql, &[]).await {
            Ok(rows) => Ok(rows),
            Err(error) => Err(self.failure(what, Some(sql), error).await),
        }
    }

    /// The rows of a query without parameters one by one, so that they are not in memory all at once, in one round trip.
    ///
    /// # Errors
    ///
    /// As [`Session::query`].
    pub async fn query_each(&self, what: &str, sql: &str, mut each: impl FnMut(&Row)) -> Result<()> {
        let streamed = async {
            let mut rows = pin!(self.link.client.query_typed_raw(sql, [] as [(i32, Type); 0]).await?);
            while let Some(row) = rows.try_next().await? {
                each(&row);
            }
            Ok(())
        };
        match streamed.await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.failure(what, Some(sql), error).await),
        }
    }

    /// Runs exactly one statement, in one round trip; the extended protocol refuses a second one in the text.
    ///
    /// # Errors
    ///
    /// As [`Session::query`].
    pub async fn execute(&self, sql: &str) -> Result<()> {
        match self.link.client.query_typed(sql, &[]).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.failure("running a statement", Some(sql), error).await),
        }
    }

    /// Runs several statements in one round trip. For text of our own only: whatever is in it is run.
    ///
    /// # Errors
    ///
    /// As [`Session::query`].
    pub async fn batch(&self, sql: &str) -> Result<()> {
        self.batch_as("running statements", sql).await
    }

    pub(super) async fn batch_as(&self, what: &str, sql: &str) -> Result<()> {
        match self.link.client.batch_execute(sql).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.failure(what, Some(sql), error).await),
        }
    }

    /// The encoding of texts in COPY data. Sessions start with UTF8, or SQL_ASCII if the database is.
    ///
    /// # Errors
    ///
    /// As [`Session::query`]; the server refuses encodings it cannot convert to its own.
    pub async fn set_client_encoding(&mut self, encoding: &str) -> Result<()> {
        if self.client_encoding == encoding {
            return Ok(());
        }
        self.switch_encoding(encoding).await?;
        self.client_encoding = Cow::Owned(encoding.to_owned());
        Ok(())
    }

    /// The encoding of statements, as at the start of the session.
    ///
    /// # Errors
    ///
    /// As [`Session::query`].
    pub async fn reset_client_encoding(&mut self) -> Result<()> {
        self.set_client_encoding(statement_encoding(&self.link.facts.encoding)).await
    }

    async fn switch_encoding(&self, encoding: &str) -> Result<()> {
        self.query(
            "setting the client encoding",
            "SELECT pg_catalog.set_config('client_encoding', $1, false)",
            &[&encoding],
        )
        .await
        .map(drop)
    }

    /// Prepares a COPY statement. The text of statements is UTF8 here, and the server reads it in the client encoding:
    /// names outside ASCII are read under UTF8, the rows then travel in the encoding that was set.
    pub(super) async fn prepare_copy(&self, what: &str, sql: &str) -> Result<Statement> {
        let foreign = self.is_foreign(sql);
        if foreign {
            self.switch_encoding("UTF8").await?;
        }
        let prepared = match self.link.client.prepare(sql).await {
            Ok(statement) => statement,
            Err(error) => return Err(self.failure(what, Some(sql), error).await),
        };
        if foreign {
            self.switch_encoding(&self.client_encoding).await?;
        }
        Ok(prepared)
    }

    /// An error if the text is more than one statement. For a COPY with a condition that an extension or an archive brings: what is
    /// then run as a simple query is looked at by the extended protocol before.
    ///
    /// # Errors
    ///
    /// [`Error::Server`] then and if it cannot be parsed, [`Error::Lost`].
    pub async fn refuse_several(&self, sql: &str) -> Result<()> {
        self.prepare_copy("looking at a statement", sql).await.map(drop)
    }

    /// The text of statements such that the server reads it as UTF8 and runs it in the client encoding: it reads all of it
    /// before it runs the first statement.
    pub(super) async fn in_encoding(&self, sql: String) -> Result<String> {
        if !self.is_foreign(&sql) {
            return Ok(sql);
        }
        self.switch_encoding("UTF8").await?;
        let encoding = sql::literal(&self.client_encoding);
        Ok(format!("SELECT pg_catalog.set_config('client_encoding', {encoding}, false); {sql}"))
    }

    /// Whether the server would take the text for another one in the client encoding.
    fn is_foreign(&self, sql: &str) -> bool {
        !sql.is_ascii() && !matches!(&*self.client_encoding, "UTF8" | "SQL_ASCII")
    }

    /// What the server has said beside its answers since this was asked last, the newest first; only the last few.
    pub fn take_notices(&self) -> Vec<String> {
        let mut notices = self.link.notices.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *notices).into()
    }

    /// What the driver's error means. If the connection has ended, what ended it.
    pub(super) async fn failure(
        &self,
        what: &str,
        statement: Option<&str>,
        error: tokio_postgres::Error,
    ) -> Error {
        if error.is_closed() {
            let mut ended = self.link.ended.clone();
            if let Ok(cause) = ended.wait_for(Option::is_some).await
                && let Some(cause) = cause.as_ref()
            {
                return Error::working(what, None, cause);
            }
        }
        Error::working(what, statement, &error)
    }

    /// The connection failed below the driver.
    pub(super) fn lost(&self, what: &str, error: &std::io::Error) -> Error {
        Error::Lost { what: what.to_owned(), cause: error.to_string(), sqlstate: None }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The driver would read all remaining rows before it says goodbye.
        if self.link.tap.is_copying() {
            self.link.driver.abort();
        }
    }
}

/// The value of a column of one of our own queries.
///
/// # Errors
///
/// [`Error::Protocol`] if there is no such column, or the value is of another type.
pub fn column<'a, T: FromSql<'a>>(row: &'a Row, name: &str) -> Result<T> {
    row.try_get(name).map_err(|error| Error::Protocol {
        what: format!("reading the column {name}"),
        cause: error.to_string(),
        statement: None,
    })
}

/// Statements are UTF8 here. A database without an encoding converts nothing and must not try.
fn statement_encoding(database: &str) -> &'static str {
    if database == "SQL_ASCII" { "SQL_ASCII" } else { "UTF8" }
}
