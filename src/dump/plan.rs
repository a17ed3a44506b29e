//! Which COPY reads which rows: a pure value, made before the first row is read.

use crate::archive::{Table, Transfer};
use crate::catalog::LargeObject;
use crate::sql;

/// A part of a table that one COPY reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The table's number in the archive.
    pub table: u32,
    /// The chunk's number within the table, from 0.
    pub number: u32,
    /// What it reads.
    pub part: Part,
    /// An estimate of the bytes it reads, to start the largest first.
    pub bytes: u64,
}

/// What a chunk reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The whole table.
    Whole,
    /// Some pages of it.
    Pages(Pages),
    /// Large objects, by OID.
    LargeObjects {
        /// The first OID.
        from: u32,
        /// The OID after the last one; none for the last range.
        to: Option<u32>,
    },
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
pub struct Measure<'a> {
    /// Bytes of heap and TOAST.
    pub bytes: u64,
    /// How it can be split.
    pub split: Split<'a>,
}

/// How a table can be split into chunks.
#[derive(Debug, Clone, Copy)]
pub enum Split<'a> {
    /// Not at all.
    Never,
    /// By its pages, which are so many. For tables of which ctid ranges can be read without reading the whole table: heap
    /// tables on servers from 14 on, without a condition.
    Pages(u32),
    /// It is the contents of these large objects, sorted by OID; there is one at least.
    LargeObjects(&'a [LargeObject]),
}

/// So many large objects are worth a chunk of their own, however small they are.
const LARGE_OBJECTS: usize = 1000;

/// The chunks of all tables, the largest first.
pub fn chunks(tables: &[Measure<'_>], split_above: u64) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    for (table, measure) in (0u32..).zip(tables) {
        split(table, measure, split_above.max(1), &mut chunks);
    }
    chunks.sort_by_key(|chunk| (std::cmp::Reverse(chunk.bytes), chunk.table, chunk.number));
    chunks
}

fn split(table: u32, measure: &Measure<'_>, split_above: u64, chunks: &mut Vec<Chunk>) {
    let wanted = u32::try_from(measure.bytes.div_ceil(split_above)).unwrap_or(u32::MAX);
    // OIDs have 32 bits.
    let units = match measure.split {
        Split::Never => 1,
        Split::Pages(pages) => pages,
        Split::LargeObjects(objects) => objects.len() as u32,
    };
    let count = match measure.split {
        Split::LargeObjects(objects) => wanted.max(objects.len().div_ceil(LARGE_OBJECTS) as u32),
        Split::Never | Split::Pages(_) => wanted,
    };
    let count = count.min(units).max(1);
    let border = |number: u32| (u64::from(units) * u64::from(number) / u64::from(count)) as u32;
    for number in 0..count {
        let (from, to) = (border(number), (number + 1 < count).then(|| border(number + 1)));
        let part = match measure.split {
            Split::LargeObjects(objects) => {
                let oid = |place: u32| objects[place as usize].oid;
                Part::LargeObjects { from: oid(from), to: to.map(oid) }
            }
            Split::Pages(_) if count > 1 => Part::Pages(Pages { from, to }),
            Split::Never | Split::Pages(_) => Part::Whole,
        };
        chunks.push(Chunk { table, number, part, bytes: measure.bytes / u64::from(count) });
    }
}

/// The COPY that reads a part of a table. Pages and a condition exclude each other.
pub fn copy_statement(table: &Table, part: Part) -> String {
    let relation = sql::qualified(&table.schema, &table.name);
    let columns = sql::idents(table.column_names());
    let source = match (part, &table.condition) {
        (Part::LargeObjects { from, to }, _) => return sql::large_object::copy_out(from, to),
        (Part::Whole, Some(condition)) => format!("(SELECT {columns} FROM ONLY {relation} {condition})"),
        // A list of no columns is a syntax error; without a list COPY carries all columns, which are none.
        (Part::Whole, None) if columns.is_empty() => relation,
        (Part::Whole, None) => format!("{relation} ({columns})"),
        (Part::Pages(pages), _) => {
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

    fn heap(bytes: u64, pages: u32) -> Measure<'static> {
        Measure { bytes, split: Split::Pages(pages) }
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
                let Part::Pages(range) = chunk.part else { panic!("{:?}", chunk.part) };
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
        let whole =
            [heap(100, 1000), Measure { bytes: 1 << 40, split: Split::Never }, heap(1 << 40, 1), heap(0, 0)];
        let chunks = chunks(&whole, 100);
        assert_eq!(chunks.len(), whole.len());
        assert!(chunks.iter().all(|chunk| chunk.part == Part::Whole && chunk.number == 0));
    }

    #[test]
    fn large_objects_are_shared_out_by_oid() {
        let objects: Vec<LargeObject> =
            (0..2500).map(|at| LargeObject { oid: 100 + 2 * at, readable: true }).collect();
        let split = |objects, bytes, above| {
            let chunks = chunks(&[Measure { bytes, split: Split::LargeObjects(objects) }], above);
            chunks.into_iter().map(|chunk| chunk.part).collect::<Vec<_>>()
        };
        let part = |from, to| Part::LargeObjects { from, to };
        let thirds = [part(100, Some(1766)), part(1766, Some(3432)), part(3432, None)];
        assert_eq!(split(&objects, 10, 100), thirds);
        assert_eq!(split(&objects[..2], 1000, 100), [part(100, Some(102)), part(102, None)]);
        assert_eq!(split(&objects[..1], 1000, 100), [part(100, None)]);
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
        assert_eq!(
            copy_statement(&binary, Part::Whole),
            "COPY public.t (a, \"B\") TO STDOUT (FORMAT binary)"
        );
        assert_eq!(copy_statement(&text, Part::Whole), "COPY public.t TO STDOUT");
        let pages = Part::Pages(Pages { from: 3, to: Some(9) });
        assert_eq!(
            copy_statement(&binary, pages),
            "COPY (SELECT a, \"B\" FROM ONLY public.t WHERE ctid >= '(3,0)' AND ctid < '(9,0)') TO STDOUT \
             (FORMAT binary)"
        );
        let open = Part::Pages(Pages { from: 9, to: None });
        assert_eq!(
            copy_statement(&text, open),
            "COPY (SELECT  FROM ONLY public.t WHERE ctid >= '(9,0)') TO STDOUT"
        );
        assert_eq!(
            copy_statement(&table(&["a"], Transfer::Text, Some("WHERE a > 1")), Part::Whole),
            "COPY (SELECT a FROM ONLY public.t WHERE a > 1) TO STDOUT"
        );
    }
}
