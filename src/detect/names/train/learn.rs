//! Logistic regression by stochastic gradient descent, one text after the other.

use super::Random;
use super::generate::{Generator, Text};
use crate::detect::names::dictionary::Dictionary;
use crate::detect::names::model::{CLASSES, Group, ROWS, SCALE, features};
use crate::detect::names::tokens::{Token, may_be_name, tokens};

/// The step at the start; it falls to a tenth of it.
const STEP: f64 = 0.04;
/// How strongly weights are drawn to zero, per step.
const DECAY: f64 = 2e-7;
/// How often some of what stands around a word is left out, in percent.
const DROPPED: usize = 60;
/// What it costs, against a name let through, to take for a name what is hardly ever anything else.
const SPARED: f64 = 0.25;
/// The weights are the mean of what they were after every so many texts of the second half: the last few texts would
/// otherwise have more of a say than all others.
const MEAN_EVERY: usize = 8_000;
/// Texts held back to measure on.
const HELD: usize = 20_000;

pub(super) fn learn(
    generator: &Generator<'_>,
    dictionary: &Dictionary<'_>,
    texts: usize,
    seed: u64,
    say: &mut dyn FnMut(&str),
) -> Vec<u8> {
    let mut weights = vec![[0f64; CLASSES]; ROWS];
    let mut squares = vec![[1e-2f64; CLASSES]; ROWS];
    let mut mean = Mean { sums: vec![[0f64; CLASSES]; ROWS], count: 0 };
    let mut r = Random::new(seed);
    let mut text = Text::default();
    let mut words = Vec::new();
    let mut rows = Vec::new();
    for n in 0..texts {
        generator.text(&mut r, &mut text);
        read(&text, dictionary, &mut words);
        let step = STEP * (1.0 - 0.9 * n as f64 / texts as f64) * 8.0;
        for i in 0..words.len() {
            if !may_be_name(&words, i) {
                continue;
            }
            let truth = truth(&text, &words[i]);
            // What stands around a word is left out at times: templates are few, and it must not be learnt by heart.
            let left_out = if r.chance(DROPPED) { r.next() as u8 } else { 0 };
            rows.clear();
            features(&words, i, |group, row| {
                if !is_context(group) || left_out >> group as u8 & 1 == 0 {
                    rows.push(row);
                }
            });
            let p = probabilities(&weights, &rows);
            // A name let through costs more than a thing that is taken for one.
            let cost = if truth.is_none() && words[i].class.kind() == 3 { SPARED } else { 1.0 };
            for c in 0..CLASSES {
                let error = (f64::from(u8::from(truth == Some(c))) - p[c]) * cost;
                if error.abs() < 1e-3 {
                    continue;
                }
                for &row in &rows {
                    squares[row][c] += error * error;
                    let w = &mut weights[row][c];
                    *w += step * error / squares[row][c].sqrt() - DECAY * *w;
                }
            }
        }
        if n >= texts / 2 && n % MEAN_EVERY == 0 {
            mean.add(&weights);
        }
    }
    mean.add(&weights);
    let weights = mean.weights();
    let (mut right, mut taken, mut there) = ([0u32; CLASSES], [0u32; CLASSES], [0u32; CLASSES]);
    let mut held = Random::new(!seed);
    for _ in 0..HELD {
        generator.text(&mut held, &mut text);
        read(&text, dictionary, &mut words);
        for i in (0..words.len()).filter(|i| may_be_name(&words, *i)) {
            rows.clear();
            features(&words, i, |_, row| rows.push(row));
            let p = probabilities(&weights, &rows);
            let truth = truth(&text, &words[i]);
            for c in 0..CLASSES {
                let (is, says) = (truth == Some(c), p[c] > 0.5);
                there[c] += u32::from(is);
                taken[c] += u32::from(says);
                right[c] += u32::from(is && says);
            }
        }
    }
    for (c, what) in ["names", "towns"].iter().enumerate() {
        let share = |n: u32, of: u32| f64::from(n) / f64::from(of.max(1));
        let (recall, precision) = (share(right[c], there[c]), share(right[c], taken[c]));
        say(&format!("{what}, words of {HELD} other texts: recall {recall:.4}, precision {precision:.4}"));
    }
    let quantised =
        weights.iter().flatten().map(|w| (w * f64::from(SCALE)).round().clamp(-32768.0, 32767.0) as i16);
    quantised.flat_map(i16::to_le_bytes).collect()
}

/// Weights as they were at several times.
struct Mean {
    sums: Vec<[f64; CLASSES]>,
    count: u32,
}

impl Mean {
    fn add(&mut self, weights: &[[f64; CLASSES]]) {
        for (sums, weights) in self.sums.iter_mut().zip(weights) {
            sums.iter_mut().zip(weights).for_each(|(s, w)| *s += w);
        }
        self.count += 1;
    }

    fn weights(mut self) -> Vec<[f64; CLASSES]> {
        self.sums.iter_mut().flatten().for_each(|s| *s /= f64::from(self.count));
        self.sums
    }
}

fn read(text: &Text, dictionary: &Dictionary<'_>, words: &mut Vec<Token>) {
    words.clear();
    tokens(text.text.as_bytes(), 0, text.text.len(), 0, dictionary, None, words);
}

fn is_context(group: Group) -> bool {
    matches!(group, Group::Before | Group::After | Group::Around)
}

fn truth(text: &Text, t: &Token) -> Option<usize> {
    let at = t.span.start();
    text.spans.iter().find(|(start, end, _)| (*start..*end).contains(&at)).map(|s| s.2)
}

fn probabilities(weights: &[[f64; CLASSES]], rows: &[usize]) -> [f64; CLASSES] {
    let mut sums = [0.0; CLASSES];
    for &row in rows {
        sums.iter_mut().zip(weights[row]).for_each(|(s, w)| *s += w);
    }
    let most = sums.iter().copied().fold(0.0, f64::max);
    let e = sums.map(|s| exp(s - most));
    let total: f64 = exp(-most) + e.iter().sum::<f64>();
    e.map(|e| e / total)
}

/// The exponential of a number that is not above zero, by additions and multiplications alone: the C library's differs from
/// machine to machine in the last bit.
fn exp(x: f64) -> f64 {
    if x < -700.0 {
        return 0.0;
    }
    // e^x = (e^(x / 1024))^1024
    let y = x / 1024.0;
    let mut e = 1.0 + y * (1.0 + y / 2.0 * (1.0 + y / 3.0 * (1.0 + y / 4.0 * (1.0 + y / 5.0))));
    for _ in 0..10 {
        e *= e;
    }
    e
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials() {
        for x in [0.0, -1e-9, -0.5, -1.0, -3.7, -20.0, -300.0] {
            let (got, want) = (exp(x), f64::exp(x));
            assert!((got - want).abs() <= want * 1e-9, "{x}: {got} {want}");
        }
        assert_eq!(exp(-1e4), 0.0);
    }
}
