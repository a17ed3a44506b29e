-- The provider ICU: deterministic or not, with attributes, in use.
CREATE SCHEMA "Odd one";
CREATE COLLATION "Odd one"."Number's" (provider = icu, locale = 'en-u-kn-true');
CREATE COLLATION public.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE COLLATION public.plain (provider = icu, locale = 'de-DE');
CREATE COLLATION public.copied FROM "sv-x-icu";
COMMENT ON COLLATION public.any_case IS 'upper and lower case are equal';
CREATE TABLE public.t (a text COLLATE public.any_case PRIMARY KEY, b text COLLATE "Odd one"."Number's", c text COLLATE "de-x-icu");
CREATE INDEX ON public.t (c COLLATE public.plain, b);
INSERT INTO public.t VALUES ('A', 'a10', 'ä'), ('b', 'a9', 'z');
