-- A table of events as applications write them: 50 columns, skewed values, NULLs.
-- psql -v n=600000 -f benches/events.sql
SELECT setseed(0.42);
CREATE UNLOGGED TABLE events (
 event_id bigint, tenant_id int, user_id bigint, session_id uuid, device_id bigint, 
 occurred_at timestamptz, received_at timestamptz, event_type text, event_version smallint,
 country char(2), region text, city text, browser text, browser_version text, os text, device_type text, language text,
 ip inet, url text, path text, referrer text, utm_source text, utm_campaign text,
 screen_w int, screen_h int, viewport_w smallint, viewport_h smallint,
 duration_ms int, bytes_sent bigint, status_code smallint, latency double precision, scroll_depth real,
 price numeric(12,2), quantity int, tax numeric(10,4), currency char(3), product_id bigint, category text,
 is_bot boolean, is_logged_in boolean, is_mobile boolean, consent boolean,
 experiment int, lat double precision, lon double precision, payload jsonb, tags text[], error text, created_on date, user_agent text);
INSERT INTO events
SELECT 7000000000 + i, (power(random(),3)*200)::int, uid, md5(uid||'/'||extract(epoch from t)::bigint/1800)::uuid, (uid*7919+ (random()*2)::int),
 t, t + (random()*random()*5) * interval '1 second',
 (array['page_view','click','scroll','impression','add_to_cart','purchase','login','logout','search','error','video_play','form_submit'])[1+(power(r1,2.5)*12)::int % 12],
 (1+ (r1*3)::int)::smallint,
 (array['US','DE','GB','FR','IN','BR','JP','CA','AU','NL','ES','IT','PL','SE','MX','KR','CH','AT','BE','DK','NO','FI','PT','CZ','TR','ZA','AR','CL','CO','ID'])[1+(power(r2,3)*30)::int % 30],
 'region-'||((power(r2,3)*400)::int), (array['Berlin','New York','London','Paris','Mumbai','São Paulo','Tokyo','Toronto','Sydney','Amsterdam'])[1+(r2*10)::int%10]||case when r3<0.3 then ' '||(r3*100)::int else '' end,
 br, br_v, (array['Windows','macOS','iOS','Android','Linux','ChromeOS'])[1+(power(r4,1.7)*6)::int%6], (array['desktop','mobile','tablet','tv'])[1+(power(r4,2)*4)::int%4],
 (array['en-US','de-DE','fr-FR','en-GB','pt-BR','ja-JP','es-ES','it-IT'])[1+(power(r2,3)*8)::int%8],
 ('10.'||(uid%200)||'.'||(uid/200%250)||'.'||(random()*250)::int)::inet,
 'https://shop.example.com/'||p||case when r5<0.2 then '?q='||md5((r5*10000)::int::text) else '' end, '/'||p,
 case when r6<0.6 then null else (array['https://www.google.com/','https://www.bing.com/','https://news.example.org/item?id='||(r6*100000)::int,'https://t.co/'||substr(md5(r6::text),1,8)])[1+(r6*40)::int%4] end,
 case when r7<0.8 then null else (array['google','newsletter','facebook','partner'])[1+(r7*100)::int%4] end,
 case when r7<0.8 then null else 'campaign_'||(r7*60)::int end,
 (array[1920,1366,1440,390,412,2560,1536])[1+(r4*7)::int%7], (array[1080,768,900,844,915,1440,864])[1+(r4*7)::int%7],
 (300+r5*1600)::smallint, (400+r6*700)::smallint,
 (-ln(1-r8*0.9999)*800)::int, (exp(r8*3+r3*6)*10)::bigint, (array[200,200,200,200,200,200,200,304,404,500,302])[1+(r7*11)::int%11]::smallint,
 -ln(1-r1*0.9999)*0.123, round(r5::numeric,2)::real,
 case when r3<0.7 then null else round((exp(r3*5)*r8)::numeric,2) end, case when r3<0.7 then null else 1+(power(r8,4)*10)::int end, case when r3<0.7 then null else round((exp(r3*5)*r8*0.19)::numeric,4) end, case when r3<0.7 then null else (array['USD','EUR','GBP'])[1+(r2*3)::int%3] end,
 case when r3<0.5 then null else (power(r6,4)*50000)::bigint+100000 end, case when r3<0.5 then null else (array['shoes','shirts','electronics','books','toys','garden'])[1+(power(r6,4)*6)::int%6] end,
 r8<0.03, uid%3=0, r4>0.6, case when r7<0.1 then null else r7<0.9 end,
 (uid%16)::int, 52.5+ (uid%1000)*0.013+(random()-0.5)*0.01, 13.4+(uid%777)*0.017+(random()-0.5)*0.01,
 jsonb_build_object('v', 3, 'component', (array['header','cart','list','footer','modal'])[1+(r8*5)::int%5], 'position', (r8*40)::int, 'ab', jsonb_build_object('id',(uid%16),'variant',(array['a','b'])[1+(uid%2)::int]), 'elapsed', round(r1::numeric,4), 'request', substr(md5(i::text),1,12)),
 case when r7<0.5 then null else array['t'||(r7*20)::int, 'u'||(r8*9)::int] end,
 case when r7<0.995 then null else 'TypeError: Cannot read properties of undefined (reading '''||p||''') at line '||(r8*1000)::int end,
 t::date, 'Mozilla/5.0 (X11; '||(r4*6)::int||') AppleWebKit/537.36 (KHTML, like Gecko) '||br||'/'||br_v||' Safari/537.36'
FROM (SELECT *, (power(r9,2)*80000)::bigint+1000 uid, timestamptz '2025-03-01 00:00:00+00' + i*interval '0.31 second'+ (r9*0.3)*interval '1 second' t,
   (array['Chrome','Safari','Firefox','Edge','Opera'])[1+(power(r4,3)*5)::int%5] br, (100+(power(r3,2)*30)::int)||'.0.'||(r4*6000)::int||'.'||(r4*60)::int br_v,
   (array['product','category','cart','search','home','account','blog'])[1+(power(r6,2)*7)::int%7]||'/'||(power(r6,4)*50000)::int p
  FROM (SELECT i, random() r1, random() r2, random() r3, random() r4, random() r5, random() r6, random() r7, random() r8, random() r9 FROM generate_series(1,:n) i OFFSET 0) a OFFSET 0) b;
