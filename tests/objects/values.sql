-- Values of every type that a script writes as text, from edge to edge.
CREATE EXTENSION hstore;
CREATE EXTENSION citext;
CREATE EXTENSION ltree;
CREATE SCHEMA "odd ""schema";
CREATE TYPE "odd ""schema"."Mood's" AS ENUM ('fine', 'it''s (odd), "quoted" \ {x}', 'NOT NULL');
CREATE DOMAIN "odd ""schema".positive AS numeric(12,3) DEFAULT 1.5 CHECK (VALUE > 0);
CREATE DOMAIN "odd ""schema".moods AS "odd ""schema"."Mood's"[];
CREATE TYPE "odd ""schema".inner_type AS (a int, "B, (c)" text COLLATE "C", d "odd ""schema"."Mood's");
CREATE TYPE "odd ""schema".outer_type AS (x "odd ""schema".inner_type, y numeric(10,2)[], z timestamp(3) without time zone);
CREATE TYPE "odd ""schema".text_range AS RANGE (subtype = text, collation = "C");
CREATE TABLE numbers (b bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric, m money, o oid, x xid, c cid);
INSERT INTO numbers VALUES
    (true, -32768, -2147483648, -9223372036854775808, 'NaN', '-Infinity', 'NaN', '-92233720368547758.08', 4294967295, '4294967295', '1'),
    (false, 32767, 2147483647, 9223372036854775807, '1e-45', '5e-324', '-0.00000012345000', '0.05', 0, '0', '0'),
    (NULL, 0, 0, 0, '-0', '-0', '100000000000000000000.0001', '-0.99', 1, '3', '2'),
    (true, 1, 1, 1, '3.4028235e38', '1.7976931348623157e308', '10000', '1', 1, '3', '2'),
    (true, 1, 1, 1, '0.1', '0.1', '0.0001', '1', 1, '3', '2'), (true, 1, 1, 1, '0.1', '123456789.123', '-9999.99', '1', 1, '3', '2'),
    (true, 1, 1, 1, '0.1', '123456789.123', '12345678', '1', 1, '3', '2'), (true, 1, 1, 1, '0.1', '1', '0', '1', 1, '3', '2'),
    (true, 1, 1, 1, '0.1', '1', '0.000', '1', 1, '3', '2'), (true, 1, 1, 1, '0.1', '1', 1e200, '1', 1, '3', '2'), (true, 1, 1, 1, '0.1', '1', 1e-200, '1', 1, '3', '2');
CREATE TABLE texts (t text, v varchar(20), c char(5), n name, one "char", e citext, j json, x xml, b bytea, r refcursor);
INSERT INTO texts VALUES
    (E'\\N', E'tab\tnl\n', 'a', 'Name', 'x', 'CI', '{"a": "\u00e4"}', '<a>é</a>', '\x00ff5c0a', 'cur'),
    (E'\\.', E'\\.', '', '', '', E'\\!', '[]', '', '', ''),
    (E'\b\f\v\r\n\t\\', 'ü😀', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE only_text (t text);
INSERT INTO only_text VALUES (E'\\.'), (''), (NULL), (E'\\! echo no'), (E'.\n\\.\n');
CREATE TABLE moments (d date, t time, z timetz, ts timestamp, tz timestamptz, i interval, p interval day to second(2));
INSERT INTO moments VALUES
    ('4713-01-01 BC', '00:00', '00:00+15:59:59', '4713-01-01 00:00:00 BC', '4713-01-02 00:00:00+00 BC', '178000000 years', '1.25 seconds'),
    ('5874897-12-31', '24:00', '24:00-15:59', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00', '-1 mons +2 days -03:04:05.000006', '-5 days'),
    ('infinity', '12:34:56.000001', '01:02:03.5+05:30', 'infinity', '-infinity', '0', '0'),
    ('0001-02-28 BC', '1:00', '1:00+00', '2000-02-29 00:00:00', '1999-12-31 23:59:59.999999+00', '-300000:00:54.775807', '1 day -00:00:01'),
    ('0001-01-01', '1:00', '1:00+00', '1900-02-28 12:00:00', '1970-01-01 00:00:00+00', '1 year 2 mons', '1 day'),
    ('2024-02-29', '1:00', '1:00+00', '0005-02-29 00:00:00 BC', '2400-02-29 00:00:00+00', '1 year 2 mons', '1 day'),
    ('2100-03-01', '1:00', '1:00+00', '0099-12-31 00:00:00', '1600-12-31 00:00:00+00', '1 year 2 mons', '1 day');
CREATE TABLE things (u uuid, i inet, c cidr, m macaddr, m8 macaddr8, b bit(5), vb bit varying, p point, l line, s lseg, bx box, pa path, po polygon, ci circle);
INSERT INTO things VALUES
    ('ffffffff-ffff-ffff-ffff-ffffffffffff', '10.0.0.1', '10.0.0.0/8', '00:ff:00:ff:00:ff', '00:ff:00:ff:fe:00:ff:01', '10101', '', '(1,-0.5)', '{1,2,3}', '[(0,0),(1,1)]', '(3,4),(1,2)', '[(0,0),(1,1)]', '((0,0),(1,1),(1,0))', '<(0,0),1e-5>'),
    ('00000000-0000-0000-0000-000000000000', '::ffff:1.2.3.4/96', '2001:db8::/32', NULL, NULL, '00000', '1111111100000000111', '(NaN,Infinity)', NULL, NULL, NULL, '((0,0),(1,1))', NULL, NULL),
    (gen_random_uuid(), '1.2.3.4/24', '::1/128', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE documents (j jsonb, p jsonpath, v tsvector, q tsquery, l pg_lsn, t tid, s pg_snapshot, ts txid_snapshot, x8 xid8, h hstore, lt ltree, lq lquery, ltq ltxtquery);
INSERT INTO documents VALUES
    ('{"a": [1, null, "\\"]}', '$.a[*] ? (@ > 1)', $$'it''s':1A,2B,3C,4 'back\\slash' b:16383$$, $$!('a':*AB & b) | 'it''s' <-> (c <3> 'd e':D) & !!x$$, 'FFFFFFFF/0', '(4294967295,65535)',
     '10:20:10,14,15', '10:20:', '18446744073709551615', '"a b"=>"c\"d\\", n=>NULL, ""=>""', 'a.b.c', 'a.*{1,2}.!b|c', 'a & !(b | c*)'),
    ('null', '$', '', '', '0/0', '(0,0)', '1:1:', '1:1:', '0', '', '', '*', 'a'),
    ('[]', '$', 'a b c', 'a & b & c | d', '1/ABC', '(0,1)', '1:1:', '1:1:', '1', '', 'x', 'x', 'x & y & z | w');
CREATE TABLE made (e "odd ""schema"."Mood's", d "odd ""schema".positive, ds "odd ""schema".moods, i "odd ""schema".inner_type, o "odd ""schema".outer_type,
    r "odd ""schema".text_range, many "odd ""schema".outer_type[]);
INSERT INTO made VALUES
    ('fine', 1.5, ARRAY['fine', NULL, 'it''s (odd), "quoted" \ {x}', 'NOT NULL']::"odd ""schema"."Mood's"[], ROW(1, E'a "b", (c)\\ \n', 'NOT NULL'),
     ROW(ROW(NULL, '', NULL), ARRAY[1.25, NULL], '2026-01-01 00:00:00.123'), '["a,b","c\"")', ARRAY[ROW(ROW(1, 'x', 'fine'), '{}', NULL), NULL]::"odd ""schema".outer_type[]),
    (NULL, 0.001, '{}', ROW(NULL, NULL, NULL), NULL, 'empty', NULL), (NULL, 2, '{}', NULL, ROW(NULL, NULL, NULL), '("",)', '{}');
CREATE TABLE arrays (i int[], t text[], b box[], j jsonb[], n numeric[][], by bytea[], tz timestamptz[], r int4range[], names name[], v int2vector);
INSERT INTO arrays VALUES
    ('[-2:-1][3:4]={{1,2},{3,NULL}}', ARRAY['', 'NULL', 'null', NULL, 'a,b', '{x}', '"', '\', ' ', E'\n', 'a;b'], ARRAY['(1,1),(0,0)', '(2,2),(1,1)']::box[], ARRAY['{"a": "b"}', 'null']::jsonb[],
     '{{1.10,2},{3,4}}', ARRAY['\x00', '\x5c']::bytea[], ARRAY['2026-01-01 00:00:00+00', 'infinity']::timestamptz[], ARRAY['[1,5)', 'empty', '(,)']::int4range[], '{a,"b c"}', NULL),
    ('{}', '{}', '{}', '{}', '{{{1}},{{2}}}', '{}', '{}', '{}', '{}', NULL), ('{1}', '{a}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE ranges (a int4range, b int8range, c numrange, d daterange, e tsrange, f tstzrange);
INSERT INTO ranges VALUES
    ('[1,10)', '(,5)', '[1.5,1.5]', '[2026-01-01,infinity)', '[2026-01-01 00:00:00,2026-01-02 12:00:00.5]', '(-infinity,2026-01-01 00:00:00+00]'),
    ('empty', '(,)', '(,)', 'empty', '(,)', '[2026-01-01 00:00:00+00,)');
CREATE TABLE no_columns ();
INSERT INTO no_columns SELECT FROM generate_series(1, 3);
CREATE TABLE generated (a int, b int GENERATED ALWAYS AS (a * 2) STORED, id int GENERATED ALWAYS AS IDENTITY);
INSERT INTO generated (a) VALUES (1), (2);
