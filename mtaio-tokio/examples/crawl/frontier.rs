//! What is to be crawled.

use core::fmt;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hyper::Uri;
use hyper::http::uri::{InvalidUri, PathAndQuery, Scheme};

/// The sites, and the pages in the order in which they are asked for.
#[derive(Debug, Default)]
pub(crate) struct Frontier {
    /// Host and port of each site.
    pub(crate) sites: Vec<String>,
    pub(crate) pages: Vec<Page>,
    numbers: HashMap<String, usize>,
}

/// One page of a site.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// Index into the sites.
    pub(crate) site: usize,
    pub(crate) path: PathAndQuery,
}

impl Frontier {
    /// Reads a list of URLs.
    ///
    /// # Errors
    ///
    /// [`FileError`] if the file cannot be read, holds no URL, or holds one that cannot be crawled.
    pub(crate) fn read(file: &Path) -> Result<Self, FileError> {
        let fail = |trouble| FileError { file: file.into(), trouble };
        let text = fs::read_to_string(file).map_err(|error| fail(Trouble::Read(error)))?;
        let mut frontier = Self::default();
        for (index, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            frontier.add(line).map_err(|error| fail(Trouble::Line(index + 1, error)))?;
        }
        if frontier.pages.is_empty() {
            return Err(fail(Trouble::Empty));
        }
        Ok(frontier)
    }

    /// Adds one page, and its site if it is new.
    pub(crate) fn add(&mut self, url: &str) -> Result<(), UrlError> {
        let uri: Uri = url.parse().map_err(UrlError::Invalid)?;
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err(UrlError::NotHttp);
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(UrlError::NoHost)?;
        let port = match uri.port_u16() {
            Some(port) => port,
            None if uri.authority().is_some_and(|authority| authority.as_str().ends_with(host)) => 80,
            None => return Err(UrlError::BadPort),
        };
        let address = format!("{}:{port}", host.to_ascii_lowercase());
        let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));

        let site = *self.numbers.entry(address).or_insert_with_key(|address| {
            self.sites.push(address.clone());
            self.sites.len() - 1
        });
        self.pages.push(Page { site, path });
        Ok(())
    }

    /// The URL of a page, for people.
    pub(crate) fn url(&self, page: &Page) -> String {
        format!("http://{}{}", self.sites[page.site], page.path)
    }
}

/// A URL that cannot be crawled.
#[derive(Debug)]
pub(crate) enum UrlError {
    Invalid(InvalidUri),
    NotHttp,
    NoHost,
    BadPort,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(error) => write!(f, "not a URL: {error}"),
            Self::NotHttp => f.write_str("only http:// URLs are supported"),
            Self::NoHost => f.write_str("the URL names no host"),
            Self::BadPort => f.write_str("the port is not a number up to 65535"),
        }
    }
}

impl core::error::Error for UrlError {}

/// A list of URLs that cannot be crawled.
#[derive(Debug)]
pub(crate) struct FileError {
    file: PathBuf,
    trouble: Trouble,
}

#[derive(Debug)]
enum Trouble {
    Read(io::Error),
    Line(usize, UrlError),
    Empty,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match &self.trouble {
            Trouble::Read(error) => write!(f, "cannot read {file}: {error}"),
            Trouble::Line(number, error) => write!(f, "{file}, line {number}: {error}"),
            Trouble::Empty => write!(f, "{file} holds no URL"),
        }
    }
}

impl core::error::Error for FileError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_one_host_and_port_share_a_site() {
        let mut frontier = Frontier::default();
        for url in ["http://a.example/1", "http://A.example:80/2?q#f", "http://a.example:81", "http://u:p@[::1]:82/"] {
            frontier.add(url).unwrap();
        }
        assert_eq!(frontier.sites, ["a.example:80", "a.example:81", "[::1]:82"]);
        let urls: Vec<_> = frontier.pages.iter().map(|page| frontier.url(page)).collect();
        assert_eq!(
            urls,
            ["http://a.example:80/1", "http://a.example:80/2?q", "http://a.example:81/", "http://[::1]:82/"]
        );
    }

    #[test]
    fn what_is_no_http_url_is_refused() {
        for url in ["https://a.example/", "a.example", "/1", "http://", "http://a:99999/", "http://a b/", "http://:80/"]
        {
            assert!(Frontier::default().add(url).is_err(), "{url}");
        }
    }
}
