"""What a review has left to find, by SciPy, for test/review/estimate.test.ts.

    python bench/peers/review_fixtures.py > test/review/fixtures/review-progress.json

The posterior of the shifts as `src/review/estimate.ts` describes it, maximized by a general optimizer (BFGS with a
numerical gradient, then Nelder-Mead), its covariance from a numerical Hessian.
"""

import json

import numpy as np
from scipy.optimize import approx_fprime, minimize
from scipy.special import expit, log_expit, logit
from scipy.stats import norm

FIRST, STEP, BIN, AHEAD = 0.7, 0.3, 50, 100
OPEN, RIGHT, WRONG = 0, 1, 2
Z = norm.ppf(0.975)


def bins_of(n):
    bins, size, index = [], BIN, 0
    while len(bins) < n:
        bins += [index] * size
        size, index = size * 2, index + 1
    return np.array(bins[:n])


def progress(quality, outcomes):
    logits = logit(np.clip(1 - quality, 0.001, 0.999))
    bins = bins_of(len(quality))
    sure = np.isin(outcomes, [RIGHT, WRONG])
    sign = np.where(outcomes == WRONG, 1, -1)[sure]

    def loss(shifts):
        walk = norm.logpdf(shifts[0], 0, FIRST) + norm.logpdf(np.diff(shifts), 0, STEP).sum()
        return -walk - log_expit(sign * (logits + shifts[bins])[sure]).sum()

    start = np.zeros(bins.max() + 1)
    best = minimize(loss, start, method="BFGS", options={"gtol": 1e-7}).x
    best = minimize(loss, best, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 20000}).x

    def gradient(shifts):
        eps = 1e-4
        return np.array([(loss(shifts + eps * e) - loss(shifts - eps * e)) / (2 * eps) for e in np.eye(len(shifts))])

    hessian = np.atleast_2d(approx_fprime(best, gradient, 1e-5))
    covariance = np.linalg.inv((hessian + hessian.T) / 2)

    def count(rows):
        p = expit(logits + best[bins])[rows]
        slope = np.bincount(bins[rows], p * (1 - p), minlength=len(best))
        move = Z * covariance @ slope / np.sqrt(slope @ covariance @ slope)
        ends = [expit(logits + (best + side * move)[bins])[rows].sum() for side in (-1, 1)]
        low, high = (np.hypot(end - p.sum(), Z * np.sqrt((p * (1 - p)).sum())) for end in ends)
        return {"mean": p.sum(), "low": max(0, p.sum() - low), "high": min(len(rows), p.sum() + high)}

    still = np.flatnonzero(outcomes == OPEN)
    return {"left": count(still), "next": count(still[:AHEAD])}


cases = []
for seed, (suspects, decided, off) in enumerate([(40, 0, 0), (130, 60, 0), (400, 150, -1.5), (400, 320, 2), (700, 90, 1)]):
    random = np.random.default_rng(seed)
    quality = np.sort(random.beta(0.8, 1.2, suspects)).round(3)
    wrong = random.random(suspects) < expit(logit(np.clip(1 - quality, 0.001, 0.999)) + off)
    outcomes = np.where(wrong, WRONG, RIGHT)
    outcomes[decided:] = OPEN
    if decided > 10:
        outcomes[random.choice(decided, 8, replace=False)] = [3, 3, 3, 0, 0, 0, 0, 0]
    cases.append({"quality": quality.tolist(), "outcomes": outcomes.tolist(), **progress(quality, outcomes)})
print(json.dumps(cases))
