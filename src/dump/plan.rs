//! Which COPY reads which rows: a pure value, made before the first row is read.

use crate::archive::{Table, Transfer};
use crate::sql;

/// A part of a table that one COPY reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The table's number in the archive.
    pub table: u32,
    /// The chunk's number within the table, from 0.
    pub number: u32,
    /// The pages it reads; none for the whole table.
    pub pages: Option<Pages>,
    /// An estimate of the bytes it reads, to start the largest first.
    pub bytes: u64,
}

/// A range of a heap's pages. Rows are told by ctid, so ranges without a gap miss no row and read none twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pages {
    /// The first page.
    pub from: u32,
    /// The page after the last one; none for the last range, which must be open: the heap may have grown since it was measured.
    pub to: Option<u32>,
}

/// What the plan needs to know of a table.
#[derive(Debug, Clone, Copy)]
pub struct Measure {
    /// Bytes of heap and TOAST.
    pub bytes: u64,
    /// Pages of the heap.
    pub pages: u32,
    /// Whether ctid ranges can be read without reading the whole table: heap tables on servers from 14 on, without a condition.
    pub splittable: bool,
}

/// The chunks of all tables, the largest first.
pub fn chunks(tables: &[Measure], split_above: u64) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    for (table, measure) in (0u32..).zip(tables) {
        split(table, measure, split_above.max(1), &mut chunks);
    }
    chunks.sort_by_key(|chunk| (std::cmp::Reverse(chunk.bytes), chunk.table, chunk.number));
    chunks
}

fn split(table: u32, measure: &Measure, split_above: u64, chunks: &mut Vec<Chunk>) {
    let wanted = measure.bytes.div_ceil(split_above);
    let count = u32::try_from(wanted).unwrap_or(u32::MAX).min(measure.pages);
    if !measure.splittable || count < 2 {
        return chunks.push(Chunk { table, number: 0, pages: None, bytes: measure.bytes });
    }
    let border = |number: u32| (u64::from(measure.pages) * u64::from(number) / u64::from(count)) as u32;
    for number in 0..count {
        let to = (number + 1 < count).then(|| border(number + 1));
        let pages = Some(Pages { from: border(number), to });
        chunks.push(Chunk { table, number, pages, bytes: measure.bytes / u64::from(count) });
    }
}

/// The COPY that reads a chunk of a table. Pages and a condition exclude each other.
pub fn copy_statement(table: &Table, pages: Option<Pages>) -> String {
    let relation = sql::qualified(&table.schema, &table.name);
    let columns = table.columns.iter().map(|column| sql::ident(&column.name)).collect::<Vec<_>>().join(", ");
    let source = match (pages, &table.condition) {
        (None, Some(condition)) => format!("(SELECT {columns} FROM ONLY {relation} {condition})"),
        // A list of no columns is a syntax error; without a list COPY carries all columns, which are none.
        (None, None) if columns.is_empty() => relation,
        (None, None) => format!("{relation} ({columns})"),
        (Some(pages), _) => {
            let end = pages.to.map(|to| format!(" AND ctid < '({to},0)'")).unwrap_or_default();
            format!("(SELECT {columns} FROM ONLY {relation} WHERE ctid >= '({},0)'{end})", pages.from)
        }
    };
    let options = if table.transfer == Transfer::Binary { " (FORMAT binary)" } else { "" };
    format!("COPY {source} TO STDOUT{options}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{Column, Shape, ValueKind};

    fn heap(bytes: u64, pages: u32) -> Measure {
        Measure { bytes, pages, splittable: true }
    }

    #[test]
    fn ranges_meet_without_gap_and_the_last_is_open() {
        for (bytes, pages, split_above) in
            [(1000, 10, 100), (1000, 7, 100), (1 << 40, 134_217_728, 128 << 20), (10, 10, 3)]
        {
            let mut chunks = chunks(&[heap(bytes, pages)], split_above);
            chunks.sort_by_key(|chunk| chunk.number);
            let mut next = 0;
            for (at, chunk) in chunks.iter().enumerate() {
                let range = chunk.pages.unwrap();
                assert_eq!(range.from, next);
                assert_eq!(range.to.is_none(), at + 1 == chunks.len());
                next = range.to.unwrap_or(u32::MAX);
                assert!(next > range.from);
            }
            assert!(chunks.len() > 1);
        }
    }

    #[test]
    fn small_foreign_and_toast_only_tables_stay_whole() {
        let whole = [
            heap(100, 1000),
            Measure { splittable: false, ..heap(1 << 40, 1 << 20) },
            heap(1 << 40, 1),
            heap(0, 0),
        ];
        let chunks = chunks(&whole, 100);
        assert_eq!(chunks.len(), whole.len());
        assert!(chunks.iter().all(|chunk| chunk.pages.is_none() && chunk.number == 0));
    }

    #[test]
    fn the_largest_chunk_comes_first() {
        let order: Vec<u32> =
            chunks(&[heap(1, 1), heap(50, 1), heap(7, 1)], 100).iter().map(|c| c.table).collect();
        assert_eq!(order, [1, 2, 0]);
    }

    fn table(columns: &[&str], transfer: Transfer, condition: Option<&str>) -> Table {
        let column = |name: &&str| Column {
            name: (*name).to_owned(),
            type_name: "integer".to_owned(),
            value: ValueKind::Opaque,
            shape: Shape::Plain,
        };
        Table {
            entry: 1,
            schema: "public".to_owned(),
            name: "t".to_owned(),
            transfer,
            text_reason: None,
            root: None,
            condition: condition.map(str::to_owned),
            columns: columns.iter().map(column).collect(),
        }
    }

    #[test]
    fn statements() {
        let (binary, text) = (table(&["a", "B"], Transfer::Binary, None), table(&[], Transfer::Text, None));
        assert_eq!(copy_statement(&binary, None), "COPY public.t (a, \"B\") TO STDOUT (FORMAT binary)");
        assert_eq!(copy_statement(&text, None), "COPY public.t TO STDOUT");
        let pages = Some(Pages { from: 3, to: Some(9) });
        assert_eq!(
            copy_statement(&binary, pages),
            "COPY (SELECT a, \"B\" FROM ONLY public.t WHERE ctid >= '(3,0)' AND ctid < '(9,0)') TO STDOUT \
             (FORMAT binary)"
        );
        let open = Some(Pages { from: 9, to: None });
        assert_eq!(
            copy_statement(&text, open),
            "COPY (SELECT  FROM ONLY public.t WHERE ctid >= '(9,0)') TO STDOUT"
        );
        assert_eq!(
            copy_statement(&table(&["a"], Transfer::Text, Some("WHERE a > 1")), None),
            "COPY (SELECT a FROM ONLY public.t WHERE a > 1) TO STDOUT"
        );
    }
}
