//! Quotas as text: nothing panics, and what is written is read as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mtaio_core::limit::Quota;

fuzz_target!(|text: &str| {
    if let Ok(quota) = text.parse::<Quota>() {
        assert_eq!(quota.to_string().parse(), Ok(quota), "{text}");
    }
});
