-- min: 15
-- Unlogged sequences, and identity columns whose sequence is logged otherwise than the table.
CREATE SCHEMA useq;
CREATE UNLOGGED SEQUENCE useq.u START 4;
CREATE UNLOGGED TABLE useq.t (id int GENERATED ALWAYS AS IDENTITY, s serial);
ALTER SEQUENCE useq.t_s_seq SET LOGGED;
ALTER SEQUENCE useq.t_id_seq SET LOGGED;
CREATE TABLE useq.logged (id int GENERATED ALWAYS AS IDENTITY);
ALTER SEQUENCE useq.logged_id_seq SET UNLOGGED;
