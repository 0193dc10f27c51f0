//! The requests in a kernel's image: found, checked, and understood before anything is written.

use core::fmt;

pub use crate::features::Feature;
use crate::features::{BASE_REVISION_MAGIC, COMMON_MAGIC, END_MARKER, START_MARKER};
use crate::image::{Image, Segment};
use crate::{BASE_REVISION, entry};

/// Offset of a request's response pointer: four words of identifier and the revision come before.
pub(crate) const RESPONSE_AT: u64 = 40;
/// Offset of what follows a request's response pointer.
const BODY_AT: u64 = 48;

const FEATURES: usize = Feature::ALL.len();

/// What a kernel asked for. Possession proves that no request appears twice and that all lie in the
/// image's segments.
#[derive(Clone, Debug)]
pub struct Requests {
    /// Virtual address of each request, by feature.
    at: [Option<u64>; FEATURES],
    /// Virtual address of the base revision tag.
    tag: Option<u64>,
    /// The base revision in the tag; 0 without a tag.
    requested: u64,
}

/// Why a kernel's requests cannot be honoured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// The same request twice.
    Duplicate(Feature),
    /// A request runs past its segment; holds its address.
    Truncated(Feature, u64),
    /// The base revision tag runs past its segment; holds its address.
    TruncatedTag(u64),
    /// The requested entry point is not in an executable segment; holds its address.
    EntryPoint(u64),
    /// The kernel insists on 5-level paging.
    PagingMode,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate(feature) => write!(f, "more than one {feature:?} request; the protocol allows one"),
            Self::Truncated(feature, at) => write!(f, "the {feature:?} request at {at:#x} runs past its segment"),
            Self::TruncatedTag(at) => write!(f, "the base revision tag at {at:#x} runs past its segment"),
            Self::EntryPoint(entry) => {
                write!(f, "the entry point {entry:#x} of its EntryPoint request is not in an executable segment")
            }
            Self::PagingMode => write!(f, "its PagingMode request insists on 5-level paging; this loader has 4-level"),
        }
    }
}

/// The bits in which the first words of all that is searched for agree. Comparing them alone passes
/// over nearly every word of a kernel at once, and the search is most of what loading costs.
const AGREEING_BITS: u64 = {
    let first = START_MARKER[0];
    !(first ^ END_MARKER[0]) & !(first ^ BASE_REVISION_MAGIC[0]) & !(first ^ COMMON_MAGIC[0])
};

impl Requests {
    const NONE: Self = Self { at: [None; FEATURES], tag: None, requested: 0 };

    /// Looks through the image, lowest address first. A start marker forgets what came before it, the
    /// first end marker ends the search ("Requests Delimiters").
    ///
    /// # Errors
    /// A request that appears twice or does not fit in its segment.
    pub fn find(image: &Image<'_>) -> Result<Self, RequestError> {
        let mut found = Self::NONE;
        for segment in image.segments() {
            if found.scan(segment)? {
                break;
            }
        }
        for feature in Feature::ALL {
            if let Some(at) = found.address(feature)
                && image.read_u64(at + last_word(feature)).is_none()
            {
                return Err(RequestError::Truncated(feature, at));
            }
        }
        match found.tag {
            Some(at) if image.read_raw(at + 16).is_none() => Err(RequestError::TruncatedTag(at)),
            _ => Ok(found),
        }
    }

    /// Looks through a segment; true when it holds the end marker.
    fn scan(&mut self, segment: &Segment<'_>) -> Result<bool, RequestError> {
        let skip = usize::try_from(segment.start.wrapping_neg() % 8).unwrap_or(0);
        let words = segment.data.get(skip..).unwrap_or_default().as_chunks::<8>().0;
        let first = segment.start + skip as u64;
        for (index, word) in words.iter().enumerate() {
            if u64::from_le_bytes(*word) & AGREEING_BITS != START_MARKER[0] & AGREEING_BITS {
                continue;
            }
            let word_at = |offset: usize| words.get(index + offset).map_or(0, |word| u64::from_le_bytes(*word));
            let begins = |magic: &[u64]| magic.iter().enumerate().all(|(offset, word)| word_at(offset) == *word);
            let at = first + index as u64 * 8;
            if begins(&COMMON_MAGIC) {
                self.add(Feature::of(word_at(2), word_at(3)), at)?;
            } else if begins(&BASE_REVISION_MAGIC) {
                (self.tag, self.requested) = (Some(at), word_at(2));
            } else if begins(&START_MARKER) {
                *self = Self::NONE;
            } else if begins(&END_MARKER) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn add(&mut self, feature: Option<Feature>, at: u64) -> Result<(), RequestError> {
        let Some(feature) = feature else { return Ok(()) };
        match self.at[feature as usize].replace(at) {
            Some(_) => Err(RequestError::Duplicate(feature)),
            None => Ok(()),
        }
    }

    /// Virtual address of a request, if the kernel has it.
    pub fn address(&self, feature: Feature) -> Option<u64> {
        self.at[feature as usize]
    }

    /// Virtual address of the base revision tag, if the kernel has one.
    pub fn tag(&self) -> Option<u64> {
        self.tag
    }

    /// The base revision that the kernel asked for.
    pub fn requested_revision(&self) -> u64 {
        self.requested
    }

    /// The base revision that it gets: what it asked for, at most [`BASE_REVISION`].
    pub fn revision(&self) -> u64 {
        self.requested.min(BASE_REVISION)
    }

    /// The stack size that it gets, in bytes.
    pub fn stack_size(&self, image: &Image<'_>) -> u64 {
        self.body(image, Feature::StackSize, 0).unwrap_or(0).max(entry::STACK_SIZE)
    }

    /// Where the kernel is entered.
    ///
    /// # Errors
    /// [`RequestError::EntryPoint`].
    pub fn entry(&self, image: &Image<'_>) -> Result<u64, RequestError> {
        match self.body(image, Feature::EntryPoint, 0) {
            Some(entry) if !image.is_executable(entry) => Err(RequestError::EntryPoint(entry)),
            Some(entry) => Ok(entry),
            None => Ok(image.entry),
        }
    }

    /// Whether the kernel accepts 4-level paging, which is mode 0. Before request revision 1 the least
    /// mode is always 4-level ("Paging Mode Feature").
    ///
    /// # Errors
    /// [`RequestError::PagingMode`].
    pub fn check_paging_mode(&self, image: &Image<'_>) -> Result<(), RequestError> {
        let revision = self.address(Feature::PagingMode).and_then(|at| image.read_u64(at + 32)).unwrap_or(0);
        match self.body(image, Feature::PagingMode, 2) {
            Some(least) if revision >= 1 && least != 0 => Err(RequestError::PagingMode),
            _ => Ok(()),
        }
    }

    /// The `index`-th word after the response pointer.
    fn body(&self, image: &Image<'_>, feature: Feature, index: u64) -> Option<u64> {
        image.read_u64(self.address(feature)? + BODY_AT + index * 8)
    }
}

/// Offset of the last word of a request that every revision of it has.
const fn last_word(feature: Feature) -> u64 {
    match feature {
        Feature::StackSize | Feature::EntryPoint | Feature::PagingMode => BODY_AT,
        _ => RESPONSE_AT,
    }
}
