//! What somebody else would do: the guides, followed to the letter in folders outside this workspace.
#![forbid(unsafe_code)]

mod guide;
