CREATE ACCESS METHOD "Heap two" TYPE TABLE HANDLER heap_tableam_handler;
CREATE ACCESS METHOD btree2 TYPE INDEX HANDLER bthandler;
COMMENT ON ACCESS METHOD "Heap two" IS 'it''s the same';
CREATE TABLE public.kept (a integer) USING "Heap two";
INSERT INTO public.kept VALUES (1), (2);
