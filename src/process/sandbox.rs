//! `bwrap` around a program: it sees the system read-only, its own folder, and no home.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use crate::{
    error::{Error, Result},
    process::{inherited, last_words, program::locate},
};

/// The program that makes the sandbox.
const BWRAP: &str = "bwrap";
/// What is hidden, so that neither keys nor anyone's files are seen.
const HIDDEN: [&str; 5] = ["/home", "/root", "/tmp", "/run", "/mnt"];

/// A sandbox for programs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sandbox {
    /// Whether what runs in it may reach the network. A program that asks a model must; a command of a model need not.
    pub has_network: bool,
    /// Folders hidden besides, such as that of a suite, where the answers stand.
    pub hidden: Vec<PathBuf>,
}

impl Sandbox {
    /// A sandbox, tried once.
    ///
    /// # Errors
    /// `bwrap` is not here, or cannot make one.
    pub fn tried(self) -> Result<Self> {
        let sandbox = self;
        if locate(BWRAP).is_none() {
            return Err(Error::usage(
                "`--sandbox` needs the program `bwrap`, which is not on the PATH",
            )
            .mend("install bubblewrap, or leave out `--sandbox` where you trust what is run"));
        }
        let run = sandbox.wrapped(
            &["/bin/sh".into(), "-c".into(), "true".into()],
            Path::new("/tmp"),
            &[],
        );
        let mut command = std::process::Command::new(BWRAP);
        command.args(&run[1..]).env_clear().stdin(Stdio::null());
        if let Some(path) = inherited("PATH") {
            command.env("PATH", path);
        }
        let ended = command.output();
        let why = match ended {
            Ok(ended) if ended.status.success() => return Ok(sandbox),
            Ok(ended) => last_words(&ended.stderr),
            Err(fault) => fault.to_string(),
        };
        Err(
            Error::outside(format!("`bwrap` is here and cannot make a sandbox: {why}")).mend(
                "allow user namespaces on this machine, or leave out `--sandbox` where you trust what is run",
            ),
        )
    }

    /// The words that run a program in the sandbox: the system can be read, `folder` can be written, homes and temporary
    /// folders are hidden, and of what lies in them only `shown` is seen.
    pub fn wrapped(&self, run: &[String], folder: &Path, shown: &[&Path]) -> Vec<String> {
        let mut words: Vec<String> = [
            BWRAP,
            "--unshare-all",
            "--die-with-parent",
            "--new-session",
            "--ro-bind",
            "/",
            "/",
            "--dev",
            "/dev",
            "--proc",
            "/proc",
        ]
        .map(str::to_owned)
        .to_vec();
        if self.has_network {
            words.push("--share-net".to_owned());
        }
        let hidden = self.hidden.iter().filter_map(|it| it.canonicalize().ok());
        let hidden = HIDDEN.iter().map(PathBuf::from).chain(hidden);
        // Nothing would be left to run in a system whose root is hidden.
        for hidden in hidden.filter(|it| it.is_dir() && it.parent().is_some()) {
            let hidden = hidden.to_string_lossy().into_owned();
            words.extend(["--tmpfs".to_owned(), hidden]);
        }
        let mut bind = |how: &str, path: &Path| {
            let path = path.to_string_lossy().into_owned();
            words.extend([how.to_owned(), path.clone(), path]);
        };
        for path in shown {
            bind("--ro-bind-try", path);
        }
        bind("--bind", folder);
        words.extend(["--chdir".to_owned(), folder.to_string_lossy().into_owned()]);
        words.extend(["--setenv".to_owned(), "HOME".to_owned()]);
        words.extend([folder.to_string_lossy().into_owned(), "--".to_owned()]);
        words.extend(run.iter().cloned());
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        files::TemporaryFolder,
        process::{Request, run},
    };
    use std::time::Duration;

    async fn inside(script: &str) -> Option<String> {
        let folder = TemporaryFolder::create("sandbox").unwrap();
        // Where the machine has no sandbox there is nothing to see.
        let hidden = TemporaryFolder::create("hidden").unwrap();
        let sandbox = Sandbox {
            has_network: false,
            hidden: vec!["/usr/share".into(), hidden.path().to_owned()],
        };
        let sandbox = sandbox.tried().ok()?;
        let words = ["/bin/sh", "-c", script].map(str::to_owned);
        let ended = run(Request {
            run: &sandbox.wrapped(&words, folder.path(), &[]),
            folder: folder.path(),
            input: b"",
            deadline: Duration::from_secs(10),
            most_output: 1000,
            pass: &[],
        })
        .await
        .unwrap();
        Some(String::from_utf8_lossy(&ended.output).trim().to_owned())
    }

    #[tokio::test]
    async fn a_sandbox_hides_homes_and_lets_nothing_but_its_folder_be_written() {
        let script = "echo x > here && cat here; ls -A /root /home | grep -c '[a-z]$'; ls /usr/share; echo x > /etc/x || echo no";
        if let Some(said) = inside(script).await {
            assert_eq!(said, "x\n0\nno");
        }
    }

    #[test]
    fn the_words_of_a_sandbox_end_in_the_program() {
        let sandbox = Sandbox {
            has_network: true,
            hidden: vec!["/".into(), "/no/such".into(), "/usr/lib/..".into()],
        };
        let words = sandbox.wrapped(
            &["ls".to_owned()],
            Path::new("/w"),
            &[Path::new("/x/agent.py")],
        );
        let line = words.join(" ");
        assert!(
            line.starts_with("bwrap --unshare-all --die-with-parent --new-session --ro-bind / /")
        );
        assert!(line.contains(" --share-net "));
        assert!(line.contains(" --tmpfs /usr --ro-bind-try "));
        assert!(!line.contains("--tmpfs / "));
        assert!(line.ends_with(
            "--ro-bind-try /x/agent.py /x/agent.py --bind /w /w --chdir /w --setenv HOME /w -- ls"
        ));
    }
}
