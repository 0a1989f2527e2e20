//! Whether a figure grows over time. Pure, and of no use but to the soaks: `hearken bench soak`, and the hour in real time
//! (tests/real_time.rs), which includes this file.

use serde::Serialize;

/// Growth that is none, over all the points.
const MOST_GROWTH: f64 = 0.05;

/// How a figure goes on over time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trend {
    pub what: &'static str,
    /// Of all the points.
    pub mean: f64,
    /// By the line of the least squares, from the first point to the last, as a part of the mean.
    pub growth: f64,
    /// The line rises by more than twice what the figure strays from it (its standard deviation).
    pub grows: bool,
}

impl Trend {
    /// It grows, and by more than what may come and go.
    pub fn is_a_leak(&self) -> bool {
        self.grows && self.growth > MOST_GROWTH
    }
}

/// The line of the least squares through some points; `None` for fewer than three.
pub fn trend(what: &'static str, points: &[(f64, f64)]) -> Option<Trend> {
    let (first, last) = (points.first()?, points.last()?);
    if points.len() < 3 {
        return None;
    }
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let across = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>();
    let along = points.iter().map(|p| (p.0 - x).powi(2)).sum::<f64>();
    let slope = across / along;
    let strays = points.iter().map(|p| (p.1 - y - slope * (p.0 - x)).powi(2));
    let deviation = (strays.sum::<f64>() / count).sqrt();
    let rise = slope * (last.0 - first.0);
    Some(Trend {
        what,
        mean: y,
        growth: rise / y,
        grows: rise > 2.0 * deviation,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_rises_grows_and_what_strays_does_not() {
        let leak: Vec<_> = (0..20)
            .map(|n| (f64::from(n), 100.0 + f64::from(n)))
            .collect();
        let trend_of = |points: &[(f64, f64)]| trend("memory", points).unwrap();
        let leaks = trend_of(&leak);
        assert!(
            leaks.grows && (leaks.growth - 19.0 / 109.5).abs() < 1e-9,
            "{leaks:?}"
        );
        let noise: Vec<_> = (0..20)
            .map(|n| (f64::from(n), 100.0 + f64::from(n * 7 % 5)))
            .collect();
        let strays = trend_of(&noise);
        assert!(!strays.grows && strays.growth.abs() < 0.02, "{strays:?}");
        assert!(trend("few", &leak[..2]).is_none());
    }
}
