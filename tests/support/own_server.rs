//! A server for one test alone, which may be stopped or set up in its own way.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;

use super::{Server, run};

/// A server that no other test uses.
pub struct OwnServer {
    pub server: Server,
    pub directory: tempfile::TempDir,
}

impl OwnServer {
    /// Of the major of `shared`, with this `max_locks_per_transaction`.
    pub fn start(shared: &Server, port_base: &str, locks: &str) -> Result<OwnServer, Failed> {
        Self::start_within(&["env"], shared, port_base, locks)
    }

    /// The same, started by a command that gives it its surroundings.
    pub fn start_within(
        outer: &[&str],
        shared: &Server,
        port_base: &str,
        locks: &str,
    ) -> Result<OwnServer, Failed> {
        let directory = tempfile::Builder::new().prefix("pgsnap-").tempdir_in("/tmp")?;
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
        let environment = [("PGSNAP_TEST_PORT_BASE", port_base), ("PGSNAP_TEST_LOCKS", locks)];
        run(servers(outer, directory.path(), "start", shared.major).envs(environment)).expect_code(0);
        let server = Server::read(directory.path(), shared.major).ok_or("the server does not run")?;
        Ok(OwnServer { server, directory })
    }

    pub fn stop(&self) {
        run(&mut servers(&["env"], self.directory.path(), "stop", self.server.major)).expect_code(0);
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        run(&mut servers(&["env"], self.directory.path(), "stop", self.server.major));
    }
}

fn servers(outer: &[&str], directory: &Path, what: &str, major: u32) -> Command {
    let mut command = Command::new(outer[0]);
    command.args(&outer[1..]).arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers"));
    command.args([what, &major.to_string()]).env("PGSNAP_TEST_SERVERS", directory);
    command
}
