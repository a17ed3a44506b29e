use futures_util::FutureExt as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::*;
use crate::pg::transport::Plain;

fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag][..], &length.to_be_bytes(), body].concat()
}

fn tapped() -> (Tap, Tapped, DuplexStream) {
    let (ours, servers) = tokio::io::duplex(1 << 20);
    let (tap, stream) = Tap::new(Box::new(Plain(Box::new(ours))));
    (tap, stream, servers)
}

/// What the reader of one COPY and the driver get, when the server's bytes arrive in pieces of `piece` bytes.
async fn run(bytes: &[u8], piece: usize) -> (Vec<u8>, Vec<u8>, Vec<u64>) {
    let (mut copies, driver, counts) = run_together(1, bytes, piece).await;
    (copies.remove(0), driver, counts)
}

/// The same for the readers of several COPYs.
async fn run_together(copies: usize, bytes: &[u8], piece: usize) -> (Vec<Vec<u8>>, Vec<u8>, Vec<u64>) {
    let (tap, mut stream, mut server) = tapped();
    let rows = tap.begin().unwrap();
    let send = async {
        for part in bytes.chunks(piece) {
            server.write_all(part).await.unwrap();
            tokio::task::yield_now().await;
        }
        drop(server);
    };
    let driver = async {
        let mut out = Vec::new();
        stream.read_to_end(&mut out).await.unwrap();
        drop(stream);
        out
    };
    let reader = async {
        let mut rows = rows;
        let mut all = Vec::new();
        for _ in 0..copies {
            let mut out = Vec::new();
            while let Some(mut input) = rows.take().await.unwrap() {
                input
                    .deliver(|bytes| {
                        out.extend_from_slice(bytes);
                        Ok::<_, ()>(())
                    })
                    .unwrap();
                rows.give_back(input);
            }
            all.push(out);
            rows.next();
        }
        (all, rows.finish().await)
    };
    let ((), driver, (reader, count)) = tokio::join!(send, driver, reader);
    (reader, driver, count)
}

#[tokio::test]
async fn rows_go_to_the_reader_and_all_else_to_the_driver() {
    let notice = frame(b'N', b"SWARNING\0\0");
    let ready = frame(READY_FOR_QUERY, b"I");
    let (response, done) = (frame(COPY_OUT_RESPONSE, &[1, 0, 0]), frame(COPY_DONE, b""));
    let tag = frame(COMMAND_COMPLETE, b"COPY 3\0");
    let question = frame(COMMAND_COMPLETE, b"SELECT 1\0");
    let (empty, long) = (frame(COPY_DATA, b""), frame(COPY_DATA, &[7; 300]));
    let server = [
        &ready,
        &response,
        &frame(COPY_DATA, b"one"),
        &notice,
        &empty,
        &long,
        &done,
        &tag,
        &question,
        &ready,
    ];
    let server: Vec<u8> = server.into_iter().flatten().copied().collect();
    let drivers = [&ready, &notice, &tag, &question, &ready];
    let drivers: Vec<u8> = drivers.into_iter().flatten().copied().collect();
    for piece in 1..server.len() + 1 {
        let (reader, driver, count) = run(&server, piece).await;
        assert_eq!(reader, [&b"one"[..], &[7; 300]].concat(), "pieces of {piece}");
        assert_eq!(driver, drivers, "pieces of {piece}");
        assert_eq!(count, [3], "pieces of {piece}");
    }
}

#[tokio::test]
async fn an_error_ends_the_rows_and_reaches_the_driver() {
    let error = frame(ERROR_RESPONSE, b"SERROR\0\0");
    let ready = frame(READY_FOR_QUERY, b"I");
    let response = frame(COPY_OUT_RESPONSE, &[1, 0, 0]);
    let server = [&response[..], &frame(COPY_DATA, b"one"), &error, &ready].concat();
    let drivers = [&error[..], &ready].concat();
    for piece in 1..server.len() + 1 {
        assert_eq!(run(&server, piece).await, (b"one".to_vec(), drivers.clone(), vec![]));
    }
}

/// Three COPYs of 1, 0 and 2 rows, in the middle of other statements.
fn three_copies() -> (Vec<u8>, Vec<u8>) {
    let (response, done) = (frame(COPY_OUT_RESPONSE, &[1, 0, 0]), frame(COPY_DONE, b""));
    let tag = |tag: &[u8]| frame(COMMAND_COMPLETE, tag);
    let (locked, answered) = (tag(b"LOCK TABLE\0"), tag(b"SELECT 3\0"));
    let ready = frame(READY_FOR_QUERY, b"T");
    let (one, two, three) = (frame(COPY_DATA, b"one"), frame(COPY_DATA, b"two"), frame(COPY_DATA, b"three"));
    let (first, second, third) = (tag(b"COPY 1\0"), tag(b"COPY 0\0"), tag(b"COPY 2\0"));
    let server = [
        &locked, &response, &one, &done, &first, &response, &done, &second, &response, &two, &three, &done,
        &third, &answered, &ready,
    ];
    let driver = [&locked, &first, &second, &third, &answered, &ready];
    let join = |frames: &[&Vec<u8>]| frames.iter().copied().flatten().copied().collect();
    (join(&server), join(&driver))
}

#[tokio::test]
async fn copies_that_were_sent_together_are_told_apart() {
    let (server, drivers) = three_copies();
    for piece in 1..server.len() + 1 {
        let (readers, driver, counts) = run_together(3, &server, piece).await;
        assert_eq!(readers, [&b"one"[..], b"", b"twothree"], "pieces of {piece}");
        assert_eq!((driver, counts), (drivers.clone(), vec![1, 0, 2]), "pieces of {piece}");
    }
}

#[tokio::test]
async fn an_error_ends_all_copies_that_were_sent_together() {
    let (three, _) = three_copies();
    let (error, ready) = (frame(ERROR_RESPONSE, b"SERROR\0\0"), frame(READY_FOR_QUERY, b"E"));
    let third = three.windows(3).rposition(|bytes| bytes == b"two").unwrap() - 5;
    let response = frame(COPY_OUT_RESPONSE, &[1, 0, 0]).len();
    for (until, rows) in [(third - response, &b""[..]), (third, b""), (third + 8, b"two")] {
        let server = [&three[..until], &error, &ready].concat();
        for piece in 1..server.len() + 1 {
            let (readers, driver, counts) = run_together(3, &server, piece).await;
            assert_eq!(readers, [b"one", &b""[..], rows], "pieces of {piece}");
            assert!(driver.ends_with(&[&error[..], &ready].concat()), "pieces of {piece}");
            assert_eq!(counts, [1, 0], "pieces of {piece}");
        }
    }
}

#[tokio::test]
async fn an_error_of_an_earlier_statement_is_none_of_the_copy() {
    let error = frame(ERROR_RESPONSE, b"SERROR\0\0");
    let ready = frame(READY_FOR_QUERY, b"I");
    let (response, done) = (frame(COPY_OUT_RESPONSE, &[1, 0, 0]), frame(COPY_DONE, b""));
    let tag = frame(COMMAND_COMPLETE, b"COPY 1\0");
    let server = [&error[..], &ready, &response, &frame(COPY_DATA, b"one"), &done, &tag, &ready].concat();
    let drivers = [&error[..], &ready, &tag, &ready].concat();
    for piece in 1..server.len() + 1 {
        assert_eq!(run(&server, piece).await, (b"one".to_vec(), drivers.clone(), vec![1]));
    }
}

#[tokio::test]
async fn a_refused_copy_has_no_rows() {
    let (tap, _stream, _server) = tapped();
    let mut rows = tap.begin().unwrap();
    tap.answered();
    assert!(rows.take().await.unwrap().is_none());
    drop(rows);
    assert!(tap.begin().is_some());
}

#[tokio::test]
async fn a_connection_that_ends_before_the_rows_ends_the_wait_for_them() {
    assert_eq!(run(&[], 1).await, (vec![], vec![], vec![]));
}

#[tokio::test]
async fn the_surplus_answer_to_a_refused_copy_in_is_dropped() {
    let error = frame(ERROR_RESPONSE, b"SERROR\0\0");
    let ready = frame(READY_FOR_QUERY, b"I");
    let next = frame(b'1', b"");
    let server = [&ready[..], &error, &ready, &ready, &next, &ready].concat();
    for piece in 1..server.len() + 1 {
        let (tap, mut stream, mut end) = tapped();
        assert_eq!(tap.begin_copy_in(), 0);
        let send = async {
            for part in server.chunks(piece) {
                end.write_all(part).await.unwrap();
                tokio::task::yield_now().await;
            }
            drop(end);
        };
        let mut out = Vec::new();
        let (_, read) = tokio::join!(send, stream.read_to_end(&mut out));
        read.unwrap();
        assert_eq!(out, [&ready[..], &error, &ready, &next, &ready].concat(), "pieces of {piece}");
        assert_eq!(tap.errors(), 1);
    }
}

#[tokio::test]
async fn an_accepted_copy_in_loses_nothing() {
    let ready = frame(READY_FOR_QUERY, b"I");
    let error = frame(ERROR_RESPONSE, b"SERROR\0\0");
    let server = [&frame(COPY_IN_RESPONSE, &[1, 0, 0])[..], &error, &ready, &ready].concat();
    let (tap, mut stream, mut end) = tapped();
    tap.begin_copy_in();
    end.write_all(&server).await.unwrap();
    drop(end);
    let mut out = Vec::new();
    stream.read_to_end(&mut out).await.unwrap();
    assert_eq!(out, server);
}

#[tokio::test]
async fn rows_follow_the_statement_and_nothing_comes_between() {
    let (statement, next) =
        (frame(b'Q', b"COPY t FROM STDIN; COPY t FROM STDIN\0"), frame(b'Q', b"SELECT\0"));
    let (rows, done) = (frame(COPY_DATA, b"rows"), frame(COPY_DONE, b""));
    let all = [&statement[..], &rows, &done, &done, &next].concat();
    let (response, tag) = (frame(COPY_IN_RESPONSE, &[0, 0, 0]), frame(COMMAND_COMPLETE, b"COPY 4\0"));
    let ready = frame(READY_FOR_QUERY, b"I");
    let answer = [&response[..], &tag, &response, &tag, &ready].concat();
    for room in 1..all.len() + 1 {
        let (ours, mut server) = tokio::io::duplex(room);
        let (tap, mut stream) = Tap::new(Box::new(Plain(Box::new(ours))));
        let begun = tap.begin_with_rows([&b"rows"[..], b""].into_iter()).unwrap();
        // A flush before the statement sends nothing.
        stream.flush().await.unwrap();
        let driver = async {
            let mut answered = vec![0; tag.len() * 2 + ready.len()];
            stream.write_all(&statement).await.unwrap();
            stream.flush().await.unwrap();
            stream.read_exact(&mut answered).await.unwrap();
            assert_eq!(answered, [&tag[..], &tag, &ready].concat());
            tap.answered();
            stream.write_all(&next).await.unwrap();
            stream.flush().await.unwrap();
        };
        let servers = async {
            let mut sent = vec![0; all.len() - next.len()];
            server.read_exact(&mut sent).await.unwrap();
            server.write_all(&answer).await.unwrap();
            let mut more = vec![0; next.len()];
            server.read_exact(&mut more).await.unwrap();
            assert_eq!([sent, more].concat(), all);
        };
        tokio::join!(driver, servers);
        assert_eq!(begun.finish().await, [4, 4]);
    }
}

#[tokio::test]
async fn rows_behind_a_refused_statement_stay_or_go_whole() {
    let (statement, rows) = (frame(b'Q', b"COPY t FROM STDIN\0"), frame(COPY_DATA, &[7; 40]));
    let (done, next) = (frame(COPY_DONE, b""), frame(b'Q', b"ROLLBACK\0"));
    let answer = [frame(ERROR_RESPONSE, b"SERROR\0\0"), frame(READY_FOR_QUERY, b"E")].concat();
    for sent in [0, 1, 20, rows.len() + done.len()] {
        // There is room for so many bytes of the rows before the answer comes.
        let (ours, mut server) = tokio::io::duplex(statement.len() + sent);
        let (tap, mut stream) = Tap::new(Box::new(Plain(Box::new(ours))));
        let begun = tap.begin_with_rows([&[7; 40][..]].into_iter()).unwrap();
        stream.write_all(&statement).await.unwrap();
        let _full = stream.flush().now_or_never();
        let mut answered = vec![0; answer.len()];
        server.write_all(&answer).await.unwrap();
        stream.read_exact(&mut answered).await.unwrap();
        tap.answered();
        assert!(begun.ended().is_empty());
        drop(begun);
        let driver = async {
            stream.write_all(&next).await.unwrap();
            stream.flush().await.unwrap();
            drop((stream, tap));
        };
        let mut all = Vec::new();
        let (_, read) = tokio::join!(driver, server.read_to_end(&mut all));
        read.unwrap();
        let whole = [&rows[..], &done].concat();
        let between = if sent == 0 { &[][..] } else { &whole };
        assert_eq!(all, [&statement[..], between, &next].concat(), "{sent} bytes of rows were sent");
    }
}

#[tokio::test]
async fn an_abandoned_copy_goes_to_the_driver_and_lets_no_other_begin() {
    let (tap, mut stream, mut end) = tapped();
    drop(tap.begin().unwrap());
    assert!(tap.is_copying() && tap.begin().is_none());
    let server = [frame(COPY_OUT_RESPONSE, &[1, 0, 0]), frame(COPY_DATA, b"one")].concat();
    end.write_all(&server).await.unwrap();
    drop(end);
    let mut out = Vec::new();
    stream.read_to_end(&mut out).await.unwrap();
    assert_eq!(out, server);
}

#[tokio::test]
async fn a_copy_abandoned_within_a_row_leaves_whole_frames() {
    let (tap, mut stream, mut end) = tapped();
    let mut rows = tap.begin().unwrap();
    let response = frame(COPY_OUT_RESPONSE, &[1, 0, 0]);
    let (row, next) = (frame(COPY_DATA, b"abandoned"), frame(COPY_DATA, b"next"));
    let notice = frame(b'N', b"SWARNING\0\0");
    end.write_all(&[&notice[..], &response, &row[..9]].concat()).await.unwrap();
    let mut out = vec![0; notice.len()];
    stream.read_exact(&mut out).await.unwrap();
    assert_eq!(out, notice);
    // As the driver does, which is always reading.
    assert!(stream.read_u8().now_or_never().is_none());
    let mut input = rows.take().await.unwrap().unwrap();
    input.deliver(|_| Err(())).unwrap_err();
    rows.give_back(input);
    drop(rows);
    end.write_all(&[&row[9..], &next[..]].concat()).await.unwrap();
    drop(end);
    let mut out = Vec::new();
    stream.read_to_end(&mut out).await.unwrap();
    assert_eq!(out, next);
}

#[tokio::test]
async fn impossible_lengths_are_refused() {
    for length in [0_u32, 3, 0x4000_0001, u32::MAX] {
        let (_tap, mut stream, mut end) = tapped();
        end.write_all(&[&[b'Z'][..], &length.to_be_bytes()].concat()).await.unwrap();
        let error = stream.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
