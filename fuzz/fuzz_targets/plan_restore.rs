#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pgsnap_fuzz::plan_restore::holds(input));
