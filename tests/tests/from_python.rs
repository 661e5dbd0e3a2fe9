//! `docs/from-python.md` has one row for each name of the Python toolkit and of the patterns that go with it.

extern crate alloc;

use alloc::collections::BTreeMap;

const PAGE: &str = include_str!("../../docs/from-python.md");

/// What the Python documents name: their modules, classes, methods, errors and example programs.
const NAMES: &[&str] = &[
    // The reference of the resources.
    "mtaio.resources",
    "RateLimiter(rate, burst)",
    "RateLimiter.acquire(tokens)",
    "RateLimiter.limit(tokens)",
    "async with RateLimiter",
    "rate_limited_operation",
    "manual_rate_limit",
    "TimeoutManager(default_timeout)",
    "TimeoutManager.run(coro)",
    "TimeoutManager.run(timeout)",
    "TimeoutManager.timeout(seconds)",
    "async with TimeoutManager",
    "operation_with_timeout",
    "ConcurrencyLimiter(limit)",
    "ConcurrencyLimiter.acquire()",
    "ConcurrencyLimiter.limit",
    "async with ConcurrencyLimiter",
    "concurrent_operation",
    "manual_concurrency",
    "ResourceGroup()",
    "ResourceGroup.add(resource)",
    "ResourceGroup.remove(resource)",
    "async with ResourceGroup",
    "manage_resources",
    "AdaptiveRateLimiter",
    "AdaptiveRateLimiter.rates",
    "AdaptiveRateLimiter.acquire(resource_id)",
    "AdaptiveRateLimiter.adjust_rate(resource_id, load)",
    "TimeoutController",
    "cascading_timeout(timeouts)",
    "AsyncExitStack",
    "enter_async_context(resource)",
    "cleanup_resources",
    "mtaio.exceptions",
    "ResourceError",
    "ResourceLimitError",
    "TimeoutError",
    "handle_resource_errors",
    "handle_errors",
    "RateLimitedAPI",
    "RateLimitedAPI.handle_request(request)",
    "TaskProcessor",
    "TaskProcessor.process_tasks(tasks)",
    "TaskProcessor.process_task(task)",
    // The advanced guide, where it is about resources.
    "ResourceLimiter",
    "AsyncFunc",
    "ResourceManager",
    "ManagedResources",
    "ManagedResources.acquire(resource)",
    "ManagedResources.cleanup()",
    "ManagedResources.resource_scope()",
    "AsyncCloseable",
    "AsyncCloseable.close()",
    // The patterns of asyncio: timeouts, context managers, semaphores, locks.
    "asyncio.wait_for",
    "asyncio.TimeoutError",
    "slow_operation",
    "with_timeout",
    "AsyncDatabaseConnection",
    "__aenter__",
    "__aexit__",
    "query_database",
    "asyncio.Semaphore",
    "asyncio.gather",
    "api_call",
    "rate_limited_requests",
    "asyncio.Lock",
    "AsyncCounter",
    "AsyncCounter.increment()",
    "AsyncCounter.get_value()",
    "worker",
    "test_counter",
    // The limiter for twisted.
    "defer.DeferredSemaphore",
    "DeferredSemaphore.acquire()",
    "DeferredSemaphore.release()",
    "ConcurrentManager(concurrency)",
    "ConcurrentManager.wrap(func)",
    "defer.inlineCallbacks",
    "defer.maybeDeferred",
    "defer.returnValue",
    "defer.gatherResults",
    "addCallback",
    "addBoth",
    "reactor.run",
    "reactor.stop",
    "f1",
    "f2",
    "_cm_per_domain",
    "getPage(url)",
];

/// A row of the overview.
struct Row<'a> {
    name: &'a str,
    rust: &'a str,
    /// The section that it leads to.
    section: Option<&'a str>,
}

impl<'a> Row<'a> {
    /// Reads ``| [`name`](#section) | rust | what changed |``, where the link can be missing.
    fn parse(line: &'a str) -> Self {
        let cells: Vec<_> = split_cells(line).map(str::trim).collect();
        let [name, rust, _changed] = cells[..] else { panic!("a row has three cells:\n{line}") };
        let (name, section) = match name.strip_prefix('[').map(|link| link.split_once("](#")) {
            Some(Some((name, target))) => (name, Some(target.strip_suffix(')').unwrap())),
            Some(None) => panic!("this leads out of the page:\n{line}"),
            None => (name, None),
        };
        let name = name.strip_prefix('`').and_then(|name| name.strip_suffix('`'));
        Row { name: name.unwrap_or_else(|| panic!("the name is no code:\n{line}")), rust, section }
    }
}

/// The cells of a row of a table. `\|` is no border.
fn split_cells(line: &str) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    let inside = line.trim().strip_prefix('|').and_then(|rest| rest.strip_suffix('|')).unwrap();
    inside.split(move |c| {
        let is_border = c == '|' && !escaped;
        escaped = c == '\\';
        is_border
    })
}

fn rows() -> Vec<Row<'static>> {
    let (_, overview) = PAGE.split_once("\n## Overview\n").unwrap();
    let lines = overview.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    lines.skip(2).map(Row::parse).collect()
}

/// How a heading is linked to.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// How many blocks of Rust there are in each section.
fn blocks_by_section() -> BTreeMap<String, usize> {
    let sections = PAGE.split("\n## ").skip(1).map(|section| {
        let (heading, body) = section.split_once('\n').unwrap();
        (anchor(heading), body.lines().filter(|line| *line == "```rust").count())
    });
    let by_section: BTreeMap<_, _> = sections.clone().collect();
    assert_eq!(by_section.len(), sections.count(), "two sections have one name");
    by_section
}

#[test]
fn each_name_has_one_row_and_no_row_is_extra() {
    let mut named = Vec::from_iter(rows().iter().map(|row| row.name));
    let mut wanted = NAMES.to_vec();
    named.sort_unstable();
    wanted.sort_unstable();
    assert!(wanted.windows(2).all(|pair| pair[0] != pair[1]), "the list has a name twice");
    let missing: Vec<_> = wanted.iter().filter(|name| !named.contains(name)).collect();
    assert!(missing.is_empty(), "no row for {missing:?}");
    assert_eq!(named, wanted);
}

#[test]
fn each_row_leads_to_code_or_says_not_yet() {
    let sections = blocks_by_section();
    for Row { name, rust, section } in rows() {
        match section {
            Some(section) => {
                let blocks = sections.get(section).unwrap_or_else(|| panic!("{name}: no section {section}"));
                assert!(*blocks > 0, "{name}: no code in {section}");
                assert!(!rust.is_empty() && rust != "not yet", "{name}: what is it in Rust?");
            }
            None => assert_eq!(rust, "not yet", "{name} leads nowhere"),
        }
    }
}

#[test]
fn each_section_is_led_to() {
    let rows = rows();
    for section in blocks_by_section().into_keys().filter(|section| section != "overview") {
        assert!(rows.iter().any(|row| row.section == Some(&section)), "nothing leads to {section}");
    }
}

#[test]
fn each_link_within_the_page_leads_to_a_section() {
    let sections = blocks_by_section();
    for link in PAGE.split("](#").skip(1).filter_map(|rest| rest.split_once(')')) {
        assert!(sections.contains_key(link.0), "no section {}", link.0);
    }
}

#[test]
fn each_block_is_run() {
    for block in PAGE.split("```rust\n").skip(1).filter_map(|rest| rest.split_once("\n```")) {
        assert!(block.0.contains("mtaio_tests::paused!("), "only compiled:\n{}", block.0);
    }
    assert!(!PAGE.contains("```rust,") && !PAGE.contains("```rs"));
}
