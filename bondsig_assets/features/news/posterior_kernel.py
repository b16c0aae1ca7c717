"""From the filter's moments to news, and from news to what the stock has still to answer, compiled.

Belongs here: the loops over issuer days. Not here: the filter (`filter_kernel.py`), how
the profile of reactions is estimated (`estimation.py`).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from bondsig_assets.features.news.filter_kernel import AGES, CHANCE, JUMP, QUIET

#: Most pieces of news that a window of AGES days is thought to hold.
MOST_NEWS = 3
#: Days after a piece of news on which a stock may answer it.
REACTION_DAYS = 10
#: The label's returns are those of days t + 2 … t + 6.
_FIRST_DAY, _LAST_DAY = 2, 6
_FREEDOM = 5.0
_LEAST_CHANCE = 1e-3

_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def _cholesky(matrix, lower):  # pragma: no cover
    """Lower triangle of a positive definite matrix (AGES x AGES); whether there is one."""
    for i in range(AGES):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= lower[i, k] * lower[j, k]
            if i == j:
                if not total > 0.0:
                    return False
                lower[i, i] = math.sqrt(total)
            else:
                lower[i, j] = total / lower[j, j]
    return True


@_compiled
def _inverse(lower, out):  # pragma: no cover
    """Inverse of the matrix whose Cholesky triangle is `lower`."""
    for column in range(AGES):
        for i in range(AGES):
            total = 1.0 if i == column else 0.0
            for k in range(i):
                total -= lower[i, k] * out[k, column]
            out[i, column] = total / lower[i, i]
        for i in range(AGES - 1, -1, -1):
            total = out[i, column]
            for k in range(i + 1, AGES):
                total -= lower[k, i] * out[k, column]
            out[i, column] = total / lower[i, i]


@_compiled
def news_of(mean, cov, grades, of_grade, news, quiet, probability):  # pragma: no cover
    """News, quiet part and probability of news of each age [age], from mean [age] and covariance
    [age, age] under the normal prior of the filter; `grades` [age] is the issuer's on each day.

    The prior variance Q is taken out (what is left is the likelihood) and the sparse one put in: q
    on a quiet day, q + J with chance p. Every pattern of at most MOST_NEWS jumps is weighed. With A
    the precision of a window without news, a pattern S lowers it on S alone, by d = 1/q - 1/(q +
    J), so all that is solved for it are the few equations (1/d - A^-1) y = A^-1 eta on S
    (Woodbury).
    """
    q, p, jump = np.empty(AGES), np.empty(AGES), np.empty(AGES)
    for k in range(AGES):
        of = of_grade[grades[k]]
        q[k], p[k], jump[k] = of[QUIET], of[CHANCE], of[JUMP]
        news[k], quiet[k], probability[k] = 0.0, 0.0, p[k]
    lower, precision = np.zeros((AGES, AGES)), np.empty((AGES, AGES))
    if not _cholesky(cov, lower):
        return
    _inverse(lower, precision)
    eta = np.zeros(AGES)
    for i in range(AGES):
        for j in range(AGES):
            eta[i] += precision[i, j] * mean[j]
    for k in range(AGES):
        precision[k, k] += 1.0 / q[k] - 1.0 / (q[k] + p[k] * jump[k])
    if not _cholesky(precision, lower):
        return
    spread = np.empty((AGES, AGES))
    _inverse(lower, spread)
    calm, lowered, log_odds = np.zeros(AGES), np.empty(AGES), np.empty(AGES)
    for i in range(AGES):
        for j in range(AGES):
            calm[i] += spread[i, j] * eta[j]
        loud = q[i] + jump[i]
        lowered[i] = 1.0 / q[i] - 1.0 / loud
        log_odds[i] = math.log(p[i] / (1.0 - p[i])) - 0.5 * math.log(loud / q[i] * lowered[i])
    _weigh_patterns(calm, spread, lowered, log_odds, q, jump, news, quiet, probability)


@_compiled
def _weigh_patterns(
    calm, spread, lowered, log_odds, q, jump, news, quiet, probability
):  # pragma: no cover
    """Means over all patterns of jumps by their posterior weights, written to the last three."""
    total, best = 0.0, -np.inf
    sum_news, sum_all, sum_jump = np.zeros(AGES), np.zeros(AGES), np.zeros(AGES)
    on, lower = np.empty(MOST_NEWS, dtype=np.int64), np.zeros((MOST_NEWS, MOST_NEWS))
    solved, moved = np.empty(MOST_NEWS), np.empty(AGES)
    for pattern in range(1 << AGES):
        n = 0
        for k in range(AGES):
            if (pattern >> k) & 1:
                if n < MOST_NEWS:
                    on[n] = k
                n += 1
        if n > MOST_NEWS:
            continue
        log_weight, is_sound = 0.0, True
        for i in range(n):
            for j in range(i + 1):
                value = (1.0 / lowered[on[i]] if i == j else 0.0) - spread[on[i], on[j]]
                for k in range(j):
                    value -= lower[i, k] * lower[j, k]
                if i == j:
                    is_sound = is_sound and value > 0.0
                    lower[i, i] = math.sqrt(max(value, 1e-300))
                else:
                    lower[i, j] = value / lower[j, j]
            value = calm[on[i]]
            for k in range(i):
                value -= lower[i, k] * solved[k]
            solved[i] = value / lower[i, i]
            log_weight += log_odds[on[i]] + 0.5 * solved[i] * solved[i] - math.log(lower[i, i])
        if not is_sound:
            continue
        for i in range(n - 1, -1, -1):
            value = solved[i]
            for k in range(i + 1, n):
                value -= lower[k, i] * solved[k]
            solved[i] = value / lower[i, i]
        for k in range(AGES):
            moved[k] = calm[k]
            for i in range(n):
                moved[k] += spread[k, on[i]] * solved[i]
        if log_weight > best:
            factor = math.exp(best - log_weight) if best > -np.inf else 0.0
            total *= factor
            for k in range(AGES):
                sum_news[k] *= factor
                sum_all[k] *= factor
                sum_jump[k] *= factor
            best = log_weight
        weight = math.exp(log_weight - best)
        total += weight
        for k in range(AGES):
            sum_all[k] += weight * moved[k]
        for i in range(n):
            k = on[i]
            sum_jump[k] += weight
            sum_news[k] += weight * moved[k] * jump[k] / (q[k] + jump[k])
    for k in range(AGES):
        news[k] = sum_news[k] / total
        quiet[k] = sum_all[k] / total - news[k]
        probability[k] = sum_jump[k] / total


@_compiled
def all_news(mean, cov, first, grade, of_grade):  # pragma: no cover
    """`news_of` every issuer day: news, quiet part and probability, all [day, parent, age].

    `mean`, `cov`: of consecutive days, the first of them `first` among those of `grade`.
    """
    news, quiet, probability = np.zeros(mean.shape), np.zeros(mean.shape), np.zeros(mean.shape)
    grades = np.zeros(AGES, dtype=np.int64)
    for day in range(mean.shape[0]):
        for p in range(mean.shape[1]):
            for k in range(AGES):
                grades[k] = grade[max(first + day - k, 0), p]
            news_of(
                mean[day, p],
                cov[day, p],
                grades,
                of_grade,
                news[day, p],
                quiet[day, p],
                probability[day, p],
            )
    return news, quiet, probability


@_compiled
def _log_density(x):  # pragma: no cover
    """Of Student's t with _FREEDOM degrees of freedom and unit variance, less a constant."""
    return -0.5 * (_FREEDOM + 1.0) * math.log1p(x * x / (_FREEDOM - 2.0))


@_compiled
def expected_reaction(standard_news, probability, returns, profile):  # pragma: no cover
    """Excess return to come within the label, in daily volatilities: gradual, and with what the
    stock has answered already.

    `standard_news` [age]: news over volatility, good positive; `returns` [age]: the stock's excess
    return over volatility on each of the last days, NaN for none; `profile` [REACTION_DAYS]: share
    of a piece of news that a stock gives back 1, 2 … days later. A piece lands once: what is
    expected of it shrinks with the chance that it has.
    """
    whole = 0.0
    for j in range(REACTION_DAYS):
        whole += profile[j]
    if not whole > 0.0:
        return 0.0, 0.0
    gradual, lumpy = 0.0, 0.0
    for k in range(AGES):
        ahead = 0.0
        for j in range(k + _FIRST_DAY, min(k + _LAST_DAY, REACTION_DAYS) + 1):
            ahead += profile[j - 1]
        expected = standard_news[k] * ahead
        gradual += expected
        size = whole * standard_news[k] / max(probability[k], _LEAST_CHANCE)
        before, landed = 1.0, 0.0
        for j in range(1, k + 1):
            chance = profile[j - 1] / whole
            before -= chance
            x = returns[k - j]
            ratio = 1.0 if np.isnan(x) else math.exp(_log_density(x - size) - _log_density(x))
            landed += chance * ratio
        before = max(before, 1e-9)
        lumpy += expected * (before / (before + landed)) / before
    return gradual, lumpy


@_compiled
def reactions(standard_news, probability, returns, grade, profiles):  # pragma: no cover
    """The second of `expected_reaction` for every issuer day [day, parent]; NaN where the news is.

    `standard_news`, `probability`, `returns` [day, parent, age], `grade` [day, parent], `profiles`
    [grade, REACTION_DAYS].
    """
    out = np.full(grade.shape, np.nan)
    for day in range(grade.shape[0]):
        for p in range(grade.shape[1]):
            if not np.isnan(standard_news[day, p, 0]):
                out[day, p] = expected_reaction(
                    standard_news[day, p],
                    probability[day, p],
                    returns[day, p],
                    profiles[grade[day, p]],
                )[1]
    return out
