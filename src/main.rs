//! The program: hands its arguments to the front door and ends with the code it gets back.

use std::process::ExitCode;

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    dreameval::cli::main()
}
