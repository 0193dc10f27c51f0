//! Media that a project's own command makes of its kernel.
