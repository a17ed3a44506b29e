//! DATABASE PROPERTIES: the settings of a database, and of roles in it; they take effect in the sessions that restore the rest.
//! The connection limit and IS_TEMPLATE come last, unlike pg_dump's: the limit would keep the workers of a restore out, and a
//! template whose restore failed could not be dropped.

use super::database::DATABASES;
use super::{Kind, Query};
use crate::catalog::class::{PG_AUTHID, PG_DATABASE};
use crate::catalog::settings;
use crate::catalog::{Draft, Error, Lock, ObjectId, Pass, Results, Row, Section};
use crate::pg::Version;
use crate::sql;

pub(super) const DATABASE_PROPERTIES: Kind =
    Kind { tag: "DATABASE PROPERTIES", queries, follow_up: None, assemble };

fn queries(_: Version) -> Vec<Query> {
    // Rows of dropped roles are gone with them.
    let sql = "
        SELECT s.setrole, r.rolname AS role, s.setconfig AS settings
        FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
        WHERE s.setdatabase = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
        ORDER BY r.rolname NULLS FIRST"
        .to_owned();
    vec![Query { name: "database settings", sql }]
}

fn assemble(results: &Results) -> Result<Vec<Draft>, Error> {
    let mut drafts = Vec::new();
    for row in results.rows(DATABASES) {
        drafts.extend([with_settings(row, results.rows("database settings"))?, with_limits(row)?]);
    }
    Ok(drafts.into_iter().filter(|draft| !draft.create.is_empty()).collect())
}

fn new(row: &Row, sub: i32, section: Section) -> Result<Draft, Error> {
    let database = ObjectId::new(PG_DATABASE, row.oid("oid")?);
    let mut draft =
        Draft::new(database.with_sub(sub), "DATABASE PROPERTIES", None, row.text("datname")?, section);
    draft.requires = vec![database];
    Ok(draft)
}

fn with_settings(row: &Row, settings: &[Row]) -> Result<Draft, Error> {
    let mut draft = new(row, ObjectId::PROPERTIES, Section::PreData)?;
    let database = format!("DATABASE {}", sql::ident(&draft.name));
    for row in settings {
        let target = match row.oid("setrole")? {
            0 => database.clone(),
            role => {
                draft.requires.push(ObjectId::new(PG_AUTHID, role));
                format!("ROLE {} IN {database}", sql::ident(row.text("role")?))
            }
        };
        let statements = settings::statements(&target, row, "settings")?;
        draft.create.extend(statements.into_iter().map(Into::into));
    }
    Ok(draft)
}

fn with_limits(row: &Row) -> Result<Draft, Error> {
    let mut draft = new(row, ObjectId::LAST_PROPERTIES, Section::PostData)?;
    draft.pass = Pass::PostAcl;
    draft.lock = Lock::None;
    let database = format!("ALTER DATABASE {}", sql::ident(&draft.name));
    let limit = row.int("datconnlimit")?;
    if limit != -1 {
        draft.create.push(format!("{database} CONNECTION LIMIT {limit}").into());
    }
    if row.bool("datistemplate")? {
        draft.create.push(format!("{database} IS_TEMPLATE true").into());
    }
    Ok(draft)
}
