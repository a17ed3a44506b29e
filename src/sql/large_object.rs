//! Statements that read and write the contents of large objects.
//!
//! The contents are rows `(loid, offset, data)` of a table that no server has; what they mean is part of the archive format
//! (format-spec/large-objects.md), since digests are taken over them.

/// Bytes in a row, but for an object's last. On every server this is a multiple of the bytes in a row of pg_largeobject
/// (2048 with blocks of 8 KiB), so that two rows never share one.
pub const PIECE_BYTES: u32 = 1 << 20;

/// Reads the contents of the objects with OIDs of `from` and above, and below `to`.
///
/// Needs no right but SELECT on the objects. Holes read as zeros, and zeros are not sent unless they end an object: an
/// object that has lost a piece then reads like the pieces that it was made of. Subqueries with volatile functions stay
/// as they are written (PostgreSQL 18, is_simple_subquery), so that an object is opened, measured and closed once.
pub fn copy_out(from: u32, to: Option<u32>) -> String {
    let end = to.map(|to| format!(" AND m.oid < {to}")).unwrap_or_default();
    format!(
        "COPY (SELECT d.loid, d.\"offset\", d.data FROM (\
         SELECT c.loid, p.\"offset\", c.size, pg_catalog.lo_get(c.loid, p.\"offset\", {PIECE_BYTES}) AS data FROM (\
         SELECT s.loid, s.size, pg_catalog.lo_close(s.fd) FROM (\
         SELECT o.loid, o.fd, pg_catalog.lo_lseek64(o.fd, 0, 2) AS size FROM (\
         SELECT m.oid AS loid, pg_catalog.lo_open(m.oid, 262144) AS fd \
         FROM pg_catalog.pg_largeobject_metadata m WHERE m.oid >= {from}{end}) o) s) c \
         CROSS JOIN LATERAL pg_catalog.generate_series(0, c.size - 1, {PIECE_BYTES}) p (\"offset\")) d \
         WHERE d.data <> pg_catalog.decode(pg_catalog.repeat('00', {PIECE_BYTES}), 'hex') \
         OR d.\"offset\" + {PIECE_BYTES} >= d.size) TO STDOUT (FORMAT binary)"
    )
}

/// Writes rows, given as three arrays, into objects that exist. Returns a row for each. Sets in the list of what is selected
/// go in step, and unlike those behind FROM they are not copied before they are used.
pub const WRITE: &str = "\
    SELECT pg_catalog.lo_put(pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.int8[]), \
                             pg_catalog.unnest($3::pg_catalog.bytea[]))";
