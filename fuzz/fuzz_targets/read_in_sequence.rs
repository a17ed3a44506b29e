#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pgsnap_fuzz::read_in_sequence::holds(input));
