//! A command of the user's, run when a backup has ended: without a shell, with a limit of time, and with nothing of the environment
//! but what it needs.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook(Vec<String>);

/// What of our own environment goes on to it; not PGPASSWORD and its like.
const PASSED_ON: [&str; 7] = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ"];
/// How often it is looked at.
const PAUSE: Duration = Duration::from_millis(20);

impl Hook {
    /// A command as one would type it: words, and quotes around those with spaces. There is no shell that would expand anything.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words = shell_words::split(text).map_err(|error| error.to_string())?;
        if words.is_empty() { Err("no command".to_owned()) } else { Ok(Hook(words)) }
    }

    /// Runs it, with facts in its environment; what it prints goes to stderr. It and what it has started are killed when it takes
    /// longer than `limit`.
    ///
    /// # Errors
    ///
    /// A sentence about what went wrong.
    pub fn run(&self, facts: &[(&str, String)], limit: Duration) -> Result<(), String> {
        let mut command = self.command();
        command.stdout(std::io::stderr());
        // A name of a database may be anything but what an environment cannot hold.
        command.envs(facts.iter().map(|(name, value)| (name, value.replace('\0', ""))));
        self.wait(&mut self.start(&mut command)?, limit)
    }

    /// Runs it in the same way, and gives the first line that it prints.
    ///
    /// # Errors
    ///
    /// A sentence about what went wrong.
    pub fn first_line(&self, limit: Duration) -> Result<String, String> {
        let mut command = self.command();
        let mut child = self.start(command.stdout(Stdio::piped()))?;
        let mut stdout = BufReader::new(child.stdout.take().ok_or("it has no output")?);
        let (to, line) = mpsc::channel();
        // What it has left behind may keep the pipe open for ever: nobody waits for its end.
        std::thread::spawn(move || {
            let mut first = String::new();
            let _ = stdout.read_line(&mut first);
            let _ = to.send(first);
        });
        self.wait(&mut child, limit)?;
        match line.recv_timeout(limit).as_deref().map(|line| line.trim_end_matches(['\r', '\n'])) {
            Ok(line) if !line.is_empty() => Ok(line.to_owned()),
            _ => Err(format!("{} has printed nothing", self.0[0])),
        }
    }

    fn command(&self) -> Command {
        // There is a first word: `parse` has seen to it.
        let mut command = Command::new(&self.0[0]);
        command.args(&self.0[1..]).env_clear().stdin(Stdio::null()).process_group(0);
        command.envs(PASSED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command
    }

    fn start(&self, command: &mut Command) -> Result<Child, String> {
        command.spawn().map_err(|error| format!("could not start {}: {error}", self.0[0]))
    }

    fn wait(&self, child: &mut Child, limit: Duration) -> Result<(), String> {
        let program = &self.0[0];
        let started = Instant::now();
        loop {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(format!("{program} has ended with {status}")),
                Ok(None) if started.elapsed() < limit => std::thread::sleep(PAUSE),
                Ok(None) => {
                    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
                    let _ = group.map(|group| kill_process_group(group, Signal::KILL));
                    let _ = child.wait();
                    return Err(format!("{program} took longer than {} s and was killed", limit.as_secs()));
                }
                Err(error) => return Err(format!("could not wait for {program}: {error}")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    fn run(command: &str, limit: Duration) -> Result<(), String> {
        Hook::parse(command).unwrap().run(&[("PGSNAP_DATABASE", "a b; exit 3".to_owned())], limit)
    }

    #[test]
    fn words_and_no_shell() {
        assert!(Hook::parse("'").is_err());
        assert!(Hook::parse(" ").is_err());
        assert_eq!(run("test '$PGSNAP_DATABASE' = \"\\$PGSNAP_DATABASE\"", LIMIT), Ok(()));
        assert_eq!(run("sh -c 'test \"$PGSNAP_DATABASE\" = \"a b; exit 3\"'", LIMIT), Ok(()));
        assert_eq!(run("sh -c 'test -z \"$CARGO_MANIFEST_DIR\"'", LIMIT), Ok(()), "the environment is clean");
    }

    #[test]
    fn the_first_line_of_what_it_prints() {
        let line = |command: &str| Hook::parse(command).unwrap().first_line(LIMIT);
        assert_eq!(line("printf 'one\ntwo\n'"), Ok("one".to_owned()));
        assert_eq!(line("printf one"), Ok("one".to_owned()));
        // What it leaves behind holds the pipe.
        assert_eq!(line("sh -c 'echo one; sleep 5 &'"), Ok("one".to_owned()));
        assert_eq!(line("true"), Err("true has printed nothing".to_owned()));
    }

    #[test]
    fn failures_are_told() {
        assert_eq!(run("false", LIMIT), Err("false has ended with exit status: 1".to_owned()));
        assert!(run("/nonexistent/command", LIMIT).unwrap_err().starts_with("could not start /nonexistent"));
    }

    #[test]
    fn what_hangs_is_killed_with_its_children() {
        let started = Instant::now();
        let hangs = run("sh -c 'sleep 600 & sleep 600'", Duration::from_millis(200));
        assert!(hangs.unwrap_err().contains("was killed"));
        assert!(started.elapsed() < Duration::from_secs(60));
    }
}
