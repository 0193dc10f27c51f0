//! What logs come to, whole and in pieces, right and broken.

mod corpus;
mod fuzz;
mod linear;
mod pieces;
mod support;
