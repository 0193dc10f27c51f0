//! `steward-harness`'s commands beside that of running a kernel's own tests.
