//! The memory that the builds of indexes get: what each needs at best, and its share of a budget. Pure.

use crate::archive::{Table, TableIndex};
use crate::sql;

/// The memory for all builds that run at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Bytes for all of them.
    pub bytes: u64,
    /// What each gets at least, in bytes: `maintenance_work_mem` as it is.
    pub least: u64,
    /// How many may run at one time.
    pub jobs: u64,
    /// What a build that fails with less may take beyond the budget, in bytes: what the server believes to be there.
    pub most: u64,
}

impl Budget {
    /// `asked` is what the user allows. Otherwise a quarter of what the server believes to be cached for it
    /// (`effective_cache_size`, 4 GB where nobody has set it): `maintenance_work_mem` alone is 64 MB where nobody has, with which
    /// an HNSW index takes several times as long.
    pub fn new(
        asked: Option<u64>,
        maintenance_work_mem: u64,
        effective_cache_size: u64,
        jobs: usize,
    ) -> Self {
        let jobs = jobs.max(1) as u64;
        let bytes =
            asked.unwrap_or((effective_cache_size / 4).max(maintenance_work_mem.saturating_mul(jobs)));
        let least = maintenance_work_mem.min(bytes / jobs);
        Budget { bytes, least, jobs, most: bytes.max(effective_cache_size) }
    }

    /// What the build of an index gets, in bytes, and none for a statement that builds no index, or one that needs hardly any.
    /// `table` has the rows.
    pub fn share(&self, statement: &str, table: &Table, rows: &TableIndex) -> Option<u64> {
        let needed = match Index::of(statement)? {
            Index::Hnsw { m, value } => {
                rows.rows.saturating_mul(hnsw_element(m, value_bytes(value, table, rows))).min(self.bytes)
            }
            // With less it fails.
            Index::Ivfflat { lists, value } => {
                ivfflat(lists, value_bytes(value, table, rows), rows.rows).min(self.most)
            }
            Index::Other if rows.raw_bytes < SMALL => return None,
            // Sorting in several passes takes little longer.
            Index::Other => rows.raw_bytes.min(self.bytes / self.jobs),
        };
        Some(needed.max(self.least))
    }
}

/// Rows with fewer bytes than this are sorted within any `maintenance_work_mem` (it is 1 MB at least).
const SMALL: u64 = 1 << 20;

/// What kind of index a statement builds.
#[derive(Debug, PartialEq, Eq)]
enum Index {
    Hnsw { m: u64, value: Option<u64> },
    Ivfflat { lists: u64, value: Option<u64> },
    Other,
}

impl Index {
    /// As pg_get_indexdef and pg_get_constraintdef write statements.
    fn of(statement: &str) -> Option<Self> {
        let tokens = sql::tokens(statement)?;
        let words: Vec<String> = tokens.iter().map(|token| sql::name(token)).collect();
        let is = |at: usize, word: &str| words.get(at).is_some_and(|found| found == word);
        if is(0, "ALTER") && is(1, "TABLE") {
            let constraint = tokens.iter().position(|token| *token == "CONSTRAINT")? + 2;
            let is_key = is(constraint, "PRIMARY") || is(constraint, "UNIQUE");
            let takes_over =
                (1..=2).any(|word| is(constraint + word, "USING") && is(constraint + word + 1, "INDEX"));
            return (is_key && !takes_over || is(constraint, "EXCLUDE")).then_some(Index::Other);
        }
        if !(is(0, "CREATE") && (is(1, "INDEX") || is(2, "INDEX"))) {
            return None;
        }
        let method = tokens.iter().position(|token| *token == "USING")? + 1;
        let options = tokens.iter().position(|token| *token == "WITH").unwrap_or(words.len());
        let option = |option: &str, default: u64| {
            let at = (options..words.len()).find(|at| is(*at, option) && is(at + 1, "="));
            let value = at.and_then(|at| words.get(at + 2)?.trim_matches('\'').parse::<u32>().ok());
            value.map_or(default, u64::from)
        };
        let value = cast(&words[method..]);
        match words.get(method)?.as_str() {
            "hnsw" => Some(Index::Hnsw { m: option("m", 16), value }),
            "ivfflat" => Some(Index::Ivfflat { lists: option("lists", 100), value }),
            _ => Some(Index::Other),
        }
    }
}

/// Bytes of a value of the first type with dimensions in these words: `halfvec(1536)`.
fn cast(words: &[String]) -> Option<u64> {
    words.windows(4).find_map(|words| match words {
        [kind, open, dimensions, close] if open == "(" && close == ")" => vector_bytes(kind, dimensions),
        _ => None,
    })
}

/// Bytes of a value, with its header, by type and dimensions.
fn vector_bytes(kind: &str, dimensions: &str) -> Option<u64> {
    const HEADER: u64 = 8;
    let dimensions = u64::from(dimensions.parse::<u32>().ok()?);
    match kind {
        "vector" => Some(HEADER + dimensions * 4),
        "halfvec" => Some(HEADER + dimensions * 2),
        "bit" => Some(HEADER + dimensions.div_ceil(8)),
        _ => None,
    }
}

/// Bytes of a value: as the index says, or the largest of the table's columns, or the average of its rows.
fn value_bytes(said: Option<u64>, table: &Table, rows: &TableIndex) -> u64 {
    let of_column = |type_name: &str| {
        let (kind, dimensions) = type_name.strip_suffix(')')?.split_once('(')?;
        // The name of the type may come with its schema.
        vector_bytes(kind.rsplit('.').next()?, dimensions)
    };
    let largest = table.columns.iter().filter_map(|column| of_column(&column.type_name)).max();
    said.or(largest).unwrap_or_else(|| rows.raw_bytes.checked_div(rows.rows).unwrap_or(0))
}

/// Bytes of an element of the graph in memory (pgvector 0.8, `hnsw.h`): the element, on the lowest layer 2 m neighbours of
/// 16 bytes, and m on each layer above, of which there are 1 / (m - 1) on average; the value.
fn hnsw_element(m: u64, value: u64) -> u64 {
    const ELEMENT: u64 = 136;
    const LAYER: u64 = 24;
    const NEIGHBOUR: u64 = 16;
    let above = LAYER + NEIGHBOUR.saturating_mul(m) / m.saturating_sub(1).max(1);
    ELEMENT + LAYER + (2 * NEIGHBOUR).saturating_mul(m) + above + value.next_multiple_of(8)
}

/// Bytes that the search for the centres of the lists asks for (pgvector 0.8, `ivfbuild.c` and `ivfkmeans.c`): samples, old
/// and new centres, and a distance for each sample and centre, and for each two centres; and a tenth.
fn ivfflat(lists: u64, value: u64, rows: u64) -> u64 {
    let samples = lists.saturating_mul(50).max(10_000);
    let values = samples.saturating_add(lists.saturating_mul(2)).saturating_mul(value.next_multiple_of(8));
    let distances = samples.min(rows).saturating_add(lists).saturating_mul(lists).saturating_mul(4);
    let others = samples.saturating_add(lists).saturating_mul(16);
    let bytes = values.saturating_add(distances).saturating_add(others);
    bytes.saturating_add(bytes / 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{Column, Shape, Transfer, ValueKind};

    const MB: u64 = 1 << 20;

    fn table(types: &[&str]) -> Table {
        let column = |type_name: &&str| Column {
            name: "c".to_owned(),
            type_name: (*type_name).to_owned(),
            value: ValueKind::Opaque,
            shape: Shape::Plain,
        };
        Table {
            entry: 1,
            schema: "public".to_owned(),
            name: "t".to_owned(),
            transfer: Transfer::Binary,
            text_reason: None,
            root: None,
            condition: None,
            columns: types.iter().map(column).collect(),
        }
    }

    fn rows(rows: u64, raw_bytes: u64) -> TableIndex {
        TableIndex { rows, raw_bytes, ..TableIndex::default() }
    }

    #[test]
    fn statements_that_build_an_index() {
        let of = |statement| Index::of(statement);
        let hnsw = "CREATE INDEX \"USING x\" ON public.t USING hnsw (embedding public.vector_cosine_ops) WITH (m='24', ef_construction='64')";
        assert_eq!(of(hnsw), Some(Index::Hnsw { m: 24, value: None }));
        let half =
            "CREATE INDEX i ON t USING hnsw (((embedding)::halfvec(1536)) halfvec_l2_ops) WHERE (lists = 3)";
        assert_eq!(of(half), Some(Index::Hnsw { m: 16, value: Some(3080) }));
        let lists =
            "CREATE INDEX i ON t USING ivfflat (embedding) WITH (lists='1000') WHERE (embedding IS NOT NULL)";
        assert_eq!(of(lists), Some(Index::Ivfflat { lists: 1000, value: None }));
        assert_eq!(of("CREATE UNIQUE INDEX i ON t USING btree (a)"), Some(Index::Other));
        assert_eq!(of("ALTER TABLE ONLY t ADD CONSTRAINT \"PRIMARY\" PRIMARY KEY (a)"), Some(Index::Other));
        assert_eq!(of("ALTER TABLE ONLY t ADD CONSTRAINT \"UNIQUE\" FOREIGN KEY (a) REFERENCES u (a)"), None);
        assert_eq!(of("ALTER TABLE ONLY t ADD CONSTRAINT k PRIMARY KEY USING INDEX k"), None);
        assert_eq!(of("ALTER TABLE ONLY t ADD CONSTRAINT k UNIQUE USING INDEX k DEFERRABLE"), None);
        assert_eq!(of("CREATE TRIGGER i AFTER INSERT ON t EXECUTE FUNCTION f()"), None);
        assert_eq!(of("COMMENT ON INDEX i IS 'USING hnsw'"), None);
    }

    #[test]
    fn a_graph_gets_what_it_needs_within_the_budget() {
        let statement = "CREATE INDEX i ON t USING hnsw (e vector_l2_ops)";
        let table = table(&["bigint", "public.vector(1536)"]);
        let budget = Budget::new(Some(1024 * MB), 64 * MB, 4096 * MB, 2);
        let share = |count| budget.share(statement, &table, &rows(count, count * 8000)).unwrap();
        assert_eq!(share(10), 64 * MB);
        // Of 100,000 such rows pgvector 0.8.0 needs some 660 MB.
        assert!((600 * MB..750 * MB).contains(&share(100_000)), "{}", share(100_000));
        assert_eq!(share(1_000_000), 1024 * MB);
    }

    #[test]
    fn lists_get_what_they_need() {
        let statement = "CREATE INDEX i ON t USING ivfflat (e) WITH (lists='1000')";
        let budget = Budget::new(Some(64 * MB), 64 * MB, 4096 * MB, 2);
        let share = budget.share(statement, &table(&["vector(1536)"]), &rows(1_000_000, 0)).unwrap();
        assert!((500 * MB..700 * MB).contains(&share), "{share}");
        // Numbers of a forged archive, and more than a server has.
        let forged = statement.replace("1000", &u32::MAX.to_string());
        let table = table(&[&format!("vector({})", u32::MAX)]);
        assert_eq!(budget.share(&forged, &table, &rows(u64::MAX, u64::MAX)), Some(4096 * MB));
    }

    #[test]
    fn a_budget_is_never_less_than_the_server_has_for_each() {
        assert_eq!(
            Budget::new(None, 64 * MB, 4096 * MB, 2),
            Budget { bytes: 1024 * MB, least: 64 * MB, jobs: 2, most: 4096 * MB }
        );
        assert_eq!(Budget::new(None, 2048 * MB, 4096 * MB, 4).bytes, 8192 * MB);
        // Unless the user says so.
        assert_eq!(Budget::new(Some(64 * MB), 64 * MB, 4096 * MB, 4).least, 16 * MB);
    }

    #[test]
    fn other_indexes_share() {
        let budget = Budget::new(Some(1024 * MB), 64 * MB, 4096 * MB, 4);
        let share =
            |bytes| budget.share("CREATE INDEX i ON t USING gin (a)", &table(&["text"]), &rows(9, bytes));
        assert_eq!(share(10), None);
        assert_eq!(share(10 * MB), Some(64 * MB));
        assert_eq!(share(100 * MB), Some(100 * MB));
        assert_eq!(share(1 << 40), Some(256 * MB));
        assert_eq!(budget.share("ALTER TABLE t ENABLE ROW LEVEL SECURITY", &table(&[]), &rows(9, 9)), None);
    }
}
