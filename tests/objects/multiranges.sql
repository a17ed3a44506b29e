-- min: 14
CREATE TYPE counts AS RANGE (subtype = int8, multirange_type_name = "Many counts");
CREATE TABLE t (a int4multirange, b nummultirange, c datemultirange, d "Many counts", e tstzmultirange[]);
INSERT INTO t VALUES ('{[1,2),[3,4)}', '{(,1.5],[2.5,)}', '{}', '{[1,2),[5,9)}', ARRAY['{[2026-01-01 00:00:00+00,)}', '{}']::tstzmultirange[]);
