-- A rule with the name that belongs to the rule of a view. PostgreSQL up to 17.10 renames a rule so; none creates one.
-- uncovered: rule "_RETURN" on misnamed.t, which no server creates under that name: ALTER RULE ... RENAME gives it another one
CREATE SCHEMA misnamed;
CREATE TABLE misnamed.t (a int);
CREATE RULE r AS ON INSERT TO misnamed.t DO INSTEAD NOTHING;
UPDATE pg_catalog.pg_rewrite SET rulename = '_RETURN' WHERE ev_class = 'misnamed.t'::pg_catalog.regclass;
