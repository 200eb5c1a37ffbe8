//! Where tasks happen: a simulated desk, a scratch folder, or nowhere.

pub mod desk;
pub mod scene;
pub mod solution;
pub mod workspace;

pub use desk::Desk;
pub use scene::Scene;
pub use workspace::Workspace;

use std::path::Path;

/// Where one attempt happens.
#[derive(Debug)]
pub enum Place<'a> {
    /// Nowhere: the answer is all there is.
    Nowhere,
    /// A scratch folder of this trial's own.
    Workspace(&'a Path),
    /// A simulated desk.
    Desk(&'a mut Desk),
}
