//! The command line.

use std::fs::OpenOptions;
use std::path::PathBuf;

use clap::Parser;

/// Measures these crates beside their peers, on the same work, and prints a table.
///
/// Exits with 0 if all is well, 1 if --check finds a target that is missed, 2 if the report could not be made.
#[derive(Debug, Parser)]
#[command(name = "report")]
pub(crate) struct Options {
    /// Only rows that have this in their names
    #[arg(long, value_name = "WORD")]
    pub(crate) filter: Option<String>,

    /// Write the table to this file too, as Markdown
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,

    /// Write all figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Draw a chart in this file, as SVG
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,

    /// Exit with 1 if a target is missed
    #[arg(long)]
    pub(crate) check: bool,

    /// Do every work once, with small numbers: checks what is done, and measures nothing
    #[arg(long, conflicts_with_all = ["markdown", "json", "svg", "check"])]
    pub(crate) smoke: bool,
}

impl Options {
    pub(crate) fn from_args() -> Self {
        Self::parse()
    }

    /// Finds out before measuring whether the files can be written.
    pub(crate) fn check_files(&self) -> Result<(), String> {
        for file in [&self.markdown, &self.json, &self.svg].into_iter().flatten() {
            let opened = OpenOptions::new().append(true).create(true).open(file);
            opened.map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_options_fit_together() {
        Options::command().debug_assert();
        assert!(Options::try_parse_from(["report", "--smoke", "--check"]).is_err());
        assert!(Options::try_parse_from(["report", "rate"]).is_err());
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let options = Options::try_parse_from(["report", "--json", "no/such/folder/a.json"]).unwrap();
        assert!(options.check_files().unwrap_err().starts_with("cannot write no/such/folder/a.json: "));
    }
}
