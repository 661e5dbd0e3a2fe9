//! The example `crawl` of `mtaio-tokio`, run as its users run it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread;

/// A crawl that is long enough to judge, and short.
const SHORT: [&str; 4] = ["--pages", "500", "--burst", "10"];

fn crawl(args: &[&str]) -> Output {
    Command::new(env!("CARGO"))
        .args(["run", "--quiet", "-p", "mtaio-tokio", "--example", "crawl", "--"])
        .args(args)
        .output()
        .expect("cargo runs")
}

#[track_caller]
fn assert_exit(output: &Output, code: i32) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "stdout:\n{stdout}\nstderr:\n{stderr}");
    stdout
}

/// The lines that tell of broken promises.
fn failures(stdout: &str) -> Vec<&str> {
    stdout.lines().filter_map(|line| line.strip_prefix("FAILED: ")).collect()
}

fn list(name: &str, text: &str) -> PathBuf {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&file, text).expect("the directory for temporary files can be written to");
    file
}

#[test]
fn the_servers_see_both_limits_kept() {
    let stdout = assert_exit(&crawl(&SHORT), 0);
    assert_eq!(stdout.lines().last(), Some("OK"), "{stdout}");
}

#[test]
fn the_servers_see_that_the_rate_is_bypassed() {
    let stdout = assert_exit(&crawl(&[&SHORT[..], &["--bypass", "rate"]].concat()), 1);
    let failures = failures(&stdout);
    assert!(failures.iter().any(|line| line.contains("in one second")), "{stdout}");
}

#[test]
fn the_servers_see_that_the_slots_are_bypassed() {
    let stdout = assert_exit(&crawl(&[&SHORT[..], &["--hosts", "2", "--bypass", "slots"]].concat()), 1);
    let failures = failures(&stdout);
    assert!(failures.iter().any(|line| line.contains("in flight")), "{stdout}");
}

#[test]
fn bad_values_give_one_line() {
    let https = list("https.txt", "# one page\n\nhttps://localhost/\n");
    let empty = list("empty.txt", "# none\n");
    let cases: &[(&[&str], &str)] = &[
        (&["--rate", "0"], "it is at least 0.001 and at most 100000"),
        (&["--rate", "nan"], "--rate"),
        (&["--rate", "-1"], "--rate"),
        (&["--rate", "1e300"], "--rate"),
        (&["--rate", "fast"], "not a number"),
        (&["--burst", "-1"], "--burst"),
        (&["--per-host", "0"], "--per-host"),
        (&["--hosts", "none"], "--hosts"),
        (&["--pages", "3"], "3 pages do not show a rate"),
        (&["--bypass", "both"], "possible values: rate, slots"),
        (&["--speed", "1"], "unexpected argument '--speed'"),
        (&["--urls", "missing.txt"], "missing.txt"),
        (&["--urls", https.to_str().expect("UTF-8")], "line 3: only http:// URLs are supported"),
        (&["--urls", empty.to_str().expect("UTF-8")], "holds no URL"),
    ];
    for (args, expected) in cases {
        let output = crawl(args);
        let stdout = assert_exit(&output, 2);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stdout.is_empty(), "{args:?} printed {stdout}");
        assert!(stderr.starts_with("error: ") && stderr.contains(expected), "{args:?} gave {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{args:?} gave {stderr}");
    }
}

#[test]
fn a_list_of_urls_is_crawled() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    let address = listener.local_addr().expect("bound");
    let file = list("urls.txt", &format!("# two pages\n\nhttp://{address}/found\nhttp://{address}/missing\n"));
    let server = thread::spawn(move || [(); 2].map(|()| answer(&listener)));

    let stdout = assert_exit(&crawl(&["--urls", file.to_str().expect("UTF-8")]), 0);

    let mut asked = server.join().expect("the server answers");
    asked.sort();
    assert_eq!(asked, ["GET /found HTTP/1.1", "GET /missing HTTP/1.1"]);
    assert!(stdout.contains(&format!("http://{address}/missing: 404 Not Found")), "{stdout}");
    assert_eq!(stdout.lines().last(), Some("OK"), "{stdout}");
}

#[test]
fn a_crawl_that_fetches_nothing_is_not_ok() {
    // Nobody listens there any more.
    let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a loopback port");
    let file = list("nobody.txt", &format!("http://{address}/\n"));
    let stdout = assert_exit(&crawl(&["--urls", file.to_str().expect("UTF-8")]), 1);
    assert_eq!(stdout.lines().last(), Some("FAILED: not one page was fetched"), "{stdout}");
}

/// Answers one request; returns its first line.
fn answer(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().expect("a client");
    let mut lines =
        BufReader::new(stream.try_clone().expect("a second handle")).lines().map(|line| line.expect("text"));
    let request = lines.next().expect("a request");
    lines.find(String::is_empty).expect("the end of the head");
    let status = if request.contains("/found") { "200 OK" } else { "404 Not Found" };
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").expect("the client listens");
    request
}
