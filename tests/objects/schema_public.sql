-- A schema public that somebody made anew: its ACL is NULL, nobody but the owner may use it.
DROP SCHEMA public CASCADE;
CREATE SCHEMA public;
CREATE TABLE public.t (id integer);
