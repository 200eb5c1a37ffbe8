//! The program: hands its arguments to the front door and ends with the code it gets back.

use std::process::ExitCode;

fn main() -> ExitCode {
    dreameval::cli::main()
}
