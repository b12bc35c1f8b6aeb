//! The two messages that only a child and its parent exchange. Refuses to hold a secret: those go beside.

use crate::confine::Kernel;
use crate::demands::Demands;
use crate::status::Confinement;
use quarterdeck_contract::Description;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The verb by which the program becomes a child.
pub(crate) const VERB: &str = "plugin-host";

/// The first frame to a child.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Configure {
    /// The instance's name, for errors.
    pub(crate) instance: String,
    pub(crate) library: PathBuf,
    pub(crate) pinned: Option<[u8; 32]>,
    pub(crate) workers: usize,
    pub(crate) demands: Demands,
    /// Refuse to start where the kernel can't give all of the confinement.
    pub(crate) whole: bool,
    pub(crate) kernel: Kernel,
    /// What [`quarterdeck_abi::wire::encode_setup`] made, its secrets in the frame's secret part.
    pub(crate) setup: String,
}

/// The first frame from a child that is ready.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) abi: (u16, u16),
    pub(crate) sha256: String,
    pub(crate) description: Description,
    pub(crate) confinement: Confinement,
}
