//! One consistent view of a database for many sessions.
//!
//! TRUNCATE and rewriting ALTER TABLE are not MVCC-safe: a snapshot that is older than the lock on a table can find the
//! table empty. So the tables are locked first. LOCK takes no snapshot, not even in a REPEATABLE READ transaction: the
//! leader locks every table, and its first query afterwards takes the snapshot that is exported. A second session, the
//! scout, lists the tables and looks at how things are now, while the leader sees how they were. Tables that appeared
//! between listing and snapshot are locked late, and each table's file is compared: the one the snapshot knows with the
//! one that is there under the lock.
//!
//! Somebody who wants to change a table queues behind the leader, and every session that has no lock on that table yet
//! queues behind him: a deadlock that the server cannot see, because nobody but us knows that the leader waits for its
//! workers. So sessions that join wait for locks only briefly (SQLSTATE 55P03), and the leader, which has the lock, reads for
//! them. It can still have to wait for the lock on an index (a REINDEX): that ends by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::config::ConnectConfig;
use super::session::{Session, column};
use super::settings::Purpose;
use super::{Error, Result, blockers};
use crate::sql;

/// How to take a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotOptions {
    /// How long to wait for the lock on a table. Zero waits forever.
    pub lock_wait_timeout: Duration,
    /// Which moment it shows.
    pub moment: Moment,
}

/// The moment that a snapshot shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Moment {
    /// That at which the tables have been locked.
    #[default]
    Locked,
    /// The first after it at which no serializable transaction is under way that could make it one that never was
    /// (SERIALIZABLE READ ONLY DEFERRABLE; not on a standby).
    Serializable,
    /// That of a snapshot with this identifier, which another session has exported and holds.
    Exported(String),
}

/// A table, for who decides whether it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Schemas and names: its own, then those of the partitioned tables that it is a part of.
    pub names: Vec<(String, String)>,
    /// The extension that makes it.
    pub extension: Option<String>,
}

/// Which tables are wanted: a decision about each, given the schemas in which this user finds names without one.
pub type Wanted<'a> = dyn Fn(&Candidate, &[String]) -> bool + Sync + 'a;

/// A snapshot that is kept open, and locks on the wanted tables in it.
pub struct Snapshot {
    exported: Exported,
    taken: Instant,
    leader: Session,
    lock_timeout_ms: u128,
}

/// What a successful try comes to.
struct Exported {
    id: String,
    time: i64,
    /// The oldest transaction that it does not know the end of.
    oldest: String,
    locked: BTreeSet<u32>,
    search_path: Vec<String>,
}

/// The two sessions that find a consistent moment.
struct Search<'a> {
    leader: &'a Session,
    scout: &'a Session,
    /// None stands for all tables.
    wanted: Option<&'a Wanted<'a>>,
    search_path: Vec<String>,
    lock_timeout_ms: u128,
    moment: &'a Moment,
}

const EXPORT: &str = "\
    SELECT pg_catalog.pg_export_snapshot() AS id, \
           pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text AS oldest, \
           (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * 1000000)::pg_catalog.int8 AS time";
pub(super) const APPLICATION: &str = "pgsnap";
/// How long a joined session waits for a lock, in milliseconds.
const WORKER_LOCK_TIMEOUT_MS: u32 = 1000;
/// lock_not_available
const NO_LOCK: &str = "55P03";
const TRIES: usize = 3;
/// How often the list of tables is read again because tables come and go while they are being locked.
const ROUNDS: usize = 20;
/// Length of one LOCK statement's list of names, in bytes.
const BATCH: usize = 100_000;

/// Tables of users, as the transaction of the asking session sees them. Others cannot be locked or hold no rows.
const LIST: &str = "\
    SELECT c.oid, c.relkind = 'r' AS is_table, c.relfilenode AS file, \
           pg_catalog.format('%I.%I', n.nspname, c.relname) AS name \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' \
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') \
    ORDER BY c.oid";

/// The same tables, each with what decides whether it is wanted.
const CANDIDATES: &str = "\
    SELECT c.oid, c.relkind = 'r' AS is_table, c.relfilenode AS file, \
           pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, \
           n.nspname AS schema, c.relname, a.schemas AS above_schemas, a.names AS above_names, e.extname AS extension \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid \
      AND d.objsubid = 0 AND d.deptype = 'e' \
    LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid \
    LEFT JOIN LATERAL ( \
        WITH RECURSIVE above (oid, height) AS ( \
            SELECT i.inhparent, 1 FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid AND c.relispartition \
            UNION ALL \
            SELECT i.inhparent, b.height + 1 FROM above b JOIN pg_catalog.pg_class p ON p.oid = b.oid AND p.relispartition \
            JOIN pg_catalog.pg_inherits i ON i.inhrelid = b.oid) \
        SELECT pg_catalog.array_agg(m.nspname::text ORDER BY b.height) AS schemas, \
               pg_catalog.array_agg(p.relname::text ORDER BY b.height) AS names \
        FROM above b JOIN pg_catalog.pg_class p ON p.oid = b.oid JOIN pg_catalog.pg_namespace m ON m.oid = p.relnamespace \
    ) a ON true \
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' \
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') \
    ORDER BY c.oid";

/// Where names without a schema are looked for, as the database and the user have it set: this session has an empty path.
const SEARCH_PATH: &str = "\
    SELECT s.reset_val AS path, session_user::text AS \"user\" FROM pg_catalog.pg_settings s WHERE s.name = 'search_path'";

struct Relation {
    oid: u32,
    is_table: bool,
    file: u32,
    name: String,
}

/// Why a try failed that may succeed when started again.
enum Trouble {
    /// A table changed; the message for the case that it goes on like this.
    Changed(String),
    Final(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Trouble::Final(error)
    }
}

/// What a session of a snapshot holds after this it can give back: see [`Session::give_back_locks`].
const JOINED: &str = "SAVEPOINT joined";

impl Session {
    /// Gives back the locks on what was read since the session joined a snapshot: the server has room for a limited number. Ends the
    /// failure of a transaction in which a statement failed. Not for other sessions.
    ///
    /// # Errors
    ///
    /// As [`Session::query`].
    pub async fn give_back_locks(&self) -> Result<()> {
        self.batch("ROLLBACK TO SAVEPOINT joined").await
    }
}

impl Snapshot {
    /// Locks the wanted tables, then takes and exports a snapshot. Without `wanted` these are all tables.
    ///
    /// # Errors
    ///
    /// [`Error::LockTimeout`] when somebody holds a table for too long, [`Error::Snapshot`] when tables kept changing
    /// or may not be read, and what [`Session::connect`] reports.
    pub async fn take(
        config: &ConnectConfig,
        options: &SnapshotOptions,
        wanted: Option<&Wanted<'_>>,
    ) -> Result<Self> {
        let leader = Session::connect(config, Purpose::Dump, APPLICATION).await?;
        let scout = Session::connect(config, Purpose::Dump, APPLICATION).await?;
        leader.refuse_pooler(&scout).await?;
        let search = Search {
            leader: &leader,
            scout: &scout,
            wanted,
            search_path: search_path(&scout).await?,
            // The server's limit is that of a 32-bit integer.
            lock_timeout_ms: options.lock_wait_timeout.as_millis().min(i32::MAX as u128),
            moment: &options.moment,
        };
        let mut last = String::new();
        for attempt in 1..=TRIES {
            match search.attempt().await {
                Ok(exported) => {
                    leader.batch(JOINED).await?;
                    let lock_timeout_ms = search.lock_timeout_ms;
                    return Ok(Self { exported, taken: Instant::now(), leader, lock_timeout_ms });
                }
                Err(Trouble::Final(error)) => return Err(error),
                Err(Trouble::Changed(what)) if matches!(options.moment, Moment::Exported(_)) => {
                    return Err(Error::Snapshot {
                        what: format!("{what}, or since"),
                        advice: "the given snapshot is older than a change of a table that it could not show: export it after the \
                                 change, or dump without --snapshot",
                        sqlstate: None,
                    });
                }
                Err(Trouble::Changed(what)) => {
                    tracing::info!("snapshot attempt {attempt}: {what}");
                    last = what;
                }
            }
            leader.batch("ROLLBACK").await?;
        }
        Err(Error::Snapshot {
            what: format!("{last} ({TRIES} attempts)"),
            advice: "the tables are being created, rewritten or dropped all the time: try again when that has ended",
            sqlstate: None,
        })
    }

    /// The exported snapshot's identifier, for `SET TRANSACTION SNAPSHOT`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.exported.id
    }

    /// The session that holds the locks, inside the snapshot in a REPEATABLE READ READ ONLY transaction. The catalog is
    /// read here, and a table for which a joined session gets no lock.
    #[must_use]
    pub fn leader(&self) -> &Session {
        &self.leader
    }

    /// The encoding of rows that are read on the leader: see [`Session::set_client_encoding`]. The catalog must have been
    /// read before.
    ///
    /// # Errors
    ///
    /// As [`Session::query`].
    pub async fn set_leader_encoding(&mut self, encoding: &str) -> Result<()> {
        self.leader.set_client_encoding(encoding).await
    }

    /// OIDs of the ordinary and partitioned tables that are locked in ACCESS SHARE mode: the wanted ones.
    #[must_use]
    pub fn locked(&self) -> &BTreeSet<u32> {
        &self.exported.locked
    }

    /// The schemas in which this user finds names without one, as the database and the user have it set.
    #[must_use]
    pub fn search_path(&self) -> &[String] {
        &self.exported.search_path
    }

    /// The moment of the snapshot by the server's clock, in microseconds since 1970, UTC.
    #[must_use]
    pub fn time(&self) -> i64 {
        self.exported.time
    }

    /// The oldest transaction that it sees as running.
    pub(super) fn oldest(&self) -> &str {
        &self.exported.oldest
    }

    /// When it was taken, by the clock here.
    #[must_use]
    pub fn taken(&self) -> Instant {
        self.taken
    }

    /// Asks the leader whether the locks and the snapshot are still held: a connection that is lost may not be known to be
    /// lost yet.
    ///
    /// # Errors
    ///
    /// As [`Session::query`]. Nothing that was read since the last confirmation may be used then.
    pub async fn confirm(&self) -> Result<()> {
        self.leader.query("confirming the snapshot", "SELECT", &[]).await.map(drop)
    }

    /// Lets the leader wait for locks as long as it takes: only the locks of the tables themselves are held, and the indexes
    /// of one may be locked by a REINDEX.
    ///
    /// # Errors
    ///
    /// As [`Session::query`].
    pub async fn wait_for_locks(&self) -> Result<()> {
        self.leader.give_back_locks().await?;
        self.leader.batch(&format!("RELEASE SAVEPOINT joined; SET lock_timeout = 0; {JOINED}")).await
    }

    /// An error of the leader. Until [`Snapshot::wait_for_locks`] it waits for every lock as long as for those of the tables: if that
    /// is what it is about, with who held the lock.
    pub async fn explain(&self, config: &ConnectConfig, error: Error) -> Error {
        let what = match &error {
            Error::Server { what, server, .. } if server.sqlstate == NO_LOCK => what,
            _ => return error,
        };
        let asked = async {
            let session = Session::connect(config, Purpose::Dump, APPLICATION).await?;
            session.batch(&format!("SET lock_timeout = {WORKER_LOCK_TIMEOUT_MS}")).await?;
            let otherwise = || "an index, a view or a table of the server's own".to_owned();
            Ok::<_, Error>(
                blockers::lock_timeout(&session, what, None, otherwise, self.lock_timeout_ms).await,
            )
        };
        asked.await.unwrap_or(error)
    }

    /// One more session on the same snapshot, in a REPEATABLE READ READ ONLY transaction. It waits a second for the lock
    /// on a table: then its statement fails with SQLSTATE 55P03, and the table is to be read on [`Snapshot::leader`].
    ///
    /// # Errors
    ///
    /// As [`Session::connect`]; [`Error::Snapshot`] if the snapshot has been lost.
    pub async fn join(&self, config: &ConnectConfig) -> Result<Session> {
        let session = Session::connect(config, Purpose::Dump, APPLICATION).await?;
        let sql = format!(
            "SET lock_timeout = {WORKER_LOCK_TIMEOUT_MS}; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
             SET TRANSACTION SNAPSHOT '{}'; {JOINED}",
            self.exported.id
        );
        match session.batch_as("joining the snapshot", &sql).await {
            Ok(()) => Ok(session),
            Err(error) if self.leader.is_closed() => Err(Error::Snapshot {
                what: error.to_string(),
                advice: "the session that holds the snapshot was lost: look into the server's log",
                sqlstate: error.sqlstate().map(str::to_owned),
            }),
            Err(error) => Err(error),
        }
    }
}

impl Search<'_> {
    /// One try: lock, take the snapshot, check.
    async fn attempt(&self) -> Result<Exported, Trouble> {
        let level = match self.moment {
            Moment::Locked | Moment::Exported(_) => "REPEATABLE READ READ ONLY",
            Moment::Serializable => "SERIALIZABLE READ ONLY DEFERRABLE",
        };
        self.leader
            .batch(&format!("SET lock_timeout = {}; BEGIN ISOLATION LEVEL {level}", self.lock_timeout_ms))
            .await?;
        let listed = self.lock_all().await?;
        if let Moment::Exported(id) = self.moment {
            self.import(id).await?;
        }
        let exported = self.leader.query("exporting the snapshot", EXPORT, &[]).await?;
        let malformed_export = || malformed("exporting the snapshot");
        let row = exported.first().ok_or_else(malformed_export)?;
        let id: String = row.try_get("id").map_err(|_| malformed_export())?;
        if !id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
            return Err(malformed_export().into());
        }
        let time = row.try_get("time").map_err(|_| malformed_export())?;
        let oldest = row.try_get("oldest").map_err(|_| malformed_export())?;
        let (seen, mut now) = tokio::try_join!(self.list(self.leader), self.now())?;
        let late: Vec<&Relation> = seen.iter().filter(|relation| !listed.contains(&relation.oid)).collect();
        if !late.is_empty() {
            if !self.lock(&late).await? {
                return Err(Trouble::Changed("a table was dropped while it was being locked".to_owned()));
            }
            now = self.now().await?;
        }
        Ok(Exported { id, time, oldest, locked: check(seen, &now)?, search_path: self.search_path.clone() })
    }

    /// Makes the leader see what a snapshot shows that another session has exported.
    async fn import(&self, id: &str) -> Result<()> {
        let statement = format!("SET TRANSACTION SNAPSHOT {}", sql::literal(id));
        self.leader.batch_as("taking over the given snapshot", &statement).await.map_err(|error| match &error {
            Error::Server { .. } => Error::Snapshot {
                what: error.to_string(),
                advice: "the session that exported it must be in that transaction still, in the same database of the same server",
                sqlstate: error.sqlstate().map(str::to_owned),
            },
            _ => error,
        })
    }

    /// The wanted tables, as the transaction of the asking session sees them.
    async fn list(&self, session: &Session) -> Result<Vec<Relation>> {
        const WHAT: &str = "listing the tables";
        let failed = |error| Error::working(WHAT, None, &error);
        let rows = session.query(WHAT, if self.wanted.is_some() { CANDIDATES } else { LIST }, &[]).await?;
        let mut relations = Vec::with_capacity(rows.len());
        for row in &rows {
            let is_wanted = match self.wanted {
                Some(wanted) => wanted(&candidate(row).map_err(failed)?, &self.search_path),
                None => true,
            };
            if is_wanted {
                relations.push(relation(row).map_err(failed)?);
            }
        }
        Ok(relations)
    }

    /// Locks tables until none is left unlocked. The OIDs that were listed.
    async fn lock_all(&self) -> Result<BTreeSet<u32>, Trouble> {
        let mut done = BTreeSet::new();
        for _ in 0..ROUNDS {
            let relations = self.list(self.scout).await?;
            let missing: Vec<&Relation> =
                relations.iter().filter(|relation| !done.contains(&relation.oid)).collect();
            if missing.is_empty() {
                return Ok(done);
            }
            if self.lock(&missing).await? {
                done.extend(missing.iter().map(|relation| relation.oid));
            }
        }
        Err(Trouble::Changed("tables are created and dropped faster than they can be locked".to_owned()))
    }

    /// Locks these tables. False if one of them is gone: then list them again.
    async fn lock(&self, relations: &[&Relation]) -> Result<bool> {
        let mut rest = relations;
        while !rest.is_empty() {
            let mut length = 0;
            let fit = rest
                .iter()
                .take_while(|relation| {
                    length += relation.name.len() + "ONLY , ".len();
                    length <= BATCH
                })
                .count()
                .max(1);
            let (batch, after) = rest.split_at(fit);
            let names: Vec<_> = batch.iter().map(|relation| format!("ONLY {}", relation.name)).collect();
            // The savepoint keeps the locks of earlier batches when a table of this one is gone.
            let sql = format!(
                "SAVEPOINT batch; LOCK TABLE {} IN ACCESS SHARE MODE; RELEASE SAVEPOINT batch",
                names.join(", ")
            );
            match self.leader.batch_as("locking tables", &sql).await {
                Ok(()) => {}
                // Undefined table, undefined schema.
                Err(error) if matches!(error.sqlstate(), Some("42P01" | "3F000")) => {
                    self.leader.batch("ROLLBACK TO SAVEPOINT batch; RELEASE SAVEPOINT batch").await?;
                    return Ok(false);
                }
                Err(error) => return Err(self.explain(error, batch, rest).await),
            }
            rest = after;
        }
        Ok(true)
    }

    /// What is locked and there at this moment.
    async fn now(&self) -> Result<Now> {
        let held = self
            .scout
            .query(
                "reading the locks",
                "SELECT DISTINCT relation FROM pg_catalog.pg_locks \
                 WHERE locktype = 'relation' AND granted AND mode = 'AccessShareLock' AND pid = $1 \
                   AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())",
                &[&self.leader.pid()],
            )
            .await?;
        let held = held
            .iter()
            .map(|row| row.try_get("relation"))
            .collect::<Result<_, _>>()
            .map_err(|_| malformed("reading the locks"))?;
        // Read committed: what the names mean at this moment, under the locks.
        let there =
            self.list(self.scout).await?.into_iter().map(|relation| (relation.oid, relation)).collect();
        Ok(Now { held, there })
    }

    /// A failed LOCK, with the names of the tables it was about; `rest` are those that were still to be locked.
    async fn explain(&self, error: Error, batch: &[&Relation], rest: &[&Relation]) -> Error {
        let oids =
            |relations: &[&Relation]| relations.iter().map(|relation| relation.oid).collect::<Vec<u32>>();
        match error.sqlstate() {
            Some(NO_LOCK) => {
                let (tables, waited_ms) = (oids(batch), self.lock_timeout_ms);
                let otherwise = || batch_text(batch);
                blockers::lock_timeout(self.scout, "locking tables", Some(&tables), otherwise, waited_ms)
                    .await
            }
            Some("42501") => {
                let names = self.unreadable(&oids(rest)).await;
                Error::Denied {
                    relations: if names.is_empty() { error.to_string() } else { names.join(", ") },
                }
            }
            // Out of shared memory: the lock table is full.
            Some("53200") => self.too_many_locks().await.unwrap_or(error),
            _ => error,
        }
    }

    /// How much larger the lock table must be for all tables; none if that cannot be found out.
    async fn too_many_locks(&self) -> Option<Error> {
        let tables = self.list(self.scout).await.ok()?.len();
        let statement = "SELECT pg_catalog.current_setting('max_locks_per_transaction')::pg_catalog.int4 AS now, \
                         pg_catalog.current_setting('max_connections')::pg_catalog.int4 \
                         + pg_catalog.current_setting('max_prepared_transactions')::pg_catalog.int4 AS times";
        let rows = self.scout.query("reading the room for locks", statement, &[]).await.ok()?;
        let setting = |name| usize::try_from(column::<i32>(rows.first()?, name).ok()?).ok();
        let (now, times) = (setting("now")?, setting("times")?);
        // The room for others stays what it is.
        Some(Error::TooManyLocks { tables, now, enough: now + tables.div_ceil(times.max(1)) })
    }

    /// Those of the tables that this user may not read.
    async fn unreadable(&self, oids: &[u32]) -> Vec<String> {
        let rows = self
            .scout
            .query(
                "finding out which tables may not be read",
                &format!(
                    "SELECT l.name FROM ({LIST}) l JOIN pg_catalog.pg_class c ON c.oid = l.oid \
                     WHERE l.oid = ANY ($1) AND (NOT pg_catalog.has_table_privilege(l.oid, 'SELECT') \
                        OR NOT pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE'))"
                ),
                &[&oids],
            )
            .await
            .unwrap_or_default();
        rows.iter().filter_map(|row| row.try_get("name").ok()).collect()
    }
}

/// The locks that the leader held at a moment, and the tables that were there after it.
struct Now {
    held: BTreeSet<u32>,
    there: BTreeMap<u32, Relation>,
}

/// Compares what the snapshot sees with what was locked and there after it was taken.
fn check(seen: Vec<Relation>, now: &Now) -> Result<BTreeSet<u32>, Trouble> {
    let mut locked = BTreeSet::new();
    for relation in seen {
        let change = match now.there.get(&relation.oid) {
            None => "was dropped",
            Some(_) if !now.held.contains(&relation.oid) => "was replaced by another table of that name",
            Some(current) if current.name != relation.name => "was renamed",
            Some(current) if current.is_table != relation.is_table => "became another kind of relation",
            Some(current) if relation.is_table && relation.file != current.file => {
                "was truncated or rewritten"
            }
            Some(_) => {
                locked.insert(relation.oid);
                continue;
            }
        };
        return Err(Trouble::Changed(format!(
            "table {} {change} while the snapshot was taken",
            relation.name
        )));
    }
    Ok(locked)
}

fn batch_text(batch: &[&Relation]) -> String {
    match batch {
        [] => "no table".to_owned(),
        [only] => only.name.clone(),
        [first, rest @ ..] => format!("{} or one of {} more tables", first.name, rest.len()),
    }
}

/// The schemas in which this user finds names without one.
async fn search_path(session: &Session) -> Result<Vec<String>> {
    let rows = session.query("reading the search path", SEARCH_PATH, &[]).await?;
    let Some(row) = rows.first() else { return Ok(Vec::new()) };
    let (path, user): (String, String) = (column(row, "path")?, column(row, "user")?);
    let names = sql::identifiers(&path).into_iter();
    Ok(names.map(|name| if name == "$user" { user.clone() } else { name }).collect())
}

fn candidate(row: &tokio_postgres::Row) -> std::result::Result<Candidate, tokio_postgres::Error> {
    let mut names = vec![(row.try_get("schema")?, row.try_get("relname")?)];
    let schemas: Option<Vec<String>> = row.try_get("above_schemas")?;
    let above: Option<Vec<String>> = row.try_get("above_names")?;
    names.extend(schemas.unwrap_or_default().into_iter().zip(above.unwrap_or_default()));
    Ok(Candidate { names, extension: row.try_get("extension")? })
}

fn relation(row: &tokio_postgres::Row) -> std::result::Result<Relation, tokio_postgres::Error> {
    Ok(Relation {
        oid: row.try_get("oid")?,
        is_table: row.try_get("is_table")?,
        file: row.try_get("file")?,
        name: row.try_get("name")?,
    })
}

fn malformed(what: &str) -> Error {
    Error::Protocol {
        what: what.to_owned(),
        cause: "the server's answer is not what this query gives".to_owned(),
        statement: None,
    }
}
