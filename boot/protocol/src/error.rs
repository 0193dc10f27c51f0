//! Why nothing was loaded.

use core::fmt;

use crate::image::ImageError;
use crate::map::MapError;
use crate::requests::RequestError;

/// Why nothing was loaded. Its text names the file at fault and what is wrong with it.
#[derive(Debug)]
pub enum LoadError {
    /// The file `kernel`.
    Image(ImageError),
    /// The requests in the file `kernel`.
    Request(RequestError),
    /// The machine's memory.
    Map(MapError),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(error) => write!(f, "kernel: {error}"),
            Self::Request(error) => write!(f, "kernel: {error}"),
            Self::Map(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for LoadError {}

impl From<ImageError> for LoadError {
    fn from(error: ImageError) -> Self {
        Self::Image(error)
    }
}

impl From<RequestError> for LoadError {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl From<MapError> for LoadError {
    fn from(error: MapError) -> Self {
        Self::Map(error)
    }
}
