//! `scrubjay demo`: the Kafka-to-Kafka job on an embedded broker, on invented hospital records, and a check that no
//! identifier came out.

#[allow(dead_code)]
mod check;
#[allow(dead_code)]
mod message;
mod person;
mod random;
mod text;
