//! Holds lines of results to the schema that the harness ships.

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

/// The schema, compiled: all of it, or what it says about one kind of line.
pub struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    /// This text: `steward_harness::report::SCHEMA`.
    pub fn of(text: &str) -> Self {
        Self::part(text, "")
    }

    /// What a part of it says, such as `#/$defs/total`.
    pub fn part(text: &str, fragment: &str) -> Self {
        let text: Value = serde_json::from_str(text).expect("the schema is JSON");
        let id = text["$id"].as_str().expect("the schema has an $id").to_owned();
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource(&id, text).expect("the schema is a resource");
        let index =
            compiler.compile(&format!("{id}{fragment}"), &mut schemas).unwrap_or_else(|error| panic!("{error:#}"));
        Self { schemas, index }
    }

    /// Why this is none.
    pub fn check(&self, line: &Value) -> Result<(), String> {
        self.schemas.validate(line, self.index).map_err(|error| format!("{line}\n{error:#}"))
    }

    /// All lines of an output. The first that is none is told.
    pub fn lines(&self, output: &str) -> Vec<Value> {
        let read = |line: &str| {
            let value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            self.check(&value).unwrap_or_else(|error| panic!("{error}"));
            value
        };
        output.lines().map(read).collect()
    }
}
