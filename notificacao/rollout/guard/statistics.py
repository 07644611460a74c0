"""Test and estimate a share while it is being watched, by tests and intervals that hold at each look, however many.

Numbers are floats, or arrays of one shape that are worked on element by element: the simulation puts a thousand
rollouts through the very code that judges one. Evidence is the logarithm of an e-value: under the hypothesis that it
speaks against, it exceeds log(1/α) at any time at all with a probability of at most α (Ville 1939; Ramdas, Grünwald,
Vovk, Shafer, "Game-theoretic statistics and safe anytime-valid inference", 2023).
"""

from typing import Any, NamedTuple

import numpy as np

Number = Any  # a float, or an array of floats

_ODDS = np.array([1.25, 1.5, 2, 3, 5, 10, 30])  # how far from the limit the truth may lie, as ratios of odds
_EFFECTS = (0.01, 0.1)  # shares: differences that are to be found with much data, and with little


class Tally(NamedTuple):
    """Hold the notifications of one arm as sums over its people: of n that were counted of a person, x were bad."""

    people: Number
    shown: Number  # Σ n
    bad: Number  # Σ x
    bad_squared: Number  # Σ x²
    bad_shown: Number  # Σ x·n
    shown_squared: Number  # Σ n²


def tally(bad: np.ndarray, shown: np.ndarray) -> Tally:
    """Return the sums over the last axis, people, of x = `bad` and n = `shown`.

    A person who was shown nothing does not count.
    """
    bad, shown = np.asarray(bad, float), np.asarray(shown, float)
    sums = ((shown > 0), shown, bad, bad * bad, bad * shown, shown * shown)
    return Tally(*(each.sum(axis=-1) for each in sums))


def share(of: Tally) -> Number:
    """Return the share of bad ones among all, 0 to 1; 0 where there is none."""
    return np.asarray(of.bad) / np.maximum(of.shown, 1)


def design_effect(of: Tally) -> Number:
    """Return by how much people make the share less certain than as many independent notifications would: 1 or more.

    The variance of a ratio of sums over m people is m/(m-1) · Σ(x - p·n)² / (Σn)² (Cochran, "Sampling techniques",
    1977, 6.4), divided here by that of a binomial share, p(1-p)/Σn.
    """
    p, n, m = share(of), np.maximum(of.shown, 1), np.maximum(of.people, 2)
    residuals = of.bad_squared - 2 * p * of.bad_shown + p * p * of.shown_squared
    binomial = p * (1 - p) * n
    return np.maximum(1, m / (m - 1) * residuals / np.where(binomial > 0, binomial, np.inf))


def evidence_above(of: Tally, limit: float) -> Number:
    """Return the evidence against "the share is at most `limit`".

    It is a mixture of likelihood ratios ∏ (q/p)^x · ((1-q)/(1-p))^(1-x) over some q beyond p = `limit`: each is a
    supermartingale for every share up to p, and so is their mean (Robbins, "Statistical methods related to the law of
    the iterated logarithm", 1970). Notifications of one person go together, so counts are divided by the design effect
    (Rao, Scott, "A simple method for the analysis of clustered binary data", 1992).
    """
    return _mixture(of, limit, _ODDS)


def evidence_below(of: Tally, limit: float) -> Number:
    """Return the evidence against "the share is at least `limit`", by the same mixture as `evidence_above`."""
    return _mixture(of, limit, 1 / _ODDS)


def _mixture(of: Tally, limit: float, ratios: np.ndarray) -> Number:
    """Return the logarithm of the mean of likelihood ratios of q over `limit`.

    Each q has odds that are one of `ratios` times those of `limit`.
    """
    odds = ratios * limit / (1 - limit)
    q = odds / (1 + odds)
    effect = design_effect(of)
    bad, good = np.asarray(of.bad / effect), np.asarray((of.shown - of.bad) / effect)
    ratio = bad[..., None] * np.log(q / limit) + good[..., None] * np.log((1 - q) / (1 - limit))
    return np.logaddexp.reduce(ratio, axis=-1) - np.log(len(ratios))


class Interval(NamedTuple):
    """Hold an estimate and its bounds: `low`, `middle`, `high`."""

    low: Number
    middle: Number
    high: Number


def difference(ours: Tally, control: Tally, alpha: float) -> Interval:
    """Return the share of `ours` less that of `control`, and bounds that hold at all looks together but for `alpha`.

    It is a normal mixture (Robbins 1970; Johari, Koomen, Pekelis, Walsh, "Peeking at A/B tests", 2017), asymptotic in
    the sense of Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit theory", 2024. With s² the
    variance of the difference and τ the size of an effect, the bounds are ± √(2s²(s²+τ²)/τ² · log(√(1+τ²/s²)/α)).
    Several τ share `alpha`, and the narrowest holds. Each arm's variance is by person, and never 0: p is (x+½)/(n+1) in
    it.
    """
    variance = _variance(ours) + _variance(control)
    middle = share(ours) - share(control)
    widths = [_half_width(variance, effect, alpha / len(_EFFECTS)) for effect in _EFFECTS]
    half = np.minimum.reduce(widths)
    return Interval(middle - half, middle, middle + half)


def _variance(of: Tally) -> Number:
    """Return the variance of an arm's share, by person."""
    p, n = (of.bad + 0.5) / (of.shown + 1), np.maximum(of.shown, 1)
    return design_effect(of) * p * (1 - p) / n


def _half_width(variance: Number, effect: float, alpha: float) -> Number:
    """Return the half width of the interval of `difference` for one size of effect."""
    ratio = effect * effect / variance
    return np.sqrt(2 * variance * (1 + 1 / ratio) * np.log(np.sqrt(1 + ratio) / alpha))


def mismatch(ours: Number, control: Number, expected: Number) -> Number:
    """Return the evidence against "of the people measured, `expected` (a share) are ours": some are not being measured.

    `ours` and `control` are people. It is the sequential test for a sample ratio mismatch (Lindon, Malek,
    "Anytime-valid inference for multinomial count data", 2022), with some ratios of odds to either side instead of a
    Dirichlet prior. Where all or nobody are ours there is nothing to compare: 0.
    """
    expected = np.asarray(expected, float)
    one_armed = (expected <= 0) | (expected >= 1)
    p = np.where(one_armed, 0.5, expected)[..., None]
    odds = np.concatenate([1 / _ODDS, _ODDS]) * p / (1 - p)
    q = odds / (1 + odds)
    ours, control = np.asarray(ours), np.asarray(control)
    ratio = ours[..., None] * np.log(q / p) + control[..., None] * np.log((1 - q) / (1 - p))
    return np.where(one_armed, 0.0, np.logaddexp.reduce(ratio, axis=-1) - np.log(2 * len(_ODDS)))
