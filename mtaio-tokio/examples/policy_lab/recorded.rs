//! A trace to play with: what `--write-trace` writes, and `trace.csv` is.

use core::fmt::Write;

/// Forty seconds of about 100 requests in a second, with three times as many for ten of them. About 60 ms each.
///
/// The chance is that of a linear congruential generator (Knuth's MMIX), which is good enough to look at.
pub(crate) fn made_up() -> String {
    let mut state = 2026_u64;
    let mut chance = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    };
    let mut text = String::from("# Made up by `policy_lab --write-trace`.\nat_ms,service_ms\n");
    let mut at = 0.0;
    while at < 40_000.0 {
        // Three together are about as crooked as times of service are.
        let service = 20.0 * -(chance() * chance() * chance()).ln();
        let _ = writeln!(text, "{at:.1},{service:.1}");
        let rate = if (15_000.0..25_000.0).contains(&at) { 0.3 } else { 0.1 };
        at += -chance().ln() / rate;
    }
    text
}
