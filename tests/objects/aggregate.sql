DO $$ BEGIN CREATE ROLE pgsnap_owner; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
CREATE SCHEMA "Odd schema";
CREATE FUNCTION "Odd schema"."Add it"(bigint, integer) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2';
CREATE FUNCTION public.final_extra(bigint, integer) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE AGGREGATE public.plain_sum(integer) (SFUNC = "Odd schema"."Add it", STYPE = bigint);
CREATE AGGREGATE public."Sum ""of"" it"("A b" integer) (SFUNC = "Odd schema"."Add it", STYPE = bigint, SSPACE = 100,
    FINALFUNC = public.final_extra, FINALFUNC_EXTRA, FINALFUNC_MODIFY = READ_WRITE, COMBINEFUNC = int8pl,
    INITCOND = '5', MSFUNC = "Odd schema"."Add it", MINVFUNC = "Odd schema"."Add it", MSTYPE = bigint, MSSPACE = 200,
    MFINALFUNC = public.final_extra, MFINALFUNC_EXTRA, MFINALFUNC_MODIFY = SHAREABLE, MINITCOND = '7', PARALLEL = SAFE);
CREATE AGGREGATE public.count_all(*) (SFUNC = int8inc, STYPE = bigint, INITCOND = '0', PARALLEL = RESTRICTED);
CREATE AGGREGATE public.smallest(integer) (SFUNC = int4smaller, STYPE = integer, SORTOP = OPERATOR(pg_catalog.<));
CREATE AGGREGATE public.averaged(integer) (SFUNC = int4_avg_accum, STYPE = bigint[], FINALFUNC = int8_avg,
    COMBINEFUNC = int4_avg_combine, INITCOND = '{0,0}');
CREATE AGGREGATE public.serialized(numeric) (SFUNC = numeric_avg_accum, STYPE = internal, SSPACE = 128, FINALFUNC = numeric_avg,
    COMBINEFUNC = numeric_avg_combine, SERIALFUNC = numeric_avg_serialize, DESERIALFUNC = numeric_avg_deserialize);
CREATE AGGREGATE public.percentile(double precision ORDER BY double precision) (SFUNC = ordered_set_transition, STYPE = internal,
    FINALFUNC = percentile_cont_float8_final);
CREATE AGGREGATE public.ranked(VARIADIC "any" ORDER BY VARIADIC "any") (SFUNC = ordered_set_transition_multi, STYPE = internal,
    FINALFUNC = rank_final, FINALFUNC_EXTRA, HYPOTHETICAL);
COMMENT ON AGGREGATE public.count_all(*) IS 'counts';
COMMENT ON AGGREGATE public.percentile(double precision ORDER BY double precision) IS 'ordered set';
ALTER AGGREGATE public.plain_sum(integer) OWNER TO pgsnap_owner;
REVOKE EXECUTE ON FUNCTION public.count_all() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.percentile(double precision, double precision) TO pgsnap_owner;
GRANT EXECUTE ON FUNCTION public.ranked("any") TO pgsnap_owner;
