//! Pipeline files of the Kafka tests.

use std::path::PathBuf;

use crate::brokers::Broker;
use crate::kit::Dir;

/// A pipeline file that reads the topic `app` as the group `g`, and writes to `clean.app`.
pub struct Pipeline {
    brokers: String,
    /// `"name" = "value"`, of the source and of the sink.
    properties: [Vec<String>; 2],
    create: bool,
    more: String,
}

impl Pipeline {
    /// From and to the brokers at this address.
    pub fn at(brokers: &str) -> Pipeline {
        Pipeline {
            brokers: brokers.to_owned(),
            properties: Default::default(),
            create: false,
            more: String::new(),
        }
    }

    /// From and to a broker. The topics it writes to are made.
    pub fn on(broker: &Broker) -> Pipeline {
        Pipeline::at(&broker.address()).create()
    }

    /// The same, with the topics it writes to made.
    pub fn create(self) -> Pipeline {
        Pipeline { create: true, ..self }
    }

    /// The same, with properties of its source.
    pub fn source(mut self, properties: &[(&str, &str)]) -> Pipeline {
        self.properties[0].extend(properties.iter().map(|(name, value)| format!("\"{name}\" = \"{value}\"")));
        self
    }

    /// The same, with properties of both its source and its sink.
    pub fn both(mut self, properties: &[(&str, &str)]) -> Pipeline {
        let [source, sink] = &mut self.properties;
        for (name, value) in properties {
            source.push(format!("\"{name}\" = \"{value}\""));
            sink.push(format!("\"{name}\" = \"{value}\""));
        }
        self
    }

    /// The same, as a member that keeps its place in the group when it is killed.
    pub fn member(self) -> Pipeline {
        self.source(&[("group.instance.id", "one"), ("session.timeout.ms", "6000")])
    }

    /// The same, with these tables beside.
    pub fn with(mut self, tables: &str) -> Pipeline {
        self.more.push_str(tables);
        self
    }

    /// Writes it to a file.
    pub fn write(&self, dir: &Dir, name: &str) -> PathBuf {
        let [source, sink] = self.properties.each_ref().map(|properties| match properties.as_slice() {
            [] => String::new(),
            some => format!("properties = {{ {} }}\n", some.join(", ")),
        });
        let Pipeline { brokers, create, more, .. } = self;
        let create = if *create { "create = true\n" } else { "" };
        dir.file(
            name,
            format!(
                "[source.kafka]\nbrokers = \"{brokers}\"\ntopics = [\"app\"]\ngroup = \"g\"\n{source}\
                 [sink.kafka]\ntopic = \"clean.{{topic}}\"\n{create}{sink}{more}"
            ),
        )
    }
}
