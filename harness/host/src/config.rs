//! What a project states about its kernel once and for all.
