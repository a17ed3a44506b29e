//! Fills an empty database with an agent's memory: `schema.sql`, embeddings by COPY BINARY, `rows.sql`, vector indexes.
//! The same number of rows gives the same rows on every server.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use futures_util::SinkExt;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};

/// What to load.
pub struct Options {
    /// Rows of `l2_insights`; every 37th has no embedding. The other tables follow in proportion.
    pub rows: u32,
    /// Embeddings as `vector(1536)`, which [`load`] gives HNSW and IVFFlat indexes; without, `real[]` and no such index.
    pub vectors: bool,
}

const DIMENSIONS: usize = 1536;
const TOPICS: usize = 64;
/// Enough for the graph of 100,000 embeddings: an HNSW build that does not fit takes four times as long.
const INDEX_MEMORY: &str = "1GB";
const FLUSH_AT: usize = 1 << 20;

/// Loads the memory database into the empty database that `conninfo` names.
pub async fn load(conninfo: &str, options: &Options) -> Result<(), Box<dyn Error + Send + Sync>> {
    load_rows(conninfo, options).await?;
    if options.vectors {
        let lists = (options.rows / 1000).max(4);
        let indexes = format!(
            "SET maintenance_work_mem = '{INDEX_MEMORY}';
             CREATE INDEX l2_insights_hnsw ON public.l2_insights
                 USING hnsw (embedding public.vector_cosine_ops) WITH (m = 16, ef_construction = 64);
             CREATE INDEX l2_insights_ivfflat ON public.l2_insights
                 USING ivfflat (embedding public.vector_l2_ops) WITH (lists = {lists}) WHERE embedding IS NOT NULL"
        );
        let (client, connection) = connect(conninfo).await?;
        client.batch_execute(&indexes).await?;
        drop(client);
        connection.await??;
    }
    Ok(())
}

/// The same without the indexes of the embeddings, which take most of the time.
pub async fn load_rows(conninfo: &str, options: &Options) -> Result<(), Box<dyn Error + Send + Sync>> {
    let (client, connection) = connect(conninfo).await?;
    if options.vectors {
        client.batch_execute("CREATE EXTENSION vector WITH SCHEMA public").await?;
    }
    client.batch_execute(include_str!("schema.sql")).await?;
    copy_insights(&client, options).await?;
    client.batch_execute(&format!("SET memory.rows = {}", options.rows)).await?;
    client.batch_execute(include_str!("rows.sql")).await?;
    client.batch_execute("ANALYZE").await?;
    drop(client);
    connection.await??;
    Ok(())
}

async fn connect(
    conninfo: &str,
) -> Result<(Client, JoinHandle<Result<(), tokio_postgres::Error>>), tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(conninfo, NoTls).await?;
    Ok((client, tokio::spawn(connection)))
}

async fn copy_insights(client: &Client, options: &Options) -> Result<(), Box<dyn Error + Send + Sync>> {
    let sink = client
        .copy_in(
            "COPY public.l2_insights (content, metadata, source_ids, score, created_at, embedding)
             FROM STDIN (FORMAT binary)",
        )
        .await?;
    let mut sink = std::pin::pin!(sink);
    let mut random = Random(0x5eed);
    let centres: Vec<Vec<f32>> =
        (0..TOPICS).map(|_| (0..DIMENSIONS).map(|_| random.normal()).collect()).collect();
    let mut buffer = BytesMut::with_capacity(FLUSH_AT * 2);
    buffer.put_slice(b"PGCOPY\n\xff\r\n\0");
    buffer.put_slice(&[0; 8]);
    for row in 0..options.rows {
        put_insight(&mut buffer, row, &mut random, &centres, options.vectors);
        if buffer.len() >= FLUSH_AT {
            sink.send(buffer.split().freeze()).await?;
        }
    }
    buffer.put_i16(-1);
    sink.send(buffer.freeze()).await?;
    sink.as_mut().finish().await?;
    Ok(())
}

fn put_insight(buffer: &mut BytesMut, row: u32, random: &mut Random, centres: &[Vec<f32>], vectors: bool) {
    const MICROSECONDS_2000_TO_2025: i64 = 9132 * 86_400 * 1_000_000;
    let topic = random.below(TOPICS);
    buffer.put_i16(6);
    let words = 20 + random.below(80);
    put_field(buffer, random.sentence(words).as_bytes());
    let metadata = format!(
        r#"{{"topic": "topic {topic}", "turn": {row}, "confidence": 0.{:03}, "tags": ["{}", "{}"], "nested": {{"ok": {}}}}}"#,
        random.below(1000),
        random.word(),
        random.word(),
        row.is_multiple_of(3),
    );
    buffer.put_i32(i32::try_from(metadata.len()).unwrap_or(i32::MAX) + 1);
    buffer.put_u8(1);
    buffer.put_slice(metadata.as_bytes());
    if row.is_multiple_of(13) {
        buffer.put_i32(-1);
    } else {
        put_source_ids(buffer, row);
    }
    put_field(buffer, &(random.below(1001) as f32 / 1000.0).to_be_bytes());
    let created_at = MICROSECONDS_2000_TO_2025 + i64::from(row) * 137_000_003;
    put_field(buffer, &created_at.to_be_bytes());
    if row % 37 == 36 {
        buffer.put_i32(-1);
    } else {
        put_embedding(buffer, random, &centres[topic], vectors);
    }
}

fn put_field(buffer: &mut BytesMut, bytes: &[u8]) {
    buffer.put_i32(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
    buffer.put_slice(bytes);
}

/// The last `row % 4` rows of l0_raw before twice this one's number, as bigint[]; an empty array has no dimension.
fn put_source_ids(buffer: &mut BytesMut, row: u32) {
    const INT8_OID: u32 = 20;
    let ids: Vec<i64> = (0..i64::from(row % 4)).map(|back| i64::from(row) * 2 - back).collect();
    let mut array = BytesMut::new();
    array.put_i32(i32::from(!ids.is_empty()));
    array.put_i32(0);
    array.put_u32(INT8_OID);
    if !ids.is_empty() {
        array.put_i32((row % 4) as i32);
        array.put_i32(1);
        for id in ids {
            put_field(&mut array, &id.to_be_bytes());
        }
    }
    put_field(buffer, &array);
}

/// A unit vector near its topic's centre, as the embeddings of texts about one topic are.
fn put_embedding(buffer: &mut BytesMut, random: &mut Random, centre: &[f32], vectors: bool) {
    const FLOAT4_OID: u32 = 700;
    let mut values = [0f32; DIMENSIONS];
    let mut square = 0f32;
    for (value, middle) in values.iter_mut().zip(centre) {
        *value = 0.6 * middle + random.normal();
        square += *value * *value;
    }
    let scale = 1.0 / square.sqrt();
    if vectors {
        buffer.put_i32(4 + 4 * DIMENSIONS as i32);
        buffer.put_i16(DIMENSIONS as i16);
        buffer.put_i16(0);
        values.iter().for_each(|value| buffer.put_f32(value * scale));
    } else {
        buffer.put_i32(20 + 8 * DIMENSIONS as i32);
        for header in [1, 0, FLOAT4_OID, DIMENSIONS as u32, 1] {
            buffer.put_u32(header);
        }
        for value in values {
            buffer.put_u32(4);
            buffer.put_f32(value * scale);
        }
    }
}

/// SplitMix64: small, fast, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// Near enough to the normal distribution, with mean 0: a sum of four uniform numbers.
    fn normal(&mut self) -> f32 {
        let (a, b) = (self.next(), self.next());
        let sum = (a >> 32) + (a & 0xffff_ffff) + (b >> 32) + (b & 0xffff_ffff);
        (sum as f64 / f64::from(u32::MAX) - 2.0) as f32
    }

    fn word(&mut self) -> &'static str {
        const WORDS: [&str; 48] = [
            "memory", "agent", "user", "prefers", "the", "a", "of", "and", "to", "that", "plan", "report",
            "before", "after", "meeting", "because", "deploy", "error", "query", "index", "vector", "slow",
            "fast", "never", "always", "Zürich", "東京", "coffee", "train", "budget", "draft", "review",
            "with", "without", "asked", "answered", "noted", "changed", "kept", "lost", "found", "again",
            "later", "today", "tomorrow", "twice", "once", "quietly",
        ];
        // Squared, so that some words are common and most are rare, as in a language.
        let share = (self.next() >> 40) as f64 / (1u64 << 24) as f64;
        WORDS[(share * share * WORDS.len() as f64) as usize]
    }

    fn sentence(&mut self, words: usize) -> String {
        let mut text = String::new();
        for _ in 0..words {
            text.push_str(self.word());
            text.push(' ');
        }
        text.push_str(&self.below(1_000_000).to_string());
        text
    }
}
