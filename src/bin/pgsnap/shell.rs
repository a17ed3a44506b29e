//! What a shell and `man` want to know of the command line.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;
use pgsnap::Error;

use crate::args::Cli;
use crate::{show, usage};

/// Prints the completions for a shell.
pub fn completions(shell: Shell) -> Result<u8, Error> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "pgsnap", &mut script);
    show(&String::from_utf8_lossy(&script))?;
    Ok(0)
}

/// Prints the manual page of the program; into a directory it writes this one and one for each command.
pub fn man(dir: Option<&Path>) -> Result<u8, Error> {
    match dir {
        None => {
            let mut page = Vec::new();
            Man::new(Cli::command()).render(&mut page).map_err(Error::Stdout)?;
            show(&String::from_utf8_lossy(&page))?;
        }
        Some(dir) => clap_mangen::generate_to(Cli::command(), dir)
            .map_err(|error| usage(&format!("cannot write manual pages to {}: {error}", dir.display())))?,
    }
    Ok(0)
}
