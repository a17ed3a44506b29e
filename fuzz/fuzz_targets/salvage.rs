#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pgsnap_fuzz::salvage::holds(input));
