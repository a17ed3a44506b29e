-- min: 15
CREATE SCHEMA ext;
CREATE EXTENSION vector SCHEMA ext;
CREATE TABLE t (v ext.vector(3), h ext.halfvec(4), s ext.sparsevec(100), many ext.vector[]);
INSERT INTO t VALUES ('[1,-0.5,1e-38]', '[65504,6.1e-5,5.96e-8,-0]', '{1:1.5,100:-2}/100', ARRAY['[1,2]', '[3]']::ext.vector[]), ('[0,0,0]', '[0.1,1,-1,1024]', '{}/100', '{}');
