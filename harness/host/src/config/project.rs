//! A file, read as a whole.

use std::path::{Path, PathBuf};

use super::{
    Settings, Spot,
    schema::{Manifest, Written},
};
use crate::{Error, given};

/// Longest file, in bytes.
const LONGEST: u64 = 1 << 20;

/// What a project states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Project {
    /// The file, when there is one.
    pub file: Option<PathBuf>,
    /// What holds for every run.
    pub settings: Settings,
    /// The shapes of `run --matrix`, in the file's order.
    pub matrix: Vec<Shape>,
}

/// A shape of `run --matrix`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// What it is called: letters, digits, `-` and `_`.
    pub name: String,
    /// What it states; the rest is as for every run.
    pub settings: Settings,
}

impl Project {
    /// Reads a file of this form: a `steward-harness.toml` of whatever name, or of a `Cargo.toml` the table
    /// `[package.metadata.steward]`.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read; [`Error::Request`] with line and column when it says something that makes no
    /// sense here.
    pub fn read(file: &Path) -> Result<Self, Error> {
        if file.file_name().is_none_or(|name| name != super::find::MANIFEST) {
            return Self::own_file(file);
        }
        Self::manifest(file)?.ok_or_else(|| {
            let file = file.display();
            Error::Request(format!("{file}: it has no table [package.metadata.steward], which would be read"))
        })
    }

    /// What a `steward-harness.toml` states.
    pub(super) fn own_file(file: &Path) -> Result<Self, Error> {
        Self::own_text(file, &read(file)?)
    }

    /// What this text states, which stands in a `steward-harness.toml`.
    pub(super) fn own_text(file: &Path, text: &str) -> Result<Self, Error> {
        let written = toml::from_str(text).map_err(|error| Spot::of(file, text).toml(&error))?;
        Self::of(file, text, written)
    }

    /// What a `Cargo.toml` states; `None` when it does not speak of this.
    pub(super) fn manifest(file: &Path) -> Result<Option<Self>, Error> {
        let text = read(file)?;
        let manifest: Manifest = toml::from_str(&text).map_err(|error| Spot::of(file, &text).toml(&error))?;
        manifest.steward().map(|written| Self::of(file, &text, written)).transpose()
    }

    fn of(file: &Path, text: &str, mut written: Written) -> Result<Self, Error> {
        let directory = file.parent().unwrap_or(Path::new(""));
        let mut shapes: Vec<_> = std::mem::take(&mut written.matrix).into_iter().collect();
        shapes.sort_by_key(|(name, _)| name.span().start);
        let matrix = shapes.into_iter().map(|(name, shape)| {
            let spelled = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            if name.get_ref().is_empty() || !name.get_ref().bytes().all(spelled) {
                let what = "a shape's name is made of letters, digits, `-` and `_`";
                return Err(Spot::of(file, text).error(Some(name.span()), what));
            }
            Ok(Shape { name: name.into_inner(), settings: shape.settings(directory) })
        });
        let matrix = matrix.collect::<Result<_, _>>()?;
        Ok(Self { file: Some(file.into()), settings: written.settings(directory), matrix })
    }
}

fn read(file: &Path) -> Result<String, Error> {
    let bytes = given::read(file, LONGEST)?;
    String::from_utf8(bytes).map_err(|error| {
        let end = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..end].iter().filter(|&&byte| byte == b'\n').count() + 1;
        Error::Request(format!("{}:{line}: this is no UTF-8, as TOML must be", file.display()))
    })
}
