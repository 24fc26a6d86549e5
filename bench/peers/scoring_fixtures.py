"""Reference figures for test/scoring, from scipy, statsmodels, scikit-learn and cleanlab.

    python bench/peers/scoring_fixtures.py    # writes test/scoring/fixtures/*.json
"""

import json
from pathlib import Path

import cleanlab
import numpy as np
import scipy
import sklearn
import statsmodels
from cleanlab.rank import get_normalized_margin_for_each_label, get_self_confidence_for_each_label
from scipy import stats
from scipy.spatial.distance import cityblock
from sklearn import metrics
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

TARGET = Path(__file__).parents[2] / "test" / "scoring" / "fixtures"
VERSIONS = {m.__name__: m.__version__ for m in (np, scipy, sklearn, statsmodels, cleanlab)}
rng = np.random.default_rng(7)


def plain(value):
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    return None if isinstance(value, float) and np.isnan(value) else value


def write(name, **content):
    made = {"madeBy": "bench/peers/scoring_fixtures.py", "versions": VERSIONS}
    (TARGET / f"{name}.json").write_text(json.dumps({**made, **plain(content)}) + "\n")


def welch():
    cases = []
    for n_a, n_b, shift, spread in [(2, 2, 0.3, 1), (30, 30, 0.05, 1), (30, 30, 4, 2), (5, 12, -0.7, 9), (3, 30, 40, 0.1)]:
        a = rng.normal(0.7, 0.02, n_a)
        b = rng.normal(0.7 + 0.02 * shift, 0.02 * spread, n_b)
        test = stats.ttest_ind(a, b, equal_var=False)
        cases.append({"a": a, "b": b, "t": test.statistic, "df": test.df, "p": test.pvalue})
    constant = np.full(4, 0.5)
    test = stats.ttest_ind(constant, b, equal_var=False)
    cases.append({"a": constant, "b": b, "t": test.statistic, "df": test.df, "p": test.pvalue})
    write("welch", cases=cases)


def benjamini_hochberg():
    families = [rng.uniform(0, 1, 1), rng.uniform(0, 1, 40) ** 3, np.round(rng.uniform(0, 0.2, 25), 2)]
    write("benjamini-hochberg", families=[{"p": p, "q": multipletests(p, method="fdr_bh")[1]} for p in families])


def class_impact():
    classes, members = 8, 6
    dense = np.clip(rng.normal(0.8, 0.03, (classes, members)), 0, 1)
    level = np.clip(dense.mean(1, keepdims=True) + rng.normal(-0.05, 0.06, (classes, 1)) + rng.normal(0, 0.02, (classes, members)), 0, 1)
    accuracy_dense, accuracy_level = dense.mean(), level.mean()
    test = stats.ttest_ind(level - accuracy_level, dense - accuracy_dense, axis=1, equal_var=False)
    rejected, q, _, _ = multipletests(test.pvalue, alpha=0.05, method="fdr_bh")
    write(
        "class-impact",
        alpha=0.05,
        dense={"recalls": dense, "accuracy": accuracy_dense},
        level={"recalls": level, "accuracy": accuracy_level},
        relativeChange=(level.mean(1) - accuracy_level) - (dense.mean(1) - accuracy_dense),
        denseRecallSd=dense.std(1, ddof=1),
        recallSd=level.std(1, ddof=1),
        t=test.statistic,
        df=test.df,
        p=test.pvalue,
        q=q,
        significant=rejected,
    )


def detection():
    cases = []
    for n, decimals in [(200, 16), (200, 1), (40, 0)]:
        positive = rng.uniform(0, 1, n) < 0.25
        score = np.round(rng.normal(0, 1, n) + positive, decimals)
        cases.append(
            {
                "score": score,
                "positive": positive.astype(int),
                "auroc": metrics.roc_auc_score(positive, score),
                "averagePrecision": metrics.average_precision_score(positive, score),
            }
        )
    distinct = cases[0]
    order = np.argsort(-distinct["score"])
    precision_at = {k: distinct["positive"][order][:k].mean() for k in (1, 2, 10, 57, 200)}
    write("detection", cases=cases, precisionAt=precision_at)


def classification():
    n, classes = 120, 7
    labels = rng.integers(0, classes, n)
    scores = rng.normal(0, 1, (n, classes))
    scores[np.arange(n), labels] += 1
    predicted = scores.argmax(1)
    write(
        "classification",
        classes=classes,
        labels=labels,
        scores=scores,
        accuracy=metrics.accuracy_score(labels, predicted),
        recallPerClass=metrics.recall_score(labels, predicted, average=None),
        topK={k: metrics.top_k_accuracy_score(labels, scores, k=k) for k in (1, 5)},
    )


def paired_difference():
    cases = []
    for n in (2, 3, 10):
        a, b = rng.normal(0.8, 0.01, n), rng.normal(0.79, 0.01, n)
        interval = stats.ttest_rel(a, b).confidence_interval(0.95)
        d = a - b
        cases.append({"a": a, "b": b, "mean": d.mean(), "sd": d.std(ddof=1), "low": interval.low, "high": interval.high})
    write("paired-difference", cases=cases)


def label_quality():
    n, classes = 60, 5
    probabilities = rng.dirichlet(np.full(classes, 0.4), n)
    labels = rng.integers(0, classes, n)
    own = get_self_confidence_for_each_label(labels, probabilities)
    # cleanlab's normalized margin is (p_given - max p_other + 1) / 2.
    other = own - (2 * get_normalized_margin_for_each_label(labels, probabilities) - 1)
    write(
        "label-quality",
        margins=np.log(own) - np.log(other),
        quality=own / (own + other),
        prefersGiven=(own > other).astype(int),
    )


def votes():
    examples, members, classes = 80, 6, 4
    a = rng.integers(0, classes, (examples, members))
    b = rng.integers(0, classes, (examples, members + 3))
    counts_a = np.array([np.bincount(row, minlength=classes) for row in a])
    counts_b = np.array([np.bincount(row, minlength=classes) for row in b])
    probabilities = rng.dirichlet(np.ones(classes), examples).astype(np.float32)
    write(
        "votes",
        classes=classes,
        membersA=members,
        membersB=members + 3,
        a=a.ravel(),
        b=b.ravel(),
        probabilities=probabilities.ravel(),
        # lexsort: most votes, then probability
        modal=[int(np.lexsort((p, c))[-1]) for p, c in zip(probabilities, counts_a)],
        modalReference=[classes - 1 - int(np.argmax(c[::-1])) for c in counts_a],
        agreement=counts_a.max(1) / members,
        disagreement=[cityblock(p / members, q / (members + 3)) / 2 for p, q in zip(counts_a, counts_b)],
    )


def mean_difference():
    """Both t tests with intervals, and Bloom's minimum detectable effect."""
    cases = []
    for n, alpha in [(2, 0.05), (5, 0.05), (30, 0.005)]:
        a, b = rng.normal(0.8, 0.02, n), rng.normal(0.79, 0.03, n)
        for name, test in (("paired", stats.ttest_rel(a, b)), ("welch", stats.ttest_ind(a, b, equal_var=False))):
            interval = test.confidence_interval(1 - alpha)
            difference = a.mean() - b.mean()
            error = difference / test.statistic
            cases.append(
                {
                    "test": name,
                    "alpha": alpha,
                    "a": a,
                    "b": b,
                    "difference": difference,
                    "error": error,
                    "t": test.statistic,
                    "df": test.df,
                    "p": test.pvalue,
                    "low": interval.low,
                    "high": interval.high,
                    "detectable": (stats.t.ppf(1 - alpha / 2, test.df) + stats.t.ppf(0.8, test.df)) * error,
                }
            )
    # Power by the noncentral t distribution at the detectable effect: what the formula comes near to.
    powers = [
        TTestPower().power(effect_size=(stats.t.ppf(0.975, n - 1) + stats.t.ppf(0.8, n - 1)) / np.sqrt(n), nobs=n, alpha=0.05)
        for n in (5, 10, 30)
    ]
    write("mean-difference", cases=cases, powers=powers)


def percentiles():
    samples = [rng.normal(0, 1, n) for n in (1, 2, 7, 200)]
    shares = [0, 0.025, 0.5, 0.8, 0.975, 1]
    write("percentile", shares=shares, samples=[{"values": s, "percentiles": np.percentile(s, 100 * np.array(shares))} for s in samples])


def pie_stability():
    """Two pairs of populations from one law of votes: what a drawn population must foretell of a second pair."""
    examples, members, classes = 2500, 20, 3
    contested = rng.uniform(0, 1, examples) < 0.6
    dense = np.where(contested[:, None], rng.dirichlet(np.full(classes, 0.6), examples), [1.0, 0, 0])
    shift = np.where(contested[:, None], rng.dirichlet(np.full(classes, 0.6), examples), [1.0, 0, 0])
    sparse = 0.6 * dense + 0.4 * shift

    def modal(p, size):
        counts = np.array([rng.multinomial(size, row) for row in p])
        return counts, counts.argmax(1)

    truth = {}
    for size in (5, 10, 20):
        recurrence, pies = [], []
        for _ in range(30):
            first, second = (modal(dense, size)[1] != modal(sparse, size)[1] for _ in range(2))
            recurrence.append(2 * (first & second).sum() / (first.sum() + second.sum()))
            pies.append(first.sum())
        truth[size] = {"recurrence": np.mean(recurrence), "pies": np.mean(pies)}
    draw = lambda p: np.array([rng.choice(classes, members, p=row / row.sum()) for row in p])
    digits = lambda votes: "".join(map(str, votes.ravel()))
    write("pie-stability", classes=classes, members=members, dense=digits(draw(dense)), sparse=digits(draw(sparse)), truth=truth)


def uneven_impact():
    dense = rng.uniform(0.7, 0.95, 25)
    level = dense - np.abs(rng.normal(0.03, 0.03, 25))
    change = (level - level.mean()) - (dense - dense.mean())
    loss = np.sort(np.clip(dense - level, 0, None))[::-1]
    write("uneven-impact", dense=dense, level=level, change=change, spread=change.std(), worst=change.min(), worstClass=change.argmin(), worstTenthShare=loss[:3].sum() / loss.sum())


for make in (welch, benjamini_hochberg, class_impact, detection, classification, paired_difference, label_quality, votes,
             mean_difference, percentiles, pie_stability, uneven_impact):
    make()
