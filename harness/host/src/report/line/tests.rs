//! Every line that can be written validates against the schema, and the schema is strict.

use std::{collections::BTreeMap, path::Path};

use serde_json::json;

use super::{
    super::{demo, schema::Schema},
    *,
};
use crate::{suite::Isolation, verdict::Verdict};

fn subjects() -> [Subject; 4] {
    [Subject::Ktest, Subject::Run, Subject::Line, Subject::Ktap { line: Some("modprobe x".into()) }]
}

/// A test of each subject, with a name that is hard to write down.
fn tests() -> Vec<Test> {
    let plain = demo::listing(1).tests.remove(0);
    let test = |subject: Subject| Test {
        name: demo::HARD_NAME.into(),
        file: "tests.sh".into(),
        line: 7,
        subject,
        ..plain.clone()
    };
    let mut tests: Vec<Test> = subjects().into_iter().map(test).collect();
    tests.push(Test { file: String::new(), line: 0, subject: Subject::Ktap { line: None }, ..plain.clone() });
    tests.push(plain);
    tests
}

fn plans() -> [Plan; 2] {
    let plain = demo::plan(3, Isolation::Test);
    let shaped = Plan {
        shape: Some("tiny".into()),
        expect: vec!["ktap".into(), "text=a, b".into()],
        open: true,
        seed: None,
        isolation: Isolation::Boot,
        ..plain.clone()
    };
    [plain, shaped]
}

/// Lines of every kind, with and without what may be absent.
fn lines() -> Vec<Value> {
    let symbols = Symbols::of(Path::new("/dev/null"));
    let mut lines: Vec<Line> = plans().iter().map(Line::began).collect();
    lines.push(Line::ended(None, &Summary { total: 1, passed: 1, ..Summary::default() }));
    lines
        .push(Line::ended(Some("tiny"), &Summary { total: 9, failed: 1, interrupted: Some(15), ..Summary::default() }));
    for (test, shape) in tests().iter().flat_map(|test| [(test, None), (test, Some("tiny"))]) {
        lines.push(Line::started(shape, test));
        lines.push(Line::ignored(shape, test));
        lines.push(Line::ignored(shape, &Test { ignored: Some("too\nslow".into()), ..test.clone() }));
        for verdict in Verdict::ALL {
            let report = demo::report(test, verdict, demo::HOSTILE, Some(demo::panicked()));
            lines.push(Line::finished(shape, &report, &symbols));
            if verdict != Verdict::Pass {
                lines.push(Line::retrying(shape, &report, &symbols));
                let kept = Report { artifact: Some("k-17".into()), origin: None, evidence: None, ..report };
                lines.push(Line::finished(shape, &kept, &symbols));
            }
        }
    }
    lines.extend([Line::host_passed("a::b"), Line::host_failed("a::b", ""), Line::host_ignored("a::b", "")]);
    lines.extend([Line::host_ignored("a::b", "tier verify"), Line::problem("kernel", "it does not build")]);
    lines.extend([Line::listed("a::b", "host"), Line::listed("a::b", "kernel")]);
    lines.extend([Line::note("KVM misbehaves"), Line::total(1, 2, 3)]);
    let mut values: Vec<Value> = lines.iter().map(|line| serde_json::from_str(&line.to_string()).unwrap()).collect();
    values.extend([
        json!({"type": "suite", "event": "discovery"}),
        json!({"type": "test", "event": "discovered", "name": "a", "ignore": false, "ignore_message": "",
            "source_path": "a.rs", "start_line": 1}),
        json!({"type": "suite", "event": "completed", "tests": 1, "benchmarks": 0, "total": 1, "ignored": 0}),
    ]);
    values
}

/// The kinds of lines that the schema knows, with its own words about each.
fn kinds() -> Vec<(String, Value, Schema)> {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let kinds = schema["oneOf"].as_array().unwrap().iter().map(|kind| kind["$ref"].as_str().unwrap().to_owned());
    let told = |kind: String| (kind.clone(), schema.pointer(&kind[1..]).unwrap().clone(), Schema::part(SCHEMA, &kind));
    kinds.map(told).collect()
}

/// A line of each shape that lines have, under the kind that it is of.
fn distinct() -> BTreeMap<String, (Value, Value)> {
    let kinds = kinds();
    let mut distinct = BTreeMap::new();
    for line in lines() {
        let (kind, words, _) = kinds.iter().find(|(.., schema)| schema.check(&line).is_ok()).unwrap();
        let keys: Vec<&String> = line.as_object().unwrap().keys().collect();
        distinct.insert(format!("{kind} {keys:?}"), (line, words.clone()));
    }
    distinct
}

#[test]
fn every_line_validates() {
    let schema = Schema::of(SCHEMA);
    for line in lines() {
        schema.check(&line).unwrap();
    }
}

#[test]
fn every_kind_of_line_that_the_schema_knows_is_written() {
    let lines = lines();
    for (kind, _, schema) in kinds() {
        assert!(lines.iter().any(|line| schema.check(line).is_ok()), "{kind}");
    }
}

#[test]
fn the_schema_names_every_verdict_and_no_other() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let named = schema["$defs"]["verdict"]["enum"].as_array().unwrap();
    let failures: Vec<Value> =
        Verdict::ALL.iter().filter(|verdict| **verdict != Verdict::Pass).map(|verdict| verdict.id().into()).collect();
    assert_eq!(named, &failures);
}

#[test]
fn what_is_required_may_not_be_missing_and_all_else_may() {
    let schema = Schema::of(SCHEMA);
    for (line, words) in distinct().into_values() {
        let required = words["required"].as_array().unwrap();
        for key in line.as_object().unwrap().keys() {
            let mut less = line.clone();
            less.as_object_mut().unwrap().remove(key);
            assert_eq!(schema.check(&less).is_err(), required.contains(&json!(key)), "without {key}: {line}");
        }
    }
}

#[test]
fn nothing_else_may_be_said() {
    let schema = Schema::of(SCHEMA);
    for (line, _) in distinct().into_values() {
        let mut more = line.clone();
        more["more"] = json!(1);
        assert!(schema.check(&more).is_err(), "{more}");
    }
}

#[test]
fn values_have_their_types() {
    let schema = Schema::of(SCHEMA);
    for (line, _) in distinct().into_values() {
        for (key, value) in line.as_object().unwrap() {
            let wrong = match value {
                Value::String(_) => [json!(null), json!(7), json!(["x"])],
                Value::Number(_) => [json!(null), json!("7"), json!(-1)],
                _ => [json!(null), json!("true"), json!(7)],
            };
            for wrong in wrong {
                let mut changed = line.clone();
                changed[key] = wrong;
                assert!(schema.check(&changed).is_err(), "{key}: {changed}");
            }
        }
    }
}

#[test]
fn words_that_stand_for_something_are_the_known_ones() {
    let schema = Schema::of(SCHEMA);
    let words = ["type", "event", "kind", "verdict", "isolation", "origin", "seed"];
    for (line, _) in distinct().into_values() {
        for word in words.into_iter().filter(|&word| line.get(word).is_some()) {
            let mut changed = line.clone();
            changed[word] = json!("frobnicated");
            assert!(schema.check(&changed).is_err(), "{changed}");
        }
    }
    for (word, wrong) in [("round", json!(0)), ("attempt", json!(0)), ("lane", json!(0.5)), ("name", json!(""))] {
        let mut passed = lines().into_iter().find(|line| line["verdict"] == "pass").unwrap();
        passed[word] = wrong;
        assert!(schema.check(&passed).is_err(), "{passed}");
    }
}

#[test]
fn what_passed_has_no_verdict_of_a_failure_nor_the_other_way_round() {
    let schema = Schema::of(SCHEMA);
    for (line, _) in distinct().into_values().filter(|(line, _)| line.get("verdict").is_some()) {
        let mut changed = line.clone();
        changed["verdict"] = json!(if line["verdict"] == "pass" { "fail" } else { "pass" });
        assert!(schema.check(&changed).is_err(), "{changed}");
    }
}
