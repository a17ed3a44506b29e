-- Until 14 everybody may create in the schema public of a new database. Here nobody may but the owner.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
CREATE TABLE public.t (id integer);
