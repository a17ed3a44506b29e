-- min: 17
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE public.parted (a integer) PARTITION BY LIST (a) USING heap2;
CREATE TABLE public.part1 PARTITION OF public.parted FOR VALUES IN (1);
CREATE TABLE public.part2 PARTITION OF public.parted FOR VALUES IN (2) USING heap;
CREATE TABLE public.plain (a integer) PARTITION BY LIST (a);
INSERT INTO public.parted VALUES (1), (2);
