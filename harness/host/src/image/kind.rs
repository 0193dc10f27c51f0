//! What kind of file a kernel, or a medium with one on it, is.
