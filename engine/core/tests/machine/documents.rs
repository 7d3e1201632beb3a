//! Random definitions over all kinds of nodes.

use proptest::prelude::*;
use serde_json::{Value, json};

/// A definition, and those that it nests: each nests only those after it.
#[derive(Clone, Debug)]
pub(crate) struct Documents(pub(crate) Vec<Value>);

impl Documents {
    /// The document that nested sagas call by this name.
    pub(crate) fn named(&self, name: &str) -> &Value {
        let level: usize = name[1..].parse().expect("a level");
        &self.0[level]
    }
}

#[derive(Clone, Debug)]
enum Shape {
    Step(Box<Step>),
    Choice(Vec<(bool, Vec<Shape>)>),
    Parallel(Vec<Vec<Shape>>),
    ForEach {
        rounds: usize,
        max_concurrency: u32,
        steps: Vec<Shape>,
    },
    Saga,
    Sleep,
    /// Something whose expression fails.
    Broken(u8),
}

#[derive(Clone, Debug)]
struct Step {
    component: &'static str,
    attempts: u32,
    undo_attempts: u32,
    compensate_failed: &'static str,
    fallback: Option<(bool, bool, u32)>,
    pauses: bool,
    reply_timeout: bool,
}

fn step() -> impl Strategy<Value = Shape> {
    (
        prop_oneof![8 => Just("c"), 5 => Just("two-phase"), 1 => Just("later")],
        1u32..4,
        1u32..4,
        prop::sample::select(vec!["auto", "auto", "always", "never"]),
        prop::option::weighted(0.4, (any::<bool>(), any::<bool>(), 1u32..3)),
        prop::bool::weighted(0.2),
        any::<bool>(),
    )
        .prop_map(
            |(
                component,
                attempts,
                undo_attempts,
                compensate_failed,
                fallback,
                pauses,
                reply_timeout,
            )| {
                Shape::Step(Box::new(Step {
                    component,
                    attempts,
                    undo_attempts,
                    compensate_failed,
                    fallback,
                    pauses,
                    reply_timeout,
                }))
            },
        )
}

fn shape() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        12 => step(),
        2 => Just(Shape::Saga),
        1 => Just(Shape::Sleep),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let steps = || prop::collection::vec(inner.clone(), 0..3);
        prop_oneof![
            2 => prop::collection::vec((any::<bool>(), steps()), 1..3).prop_map(Shape::Choice),
            3 => prop::collection::vec(steps(), 1..4).prop_map(Shape::Parallel),
            3 => (0usize..4, 1u32..4, steps()).prop_map(|(rounds, max_concurrency, steps)| {
                Shape::ForEach { rounds, max_concurrency, steps }
            }),
        ]
    })
}

/// What a definition has besides its steps.
#[derive(Clone, Debug)]
struct Head {
    deadline: bool,
    manual: bool,
    /// Which of the outermost nodes is a pivot, if it can be one.
    pivot: Option<usize>,
    broken: Option<(usize, u8)>,
}

fn head() -> impl Strategy<Value = Head> {
    (
        prop::bool::weighted(0.15),
        prop::bool::weighted(0.15),
        prop::option::weighted(0.3, 0usize..3),
        prop::option::weighted(0.1, (0usize..4, 0u8..3)),
    )
        .prop_map(|(deadline, manual, pivot, broken)| Head {
            deadline,
            manual,
            pivot,
            broken,
        })
}

pub(crate) fn documents() -> impl Strategy<Value = Documents> {
    let level = |most| (prop::collection::vec(shape(), 0..most), head());
    (level(5), level(3), level(3)).prop_map(|levels| {
        let mut levels = [levels.0, levels.1, levels.2];
        if levels[0].1.pivot.is_some() {
            // What always fails would be tried for ever after a pivot.
            levels.iter_mut().for_each(|(_, head)| head.broken = None);
        }
        let documents = levels.into_iter().enumerate();
        Documents(
            documents
                .map(|(level, (steps, head))| document(level, steps, &head))
                .collect(),
        )
    })
}

fn document(level: usize, mut steps: Vec<Shape>, head: &Head) -> Value {
    // Only what nobody has to undo may have a point of no return.
    let pivot = head.pivot.filter(|_| level == 0);
    if let Some((at, how)) = head.broken {
        steps.insert(at.min(steps.len()), Shape::Broken(how));
    }
    let mut writer = Writer { level, count: 0 };
    let mut steps: Vec<_> = steps
        .iter()
        .filter_map(|shape| writer.write(shape))
        .collect();
    let mut has_pivot = false;
    if let Some(node) = pivot.and_then(|at| steps.get_mut(at))
        && (node.get("component").is_some() || node.get("saga").is_some())
    {
        node["pivot"] = json!(true);
        has_pivot = true;
    }
    let mut document = json!({ "steps": steps });
    if head.deadline {
        document["deadline"] = json!("6s");
    }
    if head.manual && !has_pivot {
        document["commit"] = json!("manual");
        document["commit_timeout"] = json!("4s");
    }
    document
}

/// Gives every node a name of its own.
struct Writer {
    level: usize,
    count: u32,
}

impl Writer {
    fn all(&mut self, shapes: &[Shape]) -> Vec<Value> {
        shapes
            .iter()
            .filter_map(|shape| self.write(shape))
            .collect()
    }

    fn write(&mut self, shape: &Shape) -> Option<Value> {
        self.count += 1;
        let name = format!("n{}", self.count);
        let mut node = match shape {
            Shape::Step(step) => step.write(),
            Shape::Choice(branches) => {
                let branches: Vec<_> = branches
                    .iter()
                    .map(|(when, steps)| json!({"when": format!("{when}"), "steps": self.all(steps)}))
                    .collect();
                json!({ "choice": branches })
            }
            Shape::Parallel(branches) => {
                let branches: Vec<_> = branches.iter().map(|branch| self.all(branch)).collect();
                json!({ "parallel": branches })
            }
            Shape::ForEach {
                rounds,
                max_concurrency,
                steps,
            } => {
                let items: Vec<_> = (0..*rounds).collect();
                json!({"for_each": items, "as": format!("v{}", self.count),
                       "max_concurrency": max_concurrency, "steps": self.all(steps)})
            }
            Shape::Saga if self.level == 2 => return None,
            Shape::Saga => {
                let below = self.level + 1 + self.count as usize % (2 - self.level);
                json!({"saga": format!("d{below}")})
            }
            Shape::Sleep => json!({"sleep": "300ms"}),
            Shape::Broken(0) => json!({"choice": [{"when": "input.nothing", "steps": []}]}),
            Shape::Broken(1) => json!({"for_each": {"$cel": "input.nothing"}, "steps": []}),
            Shape::Broken(_) => json!({"component": "c", "arguments": {"$cel": "input.nothing"}}),
        };
        node["step"] = json!(name);
        Some(node)
    }
}

impl Step {
    fn write(&self) -> Value {
        let mut node = json!({
            "component": self.component,
            "retry": {"max_attempts": self.attempts},
            "compensate": {"retry": {"max_attempts": self.undo_attempts}},
            "compensate_failed": self.compensate_failed,
            "confirm": {"retry": {"max_attempts": self.undo_attempts}},
        });
        if let Some((on, breaker, attempts)) = self.fallback {
            node["fallback"] = json!({"component": "d", "retry": {"max_attempts": attempts}});
            if on {
                node["fallback"]["on"] = json!(["unavailable"]);
            }
            if breaker {
                node["fallback"]["circuit_breaker"] = json!({"failure_threshold": 1});
            }
        }
        if self.pauses {
            node["on_exhausted"] = json!("pause");
        }
        if self.reply_timeout {
            node["reply_timeout"] = json!("2s");
        }
        node
    }
}
